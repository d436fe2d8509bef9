import express, { type Request, type RequestHandler, Router } from 'express'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { serve } from '../http/endpoint.js'
import { onlyMethods } from '../http/problem.js'
import { parseBody } from '../hubspot/answers.js'
import { isSigned } from '../hubspot/signature.js'
import type { NoticeStore } from './notice-store.js'
import { NoticeBatch, takeWebhooks } from './schema.js'
import { takeNotices } from './take.js'

const MAX_BYTES = 256 * 1024
const MAX_EVENTS = 1_000

type Deps = Parameters<typeof takeNotices>[0] & {
  config: Pick<Config, 'hubspot' | 'publicUrl'>
  notices: Pick<NoticeStore, 'nowMs'>
}

/** POST /hubspot/webhooks */
export function noticeRoutes(deps: Deps): Router {
  const router = Router()
  router.post(
    takeWebhooks.path,
    // Compressed bytes are not what was signed.
    express.raw({ type: () => true, limit: MAX_BYTES, inflate: false }),
    requireSignature(deps),
    serve(takeWebhooks, ({ req }) => takeNotices(deps, eventsOf(req))),
  )
  router.all(takeWebhooks.path, onlyMethods('POST'))
  return router
}

/** Nobody but HubSpot gets further. What is wrong with a signature is not said. */
function requireSignature({ config, notices }: Deps): RequestHandler {
  return async (req, _res, next) => {
    if (req.get('x-hubspot-signature-v3') === undefined) throw new AppError('signature_invalid')
    const signed = isSigned({
      method: req.method,
      url: config.publicUrl + req.originalUrl,
      rawBody: bodyOf(req),
      timestamp: req.get('x-hubspot-request-timestamp'),
      signature: req.get('x-hubspot-signature-v3'),
      clientSecret: config.hubspot.clientSecret.reveal(),
      nowMs: await notices.nowMs(),
    })
    if (!signed) throw new AppError('signature_invalid')
    next()
  }
}

/** The body as it came; a request without one has none to read. */
function bodyOf(req: Request): Buffer {
  return Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0)
}

function eventsOf(req: Request): unknown[] {
  const events = parseBody(NoticeBatch, bodyOf(req).toString('utf8'))
  if (!events) throw new AppError('request_malformed', { detail: 'The body is not a JSON array of events.' })
  if (events.length > MAX_EVENTS) throw new AppError('body_too_large', { detail: `A request may hold ${MAX_EVENTS} events.` })
  return events
}
