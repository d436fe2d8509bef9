import type { Database } from '../../db/prisma.js'

/** Imports that have not ended, by state, and the age of the oldest. */
export type Waiting = { state: string; count: number; oldestSeconds: number }

/** Imports that should have moved on long ago, of one state, and in how many portals. */
type Overdue = { state: string; imports: number; portals: number; oldestHours: number }

/** What is running at HubSpot for longer is looked at by a person; HubSpot itself defers imports for hours. */
const RUNNING_HOURS = 24
/** An answer that was lost is found, or sent again, within the window; twice that, and an hour, is too long. */
const LOST_HOURS = 1
/** By then an hour and a half has gone by. */
const TRIES = 25
/** A portal in whose queue nothing has started for so long, though it may. */
const QUEUE_HOURS = 1

export type OverdueStore = ReturnType<typeof createOverdueStore>

/** How old imports get that have not ended. */
export function createOverdueStore(prisma: Database) {
  return {
    async countWaiting(): Promise<Waiting[]> {
      return prisma.$queryRaw<Waiting[]>`
        SELECT "state", count(*)::int AS count, extract(epoch FROM now() - min("createdAt"))::float8 AS "oldestSeconds"
        FROM "Import" WHERE "state" IN ('accepted', 'held', 'submitting', 'submitted', 'processing', 'ambiguous', 'needs_review')
        GROUP BY 1 ORDER BY 1`
    },

    /** `windowSeconds`: how long a lost answer is waited for. */
    async listOverdue(windowSeconds: number): Promise<Overdue[]> {
      return prisma.$queryRaw<Overdue[]>`
        SELECT i."state", count(*)::int AS imports, count(DISTINCT i."portalId")::int AS portals,
               round(max(extract(epoch FROM now() - i."createdAt")) / 3600)::int AS "oldestHours"
        FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'connected' AND p."matchingSince" IS NULL
        WHERE (i."state" IN ('submitted', 'processing') AND i."startedAt" < now() - ${RUNNING_HOURS} * interval '1 hour')
           OR (i."state" = 'ambiguous'
               AND i."startedAt" < now() - 2 * ${windowSeconds} * interval '1 second' - ${LOST_HOURS} * interval '1 hour')
           OR (i."state" = 'accepted' AND i."attempts" > ${TRIES})
           OR (i."state" = 'accepted' AND i."nextAttemptAt" < now() - ${QUEUE_HOURS} * interval '1 hour' AND NOT EXISTS (
                 SELECT 1 FROM "Turn" t WHERE t."portalId" = i."portalId" AND t."lastAt" > now() - ${QUEUE_HOURS} * interval '1 hour'))
        GROUP BY 1 ORDER BY 1`
    },
  }
}
