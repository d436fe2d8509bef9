import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express'
import type { Config } from '../config.js'
import type { Listener } from '../db/listener.js'
import { AppError } from '../errors.js'
import type { FileStore } from '../files/file-store.js'
import { refuseInvalid, serve } from '../http/endpoint.js'
import { onlyMethods, toProblem } from '../http/problem.js'
import type { Seats } from '../http/seats.js'
import { uploadOf } from '../http/upload.js'
import type { CsvCheck } from '../intake/cells/csv-check.js'
import type { Log } from '../log.js'
import type { TemplateStore } from '../mappings/template-store.js'
import type { PartnerStore } from '../partners/partner-store.js'
import { callerOf, meterBytes, refuseKeyIn, requirePartner } from '../partners/require-partner.js'
import type { OwnerCache } from '../portals/owner-cache.js'
import type { PortalStore } from '../portals/portal-store.js'
import type { PropertyCache } from '../portals/property-cache.js'
import type { Queue } from '../queue/queue.js'
import { acceptImport, parseImportRequest, type UploadOptions, validateUpload } from './accept.js'
import { stopImport } from './cancel.js'
import type { CancellationStore } from './cancellation-store.js'
import { fileOf, writeErrorCsv } from './corrections/error-csv.js'
import type { HistoryStore } from './history-store.js'
import { claimIdempotencyKey, idempotencyOf, releaseIdempotencyKey } from './idempotency-key.js'
import type { IdempotencyStore } from './idempotency-store.js'
import {
  type Import,
  type ImportStore,
  type Owner,
  type StoredImport,
  type StoredImportFile,
  sumCounters,
} from './import-store.js'
import { lookAhead } from './preflight/look-ahead.js'
import type { ReceivedFile } from './preflight/table.js'
import { receiveFiles } from './receive.js'
import type { RowErrorStore } from './row-error-store.js'
import {
  cancelImport,
  correctImport,
  createImport,
  findImport,
  type ImportView,
  listImportErrors,
  listImports,
  validateImport,
  Wait,
  watchImport,
} from './schema.js'
import type { QueuePlace, TurnStore } from './submission/turn-store.js'
import { untilAnswered, watch } from './watch.js'

const STREAM_RETRY_SECONDS = 5
/** How soon to look at an import again that was just sent. */
const [MIN_RETRY_SECONDS, MAX_RETRY_SECONDS] = [2, 60]

type Deps = {
  config: Pick<Config, 'maxUploadBytes' | 'publicUrl' | 'bytesPerDay'>
  partners: PartnerStore
  limits: Parameters<typeof requirePartner>[0]['limits']
  imports: ImportStore
  files: FileStore
  seats: Record<'uploads' | 'waiting' | 'streams', Seats>
  idempotency: IdempotencyStore
  turns: Pick<TurnStore, 'findPlaces'>
  history: Pick<HistoryStore, 'listEvents'>
  listener: Pick<Listener, 'wait'>
  cancellations: CancellationStore
  rowErrors: Pick<RowErrorStore, 'list' | 'listByLine'>
  templates: Pick<TemplateStore, 'find'>
  properties: Pick<PropertyCache, 'find'>
  owners: Pick<OwnerCache, 'find'>
  csvCheck: Pick<CsvCheck, 'check' | 'begin'>
  portals: Pick<PortalStore, 'readMaxFileBytes'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

/** POST and GET /v1/portals/:portalId/imports… */
export function importRoutes(deps: Deps): Router {
  const router = Router()
  const { seats } = deps

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

  const receive = receiveFiles(deps, {
    senderOf: (res) => callerOf(res).partnerId,
    meter: meterBytes(deps),
    textField: 'importRequest',
    checkText: (text, req) => {
      refuseKeyIn(deps, text, 'in a body', req)
      parseImportRequest(text, String(req.params.portalId))
    },
    ahead: (req, text, name) => {
      const portalId = String(req.params.portalId)
      return lookAhead(deps, { portalId, request: parseImportRequest(text, portalId), name })
    },
  })

  /** Makes an import of what was received. */
  async function accept(
    portalId: string,
    options: UploadOptions,
    res: Response,
    correctionOf?: StoredImport,
  ): Promise<ImportView> {
    const { text, files } = uploadOf<ReceivedFile>(res)
    const { partnerId, keyId } = callerOf(res)
    const input = { portalId, partnerId, sender: { keyId }, text, files, options, correctionOf, idempotency: idempotencyOf(res) }
    const { made, isReplayed } = await acceptImport(deps, input)
    if (isReplayed) res.set('idempotency-replayed', 'true')
    const seconds = Wait.parse(res.req.get('prefer'))
    // It is a preference: whoever has many waiting is answered at once.
    const rise = seconds > 0 ? seats.waiting.take(partnerId) : undefined
    if (rise) res.set('preference-applied', `wait=${seconds}`)
    const now = rise ? await untilAnswered(deps, { portalId, partnerId }, made, seconds).finally(rise) : made
    const shown = await view(now)
    res.location(shown.links.self).set('retry-after', String(secondsUntilNews(shown)))
    return shown
  }

  async function sendErrorCsv(made: StoredImport, res: Response): Promise<undefined> {
    fileOf(made) // refused while that can still be said
    res.type('text/csv').attachment(`${made.id} errors.csv`).set('cache-control', 'no-store')
    await pipeline(Readable.from(writeErrorCsv(deps, made)), res)
  }

  const create = serve(createImport, ({ params: { portalId }, query: options, res }) => accept(portalId, options, res))

  const validate = serve(validateImport, async ({ params: { portalId }, query: options, res }) => {
    const { text, files } = uploadOf<ReceivedFile>(res)
    const { problem, checked, findings, counts } = await validateUpload(deps, {
      portalId,
      partnerId: callerOf(res).partnerId,
      text,
      files,
      options,
    })
    const { errors, warnings, byCode: codes } = counts
    return {
      isAcceptable: problem === undefined,
      problem: problem ? toProblem(deps.config.publicUrl, problem.code, problem.options) : null,
      files: (checked?.files ?? []).map(viewFile),
      findings: { errors, warnings },
      codes,
      results: findings.map((finding) => ({
        ...finding,
        origin: 'finding' as const,
        column: finding.column === null ? null : finding.column + 1,
      })),
      importRequest: checked?.request ?? null,
    }
  })

  router.post(
    createImport.path,
    requirePartner(deps), // before the upload: a stranger's file is never read
    refuseInvalid(createImport),
    unlessValidating(claimIdempotencyKey(deps)), // before the upload as well: of two twins only one is read
    receive,
    (req: Request, res: Response, next: NextFunction) => (isValidating(req) ? validate : create)(req, res, next),
    releaseIdempotencyKey(deps),
  )
  router.post(
    correctImport.path,
    requirePartner(deps),
    refuseInvalid(correctImport),
    claimIdempotencyKey(deps),
    receive,
    serve(correctImport, async ({ params: { portalId, importId }, query, res }) => {
      const { files } = uploadOf<ReceivedFile>(res)
      const first = await findOwn({ portalId, partnerId: callerOf(res).partnerId }, importId)
        .then(({ id }) => deps.imports.read(id))
        .catch(async (error: unknown) => {
          await Promise.all(files.map(({ storeKey }) => deps.files.remove(storeKey)))
          throw error
        })
      return accept(portalId, query, res, first)
    }),
    releaseIdempotencyKey(deps),
  )
  router.get(
    listImports.path,
    requirePartner(deps),
    serve(listImports, async ({ params: { portalId }, query, res }) => {
      const { imports, hasMore } = await deps.imports.list({ portalId, partnerId: callerOf(res).partnerId }, query)
      const last = imports.at(-1)
      if (hasMore && last) res.links({ next: nextPage(deps.config.publicUrl, res.req.originalUrl, last.id) })
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
  router.get(
    watchImport.path,
    requirePartner(deps),
    serve(watchImport, async ({ params: { portalId, importId }, req, res }) => {
      const owner = { portalId, partnerId: callerOf(res).partnerId }
      const made = await findOwn(owner, importId)
      const after = /^\d{1,18}$/.exec(req.get('last-event-id') ?? '')?.[0] ?? '0'
      const rise = seats.streams.take(owner.partnerId)
      if (!rise)
        throw new AppError('too_many_streams', {
          detail: `${seats.streams.max} of your streams are open.`,
          retryAfterSeconds: STREAM_RETRY_SECONDS,
        })
      try {
        res.status(200).set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        const gone = new AbortController()
        res.once('close', () => gone.abort())
        await watch(deps, owner, made, BigInt(after), { write: (text) => void res.write(text), gone: gone.signal })
      } finally {
        rise()
      }
      res.end()
      return undefined
    }),
  )
  router.post(
    cancelImport.path,
    requirePartner(deps),
    serve(cancelImport, async ({ params: { portalId, importId }, res }) => {
      const owner = { portalId, partnerId: callerOf(res).partnerId }
      await findOwn(owner, importId)
      await stopImport(deps, owner, importId)
      return view(await findOwn(owner, importId))
    }),
  )
  router.get(
    listImportErrors.path,
    requirePartner(deps),
    serve(listImportErrors, async ({ params: { portalId, importId }, query, res }) => {
      const { id, findingCodes: codes } = await findOwn({ portalId, partnerId: callerOf(res).partnerId }, importId)
      if (query.format === 'csv') return sendErrorCsv(await deps.imports.read(id), res)
      const { errors, next } = await deps.rowErrors.list(id, query)
      if (next) res.links({ next: nextPage(deps.config.publicUrl, res.req.originalUrl, next) })
      return { results: errors, codes, ...(next ? { paging: { next: { after: next } } } : {}) }
    }),
  )
  router.all(createImport.path, onlyMethods('GET', 'HEAD', 'POST'))
  router.all([cancelImport.path, correctImport.path], onlyMethods('POST'))
  router.all([findImport.path, listImportErrors.path, watchImport.path], onlyMethods('GET', 'HEAD'))
  return router
}

/** When it is worth looking again: once it is its turn. */
function secondsUntilNews({ queue }: ImportView): number {
  const start = queue?.estimatedStartAt.getTime() ?? 0
  return Math.min(MAX_RETRY_SECONDS, Math.max(MIN_RETRY_SECONDS, Math.ceil((start - Date.now()) / 1_000)))
}

/** The address of the page after an import. @see RFC 8288 */
function nextPage(publicUrl: string, asked: string, after: string): string {
  const url = new URL(asked, publicUrl)
  url.searchParams.set('after', after)
  return url.href
}

/** Nothing is made, so there is nothing to make only once. */
function unlessValidating(handler: RequestHandler): RequestHandler {
  return (req, res, next) => (isValidating(req) ? next() : handler(req, res, next))
}

function isValidating(req: Request): boolean {
  return req.query.validateOnly === 'true'
}

/** Its size and sum are those of what was sent, whatever HubSpot gets. */
function viewFile({ sent, ...file }: StoredImportFile): ImportView['files'][number] {
  return { ...file, ...sent }
}

function toView({ id, portalId, files, parts, ...made }: Import, queue: QueuePlace | undefined, publicUrl: string): ImportView {
  const self = `${publicUrl}/v1/portals/${portalId}/imports/${id}`
  return {
    ...made,
    id,
    portalId,
    files: files.map(viewFile),
    parts,
    queue: queue ?? null,
    counters: sumCounters(parts),
    links: { self, errors: `${self}/errors` },
  }
}
