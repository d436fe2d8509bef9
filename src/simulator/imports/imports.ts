import { answerPortal } from '../answer.js'
import { type Exchange, page, type Reply, refusal } from '../exchange.js'
import { objectTypeId } from '../properties.js'
import type { Import, Portal, State } from '../state.js'
import { checksOf } from './cell-checks.js'
import { countersOf, enqueue, force, isFinal, stateOf } from './lifecycle.js'
import { slicePage } from './paging.js'
import { refuseQuota, refuseRequest } from './refusals.js'
import { fileRequestOf, mappingsOf } from './request.js'
import { rowErrorsOf } from './row-errors.js'
import { receiveUpload, type Upload } from './upload.js'

const SCOPE = 'crm.import'
/** No more of an import's errors are kept; its counters count all. */
const MAX_ERRORS = 10_000

/** POST …/imports */
export async function createImport(exchange: Exchange): Promise<void> {
  const { req, state, record } = exchange
  const properties = state.portals.get(record.portalId ?? '')?.properties ?? {}
  let upload: Upload = { request: undefined, files: [], isMalformed: true }
  await answerPortal(exchange, {
    scope: SCOPE,
    on: 'create',
    read: async (bytesPerSecond) => {
      upload = await receiveUpload(req, { keepTextBytes: state.settings.keepTextBytes, properties, bytesPerSecond })
    },
    make: (portal) => {
      if (upload.isMalformed) return page(400, 'HTTP ERROR 400', '<p>Problem accessing the resource. Reason: Bad Request</p>')
      const refused = refuseRequest(upload.request, upload.files) ?? refuseQuota(state, portal, upload.files)
      if (refused) return refused
      const made = toImport(exchange, portal, upload)
      enqueue(state, made)
      forgetOldest(state)
      return { status: 200, body: toAnswer(state, made) }
    },
  })
}

/** Of what has ended, when there is too much of it. */
function forgetOldest(state: State): void {
  const { maxImports } = state.settings
  if (maxImports === 0 || state.imports.size <= maxImports) return
  const oldest = [...state.imports.values()].find((made) => isFinal(stateOf(state, made)))
  if (oldest) state.imports.delete(oldest.id)
}

function toImport({ req, state }: Exchange, portal: Portal, { request = {}, files }: Upload): Import {
  const id = state.nextImportId++
  const found = files.map(({ name, report }, i) => {
    const mappings = mappingsOf(fileRequestOf(request, name))
    return report
      ? rowErrorsOf(report, checksOf(mappings, portal.properties), id * 10 + i)
      : { errors: [], errorCount: 0, badRows: 0 }
  })
  const columns = (request.files ?? []).flatMap(mappingsOf)
  const length = req.headers['content-length']
  return {
    id: String(id),
    portalId: portal.id,
    name: String(request.name),
    request,
    files: files.map(({ report: _, ...file }) => file),
    objectTypeIds: [...new Set(columns.map((column) => objectTypeId(column.columnObjectTypeId ?? '0-1')))],
    errors: found
      .flatMap(({ errors }) => errors)
      .slice(0, MAX_ERRORS)
      .map((error, i) => ({ ...error, id: `${id}${String(i).padStart(5, '0')}` })),
    errorCount: found.reduce((sum, { errorCount }) => sum + errorCount, 0),
    badRows: found.reduce((sum, { badRows }) => sum + badRows, 0),
    createdAt: Date.now(),
    startedAt: null,
    endedAt: null,
    forcedState: null,
    forcedCounters: null,
    isForgotten: false,
    contentLength: length === undefined ? undefined : Number(length),
    isChunked: req.headers['transfer-encoding'] !== undefined,
  }
}

/** GET …/imports */
export async function listImports(exchange: Exchange): Promise<void> {
  const { state, url } = exchange
  await answerPortal(exchange, {
    scope: SCOPE,
    on: 'list',
    make: ({ id }) => {
      const seenUntil = Date.now() - state.settings.listLagMs
      const visible = [...state.imports.values()].filter(
        ({ portalId, isForgotten, createdAt }) => portalId === id && !isForgotten && createdAt <= seenUntil,
      )
      return slicePage(url, state.settings.pageSize, visible.reverse(), (made) => toAnswer(state, made))
    },
  })
}

/** GET …/imports/{id} */
export async function showImport(exchange: Exchange, importId: string): Promise<void> {
  await answerPortal(exchange, {
    scope: SCOPE,
    on: 'get',
    make: (portal) => {
      const made = findImport(exchange.state, portal, importId)
      return made ? { status: 200, body: toAnswer(exchange.state, made) } : unknownImport(importId)
    },
  })
}

/** GET …/imports/{id}/errors */
export async function listErrors(exchange: Exchange, importId: string): Promise<void> {
  const { state, url } = exchange
  const isAsked = (name: string) => url.searchParams.get(name) === 'true'
  await answerPortal(exchange, {
    scope: SCOPE,
    on: 'errors',
    make: (portal) => {
      const made = findImport(state, portal, importId)
      if (!made) return unknownImport(importId)
      const errors = isFinal(stateOf(state, made)) ? made.errors : []
      return slicePage(url, state.settings.pageSize, errors, ({ errorMessage, sourceData, ...error }) => ({
        ...error,
        ...(isAsked('includeErrorMessage') ? { errorMessage } : {}),
        sourceData: { ...sourceData, rowData: isAsked('includeRowData') ? sourceData.rowData : [] },
      }))
    },
  })
}

/** POST …/imports/{id}/cancel */
export async function cancelImport(exchange: Exchange, importId: string): Promise<void> {
  const { state } = exchange
  await answerPortal(exchange, {
    scope: SCOPE,
    on: 'cancel',
    make: (portal) => {
      const made = findImport(state, portal, importId)
      if (!made) return unknownImport(importId)
      if (isFinal(stateOf(state, made)))
        return refusal(400, 'VALIDATION_ERROR', `Import ${importId} cannot be canceled: it has ended already.`)
      force(state, made, 'CANCELED', countersOf(state, made))
      const now = new Date().toISOString()
      return { status: 200, body: { status: 'COMPLETE', requestedAt: now, startedAt: now, completedAt: now } }
    },
  })
}

function findImport(state: State, portal: Portal, importId: string): Import | undefined {
  const made = state.imports.get(importId)
  return made && made.portalId === portal.id && !made.isForgotten ? made : undefined
}

function unknownImport(importId: string): Reply {
  return refusal(404, 'OBJECT_NOT_FOUND', `There is no import ${importId}.`)
}

function toAnswer(state: State, made: Import): object {
  const now = stateOf(state, made)
  return {
    id: made.id,
    state: now,
    createdAt: new Date(made.createdAt).toISOString(),
    updatedAt: new Date(isFinal(now) && made.endedAt ? made.endedAt : Date.now()).toISOString(),
    importName: made.name,
    importRequestJson: { ...made.request, portalId: Number(made.portalId), language: 'en' },
    importSource: 'API',
    mappedObjectTypeIds: made.objectTypeIds,
    optOutImport: false,
    metadata: { counters: countersOf(state, made), fileIds: made.files.map((_, i) => `${made.id}${i}`), objectLists: [] },
  }
}
