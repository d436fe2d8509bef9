import { z } from 'zod'
import { endpoint, Instant } from '../http/endpoint.js'
import { SEND_PROBLEMS } from './send.js'

/** What is told, as Standard Webhooks names events. */
export const EVENTS = [
  'import.accepted',
  'import.held',
  'import.submitted',
  'import.completed',
  'import.failed',
  'import.canceled',
  'import.needs_review',
  'portal.connected',
  'portal.disconnected',
] as const
export const EventName = z.enum(EVENTS)
export type EventName = z.output<typeof EventName>
/** Sent only when somebody asks for it. */
export const TEST_EVENT = 'endpoint.test'

/** What the triggers of the database write, and endpoints are sent. */
export const WebhookMessage = z
  .object({
    type: z.enum([...EVENTS, TEST_EVENT]),
    timestamp: z.iso.datetime(),
    data: z.looseObject({
      importId: z.string().optional(),
      portalId: z.string().optional(),
      partnerId: z.string().nullable().optional(),
      state: z.string().optional(),
      reason: z.string().nullable().optional(),
      problem: z.string().nullable().optional().describe('The code of a problem.'),
      rows: z.number().nullable().optional(),
      correctionOf: z.string().nullable().optional(),
      status: z.string().optional().describe('Of the portal, where it is one that a message tells of.'),
    }),
  })
  .meta({ id: 'WebhookMessage' })

export const EndpointId = z.string().regex(/^end_[0-9a-f]{32}$/)
export const DeliveryId = z.string().regex(/^msg_[0-9a-f]{32}$/)

export const DisabledReason = z.enum(['gone', 'failing', 'admin', 'partner'])
export type DisabledReason = z.output<typeof DisabledReason>

export const EndpointView = z
  .object({
    id: EndpointId,
    url: z.string().nullable().describe('Null: nothing is sent, the messages are fetched.'),
    events: z.array(z.string()).describe('What is told; empty: everything.'),
    disabled: z
      .object({ at: Instant, reason: DisabledReason })
      .nullable()
      .describe('Why nothing is sent to it any more: it answered 410, it took nothing for days, or somebody said so.'),
    takenAt: Instant.nullable().describe('When it last took a message.'),
    previousSecretUntil: Instant.nullable().describe('Until then messages are signed by the secret before as well.'),
    createdAt: Instant,
  })
  .meta({ id: 'Endpoint' })
export type EndpointView = z.input<typeof EndpointView>

/** With its secret, which is shown once. */
const NewEndpointView = EndpointView.extend({ secret: z.string() }).meta({ id: 'NewEndpoint' })

const DeliveryState = z.enum(['waiting', 'delivered', 'failed', 'kept'])
export type DeliveryState = z.output<typeof DeliveryState>

export const DeliveryView = z
  .object({
    id: DeliveryId,
    type: z.string(),
    state: DeliveryState.describe('`kept`: for whoever fetches it.'),
    attempts: z.number(),
    nextAttemptAt: Instant.nullable(),
    deliveredAt: Instant.nullable(),
    createdAt: Instant,
    payload: z.string().describe('What is sent, as it is signed.'),
    /** The newest tries first. */
    log: z.array(
      z.object({
        at: Instant,
        ms: z.number(),
        status: z.number().nullable(),
        problem: z.enum(SEND_PROBLEMS).nullable(),
        answer: z.string().nullable(),
        url: z.string().nullable().describe('Where it was sent; null: nothing was.'),
        sentHeaders: z.record(z.string(), z.string()).nullable().describe('Without the signatures.'),
        answerHeaders: z.record(z.string(), z.string()).nullable(),
      }),
    ),
  })
  .meta({ id: 'Delivery' })
export type DeliveryView = z.input<typeof DeliveryView>

export const EndpointContent = z.strictObject({
  url: z.string().nullable().default(null).describe('Left out or null: the messages are fetched.'),
  events: z.array(z.enum(EVENTS)).max(EVENTS.length).default([]),
})
export type EndpointContent = z.output<typeof EndpointContent>

const nothing = z.strictObject({})
const one = z.object({ endpointId: EndpointId })

export const createEndpoint = endpoint({
  method: 'post',
  path: '/v1/endpoints',
  summary: 'Be told of your imports at an address of yours; the secret that signs the messages is shown once',
  params: z.object({}),
  query: nothing,
  missing: 'not_found',
  example: { body: { url: 'https://hooks.example.com/importal', events: ['import.completed', 'import.failed'] } },
  body: EndpointContent,
  reply: { status: 201, schema: NewEndpointView },
})

export const listEndpoints = endpoint({
  method: 'get',
  path: '/v1/endpoints',
  summary: 'Your endpoints',
  params: z.object({}),
  query: nothing,
  missing: 'not_found',
  reply: { status: 200, schema: z.object({ results: z.array(EndpointView) }) },
})

export const findEndpoint = endpoint({
  method: 'get',
  path: '/v1/endpoints/:endpointId',
  summary: 'One endpoint',
  params: one,
  query: nothing,
  missing: 'endpoint_not_found',
  reply: { status: 200, schema: EndpointView },
})

export const changeEndpoint = endpoint({
  method: 'put',
  path: '/v1/endpoints/:endpointId',
  summary: 'Change an endpoint, or send to it again after it was disabled',
  params: one,
  query: nothing,
  missing: 'endpoint_not_found',
  example: { body: { url: 'https://hooks.example.com/importal', events: [], isDisabled: false } },
  body: EndpointContent.extend({ isDisabled: z.boolean().default(false) }),
  reply: { status: 200, schema: EndpointView },
})

export const deleteEndpoint = endpoint({
  method: 'delete',
  path: '/v1/endpoints/:endpointId',
  summary: 'Delete an endpoint, with its log',
  params: one,
  query: nothing,
  missing: 'endpoint_not_found',
  reply: { status: 200, schema: EndpointView },
})

export const rotateSecret = endpoint({
  method: 'post',
  path: '/v1/endpoints/:endpointId/rotate',
  summary: 'A new secret; for a day messages are signed by the old one as well',
  params: one,
  query: nothing,
  missing: 'endpoint_not_found',
  reply: { status: 200, schema: NewEndpointView },
})

export const testEndpoint = endpoint({
  method: 'post',
  path: '/v1/endpoints/:endpointId/test',
  summary: 'Send an event that means nothing',
  params: one,
  query: nothing,
  missing: 'endpoint_not_found',
  reply: { status: 202, schema: DeliveryView },
})

const DeliveryNumber = z.string().regex(/^\d{1,18}$/)
const Place = z.string().regex(/^(0|\d{1,18}-\d{1,18})$/, 'must be 0, or what an answer called last')

export const listDeliveries = endpoint({
  method: 'get',
  path: '/v1/endpoints/:endpointId/deliveries',
  summary: 'What was sent to an endpoint, or is kept for it, with what came back; newest first',
  params: one,
  query: z.strictObject({
    state: DeliveryState.optional(),
    limit: z.coerce.number().int().min(1).max(100).default(25),
    after: DeliveryNumber.optional().describe('The next page.'),
    since: Place.optional().describe('Oldest first, from behind this one: for whoever fetches. `0` begins.'),
  }),
  missing: 'endpoint_not_found',
  reply: {
    status: 200,
    schema: z.object({
      results: z.array(DeliveryView),
      last: z.string().nullable().describe('Where `since` goes on.'),
      paging: z.object({ next: z.object({ after: z.string() }) }).optional(),
    }),
  },
})

export const replayDelivery = endpoint({
  method: 'post',
  path: '/v1/endpoints/:endpointId/deliveries/:deliveryId/replay',
  summary: 'Send a message again, under the same id',
  params: z.object({ endpointId: EndpointId, deliveryId: DeliveryId }),
  query: nothing,
  missing: 'delivery_not_found',
  reply: { status: 202, schema: DeliveryView },
})

export const replaySince = endpoint({
  method: 'post',
  path: '/v1/endpoints/:endpointId/replay',
  summary: 'Send again what could not be delivered since an instant, or everything',
  params: one,
  query: nothing,
  missing: 'endpoint_not_found',
  example: { body: { since: '2026-11-01T00:00:00Z', which: 'failed' } },
  body: z.strictObject({ since: z.iso.datetime({ offset: true }), which: z.enum(['failed', 'all']).default('failed') }),
  reply: { status: 202, schema: z.object({ replayed: z.number() }) },
})
