import type { Database } from '../db/prisma.js'

/** The right to read on from `offset`: while somebody has it, `readAt` is this instant, which lies in the future. */
export type JournalTurn = { offset: string | null; isSubscribed: boolean; leasedUntil: Date }

/** Nothing is lost when a reader died: HubSpot keeps its journal for days. */
const LEASE_SECONDS = 120
/** Subscriptions are renewed, because they can be lost without our being told. */
const SUBSCRIBED_FOR_HOURS = 24

export type JournalStore = ReturnType<typeof createJournalStore>

/** How far HubSpot's journal has been read, and whose turn it is to read; all times are the database's. */
export function createJournalStore(prisma: Database) {
  return {
    /** Undefined while it is somebody else's. */
    async takeTurn(): Promise<JournalTurn | undefined> {
      await prisma.$executeRaw`INSERT INTO "JournalPosition" ("id") VALUES (1) ON CONFLICT DO NOTHING`
      const [turn] = await prisma.$queryRaw<JournalTurn[]>`
        UPDATE "JournalPosition" SET "readAt" = clock_timestamp() + ${LEASE_SECONDS} * interval '1 second'
        WHERE "id" = 1 AND "readAt" <= clock_timestamp()
        RETURNING "offset", "readAt" AS "leasedUntil",
          coalesce("subscribedAt" > now() - ${SUBSCRIBED_FOR_HOURS} * interval '1 hour', false) AS "isSubscribed"`
      return turn
    },

    /** What was read up to here has had its effect; false when the turn is over, and somebody else reads it again. */
    async advance({ leasedUntil }: JournalTurn, offset: string): Promise<boolean> {
      const own = await prisma.$executeRaw`
        UPDATE "JournalPosition" SET "offset" = ${offset}
        WHERE "id" = 1 AND "readAt" = ${leasedUntil} AND "readAt" > clock_timestamp()`
      return own > 0
    },

    async recordSubscribed(): Promise<void> {
      await prisma.$executeRaw`UPDATE "JournalPosition" SET "subscribedAt" = now() WHERE "id" = 1`
    },

    async endTurn({ leasedUntil }: JournalTurn): Promise<void> {
      await prisma.$executeRaw`UPDATE "JournalPosition" SET "readAt" = clock_timestamp() WHERE "id" = 1 AND "readAt" = ${leasedUntil}`
    },
  }
}
