import { createHash } from 'node:crypto'
import type { ErasureStore } from '../imports/departure/erasure-store.js'
import type { Log } from '../log.js'
import { recordAudit } from '../portals/audit-store.js'
import type { KnownPortal, NoticeStore } from './notice-store.js'
import { type NoticeCounts, PrivacyDeletion } from './schema.js'

type Deps = {
  notices: Pick<NoticeStore, 'listKnown' | 'record'>
  erasures: Pick<ErasureStore, 'forgetContacts'>
  log: Log
}

/**
 * Acts on a batch of notices, once each however often HubSpot repeats them. Here it is only written down what must be
 * erased, because HubSpot waits for five seconds: the erasing itself is a sweep's.
 */
export async function takeNotices({ notices, erasures, log }: Deps, events: unknown[]): Promise<NoticeCounts> {
  const deletions = events.flatMap((event) => PrivacyDeletion.safeParse(event).data ?? [])
  const known = await notices.listKnown([...new Set(deletions.map(({ portalId }) => portalId))])
  const meant = deletions
    .filter((deletion) => isMeantForUs(deletion, known))
    .map((deletion) => ({ ...deletion, idHash: identityOf(deletion) }))
  const fresh =
    meant.length === 0
      ? []
      : await notices.record(meant, async (taken, tx) => {
          await erasures.forgetContacts(portalsOf(taken), tx)
          for (const portalId of portalsOf(taken)) {
            const contacts = taken.filter((deletion) => deletion.portalId === portalId).length
            await recordAudit(tx, { actor: 'hubspot', action: 'contact_forgotten', portalId, detail: { contacts } })
          }
        })
  const counts = {
    received: events.length,
    done: fresh.length,
    ignored: events.length - meant.length,
    repeated: meant.length - fresh.length,
  }
  log.info(counts, 'HubSpot sent notices')
  return counts
}

/** Whether a portal that we know is told of our app; which one it installed may not be known yet. */
export function isMeantForUs(
  { portalId, appId }: { portalId: string; appId?: string | undefined },
  known: KnownPortal[],
): boolean {
  const portal = known.find((one) => one.portalId === portalId)
  return portal !== undefined && (portal.appId === null || appId === undefined || portal.appId === appId)
}

function portalsOf(deletions: PrivacyDeletion[]): string[] {
  return [...new Set(deletions.map(({ portalId }) => portalId))]
}

/** The same for every repetition: which try it is does not count. */
function identityOf({ appId, portalId, subscriptionType, objectId, eventId, occurredAt }: PrivacyDeletion): string {
  const fields = [appId, portalId, subscriptionType, objectId, eventId, occurredAt]
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}
