import { AppError } from '../errors.js'
import type { Introspection, OAuth } from '../hubspot/oauth.js'
import type { Scope } from '../hubspot/scopes.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { Secret } from '../secret.js'
import type { AlarmStore } from './alarm-store.js'
import type { CallBudget } from './call-budget.js'
import type { CallTally } from './call-tally.js'
import type { PortalStore } from './portal-store.js'
import { tellOperator } from './tell-operator.js'
import type { NewTokens, TokenPurpose, TokenSet, TokenStore } from './token-store.js'

/** A token is refreshed this long before it expires, so that it outlives the call it is handed to. */
const REFRESH_MARGIN_SECONDS = 5 * 60

/** A token and the version it was stored as. */
export type VersionedToken = { accessToken: Secret; version: number }

export type AccessToken = {
  /** A token good for five more minutes. */
  (portalId: string, purpose: TokenPurpose): Promise<VersionedToken>
  /** For a token that is not to be used any more though the clock would let it: at most one refresh per version. */
  renewed: (portalId: string, purpose: TokenPurpose, rejectedVersion: number) => Promise<VersionedToken>
  /**
   * What to go on with after HubSpot refused a token: a newer one. Unless HubSpot called it expired, it is asked first
   * whether the app is still there.
   * @throws {AppError} `portal_disconnected`, and what a refresh throws
   */
  afterRefusal: (portalId: string, purpose: TokenPurpose, refused: VersionedToken, expired: boolean) => Promise<VersionedToken>
  /** HubSpot refused even a token it had just given: the portal must be connected again. @throws `portal_disconnected` */
  afterSecondRefusal: (portalId: string, refused: VersionedToken) => Promise<never>
  /**
   * Calls HubSpot with a token, within the portal's budget of calls; once more with a newer one when it is refused with
   * `token_refused`. `scope` is the permission that the call needs.
   */
  use: <T>(portalId: string, purpose: TokenPurpose, call: (accessToken: Secret) => Promise<T>, scope?: Scope) => Promise<T>
}

type Deps = {
  portals: Pick<PortalStore, 'markReconnect' | 'pause' | 'recordMissingScopes'>
  tokens: Pick<TokenStore, 'read' | 'update'>
  alarms: Pick<AlarmStore, 'raise' | 'end'>
  callBudget: Pick<CallBudget, 'take' | 'pauseFor'>
  callTally: Pick<CallTally, 'count'>
  oauth: Pick<OAuth, 'refresh' | 'introspect'>
  metrics: Pick<Metrics, 'countRefresh'>
  log: Log
}

/**
 * Gives a function from a portal to an access token that is good for five more minutes at least.
 *
 * Safe to call at once: HubSpot is asked once per version. The map sees to that within the process, the store's lease
 * between processes; every pair is stored before it is used.
 *
 * @throws {AppError} `portal_not_found`, `portal_disconnected` (HubSpot took the access away), `oauth_misconfigured`
 *   (our credentials: nobody is disconnected), `hubspot_unavailable`
 * @see https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
 */
export function createAccessToken({ portals, tokens, alarms, callBudget, callTally, oauth, metrics, log }: Deps): AccessToken {
  const underWay = new Map<string, Promise<TokenSet>>()

  /** One at a time per key in this process; everybody waits for the same one. */
  async function once(key: string, start: () => Promise<TokenSet>): Promise<TokenSet> {
    const running = underWay.get(key)
    if (running !== undefined) return running
    const started = start().finally(() => underWay.delete(key))
    underWay.set(key, started)
    return started
  }

  async function read(portalId: string, purpose: TokenPurpose): Promise<TokenSet> {
    return tokens.read(portalId, purpose).catch(async (error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'seal_broken') throw error
      // Nothing will ever open it again: that portal waits for its admin, all others go on.
      log.error({ err: error, portalId }, 'the portal’s stored tokens cannot be opened')
      await portals.markReconnect(portalId, Number(error.options.context?.version), 'the stored tokens cannot be opened')
      throw new AppError('portal_disconnected', { cause: error, context: { portalId } })
    })
  }

  async function refresh(portalId: string, purpose: TokenPurpose, isStale: (stored: TokenSet) => boolean): Promise<TokenSet> {
    const newest = await tokens.update(portalId, purpose, { isStale, change: (stored) => askHubSpot(portalId, purpose, stored) })
    // Only now: nothing may come between what HubSpot granted and its storing.
    await alarms.end('credentials_refused').catch((error: unknown) => log.warn({ err: error }, 'an alarm could not be ended'))
    return newest
  }

  /** New tokens; undefined when HubSpot refuses ours but somebody has stored newer ones meanwhile. */
  async function askHubSpot(portalId: string, purpose: TokenPurpose, stored: TokenSet): Promise<NewTokens | undefined> {
    try {
      const answer = await oauth.refresh(stored.refreshToken)
      // Another portal's token must never be stored, let alone used, under this one's name.
      if (answer.hubId !== undefined && answer.hubId !== portalId)
        throw new AppError('oauth_portal_mismatch', { context: { portalId, hubId: answer.hubId } })
      metrics.countRefresh('granted')
      return {
        accessToken: answer.accessToken,
        refreshToken: answer.refreshToken ?? stored.refreshToken,
        scopes: answer.scopes ?? stored.scopes,
        expiresInSeconds: answer.expiresInSeconds,
      }
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal'
      metrics.countRefresh(code)
      if (code === 'portal_disconnected' && (await isOvertaken(portalId, purpose, stored.version))) return undefined
      await tellOperator({ alarms, log }, error, portalId)
      throw error
    }
  }

  /** Believed only of the version that still counts: a refresh that lost a race says nothing about the portal. */
  async function isOvertaken(portalId: string, purpose: TokenPurpose, version: number): Promise<boolean> {
    if (await portals.markReconnect(portalId, version, 'HubSpot refused the refresh token')) return false
    return (await tokens.read(portalId, purpose)).version !== version
  }

  /** HubSpot's refusal of the token itself. Whatever else was thrown is thrown on, what it says of the portal recorded. */
  async function toRefusal(portalId: string, purpose: TokenPurpose, error: unknown): Promise<Refusal> {
    const { code, options } = error instanceof AppError ? error : new AppError('internal')
    if (code === 'hubspot_migrating') await portals.pause(portalId, options.retryAfterSeconds ?? 0)
    if (code === 'hubspot_busy' && options.context?.isRate) await callBudget.pauseFor(portalId, options.retryAfterSeconds ?? 0)
    // A check tries what is optional as well.
    if (code === 'scope_missing' && purpose !== 'check')
      await portals.recordMissingScopes(portalId, (options.context?.scopes as string[]) ?? [])
    if (code !== 'token_refused') throw error
    return { [REFUSAL]: true, expired: options.context?.category === 'EXPIRED_AUTHENTICATION' }
  }

  const versioned = ({ accessToken, version }: TokenSet): VersionedToken => ({ accessToken, version })

  const accessToken = async (portalId: string, purpose: TokenPurpose): Promise<VersionedToken> => {
    const isStale = ({ secondsLeft }: TokenSet) => secondsLeft < REFRESH_MARGIN_SECONDS
    // The reading is shared as well: a thousand callers at once are one query.
    const current = await once(`read ${portalId} ${purpose}`, async () => {
      const stored = await read(portalId, purpose)
      return isStale(stored) ? once(`refresh ${portalId}`, () => refresh(portalId, purpose, isStale)) : stored
    })
    return versioned(current)
  }

  const renewed = async (portalId: string, purpose: TokenPurpose, rejectedVersion: number): Promise<VersionedToken> => {
    const isStale = ({ version }: TokenSet) => version === rejectedVersion
    return versioned(await once(`renew ${portalId} ${rejectedVersion}`, () => refresh(portalId, purpose, isStale)))
  }

  const afterRefusal = async (portalId: string, purpose: TokenPurpose, refused: VersionedToken, expired: boolean) => {
    if (!expired && !(await introspect(portalId, refused)).active) {
      // Unless somebody has stored newer tokens: then it was an old one that HubSpot no longer knows.
      if (await portals.markReconnect(portalId, refused.version, 'HubSpot no longer knows the access token'))
        throw new AppError('portal_disconnected', { context: { portalId } })
    }
    return renewed(portalId, purpose, refused.version)
  }

  async function introspect(portalId: string, { accessToken }: VersionedToken): Promise<Introspection> {
    return oauth.introspect(accessToken).catch(async (error: unknown) => {
      await tellOperator({ alarms, log }, error, portalId)
      throw error
    })
  }

  const afterSecondRefusal = async (portalId: string, refused: VersionedToken): Promise<never> => {
    await portals.markReconnect(portalId, refused.version, 'HubSpot refuses tokens it has just given')
    throw new AppError('portal_disconnected', { context: { portalId } })
  }

  const use = async <T>(
    portalId: string,
    purpose: TokenPurpose,
    make: (token: Secret) => Promise<T>,
    scope: Scope = 'crm.import',
  ): Promise<T> => {
    const call = (token: Secret) => callTally.count(portalId, scope, make(token))
    const first = await accessToken(portalId, purpose)
    await callBudget.take(portalId)
    const refused = await call(first.accessToken).catch((error: unknown) => toRefusal(portalId, purpose, error))
    if (!isRefusal(refused)) return refused
    const second = await afterRefusal(portalId, purpose, first, refused.expired)
    await callBudget.take(portalId)
    const again = await call(second.accessToken).catch((error: unknown) => toRefusal(portalId, purpose, error))
    if (!isRefusal(again)) return again
    // Called expired, the very token that HubSpot has just given: that is no word about our access.
    if (again.expired) throw new AppError('hubspot_unavailable', { context: { portalId, why: 'a new token called expired' } })
    return afterSecondRefusal(portalId, second)
  }

  return Object.assign(accessToken, { renewed, afterRefusal, afterSecondRefusal, use })
}

const REFUSAL = Symbol('refused token')
type Refusal = { [REFUSAL]: true; expired: boolean }

function isRefusal(result: unknown): result is Refusal {
  return typeof result === 'object' && result !== null && REFUSAL in result
}
