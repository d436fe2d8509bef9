import { Router } from 'express'
import { readJson, serve } from '../http/endpoint.js'
import { onlyMethods } from '../http/problem.js'
import type { PartnerStore } from '../partners/partner-store.js'
import { callerOf, requirePartner } from '../partners/require-partner.js'
import type { PropertyCache } from '../portals/property-cache.js'
import { createTemplate, deleteTemplate, findTemplate, listTemplates, updateTemplate } from './schema.js'
import { readShapes } from './shapes.js'
import type { TemplateStore } from './template-store.js'

type Deps = { partners: PartnerStore; templates: TemplateStore; properties: Pick<PropertyCache, 'find'> }

/** A thousand columns with all that HubSpot knows of each. */
const MAX_BODY_BYTES = 1024 * 1024

/** /v1/portals/:portalId/templates… */
export function mappingRoutes(deps: Deps): Router {
  const { templates } = deps
  const router = Router()
  const known = requirePartner(deps)

  router.post(
    createTemplate.path,
    known,
    readJson(MAX_BODY_BYTES),
    serve(createTemplate, async ({ params: { portalId }, body, res }) => {
      const properties = await readShapes(deps, portalId, body.mapping)
      return templates.create({ portalId, partnerId: callerOf(res).partnerId }, { ...body, properties })
    }),
  )
  router.get(
    listTemplates.path,
    known,
    serve(listTemplates, async ({ params: { portalId }, res }) => ({
      results: await templates.list({ portalId, partnerId: callerOf(res).partnerId }),
    })),
  )
  router.get(
    findTemplate.path,
    known,
    serve(findTemplate, ({ params: { portalId, templateId }, query: { version }, res }) =>
      templates.find({ portalId, partnerId: callerOf(res).partnerId }, templateId, version),
    ),
  )
  router.put(
    updateTemplate.path,
    known,
    readJson(MAX_BODY_BYTES),
    serve(updateTemplate, async ({ params: { portalId, templateId }, body, res }) => {
      const properties = await readShapes(deps, portalId, body.mapping)
      return templates.update({ portalId, partnerId: callerOf(res).partnerId }, templateId, { ...body, properties })
    }),
  )
  router.delete(
    deleteTemplate.path,
    known,
    serve(deleteTemplate, ({ params: { portalId, templateId }, res }) =>
      templates.delete({ portalId, partnerId: callerOf(res).partnerId }, templateId),
    ),
  )
  router.all(createTemplate.path, onlyMethods('GET', 'HEAD', 'POST'))
  router.all(findTemplate.path, onlyMethods('GET', 'HEAD', 'PUT', 'DELETE'))
  return router
}
