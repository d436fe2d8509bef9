import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import type { HubSpot } from '../hubspot/hubspot.js'
import type { OAuth } from '../hubspot/oauth.js'
import { resumeImports } from '../imports/submission/advance.js'
import type { TurnStore } from '../imports/submission/turn-store.js'
import type { Log } from '../log.js'
import type { AlarmStore } from '../portals/alarm-store.js'
import type { CallTally } from '../portals/call-tally.js'
import { tellOperator } from '../portals/tell-operator.js'
import type { TokenStore } from '../portals/token-store.js'
import type { Queue } from '../queue/queue.js'
import type { Secret } from '../secret.js'

type Deps = {
  config: Pick<Config, 'hubspot'>
  oauth: Pick<OAuth, 'exchangeCode' | 'introspect'>
  hubspot: Pick<HubSpot, 'accountDetails'>
  tokens: Pick<TokenStore, 'connect'>
  alarms: Pick<AlarmStore, 'raise' | 'end'>
  turns: Pick<TurnStore, 'releaseReady'>
  queue: Pick<Queue, 'enqueue'>
  callTally: Pick<CallTally, 'add'>
  log: Log
}

/** A code, who brought it, and the portal that the install was begun for, if it was begun for one. */
type Input = { code: Secret; actor: 'admin' | 'hubspot'; wantedPortalId: string | null }

/** The portal, and the person that HubSpot says consented. */
type Installed = { portalId: string; userId: string | null }

/**
 * Turns HubSpot's code into a connected portal, and resolves to whose it is. Whose tokens they are is what HubSpot says of
 * them, twice: nothing in the URL is believed. Nothing is stored unless everything is there.
 *
 * @throws {AppError} `oauth_code_refused`, `oauth_answer_invalid`, `oauth_portal_mismatch`, `oauth_other_portal`,
 *   `oauth_scopes_missing` (with the missing ones in `errors`), `portal_disconnecting`, `oauth_misconfigured`,
 *   `hubspot_unavailable`
 */
export async function completeInstall(deps: Deps, { code, actor, wantedPortalId }: Input): Promise<Installed> {
  const tokens = await deps.oauth.exchangeCode(code).catch(async (error: unknown) => {
    await tellOperator(deps, error)
    throw error
  })
  const { accessToken, refreshToken, hubId, expiresInSeconds } = tokens
  if (refreshToken === undefined) throw new AppError('oauth_answer_invalid', { context: { why: 'no refresh token' } })

  const token = await deps.oauth.introspect(accessToken)
  if (!token.active) throw new AppError('oauth_answer_invalid', { context: { why: 'the new token is not active' } })
  const portalId = token.hubId
  if (hubId !== undefined && hubId !== portalId) {
    const mismatch = new AppError('oauth_portal_mismatch', { context: { hubId, portalId } })
    await tellOperator(deps, mismatch)
    throw mismatch
  }
  if (wantedPortalId !== null && wantedPortalId !== portalId)
    throw new AppError('oauth_other_portal', {
      detail: `This connection was begun for account ${wantedPortalId}, but account ${portalId} was chosen at HubSpot. Nothing was changed.`,
    })

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
  const pair = { accessToken, refreshToken, scopes, expiresInSeconds }
  await deps.tokens.connect(portalId, pair, { appId: token.appId, hubDomain: token.hubDomain, ...details }, actor)
  await deps.alarms
    .end('credentials_refused')
    .catch((error: unknown) => deps.log.warn({ err: error, portalId }, 'an alarm could not be ended'))
  await resumeImports(deps, portalId)
  deps.callTally.add(portalId, 'oauth', account !== undefined)
  deps.log.info({ portalId }, 'portal connected')
  return { portalId, userId: token.userId }
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
