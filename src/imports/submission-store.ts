import type { Database, Transaction } from '../db/prisma.js'
import type { HubSpotImport } from '../hubspot/answers.js'
import type { Counters, Problem } from './import-store.js'
import type { HeldReason, ImportState } from './schema.js'

/** The right to submit an import: good while nobody else has a higher epoch. */
export type Claim = { importId: string; partId: string; epoch: number; attempts: number }

/** What becomes of a claimed import that HubSpot certainly has not got. */
export type Settlement =
  | { state: 'accepted'; afterSeconds: number; why: string }
  | { state: 'held'; reason: HeldReason; afterSeconds: number; why: string }
  | { state: 'failed' | 'needs_review'; problem: Problem }

/** What waits for an answer of HubSpot's list: `cleanScans` readings did not show it. */
export type AmbiguousImport = { id: string; partId: string; cleanScans: number; secondsSinceCommit: number }

/** A running import; it is time to look at it when `isDue`. */
export type RunningImport = {
  id: string
  partId: string
  hubspotImportId: string
  state: ImportState
  ageSeconds: number
  isDue: boolean
}

/** HubSpot runs this many imports of a portal at a time and defers the rest. */
const MAX_RUNNING = 3
/** Renewed every few seconds while an upload runs; a holder that stopped renewing is dead or paused. */
export const LEASE_SECONDS = 20
const FIRST_POLL_SECONDS = 1

export type SubmissionStore = ReturnType<typeof createSubmissionStore>

/**
 * An import's way through HubSpot. Every write names the epoch it was claimed under, or the state it leaves, so that a
 * process that was paused cannot undo what happened since; all times are the database's.
 */
export function createSubmissionStore(prisma: Database) {
  async function event(
    tx: Transaction,
    importId: string,
    type: string,
    detail: Record<string, string | number> = {},
  ): Promise<void> {
    await tx.importEvent.create({ data: { importId, type, detail } })
  }

  return {
    /**
     * Claims the import whose turn it is, and stores the intent to submit it; undefined when the portal is not connected,
     * has no room or has nothing ready. Partners take turns: first the one that has waited longest since its last start.
     */
    async claimNext(portalId: string): Promise<Claim | undefined> {
      return prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`claim ${portalId}`}, 0))`
        const [claim] = await tx.$queryRaw<Claim[]>`
          WITH running AS (
            SELECT count(*) AS count FROM "Import"
            WHERE "portalId" = ${portalId} AND "state" IN ('submitting', 'ambiguous', 'submitted', 'processing')
          ), starts AS (
            SELECT "partnerId", max("startedAt") AS last FROM "Import" WHERE "portalId" = ${portalId} GROUP BY "partnerId"
          ), next AS (
            SELECT i."id" FROM "Import" i
            JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'connected'
            JOIN starts s ON s."partnerId" IS NOT DISTINCT FROM i."partnerId"
            WHERE i."portalId" = ${portalId} AND i."nextAttemptAt" <= now()
              AND (i."state" = 'accepted' OR (i."state" = 'held' AND i."reason" IN ('quota', 'migration', 'busy')))
              AND (SELECT count FROM running) < ${MAX_RUNNING}
            ORDER BY s.last NULLS FIRST, i."createdAt", i."id" LIMIT 1
          )
          UPDATE "Import" i SET "state" = 'submitting', "reason" = NULL, "problem" = NULL, "attempts" = "attempts" + 1,
            "startedAt" = now(), "updatedAt" = now(),
            "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = now() + ${LEASE_SECONDS} * interval '1 second'
          FROM next, "ImportPart" part
          WHERE i."id" = next."id" AND part."importId" = i."id" AND part."position" = 0
          RETURNING i."id" AS "importId", part."id" AS "partId", i."leaseEpoch" AS epoch, i."attempts"`
        if (!claim) return undefined
        await tx.$executeRaw`UPDATE "ImportPart" SET "intentAt" = now(), "committedAt" = NULL, "cleanScans" = 0 WHERE "id" = ${claim.partId}`
        await event(tx, claim.importId, 'submitting', { attempt: claim.attempts })
        return claim
      })
    },

    /** Keeps a claim; false once it has passed to somebody else. */
    async renew({ importId, epoch }: Claim): Promise<boolean> {
      const renewed = await prisma.$executeRaw`
        UPDATE "Import" SET "leaseUntil" = now() + ${LEASE_SECONDS} * interval '1 second'
        WHERE "id" = ${importId} AND "state" = 'submitting' AND "leaseEpoch" = ${epoch}`
      return renewed > 0
    },

    /**
     * The commit point: true when the last bytes may leave. From here on HubSpot may have the import; before, it cannot.
     * Checks claim, lease and portal in the same statement that records it.
     */
    async commit({ importId, partId, epoch }: Claim): Promise<boolean> {
      const committed = await prisma.$executeRaw`
        UPDATE "ImportPart" part SET "committedAt" = now()
        FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId"
        WHERE part."id" = ${partId} AND i."id" = ${importId} AND i."state" = 'submitting' AND i."leaseEpoch" = ${epoch}
          AND i."leaseUntil" > now() AND p."status" = 'connected'`
      return committed > 0
    },

    /** HubSpot took it. `andThen` queues what follows in the same transaction. */
    async recordSubmitted(claim: Claim, made: HubSpotImport, andThen: (tx: Transaction) => Promise<void>): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'submitted', "leaseUntil" = NULL, "updatedAt" = now(),
            "pollAt" = now() + ${FIRST_POLL_SECONDS} * interval '1 second'
          WHERE "id" = ${claim.importId} AND "state" IN ('submitting', 'ambiguous') AND "leaseEpoch" = ${claim.epoch}`
        if (own === 0) return
        await tx.importPart.update({
          where: { id: claim.partId },
          data: { hubspotImportId: made.id, state: made.state, counters: made.metadata.counters },
        })
        await event(tx, claim.importId, 'submitted', { hubspotImportId: made.id })
        await andThen(tx)
      })
    },

    /** The claim is over, and HubSpot certainly has not got the import. */
    async settle({ importId, partId, epoch }: Claim, settlement: Settlement): Promise<void> {
      const { state } = settlement
      const waits = 'why' in settlement ? settlement : undefined
      const problem = 'problem' in settlement ? JSON.stringify(settlement.problem) : null
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = ${state}, "reason" = ${'reason' in settlement ? settlement.reason : null},
            "problem" = ${problem}::jsonb, "leaseUntil" = NULL, "updatedAt" = now(),
            "nextAttemptAt" = now() + ${waits?.afterSeconds ?? 0} * interval '1 second',
            "finishedAt" = CASE WHEN ${state} = 'failed' THEN now() END
          WHERE "id" = ${importId} AND "state" = 'submitting' AND "leaseEpoch" = ${epoch}`
        if (own === 0) return
        await tx.$executeRaw`UPDATE "ImportPart" SET "committedAt" = NULL WHERE "id" = ${partId}`
        const reason = 'reason' in settlement ? { reason: settlement.reason } : {}
        const why = waits ? { why: waits.why } : 'problem' in settlement ? { why: settlement.problem.code } : {}
        await event(tx, importId, state, { ...reason, ...why })
      })
    },

    /** The answer was lost after the commit point. */
    async markAmbiguous({ importId, epoch }: Claim, why: string, andThen: (tx: Transaction) => Promise<void>): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'ambiguous', "leaseUntil" = NULL, "pollAt" = now(), "updatedAt" = now()
          WHERE "id" = ${importId} AND "state" = 'submitting' AND "leaseEpoch" = ${epoch}`
        if (own === 0) return
        await event(tx, importId, 'ambiguous', { why })
        await andThen(tx)
      })
    },

    /**
     * Takes back what dead or paused processes had claimed. An import whose last bytes were never let go is simply ready
     * again; any other is ambiguous.
     */
    async recoverExpired(): Promise<{ portalId: string; state: string }[]> {
      return prisma.$transaction(async (tx) => {
        const recovered = await tx.$queryRaw<{ id: string; portalId: string; state: string }[]>`
          UPDATE "Import" i SET "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = NULL, "updatedAt" = now(),
            "nextAttemptAt" = now(), "pollAt" = now(),
            "state" = CASE WHEN part."committedAt" IS NULL THEN 'accepted' ELSE 'ambiguous' END
          FROM "ImportPart" part
          WHERE i."state" = 'submitting' AND i."leaseUntil" < now() AND part."importId" = i."id" AND part."position" = 0
          RETURNING i."id", i."portalId", i."state"`
        for (const { id, state } of recovered) await event(tx, id, state, { why: 'the submitting process stopped' })
        return recovered
      })
    },

    async listAmbiguous(portalId: string): Promise<AmbiguousImport[]> {
      return prisma.$queryRaw<AmbiguousImport[]>`
        SELECT i."id", part."id" AS "partId", part."cleanScans",
               extract(epoch FROM now() - coalesce(part."committedAt", part."intentAt", i."createdAt"))::float8 AS "secondsSinceCommit"
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
        const { count } = await tx.import.updateMany({
          where: { id: importId, state: 'ambiguous' },
          data: { state: problem ? 'needs_review' : 'submitted', pollAt: new Date(), ...(problem ? { problem } : {}) },
        })
        if (count === 0) return
        await tx.importPart.update({ where: { id: partId }, data: { hubspotImportId: made.id, state: made.state } })
        await event(tx, importId, problem ? 'needs_review' : 'adopted', { hubspotImportId: made.id })
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
    async sendAgain({ id, partId }: AmbiguousImport): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'accepted', "leaseEpoch" = "leaseEpoch" + 1, "nextAttemptAt" = now(), "updatedAt" = now()
          WHERE "id" = ${id} AND "state" = 'ambiguous'`
        if (own === 0) return
        await tx.$executeRaw`UPDATE "ImportPart" SET "committedAt" = NULL, "intentAt" = NULL WHERE "id" = ${partId}`
        await event(tx, id, 'accepted', { why: 'never appeared at HubSpot' })
      })
    },

    /** The portal's imports that HubSpot is working on. */
    async listRunning(portalId: string): Promise<RunningImport[]> {
      return prisma.$queryRaw<RunningImport[]>`
        SELECT i."id", i."state", part."id" AS "partId", part."hubspotImportId",
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
        await tx.importPart.update({ where: { id: partId }, data: { state: now.hubspotState, counters: now.counters } })
        if (row.state !== now.state) await event(tx, id, now.state)
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
        await event(tx, id, end.state)
        await andThen(tx)
      })
    },

    /** Parks whatever is ready in portals that are not: they wait for a reconnect. */
    async holdUnconnected(): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Import" i SET "state" = 'held', "reason" = 'reconnect', "updatedAt" = now()
        FROM "Portal" p WHERE p."id" = i."portalId" AND p."status" = 'reconnect' AND i."state" = 'accepted'`
    },

    /** Makes held imports of the portal ready again; resolves to how many. */
    async releaseHeld(portalId: string, reasons: HeldReason[]): Promise<number> {
      const { count } = await prisma.import.updateMany({
        where: { portalId, state: 'held', reason: { in: reasons } },
        data: { state: 'accepted', reason: null, nextAttemptAt: new Date() },
      })
      return count
    },

    /** Portals with something that should have moved by now, for whatever reason nobody was told to move it. */
    async listStalled(): Promise<{ portalId: string; kind: 'advance' | 'track' | 'reconcile' }[]> {
      return prisma.$queryRaw<{ portalId: string; kind: 'advance' | 'track' | 'reconcile' }[]>`
        SELECT DISTINCT i."portalId", CASE WHEN i."state" IN ('submitted', 'processing') THEN 'track'
                                           WHEN i."state" = 'ambiguous' THEN 'reconcile' ELSE 'advance' END AS kind
        FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'connected'
        WHERE (i."state" IN ('submitted', 'processing', 'ambiguous') AND coalesce(i."pollAt", i."updatedAt") < now() - interval '15 seconds')
           OR ((i."state" = 'accepted' OR (i."state" = 'held' AND i."reason" IN ('quota', 'migration', 'busy')))
               AND i."nextAttemptAt" < now() - interval '15 seconds')
        LIMIT 1000`
    },
  }
}
