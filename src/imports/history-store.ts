import { type Database, Prisma } from '../db/prisma.js'
import { type Import, readImports } from './import-store.js'
import type { ImportState } from './schema.js'

/** What somebody looks for among a portal's imports. */
export type Search = {
  /** Words that names begin with; or an import's id, ours or HubSpot's. */
  text?: string | undefined
  state?: ImportState | undefined
  partnerId?: string | undefined
  objectType?: string | undefined
  /** Days in UTC, both included. */
  from?: string | undefined
  to?: string | undefined
  /** The last import of the page before. */
  after?: string | undefined
  limit: number
}

export type ImportEvent = { id: bigint; type: string; detail: Record<string, unknown>; at: Date }

/** How a portal stands, as the operator sees it. */
export type PortalActivity = {
  id: string
  hubDomain: string | null
  status: string
  lastImportAt: Date | null
  waiting: number
  running: number
}

/** What a portal's imports came to on a day in UTC. */
export type DayCount = { day: Date; created: number; updated: number; failed: number }

const RUNNING = ['accepted', 'submitting', 'submitted', 'processing', 'held', 'ambiguous', 'split']
const ATTENTION_DAYS = 7
const MAX_PORTALS = 1_000
const DAY_MS = 86_400_000
/** So many are found first and put in order then. */
const FEW = 2_000

export type HistoryStore = ReturnType<typeof createHistoryStore>

/** A portal's imports as its admin looks at them: all of them, whoever sent them. */
export function createHistoryStore(prisma: Database) {
  async function readByIds(ids: { id: string }[]): Promise<Import[]> {
    if (ids.length === 0) return []
    return readImports(prisma, { where: { id: { in: ids.map(({ id }) => id) } } })
  }

  /** What a text finds: few imports are named, and of very many each is looked at when its turn comes. */
  async function matches(portalId: string, text: string): Promise<Prisma.Sql> {
    if (/^imp_[0-9a-f]{32}$/.test(text)) return Prisma.sql`i."id" = ${text}`
    const words = text.match(/[\p{L}\p{N}]+/gu) ?? []
    const wanted = Prisma.sql`to_tsquery('simple', ${words.map((word) => `${word}:*`).join(' & ')})`
    const [byId, byWords] = await Promise.all([
      /^\d{1,19}$/.test(text)
        ? prisma.$queryRaw<{ id: string }[]>`
            SELECT coalesce(i."wholeId", i."id") AS id FROM "ImportPart" p JOIN "Import" i ON i."id" = p."importId"
            WHERE p."hubspotImportId" = ${text} AND i."portalId" = ${portalId} LIMIT ${FEW}`
        : [],
      words.length === 0
        ? []
        : prisma.$queryRaw<{ id: string }[]>`
            SELECT "id" FROM "Import" WHERE to_tsvector('simple', "name") @@ ${wanted} AND "portalId" = ${portalId} LIMIT ${FEW}`,
    ])
    const ids = [...byId, ...byWords].map(({ id }) => id)
    return byWords.length < FEW ? Prisma.sql`i."id" = ANY(${ids})` : Prisma.sql`to_tsvector('simple', i."name") @@ ${wanted}`
  }

  return {
    /** Newest first. */
    async search(portalId: string, { text, state, partnerId, objectType, from, to, after, limit }: Search) {
      const filters = [
        state && Prisma.sql`coalesce(i."splitState", i."state") = ${state}`,
        partnerId && Prisma.sql`i."partnerId" = ${partnerId}`,
        objectType && Prisma.sql`i."objectTypes" @> ARRAY[${objectType}]`,
        from && Prisma.sql`i."createdAt" >= ${from}::date::timestamp AT TIME ZONE 'UTC'`,
        to && Prisma.sql`i."createdAt" < (${to}::date + 1)::timestamp AT TIME ZONE 'UTC'`,
        // Ids sort by the time they were made, give or take: the history is read by them.
        from && Prisma.sql`i."id" >= ${idOfDay(from, -1)}`,
        to && Prisma.sql`i."id" < ${idOfDay(to, 2)}`,
        after && Prisma.sql`i."id" < ${after}`,
        text && (await matches(portalId, text)),
      ].filter((filter) => filter instanceof Prisma.Sql)
      const found = await prisma.$queryRaw<{ id: string }[]>`
        SELECT i."id" FROM "Import" i
        WHERE ${Prisma.join([Prisma.sql`i."portalId" = ${portalId} AND i."wholeId" IS NULL`, ...filters], ' AND ')}
        ORDER BY i."id" DESC LIMIT ${limit + 1}`
      return { imports: await readByIds(found.slice(0, limit)), hasMore: found.length > limit }
    },

    /** One of the portal's imports. */
    async find(portalId: string, id: string): Promise<Import | undefined> {
      const [found] = await readImports(prisma, { where: { id, portalId, wholeId: null } })
      return found
    },

    /** Those that have not ended, newest first. */
    async listRunning(portalId: string, limit: number): Promise<Import[]> {
      return readByIds(
        await prisma.$queryRaw<{ id: string }[]>`
          SELECT "id" FROM "Import" WHERE "portalId" = ${portalId} AND "wholeId" IS NULL AND "state" = ANY(${RUNNING})
          ORDER BY "id" DESC LIMIT ${limit}`,
      )
    },

    /** How many imports of the last week failed, and how many need a person. */
    async countAttention(portalId: string): Promise<{ failed: number; needsReview: number }> {
      const [counts] = await prisma.$queryRaw<{ failed: number; needsReview: number }[]>`
        SELECT count(*) FILTER (WHERE "state" = 'failed')::int AS failed,
               count(*) FILTER (WHERE "state" = 'needs_review')::int AS "needsReview"
        FROM "Import" WHERE "portalId" = ${portalId} AND "wholeId" IS NULL AND "state" IN ('failed', 'needs_review')
          AND "createdAt" > now() - ${ATTENTION_DAYS} * interval '1 day'`
      return counts ?? { failed: 0, needsReview: 0 }
    },

    /** What happened to an import, in order, after an event; of one that was split, to all of its parts. */
    async listEvents(id: string, limit: number, after = 0n): Promise<ImportEvent[]> {
      const pieces = await prisma.import.findMany({ where: { wholeId: id }, select: { id: true } })
      const rows = await prisma.importEvent.findMany({
        where: { importId: { in: [id, ...pieces.map((piece) => piece.id)] }, id: { gt: after } },
        orderBy: { id: 'asc' },
        take: limit,
      })
      return rows.map(({ importId: _, detail, ...event }) => ({ ...event, detail: detail as Record<string, unknown> }))
    },

    /** The last days on which imports of the portal ended, of one partner or of all. */
    async listDays(portalId: string, days: number, partnerId?: string): Promise<DayCount[]> {
      return prisma.$queryRaw<DayCount[]>`
        SELECT "day", sum("created")::float8 AS created, sum("updated")::float8 AS updated, sum("failed")::float8 AS failed
        FROM "ImportDay" WHERE "portalId" = ${portalId} AND "partnerId" = coalesce(${partnerId ?? null}, "partnerId")
          AND "day" > (now() AT TIME ZONE 'UTC')::date - ${days}::int
        GROUP BY "day" ORDER BY "day"`
    },

    /** All portals, for the operator: those with the newest import first. */
    async listPortals(): Promise<PortalActivity[]> {
      return prisma.$queryRaw<PortalActivity[]>`
        SELECT p."id", p."hubDomain", p."status", last."createdAt" AS "lastImportAt",
          (SELECT count(*)::int FROM "Import" i WHERE i."portalId" = p."id" AND i."state" IN ('accepted', 'held')) AS waiting,
          (SELECT count(*)::int FROM "Import" i WHERE i."portalId" = p."id"
             AND i."state" IN ('submitting', 'submitted', 'processing', 'ambiguous')) AS running
        FROM "Portal" p LEFT JOIN LATERAL (
          SELECT i."createdAt" FROM "Import" i WHERE i."portalId" = p."id" AND i."wholeId" IS NULL ORDER BY i."id" DESC LIMIT 1) last ON true
        WHERE NOT p."isTest"
        ORDER BY last."createdAt" DESC NULLS LAST, p."id" LIMIT ${MAX_PORTALS}`
    },

    /** A text that is another one as soon as anything of the portal's imports has changed. */
    async readChange(portalId: string): Promise<string> {
      const [row] = await prisma.$queryRaw<{ change: string }[]>`
        SELECT concat_ws(' ', count(*), max("updatedAt"),
          (SELECT max("finishedAt") FROM "Import" WHERE "portalId" = ${portalId} AND "finishedAt" IS NOT NULL)) AS change
        FROM "Import" WHERE "portalId" = ${portalId} AND "state" = ANY(${RUNNING})`
      return row?.change ?? ''
    },
  }
}

/** Where the ids of a day begin, so many days from it. */
function idOfDay(day: string, days: number): string {
  const ms = Math.max(0, Date.parse(day) + days * DAY_MS)
  return `imp_${ms.toString(16).padStart(12, '0')}`
}
