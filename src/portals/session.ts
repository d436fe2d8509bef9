import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Request, Response } from 'express'
import type { Config } from '../config.js'
import type { Database } from '../db/prisma.js'

const SESSION_DAYS = 14
const IDLE_HOURS = 12
const BROWSER_DAYS = 1

export type Sessions = ReturnType<typeof createSessions>

/**
 * Whose settings a browser may see, and which browser it is at all. Cookies are random and signed; the database holds
 * only a hash of a session's.
 */
export function createSessions(prisma: Database, { publicUrl, sessionSecret }: Pick<Config, 'publicUrl' | 'sessionSecret'>) {
  const secure = publicUrl.startsWith('https:')
  // The prefix makes browsers refuse the cookie unless it is Secure and for this host alone; plain http cannot have it.
  const nameOf = (name: string) => (secure ? `__Host-${name}` : name)
  const sessionCookie = nameOf('importal')
  const browserCookie = nameOf('importal-install')

  const sign = (value: string) => `${value}.${createHmac('sha256', sessionSecret.reveal()).update(value).digest('base64url')}`
  const read = (req: Request, name: string): string | undefined => {
    const signed = cookieOf(req, name)
    const value = signed?.split('.')[0] ?? ''
    return signed !== undefined && isSame(signed, sign(value)) ? value : undefined
  }
  const options = { httpOnly: true, secure, path: '/' } as const

  return {
    /** Signs the browser in as the portal's admin, under a new id whatever it had before. */
    async signIn(req: Request, res: Response, portalId: string): Promise<void> {
      await this.signOut(req, res)
      const id = randomBytes(32).toString('base64url')
      await prisma.$executeRaw`
        INSERT INTO "Session" ("idHash", "portalId", "expiresAt")
        VALUES (${hash(id)}, ${portalId}, now() + ${SESSION_DAYS} * interval '1 day')`
      // Not an instant: the browser's clock is not ours.
      res.cookie(sessionCookie, sign(id), { ...options, sameSite: 'lax', maxAge: SESSION_DAYS * 86_400_000 })
    },

    /** The portal the browser is signed in to. */
    async portalOf(req: Request): Promise<string | undefined> {
      const id = read(req, sessionCookie)
      if (id === undefined) return undefined
      const [row] = await prisma.$queryRaw<{ portalId: string }[]>`
        UPDATE "Session" SET "lastSeenAt" = now()
        WHERE "idHash" = ${hash(id)} AND "expiresAt" > now() AND "lastSeenAt" > now() - ${IDLE_HOURS} * interval '1 hour'
        RETURNING "portalId"`
      return row?.portalId
    },

    /** How the browser's session is stored; undefined for one that is not signed in. */
    hashOf(req: Request): Buffer | undefined {
      const id = read(req, sessionCookie)
      return id === undefined ? undefined : hash(id)
    },

    async signOut(req: Request, res: Response): Promise<void> {
      const id = read(req, sessionCookie)
      if (id !== undefined) await prisma.session.deleteMany({ where: { idHash: hash(id) } })
      res.clearCookie(sessionCookie, { ...options, sameSite: 'lax' })
    },

    /** A token for the session's forms: whoever cannot read the cookie cannot make one. */
    formToken(req: Request): string {
      const id = read(req, sessionCookie) ?? ''
      return createHmac('sha256', sessionSecret.reveal()).update(`form ${id}`).digest('base64url')
    },

    /** Whether a form came from a page of ours, opened in this session. */
    isOurForm(req: Request, token: unknown): boolean {
      const site = req.get('sec-fetch-site')
      const from = req.get('origin')
      if (site !== undefined && site !== 'same-origin') return false
      if (from !== undefined && from !== publicUrl) return false
      return typeof token === 'string' && isSame(token, this.formToken(req))
    },

    /**
     * The hash that binds an install to this browser; gives the browser its cookie when it has none. SameSite=None where
     * it can be (https): HubSpot may start an install from inside a frame.
     */
    bindBrowser(req: Request, res: Response): Buffer {
      const known = read(req, browserCookie)
      const id = known ?? randomBytes(32).toString('base64url')
      const maxAge = BROWSER_DAYS * 86_400_000
      if (known === undefined) res.cookie(browserCookie, sign(id), { ...options, sameSite: secure ? 'none' : 'lax', maxAge })
      return hash(id)
    },

    /** The same hash for a browser that has the cookie already. */
    boundBrowser(req: Request): Buffer | undefined {
      const id = read(req, browserCookie)
      return id === undefined ? undefined : hash(id)
    },

    /** Removes sessions that have ended. */
    async sweep(): Promise<void> {
      await prisma.$executeRaw`DELETE FROM "Session" WHERE "expiresAt" < now() OR "lastSeenAt" < now() - ${IDLE_HOURS} * interval '1 hour'`
    },
  }
}

function cookieOf(req: Request, name: string): string | undefined {
  for (const pair of (req.get('cookie') ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}

function hash(id: string): Buffer<ArrayBuffer> {
  return createHash('sha256').update(id).digest()
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hash(a), hash(b))
}
