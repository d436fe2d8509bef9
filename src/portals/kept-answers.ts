import type { Log } from '../log.js'

type Entry<T> = { answer: T; readAt: number }

/** As old as that they are read again, … */
const FRESH_MS = 10 * 60_000
/** … and as old as that they still do where HubSpot cannot be asked. */
const GOOD_MS = 24 * 3_600_000
/** HubSpot is not asked again so soon after it did not tell. */
const FAILED_MS = 30_000
/** An upload waits so long for them, and goes on without. */
const PATIENCE_MS = 4_000
/** Each some hundred kilobytes. */
const MAX_ENTRIES = 200

/** What is to be known; `ask` is given what was known before, and resolves to nothing where that still holds. */
type Question<T> = { key: string; context: Record<string, string>; ask: (known: T | undefined) => Promise<T | undefined> }

/** What HubSpot answered about portals, kept for ten minutes in this process. */
export function keepAnswers<T>(log: Log, now: () => number) {
  // In the order of their last use: the first one goes first.
  const entries = new Map<string, Entry<T>>()
  const failedAt = new Map<string, number>()
  const reading = new Map<string, Promise<void>>()

  async function read({ key, context, ask }: Question<T>): Promise<void> {
    try {
      const known = entries.get(key)?.answer
      const newest = (await ask(known)) ?? known
      if (newest) entries.set(key, { answer: newest, readAt: now() })
      failedAt.delete(key)
      for (const oldest of entries.keys()) if (entries.size > MAX_ENTRIES) entries.delete(oldest)
    } catch (error) {
      log.warn({ err: error, ...context }, 'what an account is like could not be read')
      failedAt.set(key, now())
      for (const oldest of failedAt.keys()) if (failedAt.size > MAX_ENTRIES) failedAt.delete(oldest)
    } finally {
      reading.delete(key)
    }
  }

  /**
   * The answer; undefined when it is not known: the permission is missing, or HubSpot does not answer in some seconds.
   * HubSpot is asked once, however many ask here.
   */
  return async function find(question: Question<T>): Promise<T | undefined> {
    const { key } = question
    const age = () => now() - (entries.get(key)?.readAt ?? Number.NEGATIVE_INFINITY)
    if (age() > FRESH_MS && now() - (failedAt.get(key) ?? Number.NEGATIVE_INFINITY) > FAILED_MS) {
      const underWay = reading.get(key) ?? read(question)
      reading.set(key, underWay)
      await Promise.race([underWay, patience()])
    }
    const entry = entries.get(key)
    if (!entry || age() > GOOD_MS) return undefined
    entries.delete(key)
    entries.set(key, entry)
    return entry.answer
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref())
}
