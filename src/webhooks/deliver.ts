import { Webhook } from 'standardwebhooks'
import type { Listener } from '../db/listener.js'
import type { Log } from '../log.js'
import type { Secret } from '../secret.js'
import type { DeliveryStore, DueDelivery } from './delivery-store.js'
import type { Sender } from './send.js'

type Deps = { deliveries: DeliveryStore; sender: Sender; listener: Pick<Listener, 'wait'>; log: Log }

const NOTHING_SENT = {
  ms: 0,
  status: undefined,
  sentHeaders: undefined,
  answer: '',
  answerHeaders: undefined,
  retryAfterSeconds: undefined,
}
/** Of one process. */
const AT_ONCE = 32
/** Due ones are looked for at least so often: nobody is woken for a retry. */
const LOOK_EVERY_MS = 1_000

/** Delivers what is due, until it is stopped; `stop` resolves once nothing is on its way any more. */
export function startDeliveries(deps: Deps): { stop: () => Promise<void> } {
  const stopped = new AbortController()
  const running = new Set<Promise<void>>()

  async function deliver(due: DueDelivery): Promise<void> {
    if (due.secrets.length === 0) return deps.deliveries.recordAttempt(due, { ...NOTHING_SENT, problem: 'secret_lost' })
    const headers = signedHeaders(due.id, due.claimedAt, due.body, due.secrets)
    await deps.deliveries.recordAttempt(due, await deps.sender.send(due.url, headers, due.body))
  }

  async function look(): Promise<void> {
    const room = AT_ONCE - running.size
    const due = room > 0 ? await deps.deliveries.claimDue(room) : []
    for (const one of due) {
      const delivered: Promise<void> = deliver(one)
        .catch((error: unknown) => deps.log.error({ err: error, deliveryId: one.id }, 'delivery failed'))
        .finally(() => running.delete(delivered))
      running.add(delivered)
    }
    // Whoever has just become free may have more waiting.
    await Promise.race([deps.listener.wait('importal_deliveries', LOOK_EVERY_MS, { signal: stopped.signal }), ...running])
  }

  async function go(): Promise<void> {
    while (!stopped.signal.aborted)
      await look().catch(async (error: unknown) => {
        deps.log.error({ err: error }, 'looking for deliveries failed')
        await deps.listener.wait('importal_deliveries', LOOK_EVERY_MS, { signal: stopped.signal })
      })
    await Promise.all(running)
  }

  const gone = go()
  return {
    stop: () => {
      stopped.abort()
      return gone
    },
  }
}

/** The headers that prove a message ours: one signature for each secret. @see Standard Webhooks 1.0 */
function signedHeaders(id: string, at: Date, body: string, secrets: Secret[]): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret.reveal()).sign(id, at, body)).join(' '),
  }
}
