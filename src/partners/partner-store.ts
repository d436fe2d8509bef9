import { timingSafeEqual } from 'node:crypto'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { createBatch, numbered } from '../db/batch.js'
import { newId } from '../db/ids.js'
import { type Database, Prisma } from '../db/prisma.js'
import { recordAudit } from '../portals/audit-store.js'
import { createKey, type ParsedKey } from './api-key.js'

/** Who is calling, and with which key. `portal` is the one asked for, when the partner may use it. */
export type Caller = {
  partnerId: string
  partnerName: string
  keyId: string
  /** With a test key: only simulated accounts are there. */
  isTest: boolean
  /** Uploaded with the key today, in UTC. */
  bytesToday: number
  portal: { id: string; status: string; isPaused: boolean } | undefined
}

/** Why a key that exists is refused. */
export type Refusal = 'revoked' | 'expired' | 'address' | 'environment'

export type KeySummary = {
  id: string
  partner: string
  prefix: string
  lastFour: string
  cidrs: string[]
  createdAt: Date
  lastUsedAt: Date | null
  expiresAt: Date | null
  revokedAt: Date | null
}

const NO_HASH = Buffer.alloc(32)
/** `lastUsedAt` is written at most this often; a refusal is audited at most this often. */
const LAST_USED_SECONDS = 60

export type PartnerStore = ReturnType<typeof createPartnerStore>

/** Partners, hashes of their keys, and the portals linked to them. */
export function createPartnerStore(prisma: Database) {
  const findKey = createBatch(
    ({ keyId, portalId }: AskedKey) => `${keyId} ${portalId}`,
    (asks) => findKeys(prisma, asks),
  )

  return {
    /**
     * Checks a key, and in the same query whether its partner may use the portal. Undefined for a key that does not
     * exist; a refusal for one that does but must not be used.
     */
    async authenticate(
      { keyId, secretHash, isTest }: ParsedKey,
      address: string,
      portalId?: string,
    ): Promise<Caller | Refusal | undefined> {
      const row = await findKey({ keyId, portalId: portalId ?? '' })
      // Compared in any case: an unknown id must not answer faster than a wrong secret.
      const matches = timingSafeEqual(row?.secretHash ?? NO_HASH, secretHash)
      if (!row || !matches) return undefined
      if (row.isTest !== isTest) return 'environment'
      if (row.isRevoked || row.partnerStatus !== 'active') return 'revoked'
      if (row.isExpired) return 'expired'
      if (!isAllowed(address, row.cidrs)) return 'address'
      if (row.isStale)
        await prisma.$executeRaw`
          WITH used AS (UPDATE "ApiKey" SET "lastUsedAt" = now() WHERE "id" = ${keyId} RETURNING "id")
          INSERT INTO "KeyDay" AS d ("keyId", "day", "minutes") SELECT "id", (now() AT TIME ZONE 'UTC')::date, 1 FROM used
          ON CONFLICT ("keyId", "day") DO UPDATE SET "minutes" = d."minutes" + 1`
      const { partnerId, partnerName, bytesToday } = row
      const portal =
        row.portalId === null ? undefined : { id: row.portalId, status: row.portalStatus ?? '', isPaused: row.isPaused }
      return { partnerId, partnerName, keyId, isTest, bytesToday, portal }
    },

    /** Records that a key was refused or seen where it must not be; once a minute per key is enough. */
    async auditKey(
      keyId: string,
      action: 'key_refused' | 'key_exposed',
      detail: { reason: string; address: string },
    ): Promise<void> {
      await prisma.$executeRaw`
        INSERT INTO "AuditEvent" ("actor", "action", "keyId", "partnerId", "detail")
        SELECT 'partner', ${action}, k."id", k."partnerId", ${JSON.stringify(detail)}::jsonb FROM "ApiKey" k
        WHERE k."id" = ${keyId} AND NOT EXISTS (
          SELECT 1 FROM "AuditEvent" e
          WHERE e."keyId" = ${keyId} AND e."action" = ${action} AND e."at" > now() - ${LAST_USED_SECONDS} * interval '1 second')`
    },

    /**
     * Sets so many of today's bytes aside for an upload with a key; false: together they would be more than `limit`. What a
     * process that died had set aside counts for the rest of the day.
     */
    async reserveBytes(keyId: string, bytes: number, limit: number): Promise<boolean> {
      const reserved = await prisma.$executeRaw`
        INSERT INTO "KeyDay" AS d ("keyId", "day", "minutes", "bytes")
        SELECT ${keyId}, (now() AT TIME ZONE 'UTC')::date, 0, ${bytes}::float8 WHERE ${bytes}::float8 <= ${limit}::float8
        ON CONFLICT ("keyId", "day") DO UPDATE SET "bytes" = d."bytes" + excluded."bytes"
        WHERE d."bytes" + excluded."bytes" <= ${limit}::float8`
      return reserved > 0
    },

    /** Gives back what was set aside and did not come; less than nothing: more came. */
    async returnBytes(keyId: string, bytes: number): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "KeyDay" SET "bytes" = greatest("bytes" - ${bytes}::float8, 0)
        WHERE "keyId" = ${keyId} AND "day" = (now() AT TIME ZONE 'UTC')::date`
    },

    /** The portals a partner may use: by a test key its simulated account, and by any other key all others. */
    async listPortals(
      partnerId: string,
      isTest: boolean,
    ): Promise<{ id: string; status: string; hubDomain: string | null; timeZone: string | null }[]> {
      return prisma.portal.findMany({
        where: { isTest, status: { not: 'disconnected' }, grants: { some: { partnerId, endedAt: null } } },
        orderBy: { id: 'asc' },
        take: 1_000,
        select: { id: true, status: true, hubDomain: true, timeZone: true },
      })
    },

    /** A new key for a partner and a portal; makes the partner and the grant when they are new. Undefined: no such portal. */
    async createKey(input: { partner: string; portalId: string; cidrs: string[]; expiresAt: Date | null }) {
      const { partner: name, portalId, cidrs, expiresAt } = input
      return prisma.$transaction(async (tx) => {
        const [portal] = await tx.$queryRaw<{ status: string; isTest: boolean }[]>`
          SELECT "status", "isTest" FROM "Portal" WHERE "id" = ${portalId}`
        if (!portal || portal.status === 'disconnected') return undefined
        const { isTest } = portal
        const { text, keyId, secretHash, prefix, lastFour } = createKey(isTest)
        const [partner] = await tx.$queryRaw<{ id: string }[]>`
          INSERT INTO "Partner" ("id", "name") VALUES (${newId('prt')}, ${name})
          ON CONFLICT ((coalesce("portalId", '')), "name") WHERE NOT "isPage" DO UPDATE SET "name" = excluded."name" RETURNING "id"`
        if (!partner) return undefined
        // While the portal is held it cannot be disconnected, and when it has been meanwhile no grant is made.
        const granted = await tx.$executeRaw`
          WITH held AS (SELECT "id" FROM "Portal" WHERE "id" = ${portalId} AND "status" <> 'disconnected' FOR SHARE)
          INSERT INTO "Grant" ("partnerId", "portalId") SELECT ${partner.id}, "id" FROM held
          ON CONFLICT ("partnerId", "portalId") DO UPDATE SET "endedAt" = NULL`
        if (granted === 0) return undefined
        await tx.apiKey.create({
          data: { id: keyId, partnerId: partner.id, isTest, secretHash, prefix, lastFour, cidrs, expiresAt },
        })
        await recordAudit(tx, { actor: 'operator', action: 'key_created', keyId, partnerId: partner.id, portalId })
        return { key: text, keyId, partnerId: partner.id, portalId }
      })
    },

    /** The operator's partner of that name; made when there is none. */
    async named(name: string): Promise<string> {
      const [partner] = await prisma.$queryRaw<{ id: string }[]>`
        INSERT INTO "Partner" ("id", "name") VALUES (${newId('prt')}, ${name})
        ON CONFLICT ((coalesce("portalId", '')), "name") WHERE NOT "isPage" DO UPDATE SET "name" = excluded."name" RETURNING "id"`
      if (!partner) throw new Error('a partner without a row')
      return partner.id
    },

    /** The simulated account of a partner, if there is one. */
    async findTestPortal(partnerId: string): Promise<string | undefined> {
      const portal = await prisma.portal.findFirst({
        where: { isTest: true, status: { not: 'disconnected' }, grants: { some: { partnerId, endedAt: null } } },
        select: { id: true },
      })
      return portal?.id
    },

    /** The row of a simulated account, whose access nobody ever has to ask about. */
    async addTestPortal(portalId: string): Promise<void> {
      await prisma.$executeRaw`
        INSERT INTO "Portal" ("id", "isTest", "status", "checkAt") VALUES (${portalId}, true, 'connected', now() + interval '50 years')`
    },

    /** The partner that stands for a portal's own admins, with its grant; undefined: there is no such portal. */
    async findPagePartner(portalId: string): Promise<string | undefined> {
      return prisma.$transaction(async (tx) => {
        const held = await tx.$queryRaw<
          unknown[]
        >`SELECT 1 FROM "Portal" WHERE "id" = ${portalId} AND "status" <> 'disconnected' FOR SHARE`
        if (held.length === 0) return undefined
        const [partner] = await tx.$queryRaw<{ id: string }[]>`
          INSERT INTO "Partner" ("id", "name", "portalId", "isPage") VALUES (${newId('prt')}, 'Settings page', ${portalId}, true)
          ON CONFLICT ("portalId") WHERE "isPage" DO UPDATE SET "name" = excluded."name" RETURNING "id"`
        if (!partner) return undefined
        await tx.$executeRaw`
          INSERT INTO "Grant" ("partnerId", "portalId") VALUES (${partner.id}, ${portalId})
          ON CONFLICT ("partnerId", "portalId") DO UPDATE SET "endedAt" = NULL`
        return partner.id
      })
    },

    /** True when there was such a key in force; it is refused from now on. */
    async revokeKey(keyId: string): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        const revoked =
          await tx.$executeRaw`UPDATE "ApiKey" SET "revokedAt" = now() WHERE "id" = ${keyId} AND "revokedAt" IS NULL`
        if (revoked === 0) return false
        const portals = await tx.$queryRaw<{ portalId: string | null; partnerId: string }[]>`
          SELECT g."portalId", k."partnerId" FROM "ApiKey" k LEFT JOIN "Grant" g ON g."partnerId" = k."partnerId" AND g."endedAt" IS NULL
          WHERE k."id" = ${keyId} ORDER BY 1`
        for (const { portalId, partnerId } of portals)
          await recordAudit(tx, { actor: 'operator', action: 'key_revoked', keyId, partnerId, ...(portalId ? { portalId } : {}) })
        return true
      })
    },

    async listKeys(): Promise<KeySummary[]> {
      const rows = await prisma.apiKey.findMany({ include: { partner: true }, orderBy: { id: 'asc' }, take: 10_000 })
      return rows.map(({ partner, secretHash: _, partnerId: __, ...key }) => ({ ...key, partner: partner.name }))
    },

    async listPartners() {
      const rows = await prisma.partner.findMany({
        where: { isPage: false },
        include: { grants: { where: { endedAt: null } }, _count: { select: { keys: { where: { revokedAt: null } } } } },
        orderBy: { name: 'asc' },
        take: 10_000,
      })
      return rows.map(({ id, name, status, grants, _count }) => ({
        id,
        name,
        status,
        portals: grants.map(({ portalId }) => portalId),
        keys: _count.keys,
      }))
    },
  }
}

type AskedKey = { keyId: string; portalId: string }
type KeyRow = {
  partnerId: string
  partnerName: string
  partnerStatus: string
  secretHash: Buffer
  isTest: boolean
  cidrs: string[]
  isRevoked: boolean
  isExpired: boolean
  isStale: boolean
  portalId: string | null
  portalStatus: string | null
  isPaused: boolean
  bytesToday: number
}

async function findKeys(prisma: Database, asks: AskedKey[]): Promise<(KeyRow | undefined)[]> {
  const rows = await prisma.queryOften<KeyRow & { n: number }>(Prisma.sql`
    SELECT asked."n", k."partnerId", a."name" AS "partnerName", a."status" AS "partnerStatus", k."secretHash", k."isTest", k."cidrs",
           k."revokedAt" IS NOT NULL AS "isRevoked",
           coalesce(k."expiresAt" <= now(), false) AS "isExpired",
           coalesce(k."lastUsedAt" < now() - ${LAST_USED_SECONDS} * interval '1 second', true) AS "isStale",
           p."id" AS "portalId", p."status" AS "portalStatus", g."pausedAt" IS NOT NULL AS "isPaused",
           coalesce((SELECT d."bytes" FROM "KeyDay" d WHERE d."keyId" = k."id" AND d."day" = (now() AT TIME ZONE 'UTC')::date), 0)::float8 AS "bytesToday"
    FROM jsonb_to_recordset(${numbered(asks)}::jsonb) AS asked("n" int, "keyId" text, "portalId" text)
    JOIN "ApiKey" k ON k."id" = asked."keyId"
    JOIN "Partner" a ON a."id" = k."partnerId"
    LEFT JOIN "Grant" g ON g."partnerId" = k."partnerId" AND g."portalId" = asked."portalId" AND g."endedAt" IS NULL
    LEFT JOIN "Portal" p ON p."id" = g."portalId" AND p."status" <> 'disconnected' AND p."isTest" = k."isTest"`)
  const found = new Map(rows.map(({ n, ...row }) => [n, row]))
  return asks.map((_, n) => found.get(n))
}

/** Whether a text is an address range such as 192.0.2.0/24, or a single address. */
export function isCidr(text: string): boolean {
  const [, network = '', bits = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  return isIP(network) > 0 && Number(bits) <= (isIPv6(network) ? 128 : 32)
}

/** Whether an address lies in one of the ranges; none means anywhere. */
export function isAllowed(address: string, cidrs: string[]): boolean {
  if (cidrs.length === 0) return true
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', bits] = cidr.split('/')
    const family = isIPv6(network) ? 'ipv6' : 'ipv4'
    list.addSubnet(network, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '')
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}
