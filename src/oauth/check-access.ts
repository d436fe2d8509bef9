import { AppError } from '../errors.js'
import type { OAuth } from '../hubspot/oauth.js'
import { disconnectPortal } from '../imports/departure/disconnect.js'
import { resumeImports } from '../imports/submission/advance.js'
import type { Log } from '../log.js'
import type { AccessToken } from '../portals/access-token.js'
import type { AlarmStore } from '../portals/alarm-store.js'
import type { DataKeyStore } from '../portals/data-key-store.js'
import type { PortalStore } from '../portals/portal-store.js'
import { tellOperator } from '../portals/tell-operator.js'
import type { TokenStore } from '../portals/token-store.js'

/** HubSpot's refresh tokens are not to die of disuse: a portal that was quiet for so long gets new tokens. */
const KEEP_ALIVE_SECONDS = 30 * 86_400
/** A portal that nobody connects again is given up after this long: as long as files are kept. */
const GIVE_UP_DAYS = 30

type Deps = Parameters<typeof resumeImports>[0] &
  Parameters<typeof disconnectPortal>[0] & {
    portals: Pick<PortalStore, 'readCheck' | 'setNextCheck' | 'markReconnect'>
    tokens: Pick<TokenStore, 'read'>
    dataKeys: Pick<DataKeyStore, 'destroy'>
    accessToken: Pick<AccessToken, 'renewed'>
    alarms: Pick<AlarmStore, 'raise'>
    oauth: Pick<OAuth, 'introspect'>
    log: Log
  }

/**
 * Asks HubSpot whether our access to a portal still holds, when nothing else has for a while.
 *
 * A connected portal that HubSpot no longer knows is refreshed: the answer decides. One that waits to be connected again
 * is tried once more, in case HubSpot was wrong; its tokens are destroyed once introspection and refresh both say that
 * they are dead.
 */
export async function checkAccess(deps: Deps, portalId: string): Promise<void> {
  const { portals, tokens, accessToken, oauth, log } = deps
  const due = await portals.readCheck(portalId)
  if (!due) return
  const waits = due.status === 'reconnect'
  if (waits && due.reconnectDays >= GIVE_UP_DAYS) {
    await disconnectPortal(deps, portalId, {
      actor: 'importal',
      why: `not connected again for ${GIVE_UP_DAYS} days`,
      tokenVersion: due.tokenVersion,
    })
    return
  }
  if (!due.hasTokens) return portals.setNextCheck(portalId)

  let isActive = true
  try {
    const stored = await tokens.read(portalId, 'check')
    isActive = (await oauth.introspect(stored.refreshToken, 'refresh_token')).active
    if (!isActive || waits || stored.ageSeconds > KEEP_ALIVE_SECONDS) {
      await accessToken.renewed(portalId, 'check', stored.version)
      if (waits) await resumeImports(deps, portalId)
    }
    await portals.setNextCheck(portalId)
  } catch (error) {
    await settle(deps, portalId, { error, waits, isActive })
    log.info({ err: error, portalId }, 'our access to a portal could not be confirmed')
  }
}

async function settle(
  deps: Deps,
  portalId: string,
  { error, waits, isActive }: { error: unknown; waits: boolean; isActive: boolean },
): Promise<void> {
  const { portals, tokens, dataKeys } = deps
  const { code, options } = error instanceof AppError ? error : new AppError('internal')
  await tellOperator(deps, error, portalId)
  if (code === 'seal_broken')
    await portals.markReconnect(portalId, Number(options.context?.version), 'the stored tokens cannot be opened')
  // Refused just now for the first time: it is looked at once more in a moment, by when this has been set already.
  if (code === 'portal_disconnected' && !waits) return
  if (code === 'portal_disconnected' && !isActive)
    await dataKeys.destroy(portalId, (await tokens.read(portalId, 'check')).version)
  await portals.setNextCheck(portalId)
}

/**
 * HubSpot is said to have taken the app out of a portal: asked whether it did, and if so the portal is disconnected. A
 * portal that was installed again since is left alone.
 */
export async function confirmUninstall(deps: Deps, portalId: string): Promise<void> {
  const { portals, log } = deps
  const due = await portals.readCheck(portalId)
  if (!due) return
  if (due.hasTokens && (await isStillActive(deps, portalId))) {
    log.warn({ portalId }, 'HubSpot’s journal tells of an uninstall, but our access still holds: nothing was done')
    return
  }
  const { tokenVersion } = due
  await disconnectPortal(deps, portalId, { actor: 'hubspot', why: 'the app was uninstalled in HubSpot', tokenVersion })
}

/** Asked even while HubSpot moves the portal; tokens that cannot be opened are no access. */
async function isStillActive({ tokens, oauth }: Deps, portalId: string): Promise<boolean> {
  try {
    const { refreshToken } = await tokens.read(portalId, 'disconnect')
    return (await oauth.introspect(refreshToken, 'refresh_token')).active
  } catch (error) {
    if (error instanceof AppError && error.code === 'seal_broken') return false
    throw error
  }
}
