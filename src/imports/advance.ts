import type { Queue } from '../queue/queue.js'
import { advancePortalJob } from './portal-jobs.js'
import type { SubmissionStore } from './submission-store.js'
import { type SubmitDeps, submitImport } from './submit.js'

type Deps = SubmitDeps & { submissions: Pick<SubmissionStore, 'claimNext'>; queue: Pick<Queue, 'enqueue'> }

/** A portal's turn: submits the import that is next within the portal's budget, if there is one. */
export async function advancePortal(deps: Deps, portalId: string): Promise<void> {
  const claim = await deps.submissions.claimNext(portalId)
  if (!claim) return
  const { freesSlotAfterSeconds } = await submitImport(deps, claim)
  if (freesSlotAfterSeconds !== undefined)
    await deps.queue.enqueue(advancePortalJob, { portalId }, { afterSeconds: freesSlotAfterSeconds })
}

/** What waited for the portal to be connected again goes on by itself. */
export async function resumeImports(
  { submissions, queue }: { submissions: Pick<SubmissionStore, 'releaseHeld'>; queue: Pick<Queue, 'enqueue'> },
  portalId: string,
): Promise<void> {
  const released = await submissions.releaseHeld(portalId, ['reconnect', 'scope'])
  for (let i = 0; i < Math.min(released, 3); i++) await queue.enqueue(advancePortalJob, { portalId })
}
