import { type Request, type RequestHandler, type Response, Router, urlencoded } from 'express'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { onlyMethods } from '../http/problem.js'
import type { Render } from '../http/views.js'
import { findScopeUse } from '../hubspot/scopes.js'
import { disconnectAndWait, findReceipt } from '../imports/departure/disconnect.js'
import { type Import, type ImportStore, sumCounters } from '../imports/import-store.js'
import type { AlarmStore } from '../portals/alarm-store.js'
import type { Portal } from '../portals/portal-store.js'
import type { Sessions } from '../portals/session.js'

type Deps = Parameters<typeof disconnectAndWait>[0] & {
  config: Pick<Config, 'hubspot'>
  sessions: Sessions
  imports: Pick<ImportStore, 'listOfPortal'>
  alarms: Pick<AlarmStore, 'list'>
  render: Render
}

const IMPORTS_SHOWN = 20
/** Alarms for which every portal's imports wait. */
const HOLDS_UP_ALL = ['credentials_refused', 'api_path_unknown', 'request_malformed']
/** Mostly all is done by then; else the page that follows looks again by itself. */
const RECEIPT_WITHIN_MS = 5_000

const when = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

/** GET /settings, GET and POST /settings/disconnect, POST /settings/sign-out: what a portal's admin sees. */
export function settingsRoutes(deps: Deps): Router {
  const { config, sessions, portals, imports, alarms, render } = deps
  const router = Router()
  const ourForm = [
    // Only who is signed in may send a form at all.
    requireSession(sessions),
    urlencoded({ extended: false, limit: '4kb' }),
    requireFormToken(sessions),
  ]
  const send = (req: Request, res: Response, view: string, model: Record<string, unknown>) =>
    res
      .set('cache-control', 'no-store')
      .type('html')
      .send(render(view, { ...model, formToken: sessions.formToken(req) }))

  /** The portal the browser is signed in to, disconnected or not. */
  async function portalOf(req: Request): Promise<Portal> {
    const portalId = await sessions.portalOf(req)
    const portal = portalId === undefined ? undefined : await portals.find(portalId)
    if (!portal) throw new AppError('sign_in_required', { detail: 'Connect your HubSpot account to see its settings.' })
    return portal
  }

  router.get('/settings', async (req, res) => {
    const portal = await portalOf(req)
    if (portal.status === 'disconnected')
      return void send(req, res, 'disconnected', { portal, receipt: (await findReceipt(deps, portal.id)) ?? null })
    const waiting = (await alarms.list()).some(({ kind }) => HOLDS_UP_ALL.includes(kind))
    const missing = [
      ...new Set([...config.hubspot.scopes.filter((scope) => !portal.scopes.includes(scope)), ...portal.missingScopes]),
    ]
    const made = await imports.listOfPortal(portal.id, IMPORTS_SHOWN)
    send(req, res, 'settings', { portal, waiting, missing: missing.map(explainScope), imports: made.map(toRow) })
  })

  router.get('/settings/disconnect', async (req, res) => {
    const portal = await portalOf(req)
    if (portal.status === 'disconnected') return res.redirect(303, '/settings')
    send(req, res, 'disconnect', { portal })
  })
  router.post('/settings/disconnect', ourForm, async (req: Request, res: Response) => {
    const { id } = await portalOf(req)
    const by = { actor: 'admin', why: 'on the settings page', sessionHash: sessions.hashOf(req) } as const
    await disconnectAndWait(deps, id, by, RECEIPT_WITHIN_MS)
    res.redirect(303, '/settings')
  })
  router.post('/settings/sign-out', ourForm, async (req: Request, res: Response) => {
    await sessions.signOut(req, res)
    res.redirect(303, '/')
  })

  router.all('/settings', onlyMethods('GET', 'HEAD'))
  router.all('/settings/disconnect', onlyMethods('GET', 'HEAD', 'POST'))
  router.all('/settings/sign-out', onlyMethods('POST'))
  return router
}

function requireSession(sessions: Sessions): RequestHandler {
  return async (req, _res, next) => {
    if ((await sessions.portalOf(req)) === undefined) throw new AppError('form_forged')
    next()
  }
}

function requireFormToken(sessions: Sessions): RequestHandler {
  return (req, _res, next) => {
    if (!sessions.isOurForm(req, (req.body as { formToken?: unknown } | undefined)?.formToken)) throw new AppError('form_forged')
    next()
  }
}

function explainScope(scope: string): { scope: string; purpose: string } {
  return { scope, purpose: findScopeUse(scope)?.purpose ?? 'To do what HubSpot refused for the lack of it' }
}

function toRow({ name, state, reason, parts, createdAt }: Import) {
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
}
