import { Router } from 'express'
import { serve } from '../http/endpoint.js'
import { onlyMethods } from '../http/problem.js'
import type { PartnerStore } from './partner-store.js'
import { callerOf, requirePartner } from './require-partner.js'
import { listPortals, showMe } from './schema.js'

/** GET /v1/me, GET /v1/portals */
export function partnerRoutes(deps: Parameters<typeof requirePartner>[0] & { partners: PartnerStore }): Router {
  const router = Router()
  router.get(
    showMe.path,
    requirePartner(deps),
    serve(showMe, async ({ res }) => {
      const { partnerId, partnerName, keyId } = callerOf(res)
      return { partner: { id: partnerId, name: partnerName }, key: { id: keyId } }
    }),
  )
  router.get(
    listPortals.path,
    requirePartner(deps),
    serve(listPortals, async ({ res }) => ({
      results: await deps.partners.listPortals(callerOf(res).partnerId, callerOf(res).isTest),
    })),
  )
  router.all([showMe.path, listPortals.path], onlyMethods('GET', 'HEAD'))
  return router
}
