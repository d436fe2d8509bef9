import { AppError } from '../../errors.js'
import type { FileStore } from '../../files/file-store.js'
import type { DateFormat } from '../../intake/cells/value-forms.js'
import { createRecordReader } from '../../intake/records.js'
import { withoutFormula, writeRecord } from '../../intake/write-csv.js'
import { openWorkbook } from '../../intake/xlsx/workbook.js'
import { writtenCells } from '../../intake/xlsx/write-sheet.js'
import type { StoredImport, StoredImportFile } from '../import-store.js'
import type { LineError, RowErrorStore } from '../row-error-store.js'

type Deps = {
  files: Pick<FileStore, 'read' | 'readRange'>
  rowErrors: Pick<RowErrorStore, 'listByLine'>
}

/** The columns that we add; whoever sends the file back need not take them out. */
export const OWN_COLUMNS = ['importal_code', 'importal_column', 'importal_message', 'importal_line']

const UTF8_MARK = '\ufeff'
const PAGE = 5_000
const TOO_LONG = 'The row is longer than a mebibyte, too long to be shown here.'

/** Its cells are `[]` where the row is too long to be read. */
type FileRow = { line: number; cells: string[]; isTooLong?: boolean }
type Kept = StoredImportFile & { storeKey: string }

/**
 * The rows that failed, as they were sent, with what is wrong with each: CSV that a spreadsheet opens, and that can be
 * corrected and sent back. In the order of the file, and in memory that does not grow with it.
 *
 * @throws {AppError} `corrections_impossible`: of several files, or of a file that is not kept any more
 */
export async function* writeErrorCsv(deps: Deps, made: StoredImport): AsyncIterable<string> {
  yield* toCsv(readFailedRows(deps, made))
}

async function* toCsv(batches: AsyncIterable<{ header: string[]; rows: FailedRow[] }>): AsyncIterable<string> {
  let isBegun = false
  for await (const { header, rows } of batches) {
    if (!isBegun) yield `${UTF8_MARK}${writeRecord([...header.map(withoutFormula), ...OWN_COLUMNS])}\n`
    isBegun = true
    const lines = rows.map((row) => writeRecord([...padded(row.cells, header.length), ...describe(row)].map(withoutFormula)))
    if (lines.length > 0) yield `${lines.join('\n')}\n`
  }
}

/** Our columns are below their names, however few cells a row has. */
function padded(cells: string[], width: number): string[] {
  return [...cells, ...Array<string>(Math.max(0, width - cells.length)).fill('')]
}

/** A row that failed, as it was sent, and why; of one that is too long, nothing but that. */
export type FailedRow = FileRow & { errors: LineError[] }

/**
 * The rows that failed, in batches, each with the file's header; the first may be without rows.
 *
 * @throws {AppError} `corrections_impossible`
 */
export async function* readFailedRows(deps: Deps, made: StoredImport): AsyncIterable<{ header: string[]; rows: FailedRow[] }> {
  const batches = readFile(deps, made)
  // What HubSpot reported, once it has; before, what we found.
  const origin = made.parts.some(({ hubspotImportId }) => hubspotImportId !== null) ? 'hubspot' : 'finding'
  const errors = createErrorQueue(deps, made.id, origin)
  const hasHeader = made.request.files[0]?.fileImportPage.hasHeader ?? true
  let header = hasHeader ? undefined : mappedNames(made)
  for await (const batch of batches) {
    header ??= batch.shift()?.cells
    if (!header) continue
    const rows: FailedRow[] = []
    for (const row of batch) {
      await errors.skipTo(row.line)
      const found = errors.take(row.line)
      if (found.length > 0) rows.push({ ...row, errors: found })
    }
    yield { header, rows }
  }
}

/** The cells of some lines of an import's one file, as they were sent; of lines that are not there, nothing. */
export async function readLines(
  deps: Pick<Deps, 'files'>,
  made: StoredImport,
  lines: ReadonlySet<number>,
): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>()
  const last = Math.max(...lines)
  for await (const batch of readFile(deps, made)) {
    for (const { line, cells } of batch) if (lines.has(line)) found.set(line, cells)
    if ((batch.at(-1)?.line ?? 0) >= last) break
  }
  return found
}

/** The one file whose rows can be told. */
export function fileOf({ files }: Pick<StoredImport, 'files'>): Kept {
  const refuse = (detail: string) => new AppError('corrections_impossible', { detail })
  const [file, another] = files
  if (!file || another) throw refuse('HubSpot does not say which of several files a row is in. Look at the errors as JSON.')
  if (/\.xls$/i.test(file.name))
    throw refuse('Workbooks of the old format (.xls) are not looked into. Look at the errors as JSON.')
  if (file.storeKey === null) throw refuse('The file is not kept any more.')
  return { ...file, storeKey: file.storeKey }
}

function mappedNames({ request }: StoredImport): string[] {
  return (request.files[0]?.fileImportPage.columnMappings ?? []).map(({ columnName }) => columnName)
}

function describe({ errors, line, isTooLong }: FailedRow): string[] {
  const join = (some: (string | null)[]) => [...new Set(some.filter((one) => one))].join('; ')
  return [
    join(errors.map(({ code }) => code)),
    join(errors.map(({ columnName }) => columnName)),
    join([...(isTooLong ? [TOO_LONG] : []), ...errors.map(({ message, fix }) => [message, fix].filter((one) => one).join(' '))]),
    String(line),
  ]
}

function readFile({ files }: Pick<Deps, 'files'>, made: StoredImport): AsyncIterable<FileRow[]> {
  const { storeKey, bytes, format } = fileOf(made)
  const dateFormat = made.request.dateFormat ?? 'MONTH_DAY_YEAR'
  return format === 'CSV'
    ? readText(files.read(storeKey))
    : readSheet({ size: bytes, read: (start, end) => files.readRange(storeKey, start, end) }, dateFormat)
}

async function* readText(source: AsyncIterable<Buffer>): AsyncIterable<FileRow[]> {
  let batch: FileRow[] = []
  const reader = createRecordReader({
    onRecord: ({ line, cells, cell }) => batch.push({ line, cells: Array.from({ length: cells }, (_, column) => cell(column)) }),
    onTooLong: (line) => batch.push({ line, cells: [], isTooLong: true }),
  })
  const take = () => batch.splice(0)
  for await (const chunk of source) {
    reader.push(chunk)
    yield take()
  }
  reader.end()
  yield take()
  batch = []
}

/** Dates are written as the import has them: that is how they are read when the file is sent back. */
async function* readSheet(bytes: Parameters<typeof openWorkbook>[0], dateFormat: DateFormat): AsyncIterable<FileRow[]> {
  const workbook = await openWorkbook(bytes)
  const sheet = workbook.sheets.find(({ isHidden }) => !isHidden)
  if (!sheet) return
  for await (const batch of workbook.readRows(sheet))
    yield batch.map((row) => ({ line: row.line, cells: writtenCells(row, dateFormat) }))
}

/** Errors in the order of their lines, a page of them at a time. */
function createErrorQueue({ rowErrors }: Deps, importId: string, origin: 'hubspot' | 'finding') {
  let page: LineError[] = []
  let at = 0
  let after: { line: number; id: bigint } | undefined = { line: 0, id: 0n }

  return {
    /** Passes over what is before a line, and sees to it that all of the line's is there. */
    async skipTo(line: number): Promise<void> {
      while (at < page.length && (page[at]?.line ?? 0) < line) at += 1
      while (after && (page.at(-1)?.line ?? 0) <= line) {
        const next: LineError[] = await rowErrors.listByLine(importId, { origin, after, limit: PAGE })
        page = [...page.slice(at), ...next]
        at = 0
        const last = next.at(-1)
        after = next.length === PAGE && last ? { line: last.line, id: last.id } : undefined
        while (at < page.length && (page[at]?.line ?? 0) < line) at += 1
      }
    },

    take(line: number): LineError[] {
      const found: LineError[] = []
      for (let one = page[at]; one?.line === line; one = page[++at]) found.push(one)
      return found
    },
  }
}
