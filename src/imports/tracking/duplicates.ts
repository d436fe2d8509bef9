import type { HubSpot } from '../../hubspot/hubspot.js'
import type { Log } from '../../log.js'
import type { Metrics } from '../../metrics.js'
import type { AccessToken } from '../../portals/access-token.js'
import type { Queue } from '../../queue/queue.js'
import { reconcilePortalJob, trackPortalJob } from '../portal-jobs.js'
import type { DuplicateState, DuplicateStore, PendingDuplicate } from './duplicate-store.js'
import type { Marked } from './find-marked.js'

/** With waits that double, the last is half an hour after the first. */
const MAX_TRIES = 8

type Deps = {
  duplicates: Pick<DuplicateStore, 'record' | 'listPending' | 'recordTry'>
  hubspot: Pick<HubSpot, 'cancelImport'>
  accessToken: Pick<AccessToken, 'use'>
  metrics: Pick<Metrics, 'countLateDuplicates'>
  log: Log
}

/**
 * Notices what HubSpot made of an import after it had been sent again. The one that is followed stays: the other is
 * canceled whichever is younger, for it is the one that has shown up last and has done the least.
 */
export async function recordLate(
  { duplicates, metrics, log }: Deps,
  portalId: string,
  importIds: string[],
  found: Marked,
): Promise<void> {
  for (const importId of importIds) {
    const hubspotImportIds = (found.get(importId) ?? []).map(({ id }) => id)
    const count = hubspotImportIds.length > 0 ? await duplicates.record(importId, hubspotImportIds) : 0
    if (count === 0) continue
    metrics.countLateDuplicates(count)
    log.error({ importId, portalId, hubspotImportIds }, 'HubSpot made an import after it had been sent again')
  }
}

/** Has HubSpot cancel what it holds too often; what it cannot do now is tried again, so and so often. */
export async function cancelDuplicates(deps: Deps, portalId: string): Promise<void> {
  const { duplicates, log } = deps
  for (const pending of await duplicates.listPending(portalId)) {
    const state = await cancel(deps, portalId, pending)
    await duplicates.recordTry(pending, state)
    const { importId, hubspotImportId } = pending
    log[state === 'left' ? 'error' : 'warn']({ importId, portalId, hubspotImportId, state }, 'a duplicate at HubSpot')
  }
}

async function cancel(
  { hubspot, accessToken, log }: Deps,
  portalId: string,
  { importId, hubspotImportId, tries }: PendingDuplicate,
): Promise<DuplicateState> {
  try {
    const isCanceled = await accessToken.use(portalId, 'reconcile', (token) => hubspot.cancelImport(token, hubspotImportId))
    return isCanceled ? 'canceled' : 'ended'
  } catch (error) {
    log.warn({ err: error, importId, portalId, hubspotImportId }, 'a duplicate could not be canceled at HubSpot')
    return tries + 1 < MAX_TRIES ? 'found' : 'left'
  }
}

/** Has everybody look who should look for duplicates by now, cancel them, or follow their imports. */
export async function queueDuplicates({
  duplicates,
  queue,
}: {
  duplicates: Pick<DuplicateStore, 'listDue'>
  queue: Pick<Queue, 'enqueue'>
}): Promise<void> {
  for (const { portalId, kind } of await duplicates.listDue())
    await queue.enqueue(kind === 'track' ? trackPortalJob : reconcilePortalJob, { portalId })
}
