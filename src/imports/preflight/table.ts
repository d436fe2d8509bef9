import type { FileStore, StoredFile } from '../../files/file-store.js'
import type { CellPlan } from '../../intake/cells/check-cells.js'
import type { CsvCheck, CsvPlan, Found } from '../../intake/cells/csv-check.js'
import type { DateFormat } from '../../intake/cells/value-forms.js'
import type { Findings } from '../../intake/finding.js'
import type { Inspected } from '../../intake/inspect.js'
import type { Packed } from '../../intake/unpack.js'
import type { ImportRequest } from '../import-request.js'

/** A stored file part, and what was seen of it while it was stored. */
export type ReceivedFile = StoredFile & {
  name: string
  inspected: Inspected
  /** What was sent, when that had to be unpacked. */
  packed: Packed | undefined
  /** What was found in its cells while it came, where somebody looked. */
  ahead?: Ahead | undefined
}

/** Cells that were checked before all was known, and by what. */
export type Ahead = { plan: CsvPlan; found: Promise<Found> }

export type FileEntry = ImportRequest['files'][number]

export type PreflightOptions = {
  /** `never`: what would have to be written anew for HubSpot is refused. `off`: nobody looks into it, and it goes as it is. */
  normalize: 'auto' | 'never' | 'off'
  /** Wrong cells refuse the file. */
  strict: boolean
  /** The worksheet that is wanted, by its name. */
  sheet?: string | undefined
}

export type TableDeps = {
  files: Pick<FileStore, 'read' | 'readRange' | 'save'>
  csvCheck: Pick<CsvCheck, 'check'>
}

/** A file that is to be made ready; what is stored anew on the way is put down in `made`. */
export type Unready = {
  file: ReceivedFile
  entry: FileEntry
  dateFormat: DateFormat
  options: PreflightOptions
  findings: Findings
  made: string[]
  /** More than that HubSpot does not take in one file: what is larger goes as CSV, which can be split. */
  maxBytes: number
  /** Rows that were corrected and sent back: they go as CSV, without the columns that we added. */
  isCorrection: boolean
}

/** A file as HubSpot gets it. */
export type Table = {
  name: string
  format: string
  stored: StoredFile
  /** The names of its columns; undefined where nobody looked into it, or where it has none. */
  header: string[] | undefined
  /** Checks the cells of all rows; resolves to how many rows there are, null: nobody knows. */
  check: (plan: CellPlan) => Promise<number | null>
}

/** What there is to say of a file as a whole. */
export function noteFile(findings: Findings, file: string, code: string, message: string, fix: string | null): void {
  findings.add('warning', code, () => ({ message, fix, file, line: 0, column: null, columnName: null, value: null }))
}

/** A row with more or fewer cells than the first. */
export function noteRagged(
  findings: Findings,
  file: string,
  { line, columns }: { line: number; columns: number },
  first: number,
): void {
  findings.add('warning', 'INCORRECT_NUMBER_OF_COLUMNS', () => ({
    message: `The row has ${columns} columns, the header ${first}.`,
    fix: 'Give it as many as the header; put cells that hold the separator in quotes.',
    file,
    line,
    column: null,
    columnName: null,
    value: null,
  }))
}
