import { type Request, type RequestHandler, type Response, Router, urlencoded } from 'express'
import type { Config } from '../../config.js'
import { AppError } from '../../errors.js'
import { sendPage } from '../../http/page.js'
import { onlyMethods } from '../../http/problem.js'
import type { Render } from '../../http/views.js'
import type { HistoryStore } from '../../imports/history-store.js'
import { type AlarmStore, describeAlarm } from '../../portals/alarm-store.js'
import type { CallTally } from '../../portals/call-tally.js'
import type { OperatorSessions } from '../../portals/operator-session.js'
import { ENTER, OPERATOR } from './words.js'

type Deps = {
  config: Pick<Config, 'hubspot'>
  operatorSessions: OperatorSessions
  history: Pick<HistoryStore, 'listPortals'>
  alarms: Pick<AlarmStore, 'list'>
  callTally: Pick<CallTally, 'readReadiness'>
  render: Render
}

const MAX_FORM = '4kb'

/** /operator…: all portals at a glance, for whoever runs this Importal. */
export function operatorRoutes(deps: Deps): Router {
  const { operatorSessions: sessions, render } = deps
  const router = Router()
  const readForm = urlencoded({ extended: false, limit: MAX_FORM })

  /** Anybody else is told that there is no such page. */
  const onlyOperator: RequestHandler = async (req, _res, next) => {
    if (!(await sessions.isSignedIn(req))) throw new AppError('not_found')
    next()
  }

  // A link that is only looked at, by a mail scanner for one, stays good: the button uses it up.
  router.get('/operator/enter', (req, res) =>
    sendPage(render, req, res, 'operator/enter', ENTER, { ticket: String(req.query.ticket ?? '') }),
  )
  router.post('/operator/enter', readForm, async (req: Request, res: Response) => {
    const { ticket } = (req.body ?? {}) as { ticket?: unknown }
    if (!sessions.isFromUs(req)) throw new AppError('form_forged')
    if (typeof ticket !== 'string' || !(await sessions.enter(res, ticket))) throw new AppError('ticket_invalid')
    res.set('referrer-policy', 'no-referrer').redirect(303, '/operator')
  })
  router.get('/operator', onlyOperator, async (req, res) => {
    const [portals, alarms, readiness] = await Promise.all([
      deps.history.listPortals(),
      deps.alarms.list(),
      deps.callTally.readReadiness(),
    ])
    const tallies = new Map(readiness.portals.map((tally) => [tally.portalId, tally]))
    const shareOf = ({ succeeded, failed }: { succeeded: number; failed: number }) =>
      succeeded + failed === 0 ? null : succeeded / (succeeded + failed)
    const total = readiness.portals.reduce(
      (sum, { succeeded, failed }) => ({ succeeded: sum.succeeded + succeeded, failed: sum.failed + failed }),
      { succeeded: 0, failed: 0 },
    )
    const { scopes, optionalScopes } = deps.config.hubspot
    sendPage(render, req, res, 'operator/overview', OPERATOR, {
      formToken: sessions.formToken(req),
      alarms: alarms.map((alarm) => ({ ...alarm, ...describeAlarm(alarm) })),
      portals: portals.map((portal) => ({ ...portal, success: shareOf(tallies.get(portal.id) ?? { succeeded: 0, failed: 0 }) })),
      active: readiness.portals.filter(({ succeeded }) => succeeded > 0).length,
      success: shareOf(total),
      unused: [...scopes, ...optionalScopes].filter((scope) => !readiness.usedScopes.includes(scope)),
    })
  })
  router.post('/operator/sign-out', onlyOperator, readForm, async (req: Request, res: Response) => {
    if (!sessions.isOurForm(req, (req.body as { formToken?: unknown } | undefined)?.formToken)) throw new AppError('form_forged')
    await sessions.signOut(req, res)
    res.redirect(303, '/')
  })
  router.all('/operator', onlyMethods('GET', 'HEAD'))
  router.all('/operator/enter', onlyMethods('GET', 'HEAD', 'POST'))
  router.all('/operator/sign-out', onlyMethods('POST'))
  return router
}
