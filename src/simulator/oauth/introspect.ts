import type { Reply } from '../exchange.js'
import type { State } from '../state.js'

/** What HubSpot calls the app. */
export const APP_ID = 1_234_567
const USER_ID = 42

/** What HubSpot says about a token; of one that is unknown, revoked or expired, only that it is not active. */
export function introspect(state: State, token: string): Reply {
  const access = state.tokenOf(token)
  const known = access ?? state.refreshTokens.get(token)
  const portal = known && state.portals.get(known.portalId)
  if (!known || !portal || (access && access.expiresAt <= Date.now())) return { status: 200, body: { active: false } }
  const shared = {
    active: true,
    token,
    hub_id: Number(portal.id),
    user_id: USER_ID,
    client_id: state.clientId,
    app_id: APP_ID,
    user: `admin@${portal.hubDomain}`,
    hub_domain: portal.hubDomain,
    scopes: known.scopes,
    token_type: 'bearer',
    token_use: access ? 'access_token' : 'refresh_token',
  }
  if (!access) return { status: 200, body: shared }
  const expiresIn = Math.round((access.expiresAt - Date.now()) / 1_000)
  const signed = {
    expiresAt: access.expiresAt,
    hubId: Number(portal.id),
    userId: USER_ID,
    appId: APP_ID,
    hublet: portal.dataHostingLocation,
    installingUserId: USER_ID,
    isUserLevel: false,
  }
  return { status: 200, body: { ...shared, expires_in: expiresIn, is_private_distribution: false, signed_access_token: signed } }
}
