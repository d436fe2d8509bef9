import { AppError } from '../../errors.js'
import type { HubSpotImport } from '../../hubspot/answers.js'
import { findMarks } from '../import-request.js'

/** Half a million imports: a portal makes 500 a day at most. */
const MAX_PAGES = 50_000
/** HubSpot’s clock may be this much behind ours. */
const CLOCKS_APART_MS = 5 * 60_000

/** One page of HubSpot's list: the first one, or the one behind a cursor. */
export type ReadPage = (after: string | undefined) => Promise<{ imports: HubSpotImport[]; after: string | undefined }>

/** Whose mark is looked for; HubSpot cannot have made it before `since`. */
export type Sought = { id: string; since: Date }

/** By the id of our import: every HubSpot import that carries its mark, the oldest first. */
export type Marked = Map<string, HubSpotImport[]>

/**
 * Looks in HubSpot's list for what carries these marks. Read to its end, unless all were found and everything so far came
 * newest first, down to before any of them can have been made.
 *
 * @throws {AppError} `hubspot_unavailable` when the list could not be read as far as that
 */
export async function findMarked(readPage: ReadPage, sought: Sought[]): Promise<Marked> {
  const found: Marked = new Map(sought.map(({ id }) => [id, []]))
  const beginsAt = Math.min(...sought.map(({ since }) => since.getTime())) - CLOCKS_APART_MS
  let last = Number.POSITIVE_INFINITY
  let isNewestFirst = true
  for await (const page of readList(readPage)) {
    for (const made of page) {
      for (const id of marksOf(made)) found.get(id)?.push(made)
      const at = Date.parse(made.createdAt)
      isNewestFirst &&= at < last
      last = at
    }
    if (isNewestFirst && last < beginsAt && [...found.values()].every(({ length }) => length > 0)) break
  }
  return oldestFirst(found)
}

/** Everything in HubSpot's list that carries a mark of ours. @throws {AppError} `hubspot_unavailable` */
export async function readMarked(readPage: ReadPage): Promise<Marked> {
  const marked: Marked = new Map()
  for await (const page of readList(readPage))
    for (const made of page) for (const id of marksOf(made)) marked.set(id, [...(marked.get(id) ?? []), made])
  return oldestFirst(marked)
}

/**
 * The whole list, each import once. What moved to its front while it was read is met by reading the front again: until all
 * of what was there at first has come, and a page holds nothing new. What moves even then is met by another reading.
 */
async function* readList(readPage: ReadPage): AsyncGenerator<HubSpotImport[]> {
  const seen = new Set<string>()
  const front = new Set<string>()
  let pages = 0
  for await (const page of readPages(readPage)) {
    if (pages === 0) for (const { id } of page) front.add(id)
    pages += 1
    yield page.filter(({ id }) => !seen.has(id) && seen.add(id))
  }
  // A single page was read at one instant.
  if (pages === 1) return
  for await (const page of readPages(readPage)) {
    const fresh = page.filter(({ id }) => !seen.has(id) && seen.add(id))
    for (const { id } of page) front.delete(id)
    if (fresh.length === 0 && front.size === 0) return
    yield fresh
  }
}

async function* readPages(readPage: ReadPage): AsyncGenerator<HubSpotImport[]> {
  const cursors = new Set<string>()
  for (let after: string | undefined; cursors.size < MAX_PAGES; ) {
    const next = await readPage(after)
    yield next.imports
    if (next.after === undefined) return
    if (cursors.has(next.after)) break
    after = next.after
    cursors.add(after)
  }
  throw new AppError('hubspot_unavailable', { context: { why: 'the list of imports has no end' } })
}

/** HubSpot's users may rename an import; the request it was made with still has the mark. */
function marksOf({ importName, importRequestJson }: HubSpotImport): Set<string> {
  return new Set([...findMarks(importName ?? ''), ...findMarks(importRequestJson?.name ?? '')])
}

function oldestFirst(marked: Marked): Marked {
  for (const matches of marked.values()) matches.sort(compareAge)
  return marked
}

/** Without a date it counts as young. Ids are too large for a number. */
function compareAge(a: HubSpotImport, b: HubSpotImport): number {
  const [first, second] = [a, b].map(({ createdAt }) => Date.parse(createdAt) || Number.POSITIVE_INFINITY)
  if (first !== second) return Number(first) < Number(second) ? -1 : 1
  return BigInt(a.id) < BigInt(b.id) ? -1 : 1
}
