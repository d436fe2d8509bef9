import { randomBytes } from 'node:crypto'
import type { Request, Response } from 'express'
import type { Database } from '../db/prisma.js'
import { type Secret, secret } from '../secret.js'
import { recordAudit } from './audit-store.js'
import { hashOf, isSame, type SignedCookies } from './signed-cookies.js'

const TICKET_MINUTES = 10
const SESSION_HOURS = 8
const IDLE_HOURS = 1
const HOUR_MS = 3_600_000
const COOKIE = 'importal-operator'

export type OperatorSessions = ReturnType<typeof createOperatorSessions>

/** Browsers of whoever runs this Importal: let in by a link from the command line that is good once. */
export function createOperatorSessions(prisma: Database, cookies: SignedCookies) {
  const idOf = (req: Request) => cookies.read(req, COOKIE)

  return {
    /** What a link holds; good once, for ten minutes. */
    async issueTicket(): Promise<Secret> {
      const ticket = randomBytes(32).toString('base64url')
      await prisma.$executeRaw`
        INSERT INTO "OperatorSession" ("idHash", "isTicket", "expiresAt")
        VALUES (${hashOf(ticket)}, true, now() + ${TICKET_MINUTES} * interval '1 minute')`
      return secret(ticket)
    },

    /** Uses a ticket up, and signs the browser in under an id of its own; false when it is not good. */
    async enter(res: Response, ticket: string): Promise<boolean> {
      const id = cookies.issue(res, COOKIE, { maxAgeMs: SESSION_HOURS * HOUR_MS, sameSite: 'strict' })
      const isIn = await prisma.$transaction(async (tx) => {
        const used = await tx.$executeRaw`
          DELETE FROM "OperatorSession" WHERE "idHash" = ${hashOf(ticket)} AND "isTicket" AND "expiresAt" > now()`
        if (used === 0) return false
        await tx.$executeRaw`
          INSERT INTO "OperatorSession" ("idHash", "expiresAt") VALUES (${hashOf(id)}, now() + ${SESSION_HOURS} * interval '1 hour')`
        await recordAudit(tx, { actor: 'operator', action: 'operator_entered' })
        return true
      })
      if (!isIn) cookies.clear(res, COOKIE)
      return isIn
    },

    async isSignedIn(req: Request): Promise<boolean> {
      const id = idOf(req)
      if (id === undefined) return false
      const seen = await prisma.$executeRaw`
        UPDATE "OperatorSession" SET "lastSeenAt" = now()
        WHERE "idHash" = ${hashOf(id)} AND NOT "isTicket" AND "expiresAt" > now()
          AND "lastSeenAt" > now() - ${IDLE_HOURS} * interval '1 hour'`
      return seen > 0
    },

    async signOut(req: Request, res: Response): Promise<void> {
      const id = idOf(req)
      if (id !== undefined) await prisma.operatorSession.deleteMany({ where: { idHash: hashOf(id) } })
      cookies.clear(res, COOKIE)
    },

    formToken: (req: Request): string => cookies.formToken(idOf(req) ?? ''),

    isOurForm(req: Request, token: unknown): boolean {
      return cookies.isFromUs(req) && typeof token === 'string' && isSame(token, this.formToken(req))
    },

    /** Whether a link's own page sent a request, as far as the browser says. */
    isFromUs: cookies.isFromUs,

    async sweep(): Promise<void> {
      await prisma.$executeRaw`
        DELETE FROM "OperatorSession" WHERE "expiresAt" < now() OR (NOT "isTicket" AND "lastSeenAt" < now() - ${IDLE_HOURS} * interval '1 hour')`
    },
  }
}
