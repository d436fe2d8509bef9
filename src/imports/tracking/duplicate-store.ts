import type { Database, Transaction } from '../../db/prisma.js'
import { type Problem, recordEvent } from '../import-store.js'

/** A HubSpot import that is one too many, and that HubSpot has not been brought to cancel yet. */
export type PendingDuplicate = { importId: string; hubspotImportId: string; tries: number }

/** What became of one: see the table. */
export type DuplicateState = 'found' | 'canceled' | 'ended' | 'left'

const WORDS: Record<DuplicateState, string> = {
  found: 'is to be canceled',
  canceled: 'was canceled',
  ended: 'had ended before it could be canceled',
  left: 'could not be canceled',
}

const CANCELED_AT_ONCE = 100
const TRY_AGAIN_SECONDS = 15
/** An import that was sent again is looked for after a minute, then whenever it is twice as long ago, for a day. */
const FIRST_LOOK_SECONDS = 60
const WATCHED_FOR_SECONDS = 86_400
/** Whoever follows an import looks at it more often, unless nobody does. */
const STALLED_SECONDS = 15

export type DuplicateStore = ReturnType<typeof createDuplicateStore>

/** What HubSpot holds more than once, or may come to hold more than once. */
export function createDuplicateStore(prisma: Database) {
  return {
    /**
     * HubSpot holds an import besides the one we follow: a person must look at it. Resolves to how many of these were not
     * known yet; none of an import that waits or is being sent, for it follows no other.
     */
    async record(importId: string, hubspotImportIds: string[]): Promise<number> {
      return prisma.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ followed: string | null }[]>`
          SELECT part."hubspotImportId" AS followed FROM "Import" i
          JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
          WHERE i."id" = ${importId} AND i."state" NOT IN ('accepted', 'held', 'submitting', 'ambiguous') FOR UPDATE OF i`
        if (!row) return 0
        // Whatever its name says by now: what another import of ours follows is that one's.
        const others = await tx.importPart.findMany({
          where: { hubspotImportId: { in: hubspotImportIds }, importId: { not: importId } },
          select: { hubspotImportId: true },
        })
        const taken = [row.followed, ...others.map(({ hubspotImportId }) => hubspotImportId)]
        return addDuplicates(
          tx,
          importId,
          hubspotImportIds.filter((id) => !taken.includes(id)),
        )
      })
    },

    /** Those of a portal that HubSpot is now to be asked to cancel. */
    async listPending(portalId: string): Promise<PendingDuplicate[]> {
      return prisma.$queryRaw<PendingDuplicate[]>`
        SELECT d."importId", d."hubspotImportId", d."tries" FROM "Duplicate" d JOIN "Import" i ON i."id" = d."importId"
        WHERE d."state" = 'found' AND d."nextTryAt" <= now() AND i."portalId" = ${portalId}
        ORDER BY d."foundAt", d."hubspotImportId" LIMIT ${CANCELED_AT_ONCE}`
    },

    /** HubSpot was asked once more; one that is still `found` is tried again, later and later. */
    async recordTry({ importId, hubspotImportId, tries }: PendingDuplicate, state: DuplicateState): Promise<void> {
      await prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SELECT 1 FROM "Import" WHERE "id" = ${importId} FOR UPDATE`
        await tx.$executeRaw`
          UPDATE "Duplicate" SET "state" = ${state}, "tries" = ${tries + 1},
            "nextTryAt" = now() + ${TRY_AGAIN_SECONDS * 2 ** tries} * interval '1 second'
          WHERE "importId" = ${importId} AND "hubspotImportId" = ${hubspotImportId} AND "state" = 'found'`
        await explain(tx, importId)
      })
    },

    /** HubSpot's list was searched for these: look again later, or no more. */
    async lookLater(importIds: string[]): Promise<void> {
      await prisma.$transaction([
        prisma.$executeRaw`
          DELETE FROM "SentAgain" WHERE "importId" = ANY(${importIds})
            AND "sentAt" < now() - ${WATCHED_FOR_SECONDS} * interval '1 second'`,
        prisma.$executeRaw`
          UPDATE "SentAgain" SET "lookAt" = now() + greatest(${FIRST_LOOK_SECONDS} * interval '1 second', now() - "sentAt")
          WHERE "importId" = ANY(${importIds})`,
      ])
    },

    /** HubSpot's list could not be read; look again in `afterSeconds`. */
    async postpone(importIds: string[], afterSeconds: number): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "SentAgain" SET "lookAt" = now() + ${afterSeconds} * interval '1 second' WHERE "importId" = ANY(${importIds})`
    },

    /** Portals with something to look for or to cancel, or with a duplicate's import that nobody follows. */
    async listDue(): Promise<{ portalId: string; kind: 'reconcile' | 'track' }[]> {
      return prisma.$queryRaw<{ portalId: string; kind: 'reconcile' | 'track' }[]>`
        SELECT due."portalId", due.kind FROM (
          SELECT i."portalId", 'reconcile' AS kind FROM "SentAgain" s JOIN "Import" i ON i."id" = s."importId" WHERE s."lookAt" <= now()
          UNION
          SELECT i."portalId", 'reconcile' FROM "Duplicate" d JOIN "Import" i ON i."id" = d."importId"
          WHERE d."state" = 'found' AND d."nextTryAt" <= now()
          UNION
          SELECT "portalId", 'track' FROM "Import"
          WHERE "state" = 'needs_review' AND "pollAt" < now() - ${STALLED_SECONDS} * interval '1 second'
        ) due JOIN "Portal" p ON p."id" = due."portalId" AND p."status" = 'connected'
        ORDER BY random() LIMIT 1000`
    },
  }
}

/** Its last bytes were let go twice: HubSpot may still make the first import. */
export async function watchSentAgain(tx: Transaction, importId: string): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO "SentAgain" ("importId", "lookAt") VALUES (${importId}, now() + ${FIRST_LOOK_SECONDS} * interval '1 second')
    ON CONFLICT ("importId") DO UPDATE SET "sentAt" = excluded."sentAt", "lookAt" = excluded."lookAt"`
}

/** Records what HubSpot holds beside the import that is followed, and calls for a person; resolves to how many were new. */
export async function addDuplicates(tx: Transaction, importId: string, hubspotImportIds: string[]): Promise<number> {
  const added = await tx.$executeRaw`
    INSERT INTO "Duplicate" ("importId", "hubspotImportId") SELECT ${importId}, unnest(${hubspotImportIds}::text[])
    ON CONFLICT DO NOTHING`
  if (added === 0) return 0
  await tx.$executeRaw`UPDATE "Import" SET "state" = 'needs_review', "problem" = NULL, "updatedAt" = now() WHERE "id" = ${importId}`
  await explain(tx, importId)
  await recordEvent(tx, importId, 'needs_review', { why: 'hubspot_duplicate', hubspotImportIds: hubspotImportIds.join(', ') })
  return added
}

/** Says in the import's problem which imports HubSpot holds, and what became of each. */
async function explain(tx: Transaction, importId: string): Promise<void> {
  const part = await tx.importPart.findFirst({ where: { importId, position: 0 }, select: { hubspotImportId: true } })
  const others = await tx.duplicate.findMany({ where: { importId }, orderBy: [{ foundAt: 'asc' }, { hubspotImportId: 'asc' }] })
  const words = others.map(({ hubspotImportId, state }) => `${hubspotImportId} ${WORDS[state as DuplicateState]}`)
  if (part?.hubspotImportId) words.unshift(`${part.hubspotImportId} is followed`)
  const detail = `HubSpot made this import ${words.length} times: ${words.join('; ')}.`
  const problem: Problem = { code: 'hubspot_duplicate', detail, correlationId: null }
  await tx.$executeRaw`
    UPDATE "Import" SET "problem" = ${JSON.stringify(problem)}::jsonb, "updatedAt" = now()
    WHERE "id" = ${importId} AND "state" = 'needs_review' AND coalesce("problem"->>'code' = 'hubspot_duplicate', true)`
}
