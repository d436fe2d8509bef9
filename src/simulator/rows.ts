import { objectTypeId, type Property } from './properties.js'
import type { ColumnMapping } from './state.js'

/** What a file's rows look like, found out in one pass that keeps no row: the mapping may come after the file. */
export type RowReport = {
  header: string[]
  rows: number
  ragged: number[]
  /** Per column and kind of check: the lines that failed it, with their values, the first of them only. */
  failed: Map<string, { line: number; value: string }[]>
}

export type RowError = {
  id: string
  createdAt: number
  errorType: string
  errorMessage: string
  invalidValue?: string
  knownColumnNumber?: number
  objectTypeId?: string
  sourceData: {
    fileId: number
    lineNumber: number
    rowData: string[]
    additionalRowData: string[]
    containsEncryptedProperties: boolean
  }
}

const MAX_PER_CHECK = 2_000
const MAX_DISTINCT = 100_000
const MAX_CELL_BYTES = 65_536

const CHECKS: Record<string, (cell: string) => boolean> = {
  email: (cell) => cell === '' || /^[^\s@,;]+@[^\s@,;]+\.[^\s@.]{2,}$/.test(cell),
  number: (cell) => cell === '' || /^[-+]?[\d.,]+$/.test(cell),
  date: (cell) => cell === '' || /^(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{10,13})(T.*)?$/.test(cell),
  present: (cell) => cell !== '',
}

/** Reads a CSV file chunk by chunk; `report()` may be asked for when the last has been given. */
export function createRowReader() {
  const report: RowReport = { header: [], rows: 0, ragged: [], failed: new Map() }
  const distinct = new Map<number, Set<string>>()
  let line = 1
  let recordLine = 1
  let isQuoted = false
  let pending: Buffer[] = []
  let pendingBytes = 0

  function note(column: number, kind: string, value: string): void {
    const key = `${column} ${kind}`
    const lines = report.failed.get(key) ?? []
    if (lines.length === 0) report.failed.set(key, lines)
    if (lines.length < MAX_PER_CHECK) lines.push({ line: recordLine, value: value.slice(0, 200) })
  }

  function endRecord(): void {
    const record = Buffer.concat(pending).toString('utf8').replace(/\r$/, '')
    pending = []
    pendingBytes = 0
    const cells = record.includes('"') ? splitQuoted(record) : record.split(',')
    if (report.header.length === 0) report.header = cells.map((cell) => cell.replace(/^\ufeff/, ''))
    else if (record !== '') checkRow(cells)
    recordLine = line
  }

  function checkRow(cells: string[]): void {
    report.rows += 1
    if (cells.length !== report.header.length && report.ragged.length < MAX_PER_CHECK) report.ragged.push(recordLine)
    for (const [column, cell] of cells.entries()) {
      for (const [kind, isGood] of Object.entries(CHECKS)) {
        if ((report.failed.get(`${column} ${kind}`)?.length ?? 0) < MAX_PER_CHECK && !isGood(cell)) note(column, kind, cell)
      }
      if (/mail|domain/i.test(report.header[column] ?? '')) noteRepeated(column, cell)
    }
  }

  function noteRepeated(column: number, cell: string): void {
    const seen = distinct.get(column) ?? new Set<string>()
    distinct.set(column, seen)
    if (cell !== '' && seen.has(cell.toLowerCase())) note(column, 'unique', cell)
    else if (seen.size < MAX_DISTINCT) seen.add(cell.toLowerCase())
  }

  function keep(bytes: Buffer): void {
    // A quote that never closes would collect the whole file: what is past any sensible record is not kept.
    if (pendingBytes > MAX_CELL_BYTES * 16) return
    pending.push(Buffer.from(bytes))
    pendingBytes += bytes.length
  }

  return {
    push(chunk: Buffer): void {
      let from = 0
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at]
        if (byte === 0x22) isQuoted = !isQuoted
        if (byte !== 0x0a) continue
        line += 1
        if (isQuoted) continue
        keep(chunk.subarray(from, at))
        endRecord()
        from = at + 1
      }
      keep(chunk.subarray(from))
    },

    report(): RowReport {
      if (pendingBytes > 0) endRecord()
      return report
    },
  }
}

/** HubSpot's row errors for a file under a mapping: what the properties the columns are mapped to do not take. */
export function rowErrorsOf(
  report: RowReport,
  mappings: ColumnMapping[],
  properties: Record<string, Property[]>,
  createdAt: number,
): RowError[] {
  const errors: RowError[] = report.ragged.map((line) =>
    makeError(line, 'INCORRECT_NUMBER_OF_COLUMNS', 'The row has another number of columns than the header.', createdAt),
  )
  for (const [column, name] of report.header.entries()) {
    const mapping = mappings.find(({ columnName }) => columnName === name)
    if (!mapping?.propertyName) continue
    const type = objectTypeId(mapping.columnObjectTypeId ?? '0-1')
    const property = properties[type]?.find((known) => known.name === mapping.propertyName)
    const isIdentifier = mapping.columnType === 'HUBSPOT_ALTERNATE_ID' || mapping.propertyName === 'email'
    const add = (kind: string, errorType: string, message: string) => {
      for (const { line, value } of report.failed.get(`${column} ${kind}`) ?? [])
        errors.push({
          ...makeError(line, errorType, message, createdAt),
          invalidValue: value,
          knownColumnNumber: column,
          objectTypeId: type,
        })
    }
    if (mapping.propertyName === 'email') add('email', 'INVALID_EMAIL', 'The email address is not valid.')
    if (property?.type === 'number') add('number', 'COULD_NOT_PARSE_NUMBER', 'The value is not a number.')
    if (property?.type === 'date') add('date', 'COULD_NOT_PARSE_DATE', 'The value is not a date.')
    if (isIdentifier) {
      add('present', 'MISSING_REQUIRED_PROPERTY', 'The identifier is empty.')
      add('unique', 'DUPLICATE_ALTERNATE_ID', 'The identifier is in the file more than once.')
    }
  }
  return errors
    .sort((a, b) => a.sourceData.lineNumber - b.sourceData.lineNumber)
    .map((error, i) => ({ ...error, id: String(i + 1) }))
}

function makeError(lineNumber: number, errorType: string, errorMessage: string, createdAt: number): RowError {
  return {
    id: '',
    createdAt,
    errorType,
    errorMessage,
    sourceData: { fileId: 1, lineNumber, rowData: [], additionalRowData: [], containsEncryptedProperties: false },
  }
}

function splitQuoted(record: string): string[] {
  const cells: string[] = []
  for (const [, quoted, plain] of record.matchAll(/(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g)) {
    cells.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
  }
  // The pattern matches once more at the end of a record that does not end in a comma.
  if (!record.endsWith(',')) cells.pop()
  return cells
}
