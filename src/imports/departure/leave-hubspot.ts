import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, type ProblemCode } from '../../errors.js'
import type { HubSpot } from '../../hubspot/hubspot.js'
import type { OAuth } from '../../hubspot/oauth.js'
import type { AuditStore } from '../../portals/audit-store.js'
import type { DataKeyStore } from '../../portals/data-key-store.js'
import type { PortalStore, Unerased } from '../../portals/portal-store.js'
import type { TokenSet, TokenStore } from '../../portals/token-store.js'
import type { Secret } from '../../secret.js'
import { reconcileOnce } from '../tracking/reconcile.js'
import type { DisconnectionStore } from './disconnection-store.js'

/** Tokens must be destroyed within a minute: what is on the wire gets this much of it to end … */
const SENDING_ENDS_WITHIN_MS = 20_000
/** … HubSpot's list this much to be read … */
const LIST_READ_WITHIN_MS = 10_000
/** … and HubSpot these tries to be told. */
const TELL_AGAIN_AFTER_MS = [0, 1_000, 4_000]
/** Started later than this, nobody is waited for any more. */
const LATE_SECONDS = 15
/** All of it together, from the disconnection on. */
const TOLD_WITHIN_MS = 38_000
const UNREADABLE: ProblemCode[] = ['portal_disconnected', 'seal_broken', 'encryption_key_missing']
const LOOK_AGAIN_MS = 200
/** A token with less is not worth a try. */
const MIN_SECONDS_LEFT = 60

type Deps = Omit<Parameters<typeof reconcileOnce>[0], 'accessToken'> & {
  portals: Pick<PortalStore, 'findUnerased'>
  disconnections: Pick<DisconnectionStore, 'countSending'>
  tokens: Pick<TokenStore, 'read'>
  dataKeys: Pick<DataKeyStore, 'destroy'>
  hubspot: Pick<HubSpot, 'uninstall'>
  oauth: Pick<OAuth, 'refresh' | 'revoke'>
  audit: Pick<AuditStore, 'record' | 'findSince'>
}

export type Told = { toldHubSpot: 'uninstalled' | 'was gone already' | 'could not be reached' }

/**
 * Takes leave of HubSpot for a portal that was disconnected, and destroys its tokens: waits for what is on the wire, looks
 * once for lost answers, uninstalls the app, revokes the refresh token.
 */
export async function leaveHubSpot(deps: Deps, portal: Unerased): Promise<Told> {
  const { portalId } = portal
  const { tokens, dataKeys, audit, log } = deps
  const timeIsUp = AbortSignal.timeout(Math.max(0, Math.round(TOLD_WITHIN_MS - portal.seconds * 1_000)))
  await letSendingEnd(deps, portal)
  const stored = await tokens.read(portalId, 'disconnect').catch((error: unknown) => {
    if (error instanceof AppError && UNREADABLE.includes(error.code)) return error.code
    throw error
  })
  const toldHubSpot =
    typeof stored === 'string' ? await explainMissing(deps, portal, stored) : await takeOutInTime(deps, portal, stored, timeIsUp)
  await dataKeys.destroy(portalId, portal.tokenVersion)
  if (toldHubSpot === 'could not be reached')
    log.error({ portalId }, 'HubSpot could not be told of a disconnection: the app is still listed in that portal')
  if (await isStillLeaving(deps, portal))
    await audit.record({ actor: 'importal', action: 'portal_left', portalId, detail: { toldHubSpot } })
  return { toldHubSpot }
}

/** Tokens that HubSpot had declared dead were destroyed before; any that went since could not be used to tell it. */
async function explainMissing(
  { audit }: Deps,
  { portalId, disconnectedAt }: Unerased,
  code: string,
): Promise<Told['toldHubSpot']> {
  const isLate = await audit.findSince(portalId, 'tokens_destroyed', disconnectedAt)
  return code === 'portal_disconnected' && !isLate ? 'was gone already' : 'could not be reached'
}

/** Whoever took over may be done, and the portal installed anew: nothing of this is meant for that connection. */
async function isStillLeaving({ portals }: Deps, { portalId, disconnectedAt }: Unerased): Promise<boolean> {
  return (await portals.findUnerased(portalId))?.disconnectedAt.getTime() === disconnectedAt.getTime()
}

/** When the time is up the tokens go, whatever HubSpot makes of it, and are not used any more. */
async function takeOutInTime(
  deps: Deps,
  portal: Unerased,
  stored: TokenSet,
  timeIsUp: AbortSignal,
): Promise<Told['toldHubSpot']> {
  if (timeIsUp.aborted) return 'could not be reached'
  const done = new AbortController()
  const givenUp = once(timeIsUp, 'abort', { signal: done.signal }).then(() => 'could not be reached' as const)
  givenUp.catch(() => undefined)
  return Promise.race([takeOut(deps, portal, stored, timeIsUp), givenUp]).finally(() => done.abort())
}

async function takeOut(deps: Deps, portal: Unerased, stored: TokenSet, timeIsUp: AbortSignal): Promise<Told['toldHubSpot']> {
  const { oauth, hubspot, log } = deps
  const { portalId } = portal
  // Not stored any more: it is used up within seconds, and nothing may come after the last version.
  let { accessToken, refreshToken } = stored
  let isGood = stored.secondsLeft > MIN_SECONDS_LEFT
  let hasLooked = false
  for (const waitMs of TELL_AGAIN_AFTER_MS) {
    await sleep(waitMs)
    if (timeIsUp.aborted) return 'could not be reached'
    try {
      if (!isGood) {
        const fresh = await oauth.refresh(refreshToken)
        accessToken = fresh.accessToken
        refreshToken = fresh.refreshToken ?? refreshToken
        isGood = true
      }
      if (!hasLooked) await lookOnce(deps, portalId, accessToken)
      hasLooked = true
      if (timeIsUp.aborted || !(await isStillLeaving(deps, portal))) return 'could not be reached'
      await hubspot.uninstall(accessToken)
      await oauth.revoke(refreshToken).catch((error: unknown) => {
        log.warn({ err: error, portalId }, 'the refresh token could not be revoked; it ended with the app')
      })
      return 'uninstalled'
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal'
      if (code === 'portal_disconnected') return 'was gone already'
      // Only the refresh token's refusal says that our access is gone.
      if (code === 'token_refused') isGood = false
      log.warn({ err: error, portalId, code }, 'HubSpot could not be told of a disconnection')
    }
  }
  // HubSpot may give the same refresh token to a later installation: not to be revoked once that is possible.
  if (!timeIsUp.aborted) await oauth.revoke(refreshToken).catch(() => undefined)
  return 'could not be reached'
}

/** An import whose last bytes are out may still be answered. */
async function letSendingEnd({ disconnections }: Deps, { portalId, seconds }: Unerased): Promise<void> {
  for (let waitedMs = 0; seconds < LATE_SECONDS && waitedMs < SENDING_ENDS_WITHIN_MS; waitedMs += LOOK_AGAIN_MS) {
    if ((await disconnections.countSending(portalId)) === 0) return
    await sleep(LOOK_AGAIN_MS)
  }
}

/** One whose answer was lost may be in the list. */
async function lookOnce(deps: Deps, portalId: string, accessToken: Secret): Promise<void> {
  const use = <T>(_portalId: string, _purpose: string, call: (token: Secret) => Promise<T>) => call(accessToken)
  const looking = reconcileOnce({ ...deps, accessToken: { use } }, portalId).catch((error: unknown) =>
    deps.log.warn({ err: error, portalId }, 'HubSpot’s list of imports could not be read before the portal was left'),
  )
  await Promise.race([looking, sleep(LIST_READ_WITHIN_MS)])
}
