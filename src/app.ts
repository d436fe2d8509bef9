import { fileURLToPath } from 'node:url'
import express, { type Express, type Response } from 'express'
import helmet from 'helmet'
import { compatRoutes } from './compat/routes.js'
import { isOutage } from './db/outage.js'
import type { Deps } from './deps.js'
import { AppError } from './errors.js'
import { sendPage } from './http/page.js'
import { notFound, problemHandler } from './http/problem.js'
import { boundSlowBody, boundUnreadBody, requestLog } from './http/request.js'
import { shedLoad } from './http/shed.js'
import { importRoutes } from './imports/routes.js'
import { mappingRoutes } from './mappings/routes.js'
import { noticeRoutes } from './notices/routes.js'
import { oauthRoutes } from './oauth/routes.js'
import { refuseExposedKey } from './partners/require-partner.js'
import { partnerRoutes } from './partners/routes.js'
import { referenceRoutes } from './reference/routes.js'
import { operatorRoutes } from './settings/operator/routes.js'
import { publicRoutes } from './settings/public/routes.js'
import { settingsRoutes } from './settings/routes.js'
import { webhookRoutes } from './webhooks/routes.js'
import { ERROR } from './words/error.js'
import { languageOf } from './words/language.js'
import { explainProblem } from './words/problems.js'

const ASSETS = fileURLToPath(new URL('../views/assets', import.meta.url))
/** Those that the setup guide shows. */
const SCREENSHOTS = fileURLToPath(new URL('../docs/screenshots', import.meta.url))

/** How soon to come back while there is no database yet. */
const WAITING_RETRY_SECONDS = 5

type Basics = Pick<Deps, 'config' | 'log' | 'render'>

/** The whole HTTP surface, in the order a request meets it. Opens nothing and listens on nothing. */
export function createApp(deps: Deps): Express {
  const { config } = deps
  const app = openApp(deps)
  app.get('/readyz', async (_req, res) => sendReadiness(res, await deps.notReady()))
  app.get('/metrics', async (_req, res) => {
    const readings = {
      portals: await deps.portals.countByStatus(),
      imports: await deps.overdue.countWaiting(),
      alarms: await deps.alarms.list(),
    }
    const { contentType, text } = await deps.metrics.render(readings)
    res.set('cache-control', 'no-store').type(contentType).send(text)
  })

  if (config.role !== 'worker') {
    app.use(shedLoad())
    app.use(secureHeaders(config.publicUrl.startsWith('https:')))
    const unchanging = { maxAge: '1h', index: false, redirect: false, acceptRanges: false }
    app.use('/assets', express.static(ASSETS, unchanging))
    app.use('/screenshots', express.static(SCREENSHOTS, unchanging))
    app.use(refuseExposedKey(deps))
    // What is asked for most comes first: each router before it costs a little.
    app.use(importRoutes(deps))
    app.use(compatRoutes(deps))
    app.use(partnerRoutes(deps))
    app.use(webhookRoutes(deps))
    app.use(mappingRoutes(deps))
    app.use(noticeRoutes(deps))
    app.use(oauthRoutes(deps))
    app.use(settingsRoutes(deps))
    app.use(operatorRoutes(deps))
    app.use(publicRoutes(deps))
    app.use(referenceRoutes(deps))
  }

  app.use(notFound)
  app.use(problems(deps))
  return app
}

/** What is served until the database is there: that the process lives, and that everybody is to come back. */
export function createWaitingApp(basics: Basics): Express {
  const app = openApp(basics)
  app.get('/readyz', (_req, res) => sendReadiness(res, ['database']))
  app.use(() => {
    throw new AppError('database_unavailable', { retryAfterSeconds: WAITING_RETRY_SECONDS })
  })
  app.use(problems(basics))
  return app
}

function openApp({ config, log }: Basics): Express {
  const app = express()
  app.set('trust proxy', config.trustProxy)
  app.set('query parser', 'simple')
  app.disable('x-powered-by')

  app.use(requestLog(log))
  app.use(boundUnreadBody, boundSlowBody())
  app.get('/livez', (_req, res) => void res.json({ status: 'ok' }))
  return app
}

function sendReadiness(res: Response, problems: string[]): void {
  res.status(problems.length > 0 ? 503 : 200).json({ status: problems.length > 0 ? 'not ready' : 'ok', problems })
}

function problems({ config, log, render }: Basics) {
  return problemHandler({
    log,
    publicUrl: config.publicUrl,
    sendErrorPage: (req, res, model) =>
      sendPage(render, req, res, 'error', ERROR, { ...model, words: explainProblem(model.code, languageOf(req)) }),
    isOutage,
  })
}

/** No scripts, no frames, nothing from elsewhere; a page adds its own script. */
function secureHeaders(isHttps: boolean) {
  return helmet({
    strictTransportSecurity: isHttps,
    // Not no-referrer: browsers would then send our own forms with "Origin: null".
    referrerPolicy: { policy: 'same-origin' },
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  })
}
