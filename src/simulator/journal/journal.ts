import { randomBytes, randomUUID } from 'node:crypto'
import { APP_ID } from '../oauth/introspect.js'
import type { State } from '../state.js'

export type JournalEvent = Record<string, unknown>
/** What one reading gives; whoever knows the key may read it. */
export type Batch = { offset: string; key: string; journalEvents: JournalEvent[]; publishedAt: string }

/** HubSpot's names for the two ends of an app's life in a portal. */
const EVENT_TYPE_IDS = { APP_INSTALL: '4-1909196', APP_UNINSTALL: '4-1916193' }

/** Appends what happened to the app in a portal, if the app has subscribed to it. */
export function recordLifecycle(state: State, action: keyof typeof EVENT_TYPE_IDS, portalId: string): void {
  const eventTypeId = EVENT_TYPE_IDS[action]
  if (!state.subscriptions.has(eventTypeId)) return
  appendEvent(state, {
    type: 'APP_LIFECYCLE_EVENT',
    action,
    portalId: Number(portalId),
    occurredAt: new Date().toISOString(),
    eventTypeId,
    properties: { hs_app_id: String(APP_ID) },
  })
}

/** Appends any event, as a batch of its own. */
export function appendEvent(state: State, event: JournalEvent): void {
  const key = randomBytes(24).toString('base64url')
  state.journal.push({ offset: randomUUID(), key, journalEvents: [event], publishedAt: new Date().toISOString() })
}

/** A batch as it is read. */
export function toReading({ offset, journalEvents, publishedAt }: Batch): Omit<Batch, 'key'> {
  return { offset, journalEvents, publishedAt }
}
