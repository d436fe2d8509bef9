import { newId } from '../db/ids.js'
import { AppError, type FieldError } from '../errors.js'
import type { FileStore, StoredFile } from '../files/file-store.js'
import { fieldErrors } from '../http/endpoint.js'
import { parseStrictJson } from '../http/strict-json.js'
import type { UploadedFile } from '../http/upload.js'
import type { Queue } from '../queue/queue.js'
import { ImportRequest } from './import-request.js'
import type { Finding, Import, ImportStore, NewImport } from './import-store.js'
import { advancePortalJob } from './portal-jobs.js'

type Deps = {
  imports: Pick<ImportStore, 'create' | 'exists' | 'read'>
  files: Pick<FileStore, 'remove'>
  queue: Pick<Queue, 'enqueue'>
}

type Input = {
  portalId: string
  partnerId: string
  keyId: string
  /** The importRequest as it came. */
  text: string | undefined
  files: UploadedFile<StoredFile>[]
}

/**
 * Makes a stored upload an import: from here on it is never lost. Nothing about HubSpot happens yet. The files are the
 * import's from now on, or removed.
 *
 * @throws {AppError} what parseImportRequest throws, `file_missing`, `files_mismatch`
 */
export async function acceptImport(deps: Deps, { portalId, partnerId, keyId, text, files }: Input): Promise<Import> {
  const id = newId('imp')
  try {
    const request = parseImportRequest(text, portalId)
    const { matched, findings } = matchFiles(request, files)
    const { portalId: _, ...outgoing } = request
    const named = {
      ...outgoing,
      files: request.files.map((entry, i) => ({ ...entry, fileName: matched[i]?.name ?? entry.fileName })),
    }
    // One transaction: an import without its job would wait for ever, a job without its import would find nothing.
    return await deps.imports.create({ id, portalId, partnerId, keyId, request: named, files: matched, findings }, (tx) =>
      deps.queue.enqueue(advancePortalJob, { portalId }, { tx }),
    )
  } catch (error) {
    // A commit whose answer was lost may have happened: the files are removed only when there certainly is no import.
    if (!(error instanceof AppError) && (await deps.imports.exists(id))) return deps.imports.read(id)
    await Promise.all(files.map(({ storeKey }) => deps.files.remove(storeKey)))
    throw error
  }
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
  uploads: UploadedFile<StoredFile>[],
): Pick<NewImport, 'findings'> & { matched: NewImport['files'] } {
  if (uploads.length === 0)
    throw new AppError('file_missing', { detail: 'Send at least one part named "files" with a filename.' })
  const [entry, secondEntry] = request.files
  const [upload, secondUpload] = uploads
  if (entry && upload && !secondEntry && !secondUpload) {
    const name = outgoingName(upload.name)
    return {
      matched: [{ ...upload, name, format: entry.fileFormat }],
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
    return { ...found, name: outgoingName(found.name), format: named.fileFormat }
  })
  return { matched, findings: [] }
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
