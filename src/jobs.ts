import type { JobDeps } from './deps.js'
import { destroyOverdueTokens, finishDisconnect } from './imports/departure/disconnect.js'
import { eraseFlagged } from './imports/departure/erase.js'
import {
  advanceLaterJob,
  advancePortalJob,
  checkAccessJob,
  disconnectPortalJob,
  reconcilePortalJob,
  trackPortalJob,
} from './imports/portal-jobs.js'
import { moveWaiting, recoverClaims, recoverDisconnections } from './imports/recovery/recover.js'
import { watchOverdue } from './imports/recovery/watch-overdue.js'
import { advancePortal } from './imports/submission/advance.js'
import { queueDuplicates } from './imports/tracking/duplicates.js'
import { reconcilePortal } from './imports/tracking/reconcile.js'
import { trackPortal } from './imports/tracking/track.js'
import { followJournal } from './notices/journal.js'
import { checkAccess, confirmUninstall } from './oauth/check-access.js'
import { handler, type JobHandler } from './queue/queue.js'

/** Every kind of job there is: all processes must know them, to queue them. */
export const JOB_KINDS = [
  advancePortalJob,
  advanceLaterJob,
  trackPortalJob,
  reconcilePortalJob,
  disconnectPortalJob,
  checkAccessJob,
]

/** Every background job, and what it does. */
export function jobHandlers(deps: JobDeps): JobHandler[] {
  return [
    handler(advancePortalJob, ({ portalId }) => advancePortal(deps, portalId)),
    handler(advanceLaterJob, ({ portalId }) => deps.queue.enqueue(advancePortalJob, { portalId })),
    handler(trackPortalJob, ({ portalId }) => trackPortal(deps, portalId)),
    handler(reconcilePortalJob, ({ portalId }) => reconcilePortal(deps, portalId)),
    handler(disconnectPortalJob, ({ portalId }) => finishDisconnect(deps, portalId)),
    handler(checkAccessJob, ({ portalId }) => checkAccess(deps, portalId)),
  ]
}

/** With a sweep every ten seconds, 4,500 portals are asked about every quarter of an hour. */
const CHECKS_A_SWEEP = 50
/** Each is erased by a later sweep, file by file. */
const OVERDUE_A_SWEEP = 500

/** What every worker does again and again, whoever else does it too; one step that fails keeps no other from it. */
export async function sweep(deps: JobDeps): Promise<void> {
  const steps: Record<string, () => Promise<unknown>> = {
    'overdue tokens': () => destroyOverdueTokens(deps),
    claims: () => recoverClaims(deps),
    disconnections: () => recoverDisconnections(deps),
    'waiting imports': () => moveWaiting(deps),
    'overdue imports': () => watchOverdue(deps),
    duplicates: () => queueDuplicates(deps),
    'access checks': () => queueChecks(deps),
    erasures: () => eraseFlagged(deps),
    states: () => deps.states.sweep(),
    sessions: () => deps.sessions.sweep(),
    'operator sessions': () => deps.operatorSessions.sweep(),
    'idempotency keys': () => deps.idempotency.sweep(),
    notices: () => deps.notices.sweep(),
    'awaited answers': () => deps.awaitedAnswers.sweep(),
    drafts: () => sweepDrafts(deps),
    deliveries: () => deps.deliveries.sweep(),
    'data kept long enough': () => deps.erasures.flagOverdue(OVERDUE_A_SWEEP),
  }
  for (const [step, run] of Object.entries(steps))
    await run().catch((error: unknown) => deps.log.error({ err: error, step }, 'sweep failed'))
}

async function sweepDrafts({ drafts, files }: JobDeps): Promise<void> {
  for (const storeKey of await drafts.sweep()) await files.remove(storeKey)
}

/** The same, for the stored files, of which there may be many. */
export async function sweepFiles(deps: JobDeps): Promise<void> {
  await deps.sweepFiles()
}

/** The same, for what waits for HubSpot: the sweep itself must not. */
export async function listenToHubSpot(deps: JobDeps): Promise<void> {
  await followJournal({ ...deps, confirmUninstall: (portalId) => confirmUninstall(deps, portalId) })
}

async function queueChecks({ portals, queue }: JobDeps): Promise<void> {
  for (const portalId of await portals.claimDueChecks(CHECKS_A_SWEEP)) await queue.enqueue(checkAccessJob, { portalId })
}
