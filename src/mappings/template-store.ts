import { newId } from '../db/ids.js'
import type { Database, Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { Mapping } from './schema.js'

/** What mapped properties are like, by object type and name: a word each that changes when it matters to an import. */
export type PropertyShapes = Record<string, string>

export type Template = {
  id: string
  version: number
  portalId: string
  isOwn: boolean
  name: string
  mapping: Mapping
  properties: PropertyShapes
  createdAt: Date
}

/** Who asks, and in which portal. */
export type Owner = { portalId: string; partnerId: string }

type Content = { name: string; mapping: Mapping; properties: PropertyShapes }
type Row = Omit<Template, 'isOwn'> & { partnerId: string | null }

const MIB = 1024 * 1024
/** Of one partner in one portal. */
const MAX_TEMPLATES = 1_000
/** Together: a thousand ordinary ones have less. */
const MAX_BYTES = 8 * MIB

export type TemplateStore = ReturnType<typeof createTemplateStore>

/** Saved mappings: a partner's own, and those of the portal's admin. Each version is written once. */
export function createTemplateStore(prisma: Database) {
  return {
    /** @throws {AppError} `template_name_taken`, `portal_not_found` */
    async create(owner: Owner, content: Content): Promise<Template> {
      return prisma.$transaction(async (tx) => {
        await lockNames(tx, owner)
        await refuseTaken(tx, owner, content, null)
        return insert(tx, owner, newId('tpl'), 1, content)
      })
    },

    /** A new version of the partner's own. @throws {AppError} `template_not_found`, `template_name_taken`, `portal_not_found` */
    async update(owner: Owner, id: string, content: Content): Promise<Template> {
      return prisma.$transaction(async (tx) => {
        await lockNames(tx, owner)
        const [newest] = await readNewest(tx, owner, id)
        if (!newest || newest.partnerId !== owner.partnerId) throw new AppError('template_not_found')
        await refuseTaken(tx, owner, content, id)
        return insert(tx, owner, id, newest.version + 1, content)
      })
    },

    /** Resolves to what was deleted. @throws {AppError} `template_not_found`, `portal_not_found` */
    async delete(owner: Owner, id: string): Promise<Template> {
      return prisma.$transaction(async (tx) => {
        await lockNames(tx, owner)
        const [newest] = await readNewest(tx, owner, id)
        if (!newest || newest.partnerId !== owner.partnerId) throw new AppError('template_not_found')
        await tx.$executeRaw`UPDATE "Template" SET "isDeleted" = true WHERE "id" = ${id}`
        return toTemplate(newest)
      })
    },

    /** A version, or the newest. @throws {AppError} `template_not_found` */
    async find(owner: Owner, id: string, version?: number): Promise<Template> {
      const [newest] = await readNewest(prisma, owner, id)
      const found = newest && version !== undefined ? await readVersion(prisma, newest, version) : newest
      if (!found) throw new AppError('template_not_found')
      return toTemplate(found)
    },

    /** By name. */
    async list(owner: Owner): Promise<Template[]> {
      return (await readNewest(prisma, owner, null)).map(toTemplate)
    },
  }
}

/** Names are given one after the other; and only in a portal that the partner may use. */
async function lockNames(tx: Transaction, { portalId, partnerId }: Owner): Promise<void> {
  const granted = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "Grant" g JOIN "Portal" p ON p."id" = g."portalId" AND p."status" <> 'disconnected'
    WHERE g."portalId" = ${portalId} AND g."partnerId" = ${partnerId} AND g."endedAt" IS NULL FOR SHARE`
  if (granted.length === 0) throw new AppError('portal_not_found')
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`templates ${portalId} ${partnerId}`}, 0))`
}

/** All that a partner has in a portal is listed at once. @throws {AppError} `template_name_taken`, `body_invalid`: too many, or too large together */
async function refuseTaken(
  tx: Transaction,
  { portalId, partnerId }: Owner,
  { name, mapping }: Content,
  id: string | null,
): Promise<void> {
  const own = await tx.$queryRaw<{ id: string; name: string; bytes: number }[]>`
    SELECT DISTINCT ON ("id") "id", "name", octet_length("mapping"::text) + octet_length("properties"::text) AS bytes FROM "Template"
    WHERE "portalId" = ${portalId} AND "partnerId" = ${partnerId} AND NOT "isDeleted" ORDER BY "id", "version" DESC`
  const others = own.filter((other) => other.id !== id)
  const taken = others.find((other) => other.name === name)
  if (taken) throw new AppError('template_name_taken', { detail: `It is ${taken.id}: change that one, or choose another name.` })
  if (others.length >= MAX_TEMPLATES)
    throw new AppError('body_invalid', { detail: `You have ${MAX_TEMPLATES} templates in this portal. Delete some.` })
  const bytes = others.reduce((sum, other) => sum + other.bytes, Buffer.byteLength(JSON.stringify(mapping)))
  if (bytes > MAX_BYTES)
    throw new AppError('body_invalid', {
      detail: `Your templates in this portal have more than ${MAX_BYTES / MIB} MiB together. Delete some.`,
    })
}

async function readNewest(db: Database | Transaction, { portalId, partnerId }: Owner, id: string | null): Promise<Row[]> {
  return db.$queryRaw<Row[]>`
    SELECT * FROM (
      SELECT DISTINCT ON ("id") "id", "version", "portalId", "partnerId", "name", "mapping", "properties", "createdAt" FROM "Template"
      WHERE "portalId" = ${portalId} AND ("partnerId" = ${partnerId} OR "partnerId" IS NULL) AND NOT "isDeleted"
        AND "id" = coalesce(${id}, "id")
      ORDER BY "id", "version" DESC
    ) newest ORDER BY "name", "id"`
}

async function readVersion(db: Database, { id, portalId }: Row, version: number): Promise<Row | undefined> {
  const [row] = await db.$queryRaw<Row[]>`
    SELECT "id", "version", "portalId", "partnerId", "name", "mapping", "properties", "createdAt" FROM "Template"
    WHERE "id" = ${id} AND "portalId" = ${portalId} AND "version" = ${version}`
  return row
}

async function insert(tx: Transaction, owner: Owner, id: string, version: number, content: Content): Promise<Template> {
  const { name, mapping, properties } = content
  const [row] = await tx.$queryRaw<Row[]>`
    INSERT INTO "Template" ("id", "version", "portalId", "partnerId", "name", "mapping", "properties")
    VALUES (${id}, ${version}, ${owner.portalId}, ${owner.partnerId}, ${name}, ${JSON.stringify(mapping)}::jsonb,
            ${JSON.stringify(properties)}::jsonb)
    RETURNING "id", "version", "portalId", "partnerId", "name", "mapping", "properties", "createdAt"`
  if (!row) throw new AppError('internal')
  return toTemplate(row)
}

function toTemplate({ partnerId, mapping, ...row }: Row): Template {
  return { ...row, isOwn: partnerId !== null, mapping: Mapping.parse(mapping) }
}
