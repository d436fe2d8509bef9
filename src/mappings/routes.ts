import { type NextFunction, type Request, type Response, Router } from 'express'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import type { FileStore, StoredFile } from '../files/file-store.js'
import { readJson, refuseInvalid, serve } from '../http/endpoint.js'
import { onlyMethods } from '../http/problem.js'
import type { Seats } from '../http/seats.js'
import { upload, uploadOf } from '../http/upload.js'
import { type Inspected, inspect } from '../intake/inspect.js'
import { type Preview, readPreview } from '../intake/preview.js'
import type { Log } from '../log.js'
import type { PartnerStore } from '../partners/partner-store.js'
import { callerOf, meterBytes, refuseKeyInBody, requirePartner } from '../partners/require-partner.js'
import type { PropertyCache } from '../portals/property-cache.js'
import { guessMapping } from './guess.js'
import {
  createTemplate,
  deleteTemplate,
  findTemplate,
  listTemplates,
  suggestMappingForHeaders,
  updateTemplate,
} from './schema.js'
import { readShapes } from './shapes.js'
import { toColumnMappings } from './suggestion/suggest.js'
import type { TemplateStore } from './template-store.js'

type Deps = {
  config: Pick<Config, 'maxUploadBytes' | 'bytesPerDay'>
  partners: PartnerStore
  limits: Parameters<typeof requirePartner>[0]['limits']
  seats: { uploads: Seats }
  log: Log
  templates: TemplateStore
  properties: Pick<PropertyCache, 'find'>
  files: Pick<FileStore, 'save' | 'readRange' | 'remove'>
}

type Received = StoredFile & { inspected: Inspected }

/** A thousand columns with all that HubSpot knows of each. */
const MAX_BODY_BYTES = 1024 * 1024

/** /v1/portals/:portalId/templates… and …/mappings/suggest */
export function mappingRoutes(deps: Deps): Router {
  const { templates } = deps
  const router = Router()
  const known = requirePartner(deps)
  const readText = readJson(MAX_BODY_BYTES)
  const json = [readText, refuseKeyInBody(deps)]

  router.post(
    createTemplate.path,
    known,
    json,
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
    json,
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
  async function suggest(portalId: string, preview: Pick<Preview, 'header' | 'samples'>, objectTypeId?: string) {
    const suggestion = await guessMapping(deps, portalId, preview, objectTypeId)
    const { columns, dateFormat, ...more } = suggestion
    return {
      ...more,
      dateFormat: dateFormat ?? null,
      columns: columns.map((column) => ({ ...column, columnType: column.columnType ?? null })),
      columnMappings: toColumnMappings(suggestion),
    }
  }

  const forHeaders = serve(suggestMappingForHeaders, ({ params: { portalId }, body: { headers, samples, objectTypeId } }) =>
    suggest(portalId, { header: headers, samples }, objectTypeId),
  )
  const { body: _, ...ofFile } = suggestMappingForHeaders
  const forFile = serve(ofFile, async ({ params: { portalId }, res }) => {
    const { files } = uploadOf<Received>(res)
    try {
      const [file] = files
      if (!file)
        throw new AppError('file_missing', { detail: 'Send one part named "files" with a filename, or JSON with headers.' })
      const readRange = (start: number, end: number) => deps.files.readRange(file.storeKey, start, end)
      return await suggest(portalId, await readPreview({ ...file, readRange }))
    } finally {
      await Promise.all(files.map(({ storeKey }) => deps.files.remove(storeKey)))
    }
  })
  const receive = upload<Received>({
    save: async (source, name) => {
      const inspection = inspect(name)
      const stored = await deps.files.save(inspection.watch(source))
      return { ...stored, inspected: inspection.result() }
    },
    remove: ({ storeKey }) => deps.files.remove(storeKey),
    seats: deps.seats.uploads,
    senderOf: (res) => callerOf(res).partnerId,
    meter: meterBytes(deps),
    maxBytes: deps.config.maxUploadBytes,
    fileField: 'files',
    textField: 'importRequest',
    checkText: () => undefined,
  })
  const isUpload = (req: Request) => /^multipart\//i.test(req.get('content-type') ?? '')
  router.post(
    suggestMappingForHeaders.path,
    known,
    refuseInvalid(ofFile),
    (req: Request, res: Response, next: NextFunction) => (isUpload(req) ? receive : readText)(req, res, next),
    refuseKeyInBody(deps),
    (req: Request, res: Response, next: NextFunction) => (isUpload(req) ? forFile : forHeaders)(req, res, next),
  )
  router.all(suggestMappingForHeaders.path, onlyMethods('POST'))
  router.all(createTemplate.path, onlyMethods('GET', 'HEAD', 'POST'))
  router.all(findTemplate.path, onlyMethods('GET', 'HEAD', 'PUT', 'DELETE'))
  return router
}
