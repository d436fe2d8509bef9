import { AppError } from '../errors.js'
import type { FileStore, StoredFile } from '../files/file-store.js'
import { readColumns, typeIdOf } from '../intake/cells/columns.js'
import type { CsvCheck } from '../intake/cells/csv-check.js'
import { convertText } from '../intake/convert.js'
import { createFindings, type Finding, type FindingCounts, type Findings } from '../intake/finding.js'
import { readHeader } from '../intake/head.js'
import { fitMapping } from '../intake/header.js'
import { type Inspected, inspect, type Text } from '../intake/inspect.js'
import { splitCsv } from '../intake/split.js'
import type { Structure } from '../intake/structure.js'
import { objectTypeOf } from '../mappings/column-mapping.js'
import type { Template } from '../mappings/template-store.js'
import type { PortalStore } from '../portals/portal-store.js'
import type { PropertyCache } from '../portals/property-cache.js'
import { noteDrift } from './drift.js'
import type { ImportRequest } from './import-request.js'
import type { NewPiece, StoredImportFile } from './import-store.js'

/** A stored file part, and what was seen of it while it was stored. */
export type ReceivedFile = StoredFile & { name: string; inspected: Inspected }

export type PreflightOptions = {
  /** `never`: what would have to be written anew for HubSpot is refused. */
  normalize: 'auto' | 'never'
  /** Wrong cells refuse the file. */
  strict: boolean
}

type Deps = {
  files: Pick<FileStore, 'read' | 'save' | 'remove'>
  properties: Pick<PropertyCache, 'find'>
  csvCheck: Pick<CsvCheck, 'check'>
  portals: Pick<PortalStore, 'readMaxFileBytes'>
}

type Input = {
  portalId: string
  request: ImportRequest
  files: ReceivedFile[]
  /** Where the request came from, if it was not sent. */
  template?: Template
  options: PreflightOptions
}

/** What HubSpot gets, and what was found. `replaced` are files that are not needed any more once the import is made. */
export type Checked = {
  request: ImportRequest
  files: StoredImportFile[]
  replaced: string[]
  /** The file in parts, where HubSpot would not take it whole. */
  pieces: NewPiece[]
  findings: readonly Finding[]
  counts: FindingCounts
}

/** Findings that say what was done, and nothing of a wrong row. */
export const HARMLESS = [
  'FILE_NAME_REPAIRED',
  'ENCODING_CONVERTED',
  'DELIMITER_CONVERTED',
  'LINE_ENDS_CONVERTED',
  'COLUMN_NAME_REPAIRED',
  'COLUMNS_REORDERED',
  'COLUMN_NOT_MAPPED',
  'COLUMN_WITHOUT_NAME',
  'NOT_LOOKED_INTO',
  'TEMPLATE_HEADER_CHANGED',
  'PROPERTIES_NOT_KNOWN',
  'DUPLICATES_NOT_LOOKED_FOR',
]

type FileEntry = ImportRequest['files'][number]

const MAX_COLUMNS = 999
const MAX_ROWS = 1_048_576
const SPLIT_ROWS = 1_000_000
const FORMATS = { text: ['CSV'], workbook: ['SPREADSHEET', 'XLSX'], 'old workbook': ['SPREADSHEET', 'XLS'] } as const

/**
 * Looks at files and request together before anything is queued: structure, header and mapping, and what HubSpot could not
 * take is written anew. The files of the request and those received are in the same order.
 *
 * @throws {AppError} one of the codes under "The file itself" in errors.ts; nothing that was made here is left then
 */
export async function preflight(deps: Deps, { portalId, request, files, template, options }: Input): Promise<Checked> {
  const findings = createFindings()
  const made: string[] = []
  try {
    const entries: FileEntry[] = []
    const checked: StoredImportFile[] = []
    for (const [i, file] of files.entries()) {
      const entry = request.files[i]
      if (!entry) throw new AppError('internal')
      checkFormat(entry, file)
      const { text, stored, ...named } = await normalized(deps, { file, options, findings }, made)
      if (entry.fileName !== named.name || file.name !== named.name)
        noteFile(
          findings,
          named.name,
          'FILE_NAME_REPAIRED',
          `The file was uploaded as "${file.name}", and importRequest names it "${entry.fileName.slice(0, 200)}". HubSpot gets it as "${named.name}".`,
          null,
        )
      if (template && text) await noteDrift(deps, { portalId, template, header: readHeader(text), file: named.name, findings })
      entries.push(text ? fitEntry({ ...entry, fileName: named.name }, text, findings, i) : { ...entry, fileName: named.name })
      if (text) await checkCells(deps, { portalId, request, entry: entries[i] ?? entry, stored, findings })
      const sent = stored === file ? null : { bytes: file.bytes, sha256: file.sha256 }
      const { storeKey, bytes, sha256 } = stored
      checked.push({
        name: named.name,
        format: entry.fileFormat,
        storeKey,
        bytes,
        sha256,
        sent,
        rows: text ? rowsOf(text, entry) : null,
      })
    }
    const pieces = await splitWhereNeeded(deps, { portalId, entries, checked }, made)
    const counts = findings.counts()
    return {
      pieces,
      request: { ...request, files: entries },
      files: checked,
      replaced: files.map(({ storeKey }) => storeKey).filter((storeKey) => !checked.some((file) => file.storeKey === storeKey)),
      findings: findings.kept(),
      counts,
    }
  } catch (error) {
    await Promise.all(made.map((storeKey) => deps.files.remove(storeKey)))
    throw error
  }
}

type CellInput = { portalId: string; request: ImportRequest; entry: FileEntry; stored: StoredFile; findings: Findings }

/** Tells which cells HubSpot would not take, by the portal's own properties as far as they are known. */
async function checkCells(
  { files: store, properties: cache, csvCheck }: Deps,
  { portalId, request, entry, stored, findings }: CellInput,
): Promise<void> {
  const { fileName: file } = entry
  const { columnMappings: mappings, hasHeader } = entry.fileImportPage
  const types = new Set(
    mappings.filter(({ propertyName }) => propertyName).map((mapping) => typeIdOf(objectTypeOf(mapping) ?? '')),
  )
  const found = await Promise.all([...types].map(async (type) => [type, await cache.find(portalId, type)] as const))
  const unknown = found.flatMap(([type, known]) => (known ? [] : [type]))
  if (unknown.length > 0)
    noteFile(
      findings,
      file,
      'PROPERTIES_NOT_KNOWN',
      `The portal’s properties of ${unknown.join(', ')} could not be looked up: cells were only checked for what is the same everywhere.`,
      null,
    )
  const operations = request.importOperations ?? {}
  const columns = readColumns({ file, mappings, properties: Object.fromEntries(found), operations, findings })
  const plan = { file, columns, hasHeader, dateFormat: request.dateFormat ?? 'MONTH_DAY_YEAR' } as const
  await csvCheck.check(plan, store.read(stored.storeKey), stored.bytes, findings)
}

/** HubSpot takes so many rows in a file, and a portal's plan so many bytes: one that has more goes in parts. */
async function splitWhereNeeded(
  { files: store, portals }: Deps,
  { portalId, entries, checked }: { portalId: string; entries: FileEntry[]; checked: StoredImportFile[] },
  made: string[],
): Promise<NewPiece[]> {
  const maxBytes = await portals.readMaxFileBytes(portalId)
  const large = checked.find(({ rows, bytes }) => (rows ?? 0) > MAX_ROWS || bytes > maxBytes)
  if (!large) return []
  const refuse = (why: string) =>
    new AppError('split_impossible', {
      detail: `"${large.name}" has ${large.rows ?? 'its'} rows and ${large.bytes} bytes; HubSpot takes ${MAX_ROWS} rows and ${maxBytes} bytes in a file of this account, and ${why}.`,
    })
  if (checked.length > 1) throw refuse('files that belong together cannot be split: rows of one are linked to rows of the other')
  if (large.rows === null) throw refuse('a workbook cannot be split: send it as CSV')
  if (!entries[0]?.fileImportPage.hasHeader) throw refuse('a file without a header cannot be split')
  const source = store.read(large.storeKey ?? '')
  const pieces = await splitCsv(source, { maxRows: SPLIT_ROWS, maxBytes }, async (bytes) => {
    const stored = await store.save(bytes)
    made.push(stored.storeKey)
    return stored
  })
  return pieces.map(({ stored, rows, firstLine }, i) => ({
    file: { ...stored, name: large.name.replace(/(\.csv)?$/i, ` (${i + 1})$1`), format: large.format, rows, sent: null },
    firstLine,
  }))
}

/** A name, a format and bytes that contradict one another are a mistake that HubSpot would tell less well. */
function checkFormat({ fileFormat, fileName }: FileEntry, { name, inspected: { kind } }: ReceivedFile): void {
  const formats: readonly string[] = FORMATS[kind]
  if (formats.includes(fileFormat)) return
  throw new AppError('format_mismatch', {
    detail: `importRequest calls "${fileName.slice(0, 200)}" ${fileFormat}, but "${name}" is ${formats[0] === 'CSV' ? 'text: CSV' : `a workbook: ${formats.join(' or ')}`}.`,
  })
}

type Normal = { name: string; stored: StoredFile; text: Text | undefined }

/** The file as HubSpot can take it: mostly the one that was sent. */
async function normalized(
  { files: store }: Deps,
  { file, options, findings }: { file: ReceivedFile; options: PreflightOptions; findings: Findings },
  made: string[],
): Promise<Normal> {
  const { inspected } = file
  const name = outgoingName(file.name, inspected)
  if (inspected.kind !== 'text') {
    if (inspected.kind === 'old workbook')
      noteFile(
        findings,
        name,
        'NOT_LOOKED_INTO',
        'Workbooks of the old format (.xls) are passed on as they are.',
        'Save it as .xlsx or .csv to have its rows checked before HubSpot sees them.',
      )
    return { name, stored: file, text: undefined }
  }
  const reasons = whyConvert(inspected)
  if (reasons.length === 0) return { name, stored: file, text: inspected }
  if (options.normalize === 'never')
    throw new AppError('normalization_needed', {
      detail: `HubSpot takes UTF-8 with commas; "${file.name}" has ${reasons.map(({ what }) => what).join(', ')}. Send it so, or without normalize=never.`,
    })
  const { bytes, did } = convertText(store.read(file.storeKey), inspected)
  const again = inspect(name)
  const stored = await store.save(again.watch(bytes))
  made.push(stored.storeKey)
  for (const { code, what, cells } of reasons)
    noteFile(
      findings,
      name,
      code,
      `The file has ${what}; HubSpot gets UTF-8 with commas and line feeds.${cells ? ` ${cells(did)}` : ''}`,
      null,
    )
  const text = again.result()
  if (text.kind !== 'text') throw new AppError('internal')
  return { name, stored, text }
}

type Reason = { code: string; what: string; cells?: (did: { recodedCells: number; quotedCells: number }) => string }

/** What of a text HubSpot cannot take. */
function whyConvert({ encoding, delimiter, skip, structure }: Text): Reason[] {
  const reasons: Reason[] = []
  if (encoding !== 'utf-8')
    reasons.push({
      code: 'ENCODING_CONVERTED',
      what: `the encoding ${{ 'utf-16le': 'UTF-16', 'utf-16be': 'UTF-16', 'windows-1252': 'Windows-1252' }[encoding]}`,
      cells: ({ recodedCells }) => `${recodedCells} cells have letters that were written anew: look at some of them.`,
    })
  if (delimiter !== ',' || skip.hintBytes > 0)
    reasons.push({
      code: 'DELIMITER_CONVERTED',
      what: `${{ ',': 'a line that names the comma', ';': 'semicolons', '\t': 'tabs', '|': 'vertical bars' }[delimiter]} between its cells`,
      cells: ({ quotedCells }) => `${quotedCells} cells were put in quotes.`,
    })
  if ((structure?.lineEnds.cr ?? 0) > 0)
    reasons.push({ code: 'LINE_ENDS_CONVERTED', what: 'carriage returns alone at the end of lines' })
  return reasons
}

/** Quotes and backslashes cannot stand in a part's header in a way that all servers read alike. */
function outgoingName(name: string, { kind }: Inspected): string {
  const safe = name.replace(/["\\]/g, '_')
  return kind === 'text' ? safe.replace(/\.(tsv|txt)$/i, '.csv') : safe
}

/** The request's entry for a text, fitted to what the text is; what is wrong with rows is only told. */
function fitEntry(entry: FileEntry, text: Text, findings: Findings, at: number): FileEntry {
  const { structure } = text
  if (!structure) throw new AppError('internal')
  checkStructure(entry, structure)
  tellOddRows(entry.fileName, structure, findings)
  if (!entry.fileImportPage.hasHeader) return entry
  const { columns, errors } = fitMapping({
    header: readHeader(text),
    mappings: entry.fileImportPage.columnMappings,
    file: entry.fileName,
    findings,
  })
  if (errors.length > 0)
    throw new AppError('header_invalid', {
      detail: `${errors[0]?.detail ?? ''}.`,
      errors: errors.map((error) => ({ ...error, pointer: `/files/${at}${error.pointer}` })),
    })
  return { ...entry, fileImportPage: { ...entry.fileImportPage, columnMappings: columns } }
}

function checkStructure({ fileName, fileImportPage: { hasHeader } }: FileEntry, structure: Structure): void {
  const { records, blank, columns, isUnclosed } = structure
  const name = `"${fileName}"`
  if (isUnclosed)
    throw new AppError('quotes_unbalanced', {
      detail: `A quoted cell in row ${records} of ${name} never ends. Close it, or write quotes within cells twice.`,
      errors: [{ file: fileName, row: records, detail: 'a quoted cell begins here and never ends' }],
    })
  if (columns > MAX_COLUMNS)
    throw new AppError('too_many_columns', { detail: `${name} has ${columns} columns; HubSpot takes fewer than 1,000.` })
  const rows = records - blank - (hasHeader ? 1 : 0)
  if (rows <= 0)
    throw new AppError('no_rows', { detail: `${name} has ${hasHeader && records > blank ? 'a header, but ' : ''}no rows.` })
}

function tellOddRows(file: string, { columns, ragged, stray }: Structure, findings: Findings): void {
  for (const { line, columns: found } of ragged.some)
    findings.add('warning', 'INCORRECT_NUMBER_OF_COLUMNS', () => ({
      message: `The row has ${found} columns, the header ${columns}.`,
      fix: 'Give it as many as the header; put cells that hold the separator in quotes.',
      file,
      line,
      column: null,
      columnName: null,
      value: null,
    }))
  findings.count('warning', 'INCORRECT_NUMBER_OF_COLUMNS', ragged.count - ragged.some.length)
  if (stray.count > 0)
    findings.add('warning', 'STRAY_QUOTES', () => ({
      message: `${stray.count} quotes stand within cells that are not quoted, the first in row ${stray.firstLine}. HubSpot may read them otherwise.`,
      fix: 'Put such cells in quotes, and write the quotes in them twice.',
      file,
      line: stray.firstLine,
      column: null,
      columnName: null,
      value: null,
    }))
}

function noteFile(findings: Findings, file: string, code: string, message: string, fix: string | null): void {
  findings.add('warning', code, () => ({ message, fix, file, line: 0, column: null, columnName: null, value: null }))
}

function rowsOf({ structure }: Text, { fileImportPage: { hasHeader } }: FileEntry): number | null {
  return structure ? structure.records - structure.blank - (hasHeader ? 1 : 0) : null
}
