import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { Secret } from '../secret.js'

export type Answer = { status: number; headers: http.IncomingHttpHeaders; body: string }

export type Call = {
  url: URL
  method: 'GET' | 'POST' | 'DELETE'
  headers?: Record<string, string>
  /** What HubSpot could repeat of what it was sent, or knows of us: none of it is in the answer's body. */
  secrets?: readonly Secret[]
  /** Written with backpressure; the answer may come, and end the writing, before the body does. */
  body?: AsyncIterable<Buffer | string>
  /** What completes the body, sent only if there is still somebody to send it to once the body has ended. */
  ending?: Ending
  /** False: a socket of its own, so that a failure can never be a former call's. */
  keepAlive: boolean
  /** Longest time without a byte in either direction. */
  idleMs: number
  deadlineMs: number
  signal?: AbortSignal
  /** Told whether there was a connection, TLS included, once that is known. */
  onConnection?: (isConnected: boolean) => void
}

/** While `isSent` is false, the other side certainly has not got all of the body. */
export type Ending = { bytes: Buffer; isSent: boolean }

/** Enough for a page of a hundred imports or errors; more is not an answer of HubSpot's. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024
/** Interim answers (1xx) keep a connection from being idle; nobody means so many. */
const MAX_INTERIM_ANSWERS = 100

/**
 * One HTTP exchange with HubSpot: no redirects, no retries, a bounded answer. Rejects with the transport's error, or
 * with whatever the body's iterator threw.
 */
export async function send({
  url,
  method,
  headers,
  secrets = [],
  keepAlive,
  idleMs,
  deadlineMs,
  signal,
  onConnection,
  ...sending
}: Call): Promise<Answer> {
  const { request, Agent } = url.protocol === 'https:' ? https : http
  const agent = keepAlive ? undefined : new Agent({ keepAlive: false })
  const deadline = AbortSignal.timeout(deadlineMs)
  const req = request(url, {
    method,
    headers: { accept: 'application/json', ...headers },
    signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
    ...(agent ? { agent } : {}),
  })
  req.setTimeout(idleMs, () => req.destroy(new Error(`no progress for ${idleMs} ms`)))
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    req.once('response', resolve)
    req.on('error', reject)
    req.once('close', () => reject(new Error('connection closed without an answer')))
  })
  let interim = 0
  req.on('information', () => ++interim > MAX_INTERIM_ANSWERS && req.destroy(new Error('too many interim answers')))
  answered.catch(() => undefined) // awaited below; a failure while writing must not count as unhandled
  try {
    await connected(req, url, answered).catch((error: unknown) => {
      onConnection?.(false)
      throw error
    })
    onConnection?.(true)
    await write(req, sending, answered)
    const res = await answered
    const text = await readBounded(res)
    return { status: res.statusCode ?? 0, headers: res.headers, body: withoutSecrets(text, secrets) }
  } catch (error) {
    req.destroy()
    throw error
  } finally {
    // An answer that came before the body's end leaves a request that nobody will finish.
    if (!req.writableEnded) req.destroy()
    agent?.destroy()
  }
}

/**
 * Waits for the connection, TLS included, before the first byte of a body: what fails before that was certainly not sent,
 * however short it is.
 */
async function connected(req: http.ClientRequest, { protocol }: URL, answered: Promise<unknown>): Promise<void> {
  const [socket] = (await Promise.race([once(req, 'socket'), answered])) as [Socket]
  if (socket.connecting) await Promise.race([once(socket, protocol === 'https:' ? 'secureConnect' : 'connect'), answered])
}

/** Texts of answers are stored, logged and shown to partners. */
function withoutSecrets(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((rest, held) => rest.replaceAll(held.reveal(), '[redacted]'), text)
}

async function write(
  req: http.ClientRequest,
  { body, ending }: Pick<Call, 'body' | 'ending'>,
  answered: Promise<unknown>,
): Promise<void> {
  const stop = new AbortController()
  const halt = () => stop.abort()
  void answered.then(halt, halt)
  for await (const chunk of body ?? []) {
    // Lets an answer that is there be read first: who answers early hangs up as well, and a write would fail then.
    await setImmediate()
    if (stop.signal.aborted) return
    if (!req.write(chunk)) await once(req, 'drain', { signal: stop.signal }).catch(() => undefined)
    if (stop.signal.aborted) return
  }
  // Making sure of the body's end took its time.
  if (stop.signal.aborted) return
  if (ending) ending.isSent = true
  req.end(ending?.bytes)
}

async function readBounded(res: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of res as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`answer longer than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
