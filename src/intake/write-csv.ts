import { AppError } from '../errors.js'
import { createRecordReader } from './records.js'

/** A line of CSV, without its end. */
export function writeRecord(cells: string[]): string {
  return cells.map(quoted).join(',')
}

/** So that a spreadsheet which opens the file does not run it: an apostrophe goes before what a formula may begin with. */
export function withoutFormula(cell: string): string {
  return /^'*[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell
}

/** What `withoutFormula` was given. */
export function withFormula(cell: string): string {
  return /^'+[=+\-@\t\r\n]/.test(cell) ? cell.slice(1) : cell
}

/**
 * CSV with each record written anew; those of which `change` makes nothing are left out, but their lines stay.
 * @throws {AppError} `row_too_large`: a record is longer than a mebibyte
 */
export async function* rewriteCsv(
  source: AsyncIterable<Buffer>,
  change: (cells: string[], line: number) => string[] | undefined,
): AsyncIterable<Buffer> {
  let text = ''
  const reader = createRecordReader({
    onRecord: ({ line, cells, cell }) => {
      const changed = change(
        Array.from({ length: cells }, (_, column) => cell(column)),
        line,
      )
      if (changed) text += `${writeRecord(changed)}\n`
    },
    onTooLong: (line) => {
      throw new AppError('row_too_large', {
        detail: `Row ${line} is longer than a mebibyte. Shorten it, or leave it out.`,
        errors: [{ row: line, detail: 'the row is too long' }],
      })
    },
  })
  const take = () => {
    const bytes = Buffer.from(text)
    text = ''
    return bytes
  }
  for await (const chunk of source) {
    reader.push(chunk)
    if (text !== '') yield take()
  }
  reader.end()
  if (text !== '') yield take()
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
