import type { Database, Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'

/** For so long after the latest call that was not answered the same call is the same import: two minutes, and the one that a call may wait. */
const SAME_SECONDS = 180

type Call = { portalId: string; partnerId: string; fingerprint: Buffer<ArrayBuffer> }

export type AwaitedAnswerStore = ReturnType<typeof createAwaitedAnswerStore>

/** Imports whose makers have not been answered. HubSpot's clients send a call again that was not, and know no idempotency key. */
export function createAwaitedAnswerStore(prisma: Database) {
  return {
    /**
     * Puts down that an import's maker waits, as part of the transaction that makes it; of twins one is first.
     * @throws {AppError} `create_twin`, with the import of the first in its context
     */
    async begin({ portalId, partnerId, fingerprint }: Call, importId: string, tx: Transaction): Promise<void> {
      const begun = await tx.$executeRaw`
        INSERT INTO "AwaitedAnswer" AS a ("portalId", "partnerId", "fingerprint", "importId")
        VALUES (${portalId}, ${partnerId}, ${fingerprint}, ${importId})
        ON CONFLICT ("portalId", "partnerId", "fingerprint") DO UPDATE SET "importId" = excluded."importId", "createdAt" = now()
        WHERE a."createdAt" < now() - ${SAME_SECONDS} * interval '1 second'`
      if (begun > 0) return
      const [first] = await tx.$queryRaw<{ importId: string }[]>`
        SELECT "importId" FROM "AwaitedAnswer"
        WHERE "portalId" = ${portalId} AND "partnerId" = ${partnerId} AND "fingerprint" = ${fingerprint}`
      throw new AppError('create_twin', { context: { importId: first?.importId } })
    },

    /** Its maker waits again, or has been sent away without an answer: from now on he has as long as in the beginning. */
    async prolong(importId: string): Promise<void> {
      await prisma.$executeRaw`UPDATE "AwaitedAnswer" SET "createdAt" = now() WHERE "importId" = ${importId}`
    },

    /** Its maker has the answer: the same call from now on is another import. */
    async end(importId: string): Promise<void> {
      await prisma.$executeRaw`DELETE FROM "AwaitedAnswer" WHERE "importId" = ${importId}`
    },

    async sweep(): Promise<void> {
      await prisma.$executeRaw`DELETE FROM "AwaitedAnswer" WHERE "createdAt" < now() - ${SAME_SECONDS} * interval '1 second'`
    },
  }
}
