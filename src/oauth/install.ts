import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import type { HubSpot } from '../hubspot/hubspot.js'
import type { OAuth } from '../hubspot/oauth.js'
import { resumeImports } from '../imports/advance.js'
import type { SubmissionStore } from '../imports/submission-store.js'
import type { Log } from '../log.js'
import type { PortalStore } from '../portals/portal-store.js'
import type { Queue } from '../queue/queue.js'

type Deps = {
  config: Pick<Config, 'hubspot'>
  oauth: Pick<OAuth, 'exchangeCode' | 'introspect'>
  hubspot: Pick<HubSpot, 'accountDetails'>
  portals: Pick<PortalStore, 'connect'>
  submissions: Pick<SubmissionStore, 'releaseHeld'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

/**
 * Turns HubSpot's code into a connected portal, and resolves to its id. Whose tokens they are is what HubSpot says of
 * them, twice: nothing in the URL is believed. Nothing is stored unless everything is there.
 *
 * @throws {AppError} `oauth_code_refused`, `oauth_answer_invalid`, `oauth_portal_mismatch`, `oauth_scopes_missing` (with
 *   the missing ones in `errors`), `oauth_misconfigured`, `hubspot_unavailable`
 */
export async function completeInstall(deps: Deps, code: string): Promise<string> {
  const tokens = await deps.oauth.exchangeCode(code)
  const { accessToken, refreshToken, hubId, expiresInSeconds } = tokens
  if (refreshToken === undefined) throw new AppError('oauth_answer_invalid', { context: { why: 'no refresh token' } })

  const token = await deps.oauth.introspect(accessToken)
  if (!token.active) throw new AppError('oauth_answer_invalid', { context: { why: 'the new token is not active' } })
  const portalId = token.hubId
  if (hubId !== undefined && hubId !== portalId) throw new AppError('oauth_portal_mismatch', { context: { hubId, portalId } })

  const scopes = tokens.scopes ?? token.scopes
  refuseMissingScopes(deps.config.hubspot.scopes, scopes)

  // Nice to have, and no reason to turn an installation down.
  const account = await deps.hubspot.accountDetails(accessToken).catch((error: unknown) => {
    deps.log.warn({ err: error, portalId }, 'the account’s details could not be read')
    return undefined
  })
  const details = account && {
    uiDomain: account.uiDomain ?? null,
    timeZone: account.timeZone ?? null,
    accountType: account.accountType ?? null,
    dataHostingLocation: account.dataHostingLocation ?? null,
  }
  await deps.portals.connect(
    portalId,
    { accessToken, refreshToken, scopes, expiresInSeconds },
    { hubDomain: token.hubDomain, ...details },
  )
  await resumeImports(deps, portalId)
  deps.log.info({ portalId }, 'portal connected')
  return portalId
}

/** Where HubSpot wants the browser back, when that is a page of HubSpot's own; anything else would be an open redirect. */
export function hubSpotPage(returnUrl: string | undefined, appUrl: string): string | undefined {
  if (returnUrl === undefined || !URL.canParse(returnUrl)) return undefined
  const { protocol, hostname, port, origin, username, password, href } = new URL(returnUrl)
  if (username !== '' || password !== '') return undefined
  if (protocol === 'https:' && port === '' && /^([a-z0-9-]+\.)*hubspot\.com$/.test(hostname)) return href
  return origin === appUrl ? href : undefined
}

function refuseMissingScopes(required: readonly string[], granted: string[]): void {
  const missing = required.filter((scope) => !granted.includes(scope))
  if (missing.length === 0) return
  throw new AppError('oauth_scopes_missing', {
    detail: `HubSpot did not grant: ${missing.join(', ')}. Install again and allow them all.`,
    errors: missing.map((scope) => ({ pointer: '/scope', detail: scope })),
  })
}
