import type { Request, RequestHandler, Response } from 'express'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { type Limiter, RATE_WINDOW_SECONDS, rateHeaders, type Standing, subnetOf, type Told } from '../http/rate.js'
import type { Log } from '../log.js'
import { PortalId } from '../portals/portal-store.js'
import { KEY_PATTERN, parseKey } from './api-key.js'
import type { Caller, PartnerStore } from './partner-store.js'

type Deps = {
  config: Pick<Config, 'bytesPerDay'>
  partners: Pick<PartnerStore, 'authenticate' | 'auditKey'>
  /** `byKey`: of requests with good keys; `byAddress`: of those with wrong ones. */
  limits: { byKey: Limiter; byAddress: Limiter }
}

const DAY_SECONDS = 86_400

/**
 * API key → partner, before anything else of a request is read; on a path with `:portalId` also whether it may use that
 * portal. Whatever is wrong with a key is answered alike, and another partner's portal like a missing one. Whoever tries
 * many wrong keys is not even looked up, and whoever asks too much is told how much that is.
 */
export function requirePartner({ config, partners, limits }: Deps): RequestHandler {
  async function authenticate(req: Request): Promise<Caller> {
    const address = subnetOf(req.ip ?? '')
    const parsed = parseKey(bearerOf(req))
    const guesses = limits.byAddress.look(address)
    // A key that was good a minute ago is no guess, whoever else guesses from the same address.
    const isKnown = parsed !== undefined && limits.byKey.isKnown(parsed.keyId)
    if (guesses.waitSeconds > 0 && !isKnown)
      throw new AppError('too_many_requests', {
        detail: 'Too many wrong keys came from this address.',
        retryAfterSeconds: guesses.waitSeconds,
      })
    try {
      const { portalId } = req.params as { portalId?: string }
      // What cannot be a portal's id is not looked for: Postgres takes no text with a NUL.
      const sought = PortalId.safeParse(portalId).data
      const caller = parsed && (await partners.authenticate(parsed, req.ip ?? '', sought))
      if (parsed && typeof caller === 'string')
        await partners.auditKey(parsed.keyId, 'key_refused', { reason: caller, address: req.ip ?? '' })
      if (!caller || typeof caller === 'string')
        throw new AppError('key_invalid', { detail: 'This key is unknown or no longer valid.' })
      return caller
    } catch (error) {
      if (error instanceof AppError) limits.byAddress.take(address)
      throw error
    }
  }

  return async (req, res, next) => {
    const caller = await authenticate(req)
    const { portalId } = req.params as { portalId?: string }
    const requests = limits.byKey.take(caller.keyId)
    const isUpload = /^multipart\//i.test(req.get('content-type') ?? '')
    const bytes = toldBytes(caller, config.bytesPerDay)
    res.set(rateHeaders([toldRequests(requests), ...(isUpload ? [bytes] : [])]))
    if (requests.waitSeconds > 0)
      throw new AppError('too_many_requests', {
        detail: `${requests.limit} requests a minute are let in.`,
        retryAfterSeconds: requests.waitSeconds,
      })
    if (portalId !== undefined && !caller.portal) throw new AppError('portal_not_found')
    if (caller.portal?.isPaused && req.method !== 'GET' && req.method !== 'HEAD')
      throw new AppError('partner_paused', {
        detail: 'Reading is possible; sending is, once the account’s admin lets you in again.',
      })
    if (isUpload && bytes.left < Math.max(1, Number(req.get('content-length') ?? 0)))
      throw new AppError('byte_budget_exceeded', {
        detail: `${bytes.limit} bytes a day may be uploaded with one key.`,
        retryAfterSeconds: bytes.resetSeconds,
      })
    res.locals.caller = caller
    next()
  }
}

/** Who `requirePartner` let in. */
export function callerOf(res: Response): Caller {
  return res.locals.caller as Caller
}

/** For uploads: what is to be counted against a key's bytes of the day. Whoever waits does not wait for it. */
export function countUploads({ partners, log }: { partners: Pick<PartnerStore, 'countBytes'>; log: Log }) {
  return (res: Response, bytes: number): void =>
    void partners
      .countBytes(callerOf(res).keyId, bytes)
      .catch((error: unknown) => log.warn({ err: error }, 'bytes of an upload could not be counted'))
}

function toldRequests({ limit, left, resetSeconds }: Standing): Told {
  return { name: 'key', limit, left, resetSeconds, windowSeconds: RATE_WINDOW_SECONDS }
}

/** The day is that of UTC. */
function toldBytes({ bytesToday }: Caller, limit: number): Told {
  const resetSeconds = DAY_SECONDS - (Math.floor(Date.now() / 1_000) % DAY_SECONDS)
  return {
    name: 'bytes',
    limit,
    left: Math.max(0, limit - bytesToday),
    resetSeconds,
    windowSeconds: DAY_SECONDS,
    unit: 'content-bytes',
  }
}

function bearerOf(req: Request): string {
  // Node keeps only the first of several: which one another server in front of us believed, nobody knows.
  const sent = req.headersDistinct.authorization ?? []
  const [, key] = /^Bearer ([\x21-\x7e]+)$/i.exec(sent[0] ?? '') ?? []
  if (sent.length !== 1 || key === undefined)
    throw new AppError('key_missing', { detail: 'Send your key in one header: "Authorization: Bearer imp_live_…".' })
  return key
}

/** A key in a URL has been written to logs on its way: it is refused, whatever was asked, so that this does not go unnoticed. */
export function refuseExposedKey({ partners }: Pick<Deps, 'partners'>): RequestHandler {
  return async (req, _res, next) => {
    const [exposed] = KEY_PATTERN.exec(req.originalUrl.replaceAll(/%5f/gi, '_')) ?? []
    if (exposed === undefined) return next()
    const parsed = parseKey(exposed)
    if (parsed) await partners.auditKey(parsed.keyId, 'key_exposed', { reason: 'in a URL', address: req.ip ?? '' })
    throw new AppError('key_exposed', {
      detail: 'Keys belong in the Authorization header. This one has been exposed: replace it.',
    })
  }
}
