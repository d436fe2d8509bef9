import type { Database } from '../db/prisma.js'
import { type Owner, recordEvent } from './import-store.js'
import type { ImportState } from './schema.js'

/** What became of the wish to stop an import. */
export type Stop =
  /** It is: HubSpot never had it. */
  | 'canceled'
  /** HubSpot has it, or may have it: it is told, or looked for. */
  | 'asked'
  /** It had ended, or was asked for before, or nothing more can be done. */
  | 'nothing'

/** Before the last bytes leave, HubSpot cannot have an import. */
const AT_HUBSPOT: ImportState[] = ['submitting', 'ambiguous', 'submitted', 'processing']
const WITH_US: ImportState[] = ['accepted', 'held', 'submitting', 'needs_review']

export type CancellationStore = ReturnType<typeof createCancellationStore>

/** Imports that their sender wants stopped. */
export function createCancellationStore(prisma: Database) {
  return {
    /** What HubSpot has as imports: its parts, when it was split, or else it alone. */
    async listPieces({ portalId, partnerId }: Owner, importId: string): Promise<string[]> {
      const pieces = await prisma.import.findMany({
        where: { wholeId: importId, portalId, partnerId },
        orderBy: { partNumber: 'desc' },
        select: { id: true },
      })
      return pieces.length > 0 ? pieces.map(({ id }) => id) : [importId]
    },

    /** Stops an import as far as that is possible here; undefined when the partner has no such import. May be done twice. */
    async cancel({ portalId, partnerId }: Owner, importId: string): Promise<Stop | undefined> {
      return prisma.$transaction(async (tx) => {
        // Taken first, and its part read afterwards: a commit that was under way is over by then.
        const [taken] = await tx.$queryRaw<{ state: ImportState; isFollowed: boolean }[]>`
          SELECT "state", "pollAt" IS NOT NULL AS "isFollowed" FROM "Import" WHERE "id" = ${importId} AND "portalId" = ${portalId} AND "partnerId" = ${partnerId} FOR UPDATE`
        if (!taken) return undefined
        const part = await tx.importPart.findFirst({ where: { importId, position: 0 } })
        const mayBeThere = part?.committedAt != null || part?.hubspotImportId != null
        if (WITH_US.includes(taken.state) && !mayBeThere) {
          await tx.$executeRaw`
            UPDATE "Import" SET "state" = 'canceled', "reason" = NULL, "problem" = NULL, "leaseEpoch" = "leaseEpoch" + 1,
              "leaseUntil" = NULL, "finishedAt" = now(), "updatedAt" = now() WHERE "id" = ${importId}`
          await recordEvent(tx, importId, 'canceled', { why: 'asked for' })
          return 'canceled'
        }
        // HubSpot holds it more than once: one of them is followed to its end.
        const isTwice = taken.state === 'needs_review' && taken.isFollowed
        if (!AT_HUBSPOT.includes(taken.state) && !isTwice) return 'nothing'
        // What is running is looked at next, and told to stop by whoever does.
        const asked = await tx.$executeRaw`
          UPDATE "Import" SET "cancelAt" = now(), "pollAt" = CASE WHEN "state" = 'submitting' THEN "pollAt" ELSE now() END,
            "updatedAt" = now() WHERE "id" = ${importId} AND "cancelAt" IS NULL`
        if (asked === 0) return 'nothing'
        await recordEvent(tx, importId, 'cancel_asked')
        return 'asked'
      })
    },
  }
}
