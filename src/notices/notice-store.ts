import type { Database, Transaction } from '../db/prisma.js'

/** Longer than HubSpot goes on repeating: a day. */
const KEPT_DAYS = 3

export type KnownPortal = { portalId: string; appId: string | null }

export type NoticeStore = ReturnType<typeof createNoticeStore>

/** Which notices were taken, so that a repetition has no effect. */
export function createNoticeStore(prisma: Database) {
  return {
    /** The database's clock, in milliseconds since 1970: the one that all processes agree on. */
    async nowMs(): Promise<number> {
      const [row] = await prisma.$queryRaw<{ ms: number }[]>`
        SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`
      return Number(row?.ms)
    },

    /** Those of the portals that we know, and the app each of them installed. */
    async listKnown(portalIds: string[]): Promise<KnownPortal[]> {
      const rows = await prisma.portal.findMany({ where: { id: { in: portalIds } }, select: { id: true, appId: true } })
      return rows.map(({ id, appId }) => ({ portalId: id, appId }))
    },

    /** Records notices and lets `effect` act on those that are new, all or nothing; resolves to the new ones. */
    async record<Notice extends { idHash: string }>(
      notices: Notice[],
      effect: (fresh: Notice[], tx: Transaction) => Promise<void>,
    ): Promise<Notice[]> {
      const hashes = [...new Set(notices.map(({ idHash }) => idHash))].sort()
      return prisma.$transaction(async (tx) => {
        // In one order: whoever records the same ones at the same time waits here, and then finds them taken.
        const taken = await tx.$queryRaw<{ idHash: string }[]>`
          INSERT INTO "Notice" ("idHash") SELECT decode(hash, 'hex') FROM unnest(${hashes}::text[]) WITH ORDINALITY AS given(hash, n) ORDER BY n
          ON CONFLICT DO NOTHING RETURNING encode("idHash", 'hex') AS "idHash"`
        const fresh = taken.flatMap(({ idHash }) => notices.find((notice) => notice.idHash === idHash) ?? [])
        if (fresh.length > 0) await effect(fresh, tx)
        return fresh
      })
    },

    /** Removes what HubSpot will not repeat any more. */
    async sweep(): Promise<void> {
      await prisma.$executeRaw`DELETE FROM "Notice" WHERE "receivedAt" < now() - ${KEPT_DAYS} * interval '1 day'`
    },
  }
}
