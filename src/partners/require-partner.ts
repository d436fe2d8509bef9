import type { Request, RequestHandler, Response } from 'express'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { type Limiter, RATE_WINDOW_SECONDS, rateHeaders, type Standing, subnetOf, type Told } from '../http/rate.js'
import type { UploadOptions } from '../http/upload.js'
import type { Log } from '../log.js'
import { PortalId } from '../portals/portal-store.js'
import { KEY_PATTERN, parseKey } from './api-key.js'
import type { Caller, PartnerStore } from './partner-store.js'

type Deps = {
  config: Pick<Config, 'bytesPerDay'>
  partners: Pick<PartnerStore, 'authenticate' | 'auditKey' | 'reserveBytes' | 'returnBytes'>
  /** `byKey`: of requests with good keys; `byAddress`: of those with wrong ones. */
  limits: { byKey: Limiter; byAddress: Limiter }
  log: Log
}

const DAY_SECONDS = 86_400
/** Of an upload that does not say its length so much is set aside at a time. */
const PIECE_BYTES = 8 * 1024 * 1024

/**
 * API key → partner, before anything else of a request is read; on a path with `:portalId` also whether it may use that
 * portal. Whatever is wrong with a key is answered alike, and another partner's portal like a missing one. Whoever tries
 * many wrong keys is not even looked up, and whoever asks too much is told how much that is.
 */
export function requirePartner({ config, partners, limits, log }: Deps): RequestHandler {
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
        headers: rateHeaders([toldRequests('address', guesses)]),
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

  /** Sets aside what an upload says that it has, or its first piece; false: there is not so much left. */
  async function reserve(req: Request, res: Response): Promise<boolean> {
    const { keyId } = callerOf(res)
    const bytes = Number(req.get('content-length') ?? PIECE_BYTES)
    if (!(await partners.reserveBytes(keyId, bytes, config.bytesPerDay))) return false
    res.locals.reservedBytes = bytes
    // Of an upload that is not even begun nobody counts what came.
    const giveBack = () => res.locals.isWatched || settle({ partners, log }, res, 0)
    if (res.closed) giveBack()
    else res.once('close', giveBack)
    return true
  }

  return async (req, res, next) => {
    const caller = await authenticate(req)
    const { portalId } = req.params as { portalId?: string }
    const requests = limits.byKey.take(caller.keyId)
    const isUpload = /^multipart\//i.test(req.get('content-type') ?? '')
    const bytes = toldBytes(caller, config.bytesPerDay)
    res.set(rateHeaders([toldRequests('key', requests), ...(isUpload ? [bytes] : [])]))
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
    res.locals.caller = caller
    if (isUpload && !(await reserve(req, res))) throw overBudget(bytes)
    next()
  }
}

/** Who `requirePartner` let in. */
export function callerOf(res: Response): Caller {
  return res.locals.caller as Caller
}

function overBudget({ limit, resetSeconds }: Pick<Told, 'limit' | 'resetSeconds'>): AppError {
  const detail = `${limit} bytes a day may be uploaded with one key.`
  return new AppError('byte_budget_exceeded', { detail, retryAfterSeconds: resetSeconds })
}

/**
 * For uploads: what comes counts against a key's bytes of the day. One that does not say its length sets them aside piece by
 * piece. Whoever waits does not wait for it.
 */
export function meterBytes({
  config,
  partners,
  log,
}: Pick<Deps, 'config' | 'partners' | 'log'>): NonNullable<UploadOptions<unknown>['meter']> {
  return (res, refuse) => {
    let asking: Promise<void> | undefined
    async function reserveMore(): Promise<void> {
      const caller = callerOf(res)
      if (await partners.reserveBytes(caller.keyId, PIECE_BYTES, config.bytesPerDay)) res.locals.reservedBytes += PIECE_BYTES
      else refuse(overBudget(toldBytes(caller, config.bytesPerDay)))
    }

    return {
      came(bytes) {
        if (bytes <= Number(res.locals.reservedBytes) || asking !== undefined) return
        asking = reserveMore()
          .catch((error: unknown) => log.warn({ err: error }, 'bytes not set aside'))
          .finally(() => {
            asking = undefined
          })
      },
      ended: (bytes) => void Promise.resolve(asking).then(() => settle({ partners, log }, res, bytes)),
    }
  }
}

function settle({ partners, log }: Pick<Deps, 'partners' | 'log'>, res: Response, bytes: number): void {
  const unused = Number(res.locals.reservedBytes) - bytes
  if (unused === 0) return
  const { keyId } = callerOf(res)
  partners.returnBytes(keyId, unused).catch((error: unknown) => log.warn({ err: error, keyId }, 'bytes not counted'))
}

function toldRequests(name: string, { limit, left, resetSeconds }: Standing): Told {
  return { name, limit, left, resetSeconds, windowSeconds: RATE_WINDOW_SECONDS }
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
export function refuseExposedKey(deps: Pick<Deps, 'partners' | 'log'>): RequestHandler {
  return (req, _res, next) => {
    refuseKeyIn(deps, req.originalUrl.replaceAll(/%5f/gi, '_'), 'in a URL', req)
    next()
  }
}

/** A key in a body of JSON, which `readJson` has read, would be stored, and sent on. */
export function refuseKeyInBody(deps: Pick<Deps, 'partners' | 'log'>): RequestHandler {
  return (req, _res, next) => {
    if (typeof req.body === 'string') refuseKeyIn(deps, req.body, 'in a body', req)
    next()
  }
}

/** Refuses a text that holds a key, and audits it. @throws {AppError} `key_exposed` */
export function refuseKeyIn({ partners, log }: Pick<Deps, 'partners' | 'log'>, text: string, reason: string, req: Request): void {
  const [exposed] = KEY_PATTERN.exec(text) ?? []
  if (exposed === undefined) return
  const parsed = parseKey(exposed)
  if (parsed)
    partners
      .auditKey(parsed.keyId, 'key_exposed', { reason, address: req.ip ?? '' })
      .catch((error: unknown) => log.error({ err: error, keyId: parsed.keyId }, 'a key was exposed'))
  throw new AppError('key_exposed', {
    detail: 'Keys belong in the Authorization header. This one has been exposed: replace it.',
  })
}
