import { randomInt } from 'node:crypto'
import { APP_ID } from '../oauth/introspect.js'

const SUBSCRIPTION_ID = 77_001
const MAX_EVENT_ID = 2 ** 31

/** What HubSpot sends when a portal deletes a contact for privacy’s sake. @throws when an id is no decimal number. */
export function privacyDeletion(portalId: string, contactId: string): Record<string, unknown> {
  if (![portalId, contactId].every((id) => /^\d{1,15}$/.test(id))) throw new Error('The ids are decimal numbers, as text.')
  return {
    eventId: randomInt(1, MAX_EVENT_ID),
    subscriptionId: SUBSCRIPTION_ID,
    portalId: Number(portalId),
    appId: APP_ID,
    occurredAt: Date.now(),
    subscriptionType: 'contact.privacyDeletion',
    attemptNumber: 0,
    objectId: Number(contactId),
    changeFlag: 'DELETED',
    changeSource: 'CRM_UI',
  }
}
