import { Router } from 'express'
import { z } from 'zod'
import { AppError } from '../../errors.js'
import { onlyMethods } from '../../http/problem.js'
import { TemplateId } from '../../mappings/schema.js'
import type { TemplateStore } from '../../mappings/template-store.js'
import { OBJECTS } from '../../words/objects.js'
import { adminOf } from '../file-form.js'
import type { Pages } from '../pages.js'
import { TEMPLATES } from './words.js'

type Deps = Parameters<typeof adminOf>[0] & { templates: Pick<TemplateStore, 'list' | 'delete'> }

/** /settings/:portalId/templates: the mappings that the portal's admin has saved. */
export function templatePageRoutes(deps: Deps, pages: Pages): Router {
  const router = Router()
  const list = '/settings/:portalId/templates'
  router.get(
    list,
    pages.page(async (visit) => {
      const { portal, language, show } = visit
      const { partnerId } = await adminOf(deps, visit)
      const templates = await deps.templates.list({ portalId: portal.id, partnerId })
      await show('settings/templates', TEMPLATES, {
        menu: 'templates',
        templates: templates.map(({ mapping, ...template }) => ({
          ...template,
          objects: Object.keys(mapping.importOperations ?? {}).map((type) => OBJECTS[language][type] ?? type),
          columns: mapping.columnMappings.filter(({ ignored }) => !ignored).length,
        })),
      })
    }),
  )
  router.post(
    `${list}/:templateId/delete`,
    pages.form(z.strictObject({}), async (visit) => {
      const { portal, base, req, res } = visit
      const id = TemplateId.safeParse(req.params.templateId).data
      if (id === undefined) throw new AppError('template_not_found')
      const { partnerId } = await adminOf(deps, visit)
      await deps.templates.delete({ portalId: portal.id, partnerId }, id)
      res.redirect(303, `${base}/templates`)
    }),
  )
  router.all(list, onlyMethods('GET', 'HEAD'))
  router.all(`${list}/:templateId/delete`, onlyMethods('POST'))
  return router
}
