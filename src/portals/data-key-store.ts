import type { Database } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { recordAudit } from './audit-store.js'
import type { Seal } from './seal.js'

export type DataKeyStore = ReturnType<typeof createDataKeyStore>

/** The keys that portals' tokens are sealed by: counted, wrapped anew and destroyed without opening a token. */
export function createDataKeyStore(prisma: Database, seal: Seal) {
  return {
    /**
     * Destroys the data key of tokens that HubSpot has declared dead, of this version, or of a portal that was
     * disconnected: from here on nothing can open them.
     */
    async destroy(portalId: string, version: number): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        const destroyed = await tx.$executeRaw`
          UPDATE "Portal" SET "dataKey" = NULL, "dataKeyId" = NULL
          WHERE "id" = ${portalId} AND "tokenVersion" = ${version} AND "status" <> 'connected' AND "dataKey" IS NOT NULL`
        if (destroyed === 0) return false
        await tx.portalToken.deleteMany({ where: { portalId } })
        await recordAudit(tx, { actor: 'importal', action: 'tokens_destroyed', portalId, detail: { version } })
        return true
      })
    },

    /** The tokens of portals disconnected so long ago that whoever was to destroy them must have died. */
    async listOverdue(afterSeconds: number): Promise<{ portalId: string; version: number }[]> {
      return prisma.$queryRaw<{ portalId: string; version: number }[]>`
        SELECT "id" AS "portalId", "tokenVersion" AS version FROM "Portal"
        WHERE "status" = 'disconnected' AND "dataKey" IS NOT NULL AND "disconnectedAt" < now() - ${afterSeconds} * interval '1 second'`
    },

    /**
     * Wraps again what another key than the current one wraps, of up to `limit` portals with greater ids than `after`.
     * Portals whose data key cannot be opened are named, and left.
     */
    async rotateEncryption(
      after: string,
      limit: number,
    ): Promise<{ last: string | undefined; rewrapped: number; failed: string[] }> {
      const rows = await prisma.$queryRaw<{ id: string; version: number; dataKey: string }[]>`
        SELECT "id", "tokenVersion" AS version, "dataKey" FROM "Portal"
        WHERE "dataKeyId" <> ${seal.currentKeyId} AND "dataKey" IS NOT NULL AND "id" > ${after} ORDER BY "id" LIMIT ${limit}`
      const failed: string[] = []
      let rewrapped = 0
      for (const { id, version, dataKey } of rows) {
        const wrapped = tryRewrap(seal, dataKey, { portalId: id, version })
        if (!wrapped) failed.push(id)
        // A refresh meanwhile has stored another key, wrapped by the current one or by what its process was started with.
        else rewrapped += (await prisma.portal.updateMany({ where: { id, dataKey }, data: wrapped })).count
      }
      return { last: rows.at(-1)?.id, rewrapped, failed }
    },

    /** Up to `limit` portals whose data key does not open: each is to be connected again. */
    async listBroken(limit: number): Promise<string[]> {
      const broken: string[] = []
      for (let after = ''; broken.length < limit; ) {
        const rows = await prisma.$queryRaw<{ id: string; version: number; dataKey: string }[]>`
          SELECT "id", "tokenVersion" AS version, "dataKey" FROM "Portal"
          WHERE "dataKey" IS NOT NULL AND "id" > ${after} ORDER BY "id" LIMIT 1000`
        broken.push(
          ...rows.flatMap(({ id, version, dataKey }) => (tryRewrap(seal, dataKey, { portalId: id, version }) ? [] : [id])),
        )
        const last = rows.at(-1)
        if (!last) break
        after = last.id
      }
      return broken.slice(0, limit)
    },

    /** How many portals' data keys each encryption key wraps. */
    async countByKey(): Promise<Record<string, number>> {
      const rows = await prisma.$queryRaw<{ id: string; count: number }[]>`
        SELECT "dataKeyId" AS id, count(*)::int AS count FROM "Portal" WHERE "dataKey" IS NOT NULL GROUP BY 1 ORDER BY 1`
      return Object.fromEntries(rows.map(({ id, count }) => [id, count]))
    },
  }
}

function tryRewrap(seal: Seal, dataKey: string, binding: { portalId: string; version: number }) {
  try {
    return seal.rewrap(dataKey, binding)
  } catch (error) {
    if (error instanceof AppError) return undefined
    throw error
  }
}
