import { AppError } from '../errors.js'
import type { Owner } from '../hubspot/answers.js'
import type { HubSpot } from '../hubspot/hubspot.js'
import type { Scope } from '../hubspot/scopes.js'
import type { Log } from '../log.js'
import type { AccessToken } from './access-token.js'
import { keepAnswers } from './kept-answers.js'
import type { PortalStore } from './portal-store.js'

type Deps = {
  accessToken: Pick<AccessToken, 'use'>
  hubspot: Pick<HubSpot, 'listOwners'>
  portals: Pick<PortalStore, 'find'>
  log: Log
}

const SCOPE: Scope = 'crm.objects.owners.read'
/** Of 500 owners each, and a call of the portal's budget. */
const MAX_PAGES = 20

export type OwnerCache = ReturnType<typeof createOwnerCache>

/** Portals' owners, as HubSpot has them, kept for ten minutes in this process. */
export function createOwnerCache({ accessToken, hubspot, portals, log }: Deps, now: () => number = () => performance.now()) {
  const find = keepAnswers<Owner[]>(log, now)

  async function readAll(portalId: string): Promise<Owner[]> {
    const owners: Owner[] = []
    let after: string | undefined
    for (let page = 0; page < MAX_PAGES; page++) {
      const found = await accessToken.use(portalId, 'properties', (token) => hubspot.listOwners(token, after), SCOPE)
      owners.push(...found.owners)
      after = found.after
      if (after === undefined) return owners
    }
    throw new AppError('hubspot_unavailable', { context: { portalId, why: 'more owners than are kept' } })
  }

  return {
    /**
     * All owners; undefined when they are not known: the permission was not granted, HubSpot does not answer in some
     * seconds, or there are more than 10,000. The permission is optional: without it HubSpot is not asked, since what it
     * refuses counts as missing.
     */
    async find(portalId: string): Promise<Owner[] | undefined> {
      const portal = await portals.find(portalId)
      if (!portal?.scopes.includes(SCOPE)) return undefined
      return find({ key: portalId, context: { portalId }, ask: () => readAll(portalId) })
    },
  }
}
