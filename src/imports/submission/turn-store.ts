import type { Database, Transaction } from '../../db/prisma.js'
import type { Quota } from '../../hubspot/answers.js'
import type { HeldReason } from '../schema.js'
import { type Claim, LEASE_SECONDS } from './submission-store.js'

/** HubSpot runs this many imports of a portal at a time, this many of them large, and defers the rest. */
const MAX_RUNNING = 3
const MAX_LARGE = 2
/** An import whose answer was lost is counted as running for as long as HubSpot may keep it out of its list. */
const LOST_COUNTS_SECONDS = 15 * 60
/** Other apps use up the same quota, and plans change: what was learnt is tried again now and then. */
const QUOTA_KNOWN_HOURS = 24
const [QUOTA_WAIT_MIN_SECONDS, QUOTA_WAIT_MAX_SECONDS] = [60, 3_600]
/** Reasons that pass by themselves, or are tried again by and by. */
const TIMED: HeldReason[] = ['scope', 'quota', 'migration', 'busy']
/** Those that somebody must do something about. */
const UNTIMED: HeldReason[] = ['reconnect', 'scope']
/** A statement must end in time, however much waits. */
const MOVED_AT_ONCE = 2_000
/** How long an import takes, where none has ended yet. */
const USUAL_SECONDS = 60

/** What a portal may start now; null: no limit that we know of. */
type Budget = {
  running: number
  large: number
  importsLeft: number | null
  rowsLeft: number | null
  rowsPerDay: number | null
}

/** Where an import stands in its portal's queue, from 1, and when it will probably be its turn. */
export type QueuePlace = { position: number; estimatedStartAt: Date }

export type TurnStore = ReturnType<typeof createTurnStore>

/** Whose turn it is in a portal, and what waits for it to come. All times are the database's. */
export function createTurnStore(prisma: Database) {
  return {
    /**
     * Claims the import whose turn it is, and stores the intent to submit it; undefined when the portal is not connected,
     * has no room or has nothing ready. Partners take turns: first the one that has waited longest since its last start.
     */
    async claimNext(portalId: string): Promise<Claim | undefined> {
      return prisma.$transaction(async (tx) => {
        await lockClaims(tx, portalId)
        const budget = await readBudget(tx, portalId)
        if (!budget || budget.running >= MAX_RUNNING) return undefined
        if (budget.importsLeft !== null && budget.importsLeft <= 0) {
          await waitForQuota(tx, portalId, await quotaWait(tx, portalId))
          return undefined
        }
        const claim = await claimReady(tx, portalId, budget)
        if (!claim && budget.rowsLeft !== null) await holdTooLong(tx, portalId, budget.rowsLeft)
        return claim
      })
    },

    /** HubSpot refused an import because of a quota; resolves to how many seconds it must wait. */
    async recordQuota(portalId: string, { of, limit, afterSeconds }: Quota): Promise<number> {
      return prisma.$transaction(async (tx) => {
        await tx.$executeRaw`
          UPDATE "Portal" SET "quotaLearntAt" = now(),
            "importsPerDay" = CASE WHEN ${of} = 'imports' THEN coalesce(${limit}::int, "importsPerDay") ELSE "importsPerDay" END,
            "rowsPerDay" = CASE WHEN ${of} = 'rows' THEN coalesce(${limit}::int, "rowsPerDay") ELSE "rowsPerDay" END
          WHERE "id" = ${portalId}`
        const seconds = afterSeconds ?? (await quotaWait(tx, portalId))
        // Fewer rows may still be taken; one import more is not.
        if (of !== 'rows') await waitForQuota(tx, portalId, seconds)
        return seconds
      })
    },

    /**
     * Parks what is ready in portals that are not, or in one of them: it waits for a reconnect, a quota, or for HubSpot to
     * have moved them. So many at once; the rest next time.
     */
    async holdUnready(portalId: string | null = null): Promise<void> {
      await prisma.$executeRaw`
        WITH parked AS (
          UPDATE "Import" i SET "state" = 'held', "updatedAt" = now(),
            "reason" = CASE WHEN p."status" = 'reconnect' THEN 'reconnect' WHEN p."pausedUntil" > now() THEN 'migration' ELSE 'quota' END,
            "nextAttemptAt" = greatest(i."nextAttemptAt", p."pausedUntil", p."quotaUntil")
          FROM "Portal" p WHERE p."id" = i."portalId" AND i."state" = 'accepted' AND i."id" IN (
            SELECT i."id" FROM "Portal" p JOIN "Import" i ON i."portalId" = p."id" AND i."state" = 'accepted'
            WHERE p."id" = coalesce(${portalId}, p."id") AND (p."status" = 'reconnect'
              OR (p."status" = 'connected' AND (p."pausedUntil" > now() OR p."quotaUntil" > now())))
            LIMIT ${MOVED_AT_ONCE} FOR UPDATE OF i SKIP LOCKED)
          RETURNING i."id", i."reason"
        )
        INSERT INTO "ImportEvent" ("importId", "type", "detail") SELECT "id", 'held', jsonb_build_object('reason', "reason") FROM parked`
    },

    /**
     * Makes ready again what waited for its portal to be connected or to have all permissions, and what waited for a time
     * that has come. So many at once; the rest next time. Resolves to the portals that something was released in.
     */
    async releaseReady(portalId: string | null = null): Promise<string[]> {
      const rows = await prisma.$queryRaw<{ portalId: string }[]>`
        WITH released AS (
          UPDATE "Import" SET "state" = 'accepted', "reason" = NULL, "problem" = NULL, "nextAttemptAt" = now(), "updatedAt" = now()
          WHERE "state" = 'held' AND "id" IN (
            SELECT i."id" FROM "Portal" p JOIN "Import" i ON i."portalId" = p."id" AND i."state" = 'held'
            WHERE p."id" = coalesce(${portalId}, p."id") AND p."status" = 'connected'
              AND coalesce(p."pausedUntil" <= now(), true) AND coalesce(p."quotaUntil" <= now(), true)
              AND (i."reason" = 'reconnect' OR (i."reason" = 'scope' AND p."missingScopes" = '{}')
                OR (i."reason" = ANY(${TIMED}) AND i."nextAttemptAt" <= now()))
            LIMIT ${MOVED_AT_ONCE} FOR UPDATE OF i SKIP LOCKED)
          RETURNING "id", "portalId"
        ), event AS (
          INSERT INTO "ImportEvent" ("importId", "type") SELECT "id", 'accepted' FROM released
        )
        SELECT DISTINCT "portalId" FROM released`
      return rows.map((row) => row.portalId)
    },

    /**
     * The places of those of a portal's imports that wait for nothing but their turn, or for a time that will come; one that
     * was split stands where the first of its parts does.
     */
    async findPlaces(portalId: string, importIds: string[]): Promise<Map<string, QueuePlace>> {
      const rows = await prisma.$queryRaw<(Pace & { id: string; position: number; readyInSeconds: number })[]>`
        WITH queue AS (
          SELECT i."partnerId", count(*)::int AS length FROM "Import" i
          WHERE i."portalId" = ${portalId} AND i."state" IN ('accepted', 'held') AND coalesce(i."reason" <> ALL(${UNTIMED}), true)
          GROUP BY 1
        ), sought AS (
          SELECT DISTINCT ON (coalesce(i."wholeId", i."id")) coalesce(i."wholeId", i."id") AS "id", i."nextAttemptAt", i."partnerId", t."lastAt", (
                   SELECT count(*)::int FROM "Import" b
                   WHERE b."portalId" = i."portalId" AND b."partnerId" = i."partnerId" AND b."state" IN ('accepted', 'held')
                     AND coalesce(b."reason" <> ALL(${UNTIMED}), true) AND (b."createdAt", b."id") <= (i."createdAt", i."id")) AS nth
          FROM "Import" i JOIN "Turn" t ON t."portalId" = i."portalId" AND t."partnerId" = i."partnerId"
          WHERE i."portalId" = ${portalId} AND (i."id" = ANY(${importIds}) OR i."wholeId" = ANY(${importIds})) AND i."state" IN ('accepted', 'held')
            AND coalesce(i."reason" <> ALL(${UNTIMED}), true)
          ORDER BY coalesce(i."wholeId", i."id"), i."createdAt", i."id"
        ), pace AS (
          SELECT avg(extract(epoch FROM "finishedAt" - "startedAt"))::float8 AS "averageSeconds" FROM (
            SELECT "finishedAt", "startedAt" FROM "Import"
            WHERE "portalId" = ${portalId} AND "state" = 'done' ORDER BY "createdAt" DESC LIMIT 20) latest
        )
        -- In each round every partner gets one, in the order of their last turns.
        SELECT s."id", (s.nth + coalesce((
                 SELECT sum(least(q.length, s.nth - CASE WHEN (t."lastAt", t."partnerId") < (s."lastAt", s."partnerId") THEN 0 ELSE 1 END))
                 FROM queue q JOIN "Turn" t ON t."portalId" = ${portalId} AND t."partnerId" = q."partnerId"
                 WHERE q."partnerId" <> s."partnerId"), 0))::int AS position,
               pace."averageSeconds", clock_timestamp() AS now,
               (SELECT count(*)::int FROM "Import" WHERE "portalId" = ${portalId} AND "state" IN ('submitting', 'submitted', 'processing')) AS running,
               extract(epoch FROM greatest(p."pausedUntil", p."quotaUntil", now()) - now())::float8 AS "blockedSeconds",
               extract(epoch FROM greatest(s."nextAttemptAt", now()) - now())::float8 AS "readyInSeconds"
        FROM sought s, pace, "Portal" p WHERE p."id" = ${portalId}`
      return new Map(
        rows.map(({ id, position, readyInSeconds, now, ...pace }) => {
          const seconds = Math.max(readyInSeconds, startsInSeconds(position, pace))
          return [id, { position, estimatedStartAt: new Date(now.getTime() + seconds * 1_000) }]
        }),
      )
    },
  }
}

/** Whoever changes what may be claimed in a portal waits for whoever is just claiming there. */
export async function lockClaims(tx: Transaction, portalId: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('claim ' || ${portalId}, 0))`
}

type Pace = { now: Date; running: number; averageSeconds: number | null; blockedSeconds: number }

/** As many start at a time as there are slots, and each lasts as long as the latest ones did. */
export function startsInSeconds(position: number, { running, averageSeconds, blockedSeconds }: Omit<Pace, 'now'>): number {
  const ahead = Math.max(0, position + Math.min(running, MAX_RUNNING) - MAX_RUNNING)
  return blockedSeconds + Math.ceil(ahead / MAX_RUNNING) * (averageSeconds ?? USUAL_SECONDS)
}

/** Undefined when nothing may be sent for the portal now. What was started is only counted where there is a limit. */
async function readBudget(tx: Transaction, portalId: string): Promise<Budget | undefined> {
  const [budget] = await tx.$queryRaw<Budget[]>`
    SELECT r.running, r.large, known."importsPerDay" - day.imports AS "importsLeft",
           (known."rowsPerDay" - day.rows)::float8 AS "rowsLeft", known."rowsPerDay"
    FROM "Portal" p
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS running, (count(*) FILTER (WHERE i."isLarge"))::int AS large FROM "Import" i
      WHERE i."portalId" = p."id" AND (i."state" IN ('submitting', 'submitted', 'processing')
        OR (i."state" = 'needs_review' AND i."pollAt" IS NOT NULL)
        OR (i."state" = 'ambiguous' AND i."startedAt" > now() - ${LOST_COUNTS_SECONDS} * interval '1 second'))
    ) r
    LEFT JOIN LATERAL (
      SELECT p."importsPerDay", p."rowsPerDay" WHERE p."quotaLearntAt" > now() - ${QUOTA_KNOWN_HOURS} * interval '1 hour'
    ) known ON true
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS imports, coalesce(sum(i."rows"), 0) AS rows FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
      WHERE (known."importsPerDay" IS NOT NULL OR known."rowsPerDay" IS NOT NULL) AND i."portalId" = p."id" AND i."startedAt" > now() - interval '24 hours'
        AND (part."hubspotImportId" IS NOT NULL OR part."committedAt" IS NOT NULL)
    ) day
    WHERE p."id" = ${portalId} AND p."status" = 'connected' AND p."matchingSince" IS NULL
      AND coalesce(p."pausedUntil" <= now(), true) AND coalesce(p."quotaUntil" <= now(), true)`
  return budget
}

async function claimReady(
  tx: Transaction,
  portalId: string,
  { large, rowsLeft, rowsPerDay }: Budget,
): Promise<Claim | undefined> {
  const [claim] = await tx.$queryRaw<Claim[]>`
    WITH next AS (
      SELECT ready."id", t."partnerId" FROM "Turn" t
      CROSS JOIN LATERAL (
        -- One of each state, by the index: what waits may be tens of thousands.
        SELECT first.* FROM unnest(ARRAY['accepted', 'held']) AS s("state") CROSS JOIN LATERAL (
          SELECT i."id", i."createdAt" FROM "Import" i
          WHERE i."portalId" = t."portalId" AND i."partnerId" = t."partnerId" AND i."state" = s."state"
            AND coalesce(i."reason" = ANY(${TIMED}), true) AND i."nextAttemptAt" <= now()
            AND (NOT i."isLarge" OR ${large < MAX_LARGE})
            -- What is more than a whole day's is for HubSpot to refuse.
            AND coalesce(i."rows" <= ${rowsLeft}::float8 OR i."rows" > ${rowsPerDay}::float8, true)
          ORDER BY i."createdAt", i."id" LIMIT 1
        ) first
        ORDER BY first."createdAt", first."id" LIMIT 1
      ) ready
      WHERE t."portalId" = ${portalId}
      ORDER BY t."lastAt", ready."createdAt", ready."id" LIMIT 1
    ), turn AS (
      UPDATE "Turn" t SET "lastAt" = clock_timestamp() FROM next WHERE t."portalId" = ${portalId} AND t."partnerId" = next."partnerId"
    ), claimed AS (
      UPDATE "Import" i SET "state" = 'submitting', "reason" = NULL, "problem" = NULL, "attempts" = "attempts" + 1,
        "startedAt" = now(), "updatedAt" = now(),
        "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = now() + ${LEASE_SECONDS} * interval '1 second'
      FROM next WHERE i."id" = next."id" AND i."state" IN ('accepted', 'held')
      RETURNING i."id", i."leaseEpoch" AS epoch, i."attempts"
    ), event AS (
      INSERT INTO "ImportEvent" ("importId", "type", "detail")
      SELECT "id", 'submitting', jsonb_build_object('attempt', "attempts") FROM claimed
    )
    UPDATE "ImportPart" part SET "intentAt" = now(), "committedAt" = NULL, "cleanScans" = 0 FROM claimed
    WHERE part."importId" = claimed."id" AND part."position" = 0
    RETURNING claimed."id" AS "importId", part."id" AS "partId", claimed.epoch, claimed."attempts"`
  return claim
}

async function waitForQuota(tx: Transaction, portalId: string, seconds: number): Promise<void> {
  await tx.$executeRaw`
    UPDATE "Portal" SET "quotaUntil" = greatest("quotaUntil", now() + ${seconds} * interval '1 second') WHERE "id" = ${portalId}`
}

/** Imports with more rows than the day has left are told so; shorter ones are not kept waiting by them. */
async function holdTooLong(tx: Transaction, portalId: string, rowsLeft: number): Promise<void> {
  const seconds = await quotaWait(tx, portalId)
  await tx.$executeRaw`
    WITH parked AS (
      UPDATE "Import" SET "state" = 'held', "reason" = 'quota', "updatedAt" = now(), "nextAttemptAt" = now() + ${seconds} * interval '1 second'
      WHERE "portalId" = ${portalId} AND "state" = 'accepted' AND "nextAttemptAt" <= now() AND "rows" > ${rowsLeft}::float8
      RETURNING "id"
    )
    INSERT INTO "ImportEvent" ("importId", "type", "detail") SELECT "id", 'held', '{"reason": "quota"}'::jsonb FROM parked`
}

/** Until the oldest start of the last 24 hours counts no more; not at once, and not for long: others use the quota as well. */
async function quotaWait(tx: Transaction, portalId: string): Promise<number> {
  const [oldest] = await tx.$queryRaw<{ seconds: number | null }[]>`
    SELECT extract(epoch FROM min(i."startedAt") + interval '24 hours' - now())::float8 AS seconds
    FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
    WHERE i."portalId" = ${portalId} AND i."startedAt" > now() - interval '24 hours'
      AND (part."hubspotImportId" IS NOT NULL OR part."committedAt" IS NOT NULL)`
  const seconds = Math.ceil(oldest?.seconds ?? QUOTA_WAIT_MAX_SECONDS)
  return Math.min(Math.max(seconds, QUOTA_WAIT_MIN_SECONDS), QUOTA_WAIT_MAX_SECONDS)
}
