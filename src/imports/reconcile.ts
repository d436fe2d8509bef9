import type { Config } from '../config.js'
import { PROBLEMS } from '../errors.js'
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
const MAX_PAGES = 500

type Deps = {
  tracking: Pick<TrackingStore, 'listAmbiguous' | 'adopt' | 'recordCleanScan' | 'sendAgain'>
  hubspot: Pick<HubSpot, 'listImports'>
  accessToken: AccessToken
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
  if (ambiguous.length === 0) return
  const listed = await readWholeList(deps, portalId)

  const unseen: AmbiguousImport[] = []
  for (const lost of ambiguous) {
    const matches = listed.filter((made) => isMarked(made, lost.id)).sort(oldestFirst)
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
  if (unseen.length > 0) await waitOrSendAgain(deps, portalId, unseen)
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
    await tracking.sendAgain(lost)
    await queue.enqueue(advancePortalJob, { portalId })
    log.warn({ importId: lost.id, portalId }, 'never appeared at HubSpot: sending again')
  }
  const waiting = unseen.filter((lost) => !isOver(lost))
  if (waiting.length === 0) return
  const afterSeconds = Math.min(30, Math.max(1, window / (CLEAN_SCANS + 1)))
  await tracking.recordCleanScan(waiting, afterSeconds)
  await queue.enqueue(reconcilePortalJob, { portalId }, { afterSeconds })
}

async function readWholeList({ hubspot, accessToken }: Deps, portalId: string): Promise<HubSpotImport[]> {
  const token = await accessToken(portalId)
  const listed: HubSpotImport[] = []
  let after: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const next = await hubspot.listImports(token.accessToken, after)
    listed.push(...next.imports)
    if (next.after === undefined || next.after === after) return listed
    after = next.after
  }
  return listed
}

function isMarked({ importName, importRequestJson }: HubSpotImport, importId: string): boolean {
  const marker = markerOf(importId)
  return (importName ?? '').includes(marker) || (importRequestJson?.name ?? '').includes(marker)
}

function oldestFirst(a: HubSpotImport, b: HubSpotImport): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt) || Number(a.id) - Number(b.id)
}
