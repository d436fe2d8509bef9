import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { type Actor, recordAudit } from './audit-store.js'
import type { PortalStatus } from './portal-store.js'
import type { Seal, TokenPair } from './seal.js'

/** What a portal's tokens are opened for: told in the audit trail. */
export type TokenPurpose = 'submit' | 'track' | 'reconcile' | 'check' | 'disconnect'

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
        await prisma.$transaction(async (tx) => {
          const [row] = await tx.$queryRaw<{ version: number }[]>`
            UPDATE "Portal" SET "tokenVersion" = "tokenVersion" + 1, "leaseUntil" = NULL
            WHERE "id" = ${portalId} AND "leaseEpoch" = ${epoch} RETURNING "tokenVersion" AS version`
          if (!row) return
          await insertVersion(tx, portalId, row.version, changed)
          const detail = { version: row.version, purpose }
          await recordAudit(tx, { actor: 'importal', action: 'tokens_refreshed', portalId, detail })
        })
        isHeld = false
      }
      return await read(portalId, purpose)
    } finally {
      if (isHeld) await prisma.portal.updateMany({ where: { id: portalId, leaseEpoch: epoch }, data: { leaseUntil: null } })
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

    /** How many portals' data keys each encryption key wraps. */
    async countByKey(): Promise<Record<string, number>> {
      const rows = await prisma.$queryRaw<{ id: string; count: number }[]>`
        SELECT "dataKeyId" AS id, count(*)::int AS count FROM "Portal" WHERE "dataKey" IS NOT NULL GROUP BY 1 ORDER BY 1`
      return Object.fromEntries(rows.map(({ id, count }) => [id, count]))
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

function tryRewrap(seal: Seal, dataKey: string, binding: { portalId: string; version: number }) {
  try {
    return seal.rewrap(dataKey, binding)
  } catch (error) {
    if (error instanceof AppError) return undefined
    throw error
  }
}
