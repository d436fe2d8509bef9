import { z } from 'zod'
import { newId } from '../db/ids.js'
import { isUndone } from '../db/outage.js'
import type { Transaction } from '../db/prisma.js'
import { AppError, type FieldError, PROBLEMS } from '../errors.js'
import type { FileStore } from '../files/file-store.js'
import { fieldErrors } from '../http/endpoint.js'
import { parseStrictJson } from '../http/strict-json.js'
import { createFindings } from '../intake/finding.js'
import { readPreview } from '../intake/preview.js'
import { findUnknownKeys } from '../mappings/column-mapping.js'
import { guessMapping } from '../mappings/guess.js'
import type { Mapping } from '../mappings/schema.js'
import { type Suggestion, toColumnMappings } from '../mappings/suggestion/suggest.js'
import type { Template, TemplateStore } from '../mappings/template-store.js'
import type { Queue } from '../queue/queue.js'
import { fingerprintOf, type Idempotency } from './idempotency-key.js'
import type { UsedKey } from './idempotency-store.js'
import { ImportRequest, MAX_NAME_LENGTH } from './import-request.js'
import type { Import, ImportStore, Sender, StoredImport } from './import-store.js'
import { advancePortalJob } from './portal-jobs.js'
import { type Checked, HARMLESS, type PreflightDeps, preflight } from './preflight/preflight.js'
import type { PreflightOptions, ReceivedFile } from './preflight/table.js'

type ReadDeps = PreflightDeps & { templates: Pick<TemplateStore, 'find'> }

type Deps = ReadDeps & {
  imports: Pick<ImportStore, 'create' | 'exists' | 'read' | 'find'>
  files: Pick<FileStore, 'touch'>
  queue: Pick<Queue, 'enqueue'>
}

export type UploadOptions = PreflightOptions & {
  /** Instead of an importRequest: a saved mapping, in its newest version or this one. */
  template?: { id: string; version?: number | undefined } | undefined
}

type Upload = {
  portalId: string
  partnerId: string
  /** The importRequest as it came. */
  text: string | undefined
  files: ReceivedFile[]
  options: UploadOptions
  /** The import whose failed rows these are, corrected. */
  correctionOf?: StoredImport | undefined
  /** The files are somebody else's until an import is made of them. */
  areFilesKept?: boolean | undefined
}

type Input = Upload & {
  sender: Sender
  idempotency: Idempotency
  /** What else belongs to the making of the import, all or nothing. */
  alongside?: (importId: string, tx: Transaction, fingerprint: Buffer<ArrayBuffer>) => Promise<void>
}

/** The import; replayed: it had been made already, by an earlier request with the same key. */
type Accepted = { made: Import; isReplayed: boolean }

/**
 * Makes a stored upload an import: from here on it is never lost. Nothing about HubSpot happens yet. The files are the
 * import's from now on, or removed.
 *
 * @throws {AppError} what parseImportRequest and preflight throw, `file_missing`, `files_mismatch`,
 *   `idempotency_key_reused`, `idempotency_key_in_use`
 */
export async function acceptImport(deps: Deps, { sender, idempotency, alongside, ...upload }: Input): Promise<Accepted> {
  const { portalId, partnerId, text, files, options, correctionOf } = upload
  const id = newId('imp')
  const stored = upload.areFilesKept ? [] : files.map(({ storeKey }) => storeKey)
  try {
    const asked = await readUpload(deps, upload)
    // What a template says may be otherwise next time, and it is the same request all the same.
    const fingerprint = fingerprintOf(text === undefined ? null : asked.request, asked.files, {
      ...options,
      correctionOf: correctionOf?.id,
    })
    if (idempotency && 'used' in idempotency)
      return await replay(deps, { portalId, partnerId, files, fingerprint }, idempotency.used)
    const key = idempotency && { ...idempotency, fingerprint }
    const ready = await preflight(deps, { ...asked, portalId, options })
    stored.push(...madeOf(upload, ready))
    const { replaced, ...checked } = ready
    refuseWrongCells(checked, options)
    // An upload may have taken hours: what it stored first is not to be taken for a leftover just now.
    await Promise.all(keysOf(checked).map((storeKey) => deps.files.touch(storeKey)))
    const made = await deps.imports.create({
      ...checked,
      id,
      portalId,
      partnerId,
      sender,
      key,
      correctionOf: correctionOf?.id,
      alongside: alongside && ((tx) => alongside(id, tx, Buffer.from(fingerprint))),
    })
    await begin(deps, portalId)
    await Promise.all(replaced.map((storeKey) => deps.files.remove(storeKey)))
    return { made, isReplayed: false }
  } catch (error) {
    const isCertain = error instanceof AppError || isUndone(error)
    if (isCertain) await Promise.all(stored.map((storeKey) => deps.files.remove(storeKey)))
    // A commit whose answer was lost may have happened, or be happening still: its files are left to the sweep then.
    else if (await deps.imports.exists(id)) return { made: await deps.imports.read(id), isReplayed: false }
    throw error
  }
}

/**
 * A nudge, and not a part of the transaction: there, all who upload into one portal would wait for each other's end. What
 * nobody was nudged for, recover.ts finds.
 */
async function begin({ queue }: Deps, portalId: string): Promise<void> {
  await queue.enqueue(advancePortalJob, { portalId }).catch(() => undefined)
}

function keysOf({ files, pieces }: Pick<Checked, 'files' | 'pieces'>): string[] {
  return [...files, ...pieces.map(({ file }) => file)].flatMap(({ storeKey }) => storeKey ?? [])
}

/** What was stored on the way, steps between included, and goes with what it was for: not the files themselves where somebody keeps them. */
function madeOf({ files, areFilesKept }: Upload, checked: Checked): string[] {
  const kept = areFilesKept ? files.map(({ storeKey }) => storeKey) : []
  return [...keysOf(checked), ...checked.replaced].filter((storeKey) => !kept.includes(storeKey))
}

/**
 * What would become of an upload, and what is wrong with it; nothing of it is kept. `problem`: why it would be refused; what
 * was found until then is told with it.
 */
export type Report = Pick<Checked, 'findings' | 'counts'> & {
  problem: AppError | undefined
  checked: Omit<Checked, 'replaced'> | undefined
}

/**
 * Looks at an upload as if to accept it.
 *
 * @throws {AppError} what is wrong with the request itself
 */
export async function validateUpload(deps: ReadDeps, upload: Upload): Promise<Report> {
  const stored = upload.areFilesKept ? [] : upload.files.map(({ storeKey }) => storeKey)
  const findings = createFindings()
  const report = (problem: AppError | undefined, checked: Report['checked']) => ({
    problem,
    checked,
    findings: findings.kept(),
    counts: findings.counts(),
  })
  try {
    const { portalId, options } = upload
    const checked = await preflight(deps, { ...(await readUpload(deps, upload)), portalId, options, findings })
    stored.push(...madeOf(upload, checked))
    return report(refusalOf(checked, options), checked)
  } catch (error) {
    if (error instanceof AppError && ABOUT_FILES.includes(PROBLEMS[error.code].status)) return report(error, undefined)
    throw error
  } finally {
    await Promise.all(stored.map((storeKey) => deps.files.remove(storeKey)))
  }
}

function refuseWrongCells(checked: Pick<Checked, 'findings' | 'counts'>, options: PreflightOptions): void {
  const refusal = refusalOf(checked, options)
  if (refusal) throw refusal
}

const MAX_TOLD = 50
const ABOUT_FILES = [415, 422]

/** Why strictness refuses what was found; undefined when it does not. */
function refusalOf(
  { findings, counts }: Pick<Checked, 'findings' | 'counts'>,
  { strict }: PreflightOptions,
): AppError | undefined {
  const wrong = Object.entries(counts.byCode).filter(([code]) => !HARMLESS.includes(code))
  if (!strict || wrong.length === 0) return undefined
  return new AppError('findings_refused', {
    detail: `strict=true, and ${wrong.map(([code, count]) => `${count} × ${code}`).join(', ')}.`,
    errors: findings
      .filter(({ code }) => !HARMLESS.includes(code))
      .slice(0, MAX_TOLD)
      .map(({ message, file, line, columnName }) => ({
        detail: message,
        ...(file === null ? {} : { file }),
        ...(line === null ? {} : { row: line }),
        ...(columnName === null ? {} : { column: columnName }),
      })),
  })
}

type Asked = { request: ImportRequest; files: ReceivedFile[]; template?: Template; guess?: Suggestion; isCorrection?: boolean }

/** What was uploaded, each file with its entry in the request; a template stands for the request, or a guess. */
async function readUpload(deps: ReadDeps, upload: Upload): Promise<Asked> {
  const { portalId, partnerId, text, files, options, correctionOf } = upload
  if (correctionOf) return readCorrection(correctionOf, upload)
  if (!options.template && text === undefined && files.length === 1) return guessUpload(deps, portalId, files)
  if (!options.template) {
    // What goes to HubSpot as it is, HubSpot judges.
    const { portalId: _, ...request } = parseImportRequest(text, portalId, options.normalize === 'off')
    return { request, files: matchFiles(request, files) }
  }
  if (text !== undefined)
    throw invalid([{ pointer: '', detail: 'send either an importRequest or the name of a template, not both' }])
  const { id, version } = options.template
  const template = await deps.templates.find({ portalId, partnerId }, id, version)
  const request = requestOf(template.mapping, template.name, files)
  return { request, files: matchFiles(request, files), template }
}

/** Corrected rows go as the import did whose rows they are. */
function readCorrection({ request }: StoredImport, { text, files, options }: Upload): Asked {
  if (text !== undefined || options.template)
    throw invalid([{ pointer: '', detail: 'corrections go as their import did: send the file alone' }])
  const [entry] = request.files
  if (request.files.length > 1)
    throw new AppError('corrections_impossible', {
      detail: 'It was made of several files: which of them a row was in is not known.',
    })
  const [file, another] = files
  if (!file || another || !entry) throw new AppError('file_missing', { detail: 'Send one part named "files" with a filename.' })
  const fileFormat = file.inspected.kind === 'text' ? ('CSV' as const) : ('SPREADSHEET' as const)
  const name = `${request.name.slice(0, MAX_NAME_LENGTH - CORRECTIONS.length).toWellFormed()}${CORRECTIONS}`
  const entries = [{ ...entry, fileName: file.name, fileFormat, fileImportPage: { ...entry.fileImportPage, hasHeader: true } }]
  return { request: { ...request, name, files: entries }, files, isCorrection: true }
}

const CORRECTIONS = ' (corrections)'

/**
 * An upload without a request: only columns that are beyond doubt are imported, and only where one of them says which
 * record a row is about.
 */
async function guessUpload(deps: ReadDeps, portalId: string, files: ReceivedFile[]): Promise<Asked> {
  const [file] = files
  if (!file) throw new AppError('internal')
  const readRange = (start: number, end: number) => deps.files.readRange(file.storeKey, start, end)
  const guess = await guessMapping(deps, portalId, await readPreview({ ...file, readRange }))
  const columns = guess.columns.map((column) => (column.isConfident ? column : { ...column, propertyName: null }))
  if (!columns.some(({ columnType, isConfident }) => columnType && isConfident))
    throw new AppError('mapping_unclear', {
      detail:
        'No column says beyond doubt which record a row is about. Send an importRequest, or a template; …/mappings/suggest tells what the columns may be.',
      errors: guess.columns.slice(0, MAX_TOLD).map(({ columnName, why }) => ({ column: columnName.slice(0, 200), detail: why })),
    })
  const mapping = {
    importOperations: { [guess.objectTypeId]: guess.operation },
    ...(guess.dateFormat ? { dateFormat: guess.dateFormat } : {}),
    fileFormat: file.inspected.kind === 'text' ? ('CSV' as const) : ('SPREADSHEET' as const),
    hasHeader: true,
    columnMappings: toColumnMappings({ ...guess, columns }),
  }
  return { request: requestOf(mapping, 'Import', files), files, guess }
}

/** The request that a mapping makes of one file. */
function requestOf(
  { fileFormat, hasHeader, columnMappings, ...settings }: Mapping,
  name: string,
  files: ReceivedFile[],
): ImportRequest {
  const fileName = files[0]?.name ?? ''
  return {
    ...settings,
    name: `${name}: ${fileName}`
      .replaceAll(/\p{Cc}|\[imp_/gu, ' ')
      .slice(0, MAX_NAME_LENGTH)
      .toWellFormed(),
    files: [{ fileName, fileFormat, fileImportPage: { hasHeader, columnMappings } }],
  }
}

type Again = Pick<Input, 'portalId' | 'partnerId' | 'files'> & { fingerprint: Buffer }

/** The import that the same request made before; what came with it this time is not needed. */
async function replay(
  { imports, files: store }: Deps,
  { portalId, partnerId, files, fingerprint }: Again,
  used: UsedKey,
): Promise<Accepted> {
  if (!fingerprint.equals(used.fingerprint))
    throw new AppError('idempotency_key_reused', {
      detail: `This key belongs to the import ${used.importId}, made of another request or other files. Send a new key.`,
    })
  const made = await imports.find({ portalId, partnerId }, used.importId)
  if (!made) throw new AppError('import_not_found')
  await Promise.all(files.map(({ storeKey }) => store.remove(storeKey)))
  return { made, isReplayed: true }
}

/**
 * HubSpot's importRequest from the text of a request. Keys that HubSpot does not document are refused, unless told to keep
 * them.
 *
 * @throws {AppError} `import_request_missing`, `json_invalid`, `too_deep`, `duplicate_key`, `import_request_invalid`
 */
export function parseImportRequest(text: string | undefined, portalId: string, keepsUnknownKeys = false): ImportRequest {
  if (text === undefined || text.trim() === '')
    throw new AppError('import_request_missing', { detail: 'Send HubSpot’s importRequest as a field or a part of that name.' })
  const json = parseStrictJson(text)
  const unknown = keepsUnknownKeys ? [] : findUnknownKeys(ImportRequest, json)
  const { data, error } = ImportRequest.safeParse(json)
  if (error || unknown.length > 0) throw invalid(fieldErrors(new z.ZodError([...(error?.issues ?? []), ...unknown])))
  if (data.portalId !== undefined && String(data.portalId) !== portalId)
    throw invalid([{ pointer: '/portalId', detail: 'is not the portal of this request; leave it out' }])
  return data
}

/** Finds each named file's upload. A single file needs no name to be found. */
function matchFiles(request: ImportRequest, uploads: ReceivedFile[]): ReceivedFile[] {
  if (uploads.length === 0)
    throw new AppError('file_missing', { detail: 'Send at least one part named "files" with a filename.' })
  if (request.files.length === 1 && uploads.length === 1) return uploads

  const names = request.files.map(({ fileName }) => fileName)
  const unnamed = uploads.find(({ name }, i) => !names.includes(name) || uploads.findIndex((other) => other.name === name) < i)
  if (unnamed) {
    const detail = `"${unnamed.name}" was uploaded, but importRequest.files does not name it, or it came twice.`
    throw new AppError('files_mismatch', { detail, errors: [{ file: unnamed.name, detail }] })
  }
  return names.map((fileName, i) => {
    const found = uploads.find(({ name }) => name === fileName)
    if (!found) throw invalid([{ pointer: `/files/${i}/fileName`, file: fileName, detail: 'no file of this name was uploaded' }])
    return found
  })
}

function invalid(errors: FieldError[]): AppError {
  const [first] = errors
  const detail = first ? `${first.pointer || 'It'}: ${first.detail}` : undefined
  return new AppError('import_request_invalid', { detail, errors })
}
