import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { newId } from '../db/ids.js'
import { type Database, Prisma, type Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { recordAudit } from '../portals/audit-store.js'
import type { Seal } from '../portals/seal.js'
import { type Secret, secret } from '../secret.js'
import { DisabledReason, type EndpointContent, EventName } from './schema.js'

/** Whose an endpoint is: a partner's, who is told of its own imports (with a test key of simulated ones), or a portal's admin's, who is told of all of them. */
export type EndpointOwner = { partnerId: string; isTest: boolean } | { portalId: string }

export type Endpoint = {
  id: string
  url: string | null
  events: EventName[]
  disabledReason: DisabledReason | null
  disabledAt: Date | null
  takenAt: Date | null
  /** While the secret before still signs. */
  previousUntil: Date | null
  createdAt: Date
}

export type NewEndpoint = Endpoint & { secret: Secret }

/** Of one owner. */
const MAX_ENDPOINTS = 20
const SECRET_BYTES = 32
/** How long a secret that was replaced still signs. */
const OVERLAP_HOURS = 24

const KnownReason = DisabledReason.nullable().catch('partner')
const KnownEvents = z.array(EventName)

export type EndpointStore = ReturnType<typeof createEndpointStore>

/** Where partners and admins want to be told. Secrets are sealed, and given once. */
export function createEndpointStore(prisma: Database, seal: Seal) {
  /** @throws {AppError} `endpoint_not_found` */
  async function findOwn(tx: Transaction, owner: EndpointOwner, id: string): Promise<Endpoint> {
    const [found] = await readEndpoints(tx, Prisma.sql`e."id" = ${id} AND ${isOf(owner)}`)
    if (!found) throw new AppError('endpoint_not_found')
    return found
  }

  /** What an admin does; partners do as they like with what is theirs. */
  async function audit(
    tx: Transaction,
    owner: EndpointOwner,
    action: Parameters<typeof recordAudit>[1]['action'],
    endpointId: string,
  ): Promise<void> {
    if ('portalId' in owner) await recordAudit(tx, { actor: 'admin', action, portalId: owner.portalId, detail: { endpointId } })
  }

  async function lock(tx: Transaction, owner: EndpointOwner): Promise<void> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`endpoints ${JSON.stringify(owner)}`}, 0))`
  }

  return {
    /** @throws {AppError} `endpoint_not_found` */
    find: (owner: EndpointOwner, id: string): Promise<Endpoint> => findOwn(prisma, owner, id),

    list: (owner: EndpointOwner): Promise<Endpoint[]> => readEndpoints(prisma, isOf(owner)),

    /** @throws {AppError} `too_many_endpoints` */
    async create(owner: EndpointOwner, { url, events }: EndpointContent): Promise<NewEndpoint> {
      return prisma.$transaction(async (tx) => {
        await lock(tx, owner)
        if ((await tx.webhookEndpoint.count({ where: { ...owner } })) >= MAX_ENDPOINTS)
          throw new AppError('too_many_endpoints', { detail: `There are ${MAX_ENDPOINTS}. Delete one that is not needed.` })
        const id = newId('end')
        const made = newSecret()
        await tx.webhookEndpoint.create({ data: { id, url, events, ...owner, ...sealed(id, made) }, select: { id: true } })
        await audit(tx, owner, 'endpoint_created', id)
        return { ...(await findOwn(tx, owner, id)), secret: made }
      })
    },

    /** What is disabled keeps the reason it has. @throws {AppError} `endpoint_not_found` */
    async change(owner: EndpointOwner, id: string, { url, events, isDisabled }: EndpointContent & { isDisabled: boolean }) {
      return prisma.$transaction(async (tx) => {
        await lockOwn(tx, owner, id)
        const by = 'portalId' in owner ? 'admin' : 'partner'
        await tx.$executeRaw`
          UPDATE "WebhookEndpoint" SET "url" = ${url}, "events" = ${events}, "pausedUntil" = NULL,
            "disabledAt" = CASE WHEN ${isDisabled} THEN coalesce("disabledAt", now()) END,
            "disabledReason" = CASE WHEN ${isDisabled} THEN coalesce("disabledReason", ${by}) END
          WHERE "id" = ${id}`
        await audit(tx, owner, 'endpoint_changed', id)
        return findOwn(tx, owner, id)
      })
    },

    /** @throws {AppError} `endpoint_not_found` */
    async delete(owner: EndpointOwner, id: string): Promise<Endpoint> {
      return prisma.$transaction(async (tx) => {
        const known = await findOwn(tx, owner, id)
        const { count } = await tx.webhookEndpoint.deleteMany({ where: { id, ...owner } })
        if (count === 0) throw new AppError('endpoint_not_found')
        await audit(tx, owner, 'endpoint_deleted', id)
        return known
      })
    },

    /** A new secret; the one before signs for a day as well, and one before that no more. @throws {AppError} `endpoint_not_found` */
    async rotate(owner: EndpointOwner, id: string): Promise<NewEndpoint> {
      return prisma.$transaction(async (tx) => {
        const known = await lockOwn(tx, owner, id)
        const made = newSecret()
        const previous = seal.closeText(seal.openText(known.secret, id), id)
        const { secret: text, secretKeyId } = sealed(id, made)
        await tx.$executeRaw`
          UPDATE "WebhookEndpoint" SET "secret" = ${text}, "secretKeyId" = ${secretKeyId}, "previousSecret" = ${previous.sealed},
            "previousUntil" = now() + ${OVERLAP_HOURS} * interval '1 hour'
          WHERE "id" = ${id}`
        await audit(tx, owner, 'endpoint_secret_rotated', id)
        return { ...(await findOwn(tx, owner, id)), secret: made }
      })
    },

    /** Seals again what another key than the current one seals, of up to `limit` endpoints; names those that do not open. */
    async rotateEncryption(
      after: string,
      limit: number,
    ): Promise<{ last: string | undefined; resealed: number; failed: string[] }> {
      const rows = await prisma.webhookEndpoint.findMany({
        where: { id: { gt: after }, secretKeyId: { not: seal.currentKeyId } },
        orderBy: { id: 'asc' },
        select: { id: true, secret: true, previousSecret: true },
        take: limit,
      })
      const failed: string[] = []
      let resealed = 0
      for (const { id, secret: old, previousSecret } of rows) {
        try {
          const reseal = (text: string) => seal.closeText(seal.openText(text, id), id).sealed
          const data = {
            secret: reseal(old),
            secretKeyId: seal.currentKeyId,
            ...(previousSecret === null ? {} : { previousSecret: reseal(previousSecret) }),
          }
          resealed += (await prisma.webhookEndpoint.updateMany({ where: { id, secret: old }, data })).count
        } catch {
          failed.push(id)
        }
      }
      return { last: rows.at(-1)?.id, resealed, failed }
    },

    /** How many endpoints each encryption key seals. */
    async countByKey(): Promise<Record<string, number>> {
      const rows = await prisma.webhookEndpoint.groupBy({ by: ['secretKeyId'], _count: true })
      return Object.fromEntries(rows.map(({ secretKeyId, _count }) => [secretKeyId, _count]))
    },
  }

  function sealed(id: string, text: Secret) {
    const { sealed: sealedText, keyId } = seal.closeText(text, id)
    return { secret: sealedText, secretKeyId: keyId }
  }
}

async function readEndpoints(tx: Transaction, where: Prisma.Sql): Promise<Endpoint[]> {
  const rows = await tx.$queryRaw<(Omit<Endpoint, 'events' | 'disabledReason'> & { events: unknown; disabledReason: unknown })[]>`
    SELECT e."id", e."url", e."events", e."disabledReason", e."disabledAt", e."takenAt", e."createdAt",
      CASE WHEN e."previousUntil" > now() THEN e."previousUntil" END AS "previousUntil"
    FROM "WebhookEndpoint" e WHERE ${where} ORDER BY e."id" LIMIT ${MAX_ENDPOINTS}`
  return rows.map((row) => ({
    ...row,
    events: KnownEvents.parse(row.events),
    disabledReason: KnownReason.parse(row.disabledReason),
  }))
}

/** Whether an endpoint, which the statement calls `e`, is an owner's. */
export function isOf(owner: EndpointOwner): Prisma.Sql {
  return 'portalId' in owner
    ? Prisma.sql`e."portalId" = ${owner.portalId}`
    : Prisma.sql`e."partnerId" = ${owner.partnerId} AND e."isTest" = ${owner.isTest}`
}

type Locked = { url: string | null; secret: string }

/** An endpoint as it stays until the transaction ends, its secret sealed. @throws {AppError} `endpoint_not_found` */
export async function lockOwn(tx: Transaction, owner: EndpointOwner, id: string): Promise<Locked> {
  const [known] = await tx.$queryRaw<Locked[]>`
    SELECT e."url", e."secret" FROM "WebhookEndpoint" e WHERE e."id" = ${id} AND ${isOf(owner)} FOR UPDATE`
  if (!known) throw new AppError('endpoint_not_found')
  return known
}

/** @see Standard Webhooks 1.0: 24 to 64 bytes, in base64, behind `whsec_` */
function newSecret(): Secret {
  return secret(`whsec_${randomBytes(SECRET_BYTES).toString('base64')}`)
}
