import type { Database } from '../../db/prisma.js'
import type { Unerased } from '../../portals/portal-store.js'
import { type Problem, recordEvent } from '../import-store.js'

/** What a disconnected portal's imports came to, and what was kept of them. */
export type KeptData = {
  importsCanceled: number
  importsLeftOpen: number
  files: number
  bytes: number
  rowErrors: number
  templates: number
}

const CANCELED: Problem = {
  code: 'portal_disconnected',
  detail: 'The portal was disconnected before HubSpot got this import.',
  correlationId: null,
}
const LEFT_OPEN: Problem = {
  code: 'portal_disconnected',
  detail: 'The portal was disconnected while HubSpot had this import, or may have had it: how it ended can only be seen there.',
  correlationId: null,
}

const CANCELED_AT_ONCE = 1_000

export type DisconnectionStore = ReturnType<typeof createDisconnectionStore>

/** What becomes of the imports of portals that were disconnected. */
export function createDisconnectionStore(prisma: Database) {
  return {
    /** Cancels whatever HubSpot certainly has not got; in all disconnected portals, so that what comes late is met as well. */
    async cancelWaiting(): Promise<void> {
      for (let canceled = CANCELED_AT_ONCE; canceled === CANCELED_AT_ONCE; ) {
        canceled = await prisma.$executeRaw`
          WITH canceled AS (
            UPDATE "Import" SET "state" = 'canceled', "reason" = NULL, "problem" = ${JSON.stringify(CANCELED)}::jsonb,
              "finishedAt" = now(), "updatedAt" = now()
            WHERE "state" IN ('accepted', 'held') AND "id" IN (
              SELECT i."id" FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'disconnected'
              WHERE i."state" IN ('accepted', 'held') ORDER BY i."id" LIMIT ${CANCELED_AT_ONCE} FOR UPDATE OF i)
            RETURNING "id"
          )
          INSERT INTO "ImportEvent" ("importId", "type", "detail")
          SELECT "id", 'canceled', ${JSON.stringify({ why: CANCELED.code })}::jsonb FROM canceled`
      }
      await this.cancelSubmitting()
    },

    /** Takes back what is being submitted and has not let its last bytes go. */
    async cancelSubmitting(): Promise<void> {
      await prisma.$transaction(async (tx) => {
        // Taken first, and read afterwards: a commit that was under way is over by the time its part is looked at.
        const taken = await tx.$queryRaw<{ id: string }[]>`
          SELECT i."id" FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'disconnected'
          WHERE i."state" = 'submitting' ORDER BY i."id" LIMIT ${CANCELED_AT_ONCE} FOR UPDATE OF i`
        const canceled = await tx.$queryRaw<{ id: string }[]>`
          UPDATE "Import" i SET "state" = 'canceled', "problem" = ${JSON.stringify(CANCELED)}::jsonb,
            "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = NULL, "finishedAt" = now(), "updatedAt" = now()
          FROM "ImportPart" part
          WHERE i."id" = ANY(${taken.map(({ id }) => id)}) AND i."state" = 'submitting'
            AND part."importId" = i."id" AND part."position" = 0 AND part."committedAt" IS NULL
          RETURNING i."id"`
        for (const { id } of canceled) await recordEvent(tx, id, 'canceled', { why: CANCELED.code })
      })
    },

    /** How many of its imports are on the wire, their last bytes let go and no answer recorded yet. */
    async countSending(portalId: string): Promise<number> {
      return prisma.import.count({ where: { portalId, state: 'submitting' } })
    },

    /** Nothing more can be learnt of what HubSpot has, or may have: a person must look there. */
    async leaveOpen({ portalId, disconnectedAt }: Unerased): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const left = await tx.$queryRaw<{ id: string }[]>`
          UPDATE "Import" SET "state" = 'needs_review', "problem" = ${JSON.stringify(LEFT_OPEN)}::jsonb,
            "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = NULL, "pollAt" = NULL, "updatedAt" = now()
          WHERE "portalId" = ${portalId} AND "state" IN ('submitting', 'ambiguous', 'submitted', 'processing')
            AND EXISTS (SELECT 1 FROM "Portal" p WHERE p."id" = ${portalId} AND p."status" = 'disconnected'
                          AND p."erasedAt" IS NULL AND p."disconnectedAt" = ${disconnectedAt})
          RETURNING "id"`
        for (const { id } of left) await recordEvent(tx, id, 'needs_review', { why: LEFT_OPEN.code })
      })
    },

    /** What there is to be deleted, and what became of the imports: for the receipt. */
    async countKept(portalId: string): Promise<KeptData> {
      const [row] = await prisma.$queryRaw<KeptData[]>`
        SELECT (SELECT count(*)::int FROM "ImportFile" f JOIN "Import" i ON i."id" = f."importId"
                WHERE i."portalId" = ${portalId} AND f."storeKey" IS NOT NULL) AS files,
               (SELECT coalesce(sum(f."bytes"), 0)::float8 FROM "ImportFile" f JOIN "Import" i ON i."id" = f."importId"
                WHERE i."portalId" = ${portalId} AND f."storeKey" IS NOT NULL) AS bytes,
               (SELECT count(*)::int FROM "RowError" e JOIN "Import" i ON i."id" = e."importId"
                WHERE i."portalId" = ${portalId}) AS "rowErrors",
               (SELECT count(*)::int FROM "Template" WHERE "portalId" = ${portalId}) AS templates,
               (SELECT count(*)::int FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId"
                WHERE i."portalId" = ${portalId} AND i."wholeId" IS NULL AND i."state" = 'canceled' AND i."finishedAt" >= p."disconnectedAt") AS "importsCanceled",
               (SELECT count(*)::int FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId"
                WHERE i."portalId" = ${portalId} AND i."wholeId" IS NULL AND i."state" = 'needs_review' AND i."updatedAt" >= p."disconnectedAt") AS "importsLeftOpen"`
      if (!row) throw new Error('counts without a row')
      return row
    },
  }
}
