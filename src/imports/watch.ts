import type { Listener } from '../db/listener.js'
import type { HistoryStore } from './history-store.js'
import type { Import, ImportStore, Owner } from './import-store.js'

type Deps = {
  imports: Pick<ImportStore, 'find'>
  history: Pick<HistoryStore, 'listEvents'>
  listener: Pick<Listener, 'wait'>
}

/** Where somebody who looks on writes to, and when he has gone. */
export type Onlooker = { write: (text: string) => void; gone: AbortSignal }

/** Whoever waits is woken by what happens; this is for what was said while nobody could hear it. */
const LOOK_EVERY_MS = 5_000
/** Before a proxy takes a stream for dead. */
const SILENCE_MS = 15_000
/** A stream ends by then: whoever is interested opens the next one, and is told what came between. */
const STREAM_MS = 10 * 60_000
const EVENTS_AT_ONCE = 500
/** HubSpot has not been asked yet, or not answered. */
const NOT_SENT = ['accepted', 'submitting']
const ENDED = ['done', 'failed', 'canceled', 'needs_review']

/** Waits until HubSpot has taken an import or refused it, or it is held, or so many seconds have passed. */
export async function untilAnswered(
  { imports, listener }: Pick<Deps, 'imports' | 'listener'>,
  owner: Owner,
  made: Import,
  seconds: number,
): Promise<Import> {
  let now = made
  for (const until = performance.now() + seconds * 1_000; NOT_SENT.includes(now.state) && performance.now() < until; ) {
    const left = Math.max(1, until - performance.now())
    // Before it is read: what happens in between would not be heard.
    const news = listener.wait('importal_events', Math.min(LOOK_EVERY_MS, left), { id: made.id })
    now = (await imports.find(owner, made.id)) ?? now
    if (NOT_SENT.includes(now.state)) await news
  }
  return now
}

/**
 * Tells an onlooker what happens to an import, each event once and in order, until it has ended. The events are read from
 * the database: whichever process makes one, and whichever is asked.
 */
export async function watch(deps: Deps, owner: Owner, { id }: Import, after: bigint, { write, gone }: Onlooker): Promise<void> {
  let [last, quietSince] = [after, performance.now()]
  write('retry: 1000\n\n')
  for (const until = performance.now() + STREAM_MS; performance.now() < until && !gone.aborted; ) {
    const news = deps.listener.wait('importal_events', LOOK_EVERY_MS, { id, signal: gone })
    // Read before the events: what made it end is among them then.
    const { state } = (await deps.imports.find(owner, id)) ?? { state: 'canceled' }
    const events = await deps.history.listEvents(id, EVENTS_AT_ONCE, last)
    for (const event of events) {
      const told = JSON.stringify({ type: event.type, at: event.at, ...event.detail })
      write(`id: ${event.id}\nevent: ${event.type}\ndata: ${told}\n\n`)
      last = event.id
    }
    if (events.length === 0 && ENDED.includes(state)) return
    if (events.length > 0) quietSince = performance.now()
    if (performance.now() - quietSince > SILENCE_MS) {
      write(': still here\n\n')
      quietSince = performance.now()
    }
    if (events.length === 0) await news
  }
}
