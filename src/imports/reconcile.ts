import type { Config } from '../config.js'
import { AppError, PROBLEMS } from '../errors.js'
import type { HubSpotImport } from '../hubspot/answers.js'
import type { HubSpot } from '../hubspot/hubspot.js'
import type { Log } from '../log.js'
import type { AccessToken } from '../portals/access-token.js'
import type { Queue } from '../queue/queue.js'
import { markerOf } from './import-request.js'
import { advancePortalJob, reconcilePortalJob, trackPortalJob } from './portal-jobs.js'
import type { AmbiguousImport, TrackingStore } from './tracking-store.js'

/** Readings of the whole list without the marker that are needed, beside the window, before an import may be sent again. */
const CLEAN_SCANS = 3
const MAX_PAGES = 5_000
const UNREADABLE_RETRY_SECONDS = 30
/** Nothing is ever sent again then: the list is only watched for what may appear late. */
const WATCH_SECONDS = 60

type Deps = {
  tracking: Pick<TrackingStore, 'listAmbiguous' | 'adopt' | 'recordCleanScan' | 'sendAgain' | 'postpone'>
  hubspot: Pick<HubSpot, 'listImports'>
  accessToken: Pick<AccessToken, 'use'>
  queue: Pick<Queue, 'enqueue'>
  config: Pick<Config, 'ambiguousWindowSeconds'>
  log: Log
}

/**
 * Looks for imports whose answer was lost, by their marker in HubSpot's list: adopts what is there, waits for what is not,
 * and sends again only what stayed unseen for the whole window and in several readings. A list that cannot be read
 * completely decides nothing.
 */
export async function reconcilePortal(deps: Deps, portalId: string): Promise<void> {
  const { tracking, queue, log } = deps
  const ambiguous = await tracking.listAmbiguous(portalId)
  // Whoever sets the next reading queues a job for it; any other job has nothing to do.
  if (!ambiguous.some(({ isDue }) => isDue)) return
  const found = await findMarked(deps, portalId, ambiguous).catch(async (error: unknown) => {
    log.warn({ err: error, portalId }, 'HubSpot’s list of imports could not be read')
    await tracking.postpone(
      ambiguous.map(({ id }) => id),
      UNREADABLE_RETRY_SECONDS,
    )
    await queue.enqueue(reconcilePortalJob, { portalId }, { afterSeconds: UNREADABLE_RETRY_SECONDS })
    return undefined
  })
  if (!found) return
  const unseen = await adoptFound(deps, portalId, ambiguous, found)
  if (unseen.length > 0) await waitOrSendAgain(deps, portalId, unseen)
}

/** Looks once for what HubSpot has of a portal that is just being disconnected: nothing is waited for, nothing sent again. */
export async function reconcileOnce(deps: Deps, portalId: string): Promise<void> {
  const ambiguous = await deps.tracking.listAmbiguous(portalId)
  if (ambiguous.length > 0) await adoptFound(deps, portalId, ambiguous, await findMarked(deps, portalId, ambiguous))
}

/** Takes over what carries a marker; resolves to what was not seen. */
async function adoptFound(
  { tracking, queue, log }: Deps,
  portalId: string,
  ambiguous: AmbiguousImport[],
  found: Map<string, HubSpotImport[]>,
): Promise<AmbiguousImport[]> {
  const unseen: AmbiguousImport[] = []
  for (const lost of ambiguous) {
    const matches = (found.get(lost.id) ?? []).sort(oldestFirst)
    const [oldest, ...others] = matches
    if (!oldest) {
      unseen.push(lost)
      continue
    }
    const detail = `HubSpot holds it ${matches.length} times: ${matches.map(({ id }) => id).join(', ')}.`
    const problem = others.length > 0 ? { code: 'hubspot_duplicate', detail, correlationId: null } : null
    await tracking.adopt(lost.id, lost.partId, oldest, problem, (tx) => queue.enqueue(trackPortalJob, { portalId }, { tx }))
    log[problem ? 'error' : 'info'](
      { importId: lost.id, portalId, hubspotImportId: oldest.id },
      problem ? PROBLEMS.hubspot_duplicate.title : 'adopted',
    )
  }
  return unseen
}

async function waitOrSendAgain(
  { tracking, queue, config, log }: Deps,
  portalId: string,
  unseen: AmbiguousImport[],
): Promise<void> {
  const window = config.ambiguousWindowSeconds
  const isOver = ({ cleanScans, secondsSinceCommit }: AmbiguousImport) =>
    window > 0 && secondsSinceCommit > window && cleanScans + 1 >= CLEAN_SCANS
  for (const lost of unseen.filter(isOver)) {
    await tracking.sendAgain(lost, (tx) => queue.enqueue(advancePortalJob, { portalId }, { tx }))
    log.warn({ importId: lost.id, portalId }, 'never appeared at HubSpot: sending again')
  }
  const waiting = unseen.filter((lost) => !isOver(lost))
  if (waiting.length === 0) return
  const afterSeconds = window === 0 ? WATCH_SECONDS : Math.min(30, Math.max(1, window / (CLEAN_SCANS + 1)))
  await tracking.recordCleanScan(waiting, afterSeconds)
  await queue.enqueue(reconcilePortalJob, { portalId }, { afterSeconds })
}

/** Reads HubSpot's list to its end, keeping what carries a marker. @throws when its end was not reached */
async function findMarked(
  { hubspot, accessToken }: Deps,
  portalId: string,
  ambiguous: AmbiguousImport[],
): Promise<Map<string, HubSpotImport[]>> {
  const found = new Map<string, HubSpotImport[]>(ambiguous.map(({ id }) => [id, []]))
  let after: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const from = after
    const next = await accessToken.use(portalId, 'reconcile', (token) => hubspot.listImports(token, from))
    for (const [id, matches] of found) {
      const isKnown = (made: HubSpotImport) => matches.some((match) => match.id === made.id)
      matches.push(...next.imports.filter((made) => isMarked(made, id) && !isKnown(made)))
    }
    if (next.after === undefined) return found
    if (next.after === after) break
    after = next.after
  }
  throw new AppError('hubspot_unavailable', { context: { why: 'the list of imports has no end' } })
}

function isMarked({ importName, importRequestJson }: HubSpotImport, importId: string): boolean {
  const marker = markerOf(importId)
  return (importName ?? '').includes(marker) || (importRequestJson?.name ?? '').includes(marker)
}

function oldestFirst(a: HubSpotImport, b: HubSpotImport): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt) || Number(a.id) - Number(b.id)
}
