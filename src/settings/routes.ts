import { Router, urlencoded } from 'express'
import { AppError } from '../errors.js'
import { onlyMethods } from '../http/problem.js'
import type { Render } from '../http/views.js'
import { type ImportStore, sumCounters } from '../imports/import-store.js'
import type { PortalStore } from '../portals/portal-store.js'
import type { Sessions } from '../portals/session.js'

type Deps = { sessions: Sessions; portals: Pick<PortalStore, 'find'>; imports: Pick<ImportStore, 'listOfPortal'>; render: Render }

const IMPORTS_SHOWN = 20

/** GET /settings, POST /settings/sign-out: what a portal's admin sees. */
export function settingsRoutes({ sessions, portals, imports, render }: Deps): Router {
  const router = Router()
  const when = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

  router.get('/settings', async (req, res) => {
    const portalId = await sessions.portalOf(req)
    const portal = portalId === undefined ? undefined : await portals.find(portalId)
    if (!portal || portal.status === 'disconnected')
      throw new AppError('sign_in_required', { detail: 'Connect your HubSpot account to see its settings.' })
    const made = await imports.listOfPortal(portal.id, IMPORTS_SHOWN)
    const rows = made.map(({ name, state, reason, parts, createdAt }) => {
      const counters = sumCounters(parts)
      return {
        name,
        state,
        reason,
        rows: counters.TOTAL_ROWS ?? '–',
        errors: counters.ERRORS ?? '–',
        createdAt: createdAt.toISOString(),
        when: `${when.format(createdAt)} UTC`,
      }
    })
    res.set('cache-control', 'no-store').type('html')
    res.send(render('settings', { portal, imports: rows, formToken: sessions.formToken(req) }))
  })

  // Only who is signed in may send a form at all.
  router.post('/settings/sign-out', async (req, _res, next) => {
    if ((await sessions.portalOf(req)) === undefined) throw new AppError('form_forged')
    next()
  })
  router.post('/settings/sign-out', urlencoded({ extended: false, limit: '4kb' }), async (req, res) => {
    if (!sessions.isOurForm(req, (req.body as { formToken?: unknown } | undefined)?.formToken)) throw new AppError('form_forged')
    await sessions.signOut(req, res)
    res.redirect(303, '/')
  })

  router.all('/settings', onlyMethods('GET', 'HEAD'))
  router.all('/settings/sign-out', onlyMethods('POST'))
  return router
}
