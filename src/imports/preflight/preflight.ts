import { AppError } from '../../errors.js'
import type { FileStore } from '../../files/file-store.js'
import type { CellPlan } from '../../intake/cells/check-cells.js'
import { isOwner, readColumns, typeIdOf } from '../../intake/cells/columns.js'
import { createFindings, type Finding, type FindingCounts, type Findings } from '../../intake/finding.js'
import { fitMapping } from '../../intake/header.js'
import { objectTypeOf } from '../../mappings/column-mapping.js'
import type { Suggestion } from '../../mappings/suggestion/suggest.js'
import type { Template } from '../../mappings/template-store.js'
import type { OwnerCache } from '../../portals/owner-cache.js'
import type { PortalStore } from '../../portals/portal-store.js'
import type { PropertyCache } from '../../portals/property-cache.js'
import type { ImportRequest } from '../import-request.js'
import type { StoredImportFile } from '../import-store.js'
import type { NewPiece } from '../piece-store.js'
import { noteDrift } from './drift.js'
import { splitWhereNeeded } from './splitting.js'
import {
  type FileEntry,
  noteFile,
  type PreflightOptions,
  type ReceivedFile,
  type Table,
  type TableDeps,
  type Unready,
} from './table.js'
import { readyText, withoutOurColumns } from './text-table.js'
import { readyWorkbook } from './workbook-table.js'

export type PreflightDeps = TableDeps & {
  files: Pick<FileStore, 'read' | 'readRange' | 'save' | 'remove'>
  properties: Pick<PropertyCache, 'find'>
  owners: Pick<OwnerCache, 'find'>
  portals: Pick<PortalStore, 'readMaxFileBytes'>
}

type Input = {
  portalId: string
  request: ImportRequest
  files: ReceivedFile[]
  /** Where the request came from, if it was not sent. */
  template?: Template
  guess?: Suggestion
  /** Rows that failed before, and were corrected. */
  isCorrection?: boolean
  options: PreflightOptions
  /** Where what is found is collected: whoever gives it knows it even when the files are refused. */
  findings?: Findings
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

/** Findings that say what was done, or not looked at, and nothing of a wrong row. */
export const HARMLESS = [
  'FILE_NAME_REPAIRED',
  'ENCODING_CONVERTED',
  'DELIMITER_CONVERTED',
  'LINE_ENDS_CONVERTED',
  'SHEET_CONVERTED',
  'GZIP_UNPACKED',
  'COLUMN_NAME_REPAIRED',
  'COLUMNS_REORDERED',
  'COLUMN_NOT_MAPPED',
  'COLUMN_WITHOUT_NAME',
  'NOT_LOOKED_INTO',
  'EXTERNAL_LINKS',
  'EMBEDDED_OBJECTS',
  'TEMPLATE_HEADER_CHANGED',
  'MAPPING_GUESSED',
  'PROPERTIES_NOT_KNOWN',
  'DUPLICATES_NOT_LOOKED_FOR',
]

const MAX_COLUMN_NAME = 1_000
/** Each is looked up at HubSpot. */
const MAX_OBJECT_TYPES = 10
const FORMATS = { text: ['CSV'], workbook: ['SPREADSHEET', 'XLSX'], 'old workbook': ['SPREADSHEET', 'XLS'] } as const

/**
 * Looks at files and request together before anything is queued: structure, header, mapping and cells; what HubSpot could
 * not take is written anew, and what it would not take whole is split. The files of the request and those received are in
 * the same order.
 *
 * @throws {AppError} one of the codes under "The file itself" in errors.ts; nothing that was made here is left then
 */
export async function preflight(
  deps: PreflightDeps,
  { portalId, request, files, template, guess, isCorrection = false, options, findings = createFindings() }: Input,
): Promise<Checked> {
  const made: string[] = []
  const dateFormat = request.dateFormat ?? 'MONTH_DAY_YEAR'
  const maxBytes = await deps.portals.readMaxFileBytes(portalId)
  try {
    const entries: FileEntry[] = []
    const checked: StoredImportFile[] = []
    for (const [i, file] of files.entries()) {
      const asked = request.files[i]
      if (!asked) throw new AppError('internal')
      checkFormat(asked, file)
      const unready = { file, entry: asked, dateFormat, options, findings, made, maxBytes, isCorrection }
      const table = await withoutOurColumns(deps, unready, await ready(deps, unready))
      noteRenamed(findings, file, asked, table)
      if (template && table.header)
        await noteDrift(deps, { portalId, template, header: table.header, file: table.name, findings })
      if (guess) noteGuess(findings, table.name, guess)
      refuseLongNames(table)
      const entry = fitEntry(asked, table, findings, i)
      const columns = await planColumns(deps, { portalId, request, entry, findings })
      const rows = await table.check({ file: table.name, columns, dateFormat })
      entries.push(entry)
      checked.push(toImportFile(file, table, rows))
    }
    const hasHeader = entries[0]?.fileImportPage.hasHeader ?? false
    const pieces = options.normalize === 'off' ? [] : await splitWhereNeeded(deps, { maxBytes, files: checked, hasHeader, made })
    return {
      request: { ...request, files: entries },
      files: checked,
      replaced: [...files.map(({ storeKey }) => storeKey), ...made].filter((storeKey) => !isKept(storeKey, checked, pieces)),
      pieces,
      findings: findings.kept(),
      counts: findings.counts(),
    }
  } catch (error) {
    await Promise.all(made.map((storeKey) => deps.files.remove(storeKey)))
    throw error
  }
}

function isKept(storeKey: string, files: StoredImportFile[], pieces: NewPiece[]): boolean {
  return [...files, ...pieces.map(({ file }) => file)].some((file) => file.storeKey === storeKey)
}

/** A name, a format and bytes that contradict one another are a mistake that HubSpot would tell less well. */
function checkFormat({ fileFormat, fileName }: FileEntry, { name, inspected: { kind } }: ReceivedFile): void {
  const formats: readonly string[] = FORMATS[kind]
  if (formats.includes(fileFormat)) return
  throw new AppError('format_mismatch', {
    detail: `importRequest calls "${fileName.slice(0, 200)}" ${fileFormat}, but "${name}" is ${formats[0] === 'CSV' ? 'text: CSV' : `a workbook: ${formats.join(' or ')}`}.`,
  })
}

async function ready(deps: PreflightDeps, unready: Unready): Promise<Table> {
  const { file, entry, findings, options } = unready
  if (options.normalize === 'off') return asItIs(unready)
  if (file.packed && options.normalize === 'never')
    throw new AppError('normalization_needed', {
      detail: `HubSpot takes no gzip. Send "${file.name}" unpacked, or without normalize=never.`,
    })
  if (file.packed) noteFile(findings, file.name, 'GZIP_UNPACKED', 'The file came as gzip, and was unpacked.', null)
  if (file.inspected.kind === 'text') return readyText(deps, unready, file.inspected)
  if (file.inspected.kind === 'workbook') return readyWorkbook(deps, unready)
  const name = file.name.replace(/["\\]/g, '_')
  noteFile(
    findings,
    name,
    'NOT_LOOKED_INTO',
    'Workbooks of the old format (.xls) are passed on as they are.',
    'Save it as .xlsx or .csv to have its rows checked before HubSpot sees them.',
  )
  return { name, format: entry.fileFormat, stored: file, header: undefined, check: async () => null }
}

/** A file that HubSpot gets as it was sent, whatever is in it. */
function asItIs({ file, entry }: Unready): Table {
  const { inspected } = file
  const records = inspected.kind === 'text' ? inspected.structure : undefined
  const rows = records ? Math.max(0, records.records - records.blank - (entry.fileImportPage.hasHeader ? 1 : 0)) : null
  return { name: file.name, format: entry.fileFormat, stored: file, header: undefined, check: async () => rows }
}

/** HubSpot takes no such names, and every finding of the column would repeat it. */
function refuseLongNames({ header = [] }: Table): void {
  const at = header.findIndex((name) => name.length > MAX_COLUMN_NAME)
  if (at >= 0)
    throw new AppError('header_invalid', { detail: `The name of column ${at + 1} has more than ${MAX_COLUMN_NAME} characters.` })
}

function noteRenamed(findings: Findings, file: ReceivedFile, { fileName }: FileEntry, { name }: Table): void {
  if (fileName === name && file.name === name) return
  noteFile(
    findings,
    name,
    'FILE_NAME_REPAIRED',
    `The file was uploaded as "${file.name}", and importRequest names it "${fileName.slice(0, 200)}". HubSpot gets it as "${name}".`,
    null,
  )
}

/** Says of each column what it was taken for, and why. */
function noteGuess(findings: Findings, file: string, { columns }: Suggestion): void {
  for (const [column, { columnName, propertyName, isConfident, why }] of columns.entries())
    findings.add('warning', 'MAPPING_GUESSED', () => ({
      message:
        isConfident && propertyName
          ? `"${columnName}" was taken for "${propertyName}". ${why}`
          : `"${columnName}" is not imported. ${why}`,
      fix: 'Send an importRequest, or a template, to have it otherwise.',
      file,
      line: 1,
      column,
      columnName,
      value: null,
    }))
}

/** The request's entry for a file, fitted to what the file is. */
export function fitEntry(
  entry: FileEntry,
  { name, format, header }: Pick<Table, 'name' | 'format' | 'header'>,
  findings: Findings,
  at: number,
): FileEntry {
  const named = { ...entry, fileName: name, fileFormat: format as FileEntry['fileFormat'] }
  if (!header) return named
  const mappings = entry.fileImportPage.columnMappings
  const { columns, errors } = fitMapping({ header, mappings, file: name, findings })
  if (errors.length > 0)
    throw new AppError('header_invalid', {
      detail: `${errors[0]?.detail ?? ''}.`,
      errors: errors.map((error) => ({ ...error, pointer: `/files/${at}${error.pointer}` })),
    })
  return { ...named, fileImportPage: { ...entry.fileImportPage, columnMappings: columns } }
}

type ColumnInput = { portalId: string; request: ImportRequest; entry: FileEntry; findings: Findings }

/** What the cells are checked by: the portal's own properties and owners, as far as they are known. */
export async function planColumns(
  { properties: cache, owners: ownerCache }: Pick<PreflightDeps, 'properties' | 'owners'>,
  { portalId, request, entry, findings }: ColumnInput,
): Promise<CellPlan['columns']> {
  const file = entry.fileName
  const mappings = entry.fileImportPage.columnMappings
  const types = new Set(
    mappings.filter(({ propertyName }) => propertyName).map((mapping) => typeIdOf(objectTypeOf(mapping) ?? '')),
  )
  if (types.size > MAX_OBJECT_TYPES)
    throw new AppError('import_request_invalid', {
      detail: `Its columns are of ${types.size} object types; ${MAX_OBJECT_TYPES} are possible.`,
    })
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
  const columns = readColumns({
    file,
    mappings,
    properties: Object.fromEntries(found),
    operations: request.importOperations ?? {},
    findings,
  })
  const owners = columns.some((column) => column && isOwner(column)) ? await ownerCache.find(portalId) : undefined
  return owners ? columns.map((column) => column && (isOwner(column) ? { ...column, owners } : column)) : columns
}

function toImportFile(file: ReceivedFile, { name, format, stored }: Table, rows: number | null): StoredImportFile {
  const { storeKey, bytes, sha256 } = stored
  const sent = file.packed ?? (storeKey === file.storeKey ? null : { bytes: file.bytes, sha256: file.sha256 })
  return { name, format, storeKey, bytes, sha256, sent, rows }
}
