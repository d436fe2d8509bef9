import { Router } from 'express'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import type { FileStore } from '../files/file-store.js'
import { refuseInvalid, serve } from '../http/endpoint.js'
import { onlyMethods } from '../http/problem.js'
import { upload, uploadOf } from '../http/upload.js'
import { createRowCounter } from '../intake/count-rows.js'
import type { Log } from '../log.js'
import type { PartnerStore } from '../partners/partner-store.js'
import { callerOf, requirePartner } from '../partners/require-partner.js'
import type { Queue } from '../queue/queue.js'
import { acceptImport, type CountedFile, parseImportRequest } from './accept.js'
import { stopImport } from './cancel.js'
import type { CancellationStore } from './cancellation-store.js'
import { claimIdempotencyKey, idempotencyOf, releaseIdempotencyKey } from './idempotency-key.js'
import type { IdempotencyStore } from './idempotency-store.js'
import { type Import, type ImportStore, type Owner, sumCounters } from './import-store.js'
import type { RowErrorStore } from './row-error-store.js'
import { cancelImport, createImport, findImport, type ImportView, listImportErrors, listImports } from './schema.js'
import type { QueuePlace, TurnStore } from './submission/turn-store.js'

type Deps = {
  config: Pick<Config, 'maxUploadBytes' | 'publicUrl'>
  partners: PartnerStore
  imports: ImportStore
  files: FileStore
  idempotency: IdempotencyStore
  turns: Pick<TurnStore, 'findPlaces'>
  cancellations: CancellationStore
  rowErrors: Pick<RowErrorStore, 'list'>
  queue: Pick<Queue, 'enqueue' | 'enqueueWith'>
  log: Log
}

/** POST and GET /v1/portals/:portalId/imports… */
export function importRoutes(deps: Deps): Router {
  const router = Router()

  /** As partners see them; all of one portal. */
  async function viewAll(made: Import[]): Promise<ImportView[]> {
    const waiting = made.filter(({ state }) => state === 'accepted' || state === 'held')
    const [first] = waiting
    const ids = waiting.map(({ id }) => id)
    const places = first && (await deps.turns.findPlaces(first.portalId, ids).catch(tell))
    return made.map((one) => toView(one, places?.get(one.id), deps.config.publicUrl))
  }

  /** An import is told without its place sooner than not at all: its sender would send it again. */
  function tell(error: unknown): undefined {
    deps.log.warn({ err: error }, 'places in a queue could not be found out')
  }

  async function view(made: Import): Promise<ImportView> {
    const [shown] = await viewAll([made])
    if (!shown) throw new AppError('internal')
    return shown
  }

  async function findOwn(owner: Owner, importId: string): Promise<Import> {
    const found = await deps.imports.find(owner, importId)
    if (!found) throw new AppError('import_not_found')
    return found
  }

  router.post(
    createImport.path,
    requirePartner(deps), // before the upload: a stranger's file is never read
    refuseInvalid(createImport),
    claimIdempotencyKey(deps), // before the upload as well: of two twins only one is read
    upload<CountedFile>({
      save: async (source) => {
        const counter = createRowCounter()
        const stored = await deps.files.save(counter.watch(source))
        return { ...stored, rows: counter.rows() }
      },
      remove: ({ storeKey }) => deps.files.remove(storeKey),
      senderOf: (res) => callerOf(res).partnerId,
      maxBytes: deps.config.maxUploadBytes,
      fileField: 'files',
      textField: 'importRequest',
      checkText: (text, req) => void parseImportRequest(text, String(req.params.portalId)),
    }),
    serve(createImport, async ({ params: { portalId }, res }) => {
      const { text, files } = uploadOf<CountedFile>(res)
      const { partnerId, keyId } = callerOf(res)
      const input = { portalId, partnerId, keyId, text, files, idempotency: idempotencyOf(res) }
      const { made, isReplayed } = await acceptImport(deps, input)
      if (isReplayed) res.set('idempotency-replayed', 'true')
      const shown = await view(made)
      res.location(shown.links.self)
      return shown
    }),
    releaseIdempotencyKey(deps),
  )
  router.get(
    listImports.path,
    requirePartner(deps),
    serve(listImports, async ({ params: { portalId }, query, res }) => {
      const { imports, hasMore } = await deps.imports.list({ portalId, partnerId: callerOf(res).partnerId }, query)
      const last = imports.at(-1)
      return { results: await viewAll(imports), ...(hasMore && last ? { paging: { next: { after: last.id } } } : {}) }
    }),
  )
  router.get(
    findImport.path,
    requirePartner(deps),
    serve(findImport, async ({ params: { portalId, importId }, res }) =>
      view(await findOwn({ portalId, partnerId: callerOf(res).partnerId }, importId)),
    ),
  )
  router.post(
    cancelImport.path,
    requirePartner(deps),
    serve(cancelImport, async ({ params: { portalId, importId }, res }) => {
      const owner = { portalId, partnerId: callerOf(res).partnerId }
      await stopImport(deps, owner, importId)
      return view(await findOwn(owner, importId))
    }),
  )
  router.get(
    listImportErrors.path,
    requirePartner(deps),
    serve(listImportErrors, async ({ params: { portalId, importId }, query, res }) => {
      const { id } = await findOwn({ portalId, partnerId: callerOf(res).partnerId }, importId)
      const { errors, next } = await deps.rowErrors.list(id, query)
      return { results: errors, ...(next ? { paging: { next: { after: next } } } : {}) }
    }),
  )
  router.all(createImport.path, onlyMethods('GET', 'HEAD', 'POST'))
  router.all(cancelImport.path, onlyMethods('POST'))
  router.all([findImport.path, listImportErrors.path], onlyMethods('GET', 'HEAD'))
  return router
}

function toView({ id, portalId, files, parts, ...made }: Import, queue: QueuePlace | undefined, publicUrl: string): ImportView {
  const self = `${publicUrl}/v1/portals/${portalId}/imports/${id}`
  return {
    ...made,
    id,
    portalId,
    files,
    parts,
    queue: queue ?? null,
    counters: sumCounters(parts),
    links: { self, errors: `${self}/errors` },
  }
}
