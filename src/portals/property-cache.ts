import type { Property } from '../hubspot/answers.js'
import type { HubSpot, PropertyAnswer } from '../hubspot/hubspot.js'
import { scopeOfObject } from '../hubspot/scopes.js'
import type { Log } from '../log.js'
import type { AccessToken } from './access-token.js'

type Deps = { accessToken: Pick<AccessToken, 'use'>; hubspot: Pick<HubSpot, 'listProperties'>; log: Log }
type Entry = PropertyAnswer & { readAt: number }

/** As old as that they are read again, … */
const FRESH_MS = 10 * 60_000
/** … and as old as that they still do where HubSpot cannot be asked. */
const GOOD_MS = 24 * 3_600_000
/** HubSpot is not asked again so soon after it did not tell. */
const FAILED_MS = 30_000
/** An upload waits so long for them, and goes on without. */
const PATIENCE_MS = 4_000
/** Each some hundred kilobytes. */
const MAX_ENTRIES = 200

export type PropertyCache = ReturnType<typeof createPropertyCache>

/** The properties of portals' object types, as HubSpot has them, kept for ten minutes in this process. */
export function createPropertyCache({ accessToken, hubspot, log }: Deps, now: () => number = () => performance.now()) {
  // In the order of their last use: the first one goes first.
  const entries = new Map<string, Entry>()
  const failedAt = new Map<string, number>()
  const reading = new Map<string, Promise<void>>()

  async function read(key: string, portalId: string, objectType: string): Promise<void> {
    try {
      const known = entries.get(key)
      const answer = await accessToken.use(
        portalId,
        'properties',
        (token) => hubspot.listProperties(token, objectType, known?.etag),
        scopeOfObject(objectType),
      )
      const newest = answer ?? known
      if (newest) entries.set(key, { properties: newest.properties, etag: newest.etag, readAt: now() })
      failedAt.delete(key)
      for (const oldest of entries.keys()) if (entries.size > MAX_ENTRIES) entries.delete(oldest)
    } catch (error) {
      log.warn({ err: error, portalId, objectType }, 'properties could not be read')
      failedAt.set(key, now())
      for (const oldest of failedAt.keys()) if (failedAt.size > MAX_ENTRIES) failedAt.delete(oldest)
    } finally {
      reading.delete(key)
    }
  }

  return {
    /**
     * An object type's properties, by its id or name; undefined when they are not known: the permission is missing, or
     * HubSpot does not answer in some seconds. HubSpot is asked once, however many ask here.
     */
    async find(portalId: string, objectType: string): Promise<Property[] | undefined> {
      const key = `${portalId} ${objectType.toLowerCase()}`
      const age = () => now() - (entries.get(key)?.readAt ?? Number.NEGATIVE_INFINITY)
      if (age() > FRESH_MS && now() - (failedAt.get(key) ?? Number.NEGATIVE_INFINITY) > FAILED_MS) {
        const underWay = reading.get(key) ?? read(key, portalId, objectType)
        reading.set(key, underWay)
        await Promise.race([underWay, patience()])
      }
      const entry = entries.get(key)
      if (!entry || age() > GOOD_MS) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.properties
    },
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref())
}
