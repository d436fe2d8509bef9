import { createHmac } from 'node:crypto'
import type { Delivery } from './answers.js'
import type { Client } from './client.js'
import { pause } from './send.js'

/** Where messages go, and who is told of each: `status` is the answer's, or why there was none. */
export type Forwarding = {
  to: URL
  events: string[]
  onSecret: (secret: string) => void
  tell: (message: Delivery, status: string) => void
}

const LOOK_EVERY_MS = 1_000
const TIMEOUT_MS = 15_000

/**
 * Has messages kept for as long as it runs, and posts each to an address of this machine's, signed as Importal would: so
 * a receiver can be tried that nobody else can reach. Ends when `signal` says so; nothing is kept any more then.
 */
export async function forwardMessages(
  client: Client,
  { to, events, onSecret, tell }: Forwarding,
  signal: AbortSignal,
): Promise<void> {
  const { id, secret } = await client.createEndpoint({ url: null, events })
  onSecret(secret)
  try {
    for (let since = '0'; !signal.aborted; ) {
      const { results, last } = await client.deliveries(id, { since, signal })
      for (const message of results) tell(message, await post(to, message, secret, signal))
      since = last ?? since
      if (results.length === 0) await pause(LOOK_EVERY_MS, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await client.deleteEndpoint(id)
  }
}

async function post(to: URL, { id, payload }: Delivery, secret: string, signal: AbortSignal): Promise<string> {
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64')
  try {
    const res = await fetch(to, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      },
      body: payload,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    await res.body?.cancel()
    return String(res.status)
  } catch (error) {
    return (error as { cause?: { code?: string } }).cause?.code ?? 'no answer'
  }
}
