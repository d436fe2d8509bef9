import type { Database, Transaction } from '../../db/prisma.js'
import type { HubSpotImport } from '../../hubspot/answers.js'
import { type Problem, recordEvent } from '../import-store.js'
import type { HeldReason } from '../schema.js'

/** The right to submit an import: good while nobody else has a higher epoch. */
export type Claim = { importId: string; partId: string; epoch: number; attempts: number }

/** What becomes of a claimed import that HubSpot certainly has not got. */
export type Settlement =
  | { state: 'accepted'; afterSeconds: number; why: string; problem?: Problem }
  | { state: 'held'; reason: HeldReason; afterSeconds: number; why: string; problem?: Problem }
  | { state: 'failed' | 'needs_review'; problem: Problem }

/** Renewed every few seconds while an upload runs; a holder that stopped renewing is dead or paused. */
export const LEASE_SECONDS = 12
const FIRST_POLL_SECONDS = 1

export type SubmissionStore = ReturnType<typeof createSubmissionStore>

/**
 * An import's way through HubSpot. Every write names the epoch it was claimed under, or the state it leaves, so that a
 * process that was paused cannot undo what happened since; all times are the database's.
 */
export function createSubmissionStore(prisma: Database) {
  return {
    /** Keeps a claim; false once it has passed to somebody else. */
    async renew({ importId, epoch }: Claim): Promise<boolean> {
      const renewed = await prisma.$executeRaw`
        UPDATE "Import" SET "leaseUntil" = now() + ${LEASE_SECONDS} * interval '1 second'
        WHERE "id" = ${importId} AND "state" = 'submitting' AND "leaseEpoch" = ${epoch}`
      return renewed > 0
    },

    /**
     * The commit point: true when the last bytes may leave. From here on HubSpot may have the import; before, it cannot.
     * Checks claim, lease and portal in the same statement that records it, and writes the very row that a recovery writes:
     * of the two, the later one sees what the earlier one did.
     */
    async commit({ importId, partId, epoch }: Claim): Promise<boolean> {
      const committed = await prisma.$executeRaw`
        WITH own AS (
          UPDATE "Import" i SET "leaseUntil" = clock_timestamp() + ${LEASE_SECONDS} * interval '1 second'
          FROM "Portal" p
          WHERE i."id" = ${importId} AND i."state" = 'submitting' AND i."leaseEpoch" = ${epoch}
            AND i."leaseUntil" > clock_timestamp() AND p."id" = i."portalId" AND p."status" = 'connected' AND p."matchingSince" IS NULL
          RETURNING i."id"
        )
        UPDATE "ImportPart" part SET "committedAt" = clock_timestamp() FROM own WHERE part."id" = ${partId}`
      return committed > 0
    },

    /** HubSpot took it. `andThen` queues what follows in the same transaction. */
    async recordSubmitted(claim: Claim, made: HubSpotImport, andThen: (tx: Transaction) => Promise<void>): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          WITH own AS (
            UPDATE "Import" SET "state" = 'submitted', "problem" = NULL, "leaseUntil" = NULL, "updatedAt" = now(),
              "pollAt" = now() + ${FIRST_POLL_SECONDS} * interval '1 second'
            WHERE "id" = ${claim.importId} AND "state" IN ('submitting', 'ambiguous') AND "leaseEpoch" = ${claim.epoch}
            RETURNING "id"
          ), event AS (
            INSERT INTO "ImportEvent" ("importId", "type", "detail")
            SELECT "id", 'submitted', jsonb_build_object('hubspotImportId', ${made.id}::text) FROM own
          )
          UPDATE "ImportPart" part SET "hubspotImportId" = ${made.id}, "state" = ${made.state},
            "counters" = ${JSON.stringify(made.metadata.counters)}::jsonb
          FROM own WHERE part."id" = ${claim.partId}`
        if (own > 0) await andThen(tx)
      })
    },

    /** The claim is over, and HubSpot certainly has not got the import. */
    async settle({ importId, partId, epoch }: Claim, settlement: Settlement): Promise<void> {
      const { state } = settlement
      const waits = 'why' in settlement ? settlement : undefined
      const problem = settlement.problem ? JSON.stringify(settlement.problem) : null
      await prisma.$transaction(async (tx) => {
        // What its sender wants stopped by now is not kept for another try.
        const [own] = await tx.$queryRaw<{ state: string }[]>`
          UPDATE "Import" SET "leaseUntil" = NULL, "updatedAt" = now(),
            "state" = CASE WHEN "cancelAt" IS NOT NULL AND ${state} IN ('accepted', 'held') THEN 'canceled' ELSE ${state} END,
            "reason" = CASE WHEN "cancelAt" IS NULL THEN ${'reason' in settlement ? settlement.reason : null} END,
            "problem" = CASE WHEN "cancelAt" IS NULL OR ${state} = 'failed' THEN ${problem}::jsonb END,
            "nextAttemptAt" = now() + ${waits?.afterSeconds ?? 0} * interval '1 second',
            "finishedAt" = CASE WHEN "cancelAt" IS NOT NULL OR ${state} = 'failed' THEN now() END
          WHERE "id" = ${importId} AND "state" = 'submitting' AND "leaseEpoch" = ${epoch} RETURNING "state"`
        if (!own) return
        await tx.$executeRaw`UPDATE "ImportPart" SET "committedAt" = NULL WHERE "id" = ${partId}`
        const reason = 'reason' in settlement && own.state === 'held' ? { reason: settlement.reason } : {}
        const why = { why: 'why' in settlement ? settlement.why : settlement.problem.code }
        await recordEvent(tx, importId, own.state, { ...reason, ...why })
      })
    },

    /** The answer was lost after the commit point, or says that something is there already. */
    async markAmbiguous(
      { importId, epoch }: Claim,
      { why, conflict }: { why: string; conflict?: Omit<Problem, 'code'> },
      andThen: (tx: Transaction) => Promise<void>,
    ): Promise<void> {
      const problem: Problem | null = conflict ? { code: 'hubspot_refused', ...conflict } : null
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'ambiguous', "leaseUntil" = NULL, "pollAt" = now(), "updatedAt" = now(),
            "problem" = ${problem && JSON.stringify(problem)}::jsonb
          WHERE "id" = ${importId} AND "state" = 'submitting' AND "leaseEpoch" = ${epoch}`
        if (own === 0) return
        await recordEvent(tx, importId, 'ambiguous', { why })
        await andThen(tx)
      })
    },

    /**
     * Takes back what dead or paused processes had claimed. An import whose last bytes were never let go is simply ready
     * again; any other is ambiguous.
     */
    async recoverExpired(): Promise<{ portalId: string; state: string }[]> {
      return prisma.$transaction(async (tx) => {
        // Taken first, and read afterwards: a commit that was under way is over by the time its part is looked at.
        const expired = await tx.$queryRaw<{ id: string }[]>`
          UPDATE "Import" SET "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = NULL, "updatedAt" = now()
          WHERE "id" IN (
            SELECT "id" FROM "Import" WHERE "state" = 'submitting' AND "leaseUntil" < clock_timestamp() FOR UPDATE SKIP LOCKED)
          RETURNING "id"`
        const recovered = await tx.$queryRaw<{ id: string; portalId: string; state: string }[]>`
          UPDATE "Import" i SET "nextAttemptAt" = now(), "pollAt" = now(),
            "state" = CASE WHEN part."committedAt" IS NULL THEN 'accepted' ELSE 'ambiguous' END
          FROM "ImportPart" part
          WHERE i."id" = ANY(${expired.map(({ id }) => id)}) AND part."importId" = i."id" AND part."position" = 0
          RETURNING i."id", i."portalId", i."state"`
        for (const { id, state } of recovered) await recordEvent(tx, id, state, { why: 'the submitting process stopped' })
        return recovered
      })
    },

    /** Portals with something that should have moved by now, for whatever reason nobody was told to move it. */
    async listStalled(): Promise<{ portalId: string; kind: 'advance' | 'track' | 'reconcile' }[]> {
      return prisma.$queryRaw<{ portalId: string; kind: 'advance' | 'track' | 'reconcile' }[]>`
        SELECT i."portalId", CASE WHEN i."state" IN ('submitted', 'processing') THEN 'track'
                                  WHEN i."state" = 'ambiguous' THEN 'reconcile' ELSE 'advance' END AS kind
        FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'connected'
        WHERE (i."state" IN ('submitted', 'processing', 'ambiguous') AND i."pollAt" < now() - interval '15 seconds')
           OR (i."state" IN ('accepted', 'held') AND coalesce(i."reason" <> 'reconnect', true)
               AND i."nextAttemptAt" < now() - interval '15 seconds' AND p."matchingSince" IS NULL
               AND coalesce(p."pausedUntil" <= now(), true) AND coalesce(p."quotaUntil" <= now(), true))
        -- At random, so that none is always behind the thousand.
        GROUP BY 1, 2 ORDER BY random() LIMIT 1000`
    },
  }
}
