import { ApiProblem, problemOf, problemOfSilence } from './problem.js'

/** Where Importal is and who calls. */
export type Access = {
  baseUrl: string
  key: string
  /** How often a request is sent again before its problem is thrown. */
  maxRetries?: number
  /** Told before a request is sent again. */
  onRetry?: (problem: ApiProblem, waitMs: number) => void
}

export type Ask = {
  method?: 'POST' | 'DELETE'
  query?: Record<string, string | number | boolean | undefined>
  headers?: Record<string, string>
  /** Read anew for each try. */
  body?: Blob
  /** Whether what was done already is not done twice: it is sent again when no answer came. */
  isRepeatable?: boolean
  signal?: AbortSignal | undefined
  /** For an answer, and all that `read` reads of it. */
  timeoutMs?: number | undefined
}

export type Send = <T>(path: string, ask: Ask, read: (res: Response) => Promise<T>) => Promise<T>

/** With the waits below, all tries together outlast the 45 seconds that a dead process keeps an Idempotency-Key. */
const MAX_RETRIES = 7
const FIRST_WAIT_MS = 500
/** Whoever is told to wait longer had better know. */
const MAX_RETRY_AFTER_SECONDS = 60
const TIMEOUT_MS = 60_000

/**
 * Gives the function that sends every request: with the key, within a deadline, and again where that is of use and safe.
 * A problem shows neither the key nor a header.
 */
export function createSend({ baseUrl, key, maxRetries = MAX_RETRIES, onRetry }: Access): Send {
  const base = baseOf(baseUrl)
  // What fetch says of a header that it cannot send quotes it.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError('The key is not one: it has characters that no key has, or none.')

  async function sendOnce<T>(path: string, ask: Ask, read: (res: Response) => Promise<T>): Promise<T> {
    const { method = 'GET', query = {}, headers = {}, body, signal, timeoutMs = TIMEOUT_MS } = ask
    const url = new URL(base + path)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(new Error(`nothing within ${timeoutMs} ms`)), timeoutMs)
    try {
      const res = await fetch(url, {
        method,
        headers: { ...headers, authorization: `Bearer ${key}` },
        // Elsewhere the key would be lost, or somebody else's; and where a redirect may follow, Node's fetch keeps a copy
        // of the whole body in memory.
        redirect: 'error',
        signal: signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal,
        ...(body ? { body } : {}),
      })
      if (!res.ok) throw problemOf(res, await res.text())
      return await read(res)
    } catch (thrown) {
      signal?.throwIfAborted()
      throw thrown instanceof ApiProblem ? thrown : problemOfSilence(thrown)
    } finally {
      clearTimeout(timer)
    }
  }

  return async (path, ask, read) => {
    for (let retries = 0; ; retries += 1) {
      try {
        return await sendOnce(path, ask, read)
      } catch (problem) {
        if (!(problem instanceof ApiProblem) || retries >= maxRetries || !isWorthRetrying(problem, ask)) throw problem
        const waitMs = Math.max(waitBefore(retries), (problem.retryAfterSeconds ?? 0) * 1_000)
        onRetry?.(problem, waitMs)
        await pause(waitMs, ask.signal)
      }
    }
  }
}

/** How long to wait before a retry: twice as long each time, give or take a fifth, so that many do not come back at once. */
export function waitBefore(retries: number): number {
  return FIRST_WAIT_MS * 2 ** retries * (0.8 + 0.4 * Math.random())
}

/** Resolves after so many milliseconds. @throws the signal's reason, at once when it is given */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal?.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
  signal?.throwIfAborted()
}

function isWorthRetrying({ status, code, retryAfterSeconds }: ApiProblem, { method, isRepeatable = method !== 'POST' }: Ask) {
  if ((retryAfterSeconds ?? 0) > MAX_RETRY_AFTER_SECONDS) return false
  // Told to come back, it has not been done.
  if (status === 429 || status === 503) return isRepeatable || retryAfterSeconds !== undefined
  // The request before this one, whose answer was lost, is still being worked on.
  if (code === 'idempotency_key_in_use') return true
  return isRepeatable && (code === 'connection_lost' || status === 502 || status === 504)
}

function baseOf(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new TypeError('baseUrl must be an address such as https://importal.example.com, without a password.')
  return url.origin + url.pathname.replace(/\/+$/, '')
}
