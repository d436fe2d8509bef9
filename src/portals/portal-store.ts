import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Database, Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import type { Seal } from './seal.js'

/** A HubSpot account's hub id. */
export const PortalId = z.string().regex(/^[1-9]\d{0,18}$/)

const PortalStatus = z.enum(['connected', 'reconnect', 'disconnected'])
export type PortalStatus = z.infer<typeof PortalStatus>

export type Portal = {
  id: string
  status: PortalStatus
  hubDomain: string | null
  uiDomain: string | null
  timeZone: string | null
  dataHostingLocation: string | null
  scopes: string[]
  installedAt: Date
}

/** A version of a portal's tokens. `secondsLeft` is by the database's clock, so that no process's clock matters. */
export type TokenSet = {
  version: number
  accessToken: string
  refreshToken: string
  scopes: string[]
  secondsLeft: number
}

export type NewTokens = { accessToken: string; refreshToken: string; scopes: string[]; expiresInSeconds: number }

export type PortalDetails = Partial<
  Record<'hubDomain' | 'uiDomain' | 'timeZone' | 'accountType' | 'dataHostingLocation', string | null>
>

/** Outlives the deadline of a refresh, so that a holder still waiting for HubSpot is never overtaken. */
const LEASE_SECONDS = 25
const LEASE_POLL_MS = 60
/** Longer than a lease of somebody who died, and a refresh after it. */
const MAX_WAIT_MS = 45_000
/** Old versions kept for the record; they are of no use once a newer one is stored. */
const VERSIONS_KEPT = 3

const MAX_LISTED = 10_000

const FIELDS = {
  id: true,
  status: true,
  hubDomain: true,
  uiDomain: true,
  timeZone: true,
  dataHostingLocation: true,
  scopes: true,
  installedAt: true,
} as const

export type PortalStore = ReturnType<typeof createPortalStore>

/** Portals and their sealed tokens; tokens are sealed and opened here and nowhere else. */
export function createPortalStore(prisma: Database, seal: Seal) {
  const sealed = (portalId: string, version: number, tokens: NewTokens) => ({
    portalId,
    version,
    accessToken: seal.close(tokens.accessToken, { portalId, version, field: 'access_token' }),
    refreshToken: seal.close(tokens.refreshToken, { portalId, version, field: 'refresh_token' }),
    keyId: seal.currentKeyId,
    scopes: tokens.scopes,
  })

  async function readTokens(portalId: string): Promise<TokenSet> {
    const [row] = await prisma.$queryRaw<
      { version: number; accessToken: string; refreshToken: string; scopes: string[]; secondsLeft: number }[]
    >`
      SELECT t."version", t."accessToken", t."refreshToken", t."scopes",
             extract(epoch FROM t."expiresAt" - now())::float8 AS "secondsLeft"
      FROM "Portal" p JOIN "PortalToken" t ON t."portalId" = p."id" AND t."version" = p."tokenVersion"
      WHERE p."id" = ${portalId} AND p."status" <> 'disconnected'`
    if (!row) throw new AppError('portal_not_found')
    const { version, scopes, secondsLeft } = row
    return {
      version,
      accessToken: seal.open(row.accessToken, { portalId, version, field: 'access_token' }),
      refreshToken: seal.open(row.refreshToken, { portalId, version, field: 'refresh_token' }),
      scopes,
      secondsLeft,
    }
  }

  /** Stores a version whose number the portal's row has just been given. */
  async function insertVersion(tx: Transaction, portalId: string, version: number, tokens: NewTokens): Promise<void> {
    const row = sealed(portalId, version, tokens)
    await tx.$executeRaw`
      INSERT INTO "PortalToken" ("portalId", "version", "accessToken", "refreshToken", "keyId", "scopes", "expiresAt")
      VALUES (${portalId}, ${version}, ${row.accessToken}, ${row.refreshToken}, ${row.keyId}, ${row.scopes},
              now() + ${tokens.expiresInSeconds} * interval '1 second')`
    await tx.portalToken.deleteMany({ where: { portalId, version: { lte: version - VERSIONS_KEPT } } })
  }

  async function lease(portalId: string): Promise<number> {
    for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += LEASE_POLL_MS) {
      const [row] = await prisma.$queryRaw<{ epoch: number }[]>`
        UPDATE "Portal" SET "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = now() + ${LEASE_SECONDS} * interval '1 second'
        WHERE "id" = ${portalId} AND ("leaseUntil" IS NULL OR "leaseUntil" < now()) RETURNING "leaseEpoch" AS epoch`
      if (row) return row.epoch
      // Whoever holds the lease will mostly have stored a new version by then: see `change` in updateTokens.
      await sleep(LEASE_POLL_MS * (0.5 + Math.random()))
    }
    throw new AppError('hubspot_unavailable', { context: { portalId, why: 'no turn to refresh the tokens' } })
  }

  return {
    readTokens,

    async find(portalId: string): Promise<Portal | undefined> {
      const row = await prisma.portal.findUnique({ where: { id: portalId }, select: FIELDS })
      return row ? { ...row, status: PortalStatus.parse(row.status) } : undefined
    },

    async list(): Promise<Portal[]> {
      const rows = await prisma.portal.findMany({ orderBy: { installedAt: 'asc' }, take: MAX_LISTED, select: FIELDS })
      return rows.map((row) => ({ ...row, status: PortalStatus.parse(row.status) }))
    },

    /** Makes or renews the one row of a portal: new tokens, connected again. A refresh under way elsewhere loses. */
    async connect(portalId: string, tokens: NewTokens, details: PortalDetails): Promise<void> {
      const fields = { ...details, scopes: tokens.scopes, status: 'connected', disconnectedAt: null }
      await prisma.$transaction(async (tx) => {
        await tx.portal.upsert({ where: { id: portalId }, create: { id: portalId, ...fields }, update: fields })
        const { tokenVersion } = await tx.portal.update({
          where: { id: portalId },
          data: { leaseEpoch: { increment: 1 }, leaseUntil: null, tokenVersion: { increment: 1 } },
          select: { tokenVersion: true },
        })
        await insertVersion(tx, portalId, tokenVersion, tokens)
      })
    },

    /**
     * Lets one caller at a time, across processes, change a portal's tokens; resolves to the newest ones. `change` is
     * given what is stored by then and answers undefined to leave it. A lease and not a lock: no connection is held
     * while `change` asks HubSpot, and a holder that lost its lease cannot overwrite what came after.
     */
    async updateTokens(portalId: string, change: (tokens: TokenSet) => Promise<NewTokens | undefined>): Promise<TokenSet> {
      const epoch = await lease(portalId)
      try {
        const changed = await change(await readTokens(portalId))
        if (changed) {
          await prisma.$transaction(async (tx) => {
            const [row] = await tx.$queryRaw<{ version: number }[]>`
              UPDATE "Portal" SET "tokenVersion" = "tokenVersion" + 1, "scopes" = ${changed.scopes}, "updatedAt" = now()
              WHERE "id" = ${portalId} AND "leaseEpoch" = ${epoch} RETURNING "tokenVersion" AS version`
            if (row) await insertVersion(tx, portalId, row.version, changed)
          })
        }
        return await readTokens(portalId)
      } finally {
        await prisma.portal.updateMany({ where: { id: portalId, leaseEpoch: epoch }, data: { leaseUntil: null } })
      }
    },

    /** HubSpot refuses our tokens of this version: the portal must be reconnected. Newer tokens are not touched. */
    async markReconnect(portalId: string, tokenVersion: number): Promise<boolean> {
      const { count } = await prisma.portal.updateMany({
        where: { id: portalId, tokenVersion, status: 'connected' },
        data: { status: 'reconnect' },
      })
      return count > 0
    },

    /** Seals again what an older key sealed, `limit` versions at a time; resolves to how many there were. */
    async rotateEncryption(limit: number): Promise<number> {
      const rows = await prisma.portalToken.findMany({ where: { keyId: { not: seal.currentKeyId } }, take: limit })
      for (const { portalId, version, accessToken, refreshToken, keyId, scopes } of rows) {
        const open = {
          accessToken: seal.open(accessToken, { portalId, version, field: 'access_token' }),
          refreshToken: seal.open(refreshToken, { portalId, version, field: 'refresh_token' }),
        }
        const data = sealed(portalId, version, { ...open, scopes, expiresInSeconds: 0 })
        await prisma.portalToken.updateMany({ where: { portalId, version, keyId }, data })
      }
      return rows.length
    },

    /** How many stored versions each encryption key still seals. */
    async countByKey(): Promise<Record<string, number>> {
      const groups = await prisma.portalToken.groupBy({ by: ['keyId'], _count: true })
      return Object.fromEntries(groups.map(({ keyId, _count }) => [keyId, _count]))
    },
  }
}
