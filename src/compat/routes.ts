import { type NextFunction, type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { Listener } from '../db/listener.js'
import { AppError } from '../errors.js'
import { onlyMethods } from '../http/problem.js'
import type { Seats } from '../http/seats.js'
import { uploadOf } from '../http/upload.js'
import { acceptImport, parseImportRequest } from '../imports/accept.js'
import { stopImport } from '../imports/cancel.js'
import { readLines } from '../imports/corrections/error-csv.js'
import type { Import, ImportStore } from '../imports/import-store.js'
import type { ReceivedFile } from '../imports/preflight/table.js'
import { receiveFiles } from '../imports/receive.js'
import type { RowErrorStore } from '../imports/row-error-store.js'
import { untilAnswered } from '../imports/watch.js'
import type { Log } from '../log.js'
import type { PartnerStore } from '../partners/partner-store.js'
import { callerOf, meterBytes, refuseKeyIn, requirePartner } from '../partners/require-partner.js'
import { PortalId } from '../portals/portal-store.js'
import { type KnownImport, known, toHubSpotError, toHubSpotImport } from './answers.js'
import type { AwaitedAnswerStore } from './awaited-answer-store.js'

type Deps = Parameters<typeof requirePartner>[0] &
  Parameters<typeof acceptImport>[0] &
  Parameters<typeof receiveFiles>[0] &
  Parameters<typeof stopImport>[0] & {
    imports: ImportStore
    partners: PartnerStore
    rowErrors: Pick<RowErrorStore, 'list'>
    awaitedAnswers: AwaitedAnswerStore
    listener: Pick<Listener, 'wait'>
    seats: { waiting: Seats }
    log: Log
  }

/** Both of HubSpot's addresses for the same calls: the one that its SDKs know, and the one with a date. */
const BASES = ['/hubspot/:portalId/crm/v3/imports', '/hubspot/:portalId/crm/imports/:version']
/** Below the minute after which HubSpot's clients give up. */
const WAIT_SECONDS = 55
const SEAT_RETRY_SECONDS = 5

const Page = z.object({
  limit: z.coerce.number().int().min(1).max(100).catch(10),
  after: z.string().max(64).optional().catch(undefined),
  includeErrorMessage: z.string().optional().catch(undefined),
  includeRowData: z.string().optional().catch(undefined),
})

/** /hubspot/:portalId/crm/…: HubSpot's own five calls of imports, with its answers, for its unmodified clients. */
export function compatRoutes(deps: Deps): Router {
  const router = Router()
  const at = (path: string) => BASES.map((base) => base + path)
  const ownerOf = (req: Request, res: Response) => ({
    portalId: String(req.params.portalId),
    partnerId: callerOf(res).partnerId,
  })

  async function find(req: Request, res: Response): Promise<KnownImport> {
    const id = String(req.params.importId)
    const made = /^\d{1,19}$/.test(id) ? await deps.imports.findByHubSpotId(ownerOf(req, res), id) : undefined
    const found = made && known(made)
    if (!found) throw new AppError('import_not_found', { detail: `There is no import ${id.slice(0, 40)}.` })
    return found
  }

  const receive = receiveFiles(deps, {
    senderOf: (res) => callerOf(res).partnerId,
    meter: meterBytes(deps),
    textField: 'importRequest',
    checkText: (text, req) => {
      refuseKeyIn(deps, text, 'in a body', req)
      parseImportRequest(text, String(req.params.portalId), true)
    },
  })

  router.use(at(''), refuseOddPaths)
  // HubSpot's clients wait for its answer: before their files are read it must be sure that they can.
  const takeSeat = (_req: Request, res: Response, next: NextFunction) => {
    const rise = deps.seats.waiting.take(callerOf(res).partnerId)
    if (!rise)
      throw new AppError('too_many_uploads', {
        detail: 'Many of your calls wait for HubSpot. Send this one when some of them have ended.',
        retryAfterSeconds: SEAT_RETRY_SECONDS,
      })
    res.once('close', rise)
    next()
  }
  router.post(at(''), requirePartner(deps), takeSeat, receive, async (req: Request, res: Response) => {
    const owner = ownerOf(req, res)
    const made = await accept(owner, res)
    // A client that has gone will ask again: the same call is the same import as long as nobody has been answered.
    const prolong = () =>
      deps.awaitedAnswers.prolong(made.id).catch((err: unknown) => deps.log.warn({ err }, 'a call was not kept'))
    res.once('close', () => res.writableFinished || void prolong())
    const now = await untilAnswered(deps, owner, made, WAIT_SECONDS)
    if (res.closed) return
    const there = known(now)
    if (!there && now.state !== 'failed') {
      await prolong()
      res.set('x-should-retry', 'false')
      throw new AppError('submission_delayed', {
        detail: `HubSpot has not answered yet. The import is accepted as ${made.id} and goes on by itself: do not send it again.`,
      })
    }
    res.once('finish', () => void deps.awaitedAnswers.end(made.id).catch(() => undefined))
    if (!there) throw new AppError('hubspot_refused', { detail: now.problem?.detail, context: { importId: made.id } })
    res.set('x-should-retry', 'false').json(toHubSpotImport(there))
  })
  router.get(at(''), requirePartner(deps), async (req, res) => {
    const { limit, after } = Page.parse(req.query)
    const { imports, hasMore } = await deps.imports.list(ownerOf(req, res), {
      limit,
      after: /^imp_[0-9a-f]{32}$/.test(after ?? '') ? after : undefined,
    })
    const last = imports.at(-1)
    res.json({
      results: imports.flatMap((made) => known(made) ?? []).map(toHubSpotImport),
      ...(hasMore && last ? { paging: { next: { after: last.id, link: '' } } } : {}),
    })
  })
  router.get(at('/:importId'), requirePartner(deps), async (req, res) => {
    res.json(toHubSpotImport(await find(req, res)))
  })
  router.post(at('/:importId/cancel'), requirePartner(deps), async (req, res) => {
    const { id } = await find(req, res)
    const requestedAt = new Date().toISOString()
    await stopImport(deps, ownerOf(req, res), id)
    res.json({ status: 'COMPLETE', requestedAt, startedAt: requestedAt, completedAt: new Date().toISOString() })
  })
  router.get(at('/:importId/errors'), requirePartner(deps), async (req, res) => {
    const made = await find(req, res)
    const { limit, after, includeErrorMessage, includeRowData } = Page.parse(req.query)
    const isExplained = includeErrorMessage === 'true'
    const { errors, next } = await deps.rowErrors.list(made.id, {
      limit,
      origin: 'hubspot',
      after: /^\d{1,18}$/.exec(after ?? '')?.[0],
    })
    const rows = includeRowData === 'true' ? await readRows(made, errors) : undefined
    res.json({
      results: errors.map((error, i) => {
        const rowData = rows?.get(error.line ?? 0)
        return toHubSpotError(error, made, { id: `${after ?? '0'}${i}`, isExplained, rowData })
      }),
      ...(next ? { paging: { next: { after: next, link: '' } } } : {}),
    })
  })
  router.all(at(''), onlyMethods('GET', 'HEAD', 'POST'))
  router.all(at('/:importId/cancel'), onlyMethods('POST'))
  router.all([...at('/:importId'), ...at('/:importId/errors')], onlyMethods('GET', 'HEAD'))
  return router

  /** The rows of a page of errors, by line; none of a file that is not kept, or of several. */
  async function readRows(made: KnownImport, errors: { line: number | null }[]): Promise<Map<number, string[]>> {
    const lines = new Set(errors.flatMap(({ line }) => line ?? []))
    if (lines.size === 0) return new Map()
    return readLines(deps, await deps.imports.read(made.id), lines).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'corrections_impossible') return new Map()
      throw error
    })
  }

  /** The import that a call makes, or that the same call has made before and nobody was told of. */
  async function accept(owner: { portalId: string; partnerId: string }, res: Response): Promise<Import> {
    const { text, files } = uploadOf<ReceivedFile>(res)
    if (text === undefined) {
      await Promise.all(files.map(({ storeKey }) => deps.files.remove(storeKey)))
      throw new AppError('import_request_missing', { detail: 'Send importRequest beside the files.' })
    }
    try {
      const { made } = await acceptImport(deps, {
        ...owner,
        sender: { keyId: callerOf(res).keyId },
        text,
        files,
        // Its bytes are the sender's business, and HubSpot's.
        options: { normalize: 'off', strict: false },
        idempotency: undefined,
        alongside: (importId, tx, fingerprint) => deps.awaitedAnswers.begin({ ...owner, fingerprint }, importId, tx),
      })
      return made
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'create_twin')) throw error
      const first = await deps.imports.find(owner, String(error.options.context?.importId))
      if (!first) throw error
      await deps.awaitedAnswers.prolong(first.id)
      return first
    }
  }
}

/** Of the dates only those that HubSpot could have; and no portal that is none. */
function refuseOddPaths(req: Request, _res: Response, next: () => void): void {
  const { portalId, version } = req.params as { portalId?: string; version?: string }
  if (!PortalId.safeParse(portalId).success || (version !== undefined && !/^\d{4}-\d{2}$/.test(version)))
    throw new AppError('not_found', { detail: 'There is no such address.' })
  next()
}
