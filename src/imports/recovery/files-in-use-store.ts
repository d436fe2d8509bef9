import type { Database } from '../../db/prisma.js'
import { PROBLEMS } from '../../errors.js'
import { type Problem, recordEvent } from '../import-store.js'

const LOST: Problem = { code: 'file_lost', detail: PROBLEMS.file_lost.title, correlationId: null }

export type FilesInUseStore = ReturnType<typeof createFilesInUseStore>

/** Which stored files the tables know. */
export function createFilesInUseStore(prisma: Database) {
  return {
    /** Those of these that belong to an import, or to a draft of one. */
    async findKept(storeKeys: string[]): Promise<Set<string>> {
      const rows = await prisma.$queryRaw<{ storeKey: string }[]>`
        SELECT "storeKey" FROM "ImportFile" WHERE "storeKey" = ANY(${storeKeys})
        UNION ALL SELECT "storeKey" FROM "Draft" WHERE "storeKey" = ANY(${storeKeys})`
      return new Set(rows.map(({ storeKey }) => storeKey))
    },

    /** Up to `limit` imports that are still to be sent, after this one, with where their files are. */
    async listWaiting(afterId: string, limit: number): Promise<{ importId: string; storeKeys: string[] }[]> {
      return prisma.$queryRaw<{ importId: string; storeKeys: string[] }[]>`
        WITH waiting AS MATERIALIZED (
          (SELECT "id" FROM "Import" WHERE "state" = 'accepted' AND "id" > ${afterId} ORDER BY "id" LIMIT ${limit})
          UNION ALL
          (SELECT "id" FROM "Import" WHERE "state" = 'held' AND "id" > ${afterId} ORDER BY "id" LIMIT ${limit})
          ORDER BY 1 LIMIT ${limit}
        )
        SELECT w."id" AS "importId", ARRAY(
                 SELECT f."storeKey" FROM "ImportFile" f WHERE f."importId" = w."id" AND f."storeKey" IS NOT NULL) AS "storeKeys"
        FROM waiting w ORDER BY 1`
    },

    /** A file of an import that is still to be sent is gone: a person must look at it. */
    async recordLost(importId: string): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const lost = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'needs_review', "reason" = NULL, "problem" = ${JSON.stringify(LOST)}::jsonb, "updatedAt" = now()
          WHERE "id" = ${importId} AND "state" IN ('accepted', 'held')`
        if (lost > 0) await recordEvent(tx, importId, 'needs_review', { why: LOST.code })
      })
    },
  }
}
