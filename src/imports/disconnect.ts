import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../errors.js'
import type { HubSpot } from '../hubspot/hubspot.js'
import type { OAuth } from '../hubspot/oauth.js'
import type { Log } from '../log.js'
import type { Actor, AuditStore } from '../portals/audit-store.js'
import type { DataKeyStore } from '../portals/data-key-store.js'
import type { PortalStore, Unerased } from '../portals/portal-store.js'
import type { TokenSet, TokenStore } from '../portals/token-store.js'
import type { Queue } from '../queue/queue.js'
import type { Secret } from '../secret.js'
import type { DisconnectionStore, KeptData } from './disconnection-store.js'
import { erasePortal } from './erase.js'
import { disconnectPortalJob } from './portal-jobs.js'
import { reconcileOnce } from './reconcile.js'

/** Tokens must be destroyed within a minute: what is on the wire gets this much of it to end … */
const SENDING_ENDS_WITHIN_MS = 20_000
/** … HubSpot this much to be told … */
const TELL_AGAIN_AFTER_MS = [0, 1_000, 4_000]
/** … and whoever finds them still there by then destroys them without any further ado. */
const DESTROY_AFTER_SECONDS = 40
/** Started later than this, nobody is waited for any more. */
const LATE_SECONDS = 15
const LOOK_AGAIN_MS = 200

type Begin = {
  portals: Pick<PortalStore, 'beginDisconnect'>
  disconnections: Pick<DisconnectionStore, 'cancelWaiting'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

type Finish = Parameters<typeof erasePortal>[0] &
  Omit<Parameters<typeof reconcileOnce>[0], 'accessToken'> & {
    portals: Pick<PortalStore, 'findUnerased' | 'recordErased'>
    disconnections: Pick<DisconnectionStore, 'cancelWaiting' | 'countSending' | 'leaveOpen' | 'countKept'>
    tokens: Pick<TokenStore, 'read'>
    dataKeys: Pick<DataKeyStore, 'destroy'>
    hubspot: Pick<HubSpot, 'uninstall'>
    oauth: Pick<OAuth, 'refresh' | 'revoke'>
    audit: Pick<AuditStore, 'record' | 'findSince'>
  }

/**
 * Ends a portal's connection, for good: at once nothing new is taken and nothing sent for it, and its partners' grants are
 * over; a job then tells HubSpot and deletes what is kept. False when it was disconnected already.
 */
export async function disconnectPortal(
  { portals, disconnections, queue, log }: Begin,
  portalId: string,
  by: { actor: Actor; why: string; sessionHash?: Buffer | undefined },
): Promise<boolean> {
  const isEnded = await portals.beginDisconnect(portalId, by)
  if (!isEnded) return false
  log.info({ portalId, actor: by.actor, why: by.why }, 'portal disconnected')
  await disconnections.cancelWaiting()
  await queue.enqueue(disconnectPortalJob, { portalId })
  return true
}

/** What a disconnection came to. */
export type Receipt = KeptData & {
  portalId: string
  by: string
  why: string
  disconnectedAt: Date
  erasedAt: Date
  toldHubSpot: string
  grantsEnded: number
}

/** The receipt of a portal's last disconnection, once all is done; undefined for a portal that is not disconnected, or not yet. */
export async function findReceipt(
  { portals, audit }: { portals: Pick<PortalStore, 'find'>; audit: Pick<AuditStore, 'findNewest'> },
  portalId: string,
): Promise<Receipt | undefined> {
  const portal = await portals.find(portalId)
  const [begun, erased] = [
    await audit.findNewest(portalId, 'portal_disconnected'),
    await audit.findNewest(portalId, 'portal_erased'),
  ]
  if (!portal?.disconnectedAt || !portal.erasedAt || !begun || !erased) return undefined
  const { why, grantsEnded } = begun.detail as Pick<Receipt, 'why' | 'grantsEnded'>
  const { disconnectedAt, erasedAt } = portal
  const done = erased.detail as KeptData & Told
  return { portalId, by: begun.actor, why, disconnectedAt, erasedAt, grantsEnded, ...done }
}

/** Disconnects, and waits until all is done, or so long; resolves to the receipt, if there is one by then. */
export async function disconnectAndWait(
  deps: Begin & Parameters<typeof findReceipt>[0],
  portalId: string,
  by: Parameters<typeof disconnectPortal>[2],
  timeoutMs: number,
): Promise<Receipt | undefined> {
  await disconnectPortal(deps, portalId, by)
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += LOOK_AGAIN_MS) {
    const receipt = await findReceipt(deps, portalId)
    if (receipt) return receipt
    await sleep(LOOK_AGAIN_MS)
  }
  return undefined
}

/**
 * The rest of a disconnection, from wherever it stands: lets what is on the wire end, looks for lost answers once, takes
 * the app out of HubSpot, destroys the tokens, and deletes files and row errors. Every step may be done twice.
 */
export async function finishDisconnect(deps: Finish, portalId: string): Promise<void> {
  const { portals, disconnections, audit, log } = deps
  const portal = await portals.findUnerased(portalId)
  if (!portal) return
  const { disconnectedAt } = portal

  await disconnections.cancelWaiting()
  const told = (await audit.findSince(portalId, 'portal_left', disconnectedAt)) ?? (await leave(deps, portal))
  await disconnections.cancelWaiting()
  await disconnections.leaveOpen(portalId)
  // Counted before the first deletion, so that a run that takes over from a dead one tells the whole of it.
  const known = await audit.findSince(portalId, 'portal_erasing', disconnectedAt)
  const kept = known ?? { ...(await disconnections.countKept(portalId)) }
  if (!known) await audit.record({ actor: 'importal', action: 'portal_erasing', portalId, detail: kept })
  await erasePortal(deps, portalId)
  await portals.recordErased(portalId, { ...told, ...kept })
  log.info({ portalId, ...told, ...kept }, 'everything kept of a disconnected portal is deleted')
}

/** Destroys tokens that should be gone by now, whatever kept whoever was to do it: the very last word. */
export async function destroyOverdueTokens({
  dataKeys,
  log,
}: {
  dataKeys: Pick<DataKeyStore, 'listOverdue' | 'destroy'>
  log: Log
}) {
  for (const { portalId, version } of await dataKeys.listOverdue(DESTROY_AFTER_SECONDS)) {
    await dataKeys.destroy(portalId, version)
    log.warn({ portalId }, 'destroyed the tokens of a portal whose disconnection was not finished in time')
  }
}

type Told = { toldHubSpot: 'uninstalled' | 'was gone already' | 'could not be reached' }

/** Takes leave of HubSpot and destroys the tokens. */
async function leave(deps: Finish, portal: Unerased): Promise<Told> {
  const { portalId } = portal
  const { tokens, dataKeys, audit, log } = deps
  const stored = await tokens.read(portalId, 'disconnect').catch((error: unknown) => {
    // Destroyed before, or never to be opened again: there is nothing to say it with.
    if (error instanceof AppError && ['portal_disconnected', 'seal_broken'].includes(error.code)) return undefined
    throw error
  })
  const toldHubSpot = stored ? await takeOut(deps, portal, stored) : 'was gone already'
  if (stored) await dataKeys.destroy(portalId, stored.version)
  if (toldHubSpot === 'could not be reached')
    log.error({ portalId }, 'HubSpot could not be told of a disconnection: the app is still listed in that portal')
  await audit.record({ actor: 'importal', action: 'portal_left', portalId, detail: { toldHubSpot } })
  return { toldHubSpot }
}

async function takeOut(deps: Finish, portal: Unerased, stored: TokenSet): Promise<Told['toldHubSpot']> {
  const { log } = deps
  const { portalId } = portal
  let isTokenGood = stored.secondsLeft > 60
  for (const [attempt, waitMs] of TELL_AGAIN_AFTER_MS.entries()) {
    await sleep(waitMs)
    try {
      // Not stored any more: it is used up within seconds, and nothing may come after the last version.
      const accessToken = isTokenGood ? stored.accessToken : (await deps.oauth.refresh(stored.refreshToken)).accessToken
      if (attempt === 0) await letSendingEnd(deps, portal, accessToken)
      await deps.hubspot.uninstall(accessToken)
      await deps.oauth.revoke(stored.refreshToken).catch((error: unknown) => {
        log.warn({ err: error, portalId }, 'the refresh token could not be revoked; it ended with the app')
      })
      return 'uninstalled'
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal'
      if (code === 'portal_disconnected') return 'was gone already'
      // Only the refresh token's refusal says that our access is gone.
      if (code === 'token_refused') isTokenGood = false
      log.warn({ err: error, portalId, code }, 'HubSpot could not be told of a disconnection')
    }
  }
  await deps.oauth.revoke(stored.refreshToken).catch(() => undefined)
  return 'could not be reached'
}

/** An import whose last bytes are out may still be answered; one whose answer was lost may be in the list. */
async function letSendingEnd(deps: Finish, { portalId, seconds }: Unerased, accessToken: Secret): Promise<void> {
  const { disconnections, log } = deps
  for (let waitedMs = 0; seconds < LATE_SECONDS && waitedMs < SENDING_ENDS_WITHIN_MS; waitedMs += LOOK_AGAIN_MS) {
    if ((await disconnections.countSending(portalId)) === 0) break
    await sleep(LOOK_AGAIN_MS)
  }
  const use = <T>(_portalId: string, _purpose: string, call: (token: Secret) => Promise<T>) => call(accessToken)
  await reconcileOnce({ ...deps, accessToken: { use } }, portalId).catch((error: unknown) =>
    log.warn({ err: error, portalId }, 'HubSpot’s list of imports could not be read before the portal was left'),
  )
}
