import type { Request, RequestHandler, Response } from 'express'
import { AppError } from '../errors.js'
import { PortalId } from '../portals/portal-store.js'
import { KEY_PATTERN, parseKey } from './api-key.js'
import type { Caller, PartnerStore } from './partner-store.js'

type Deps = { partners: Pick<PartnerStore, 'authenticate' | 'auditKey'> }

/**
 * API key → partner, before anything else of a request is read; on a path with `:portalId` also whether it may use that
 * portal. Whatever is wrong with a key is answered alike, and another partner's portal like a missing one.
 */
export function requirePartner({ partners }: Deps): RequestHandler {
  return async (req, res, next) => {
    const parsed = parseKey(bearerOf(req))
    const { portalId } = req.params as { portalId?: string }
    // What cannot be a portal's id is not looked for: Postgres takes no text with a NUL.
    const sought = PortalId.safeParse(portalId).data
    const caller = parsed && (await partners.authenticate(parsed, req.ip ?? '', sought))
    if (parsed && typeof caller === 'string')
      await partners.auditKey(parsed.keyId, 'key_refused', { reason: caller, address: req.ip ?? '' })
    if (!caller || typeof caller === 'string')
      throw new AppError('key_invalid', { detail: 'This key is unknown or no longer valid.' })
    if (portalId !== undefined && !caller.portal) throw new AppError('portal_not_found')
    if (caller.portal?.isPaused && req.method !== 'GET' && req.method !== 'HEAD')
      throw new AppError('partner_paused', {
        detail: 'Reading is possible; sending is, once the account’s admin lets you in again.',
      })
    res.locals.caller = caller
    next()
  }
}

/** Who `requirePartner` let in. */
export function callerOf(res: Response): Caller {
  return res.locals.caller as Caller
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
export function refuseExposedKey({ partners }: Deps): RequestHandler {
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
