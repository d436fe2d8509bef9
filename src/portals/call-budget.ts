import { setTimeout as wait } from 'node:timers/promises'
import type { Database } from '../db/prisma.js'
import { AppError } from '../errors.js'

/** So many calls may come at once, … */
const BURST = 40
/** … and then one each sixth of a second. In any ten seconds that is 100, of the 110 that HubSpot lets a portal have. */
const SPACING_SECONDS = 1 / 6
/** Whose turn would come later than this is not kept waiting. */
const MAX_WAIT_SECONDS = 3

export type CallBudget = ReturnType<typeof createCallBudget>

/**
 * What each portal's calls must keep to, over all processes together. The ten calls to spare are for those that take long to
 * reach HubSpot, and for the few that an installation and its end make without asking here. OAuth's endpoints do not count.
 *
 * The rule is GCRA's, in one row a portal: `fullAt` is when all of the budget would be there again, and each call moves it on.
 * Whoever must wait has a moment of its own then, so that nobody asks twice.
 *
 * @see https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
 */
export function createCallBudget(prisma: Database, sleep: (ms: number) => Promise<unknown> = wait) {
  /** The seconds until the call may be made; undefined: too many, and nothing was taken. */
  async function reserve(portalId: string): Promise<number | undefined> {
    const [taken] = await prisma.$queryRaw<{ seconds: number }[]>`
      INSERT INTO "CallBudget" AS b ("portalId", "fullAt")
      VALUES (${portalId}, clock_timestamp() + ${SPACING_SECONDS} * interval '1 second')
      ON CONFLICT ("portalId") DO UPDATE
        SET "fullAt" = greatest(b."fullAt", clock_timestamp()) + ${SPACING_SECONDS} * interval '1 second'
        WHERE b."fullAt" <= clock_timestamp() + ${(BURST - 1) * SPACING_SECONDS + MAX_WAIT_SECONDS} * interval '1 second'
      RETURNING extract(epoch FROM "fullAt" - clock_timestamp())::float8 - ${BURST * SPACING_SECONDS}::float8 AS seconds`
    return taken && Math.max(0, taken.seconds)
  }

  async function look(portalId: string): Promise<{ seconds: number; isPaused: boolean }> {
    const [row] = await prisma.$queryRaw<{ seconds: number; isPaused: boolean }[]>`
      SELECT extract(epoch FROM "fullAt" - clock_timestamp())::float8 - ${(BURST - 1) * SPACING_SECONDS}::float8 AS seconds,
             coalesce("pausedUntil" > clock_timestamp(), false) AS "isPaused"
      FROM "CallBudget" WHERE "portalId" = ${portalId}`
    return row ?? { seconds: 0, isPaused: false }
  }

  return {
    /**
     * Resolves when one call of the portal's may be made, within three seconds.
     * @throws {AppError} `hubspot_busy` when it may not be made so soon
     */
    async take(portalId: string): Promise<void> {
      const seconds = await reserve(portalId)
      if (seconds === 0) return
      if (seconds !== undefined) await sleep(seconds * 1_000)
      const now = await look(portalId)
      if (seconds !== undefined && !now.isPaused) return
      // Not all at the same moment again.
      const retryAfterSeconds = Math.ceil(Math.max(1, now.seconds) * (1 + Math.random() / 2))
      throw new AppError('hubspot_busy', { retryAfterSeconds, context: { portalId, why: 'the portal’s calls are used up' } })
    },

    /** HubSpot asks for a pause: no call for so long, and no burst after it. What waits already is let down. */
    async pauseFor(portalId: string, seconds: number): Promise<void> {
      await prisma.$executeRaw`
        INSERT INTO "CallBudget" AS b ("portalId", "fullAt", "pausedUntil")
        VALUES (${portalId}, clock_timestamp() + ${seconds + BURST * SPACING_SECONDS} * interval '1 second',
                clock_timestamp() + ${seconds} * interval '1 second')
        ON CONFLICT ("portalId") DO UPDATE
          SET "fullAt" = greatest(b."fullAt", excluded."fullAt"), "pausedUntil" = greatest(b."pausedUntil", excluded."pausedUntil")`
    },
  }
}
