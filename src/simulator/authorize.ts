import { randomUUID } from 'node:crypto'
import { type Exchange, type Reply, refusal } from './exchange.js'
import type { AppToken, Portal, Token } from './state.js'

const WINDOW_MS = 10_000

/** The token that a call comes with, or the refusal of it: unknown, expired, without the scope, or one call too many. */
export function authorize({ req, res, state }: Exchange, scope: string): Token | Reply {
  const token = state.tokenOf(bearer(req.headers.authorization))
  const portal = token && state.portals.get(token.portalId)
  if (!token || !portal) return unknown()
  if (token.expiresAt <= Date.now()) return expired(token)
  const { max, used } = countCall(portal, state.settings.callsPerTenSeconds)
  if (max > 0) {
    res.setHeader('X-HubSpot-RateLimit-Interval-Milliseconds', String(WINDOW_MS))
    res.setHeader('X-HubSpot-RateLimit-Max', String(max))
    res.setHeader('X-HubSpot-RateLimit-Remaining', String(Math.max(0, max - used)))
    if (used > max) return tooMany()
  }
  return token.scopes.includes(scope) ? token : missing(scope)
}

/** The refusal, if any, of a call that an app makes for itself; there is no limit on how many. */
export function refuseApp({ req, state }: Exchange, scope: string): Reply | undefined {
  const token = state.appTokens.get(bearer(req.headers.authorization))
  if (!token) return unknown()
  if (token.expiresAt <= Date.now()) return expired(token)
  return token.scopes.includes(scope) ? undefined : missing(scope)
}

/** The token of an Authorization header. */
export function bearer(header: string | undefined): string {
  return /^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? ''
}

function unknown(): Reply {
  return refusal(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found or not valid.')
}

function expired({ expiresAt }: AppToken): Reply {
  const context = { 'expire time': [new Date(expiresAt).toISOString()] }
  return refusal(401, 'EXPIRED_AUTHENTICATION', 'The OAuth token used to make this call expired.', { context })
}

function missing(scope: string): Reply {
  const errors = [{ message: 'One or more of the following scopes are required.', context: { requiredGranularScopes: [scope] } }]
  return refusal(403, 'MISSING_SCOPES', 'This app hasn’t been granted all required scopes to make this call.', { errors })
}

function countCall(portal: Portal, max: number): { max: number; used: number } {
  if (max === 0) return { max, used: 0 }
  portal.callTimes = portal.callTimes.filter((at) => at > Date.now() - WINDOW_MS)
  const used = portal.callTimes.length + 1
  // A refused call does not count: otherwise a client that keeps asking would never be let in again.
  if (used <= max) portal.callTimes.push(Date.now())
  return { max, used }
}

function tooMany(): Reply {
  const policy = { errorType: 'RATE_LIMIT', policyName: 'TEN_SECONDLY_ROLLING', requestId: randomUUID() }
  return refusal(429, 'RATE_LIMITS', 'You have reached your ten_secondly_rolling limit.', policy)
}
