import { answer, answerApp } from '../answer.js'
import { type Exchange, type Reply, readBody, refusal } from '../exchange.js'
import type { State } from '../state.js'
import { toReading } from './journal.js'

const URL_LIFE_MS = 3_600_000

/** POST /webhooks-journal/subscriptions/{version}: asking for the same again changes nothing. */
export async function subscribe(exchange: Exchange): Promise<void> {
  const text = await readBody(exchange.req)
  await answerApp(exchange, {
    scope: 'developer.webhooks_journal.subscriptions.write',
    on: 'subscribe',
    make: () => addSubscription(exchange.state, text),
  })
}

function addSubscription({ subscriptions }: State, text: string): Reply {
  const asked = parse(text)
  const { subscriptionType, eventTypeId } = asked
  if (subscriptionType !== 'APP_LIFECYCLE_EVENT' || typeof eventTypeId !== 'string' || !/^\d+-\d+$/.test(eventTypeId))
    return refusal(
      400,
      'VALIDATION_ERROR',
      'A subscription needs an APP_LIFECYCLE_EVENT as subscriptionType, and an eventTypeId.',
    )
  const id = subscriptions.get(eventTypeId) ?? subscriptions.size + 1
  subscriptions.set(eventTypeId, id)
  return { status: 200, body: { ...asked, id } }
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** GET /webhooks-journal/journal/{version}/earliest, or …/offset/{offset}/next: where to read, 204 when there is nothing. */
export async function findBatch(exchange: Exchange, offset: string | undefined): Promise<void> {
  const { state, url } = exchange
  await answerApp(exchange, {
    scope: 'developer.webhooks_journal.read',
    on: 'journal',
    make: () => {
      const before = state.journal.findIndex((batch) => batch.offset === offset)
      if (offset !== undefined && before < 0) return refusal(404, 'OBJECT_NOT_FOUND', 'The offset has expired or does not exist.')
      const batch = state.journal[before + 1]
      if (!batch) return { status: 204 }
      const expiresAt = new Date(Date.now() + URL_LIFE_MS).toISOString()
      const address = new URL(`/webhooks-journal/batches/${batch.key}`, url).href
      return { status: 200, body: { currentOffset: batch.offset, expiresAt, url: address } }
    },
  })
}

/** GET of a batch’s own address, which is all it needs; as with a signed URL of a file store, a token besides is refused. */
export async function readBatch(exchange: Exchange, key: string): Promise<void> {
  const { req, state } = exchange
  await answer(exchange, {
    on: 'journal',
    portalId: undefined,
    make: () => {
      if (req.headers.authorization !== undefined)
        return refusal(400, 'VALIDATION_ERROR', 'Only one authentication mechanism is allowed.')
      const batch = state.journal.find((known) => known.key === key)
      return batch ? { status: 200, body: toReading(batch) } : refusal(403, 'FORBIDDEN', 'The address is not valid.')
    },
  })
}
