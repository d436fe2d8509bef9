import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '../log.js'

/** What the database says when something has been committed; the text is the id of what it is about, or empty. */
export type Channel = 'importal_events' | 'importal_deliveries'

const CHANNELS: Channel[] = ['importal_events', 'importal_deliveries']
const RECONNECT_MS = 1_000

export type Listener = ReturnType<typeof createListener>

/**
 * Hears what any process commits. Only a nudge: what is said while the connection is lost is not heard, and whoever waits
 * looks for himself after a while. Connects when somebody first waits.
 */
export function createListener({ connectionString, log }: { connectionString: string; log: Log }) {
  const waiting = new Map<string, Set<() => void>>()
  let isClosed = false
  let client: pg.Client | undefined
  let isListening = false

  async function listen(): Promise<void> {
    while (!isClosed) {
      const next = new pg.Client({ connectionString, application_name: 'importal-listener', keepAlive: true })
      const lost = new Promise<void>((resolve) => {
        next.once('end', resolve)
        next.on('error', (error) => log.debug({ err: error }, 'listening to the database ended'))
      })
      next.on('notification', ({ channel, payload = '' }) => {
        for (const key of [channel, `${channel} ${payload}`]) for (const wake of waiting.get(key) ?? []) wake()
      })
      client = next
      try {
        await next.connect()
        for (const channel of CHANNELS) await next.query(`LISTEN ${channel}`)
        if (!isClosed) await lost
      } catch (error) {
        log.debug({ err: error }, 'listening to the database failed')
        await next.end().catch(() => undefined)
      }
      client = undefined
      if (!isClosed) await sleep(RECONNECT_MS)
    }
  }

  return {
    /** Resolves when something was said on the channel (about `id`, when one is given), or after `ms`, or when `signal` says so. */
    async wait(channel: Channel, ms: number, { signal, id }: { signal?: AbortSignal; id?: string } = {}): Promise<void> {
      if (isClosed || signal?.aborted) return
      if (!isListening) void listen()
      isListening = true
      const key = id === undefined ? channel : `${channel} ${id}`
      const woken = Promise.withResolvers<void>()
      const all = waiting.get(key) ?? new Set()
      waiting.set(key, all.add(woken.resolve))
      const timer = setTimeout(woken.resolve, ms)
      signal?.addEventListener('abort', woken.resolve as () => void)
      await woken.promise
      clearTimeout(timer)
      signal?.removeEventListener('abort', woken.resolve as () => void)
      all.delete(woken.resolve)
      if (all.size === 0) waiting.delete(key)
    },

    async close(): Promise<void> {
      isClosed = true
      for (const all of waiting.values()) for (const wake of all) wake()
      await client?.end().catch(() => undefined)
    },
  }
}
