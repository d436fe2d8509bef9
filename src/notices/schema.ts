import { z } from 'zod'
import { endpoint } from '../http/endpoint.js'
import { PortalId } from '../portals/portal-store.js'

/** Ids and instants come as numbers or as texts. */
const Field = z.union([z.string().max(100), z.number()]).transform(String)

/** An account deleted a contact for good, as the law wants it: by its id, for HubSpot no longer says who that was. */
export const PrivacyDeletion = z.object({
  portalId: Field.pipe(PortalId),
  appId: Field.optional(),
  subscriptionType: z.literal('contact.privacyDeletion'),
  objectId: Field,
  eventId: Field.optional(),
  occurredAt: Field.optional(),
})
export type PrivacyDeletion = z.output<typeof PrivacyDeletion>

/** An account uninstalled an app, as the journal tells it. */
export const Uninstall = z
  .object({
    action: z.literal('APP_UNINSTALL'),
    portalId: Field.pipe(PortalId),
    properties: z.object({ hs_app_id: Field.optional() }).catch({}),
  })
  .transform(({ portalId, properties }) => ({ portalId, appId: properties.hs_app_id }))

/** HubSpot sends up to a hundred events at a time. What each of them is, is looked at one by one. */
export const NoticeBatch = z.array(z.unknown()).min(1)

/** Counts of the events of one batch; each is one of the last three. */
export const NoticeCounts = z.object({
  received: z.number(),
  done: z.number(),
  /** Of a kind, a portal or an app that is none of ours. */
  ignored: z.number(),
  repeated: z.number(),
})
export type NoticeCounts = z.infer<typeof NoticeCounts>

export const takeWebhooks = endpoint({
  method: 'post',
  path: '/hubspot/webhooks',
  summary: 'What HubSpot tells by itself, signed by it',
  params: z.object({}),
  query: z.looseObject({}),
  missing: 'not_found',
  reply: { status: 200, schema: NoticeCounts },
})
