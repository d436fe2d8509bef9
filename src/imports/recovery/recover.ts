import type { Log } from '../../log.js'
import type { PortalStore } from '../../portals/portal-store.js'
import type { Queue } from '../../queue/queue.js'
import type { DisconnectionStore } from '../departure/disconnection-store.js'
import { advancePortalJob, disconnectPortalJob, reconcilePortalJob, trackPortalJob } from '../portal-jobs.js'
import type { SubmissionStore } from '../submission/submission-store.js'
import type { TurnStore } from '../submission/turn-store.js'

/** A disconnection takes less, unless whoever was about it died. */
const STALLED_SECONDS = 15

type Deps = {
  submissions: Pick<SubmissionStore, 'recoverExpired' | 'listStalled'>
  turns: Pick<TurnStore, 'holdUnready' | 'releaseConnected'>
  disconnections: Pick<DisconnectionStore, 'cancelWaiting'>
  portals: Pick<PortalStore, 'listUnerased'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

const JOBS = { advance: advancePortalJob, track: trackPortalJob, reconcile: reconcilePortalJob }

/**
 * Takes up what dead processes left: expired claims, and imports that nobody moves any more. Run again and
 * again, on every worker, for as long as it lives: a start-up step would miss what dies later.
 */
export async function recoverImports({ submissions, turns, disconnections, portals, queue, log }: Deps): Promise<void> {
  for (const { portalId, state } of await submissions.recoverExpired()) {
    log.warn({ portalId, state }, 'took over an import from a process that stopped')
    await queue.enqueue(state === 'ambiguous' ? reconcilePortalJob : advancePortalJob, { portalId })
  }
  await disconnections.cancelWaiting()
  for (const { portalId, seconds } of await portals.listUnerased())
    if (seconds > STALLED_SECONDS) await queue.enqueue(disconnectPortalJob, { portalId })
  await turns.holdUnready()
  await turns.releaseConnected()
  for (const { portalId, kind } of await submissions.listStalled()) await queue.enqueue(JOBS[kind], { portalId })
}
