import { z } from 'zod'
import type { Database } from '../db/prisma.js'
import { type Actor, recordAudit } from './audit-store.js'

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
  /** What HubSpot refused calls for the lack of, since the portal was last connected. */
  missingScopes: string[]
  installedAt: Date
  /** Set after a restore: nothing is submitted for it before HubSpot's list has been searched for what it has already. */
  matchingSince: Date | null
  disconnectedAt: Date | null
  erasedAt: Date | null
  /** Files and values of rows are erased so many days after their import has ended. */
  retentionDays: number
}

/**
 * Who disconnects a portal, and why. `sessionHash`: the browser that does keeps its session, for the receipt.
 * `tokenVersion`: only the connection that has these tokens is meant, not one made since.
 */
export type Disconnection = {
  actor: Actor
  why: string
  sessionHash?: Buffer | undefined
  tokenVersion?: number | undefined
}

/** A portal that was disconnected, and for how long by the database's clock. */
export type Unerased = { portalId: string; tokenVersion: number; disconnectedAt: Date; seconds: number }

/** A portal HubSpot is to be asked about: whether our access holds, for one that is connected or was until lately. */
export type DueCheck = {
  portalId: string
  status: PortalStatus
  tokenVersion: number
  hasTokens: boolean
  reconnectDays: number
}

const MAX_LISTED = 10_000
const CHECK_EVERY_SECONDS = 15 * 60
/** A check that was begun and never ended is made again after this long. */
const CHECK_AGAIN_SECONDS = 5 * 60
/** Right after HubSpot refused our tokens it is asked once more, before they are given up. */
const CONFIRM_AFTER_SECONDS = 5

const FIELDS = {
  id: true,
  status: true,
  hubDomain: true,
  uiDomain: true,
  timeZone: true,
  dataHostingLocation: true,
  scopes: true,
  missingScopes: true,
  installedAt: true,
  matchingSince: true,
  disconnectedAt: true,
  erasedAt: true,
  retentionDays: true,
} as const

/** @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide */
const [MAX_FILE_BYTES, MAX_FREE_FILE_BYTES] = [512 * 1024 * 1024, 20 * 1024 * 1024]
const [FREE_IMPORTS_A_DAY, FREE_ROWS_A_DAY] = [50, 500_000]

export type PortalStore = ReturnType<typeof createPortalStore>

/** Portals, and how our access to each stands; their tokens are in token-store.ts. */
export function createPortalStore(prisma: Database) {
  return {
    async find(portalId: string): Promise<Portal | undefined> {
      const row = await prisma.portal.findUnique({ where: { id: portalId }, select: FIELDS })
      return row ? { ...row, status: PortalStatus.parse(row.status) } : undefined
    },

    async list(): Promise<Portal[]> {
      const rows = await prisma.portal.findMany({ orderBy: { installedAt: 'asc' }, take: MAX_LISTED, select: FIELDS })
      return rows.map((row) => ({ ...row, status: PortalStatus.parse(row.status) }))
    },

    /** Sets for how long data is kept; false when it was not what its admin has seen. */
    async changeRetention(portalId: string, { days, was }: { days: number; was: number }): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        const { count } = await tx.portal.updateMany({
          where: { id: portalId, retentionDays: was },
          data: { retentionDays: days },
        })
        if (count > 0) await recordAudit(tx, { actor: 'admin', action: 'retention_changed', portalId, detail: { days, was } })
        return count > 0
      })
    },

    /** What to call portals, in this order. */
    async listNames(portalIds: string[]): Promise<{ id: string; name: string }[]> {
      const rows = await prisma.portal.findMany({ where: { id: { in: portalIds } }, select: { id: true, hubDomain: true } })
      const names = new Map(rows.map(({ id, hubDomain }) => [id, hubDomain]))
      return portalIds.map((id) => ({ id, name: names.get(id) ?? id }))
    },

    /** How large a file of the portal's may be, in bytes: free accounts, which are known by their quotas, have less. */
    async readMaxFileBytes(portalId: string): Promise<number> {
      const [row] = await prisma.$queryRaw<{ isFree: boolean }[]>`
        SELECT coalesce("importsPerDay" <= ${FREE_IMPORTS_A_DAY}, false) OR coalesce("rowsPerDay" <= ${FREE_ROWS_A_DAY}, false) AS "isFree"
        FROM "Portal" WHERE "id" = ${portalId}`
      return row?.isFree ? MAX_FREE_FILE_BYTES : MAX_FILE_BYTES
    },

    async countByStatus(): Promise<Record<string, number>> {
      const rows = await prisma.portal.groupBy({ by: ['status'], _count: true })
      return Object.fromEntries(rows.map(({ status, _count }) => [status, _count]))
    },

    /**
     * HubSpot refuses our tokens of this version: the portal must be connected again. False, and nothing done, when there
     * are newer tokens by now, or it waits already.
     */
    async markReconnect(portalId: string, tokenVersion: number, why: string): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        const marked = await tx.$executeRaw`
          UPDATE "Portal" SET "status" = 'reconnect', "reconnectSince" = now(), "updatedAt" = now(),
            "checkAt" = now() + ${CONFIRM_AFTER_SECONDS} * interval '1 second'
          WHERE "id" = ${portalId} AND "tokenVersion" = ${tokenVersion} AND "status" = 'connected'`
        if (marked > 0)
          await recordAudit(tx, { actor: 'hubspot', action: 'portal_reconnect_needed', portalId, detail: { why, tokenVersion } })
        return marked > 0
      })
    },

    /** Scopes that HubSpot refused a call for the lack of: shown to the admin until the portal is connected again. */
    async recordMissingScopes(portalId: string, scopes: string[]): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Portal" SET "missingScopes" = ARRAY(SELECT DISTINCT unnest("missingScopes" || ${scopes}::text[]) ORDER BY 1)
        WHERE "id" = ${portalId} AND NOT "missingScopes" @> ${scopes}::text[]`
    },

    /** HubSpot is moving the account between data centres: nothing is asked of it for so long. */
    async pause(portalId: string, seconds: number): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Portal" SET "pausedUntil" = greatest("pausedUntil", now() + ${seconds} * interval '1 second')
        WHERE "id" = ${portalId}`
    },

    /** Claims up to `limit` portals whose check is due; each is due again soon, should its check never end. */
    async claimDueChecks(limit: number): Promise<string[]> {
      const rows = await prisma.$queryRaw<{ id: string }[]>`
        UPDATE "Portal" SET "checkAt" = now() + ${CHECK_AGAIN_SECONDS} * interval '1 second'
        WHERE "id" IN (SELECT "id" FROM "Portal" WHERE "checkAt" <= now() AND NOT "isTest" AND "status" <> 'disconnected'
                         AND coalesce("pausedUntil" <= now(), true)
                       ORDER BY "checkAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED)
        RETURNING "id"`
      return rows.map(({ id }) => id)
    },

    async readCheck(portalId: string): Promise<DueCheck | undefined> {
      const [row] = await prisma.$queryRaw<DueCheck[]>`
        SELECT "id" AS "portalId", "status", "tokenVersion", "dataKey" IS NOT NULL AS "hasTokens",
               coalesce(extract(epoch FROM now() - "reconnectSince") / 86400, 0)::float8 AS "reconnectDays"
        FROM "Portal" WHERE "id" = ${portalId} AND "status" <> 'disconnected'`
      return row
    },

    /** Sets the next check: some fifteen minutes from now; later and later, up to a day, for a portal that waits. */
    async setNextCheck(portalId: string): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Portal" SET "checkAt" = now() + greatest(
          ${CHECK_EVERY_SECONDS} * (0.9 + random() / 5) * interval '1 second', least((now() - "reconnectSince") / 2, interval '1 day'))
        WHERE "id" = ${portalId}`
    },

    /**
     * Ends a portal's connection: from here on it answers like a missing one, its partners' grants are over, its browsers
     * signed out but for the one that did it. False when it was disconnected already.
     */
    async beginDisconnect(portalId: string, { actor, why, sessionHash, tokenVersion }: Disconnection): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        // Locked in the order in which an upload does it.
        await tx.$queryRaw`SELECT 1 FROM "Grant" WHERE "portalId" = ${portalId} ORDER BY "partnerId" FOR UPDATE`
        // A refresh that is under way loses its lease, and with it the right to store what it gets.
        const ended = await tx.$executeRaw`
          UPDATE "Portal" SET "status" = 'disconnected', "disconnectedAt" = now(), "erasedAt" = NULL, "updatedAt" = now(),
            "matchingSince" = NULL, "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = NULL
          WHERE "id" = ${portalId} AND "status" <> 'disconnected'
            AND "tokenVersion" = coalesce(${tokenVersion ?? null}::int, "tokenVersion")`
        if (ended === 0) return false
        const grantsEnded =
          await tx.$executeRaw`UPDATE "Grant" SET "endedAt" = now() WHERE "portalId" = ${portalId} AND "endedAt" IS NULL`
        const sessionsEnded = await tx.$executeRaw`
          DELETE FROM "Session" WHERE "portalId" = ${portalId} AND "idHash" <> ${sessionHash ?? Buffer.alloc(1)}`
        await recordAudit(tx, { actor, action: 'portal_disconnected', portalId, detail: { why, grantsEnded, sessionsEnded } })
        return true
      })
    },

    /** Disconnected portals of which something is still kept. */
    async listUnerased(): Promise<Unerased[]> {
      return prisma.$queryRaw<Unerased[]>`
        SELECT "id" AS "portalId", "tokenVersion", "disconnectedAt", extract(epoch FROM now() - "disconnectedAt")::float8 AS seconds
        FROM "Portal" WHERE "status" = 'disconnected' AND "erasedAt" IS NULL ORDER BY "disconnectedAt" LIMIT 1000`
    },

    /** One of them. */
    async findUnerased(portalId: string): Promise<Unerased | undefined> {
      const [row] = await prisma.$queryRaw<Unerased[]>`
        SELECT "id" AS "portalId", "tokenVersion", "disconnectedAt", extract(epoch FROM now() - "disconnectedAt")::float8 AS seconds
        FROM "Portal" WHERE "id" = ${portalId} AND "status" = 'disconnected' AND "erasedAt" IS NULL`
      return row
    },

    /** Fails when the database does. */
    async ping(): Promise<void> {
      await prisma.$queryRaw`SELECT 1 FROM "Portal" LIMIT 1`
    },

    /** Nothing is kept of it any more; `receipt` goes into the trail. */
    async recordErased({ portalId, disconnectedAt }: Unerased, receipt: Record<string, unknown>): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const erased = await tx.$executeRaw`
          UPDATE "Portal" SET "erasedAt" = now(), "hubDomain" = NULL, "scopes" = '{}', "missingScopes" = '{}'
          WHERE "id" = ${portalId} AND "status" = 'disconnected' AND "erasedAt" IS NULL AND "disconnectedAt" = ${disconnectedAt}`
        if (erased === 0) return
        await tx.turn.deleteMany({ where: { portalId } })
        await tx.callBudget.deleteMany({ where: { portalId } })
        await recordAudit(tx, { actor: 'importal', action: 'portal_erased', portalId, detail: receipt })
      })
    },
  }
}
