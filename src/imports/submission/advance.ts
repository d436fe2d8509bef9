import type { Queue } from '../../queue/queue.js'
import { advanceLaterJob, advancePortalJob } from '../portal-jobs.js'
import type { Lanes } from './lanes.js'
import type { Claim } from './submission-store.js'
import { type SubmitDeps, submitImport } from './submit.js'
import type { TurnStore } from './turn-store.js'

type Deps = SubmitDeps & { turns: Pick<TurnStore, 'claimNext'>; lanes: Pick<Lanes, 'start'> }

/** A portal's turn: starts the imports that are next, for as long as the portal's budget and this process have room. */
export async function advancePortal(deps: Deps, portalId: string): Promise<void> {
  const startNext = () =>
    deps.lanes.start(async () => {
      const claim = await deps.turns.claimNext(portalId)
      return claim && ((signal) => submitInLane(deps, portalId, claim, signal))
    })
  while (await startNext());
}

/** A claim whose submission fails in a way that nobody foresaw runs out, and is taken over like that of a dead process. */
async function submitInLane(deps: Deps, portalId: string, claim: Claim, signal: AbortSignal): Promise<void> {
  try {
    const { freesSlotAfterSeconds: seconds } = await submitImport(deps, claim, signal)
    if (seconds === undefined) return
    // Its slot is free now, for another one; it is ready itself only later.
    await deps.queue.enqueue(advancePortalJob, { portalId })
    if (seconds > 0) await deps.queue.enqueue(advanceLaterJob, { portalId }, { afterSeconds: seconds })
  } catch (error) {
    deps.log.error({ err: error, portalId, importId: claim.importId }, 'a submission failed')
  }
}

/** What waited for the portal to be connected again goes on by itself. */
export async function resumeImports(
  { turns, queue }: { turns: Pick<TurnStore, 'releaseReady'>; queue: Pick<Queue, 'enqueue'> },
  portalId: string,
): Promise<void> {
  await turns.releaseReady(portalId)
  await queue.enqueue(advancePortalJob, { portalId })
}
