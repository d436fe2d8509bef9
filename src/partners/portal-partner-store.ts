import { newId } from '../db/ids.js'
import { type Database, Prisma, type Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { recordAudit } from '../portals/audit-store.js'
import type { Secret } from '../secret.js'
import { createKey } from './api-key.js'

/** What a partner may do in a portal; empty lists: everything, null: as much as it likes. */
export type Limits = { objectTypes: string[]; operations: string[]; rowsPerDay: number | null }

export type PortalKey = {
  id: string
  prefix: string
  lastFour: string
  createdAt: Date
  lastUsedAt: Date | null
  /** From then on it is refused. */
  expiresAt: Date | null
  /** In how many minutes of each of the last days it was used, the oldest first. */
  days: number[]
}

export type PortalPartner = Limits & {
  id: string
  name: string
  /** Made by the portal's admin; others are the operator's, who has their keys. */
  isOwn: boolean
  isPaused: boolean
  createdAt: Date
  keys: PortalKey[]
}

export const KEY_DAYS = 30

export type PortalPartnerStore = ReturnType<typeof createPortalPartnerStore>

/** Partners as a portal's admin deals with them: those with a grant, and only as far as the portal goes. */
export function createPortalPartnerStore(prisma: Database) {
  /** The grant of a partner that has one, held. @throws {AppError} `partner_not_found` */
  async function holdGrant(tx: Transaction, portalId: string, partnerId: string) {
    const [grant] = await tx.$queryRaw<(Limits & { isPaused: boolean; isOwn: boolean })[]>`
      SELECT g."objectTypes", g."operations", g."rowsPerDay", g."pausedAt" IS NOT NULL AS "isPaused",
             coalesce(a."portalId" = g."portalId", false) AS "isOwn"
      FROM "Grant" g JOIN "Partner" a ON a."id" = g."partnerId" AND NOT a."isPage"
      JOIN "Portal" p ON p."id" = g."portalId" AND p."status" <> 'disconnected'
      WHERE g."portalId" = ${portalId} AND g."partnerId" = ${partnerId} AND g."endedAt" IS NULL FOR UPDATE OF g`
    if (!grant) throw new AppError('partner_not_found')
    return grant
  }

  /** A key in force of a partner of the portal's own, held. @throws {AppError} `key_not_found` */
  async function holdKey(
    tx: Transaction,
    portalId: string,
    keyId: string,
  ): Promise<{ partnerId: string; cidrs: string[]; isTest: boolean }> {
    const [key] = await tx.$queryRaw<{ partnerId: string; cidrs: string[]; isTest: boolean }[]>`
      SELECT k."partnerId", k."cidrs", k."isTest" FROM "ApiKey" k JOIN "Partner" a ON a."id" = k."partnerId" AND a."portalId" = ${portalId}
      WHERE k."id" = ${keyId} AND k."revokedAt" IS NULL AND coalesce(k."expiresAt" > now(), true) FOR UPDATE OF k`
    if (!key) throw new AppError('key_not_found')
    return key
  }

  async function addKey(
    tx: Transaction,
    portalId: string,
    partnerId: string,
    { cidrs = [], isTest = false }: { cidrs?: string[]; isTest?: boolean } = {},
  ) {
    const { text, keyId, secretHash, prefix, lastFour } = createKey(isTest)
    await tx.apiKey.create({ data: { id: keyId, partnerId, isTest, secretHash, prefix, lastFour, cidrs } })
    await recordAudit(tx, { actor: 'admin', action: 'key_created', keyId, partnerId, portalId })
    return { key: text, keyId }
  }

  return {
    /** By name; with their keys in force where they are the portal's own. */
    async list(portalId: string): Promise<PortalPartner[]> {
      const grants = await prisma.grant.findMany({
        where: { portalId, endedAt: null, partner: { isPage: false } },
        include: {
          partner: {
            include: {
              keys: {
                where: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] },
                orderBy: { id: 'asc' },
                include: { days: { orderBy: { day: 'desc' }, take: KEY_DAYS } },
              },
            },
          },
        },
        take: 1_000,
      })
      return grants
        .map(({ partner, objectTypes, operations, rowsPerDay, pausedAt, createdAt }) => ({
          id: partner.id,
          name: partner.name,
          isOwn: partner.portalId === portalId,
          isPaused: pausedAt !== null,
          objectTypes,
          operations,
          rowsPerDay,
          createdAt,
          keys:
            partner.portalId === portalId
              ? partner.keys.map(({ secretHash: _, partnerId: __, cidrs: ___, revokedAt: ____, days, ...key }) => ({
                  ...key,
                  days: fillDays(days),
                }))
              : [],
        }))
        .sort((a, b) => a.name.localeCompare(b.name))
    },

    /** What partners are called that have sent something into a portal, or may; the page itself is null. */
    async listNames(portalId: string): Promise<Map<string, string | null>> {
      const rows = await prisma.partner.findMany({
        where: { grants: { some: { portalId } } },
        select: { id: true, name: true, isPage: true },
        take: 1_000,
      })
      return new Map(rows.map(({ id, name, isPage }) => [id, isPage ? null : name]))
    },

    /** A new partner of the portal's own, with its first key. @throws {AppError} `partner_name_taken`, `portal_not_found` */
    async connect(portalId: string, { name, ...limits }: Limits & { name: string }): Promise<{ partnerId: string; key: Secret }> {
      return prisma.$transaction(async (tx) => {
        const held = await tx.$queryRaw<unknown[]>`
          SELECT 1 FROM "Portal" WHERE "id" = ${portalId} AND "status" <> 'disconnected' FOR SHARE`
        if (held.length === 0) throw new AppError('portal_not_found')
        const partnerId = newId('prt')
        // One that was disconnected has given its name up.
        await tx.$executeRaw`
          UPDATE "Partner" a SET "name" = left(a."name", 60) || ' (' || a."id" || ')'
          WHERE a."portalId" = ${portalId} AND a."name" = ${name} AND NOT a."isPage"
            AND NOT EXISTS (SELECT 1 FROM "Grant" g WHERE g."partnerId" = a."id" AND g."endedAt" IS NULL)`
        const made = await tx.$executeRaw`
          INSERT INTO "Partner" ("id", "name", "portalId") VALUES (${partnerId}, ${name}, ${portalId}) ON CONFLICT DO NOTHING`
        if (made === 0) throw new AppError('partner_name_taken')
        await tx.grant.create({ data: { partnerId, portalId, ...limits } })
        const { key } = await addKey(tx, portalId, partnerId)
        await recordAudit(tx, { actor: 'admin', action: 'partner_connected', partnerId, portalId, detail: limits })
        return { partnerId, key }
      })
    },

    /** @throws {AppError} `partner_not_found`, `edited_meanwhile`: its limits are not what the admin has seen */
    async changeLimits(portalId: string, partnerId: string, { limits, was }: { limits: Limits; was: string }): Promise<void> {
      await prisma.$transaction(async (tx) => {
        if (versionOf(await holdGrant(tx, portalId, partnerId)) !== was) throw new AppError('edited_meanwhile')
        await tx.grant.update({ where: { partnerId_portalId: { partnerId, portalId } }, data: limits })
        await recordAudit(tx, { actor: 'admin', action: 'partner_changed', partnerId, portalId, detail: limits })
      })
    },

    /** Lets a partner in no more, or again. @throws {AppError} `partner_not_found` */
    async pause(portalId: string, partnerId: string, isPaused: boolean): Promise<void> {
      await prisma.$transaction(async (tx) => {
        if ((await holdGrant(tx, portalId, partnerId)).isPaused === isPaused) return
        await tx.$executeRaw`
          UPDATE "Grant" SET "pausedAt" = ${isPaused ? Prisma.sql`now()` : Prisma.sql`NULL`}
          WHERE "partnerId" = ${partnerId} AND "portalId" = ${portalId}`
        await recordAudit(tx, { actor: 'admin', action: isPaused ? 'partner_paused' : 'partner_resumed', partnerId, portalId })
      })
    },

    /** Ends a partner's access to the portal, and the keys of one of the portal's own. @throws {AppError} `partner_not_found` */
    async disconnect(portalId: string, partnerId: string): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const { isOwn } = await holdGrant(tx, portalId, partnerId)
        await tx.$executeRaw`UPDATE "Grant" SET "endedAt" = now() WHERE "partnerId" = ${partnerId} AND "portalId" = ${portalId}`
        if (isOwn)
          await tx.$executeRaw`UPDATE "ApiKey" SET "revokedAt" = now() WHERE "partnerId" = ${partnerId} AND "revokedAt" IS NULL`
        await recordAudit(tx, { actor: 'admin', action: 'partner_disconnected', partnerId, portalId })
      })
    },

    /** @throws {AppError} `partner_not_found`: or it is not the portal's own */
    async checkOwn(portalId: string, partnerId: string): Promise<void> {
      await prisma.$transaction(async (tx) => {
        if (!(await holdGrant(tx, portalId, partnerId)).isOwn) throw new AppError('partner_not_found')
      })
    },

    /** A key for a partner's simulated account. @throws {AppError} `partner_not_found`: or it is not the portal's own */
    async addTestKey(portalId: string, partnerId: string, testPortalId: string): Promise<Secret> {
      return prisma.$transaction(async (tx) => {
        if (!(await holdGrant(tx, portalId, partnerId)).isOwn) throw new AppError('partner_not_found')
        await tx.$executeRaw`
          INSERT INTO "Grant" ("partnerId", "portalId") VALUES (${partnerId}, ${testPortalId}) ON CONFLICT ("partnerId", "portalId") DO UPDATE SET "endedAt" = NULL`
        const { key } = await addKey(tx, portalId, partnerId, { isTest: true })
        return key
      })
    },

    /** A new key beside an old one, which ends `overlapHours` from now, or when it would have. @throws {AppError} `key_not_found` */
    async rollKey(portalId: string, keyId: string, overlapHours: number): Promise<{ partnerId: string; key: Secret }> {
      return prisma.$transaction(async (tx) => {
        const { partnerId, ...same } = await holdKey(tx, portalId, keyId)
        await tx.$executeRaw`
          UPDATE "ApiKey" SET "expiresAt" = least("expiresAt", now() + ${overlapHours} * interval '1 hour') WHERE "id" = ${keyId}`
        const { key } = await addKey(tx, portalId, partnerId, same)
        await recordAudit(tx, { actor: 'admin', action: 'key_rolled', keyId, partnerId, portalId, detail: { overlapHours } })
        return { partnerId, key }
      })
    },

    /** @throws {AppError} `key_not_found` */
    async revokeKey(portalId: string, keyId: string): Promise<void> {
      await prisma.$transaction(async (tx) => {
        const { partnerId } = await holdKey(tx, portalId, keyId)
        await tx.$executeRaw`UPDATE "ApiKey" SET "revokedAt" = now() WHERE "id" = ${keyId}`
        await recordAudit(tx, { actor: 'admin', action: 'key_revoked', keyId, partnerId, portalId })
      })
    },
  }
}

/** A text that is another one for other limits. */
export function versionOf({ objectTypes, operations, rowsPerDay }: Limits): string {
  return `${objectTypes.toSorted().join(' ')}|${operations.toSorted().join(' ')}|${rowsPerDay ?? ''}`
}

const DAY_MS = 86_400_000

function fillDays(known: { day: Date; minutes: number }[]): number[] {
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS
  const byDay = new Map(known.map(({ day, minutes }) => [day.getTime(), minutes]))
  return Array.from({ length: KEY_DAYS }, (_, i) => byDay.get(today - (KEY_DAYS - 1 - i) * DAY_MS) ?? 0)
}
