import { AppError } from '../../errors.js'
import type { HubSpotImport } from '../../hubspot/answers.js'
import type { HubSpot } from '../../hubspot/hubspot.js'
import type { Log } from '../../log.js'
import type { AccessToken } from '../../portals/access-token.js'
import type { Queue } from '../../queue/queue.js'
import type { Counters, ImportStore, Problem } from '../import-store.js'
import { advancePortalJob, trackPortalJob } from '../portal-jobs.js'
import type { RowErrorStore } from '../row-error-store.js'
import type { ImportState } from '../schema.js'
import type { RunningImport, TrackingStore } from './tracking-store.js'

const MAX_PAGES = 10_000
/** An import may be unknown for a moment; one that stays unknown is gone. */
const UNKNOWN_FOR_SECONDS = 60

type Deps = {
  imports: Pick<ImportStore, 'read'>
  rowErrors: Pick<RowErrorStore, 'record'>
  tracking: Pick<TrackingStore, 'listRunning' | 'recordProgress' | 'recordUnknown' | 'postpone' | 'finish'>
  hubspot: Pick<HubSpot, 'listImports' | 'findImport' | 'listRowErrors' | 'cancelImport'>
  accessToken: Pick<AccessToken, 'use'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

/** Follows all of a portal's running imports with one poll, and fetches the row errors of those that HubSpot has finished. */
export async function trackPortal(deps: Deps, portalId: string): Promise<void> {
  const running = await deps.tracking.listRunning(portalId)
  if (!running.some(({ isDue }) => isDue)) return
  const listed = running.length > 1 ? await listNewest(deps, portalId) : []
  // One that cannot be followed must not keep the others from it.
  const follows = running.map((ours) =>
    followOne(deps, portalId, ours, listed).catch(async (error: unknown) => {
      const { code, options } = error instanceof AppError ? error : new AppError('internal')
      deps.log.warn({ err: error, portalId, importId: ours.id, code }, 'a running import could not be followed')
      await deps.tracking.postpone([ours.id], Math.max(pollInterval(ours), options.retryAfterSeconds ?? 5))
    }),
  )
  await Promise.all(follows)
  const left = await deps.tracking.listRunning(portalId)
  if (left.length > 0)
    await deps.queue.enqueue(
      trackPortalJob,
      { portalId },
      { afterSeconds: Math.max(1, Math.ceil(Math.min(...left.map(pollInterval)))) },
    )
}

/** Mostly they are all on HubSpot's first page; whatever is not is asked for by itself. */
async function listNewest({ accessToken, hubspot }: Deps, portalId: string): Promise<HubSpotImport[]> {
  return accessToken.use(portalId, 'track', async (token) => (await hubspot.listImports(token)).imports).catch(() => [])
}

async function followOne(deps: Deps, portalId: string, ours: RunningImport, listed: HubSpotImport[]): Promise<void> {
  // Again and again until HubSpot shows it: to cancel twice is to cancel once.
  if (ours.isCancelAsked) await cancel(deps, portalId, ours)
  const theirs =
    listed.find(({ id }) => id === ours.hubspotImportId) ??
    (await deps.accessToken.use(portalId, 'track', (token) => deps.hubspot.findImport(token, ours.hubspotImportId)))
  if (theirs) await follow(deps, portalId, ours, theirs)
  else await followUnknown(deps, portalId, ours)
}

/** Its end is seen like any other. */
async function cancel(
  { accessToken, hubspot, log }: Deps,
  portalId: string,
  { id, hubspotImportId }: RunningImport,
): Promise<void> {
  await accessToken
    .use(portalId, 'track', (token) => hubspot.cancelImport(token, hubspotImportId))
    .catch((error: unknown) => log.warn({ err: error, portalId, importId: id }, 'HubSpot could not be told to stop an import'))
}

async function follow(deps: Deps, portalId: string, ours: RunningImport, theirs: HubSpotImport): Promise<void> {
  const { counters } = theirs.metadata
  const state = toState(theirs.state) ?? ours.state
  if (state !== 'done' && state !== 'failed' && state !== 'canceled') {
    // Never back from processing to submitted, whatever HubSpot says.
    const forward = ours.state === 'processing' ? 'processing' : state
    await deps.tracking.recordProgress(ours, {
      state: forward,
      hubspotState: theirs.state,
      counters,
      afterSeconds: pollInterval(ours),
    })
    return
  }
  await fetchRowErrors(deps, portalId, ours)
  const problem: Problem | null =
    state === 'failed'
      ? { code: 'hubspot_import_failed', detail: 'HubSpot stopped the import; its row errors may say why.', correlationId: null }
      : null
  await finish(deps, portalId, ours, { state, hubspotState: theirs.state, counters, problem })
}

async function followUnknown(deps: Deps, portalId: string, ours: RunningImport): Promise<void> {
  if ((await deps.tracking.recordUnknown(ours, pollInterval(ours))) < UNKNOWN_FOR_SECONDS) return
  const problem = {
    code: 'hubspot_import_lost',
    detail: `HubSpot no longer knows its import ${ours.hubspotImportId}.`,
    correlationId: null,
  }
  await finish(deps, portalId, ours, { state: 'needs_review', hubspotState: null, counters: {}, problem })
}

async function finish(
  { tracking, queue, log }: Deps,
  portalId: string,
  ours: RunningImport,
  end: {
    state: 'done' | 'failed' | 'canceled' | 'needs_review'
    hubspotState: string | null
    counters: Counters
    problem: Problem | null
  },
): Promise<void> {
  await tracking.finish(ours, end, (tx) => queue.enqueue(advancePortalJob, { portalId }, { tx }))
  log.info({ importId: ours.id, portalId, state: end.state }, 'finished')
}

async function fetchRowErrors(
  { imports, rowErrors, hubspot, accessToken }: Deps,
  portalId: string,
  { id, partId, hubspotImportId }: RunningImport,
): Promise<void> {
  let after: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const from = after
    const next = await accessToken.use(portalId, 'track', (token) => hubspot.listRowErrors(token, hubspotImportId, from))
    if (next.errors.length > 0) await rowErrors.record(await imports.read(id), partId, next.errors)
    if (next.after === undefined) return
    if (next.after === after) break
    after = next.after
  }
  throw new AppError('hubspot_unavailable', { context: { why: 'the list of row errors has no end' } })
}

/** Ours for HubSpot's state; undefined for one we do not know. */
function toState(hubspotState: string): ImportState | undefined {
  const states: Record<string, ImportState> = {
    STARTED: 'submitted',
    DEFERRED: 'submitted',
    PROCESSING: 'processing',
    DONE: 'done',
    REVERTED: 'done',
    FAILED: 'failed',
    CANCELED: 'canceled',
  }
  return states[hubspotState]
}

/** Often at first, then less and less. */
function pollInterval({ ageSeconds, isCancelAsked }: RunningImport): number {
  if (isCancelAsked && ageSeconds < 86_400) return 3
  if (ageSeconds < 15) return 1
  if (ageSeconds < 120) return 3
  if (ageSeconds < 1_800) return 15
  return ageSeconds < 86_400 ? 60 : 300
}
