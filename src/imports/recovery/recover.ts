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
  turns: Pick<TurnStore, 'holdUnready' | 'releaseReady'>
  disconnections: Pick<DisconnectionStore, 'cancelWaiting'>
  portals: Pick<PortalStore, 'listUnerased'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

const JOBS = { advance: advancePortalJob, track: trackPortalJob, reconcile: reconcilePortalJob }

/** Takes back the claims of dead processes. */
export async function recoverClaims({ submissions, queue, log }: Deps): Promise<void> {
  for (const { portalId, state } of await submissions.recoverExpired()) {
    log.warn({ portalId, state }, 'took over an import from a process that stopped')
    await queue.enqueue(state === 'ambiguous' ? reconcilePortalJob : advancePortalJob, { portalId })
  }
}

/** Goes on with disconnections that nobody is about any more. */
export async function recoverDisconnections({ disconnections, portals, queue }: Deps): Promise<void> {
  await disconnections.cancelWaiting()
  for (const { portalId, seconds } of await portals.listUnerased())
    if (seconds > STALLED_SECONDS) await queue.enqueue(disconnectPortalJob, { portalId })
}

/** Parks and releases what waits, and nudges what should have moved by now. */
export async function moveWaiting({ submissions, turns, queue }: Deps): Promise<void> {
  await turns.holdUnready()
  for (const portalId of await turns.releaseReady()) await queue.enqueue(advancePortalJob, { portalId })
  for (const { portalId, kind } of await submissions.listStalled()) await queue.enqueue(JOBS[kind], { portalId })
}
