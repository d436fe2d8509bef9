import { rewriteCsv, withFormula } from '../../intake/write-csv.js'
import { OWN_COLUMNS } from './error-csv.js'

/** A corrected file as its sender had it first: without our columns, and without our apostrophes. */
export function withoutOwnColumns(source: AsyncIterable<Buffer>, header: string[]): AsyncIterable<Buffer> {
  const kept = header.flatMap((name, column) => (isOwn(name) ? [] : [column]))
  return rewriteCsv(source, (cells) => kept.map((column) => withFormula(cells[column] ?? '')))
}

function isOwn(name: string): boolean {
  return OWN_COLUMNS.includes(name.trim().toLowerCase())
}
