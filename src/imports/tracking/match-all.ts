import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config.js'
import { AppError, PROBLEMS } from '../../errors.js'
import type { HubSpotImport } from '../../hubspot/answers.js'
import type { HubSpot } from '../../hubspot/hubspot.js'
import type { Queue } from '../../queue/queue.js'
import { advancePortalJob, trackPortalJob } from '../portal-jobs.js'
import { cancelDuplicates } from './duplicates.js'
import { readMarked } from './find-marked.js'
import type { KnownImport, MatchingPortal, MatchingStore } from './matching-store.js'
import { listReader } from './reconcile.js'
import type { TrackingStore } from './tracking-store.js'

/** HubSpot shows a new import up to a quarter of an hour late: waited for though nothing is ever sent again otherwise. */
const DEFAULT_WINDOW_SECONDS = 900
/** Readings, after the first, that must bring nothing new. */
const CLEAN_READINGS = 2
const MAX_FAILURES = 3
const MAX_ROUNDS = 10
const PORTALS_AT_ONCE = 8
const ADVANCES_QUEUED = 3

type Deps = Parameters<typeof cancelDuplicates>[0] & {
  matching: MatchingStore
  tracking: Pick<TrackingStore, 'adopt'>
  hubspot: Pick<HubSpot, 'listImports'>
  queue: Pick<Queue, 'enqueue'>
  config: Pick<Config, 'ambiguousWindowSeconds'>
}

/** A HubSpot import with a mark of ours. */
type Seen = { portalId: string; importId: string; hubspotImportId: string }

/** What HubSpot's lists came to, against our tables. */
export type Matches = {
  /** Portals that imports are submitted for again. */
  matched: string[]
  /** Portals for which nothing is submitted until the command has been run again, and why. */
  unfinished: { portalId: string; why: string }[]
  /** We had taken them for unsent. */
  adopted: Seen[]
  /** Canceled here before they were sent, as far as we knew. */
  canceled: Seen[]
  /** Other imports of HubSpot's than those we follow. */
  different: (Seen & { state: string })[]
  /** We know no such import. */
  orphans: (Seen & { createdAt: string; state: string })[]
}

type Reading = Pick<Matches, 'canceled' | 'different' | 'orphans'>
type Progress = { portalId: string; readings: number; clean: number; failures: number; why: string; reading: Reading }

/** `all`: every portal anew; otherwise those that an earlier run has left. `say` tells whoever waits. */
type Input = { all: boolean; wait: boolean; say: (text: string) => void }

/**
 * After a restore of an old backup: holds back every portal until all that HubSpot has of it was found, adopts what we took
 * for unsent, and releases it. May be ended at any moment and run again: what is not released stays held back.
 */
export async function matchAll(deps: Deps, { all, wait, say }: Input): Promise<Matches> {
  const { matching, config } = deps
  if (all) await matching.begin()
  const window = config.ambiguousWindowSeconds || DEFAULT_WINDOW_SECONDS
  const matches: Matches = { matched: [], unfinished: [], adopted: [], canceled: [], different: [], orphans: [] }
  let left = (await matching.list()).map((portalId): Progress => {
    const reading = { canceled: [], different: [], orphans: [] }
    return { portalId, readings: 0, clean: 0, failures: 0, why: 'HubSpot kept showing more imports', reading }
  })
  for (let round = 0; round < MAX_ROUNDS && left.length > 0; round++) {
    if (round > 0) await sleepAndSay(left.length, window / CLEAN_READINGS + 0.5, say)
    left = await inParallel(left, (progress) => isLeft(deps, progress, wait ? window : 0, matches))
    if (left.every(isGivenUp)) break
  }
  matches.unfinished.push(...left.map(({ portalId, why }) => ({ portalId, why })))
  return matches
}

async function sleepAndSay(portals: number, seconds: number, say: Input['say']): Promise<void> {
  say(`HubSpot may show imports late: ${portals} account(s) are read again in ${Math.ceil(seconds)} seconds.`)
  await sleep(seconds * 1_000)
}

/** Those of `all` for which `isLeft` comes out true, a few of them looked at at a time. */
async function inParallel(all: Progress[], isLeft: (progress: Progress) => Promise<boolean>): Promise<Progress[]> {
  const waiting = [...all]
  const left: Progress[] = []
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) if (await isLeft(next)) left.push(next)
  }
  await Promise.all(Array.from({ length: PORTALS_AT_ONCE }, work))
  return left
}

const isGivenUp = ({ failures }: Progress) => failures >= MAX_FAILURES

/** Reads a portal's list once more, and releases the portal if that is all; false when nothing is left to do for it. */
async function isLeft(deps: Deps, progress: Progress, window: number, matches: Matches): Promise<boolean> {
  if (isGivenUp(progress)) return true
  // Asked before the reading, which must have begun after the window's end. None: disconnected, or released by another run.
  const portal = await deps.matching.find(progress.portalId)
  if (!portal) return false
  try {
    const { adopted, isSending, reading } = await readPortal(deps, portal)
    matches.adopted.push(...adopted)
    const isClean = adopted.length === 0 && !isSending
    progress.clean = progress.readings > 0 && isClean ? progress.clean + 1 : 0
    Object.assign(progress, { reading, readings: progress.readings + 1, failures: 0 })
  } catch (error) {
    const code = error instanceof AppError ? error.code : 'internal'
    progress.why = PROBLEMS[code].title
    progress.failures = code === 'portal_disconnected' ? MAX_FAILURES : progress.failures + 1
    return true
  }
  const isOver = window === 0 || (portal.seconds > window && progress.clean >= CLEAN_READINGS)
  return !(isOver && (await release(deps, portal, progress, matches)))
}

async function release({ matching, queue }: Deps, portal: MatchingPortal, { reading }: Progress, matches: Matches) {
  const { portalId } = portal
  const isReleased = await matching.release(portal, async (tx, ready) => {
    for (let i = 0; i < Math.min(ready, ADVANCES_QUEUED); i++) await queue.enqueue(advancePortalJob, { portalId }, { tx })
  })
  if (!isReleased) return false
  matches.matched.push(portalId)
  matches.canceled.push(...reading.canceled)
  matches.different.push(...reading.different)
  matches.orphans.push(...reading.orphans)
  return true
}

/** Holds HubSpot's whole list against our tables, and adopts what we took for unsent. */
async function readPortal(
  deps: Deps,
  { portalId }: MatchingPortal,
): Promise<{ adopted: Seen[]; isSending: boolean; reading: Reading }> {
  const marked = await readMarked(listReader(deps, portalId))
  const known = new Map((await deps.matching.listKnown(portalId, [...marked.keys()])).map((one) => [one.id, one]))
  const reading: Reading = { canceled: [], different: [], orphans: [] }
  const adopted: Seen[] = []
  let isSending = false
  for (const [importId, theirs] of marked) {
    const ours = known.get(importId)
    const seen = (made: HubSpotImport): Seen => ({ portalId, importId, hubspotImportId: made.id })
    if (!ours) reading.orphans.push(...theirs.map((made) => ({ ...seen(made), createdAt: made.createdAt, state: made.state })))
    else if (UNSENT.includes(ours.state)) {
      if (await adopt(deps, portalId, ours, theirs)) adopted.push(...theirs.slice(0, 1).map(seen))
      else isSending = true
    } else {
      const strange = theirs.filter(({ id }) => !ours.hubspotImportIds.includes(id)).map(seen)
      if (ours.state === 'canceled' && ours.hubspotImportIds.length === 0) reading.canceled.push(...strange)
      else reading.different.push(...strange.map((one) => ({ ...one, state: ours.state })))
    }
  }
  await cancelDuplicates(deps, portalId)
  return { adopted, isSending, reading }
}

/** As far as we know, HubSpot has not got it; whoever is just sending it keeps it. */
const UNSENT = ['accepted', 'held', 'submitting', 'ambiguous']

async function adopt({ tracking, queue }: Deps, portalId: string, ours: KnownImport, [oldest, ...others]: HubSpotImport[]) {
  if (!oldest) return false
  return tracking.adopt(portalId, ours, oldest, others, (tx) => queue.enqueue(trackPortalJob, { portalId }, { tx }))
}

/** What came of it, for a person. */
export function describeMatches({ matched, unfinished, adopted, canceled, different, orphans }: Matches): string {
  const name = ({ portalId, importId, hubspotImportId }: Seen) => `portal ${portalId}: ${importId}, HubSpot’s ${hubspotImportId}`
  const lines = [
    `✓ ${matched.length} account(s) are matched, and imported into again`,
    ...adopted.map((one) => `✓ HubSpot had it already, now followed: ${name(one)}`),
    ...canceled.map((one) => `! canceled here, but HubSpot has it: ${name(one)}`),
    ...different.map((one) => `! ${one.state} here, and not the import that is followed: ${name(one)}`),
    ...orphans.map((one) => `! not in our tables: ${name(one)}, ${one.state}, made ${one.createdAt}`),
    ...unfinished.map(({ portalId, why }) => `✗ portal ${portalId} is still held back: ${why}`),
    ...(unfinished.length > 0 ? ['    → put that right, then run reconcile --unfinished'] : []),
  ]
  return `${lines.join('\n')}\n`
}
