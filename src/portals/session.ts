import type { Request, Response } from 'express'
import type { Database } from '../db/prisma.js'
import { hashOf, isSame, type SignedCookies } from './signed-cookies.js'

const SESSION_DAYS = 14
const IDLE_HOURS = 12
const BROWSER_DAYS = 1
const DAY_MS = 86_400_000

const SESSION = 'importal'
const BROWSER = 'importal-install'

export type Sessions = ReturnType<typeof createSessions>

/** Which portals' settings a browser may see, and which browser it is at all. */
export function createSessions(prisma: Database, cookies: SignedCookies) {
  const idOf = (req: Request) => cookies.read(req, SESSION)

  return {
    /**
     * Signs the browser in to a portal, under a new id whatever it had before. The portals it was signed in to stay, if
     * it was the same person who did that.
     */
    async signIn(req: Request, res: Response, { portalId, userId }: { portalId: string; userId: string | null }): Promise<void> {
      const former = idOf(req)
      const id = hashOf(cookies.issue(res, SESSION, { maxAgeMs: SESSION_DAYS * DAY_MS }))
      await prisma.$transaction(async (tx) => {
        await tx.$executeRaw`
          INSERT INTO "Session" ("idHash", "portalId", "userId", "expiresAt")
          VALUES (${id}, ${portalId}, ${userId}, now() + ${SESSION_DAYS} * interval '1 day')`
        if (former === undefined) return
        await tx.$executeRaw`
          INSERT INTO "Session" ("idHash", "portalId", "userId", "createdAt", "lastSeenAt", "expiresAt")
          SELECT ${id}, "portalId", "userId", "createdAt", "lastSeenAt", "expiresAt" FROM "Session"
          WHERE "idHash" = ${hashOf(former)} AND "portalId" <> ${portalId} AND "userId" = ${userId}::text`
        await tx.$executeRaw`DELETE FROM "Session" WHERE "idHash" = ${hashOf(former)}`
      })
    },

    /** The portals that the browser is signed in to, the one of the last sign-in first. */
    async portalsOf(req: Request): Promise<string[]> {
      const id = idOf(req)
      if (id === undefined) return []
      const rows = await prisma.$queryRaw<{ portalId: string; createdAt: Date }[]>`
        UPDATE "Session" SET "lastSeenAt" = now()
        WHERE "idHash" = ${hashOf(id)} AND "expiresAt" > now() AND "lastSeenAt" > now() - ${IDLE_HOURS} * interval '1 hour'
        RETURNING "portalId", "createdAt"`
      return rows.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime()).map(({ portalId }) => portalId)
    },

    /** How the browser's session is stored; undefined for one that is not signed in. */
    hashOf(req: Request): Buffer<ArrayBuffer> | undefined {
      const id = idOf(req)
      return id === undefined ? undefined : hashOf(id)
    },

    async signOut(req: Request, res: Response): Promise<void> {
      const id = idOf(req)
      if (id !== undefined) await prisma.session.deleteMany({ where: { idHash: hashOf(id) } })
      cookies.clear(res, SESSION)
    },

    /** Ends every session of the person, in whatever browser. */
    async signOutEverywhere(req: Request, res: Response): Promise<void> {
      const id = idOf(req)
      if (id !== undefined)
        await prisma.$executeRaw`
          DELETE FROM "Session" s USING "Session" own
          WHERE own."idHash" = ${hashOf(id)} AND (s."idHash" = own."idHash" OR s."userId" = own."userId")`
      cookies.clear(res, SESSION)
    },

    /** A token for the session's forms. */
    formToken: (req: Request): string => cookies.formToken(idOf(req) ?? ''),

    /** Whether a form came from a page of ours, opened in this session. */
    isOurForm(req: Request, token: unknown): boolean {
      return cookies.isFromUs(req) && typeof token === 'string' && isSame(token, this.formToken(req))
    },

    /**
     * The hash that binds an install to this browser; gives the browser its cookie when it has none. SameSite=None where
     * it can be (https): HubSpot may start an install from inside a frame.
     */
    bindBrowser(req: Request, res: Response): Buffer {
      const known = cookies.read(req, BROWSER)
      const sameSite = cookies.isSecure ? ({ sameSite: 'none' } as const) : {}
      return hashOf(known ?? cookies.issue(res, BROWSER, { maxAgeMs: BROWSER_DAYS * DAY_MS, ...sameSite }))
    },

    /** The same hash for a browser that has the cookie already. */
    boundBrowser(req: Request): Buffer | undefined {
      const id = cookies.read(req, BROWSER)
      return id === undefined ? undefined : hashOf(id)
    },

    /** Removes sessions that have ended. */
    async sweep(): Promise<void> {
      await prisma.$executeRaw`DELETE FROM "Session" WHERE "expiresAt" < now() OR "lastSeenAt" < now() - ${IDLE_HOURS} * interval '1 hour'`
    },
  }
}
