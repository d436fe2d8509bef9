import { recordLifecycle } from '../journal/journal.js'
import type { State } from '../state.js'

/** Takes the app out of a portal: it cannot refresh any more, and its access tokens end at once unless they are spared. */
export function removeApp(state: State, portalId: string, endsAccess: boolean): void {
  const portal = state.portal(portalId)
  if (portal.isInstalled) recordLifecycle(state, 'APP_UNINSTALL', portalId)
  Object.assign(portal, { isInstalled: false, returned: null, loginLoops: 0 })
  endRefreshing(state, portalId)
  if (!endsAccess) return
  for (const [text, token] of state.tokens) if (token.portalId === portalId) state.tokens.delete(text)
}

/** Every refresh token of a portal dies. */
export function endRefreshing(state: State, portalId: string | undefined): void {
  for (const [text, token] of state.refreshTokens) if (token.portalId === portalId) state.refreshTokens.delete(text)
}
