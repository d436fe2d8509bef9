import type { Database } from './prisma.js'

/** Which folder's files the rows of this database are about. */
export function createSharedFolder(prisma: Database) {
  return {
    /** The id of the folder that the first process to start brought along: this one's, if it is the first. */
    async claim(storeId: string): Promise<string> {
      await prisma.$executeRaw`INSERT INTO "FileStore" ("storeId") VALUES (${storeId}) ON CONFLICT DO NOTHING`
      const [row] = await prisma.$queryRaw<{ storeId: string }[]>`SELECT "storeId" FROM "FileStore"`
      return row?.storeId ?? storeId
    },
  }
}
