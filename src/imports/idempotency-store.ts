import type { Database, Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import type { Owner } from './import-store.js'

/** The right to make the import of a key: good while nobody else has a higher epoch. */
export type KeyClaim = Owner & { keyHash: Buffer; epoch: number }

/** What a key was used for: the import it made, and the fingerprint of what was sent. */
export type UsedKey = { importId: string; fingerprint: Uint8Array }

const KEPT_DAYS = 7
/** Renewed while the upload runs; a holder that stopped renewing is dead, and the next sender may have the key. */
export const KEY_LEASE_SECONDS = 45
/** One that nothing has come of, unless its upload goes on. */
const UNUSED_DAYS = 1
const SWEPT_AT_ONCE = 10_000

export type IdempotencyStore = ReturnType<typeof createIdempotencyStore>

/** Partners' idempotency keys, as hashes; each belongs to one partner and one portal. All times are the database's. */
export function createIdempotencyStore(prisma: Database) {
  return {
    /** Claims a key for an upload; what it was used for, or `in_use` while its first upload is still coming in. */
    async claim({ partnerId, portalId }: Owner, keyHash: Buffer): Promise<KeyClaim | UsedKey | 'in_use'> {
      const [claimed] = await prisma.$queryRaw<{ epoch: number }[]>`
        INSERT INTO "IdempotencyKey" AS k ("partnerId", "portalId", "keyHash", "leaseEpoch", "leaseUntil", "expiresAt")
        VALUES (${partnerId}, ${portalId}, ${keyHash}, 1, now() + ${KEY_LEASE_SECONDS} * interval '1 second',
                now() + ${UNUSED_DAYS} * interval '1 day')
        ON CONFLICT ("partnerId", "portalId", "keyHash") DO UPDATE SET "leaseEpoch" = k."leaseEpoch" + 1,
          "leaseUntil" = excluded."leaseUntil", "expiresAt" = excluded."expiresAt", "importId" = NULL, "fingerprint" = NULL
        WHERE (k."importId" IS NULL AND k."leaseUntil" <= clock_timestamp()) OR k."expiresAt" <= clock_timestamp()
        RETURNING "leaseEpoch" AS epoch`
      if (claimed) return { partnerId, portalId, keyHash, epoch: claimed.epoch }
      const [used] = await prisma.$queryRaw<UsedKey[]>`
        SELECT "importId", "fingerprint" FROM "IdempotencyKey"
        WHERE "partnerId" = ${partnerId} AND "portalId" = ${portalId} AND "keyHash" = ${keyHash} AND "importId" IS NOT NULL`
      return used ?? 'in_use'
    },

    async renew(claim: KeyClaim): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "IdempotencyKey" SET "leaseUntil" = clock_timestamp() + ${KEY_LEASE_SECONDS} * interval '1 second',
          "expiresAt" = now() + ${UNUSED_DAYS} * interval '1 day'
        WHERE "partnerId" = ${claim.partnerId} AND "portalId" = ${claim.portalId} AND "keyHash" = ${claim.keyHash}
          AND "leaseEpoch" = ${claim.epoch} AND "importId" IS NULL`
    },

    /** Nothing came of the upload: the key is as if it had never been used. */
    async release({ partnerId, portalId, keyHash, epoch }: KeyClaim): Promise<void> {
      await prisma.$executeRaw`
        DELETE FROM "IdempotencyKey" WHERE "partnerId" = ${partnerId} AND "portalId" = ${portalId} AND "keyHash" = ${keyHash}
          AND "leaseEpoch" = ${epoch} AND "importId" IS NULL`
    },

    /** Forgets keys that were used long ago, and those that nothing ever came of. */
    async sweep(): Promise<void> {
      await prisma.$executeRaw`
        DELETE FROM "IdempotencyKey" WHERE ("partnerId", "portalId", "keyHash") IN (
          SELECT "partnerId", "portalId", "keyHash" FROM "IdempotencyKey" WHERE "expiresAt" < now() LIMIT ${SWEPT_AT_ONCE})`
    },
  }
}

/**
 * Binds a key to the import that is being made, in its own transaction.
 *
 * @throws {AppError} `idempotency_key_in_use`: somebody else has the key by now
 */
export async function recordUse(
  tx: Transaction,
  { partnerId, portalId, keyHash, epoch }: KeyClaim,
  { importId, fingerprint }: UsedKey,
): Promise<void> {
  const used = await tx.$executeRaw`
    UPDATE "IdempotencyKey" SET "importId" = ${importId}, "fingerprint" = ${fingerprint}, "leaseUntil" = NULL,
      "expiresAt" = now() + ${KEPT_DAYS} * interval '1 day'
    WHERE "partnerId" = ${partnerId} AND "portalId" = ${portalId} AND "keyHash" = ${keyHash}
      AND "leaseEpoch" = ${epoch} AND "importId" IS NULL`
  if (used === 0) throw new AppError('idempotency_key_in_use', { retryAfterSeconds: 1 })
}
