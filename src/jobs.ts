import type { Deps } from './deps.js'
import { advancePortal } from './imports/advance.js'
import { advancePortalJob, reconcilePortalJob, trackPortalJob } from './imports/portal-jobs.js'
import { reconcilePortal } from './imports/reconcile.js'
import { recoverImports } from './imports/recover.js'
import { trackPortal } from './imports/track.js'
import { handler, type JobHandler } from './queue/queue.js'

/** Every kind of job there is: all processes must know them, to queue them. */
export const JOB_KINDS = [advancePortalJob, trackPortalJob, reconcilePortalJob]

/** Every background job, and what it does. */
export function jobHandlers(deps: Deps): JobHandler[] {
  return [
    handler(advancePortalJob, ({ portalId }) => advancePortal(deps, portalId)),
    handler(trackPortalJob, ({ portalId }) => trackPortal(deps, portalId)),
    handler(reconcilePortalJob, ({ portalId }) => reconcilePortal(deps, portalId)),
  ]
}

/** What every worker does again and again, whoever else does it too. */
export async function sweep(deps: Deps): Promise<void> {
  await recoverImports(deps)
  await deps.states.sweep()
  await deps.sessions.sweep()
}
