import { type Database, Prisma, type Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import type { Seal } from '../portals/seal.js'
import type { Secret } from '../secret.js'
import { type EndpointOwner, isOf, lockOwn } from './endpoint-store.js'
import { type DeliveryState, TEST_EVENT } from './schema.js'
import type { SendProblem, Sent } from './send.js'

/** A message that this process is to deliver now, for the `attempt`-th time. */
export type DueDelivery = {
  id: string
  endpointId: string
  attempt: number
  /** By the database's clock, and what is signed. */
  claimedAt: Date
  url: string
  body: string
  /** The current one, and the one before while it still signs; none: they cannot be opened any more. */
  secrets: Secret[]
}

export type Delivery = {
  id: string
  number: bigint
  /** The transaction that wrote it. */
  xid: string
  type: string
  payload: string
  attempts: number
  nextAttemptAt: Date | null
  deliveredAt: Date | null
  failedAt: Date | null
  createdAt: Date
  /** The newest tries first; of what was sent the signatures are missing. */
  log: {
    at: Date
    ms: number
    status: number | null
    problem: SendProblem | null
    answer: string | null
    url: string | null
    sentHeaders: Record<string, string> | null
    answerHeaders: Record<string, string> | null
  }[]
}

/** How long after each attempt in vain the next one is made. @see Standard Webhooks 1.0, "Deliverability and reliability" */
export const RETRY_SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
/** So that what failed together does not come back together. */
const JITTER = 0.1
const AT_ONCE_PER_ENDPOINT = 2
/** However many endpoints somebody has: whoever hangs holds up himself. */
const AT_ONCE_PER_OWNER = 4
/** Longer than any try takes: after that its process must have died. */
const CLAIM_SECONDS = 60
/** For an endpoint that says it is overloaded, when it does not say for how long. */
const PAUSE_SECONDS = 60
const MAX_PAUSE_SECONDS = 3_600
const OVERLOADED = [429, 502, 504]
/** An endpoint that has taken nothing for so long, and now has a message given up. */
const FAILING_DAYS = 3
const MAX_LOG = 20
const MAX_TESTS_A_MINUTE = 5
const MAX_REPLAYED = 5_000
const KEPT_DAYS = 30
const SWEPT_AT_ONCE = 5_000

export type DeliveryStore = ReturnType<typeof createDeliveryStore>

/** The outbox: what endpoints are told, written by triggers, and what came of telling it. */
export function createDeliveryStore(prisma: Database, seal: Seal) {
  async function read(where: Prisma.Sql, order: Prisma.Sql, limit: number): Promise<Delivery[]> {
    return prisma.$queryRaw<Delivery[]>`
      SELECT d."id", d."number", d."xid"::text AS xid, d."type", d."payload"::text AS payload, d."attempts", d."nextAttemptAt", d."deliveredAt", d."failedAt", d."createdAt",
        coalesce((SELECT jsonb_agg(jsonb_build_object('at', a."at", 'ms', a."ms", 'status', a."status", 'problem', a."problem",
            'answer', a."answer", 'url', a."url", 'sentHeaders', a."sentHeaders", 'answerHeaders', a."answerHeaders") ORDER BY a."id" DESC)
          FROM (SELECT * FROM "WebhookAttempt" WHERE "deliveryId" = d."id" ORDER BY "id" DESC LIMIT ${MAX_LOG}) a), '[]') AS log
      FROM "WebhookDelivery" d WHERE ${where} ORDER BY ${order} LIMIT ${limit}`.then((rows) =>
      rows.map((row) => ({ ...row, log: row.log.map((entry) => ({ ...entry, at: new Date(entry.at) })) })),
    )
  }

  function open(text: string, endpointId: string): Secret[] {
    try {
      return [seal.openText(text, endpointId)]
    } catch {
      return []
    }
  }

  return {
    /** Claims what is due, the longest due first; never more than two at a time of one endpoint and four of one owner, on all processes together. */
    async claimDue(limit: number): Promise<DueDelivery[]> {
      const rows = await prisma.$transaction(async (tx) => {
        // Whoever comes second would count without what the first is just claiming.
        const [turn] = await tx.$queryRaw<{ isMine: boolean }[]>`
          SELECT pg_try_advisory_xact_lock(hashtextextended('webhook deliveries', 0)) AS "isMine"`
        if (!turn?.isMine) return []
        return tx.$queryRaw<(Omit<DueDelivery, 'secrets'> & { secret: string; previousSecret: string | null })[]>`
          WITH busy AS (
            SELECT e."id", coalesce(e."portalId", e."partnerId") AS owner, count(d."id") AS running
            FROM "WebhookEndpoint" e LEFT JOIN "WebhookDelivery" d ON d."endpointId" = e."id" AND d."claimedUntil" IS NOT NULL AND d."claimedUntil" > now()
            WHERE e."url" IS NOT NULL GROUP BY e."id"
          ), owners AS (
            SELECT owner, sum(running) AS running FROM busy GROUP BY owner
          ), ranked AS (
            SELECT d."id", d."nextAttemptAt", busy.owner,
              row_number() OVER (PARTITION BY busy.owner ORDER BY d."nextAttemptAt") + owners.running AS place
            FROM "WebhookEndpoint" e JOIN busy ON busy."id" = e."id" JOIN owners ON owners.owner = busy.owner
            CROSS JOIN LATERAL (
              SELECT "id", "nextAttemptAt", row_number() OVER (ORDER BY "nextAttemptAt", "number") AS place FROM (
                SELECT "id", "nextAttemptAt", "number" FROM "WebhookDelivery"
                WHERE "endpointId" = e."id" AND "nextAttemptAt" <= now() AND coalesce("claimedUntil" <= now(), true)
                ORDER BY "nextAttemptAt", "number" LIMIT ${AT_ONCE_PER_ENDPOINT}
              ) first
            ) d
            WHERE e."disabledAt" IS NULL AND e."url" IS NOT NULL AND coalesce(e."pausedUntil" <= now(), true)
              AND busy.running + d.place <= ${AT_ONCE_PER_ENDPOINT}
          ), due AS (
            SELECT "id" FROM ranked WHERE place <= ${AT_ONCE_PER_OWNER} ORDER BY place, "nextAttemptAt" LIMIT ${limit}
          )
          UPDATE "WebhookDelivery" d
          SET "claimedUntil" = now() + ${CLAIM_SECONDS} * interval '1 second', "attempts" = d."attempts" + 1
          FROM due, "WebhookEndpoint" e WHERE d."id" = due."id" AND e."id" = d."endpointId"
          RETURNING d."id", d."endpointId", d."attempts" AS attempt, e."url", d."payload"::text AS body, e."secret", now() AS "claimedAt",
            CASE WHEN e."previousUntil" > now() THEN e."previousSecret" END AS "previousSecret"`
      })
      return rows.map(({ secret, previousSecret, ...due }) => ({
        ...due,
        secrets: [secret, previousSecret].flatMap((text) => (text === null ? [] : open(text, due.endpointId))),
      }))
    },

    /** What came of a try: taken, to be tried again, or given up. */
    async recordAttempt(
      { id, endpointId, attempt, url }: DueDelivery,
      { ms, status, problem, sentHeaders, answer, answerHeaders, retryAfterSeconds }: Sent,
    ): Promise<void> {
      const isTaken = problem === undefined
      const isOverloaded = status !== undefined && OVERLOADED.includes(status)
      const pause = isOverloaded ? Math.min(retryAfterSeconds ?? PAUSE_SECONDS, MAX_PAUSE_SECONDS) : 0
      const delay = RETRY_SECONDS[attempt - 1]
      const wait = delay === undefined || status === 410 ? null : Math.max(delay * (1 + JITTER * Math.random()), pause)
      await prisma.$transaction(async (tx) => {
        await tx.webhookAttempt.create({
          data: {
            deliveryId: id,
            ms,
            status: status ?? null,
            problem: problem ?? null,
            answer,
            ...(sentHeaders ? { url, sentHeaders } : {}),
            ...(answerHeaders ? { answerHeaders } : {}),
          },
        })
        // One that was replayed meanwhile, or claimed by somebody else, is not this attempt's any more.
        await tx.$executeRaw`
          UPDATE "WebhookDelivery" SET "claimedUntil" = NULL,
            "nextAttemptAt" = CASE WHEN NOT ${isTaken} THEN now() + ${wait}::float8 * interval '1 second' END,
            "deliveredAt" = CASE WHEN ${isTaken} THEN now() END,
            "failedAt" = CASE WHEN NOT ${isTaken} AND ${wait}::float8 IS NULL THEN now() END
          WHERE "id" = ${id} AND "attempts" = ${attempt}`
        if (isTaken) await tx.$executeRaw`UPDATE "WebhookEndpoint" SET "takenAt" = now() WHERE "id" = ${endpointId}`
        else if (status === 410)
          await tx.$executeRaw`
            UPDATE "WebhookEndpoint" SET "disabledAt" = now(), "disabledReason" = 'gone' WHERE "id" = ${endpointId} AND "disabledAt" IS NULL`
        else if (wait === null)
          await tx.$executeRaw`
            UPDATE "WebhookEndpoint" SET "disabledAt" = now(), "disabledReason" = 'failing'
            WHERE "id" = ${endpointId} AND "disabledAt" IS NULL
              AND coalesce("takenAt", "createdAt") < now() - ${FAILING_DAYS} * interval '1 day'`
        if (pause > 0)
          await tx.$executeRaw`
            UPDATE "WebhookEndpoint" SET "pausedUntil" = now() + ${pause}::float8 * interval '1 second' WHERE "id" = ${endpointId}`
      })
    },

    /**
     * The newest first, before `after`; or, with `since`, the oldest first from behind it: without those of transactions
     * that began before one which has not ended, so that none is ever passed over. @throws {AppError} `endpoint_not_found`
     */
    async list(
      owner: EndpointOwner,
      endpointId: string,
      {
        state,
        limit,
        after,
        since,
      }: { state?: DeliveryState | undefined; limit: number; after?: string | undefined; since?: string | undefined },
    ): Promise<Delivery[]> {
      const parts = [
        isOwn(owner, endpointId),
        state === undefined ? Prisma.sql`true` : STATES[state],
        after === undefined ? Prisma.sql`true` : Prisma.sql`d."number" < ${BigInt(after)}`,
        since === undefined ? Prisma.sql`true` : behind(since),
      ]
      const order = since === undefined ? Prisma.sql`d."number" DESC` : Prisma.sql`d."xid", d."number"`
      const found = await read(Prisma.join(parts, ' AND '), order, limit)
      if (found.length === 0) await requireOwn(prisma, owner, endpointId)
      return found
    },

    /** Sends a message again, under its id. @throws {AppError} `endpoint_not_found`, `delivery_not_found` */
    async replay(owner: EndpointOwner, endpointId: string, id: string): Promise<Delivery> {
      const isIt = Prisma.sql`d."id" = ${id} AND ${isOwn(owner, endpointId)}`
      await prisma.$executeRaw`UPDATE "WebhookDelivery" d SET ${AGAIN} WHERE ${isIt} AND ${IS_SENT}`
      const [delivery] = await read(isIt, Prisma.sql`1`, 1)
      if (!delivery) {
        await requireOwn(prisma, owner, endpointId)
        throw new AppError('delivery_not_found')
      }
      await prisma.$executeRaw`SELECT pg_notify('importal_deliveries', '')`
      return delivery
    },

    /**
     * The same for what was given up since an instant, or for everything; the oldest five thousand. Resolves to how many.
     * @throws {AppError} `endpoint_not_found`, `too_many_requests`
     */
    async replaySince(owner: EndpointOwner, endpointId: string, since: Date, which: 'failed' | 'all'): Promise<number> {
      const replayed = await prisma.$transaction(async (tx) => {
        await requireOwn(tx, owner, endpointId)
        const [turn] = await tx.$queryRaw<{ isFree: boolean }[]>`
          SELECT pg_try_advisory_xact_lock(hashtextextended(${`replay ${endpointId}`}, 0)) AS "isFree"`
        if (!turn?.isFree)
          throw new AppError('too_many_requests', { detail: 'Messages of it are just being sent again.', retryAfterSeconds: 5 })
        return tx.$executeRaw`
          UPDATE "WebhookDelivery" d SET ${AGAIN} WHERE ${IS_SENT} AND d."id" IN (
            SELECT d."id" FROM "WebhookDelivery" d WHERE ${isOwn(owner, endpointId)} AND d."createdAt" >= ${since}
              AND ${which === 'all' ? Prisma.sql`true` : STATES.failed}
            ORDER BY d."number" LIMIT ${MAX_REPLAYED})`
      })
      await prisma.$executeRaw`SELECT pg_notify('importal_deliveries', '')`
      return replayed
    },

    /** An event that means nothing. @throws {AppError} `endpoint_not_found`, `too_many_tests` */
    async test(owner: EndpointOwner, endpointId: string): Promise<Delivery> {
      const id = await prisma.$transaction(async (tx) => {
        const known = await lockOwn(tx, owner, endpointId)
        const [recent] = await tx.$queryRaw<{ count: number }[]>`
          SELECT count(*)::int AS count FROM "WebhookDelivery"
          WHERE "endpointId" = ${endpointId} AND "type" = ${TEST_EVENT} AND "createdAt" > now() - interval '1 minute'`
        if ((recent?.count ?? 0) >= MAX_TESTS_A_MINUTE) throw new AppError('too_many_tests', { retryAfterSeconds: 60 })
        const [made] = await tx.$queryRaw<{ id: string }[]>`
          SELECT "tellEndpoint"(${endpointId}, ${known.url === null}, ${TEST_EVENT}, '{}'::jsonb) AS id`
        return made?.id
      })
      const [delivery] = await read(Prisma.sql`d."id" = ${id}`, Prisma.sql`1`, 1)
      if (!delivery) throw new AppError('internal')
      return delivery
    },

    /** Forgets what is older than a month. */
    async sweep(): Promise<void> {
      await prisma.$executeRaw`
        DELETE FROM "WebhookDelivery" WHERE "id" IN (
          SELECT "id" FROM "WebhookDelivery" WHERE "createdAt" < now() - ${KEPT_DAYS} * interval '1 day' LIMIT ${SWEPT_AT_ONCE})`
    },
  }
}

/** Where whoever fetches goes on behind a message. */
export function placeOf({ xid, number }: Pick<Delivery, 'xid' | 'number'>): string {
  return `${xid}-${number}`
}

/** For whoever has found no message: whether there could have been one. @throws {AppError} `endpoint_not_found` */
async function requireOwn(tx: Transaction, owner: EndpointOwner, id: string): Promise<void> {
  if ((await tx.webhookEndpoint.count({ where: { id, ...owner } })) === 0) throw new AppError('endpoint_not_found')
}

/** Whether a message, which the statement calls `d`, is one of an endpoint that is the owner's. */
function isOwn(owner: EndpointOwner, endpointId: string): Prisma.Sql {
  return Prisma.sql`d."endpointId" = (SELECT e."id" FROM "WebhookEndpoint" e WHERE e."id" = ${endpointId} AND ${isOf(owner)})`
}

function behind(place: string): Prisma.Sql {
  const [xid = '0', number = '0'] = place.split('-')
  return Prisma.sql`(d."xid", d."number") > (${xid}::xid8, ${BigInt(number)}) AND d."xid" < pg_snapshot_xmin(pg_current_snapshot())`
}

export function stateOf({ nextAttemptAt, deliveredAt, failedAt }: Omit<Delivery, 'log'>): DeliveryState {
  return nextAttemptAt ? 'waiting' : deliveredAt ? 'delivered' : failedAt ? 'failed' : 'kept'
}

/** What is being sent at this moment is left to it. */
const IS_SENT = Prisma.sql`EXISTS (SELECT 1 FROM "WebhookEndpoint" e WHERE e."id" = d."endpointId" AND e."url" IS NOT NULL)
  AND coalesce(d."claimedUntil" <= now(), true)`
const AGAIN = Prisma.sql`"attempts" = 0, "nextAttemptAt" = now(), "claimedUntil" = NULL, "deliveredAt" = NULL, "failedAt" = NULL`

const STATES: Record<DeliveryState, Prisma.Sql> = {
  waiting: Prisma.sql`d."nextAttemptAt" IS NOT NULL`,
  delivered: Prisma.sql`d."nextAttemptAt" IS NULL AND d."deliveredAt" IS NOT NULL`,
  failed: Prisma.sql`d."nextAttemptAt" IS NULL AND d."failedAt" IS NOT NULL`,
  kept: Prisma.sql`d."nextAttemptAt" IS NULL AND d."deliveredAt" IS NULL AND d."failedAt" IS NULL`,
}
