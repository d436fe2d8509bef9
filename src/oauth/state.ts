import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../db/prisma.js'

/** Begun at the portal's or the app's wish, and still to be finished. */
export type PendingInstall = { portalId: string | null }

const LIFETIME_MINUTES = 10

export type OAuthStates = ReturnType<typeof createOAuthStates>

/** OAuth's `state`: random, good for one use within ten minutes, and only in the browser it was made for. */
export function createOAuthStates(prisma: Database) {
  return {
    async issue(browserHash: Buffer, portalId: string | null): Promise<string> {
      const state = randomBytes(32).toString('base64url')
      await prisma.$executeRaw`
        INSERT INTO "OAuthState" ("stateHash", "browserHash", "portalId", "expiresAt")
        VALUES (${hash(state)}, ${browserHash}, ${portalId}, now() + ${LIFETIME_MINUTES} * interval '1 minute')`
      return state
    },

    /** Uses a state up: of any number of callers with the same one, a single one gets it. Undefined for all others. */
    async consume(state: string, browserHash: Buffer): Promise<PendingInstall | undefined> {
      const [row] = await prisma.$queryRaw<PendingInstall[]>`
        DELETE FROM "OAuthState" WHERE "stateHash" = ${hash(state)} AND "browserHash" = ${browserHash} AND "expiresAt" > now()
        RETURNING "portalId"`
      return row
    },

    /** Removes states that nobody came back with. */
    async sweep(): Promise<void> {
      await prisma.$executeRaw`DELETE FROM "OAuthState" WHERE "expiresAt" < now()`
    },
  }
}

function hash(state: string): Buffer {
  return createHash('sha256').update(state).digest()
}
