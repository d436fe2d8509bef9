import type { Config } from '../../config.js'
import { PROBLEMS } from '../../errors.js'
import type { HubSpot } from '../../hubspot/hubspot.js'
import type { Queue } from '../../queue/queue.js'
import { advancePortalJob, reconcilePortalJob, trackPortalJob } from '../portal-jobs.js'
import type { DuplicateStore } from './duplicate-store.js'
import { cancelDuplicates, recordLate } from './duplicates.js'
import { findMarked, type Marked, type ReadPage } from './find-marked.js'
import type { SoughtImport, TrackingStore } from './tracking-store.js'

/**
 * Readings of the whole list without the marker that are needed, beside the window, before an import may be sent again.
 * Each counts only a third of the window after the one before, so that one bad quarter of an hour at HubSpot is not three.
 */
const CLEAN_SCANS = 3
const UNREADABLE_RETRY_SECONDS = 30
/** HubSpot shows a new import up to a quarter of an hour late. */
const CONFLICT_WINDOW_SECONDS = 900

type Deps = Parameters<typeof cancelDuplicates>[0] & {
  tracking: Pick<TrackingStore, 'listSought' | 'adopt' | 'recordCleanScan' | 'sendAgain' | 'postpone'>
  duplicates: Pick<DuplicateStore, 'lookLater' | 'postpone'>
  hubspot: Pick<HubSpot, 'listImports'>
  queue: Pick<Queue, 'enqueue'>
  config: Pick<Config, 'ambiguousWindowSeconds'>
}

/**
 * Looks for imports whose answer was lost, by their marker in HubSpot's list: adopts what is there, waits for what is not,
 * and sends again only what stayed unseen for the whole window and in several readings. What was sent again is looked for
 * as well, should HubSpot make the first one late. A list that cannot be read completely decides nothing.
 */
export async function reconcilePortal(deps: Deps, portalId: string): Promise<void> {
  const { tracking, duplicates } = deps
  await cancelDuplicates(deps, portalId)
  const sought = await tracking.listSought(portalId)
  // Whoever sets the next reading queues a job for it; any other job has nothing to do.
  if (!sought.some(({ isDue }) => isDue)) return
  const found = await findMarked(listReader(deps, portalId), sought).catch((error: unknown) => error)
  if (!(found instanceof Map)) return postpone(deps, portalId, sought, found)

  const waiting = sought.filter(({ state }) => state === 'ambiguous' || state === 'accepted' || state === 'held')
  const unseen = await adoptFound(deps, portalId, waiting, found)
  await recordLate(
    deps,
    portalId,
    sought.map(({ id }) => id),
    found,
  )
  await cancelDuplicates(deps, portalId)
  await waitOrSendAgain(
    deps,
    portalId,
    unseen.filter(({ state }) => state === 'ambiguous'),
  )
  await duplicates.lookLater(sought.filter(({ isSentAgain }) => isSentAgain).map(({ id }) => id))
}

/** Looks once for what HubSpot has of a portal that is just being disconnected: nothing is waited for, nothing sent again. */
export async function reconcileOnce(deps: Deps, portalId: string): Promise<void> {
  const ambiguous = (await deps.tracking.listSought(portalId)).filter(({ state }) => state === 'ambiguous')
  if (ambiguous.length === 0) return
  await adoptFound(deps, portalId, ambiguous, await findMarked(listReader(deps, portalId), ambiguous))
  await cancelDuplicates(deps, portalId)
}

/** Reads a portal's list of imports, page by page. */
export function listReader({ accessToken, hubspot }: Pick<Deps, 'accessToken' | 'hubspot'>, portalId: string): ReadPage {
  return (after) => accessToken.use(portalId, 'reconcile', (token) => hubspot.listImports(token, after))
}

async function postpone({ tracking, duplicates, queue, log }: Deps, portalId: string, sought: SoughtImport[], error: unknown) {
  log.warn({ err: error, portalId }, 'HubSpot’s list of imports could not be read')
  const ambiguous = sought.filter(({ state }) => state === 'ambiguous').map(({ id }) => id)
  await tracking.postpone(ambiguous, UNREADABLE_RETRY_SECONDS)
  await duplicates.postpone(
    sought.map(({ id }) => id),
    UNREADABLE_RETRY_SECONDS,
  )
  await queue.enqueue(reconcilePortalJob, { portalId }, { afterSeconds: UNREADABLE_RETRY_SECONDS })
}

/** Takes over what carries a marker; resolves to what was not seen. */
async function adoptFound(deps: Deps, portalId: string, waiting: SoughtImport[], found: Marked): Promise<SoughtImport[]> {
  const { tracking, queue, metrics, log } = deps
  const unseen: SoughtImport[] = []
  for (const lost of waiting) {
    const [oldest, ...others] = found.get(lost.id) ?? []
    if (!oldest) {
      unseen.push(lost)
      continue
    }
    const isOurs = await tracking.adopt(portalId, lost, oldest, others, (tx) =>
      queue.enqueue(trackPortalJob, { portalId }, { tx }),
    )
    if (!isOurs) continue
    if (lost.isSentAgain) metrics.countLateDuplicates(others.length)
    log[others.length > 0 ? 'error' : 'info'](
      { importId: lost.id, portalId, hubspotImportId: oldest.id },
      others.length > 0 ? PROBLEMS.hubspot_duplicate.title : 'adopted',
    )
  }
  return unseen
}

async function waitOrSendAgain({ tracking, queue, config, log }: Deps, portalId: string, unseen: SoughtImport[]): Promise<void> {
  const window = config.ambiguousWindowSeconds
  const isCounted = ({ secondsSinceCleanScan }: SoughtImport) =>
    secondsSinceCleanScan === null || secondsSinceCleanScan >= window / CLEAN_SCANS
  // What HubSpot called a conflict is not sent again: it ends without a window as well, once its list may be believed.
  const windowOf = ({ isConflict }: SoughtImport) => (window === 0 && isConflict ? CONFLICT_WINDOW_SECONDS : window)
  const isOver = (lost: SoughtImport) =>
    windowOf(lost) > 0 && lost.secondsSinceCommit > windowOf(lost) && lost.cleanScans + (isCounted(lost) ? 1 : 0) >= CLEAN_SCANS
  for (const lost of unseen.filter(isOver)) {
    const state = await tracking.sendAgain(lost, (tx) => queue.enqueue(advancePortalJob, { portalId }, { tx }))
    if (state) log.warn({ importId: lost.id, portalId, state }, 'never appeared at HubSpot')
  }
  const waiting = unseen.filter((lost) => !isOver(lost))
  if (waiting.length === 0) return
  const afterSeconds = Math.min(...waiting.map((lost) => nextLook(lost, window)))
  await tracking.recordCleanScan(waiting, waiting.filter(isCounted), afterSeconds)
  await queue.enqueue(reconcilePortalJob, { portalId }, { afterSeconds })
}

/** Without a window nothing is ever sent again, and the list only watched for what may appear late: less and less often. */
function nextLook({ secondsSinceCommit }: SoughtImport, window: number): number {
  if (window > 0) return Math.min(30, Math.max(1, window / (CLEAN_SCANS + 1)))
  return Math.min(3_600, Math.max(5, secondsSinceCommit / 20))
}
