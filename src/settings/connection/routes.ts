import { Router } from 'express'
import { z } from 'zod'
import type { Config } from '../../config.js'
import { AppError } from '../../errors.js'
import { onlyMethods } from '../../http/problem.js'
import { disconnectAndWait, findReceipt } from '../../imports/departure/disconnect.js'
import type { AuditStore } from '../../portals/audit-store.js'
import type { PortalStore } from '../../portals/portal-store.js'
import type { Sessions } from '../../portals/session.js'
import type { Pages, Visit } from '../pages.js'
import { explainScope } from '../scope-words.js'
import { CONNECTION, DISCONNECT, DISCONNECTED } from './words.js'

type Deps = Parameters<typeof disconnectAndWait>[0] & {
  config: Pick<Config, 'hubspot'>
  sessions: Pick<Sessions, 'hashOf'>
  portals: Pick<PortalStore, 'changeRetention'>
  audit: Pick<AuditStore, 'list'>
}

const EVENTS_SHOWN = 25
/** Mostly all is done by then; else the page that follows looks again by itself. */
const RECEIPT_WITHIN_MS = 5_000
const REFRESH_SECONDS = 3

const Days = z.coerce.number().int().min(1).max(30)
const RetentionForm = z.strictObject({ days: Days, was: Days })

/** /settings/:portalId/connection and …/disconnect: permissions, how long data is kept, the trail, and the end of it all. */
export function connectionRoutes(deps: Deps, pages: Pages): { router: Router; showReceipt: (visit: Visit) => Promise<void> } {
  const router = Router()
  const [connection, retention, disconnect] = ['connection', 'connection/retention', 'disconnect'].map(
    (path) => `/settings/:portalId/${path}`,
  ) as [string, string, string]

  router.get(
    connection,
    pages.page(async ({ portal, language, req, show }) => {
      const before = /^\d{1,18}$/.exec(String(req.query.before ?? ''))?.[0]
      const events = await deps.audit.list({ portalId: portal.id, limit: EVENTS_SHOWN + 1, before })
      const missing = new Set([
        ...deps.config.hubspot.scopes.filter((scope) => !portal.scopes.includes(scope)),
        ...portal.missingScopes,
      ])
      const scopes = [...new Set([...portal.scopes, ...missing])].map((scope) => ({
        scope,
        purpose: explainScope(language, scope),
        isMissing: missing.has(scope),
      }))
      await show('settings/connection', CONNECTION, {
        menu: 'connection',
        scopes,
        isScopeMissing: missing.size > 0,
        isSaved: req.query.saved === '1',
        events: events.slice(0, EVENTS_SHOWN).map((event) => ({ ...event, detail: describeDetail(event.detail) })),
        earlier: events.length > EVENTS_SHOWN ? String(events[EVENTS_SHOWN - 1]?.id) : undefined,
        isLater: before !== undefined,
      })
    }),
  )
  router.post(
    retention,
    pages.form(RetentionForm, async ({ portal, base, res }, { days, was }) => {
      if (!(await deps.portals.changeRetention(portal.id, { days, was }))) throw new AppError('edited_meanwhile')
      res.redirect(303, `${base}/connection?saved=1#retention`)
    }),
  )
  router.get(
    disconnect,
    pages.page(({ show }) => show('settings/disconnect', DISCONNECT, { menu: 'connection' })),
  )
  router.post(
    disconnect,
    pages.form(z.strictObject({}), async ({ portal, base, req, res }) => {
      const by = { actor: 'admin', why: 'on the settings page', sessionHash: deps.sessions.hashOf(req) } as const
      await disconnectAndWait(deps, portal.id, by, RECEIPT_WITHIN_MS)
      res.redirect(303, base)
    }),
  )
  router.all(connection, onlyMethods('GET', 'HEAD'))
  router.all(retention, onlyMethods('POST'))
  router.all(disconnect, onlyMethods('GET', 'HEAD', 'POST'))

  async function showReceipt({ portal, show }: Visit): Promise<void> {
    const receipt = await findReceipt(deps, portal.id)
    await show('settings/disconnected', DISCONNECTED, {
      receipt,
      ...(receipt ? {} : { refreshSeconds: REFRESH_SECONDS }),
    })
  }
  return { router, showReceipt }
}

/** What an event holds, in a line: ids, counts and words. */
function describeDetail(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ')
}
