import { newId } from '../db/ids.js'
import { isUndone } from '../db/outage.js'
import { AppError, type FieldError } from '../errors.js'
import type { FileStore, StoredFile } from '../files/file-store.js'
import { fieldErrors } from '../http/endpoint.js'
import { parseStrictJson } from '../http/strict-json.js'
import type { UploadedFile } from '../http/upload.js'
import type { Queue } from '../queue/queue.js'
import { fingerprintOf, type Idempotency } from './idempotency-key.js'
import type { UsedKey } from './idempotency-store.js'
import { ImportRequest } from './import-request.js'
import type { Finding, Import, ImportStore, NewImport, StoredImportFile } from './import-store.js'
import { advancePortalJob } from './portal-jobs.js'

type Deps = {
  imports: Pick<ImportStore, 'create' | 'exists' | 'read' | 'find'>
  files: Pick<FileStore, 'remove' | 'touch'>
  queue: Pick<Queue, 'enqueueWith'>
}

/** A stored file, with its data rows as far as they can be counted in text. */
export type CountedFile = StoredFile & { rows: number }

type Input = {
  portalId: string
  partnerId: string
  keyId: string
  /** The importRequest as it came. */
  text: string | undefined
  files: UploadedFile<CountedFile>[]
  idempotency: Idempotency
}

/** The import; replayed: it had been made already, by an earlier request with the same key. */
type Accepted = { made: Import; isReplayed: boolean }

/**
 * Makes a stored upload an import: from here on it is never lost. Nothing about HubSpot happens yet. The files are the
 * import's from now on, or removed.
 *
 * @throws {AppError} what parseImportRequest throws, `file_missing`, `files_mismatch`, `idempotency_key_reused`,
 *   `idempotency_key_in_use`
 */
export async function acceptImport(
  deps: Deps,
  { portalId, partnerId, keyId, text, files, idempotency }: Input,
): Promise<Accepted> {
  const id = newId('imp')
  try {
    const request = parseImportRequest(text, portalId)
    const { matched, findings } = matchFiles(request, files)
    const { portalId: _, ...outgoing } = request
    const named = {
      ...outgoing,
      files: request.files.map((entry, i) => ({ ...entry, fileName: matched[i]?.name ?? entry.fileName })),
    }
    const fingerprint = fingerprintOf(named, matched)
    if (idempotency && 'used' in idempotency)
      return await replay(deps, { portalId, partnerId, files, fingerprint }, idempotency.used)
    const key = idempotency && { ...idempotency, fingerprint }
    // An upload may have taken hours: what it stored first is not to be taken for a leftover just now.
    await Promise.all(files.map(({ storeKey }) => deps.files.touch(storeKey)))
    // One transaction: an import without its job would wait for ever, a job without its import would find nothing.
    const made = await deps.queue.enqueueWith(advancePortalJob, { portalId }, (enqueueIn) =>
      deps.imports.create({ id, portalId, partnerId, keyId, request: named, files: matched, findings, key }, enqueueIn),
    )
    return { made, isReplayed: false }
  } catch (error) {
    const isCertain = error instanceof AppError || isUndone(error)
    if (isCertain) await Promise.all(files.map(({ storeKey }) => deps.files.remove(storeKey)))
    // A commit whose answer was lost may have happened, or be happening still: its files are left to the sweep then.
    else if (await deps.imports.exists(id)) return { made: await deps.imports.read(id), isReplayed: false }
    throw error
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
 * HubSpot's importRequest from the text of a request.
 *
 * @throws {AppError} `import_request_missing`, `json_invalid`, `too_deep`, `duplicate_key`, `import_request_invalid`
 */
export function parseImportRequest(text: string | undefined, portalId: string): ImportRequest {
  if (text === undefined || text.trim() === '')
    throw new AppError('import_request_missing', { detail: 'Send HubSpot’s importRequest as a field or a part of that name.' })
  const { data, error } = ImportRequest.safeParse(parseStrictJson(text))
  if (error) throw invalid(fieldErrors(error))
  if (data.portalId !== undefined && String(data.portalId) !== portalId)
    throw invalid([{ pointer: '/portalId', detail: 'is not the portal of this request; leave it out' }])
  return data
}

/** Finds each named file's upload. A single file needs no name to be found: a different one is repaired, and said. */
function matchFiles(
  request: ImportRequest,
  uploads: UploadedFile<CountedFile>[],
): Pick<NewImport, 'findings'> & { matched: NewImport['files'] } {
  if (uploads.length === 0)
    throw new AppError('file_missing', { detail: 'Send at least one part named "files" with a filename.' })
  const [entry, secondEntry] = request.files
  const [upload, secondUpload] = uploads
  if (entry && upload && !secondEntry && !secondUpload) {
    const name = outgoingName(upload.name)
    return {
      matched: [toImportFile(upload, name, entry.fileFormat)],
      findings: entry.fileName === name ? [] : [renamed(entry.fileName, name)],
    }
  }

  const names = request.files.map(({ fileName }) => fileName)
  const unnamed = uploads.find(({ name }, i) => !names.includes(name) || uploads.findIndex((other) => other.name === name) < i)
  if (unnamed) {
    const detail = `"${unnamed.name}" was uploaded, but importRequest.files does not name it, or it came twice.`
    throw new AppError('files_mismatch', { detail, errors: [{ file: unnamed.name, detail }] })
  }
  const matched = request.files.map((named, i) => {
    const found = uploads.find(({ name }) => name === named.fileName)
    if (!found)
      throw invalid([{ pointer: `/files/${i}/fileName`, file: named.fileName, detail: 'no file of this name was uploaded' }])
    return toImportFile(found, outgoingName(found.name), named.fileFormat)
  })
  return { matched, findings: [] }
}

/** Only of text do we know the rows. */
function toImportFile(file: CountedFile, name: string, format: string): StoredImportFile {
  return { ...file, name, format, rows: format === 'CSV' ? file.rows : null }
}

/** Quotes and backslashes cannot stand in a part's header in a way that all servers read alike. */
function outgoingName(name: string): string {
  return name.replace(/["\\]/g, '_')
}

function renamed(from: string, to: string): Finding {
  const message = `importRequest names the file "${from.slice(0, 200)}", but it was uploaded as "${to}". HubSpot gets it under the uploaded name.`
  return { severity: 'warning', code: 'FILE_NAME_REPAIRED', message, file: to, line: 0 }
}

function invalid(errors: FieldError[]): AppError {
  const [first] = errors
  const detail = first ? `${first.pointer || 'It'}: ${first.detail}` : undefined
  return new AppError('import_request_invalid', { detail, errors })
}
