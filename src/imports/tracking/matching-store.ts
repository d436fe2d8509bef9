import type { Database, Transaction } from '../../db/prisma.js'
import type { ImportState } from '../schema.js'
import type { LostImport } from './tracking-store.js'

/** A portal that nothing is submitted for until HubSpot's list has been searched, and for how long now. */
export type MatchingPortal = { portalId: string; since: Date; seconds: number }

/** One of our imports whose mark HubSpot's list shows; `hubspotImportIds` are those we know of. */
export type KnownImport = LostImport & { state: ImportState; hubspotImportIds: string[] }

export type MatchingStore = ReturnType<typeof createMatchingStore>

/** What is held back after a restore from a backup, and what of it HubSpot has already. */
export function createMatchingStore(prisma: Database) {
  return {
    /**
     * From now on nothing is submitted for any portal. Those that wait for their admin are among them: a portal that is
     * connected again later has been restored as well.
     */
    async begin(): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Portal" SET "matchingSince" = date_trunc('milliseconds', clock_timestamp()) WHERE "status" <> 'disconnected'`
    },

    /** All portals that are held back. */
    async list(): Promise<string[]> {
      const where = { matchingSince: { not: null }, status: { not: 'disconnected' } }
      const rows = await prisma.portal.findMany({ where, orderBy: { id: 'asc' }, select: { id: true } })
      return rows.map(({ id }) => id)
    },

    /** One of them, if it still is one. */
    async find(portalId: string): Promise<MatchingPortal | undefined> {
      const [row] = await prisma.$queryRaw<MatchingPortal[]>`
        SELECT "id" AS "portalId", "matchingSince" AS since, extract(epoch FROM now() - "matchingSince")::float8 AS seconds
        FROM "Portal" WHERE "id" = ${portalId} AND "matchingSince" IS NOT NULL AND "status" <> 'disconnected'`
      return row
    },

    /** Those of the portal's imports among `ids`. */
    async listKnown(portalId: string, ids: string[]): Promise<KnownImport[]> {
      return prisma.$queryRaw<KnownImport[]>`
        SELECT i."id", part."id" AS "partId", i."state",
               array_remove(part."hubspotImportId" || ARRAY(SELECT "hubspotImportId" FROM "Duplicate" WHERE "importId" = i."id"), NULL)
                 AS "hubspotImportIds"
        FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
        WHERE i."portalId" = ${portalId} AND i."id" = ANY(${ids})`
    },

    /**
     * Everything HubSpot has was found: what is left may be submitted. `andThen` queues that, with how many are ready. False
     * when the portal was meanwhile marked anew.
     */
    async release(
      { portalId, since }: MatchingPortal,
      andThen: (tx: Transaction, ready: number) => Promise<void>,
    ): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        const released = await tx.$executeRaw`
          UPDATE "Portal" SET "matchingSince" = NULL WHERE "id" = ${portalId} AND "matchingSince" = ${since}`
        if (released === 0) return false
        await andThen(tx, await tx.import.count({ where: { portalId, state: { in: ['accepted', 'held'] } } }))
        return true
      })
    },
  }
}
