import type { DateFormat } from '../cells/value-forms.js'
import { writeRecord } from '../write-csv.js'
import type { CellKind } from './cell-value.js'
import type { Row } from './sheet.js'

/** So much text is written at once. */
const MAX_HELD_CHARS = 64 * 1024

/** What was written: rows, the header included, and how many of their cells are dates. */
export type Written = { rows: number; dates: number }

/** A sheet's rows as CSV in UTF-8, each in its line, dates as the import has them. `did` is known once all has been read. */
export function writeSheet(
  batches: AsyncIterable<Row[]>,
  dateFormat: DateFormat,
): { bytes: AsyncIterable<Buffer>; did: Written } {
  const did = { rows: 0, dates: 0 }
  return { bytes: writeRows(batches, dateFormat, did), did }
}

async function* writeRows(batches: AsyncIterable<Row[]>, dateFormat: DateFormat, did: Written): AsyncIterable<Buffer> {
  let line = 1
  let width = 0
  let text = ''
  for await (const batch of batches) {
    for (const row of batch) {
      // Rows out of their order, which nobody writes, stand where they come.
      if (row.line > line) text += '\n'.repeat(row.line - line)
      line = Math.max(line, row.line) + 1
      width ||= row.cells.length
      did.rows += 1
      did.dates += row.kinds.filter(isDay).length
      text += `${writeRow(row, width, dateFormat)}\n`
      if (text.length < MAX_HELD_CHARS) continue
      yield Buffer.from(text)
      text = ''
    }
  }
  if (text !== '') yield Buffer.from(text)
}

/** As wide as the header at least: a spreadsheet does not keep empty cells at the end. */
function writeRow(row: Row, width: number, dateFormat: DateFormat): string {
  return writeRecord(writtenCells(row, dateFormat)) + ','.repeat(Math.max(0, width - row.cells.length))
}

/** A row's cells as text, dates as the import has them. */
export function writtenCells({ cells, kinds }: Row, dateFormat: DateFormat): string[] {
  return cells.map((cell, column) => (kinds[column] === 'date' || kinds[column] === 'datetime' ? dated(cell, dateFormat) : cell))
}

function isDay(kind: CellKind | undefined): boolean {
  return kind === 'date' || kind === 'datetime'
}

/** `2026-12-31` or `2026-12-31T14:30:00` in the import's format. */
function dated(iso: string, format: DateFormat): string {
  const [, year, month, day, time = ''] = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?/.exec(iso) ?? []
  if (year === undefined) return iso
  const written = { YEAR_MONTH_DAY: [year, month, day], DAY_MONTH_YEAR: [day, month, year], MONTH_DAY_YEAR: [month, day, year] }[
    format
  ]
  return written.join(format === 'YEAR_MONTH_DAY' ? '-' : '/') + (time && ` ${time}`)
}
