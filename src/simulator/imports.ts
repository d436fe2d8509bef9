import { createHash, randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import busboy from 'busboy'
import { answer, authorize, type Exchange, page, refuse } from './exchange.js'
import { DEFAULT_PROPERTIES } from './properties.js'
import { createRowReader, type RowError, rowErrorsOf } from './rows.js'
import type { ImportRequestBody, LedgerFile, LedgerImport, Portal, State } from './state.js'

const MAX_ROWS = 1_048_576
const LARGE_ROWS = 10_000
const MAX_LARGE_RUNNING = 2
const MAX_REQUEST_BYTES = 4 * 1024 * 1024
const DAY_MS = 86_400_000

type Received = { text: string | undefined; files: LedgerFile[]; malformed: boolean }
type Refused = { status: number; category: string; message: string; more?: object }

/** POST …/imports: takes the multipart body as it comes, keeping of each file a hash, its counts and its first bytes. */
export async function createImport(exchange: Exchange): Promise<void> {
  const token = authorize(exchange, 'crm.import')
  if (!token) return
  const { req, state } = exchange
  let received: Received = { text: undefined, files: [], malformed: true }
  await answer(exchange, {
    on: 'create',
    portalId: token.portalId,
    read: async () => {
      received = await receive(exchange)
    },
    make: () => {
      if (req.destroyed && !req.complete) return undefined
      if (received.malformed) return page(exchange, 400, 'HTTP ERROR 400', '<p>Bad Request</p>') as undefined
      const request = parseRequest(received.text)
      const portal = state.portal(token.portalId)
      const wrong = request ? (check(request, received.files) ?? checkQuota(state, portal, received.files)) : UNREADABLE
      if (wrong) return refuse(exchange, wrong.status, wrong.category, wrong.message, wrong.more) as undefined
      return { status: 200, body: toAnswer(state, record(exchange, portal, request ?? {}, received.files)) }
    },
  })
}

const UNREADABLE: Refused = { status: 400, category: 'VALIDATION_ERROR', message: 'Unable to process JSON' }

function receive({ req, state }: Exchange): Promise<Received> {
  const received: Received = { text: undefined, files: [], malformed: false }
  return new Promise((resolve) => {
    const fail = () => resolve({ ...received, malformed: true })
    let parser: busboy.Busboy
    try {
      parser = busboy({ headers: req.headers, defParamCharset: 'utf8', limits: { fieldSize: MAX_REQUEST_BYTES } })
    } catch {
      req.resume()
      return fail()
    }
    const reading: Promise<void>[] = []
    parser.on('field', (name, value) => {
      if (name === 'importRequest') received.text = value
    })
    parser.on('file', (name, stream, { filename, mimeType }) => {
      if (name === 'importRequest') {
        reading.push(readText(stream).then((text) => void Object.assign(received, { text })))
        return
      }
      reading.push(
        readFile(stream, filename ?? '', mimeType, state.settings.keepTextBytes).then((file) => void received.files.push(file)),
      )
    })
    parser.on('error', fail)
    parser.on('close', () => void Promise.all(reading).then(() => resolve(received), fail))
    req.on('close', () => {
      if (!req.complete) fail()
    })
    req.pipe(parser)
  })
}

async function readText(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) if (text.length < MAX_REQUEST_BYTES) text += chunk.toString('utf8')
  return text
}

async function readFile(stream: Readable, name: string, contentType: string, keepBytes: number): Promise<LedgerFile> {
  const hash = createHash('sha256')
  const rows = createRowReader()
  const isText = !/\.xlsx?$/i.test(name)
  let bytes = 0
  let text = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk)
    if (bytes < keepBytes) text += chunk.subarray(0, keepBytes - bytes).toString('utf8')
    if (isText) rows.push(chunk)
    bytes += chunk.length
  }
  return { ...rows.report(), name, contentType, bytes, sha256: hash.digest('hex'), text }
}

function parseRequest(text: string | undefined): ImportRequestBody | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function check({ name, files }: ImportRequestBody, uploaded: LedgerFile[]): Refused | undefined {
  const invalid = (message: string, more: object = {}): Refused => ({ status: 400, category: 'VALIDATION_ERROR', message, more })
  if (typeof name !== 'string' || name === '') return invalid('The import needs a name.')
  if (!Array.isArray(files) || files.length === 0) return invalid('The import request names no files.')
  for (const { fileName, fileImportPage } of files) {
    const file = uploaded.find((one) => one.name === fileName)
    if (!file) return invalid(`No file was uploaded for ${fileName}.`)
    const mappings = fileImportPage?.columnMappings
    if (!Array.isArray(mappings) || mappings.length === 0) return invalid(`${fileName} has no column mappings.`)
    if (file.header.length > 0 && file.header.length !== mappings.length)
      return invalid(`${fileName} has ${file.header.length} columns, but ${mappings.length} are mapped.`)
    if (file.rows > MAX_ROWS) {
      const context = { maximumAllowedRows: [String(MAX_ROWS)], rowsDetected: [String(file.rows)] }
      return invalid('The file has too many rows.', { errors: [{ code: 'TOO_MANY_ROWS', message: 'Too many rows.', context }] })
    }
  }
  return undefined
}

function checkQuota(state: State, portal: Portal, files: LedgerFile[]): Refused | undefined {
  const recent = state.imports.filter(({ portalId, createdAt }) => portalId === portal.id && createdAt > Date.now() - DAY_MS)
  const limit = (errorType: string, message: string, errorTokens: object): Refused => ({
    status: 429,
    category: 'RATE_LIMITS',
    message,
    more: { errorType, errorTokens },
  })
  if (recent.length >= portal.importsPerDay)
    return limit(
      'PAID_PORTAL_IMPORTS_LIMIT',
      `The portal has reached the daily number of imports it can run - ${portal.importsPerDay}`,
      {},
    )
  const rows = [...recent.flatMap((made) => made.files), ...files].reduce((sum, file) => sum + file.rows, 0)
  if (rows > portal.rowsPerDay)
    return limit('FREE_PORTAL_IMPORT_ROWS_LIMIT', 'The portal has reached the daily number of rows it can import.', {
      totalImportRowsLimit: [String(portal.rowsPerDay)],
      totalImportRows: [String(rows)],
    })
  return undefined
}

function record({ req, state }: Exchange, portal: Portal, request: ImportRequestBody, files: LedgerFile[]): LedgerImport {
  const length = req.headers['content-length']
  const made: LedgerImport = {
    id: String(state.nextImportId++),
    portalId: portal.id,
    name: String(request.name),
    request,
    files,
    createdAt: Date.now(),
    startedAt: null,
    endedAt: null,
    forcedState: null,
    forcedCounters: null,
    isForgotten: false,
    contentLength: length === undefined ? undefined : Number(length),
    isChunked: req.headers['transfer-encoding'] !== undefined,
  }
  state.imports.push(made)
  return made
}

/** GET …/imports */
export async function listImports(exchange: Exchange): Promise<void> {
  const token = authorize(exchange, 'crm.import')
  if (!token) return
  const { state, url } = exchange
  await answer(exchange, {
    on: 'list',
    portalId: token.portalId,
    make: () => {
      const visible = state.imports
        .filter(
          ({ portalId, isForgotten, createdAt }) =>
            portalId === token.portalId && !isForgotten && createdAt + state.settings.listLagMs <= Date.now(),
        )
        .reverse()
      const { items, paging } = slice(url, state.settings.pageSize, visible)
      return { status: 200, body: { results: items.map((made) => toAnswer(state, made)), ...paging } }
    },
  })
}

/** GET …/imports/{id}, GET …/{id}/errors, POST …/{id}/cancel */
export async function oneImport(exchange: Exchange, importId: string, action: string | undefined): Promise<void> {
  const token = authorize(exchange, 'crm.import')
  if (!token) return
  const { state, url, req } = exchange
  const made = state.imports.find(
    ({ id, portalId, isForgotten }) => id === importId && portalId === token.portalId && !isForgotten,
  )
  const on = action === 'errors' ? 'errors' : action === 'cancel' ? 'cancel' : 'get'
  await answer(exchange, {
    on,
    portalId: token.portalId,
    make: () => {
      if (!made) return refuse(exchange, 404, 'OBJECT_NOT_FOUND', `No import ${importId}.`) as undefined
      if (on === 'get') return { status: 200, body: toAnswer(state, made) }
      if (on === 'cancel')
        return req.method === 'POST'
          ? cancel(exchange, made)
          : (refuse(exchange, 405, 'VALIDATION_ERROR', 'Method not allowed.') as undefined)
      const { items, paging } = slice(url, state.settings.pageSize, stateOf(state, made) === 'DONE' ? errorsOf(state, made) : [])
      return { status: 200, body: { results: items.map((error) => toErrorAnswer(error, url)), ...paging } }
    },
  })
}

function cancel(exchange: Exchange, made: LedgerImport): { status: number; body: unknown } | undefined {
  if (['DONE', 'FAILED', 'CANCELED'].includes(stateOf(exchange.state, made)))
    return refuse(exchange, 400, 'VALIDATION_ERROR', 'The import has ended already.') as undefined
  made.forcedState = 'CANCELED'
  made.endedAt = Date.now()
  const now = new Date().toISOString()
  return { status: 200, body: { status: 'COMPLETE', requestedAt: now, startedAt: now, completedAt: now } }
}

function slice<T>(url: URL, pageSize: number, all: T[]): { items: T[]; paging: object } {
  const limit = Math.min(Number(url.searchParams.get('limit') ?? pageSize) || pageSize, pageSize)
  const from = Number(url.searchParams.get('after') ?? 0) || 0
  const next = from + limit
  return {
    items: all.slice(from, next),
    paging: next < all.length ? { paging: { next: { after: String(next), link: `?after=${next}` } } } : {},
  }
}

/** HubSpot's state of an import now: slots are given in order, and each import takes its time. */
export function stateOf(state: State, made: LedgerImport): string {
  advance(state, made.portalId)
  if (made.forcedState !== null) return made.forcedState
  if (made.startedAt === null) return 'DEFERRED'
  if (made.endedAt !== null) return 'DONE'
  return Date.now() < made.startedAt + state.settings.startedMs ? 'STARTED' : 'PROCESSING'
}

function advance(state: State, portalId: string): void {
  const { startedMs, processingMs } = state.settings
  const portal = state.portal(portalId)
  const all = state.imports.filter((made) => made.portalId === portalId)
  for (const made of all) {
    if (made.startedAt === null || made.endedAt !== null || made.forcedState !== null) continue
    if (made.startedAt + startedMs + processingMs > Date.now()) continue
    made.endedAt = made.startedAt + startedMs + processingMs
    portal.contactsCreated += countersOf(state, made, 1).CREATED_OBJECTS ?? 0
  }
  for (const made of all.filter(({ startedAt, forcedState }) => startedAt === null && forcedState === null)) {
    const running = all.filter(
      ({ startedAt, endedAt, forcedState }) => startedAt !== null && endedAt === null && forcedState === null,
    )
    const large = running.filter(isLarge).length
    if (running.length >= portal.maxRunning || (isLarge(made) && large >= MAX_LARGE_RUNNING)) continue
    made.startedAt = Date.now()
  }
}

function isLarge({ files }: LedgerImport): boolean {
  return files.some(({ rows }) => rows > LARGE_ROWS)
}

function errorsOf(state: State, { portalId, request, files, createdAt }: LedgerImport): RowError[] {
  const properties = { ...DEFAULT_PROPERTIES, ...state.portal(portalId).properties }
  return files.flatMap((file) => {
    const entry = request.files?.find(({ fileName }) => fileName === file.name)
    return rowErrorsOf(file, entry?.fileImportPage?.columnMappings ?? [], properties, createdAt)
  })
}

function toErrorAnswer({ errorMessage, ...error }: RowError, url: URL): object {
  return { ...error, ...(url.searchParams.get('includeErrorMessage') === 'true' ? { errorMessage } : {}) }
}

function countersOf(state: State, made: LedgerImport, progress: number): Record<string, number> {
  if (made.forcedCounters) return made.forcedCounters
  if (progress === 0) return {}
  const rows = made.files.reduce((sum, file) => sum + file.rows, 0)
  const errors = errorsOf(state, made)
  const bad = new Set(errors.map(({ sourceData }) => sourceData.lineNumber)).size
  const written = Math.floor(Math.max(0, rows - bad) * progress)
  const columns = (made.request.files ?? []).flatMap(({ fileImportPage }) => fileImportPage?.columnMappings ?? [])
  const mapped = columns.filter(({ propertyName }) => propertyName).length
  return {
    TOTAL_ROWS: rows,
    PROPERTY_VALUES_EMITTED: written * mapped,
    CREATED_OBJECTS: written,
    UPDATED_OBJECTS: 0,
    UNIQUE_OBJECTS_WRITTEN: written,
    ERRORS: progress < 1 ? 0 : errors.length,
    MAPPED_COLUMNS: mapped,
    UNMAPPED_COLUMNS: columns.length - mapped,
  }
}

function toAnswer(state: State, made: LedgerImport): object {
  const now = stateOf(state, made)
  const { startedMs, processingMs } = state.settings
  const elapsed = made.startedAt === null ? 0 : (Date.now() - made.startedAt - startedMs) / Math.max(1, processingMs)
  const progress = now === 'DONE' ? 1 : Math.min(0.99, Math.max(0, elapsed))
  return {
    id: made.id,
    state: now,
    createdAt: new Date(made.createdAt).toISOString(),
    updatedAt: new Date(made.endedAt ?? Date.now()).toISOString(),
    importName: made.name,
    importRequestJson: { ...made.request, portalId: Number(made.portalId), language: 'en' },
    importSource: 'API',
    mappedObjectTypeIds: ['0-1'],
    optOutImport: false,
    metadata: { counters: countersOf(state, made, progress), fileIds: made.files.map((_, i) => String(i + 1)), objectLists: [] },
    correlationId: randomUUID(),
  }
}
