import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { TEST_TOKEN } from '../hubspot/apart.js'
import { type Actor, recordAudit } from './audit-store.js'
import type { PortalStatus } from './portal-store.js'
import type { Seal, TokenPair } from './seal.js'

/** What a portal's tokens are opened for: told in the audit trail. */
export type TokenPurpose = 'submit' | 'track' | 'reconcile' | 'properties' | 'check' | 'disconnect'

/** A version of a portal's tokens. The seconds are by the database's clock, so that no process's clock matters. */
export type TokenSet = TokenPair & {
  version: number
  status: PortalStatus
  scopes: string[]
  secondsLeft: number
  ageSeconds: number
}

export type NewTokens = TokenPair & { scopes: string[]; expiresInSeconds: number }

/** `change` is given what is stored when it is its turn, and answers undefined to leave it. */
export type Update = {
  isStale: (stored: TokenSet) => boolean
  change: (stored: TokenSet) => Promise<NewTokens | undefined>
}

export type PortalDetails = Partial<
  Record<'appId' | 'hubDomain' | 'uiDomain' | 'timeZone' | 'accountType' | 'dataHostingLocation', string | null>
>

/** Outlives the deadline of a refresh, so that a holder still waiting for HubSpot is never overtaken. */
const LEASE_SECONDS = 25
const LEASE_POLL_MS = 40
/** Longer than a lease of somebody who died, and a refresh after it. */
const MAX_WAIT_MS = 45_000
/** Together well within what is left of a lease when HubSpot took its time. */
const STORE_AGAIN_AFTER_MS = [100, 500, 1_500, 3_000, undefined]
/** Old versions kept for the record; without their data keys they can never be opened again. */
const VERSIONS_KEPT = 3
/** A process tells the trail once in so long that it opens a portal's tokens for a purpose. */
const OPENING_TOLD_EVERY_MS = 60 * 60_000
const MAX_OPENINGS_KNOWN = 100_000
/** HubSpot is asked this much later whether our access still holds. */
const CHECK_AFTER_SECONDS = 15 * 60

export type TokenStore = ReturnType<typeof createTokenStore>

/** Portals' sealed tokens; they are sealed and opened here and nowhere else. */
export function createTokenStore(prisma: Database, seal: Seal) {
  const toldAt = new Map<string, number>()

  /** Before the opening it tells of: tokens that cannot be told of are not opened. */
  async function tellOpening(portalId: string, purpose: TokenPurpose): Promise<void> {
    const key = `${portalId} ${purpose}`
    const now = performance.now()
    if (now - (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < OPENING_TOLD_EVERY_MS) return
    await recordAudit(prisma, { actor: 'importal', action: 'tokens_opened', portalId, detail: { purpose } })
    if (toldAt.size >= MAX_OPENINGS_KNOWN) toldAt.clear()
    toldAt.set(key, now)
  }

  async function read(portalId: string, purpose: TokenPurpose): Promise<TokenSet> {
    const [row] = await prisma.$queryRaw<StoredTokens[]>`
      SELECT p."status", p."dataKey", t."version", t."accessToken", t."refreshToken", t."scopes",
             extract(epoch FROM t."expiresAt" - now())::float8 AS "secondsLeft",
             extract(epoch FROM now() - t."createdAt")::float8 AS "ageSeconds",
             extract(epoch FROM p."pausedUntil" - now())::float8 AS "pausedSeconds"
      FROM "Portal" p LEFT JOIN "PortalToken" t ON t."portalId" = p."id" AND t."version" = p."tokenVersion"
      WHERE p."id" = ${portalId}`
    if (!row || (row.status === 'disconnected' && purpose !== 'disconnect')) throw new AppError('portal_not_found')
    const { status, dataKey, version, accessToken, refreshToken, scopes, secondsLeft, ageSeconds, pausedSeconds } = row
    const isDead = status === 'reconnect' && purpose !== 'check' && purpose !== 'disconnect'
    if (isDead || dataKey === null || version === null) throw new AppError('portal_disconnected', { context: { portalId } })
    if (pausedSeconds !== null && pausedSeconds > 0 && purpose !== 'disconnect')
      throw new AppError('hubspot_migrating', { retryAfterSeconds: Math.ceil(pausedSeconds) })
    await tellOpening(portalId, purpose)
    const pair = seal.openPair({ dataKey, accessToken, refreshToken }, { portalId, version })
    return { ...pair, version, status, scopes, secondsLeft, ageSeconds }
  }

  /** Stores a version whose number the portal's row has just been given, and the only data key that opens it. */
  async function insertVersion(tx: Transaction, portalId: string, version: number, tokens: NewTokens): Promise<void> {
    const sealed = seal.closePair(tokens, { portalId, version })
    await tx.$executeRaw`
      INSERT INTO "PortalToken" ("portalId", "version", "accessToken", "refreshToken", "scopes", "expiresAt")
      VALUES (${portalId}, ${version}, ${sealed.accessToken}, ${sealed.refreshToken}, ${tokens.scopes},
              now() + ${tokens.expiresInSeconds} * interval '1 second')`
    await tx.$executeRaw`
      UPDATE "Portal" SET "dataKey" = ${sealed.dataKey}, "dataKeyId" = ${sealed.dataKeyId}, "scopes" = ${tokens.scopes},
        "status" = 'connected', "reconnectSince" = NULL, "updatedAt" = now(),
        "checkAt" = now() + ${CHECK_AFTER_SECONDS} * interval '1 second'
      WHERE "id" = ${portalId}`
    await tx.portalToken.deleteMany({ where: { portalId, version: { lte: version - VERSIONS_KEPT } } })
  }

  /** The epoch that fences what its holder stores; undefined while somebody else holds the lease. */
  async function lease(portalId: string): Promise<number | undefined> {
    const [row] = await prisma.$queryRaw<{ epoch: number }[]>`
      UPDATE "Portal" SET "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = now() + ${LEASE_SECONDS} * interval '1 second'
      WHERE "id" = ${portalId} AND ("leaseUntil" IS NULL OR "leaseUntil" < now()) RETURNING "leaseEpoch" AS epoch`
    return row?.epoch
  }

  /** What `update` does once it is the caller's turn. */
  async function updateLeased(
    portalId: string,
    purpose: TokenPurpose,
    epoch: number,
    { isStale, change }: Update,
  ): Promise<TokenSet> {
    let isHeld = true
    try {
      const stored = await read(portalId, purpose)
      const changed = isStale(stored) ? await change(stored) : undefined
      if (changed) {
        await store(portalId, purpose, { epoch, version: stored.version + 1 }, changed)
        isHeld = false
      }
      return await read(portalId, purpose)
    } finally {
      if (isHeld) await prisma.portal.updateMany({ where: { id: portalId, leaseEpoch: epoch }, data: { leaseUntil: null } })
    }
  }

  /**
   * Stores what HubSpot has just given, unless the lease is lost or a newer version is there. One statement, tried again
   * while the lease lasts: a HubSpot that rotates has forgotten the tokens before.
   */
  async function store(
    portalId: string,
    purpose: TokenPurpose,
    { epoch, version }: { epoch: number; version: number },
    tokens: NewTokens,
  ): Promise<void> {
    const sealed = seal.closePair(tokens, { portalId, version })
    const detail = JSON.stringify({ version, purpose })
    for (const waitMs of STORE_AGAIN_AFTER_MS) {
      try {
        await prisma.$executeRaw`
          WITH own AS (
            UPDATE "Portal" SET "tokenVersion" = ${version}, "dataKey" = ${sealed.dataKey}, "dataKeyId" = ${sealed.dataKeyId},
              "scopes" = ${tokens.scopes}, "status" = 'connected', "reconnectSince" = NULL, "leaseUntil" = NULL,
              "updatedAt" = now(), "checkAt" = now() + ${CHECK_AFTER_SECONDS} * interval '1 second'
            WHERE "id" = ${portalId} AND "leaseEpoch" = ${epoch} AND "tokenVersion" = ${version - 1} RETURNING "id"
          ), added AS (
            INSERT INTO "PortalToken" ("portalId", "version", "accessToken", "refreshToken", "scopes", "expiresAt")
            SELECT "id", ${version}, ${sealed.accessToken}, ${sealed.refreshToken}, ${tokens.scopes}::text[],
                   now() + ${tokens.expiresInSeconds} * interval '1 second' FROM own
          ), dropped AS (
            DELETE FROM "PortalToken" t USING own WHERE t."portalId" = own."id" AND t."version" <= ${version - VERSIONS_KEPT}
          )
          INSERT INTO "AuditEvent" ("actor", "action", "portalId", "detail")
          SELECT 'importal', 'tokens_refreshed', "id", ${detail}::jsonb FROM own`
        return
      } catch (error) {
        // Whether it was stored before the connection broke, the version tells: the next try then finds nothing to do.
        if (waitMs === undefined) throw error
        await sleep(waitMs)
      }
    }
  }

  return {
    /**
     * The version that counts. One that HubSpot has refused is given to whoever checks or ends the access, and nobody else.
     * @throws {AppError} `portal_not_found`, `portal_disconnected`, `hubspot_migrating` (nothing is asked of HubSpot now),
     *   `seal_broken`, `encryption_key_missing`
     */
    read,

    /**
     * Makes or renews the one row of a portal: new tokens, connected again. A refresh under way elsewhere loses.
     * @throws {AppError} `portal_disconnecting`: what was kept of it is still being deleted
     */
    async connect(portalId: string, tokens: NewTokens, details: PortalDetails, actor: Actor): Promise<void> {
      await prisma.$transaction(async (tx) => {
        await tx.$executeRaw`INSERT INTO "Portal" ("id") VALUES (${portalId}) ON CONFLICT DO NOTHING`
        // Whoever was left signed in for the receipt of a disconnection is not the admin of this connection.
        await tx.$executeRaw`
          DELETE FROM "Session" WHERE "portalId" = ${portalId}
            AND EXISTS (SELECT 1 FROM "Portal" p WHERE p."id" = ${portalId} AND p."status" = 'disconnected')`
        const [portal] = await tx.$queryRaw<{ isTest: boolean }[]>`SELECT "isTest" FROM "Portal" WHERE "id" = ${portalId}`
        // HubSpot gives no such tokens: somebody else would have.
        if (!portal?.isTest && tokens.accessToken.reveal().startsWith(TEST_TOKEN)) throw new AppError('oauth_answer_invalid')
        const [row] = await tx.$queryRaw<{ version: number; wasKnown: boolean }[]>`
          UPDATE "Portal" SET "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = NULL, "tokenVersion" = "tokenVersion" + 1,
            "missingScopes" = '{}', "pausedUntil" = NULL, "disconnectedAt" = NULL, "erasedAt" = NULL
          WHERE "id" = ${portalId} AND ("status" <> 'disconnected' OR "erasedAt" IS NOT NULL)
          RETURNING "tokenVersion" AS version, "tokenVersion" > 1 AS "wasKnown"`
        if (!row)
          throw new AppError('portal_disconnecting', { detail: 'Its data is still being deleted. Try again in a minute.' })
        await tx.portal.update({ where: { id: portalId }, data: details })
        await insertVersion(tx, portalId, row.version, tokens)
        const action = row.wasKnown ? 'portal_reconnected' : 'portal_installed'
        await recordAudit(tx, { actor, action, portalId, detail: { version: row.version, scopes: tokens.scopes } })
      })
    },

    /**
     * Lets one caller at a time, across processes, change a portal's tokens, for as long as they are stale; resolves to
     * the newest ones. Whoever waits is done as soon as they are stored. A lease and not a lock: no connection is held
     * while `change` asks HubSpot, and a holder that lost its lease cannot overwrite what came after.
     */
    async update(portalId: string, purpose: TokenPurpose, update: Update): Promise<TokenSet> {
      for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += LEASE_POLL_MS) {
        const epoch = await lease(portalId)
        if (epoch !== undefined) return updateLeased(portalId, purpose, epoch, update)
        await sleep(LEASE_POLL_MS * (0.5 + Math.random()))
        const stored = await read(portalId, purpose)
        if (!update.isStale(stored)) return stored
      }
      throw new AppError('hubspot_unavailable', { context: { portalId, why: 'no turn to refresh the tokens' } })
    },
  }
}

type StoredTokens = {
  status: PortalStatus
  dataKey: string | null
  version: number | null
  accessToken: string
  refreshToken: string
  scopes: string[]
  secondsLeft: number
  ageSeconds: number
  pausedSeconds: number | null
}
