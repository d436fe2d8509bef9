import { AppError } from '../errors.js'
import type { OAuth } from '../hubspot/oauth.js'
import type { Log } from '../log.js'
import type { NewTokens, PortalStore, TokenSet } from './portal-store.js'

/** A token is refreshed this long before it expires, so that it outlives the call it is handed to. */
const REFRESH_MARGIN_SECONDS = 5 * 60

/** A token and the version it was stored as. */
export type VersionedToken = { accessToken: string; version: number }

export type AccessToken = {
  /** A token good for five more minutes. */
  (portalId: string): Promise<VersionedToken>
  /** For a token that HubSpot refuses though the clock does not: at most one refresh per version. */
  renewed: (portalId: string, rejectedVersion: number) => Promise<VersionedToken>
  /**
   * What to go on with after HubSpot refused a token: a newer one. Unless HubSpot called it expired, it is asked first
   * whether the app is still there.
   * @throws {AppError} `portal_disconnected`, and what a refresh throws
   */
  afterRefusal: (portalId: string, refused: VersionedToken, expired: boolean) => Promise<VersionedToken>
  /** Calls HubSpot with a token; once more with a newer one when it is refused with `token_refused`. */
  use: <T>(portalId: string, call: (accessToken: string) => Promise<T>) => Promise<T>
}

type Deps = {
  portals: Pick<PortalStore, 'readTokens' | 'updateTokens' | 'markReconnect'>
  oauth: Pick<OAuth, 'refresh' | 'introspect'>
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
export function createAccessToken({ portals, oauth, log }: Deps): AccessToken {
  const refreshing = new Map<string, Promise<TokenSet>>()

  async function refresh(portalId: string, isStale: (tokens: TokenSet) => boolean): Promise<TokenSet> {
    return portals.updateTokens(portalId, async (tokens) => (isStale(tokens) ? askHubSpot(portalId, tokens) : undefined))
  }

  async function askHubSpot(portalId: string, tokens: TokenSet): Promise<NewTokens> {
    try {
      const answer = await oauth.refresh(tokens.refreshToken)
      // Another portal's token must never be stored, let alone used, under this one's name.
      if (answer.hubId !== undefined && answer.hubId !== portalId)
        throw new AppError('oauth_portal_mismatch', { context: { portalId, hubId: answer.hubId } })
      return {
        accessToken: answer.accessToken,
        refreshToken: answer.refreshToken ?? tokens.refreshToken,
        scopes: answer.scopes ?? tokens.scopes,
        expiresInSeconds: answer.expiresInSeconds,
      }
    } catch (error) {
      if (error instanceof AppError && error.code === 'portal_disconnected') await portals.markReconnect(portalId, tokens.version)
      if (error instanceof AppError && error.code === 'oauth_misconfigured')
        log.error({ err: error, portalId, ...error.options.context }, 'HubSpot refuses our client credentials: check HUBSPOT_*')
      throw error
    }
  }

  /** One refresh at a time per portal and reason in this process; everybody waits for the same one. */
  async function once(key: string, start: () => Promise<TokenSet>): Promise<TokenSet> {
    const running = refreshing.get(key)
    if (running !== undefined) return running
    const started = start().finally(() => refreshing.delete(key))
    refreshing.set(key, started)
    return started
  }

  const accessToken = async (portalId: string): Promise<VersionedToken> => {
    const isStale = ({ secondsLeft }: TokenSet) => secondsLeft < REFRESH_MARGIN_SECONDS
    const stored = await portals.readTokens(portalId)
    const tokens = isStale(stored) ? await once(portalId, () => refresh(portalId, isStale)) : stored
    return { accessToken: tokens.accessToken, version: tokens.version }
  }

  const renewed = async (portalId: string, rejectedVersion: number): Promise<VersionedToken> => {
    const isStale = ({ version }: TokenSet) => version === rejectedVersion
    const tokens = await once(`${portalId} ${rejectedVersion}`, () => refresh(portalId, isStale))
    return { accessToken: tokens.accessToken, version: tokens.version }
  }

  const afterRefusal = async (portalId: string, refused: VersionedToken, expired: boolean) => {
    if (!expired && !(await oauth.introspect(refused.accessToken)).active) {
      await portals.markReconnect(portalId, refused.version)
      throw new AppError('portal_disconnected', { context: { portalId } })
    }
    return renewed(portalId, refused.version)
  }

  const use = async <T>(portalId: string, call: (accessToken: string) => Promise<T>) => {
    const first = await accessToken(portalId)
    try {
      return await call(first.accessToken)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'token_refused') throw error
      const isExpired = error.options.context?.category === 'EXPIRED_AUTHENTICATION'
      const second = await afterRefusal(portalId, first, isExpired)
      return call(second.accessToken)
    }
  }

  return Object.assign(accessToken, { renewed, afterRefusal, use })
}
