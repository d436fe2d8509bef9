import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../log.js'
import type { AuditStore } from '../../portals/audit-store.js'
import type { DataKeyStore } from '../../portals/data-key-store.js'
import type { Disconnection, PortalStore } from '../../portals/portal-store.js'
import type { Queue } from '../../queue/queue.js'
import { disconnectPortalJob } from '../portal-jobs.js'
import type { DisconnectionStore, KeptData } from './disconnection-store.js'
import { erasePortal } from './erase.js'
import { leaveHubSpot, type Told } from './leave-hubspot.js'

/** Tokens that are still there so long after a disconnection are destroyed without any further ado. */
const DESTROY_AFTER_SECONDS = 40
const LOOK_AGAIN_MS = 200

type Begin = {
  portals: Pick<PortalStore, 'beginDisconnect'>
  disconnections: Pick<DisconnectionStore, 'cancelWaiting'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

type Finish = Parameters<typeof erasePortal>[0] &
  Parameters<typeof leaveHubSpot>[0] & {
    portals: Pick<PortalStore, 'findUnerased' | 'recordErased'>
    disconnections: Pick<DisconnectionStore, 'cancelWaiting' | 'leaveOpen' | 'countKept'>
    audit: Pick<AuditStore, 'record' | 'findSince'>
  }

/**
 * Ends a portal's connection, for good: at once nothing new is taken and nothing sent for it, and its partners' grants are
 * over; a job then tells HubSpot and deletes what is kept. False when it was disconnected already.
 */
export async function disconnectPortal(
  { portals, disconnections, queue, log }: Begin,
  portalId: string,
  by: Disconnection,
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
  by: Disconnection,
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
  const told = (await audit.findSince(portalId, 'portal_left', disconnectedAt)) ?? (await leaveHubSpot(deps, portal))
  await disconnections.cancelWaiting()
  await disconnections.leaveOpen(portal)
  // Counted before the first deletion, so that a run that takes over from a dead one tells the whole of it.
  const known = await audit.findSince(portalId, 'portal_erasing', disconnectedAt)
  const kept = known ?? (await disconnections.countKept(portalId))
  if (!known) await audit.record({ actor: 'importal', action: 'portal_erasing', portalId, detail: kept })
  await erasePortal(deps, portal)
  await portals.recordErased(portal, { ...told, ...kept })
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
