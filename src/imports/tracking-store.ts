import type { Database, Transaction } from '../db/prisma.js'
import type { HubSpotImport } from '../hubspot/answers.js'
import { type Counters, type Problem, recordEvent } from './import-store.js'
import type { ImportState } from './schema.js'

/** What waits for an answer of HubSpot's list: `cleanScans` readings did not show it. */
export type AmbiguousImport = { id: string; partId: string; cleanScans: number; secondsSinceCommit: number; isDue: boolean }

/** A running import; it is time to look at it when `isDue`. */
export type RunningImport = {
  id: string
  partId: string
  hubspotImportId: string
  state: ImportState
  ageSeconds: number
  /** Its sender wants it stopped. */
  isCancelAsked: boolean
  isDue: boolean
}

export type TrackingStore = ReturnType<typeof createTrackingStore>

/**
 * Imports that HubSpot has, or may have. Every write names the state it leaves, so that a late one changes nothing; all
 * times are the database's.
 */
export function createTrackingStore(prisma: Database) {
  return {
    async listAmbiguous(portalId: string): Promise<AmbiguousImport[]> {
      return prisma.$queryRaw<AmbiguousImport[]>`
        SELECT i."id", part."id" AS "partId", part."cleanScans",
               extract(epoch FROM now() - coalesce(part."committedAt", part."intentAt", i."createdAt"))::float8 AS "secondsSinceCommit",
               coalesce(i."pollAt", now()) <= now() + interval '0.5 second' AS "isDue"
        FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
        WHERE i."portalId" = ${portalId} AND i."state" = 'ambiguous'`
    },

    /** A lost answer was found in HubSpot's list. With `problem` a person must look at it as well. */
    async adopt(
      importId: string,
      partId: string,
      made: HubSpotImport,
      problem: Problem | null,
      andThen: (tx: Transaction) => Promise<void>,
    ) {
      await prisma.$transaction(async (tx) => {
        const count = await tx.$executeRaw`
          UPDATE "Import" SET "state" = ${problem ? 'needs_review' : 'submitted'}, "pollAt" = now(), "updatedAt" = now(),
            "problem" = ${problem ? JSON.stringify(problem) : null}::jsonb
          WHERE "id" = ${importId} AND "state" = 'ambiguous'`
        if (count === 0) return
        await tx.importPart.update({ where: { id: partId }, data: { hubspotImportId: made.id, state: made.state } })
        await recordEvent(tx, importId, problem ? 'needs_review' : 'adopted', { hubspotImportId: made.id })
        await andThen(tx)
      })
    },

    /** HubSpot's whole list was read and does not show these; look again in `afterSeconds`. */
    async recordCleanScan(imports: AmbiguousImport[], afterSeconds: number): Promise<void> {
      await prisma.$transaction([
        prisma.importPart.updateMany({
          where: { id: { in: imports.map(({ partId }) => partId) } },
          data: { cleanScans: { increment: 1 } },
        }),
        prisma.$executeRaw`
          UPDATE "Import" SET "pollAt" = now() + ${afterSeconds} * interval '1 second'
          WHERE "id" = ANY(${imports.map(({ id }) => id)}) AND "state" = 'ambiguous'`,
      ])
    },

    /** It stayed unseen for as long as it takes: ready to be sent again. */
    async sendAgain({ id, partId }: AmbiguousImport, andThen: (tx: Transaction) => Promise<void>): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'accepted', "leaseEpoch" = "leaseEpoch" + 1, "nextAttemptAt" = now(), "updatedAt" = now()
          WHERE "id" = ${id} AND "state" = 'ambiguous'`
        if (own === 0) return
        await tx.$executeRaw`UPDATE "ImportPart" SET "committedAt" = NULL, "intentAt" = NULL WHERE "id" = ${partId}`
        await recordEvent(tx, id, 'accepted', { why: 'never appeared at HubSpot' })
        await andThen(tx)
      })
    },

    /** The portal's imports that HubSpot is working on. */
    async listRunning(portalId: string): Promise<RunningImport[]> {
      return prisma.$queryRaw<RunningImport[]>`
        SELECT i."id", i."state", part."id" AS "partId", part."hubspotImportId", i."cancelAt" IS NOT NULL AS "isCancelAsked",
               extract(epoch FROM now() - i."startedAt")::float8 AS "ageSeconds",
               coalesce(i."pollAt", now()) <= now() + interval '0.5 second' AS "isDue"
        FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
        WHERE i."portalId" = ${portalId} AND i."state" IN ('submitted', 'processing') AND part."hubspotImportId" IS NOT NULL
        ORDER BY i."startedAt"`
    },

    /** What HubSpot says of a running import; look again in `afterSeconds`. */
    async recordProgress(
      { id, partId }: RunningImport,
      now: { state: ImportState; hubspotState: string; counters: Counters; afterSeconds: number },
    ) {
      await prisma.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ state: string }[]>`
          SELECT "state" FROM "Import" WHERE "id" = ${id} AND "state" IN ('submitted', 'processing') FOR UPDATE`
        if (!row) return
        await tx.$executeRaw`
          UPDATE "Import" SET "state" = ${now.state}, "pollAt" = now() + ${now.afterSeconds} * interval '1 second', "updatedAt" = now()
          WHERE "id" = ${id}`
        await tx.importPart.update({
          where: { id: partId },
          data: { state: now.hubspotState, counters: now.counters, unknownSince: null },
        })
        if (row.state !== now.state) await recordEvent(tx, id, now.state)
      })
    },

    /** HubSpot does not know it; resolves to for how many seconds now, without a break. */
    async recordUnknown({ id, partId }: RunningImport, afterSeconds: number): Promise<number> {
      return prisma.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ seconds: number }[]>`
          UPDATE "ImportPart" SET "unknownSince" = coalesce("unknownSince", now()) WHERE "id" = ${partId}
          RETURNING extract(epoch FROM now() - "unknownSince")::float8 AS seconds`
        await tx.$executeRaw`UPDATE "Import" SET "pollAt" = now() + ${afterSeconds} * interval '1 second' WHERE "id" = ${id}`
        return row?.seconds ?? 0
      })
    },

    /** Nothing was learnt; look again in `afterSeconds`. */
    async postpone(ids: string[], afterSeconds: number): Promise<void> {
      await prisma.$executeRaw`UPDATE "Import" SET "pollAt" = now() + ${afterSeconds} * interval '1 second' WHERE "id" = ANY(${ids})`
    },

    /** HubSpot is done with it, one way or the other; `andThen` queues what follows in the same transaction. */
    async finish(
      { id, partId }: RunningImport,
      end: {
        state: 'done' | 'failed' | 'canceled' | 'needs_review'
        hubspotState: string | null
        counters: Counters
        problem: Problem | null
      },
      andThen: (tx: Transaction) => Promise<void>,
    ): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = ${end.state}, "pollAt" = NULL, "finishedAt" = now(), "updatedAt" = now(),
            "problem" = ${end.problem ? JSON.stringify(end.problem) : null}::jsonb
          WHERE "id" = ${id} AND "state" IN ('submitted', 'processing')`
        if (own === 0) return
        await tx.importPart.update({ where: { id: partId }, data: { state: end.hubspotState, counters: end.counters } })
        await recordEvent(tx, id, end.state)
        await andThen(tx)
      })
    },
  }
}
