import type { Database, Transaction } from '../../db/prisma.js'
import type { Unerased } from '../../portals/portal-store.js'

/** A stored file whose bytes are still there. */
export type KeptFile = { id: string; storeKey: string; bytes: number }

const ENDED = ['done', 'failed', 'canceled', 'needs_review']
/** One that a person must look at may still be followed, to its end at HubSpot. */
const HAS_ENDED = { state: { in: ENDED }, OR: [{ state: { not: 'needs_review' } }, { pollAt: null }] }
/** Problems, and kinds of events, that are told in HubSpot's words. */
const QUOTING = ['hubspot_refused', 'scope_missing']
const TOLD = ['held', 'failed']

/**
 * Columns of contacts, or of what is linked to contacts by something of theirs, such as the e-mail address: by id or by
 * name, in the present or the older spelling.
 */
const MAPS_CONTACTS =
  '$.files[*].fileImportPage.columnMappings[*].keyvalue() ? (@.key like_regex "^(to)?columnObjectType(Id)?$" flag "i" && @.value like_regex "^(0-1|contacts?)$" flag "i")'

export type ErasureStore = ReturnType<typeof createErasureStore>

/** What must not be kept any longer: of persons who are to be forgotten, and of portals that have left. */
export function createErasureStore(prisma: Database) {
  return {
    /**
     * Flags every import of contacts that these portals have made so far and of which something is still kept, as part of
     * the transaction that records why.
     */
    async forgetContacts(portalIds: string[], tx: Transaction): Promise<void> {
      await tx.$executeRaw`UPDATE "Draft" SET "expiresAt" = now() WHERE "portalId" = ANY(${portalIds}) AND "importId" IS NULL`
      // In one order, so that two of these at once cannot wait for each other.
      await tx.$executeRaw`
        UPDATE "Import" SET "eraseAtEnd" = true WHERE "id" IN (
          SELECT i."id" FROM "Import" i
          WHERE i."portalId" = ANY(${portalIds}) AND NOT i."eraseAtEnd"
            AND (i."state" <> ALL(${ENDED})
              OR EXISTS (SELECT 1 FROM "ImportFile" f WHERE f."importId" = i."id" AND f."storeKey" IS NOT NULL)
              OR i."problem"->>'code' = ANY(${QUOTING})
              OR EXISTS (SELECT 1 FROM "RowError" e WHERE e."importId" = i."id" AND (e."value" IS NOT NULL OR e."message" <> e."code")))
            AND jsonb_path_exists(i."request", ${MAPS_CONTACTS}::jsonpath)
          ORDER BY i."id" FOR UPDATE)`
    },

    /** Flags up to `limit` imports that ended longer ago than their portals keep files and values. */
    async flagOverdue(limit: number): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Import" SET "eraseAtEnd" = true WHERE "id" IN (
          SELECT due."id" FROM "Portal" p CROSS JOIN LATERAL (
            SELECT i."id" FROM "Import" i
            WHERE i."portalId" = p."id" AND i."erasedAt" IS NULL AND NOT i."eraseAtEnd"
              AND i."finishedAt" < now() - p."retentionDays" * interval '1 day'
            ORDER BY i."finishedAt" LIMIT ${limit}
          ) due LIMIT ${limit})`
    },

    /** Imports that are flagged and have ended. */
    async listFlagged(limit: number): Promise<string[]> {
      const rows = await prisma.import.findMany({
        where: { eraseAtEnd: true, ...HAS_ENDED },
        orderBy: { id: 'asc' },
        take: limit,
        select: { id: true },
      })
      return rows.map(({ id }) => id)
    },

    /** Nothing of a flagged import is left to erase. */
    async recordErased(importId: string): Promise<void> {
      await prisma.import.updateMany({ where: { id: importId, ...HAS_ENDED }, data: { eraseAtEnd: false, erasedAt: new Date() } })
    },

    async listFilesOfImport(importId: string): Promise<KeptFile[]> {
      return keptFiles(await prisma.importFile.findMany({ where: { importId, storeKey: { not: null } }, select: FILE }))
    },

    /** Of a portal that is still as disconnected as it was: nothing of a connection made since. */
    async listFilesOfPortal({ portalId, disconnectedAt }: Unerased, limit: number): Promise<KeptFile[]> {
      const portal = { status: 'disconnected', erasedAt: null, disconnectedAt }
      const where = { import: { portalId, portal }, storeKey: { not: null } }
      return keptFiles(await prisma.importFile.findMany({ where, take: limit, select: FILE }))
    },

    /** A file's bytes are gone; false when somebody else has said so already. */
    async recordRemoved({ id, storeKey }: KeptFile): Promise<boolean> {
      const { count } = await prisma.importFile.updateMany({ where: { id, storeKey }, data: { storeKey: null } })
      return count > 0
    },

    /** Leaves of up to `limit` row errors where they are and their code; resolves to how many there were. */
    async blankRowErrors(importId: string, limit: number): Promise<number> {
      return prisma.$executeRaw`
        UPDATE "RowError" SET "value" = NULL, "message" = "code" WHERE "id" IN (
          SELECT "id" FROM "RowError" WHERE "importId" = ${importId} AND ("value" IS NOT NULL OR "message" <> "code") LIMIT ${limit})`
    },

    /** HubSpot's words about an import may quote a row: of them the code is left. */
    async blankWords(importId: string): Promise<void> {
      await prisma.$transaction([
        prisma.$executeRaw`
          UPDATE "Import" SET "problem" = jsonb_set("problem", '{detail}', "problem"->'code')
          WHERE "id" = ${importId} AND "problem"->>'code' = ANY(${QUOTING})`,
        prisma.$executeRaw`UPDATE "ImportEvent" SET "detail" = "detail" - 'why' WHERE "importId" = ${importId} AND "type" = ANY(${TOLD})`,
      ])
    },

    /** The same for all imports of a portal that has left. */
    async blankWordsOfPortal({ portalId, disconnectedAt }: Unerased): Promise<void> {
      await prisma.$executeRaw`
        WITH ended AS (
          SELECT i."id" FROM "Import" i JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'disconnected' AND p."erasedAt" IS NULL
          WHERE i."portalId" = ${portalId} AND p."disconnectedAt" = ${disconnectedAt}
        ), blanked AS (
          UPDATE "ImportEvent" e SET "detail" = e."detail" - 'why' FROM ended
          WHERE e."importId" = ended."id" AND e."type" = ANY(${TOLD}) AND e."detail" ? 'why'
        )
        UPDATE "Import" i SET "problem" = jsonb_set(i."problem", '{detail}', i."problem"->'code') FROM ended
        WHERE i."id" = ended."id" AND i."problem"->>'code' = ANY(${QUOTING})`
    },

    /** Deletes up to `limit` findings and row errors of a portal; resolves to how many. */
    async deleteRowErrors({ portalId, disconnectedAt }: Unerased, limit: number): Promise<number> {
      return prisma.$executeRaw`
        DELETE FROM "RowError" WHERE "id" IN (
          SELECT e."id" FROM "RowError" e JOIN "Import" i ON i."id" = e."importId"
          JOIN "Portal" p ON p."id" = i."portalId" AND p."status" = 'disconnected' AND p."erasedAt" IS NULL
          WHERE i."portalId" = ${portalId} AND p."disconnectedAt" = ${disconnectedAt} LIMIT ${limit})`
    },

    /** Deletes up to `limit` templates of a portal; resolves to how many. */
    async deleteTemplates({ portalId, disconnectedAt }: Unerased, limit: number): Promise<number> {
      return prisma.$executeRaw`
        DELETE FROM "Template" WHERE "id" IN (
          SELECT t."id" FROM "Template" t
          JOIN "Portal" p ON p."id" = t."portalId" AND p."status" = 'disconnected' AND p."erasedAt" IS NULL
          WHERE t."portalId" = ${portalId} AND p."disconnectedAt" = ${disconnectedAt} LIMIT ${limit})`
    },

    /** Deletes where a portal's admin wanted to be told, and what was told there. */
    async deleteEndpoints({ portalId, disconnectedAt }: Unerased): Promise<void> {
      const portal = { status: 'disconnected', erasedAt: null, disconnectedAt }
      await prisma.webhookEndpoint.deleteMany({ where: { portalId, portal } })
    },

    /** Deletes up to `limit` idempotency keys that were used for a portal; resolves to how many. */
    async deleteIdempotencyKeys({ portalId, disconnectedAt }: Unerased, limit: number): Promise<number> {
      return prisma.$executeRaw`
        DELETE FROM "IdempotencyKey" WHERE ("partnerId", "portalId", "keyHash") IN (
          SELECT k."partnerId", k."portalId", k."keyHash" FROM "IdempotencyKey" k
          JOIN "Portal" p ON p."id" = k."portalId" AND p."status" = 'disconnected' AND p."erasedAt" IS NULL
          WHERE k."portalId" = ${portalId} AND p."disconnectedAt" = ${disconnectedAt} LIMIT ${limit})`
    },
  }
}

const FILE = { id: true, storeKey: true, bytes: true } as const

function keptFiles(rows: { id: string; storeKey: string | null; bytes: bigint }[]): KeptFile[] {
  return rows.flatMap(({ id, storeKey, bytes }) => (storeKey === null ? [] : [{ id, storeKey, bytes: Number(bytes) }]))
}
