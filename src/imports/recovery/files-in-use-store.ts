import type { Database } from '../../db/prisma.js'
import { PROBLEMS } from '../../errors.js'
import { type Problem, recordEvent } from '../import-store.js'

const LOST: Problem = { code: 'file_lost', detail: PROBLEMS.file_lost.title, correlationId: null }

export type FilesInUseStore = ReturnType<typeof createFilesInUseStore>

/** Which stored files the tables know. */
export function createFilesInUseStore(prisma: Database) {
  return {
    /** Those of these that belong to an import. */
    async findKept(storeKeys: string[]): Promise<Set<string>> {
      const rows = await prisma.importFile.findMany({ where: { storeKey: { in: storeKeys } }, select: { storeKey: true } })
      return new Set(rows.flatMap(({ storeKey }) => storeKey ?? []))
    },

    /** Files of imports that are still to be sent, after this one. */
    async listWaiting(afterId: string, limit: number): Promise<{ id: string; importId: string; storeKey: string }[]> {
      return prisma.$queryRaw<{ id: string; importId: string; storeKey: string }[]>`
        SELECT f."id", f."importId", f."storeKey" FROM "ImportFile" f JOIN "Import" i ON i."id" = f."importId"
        WHERE f."id" > ${afterId} AND f."storeKey" IS NOT NULL AND i."state" IN ('accepted', 'held')
        ORDER BY f."id" LIMIT ${limit}`
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
