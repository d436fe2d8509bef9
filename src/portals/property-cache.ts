import type { Property } from '../hubspot/answers.js'
import type { HubSpot, PropertyAnswer } from '../hubspot/hubspot.js'
import { scopeOfObject } from '../hubspot/scopes.js'
import type { Log } from '../log.js'
import type { AccessToken } from './access-token.js'
import { keepAnswers } from './kept-answers.js'

type Deps = { accessToken: Pick<AccessToken, 'use'>; hubspot: Pick<HubSpot, 'listProperties'>; log: Log }

export type PropertyCache = ReturnType<typeof createPropertyCache>

/** The properties of portals' object types, as HubSpot has them, kept for ten minutes in this process. */
export function createPropertyCache({ accessToken, hubspot, log }: Deps, now: () => number = () => performance.now()) {
  const find = keepAnswers<PropertyAnswer>(log, now)

  return {
    /**
     * An object type's properties, by its id or name; undefined when they are not known: the permission is missing, or
     * HubSpot does not answer in some seconds. HubSpot is asked once, however many ask here.
     */
    async find(portalId: string, objectType: string): Promise<Property[] | undefined> {
      const found = await find({
        key: `${portalId} ${objectType.toLowerCase()}`,
        context: { portalId, objectType },
        ask: (known) =>
          accessToken.use(
            portalId,
            'properties',
            (token) => hubspot.listProperties(token, objectType, known?.etag),
            scopeOfObject(objectType),
          ),
      })
      return found?.properties
    },
  }
}
