import { randomBytes, randomUUID } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'
import { AppError } from '../errors.js'
import { type Log, redact } from '../log.js'

/** How much of a refused body is still read, so that its sender gets to see the answer. */
const LINGER_BYTES = 8 * 1024 * 1024
const LINGER_MS = 5_000
/** A body that is not an upload has a mebibyte at most. */
const BODY_MS = 30_000

/** @see W3C Trace Context, "traceparent Header": version 00, and neither id all zeros */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * Gives every request an id, the caller's own when it has a sound one, and logs how it ended; never the query. A caller's
 * trace goes on: the answer and the log name it, with a span of ours.
 */
export function requestLog(log: Log): RequestHandler {
  return (req, res, next) => {
    const given = req.get('x-request-id') ?? ''
    const requestId = /^[A-Za-z0-9_-]{8,64}$/.test(given) ? given : randomUUID()
    const startedAt = performance.now()
    res.locals.requestId = requestId
    res.set('x-request-id', requestId)
    const [, traceId] = TRACEPARENT.exec(req.get('traceparent') ?? '') ?? []
    if (traceId !== undefined) res.set('traceparent', `00-${traceId}-${randomBytes(8).toString('hex')}-01`)
    res.once('close', () => {
      const ms = Math.round(performance.now() - startedAt)
      const { portalId } = req.params as { portalId?: string }
      const outcome = res.writableFinished ? 'request' : 'request cut off'
      log.info({ requestId, traceId, method: req.method, path: redact(req.path), status: res.statusCode, ms, portalId }, outcome)
    })
    next()
  }
}

export function requestIdOf(res: Response): string {
  return String(res.locals.requestId ?? '')
}

/**
 * Ends a connection whose request was answered before its body had come: a little is still read, because a sender cut off
 * at once would not see the answer; without a bound it could go on for ever.
 */
export const boundUnreadBody: RequestHandler = (req, res, next) => {
  if (!hasBody(req)) return next()
  res.once('finish', () => {
    if (req.complete) return
    const { socket } = req
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    let seen = 0
    req.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen > LINGER_BYTES) socket.destroy()
    })
    req.once('close', () => clearTimeout(timer))
    req.once('end', () => clearTimeout(timer))
    req.resume()
  })
  next()
}

/**
 * Ends a request whose body does not come: whoever wants more time for it (an upload) watches it himself. Node's own limit
 * knows no difference between the two.
 */
export function boundSlowBody(ms = BODY_MS): RequestHandler {
  return (req, res, next) => {
    if (!hasBody(req)) return next()
    const timer = setTimeout(() => {
      if (req.complete || res.locals.isWatched || res.headersSent) return
      next(new AppError('request_timeout', { headers: { connection: 'close' } }))
    }, ms)
    req.once('end', () => clearTimeout(timer))
    req.once('close', () => clearTimeout(timer))
    next()
  }
}

/** Whether its headers announce one. @see RFC 9112, 6.3 */
function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
