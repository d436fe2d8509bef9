import { type Request, type Response, Router, urlencoded } from 'express'
import { z } from 'zod'
import { AppError } from '../errors.js'
import { onlyMethods } from '../http/problem.js'
import type { Sessions } from '../portals/session.js'
import { LANGUAGES, THEMES } from '../words/language.js'
import { connectionRoutes } from './connection/routes.js'
import { importFileRoutes } from './import/routes.js'
import { importHistoryRoutes } from './imports/routes.js'
import { notificationRoutes } from './notifications/routes.js'
import { overviewRoutes } from './overview/routes.js'
import { createPages, type PageDeps } from './pages.js'
import { partnerPageRoutes } from './partners/routes.js'
import { templatePageRoutes } from './templates/routes.js'

type Deps = PageDeps &
  Parameters<typeof overviewRoutes>[0] &
  Parameters<typeof connectionRoutes>[0] &
  Parameters<typeof importFileRoutes>[0] &
  Parameters<typeof importHistoryRoutes>[0] &
  Parameters<typeof partnerPageRoutes>[0] &
  Parameters<typeof notificationRoutes>[0] &
  Parameters<typeof templatePageRoutes>[0] & {
    sessions: Sessions
  }

const NOTHING = z.strictObject({})
/** A year. */
const CHOICE_MS = 365 * 86_400_000

const Preferences = z.strictObject({
  language: z.enum(LANGUAGES),
  theme: z.enum(THEMES),
  /** A path of ours, which a browser cannot take for an address. */
  back: z
    .string()
    .max(2_000)
    .regex(/^\/(?![/\\])[^\\\p{Cc}]*$/u)
    .catch('/'),
})

/** /settings and everything below it: what a portal's admin sees and does. */
export function settingsRoutes(deps: Deps): Router {
  const pages = createPages(deps)
  const overview = overviewRoutes(deps, pages)
  const connection = connectionRoutes(deps, pages)
  const router = Router()

  router.post(
    '/settings/sign-out',
    pages.form(NOTHING, async ({ req, res }) => {
      await deps.sessions.signOut(req, res)
      res.redirect(303, '/')
    }),
  )
  router.post(
    '/settings/sign-out-everywhere',
    pages.form(NOTHING, async ({ req, res }) => {
      await deps.sessions.signOutEverywhere(req, res)
      res.redirect(303, '/')
    }),
  )
  // Changes nothing but how pages look in this browser: whoever is not signed in may choose as well.
  router.post('/preferences', urlencoded({ extended: false, limit: '4kb' }), (req: Request, res: Response) => {
    const { data } = Preferences.safeParse(req.body)
    if (!data) throw new AppError('request_malformed')
    const options = { path: '/', maxAge: CHOICE_MS, sameSite: 'lax', httpOnly: true } as const
    res.cookie('importal-language', data.language, options).cookie('importal-theme', data.theme, options)
    res.redirect(303, data.back)
  })
  router.all(['/settings/sign-out', '/settings/sign-out-everywhere', '/preferences'], onlyMethods('POST'))

  // A portal that is disconnected has nothing to show but the receipt.
  const front = pages.page((visit) =>
    visit.portal.status === 'disconnected' ? connection.showReceipt(visit) : overview.showOverview(visit),
  )
  router.get(['/settings', '/settings/:portalId'], front)
  router.use(overview.router, connection.router)
  for (const routes of [importFileRoutes, importHistoryRoutes, partnerPageRoutes, templatePageRoutes, notificationRoutes])
    router.use(routes(deps, pages))

  router.all(['/settings', '/settings/:portalId'], onlyMethods('GET', 'HEAD'))
  return router
}
