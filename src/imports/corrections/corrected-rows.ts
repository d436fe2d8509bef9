import { writeRecord } from '../../intake/write-csv.js'
import type { StoredImport } from '../import-store.js'
import { type FailedRow, readFailedRows } from './error-csv.js'

/** The rows that are shown at once. */
export const ROWS_AT_ONCE = 50

/** The first rows that failed, for somebody to correct, and the names of their columns. Those too long to be shown are among the others. */
export async function readFirstFailedRows(
  deps: Parameters<typeof readFailedRows>[0],
  made: StoredImport,
): Promise<{ header: string[]; rows: FailedRow[]; hasMore: boolean }> {
  const rows: FailedRow[] = []
  let header: string[] = []
  let hasMore = false
  for await (const batch of readFailedRows(deps, made)) {
    header = batch.header
    rows.push(...batch.rows.filter(({ isTooLong }) => !isTooLong))
    hasMore ||= rows.length > ROWS_AT_ONCE || batch.rows.some(({ isTooLong }) => isTooLong)
    if (rows.length > ROWS_AT_ONCE) break
  }
  return { header, rows: rows.slice(0, ROWS_AT_ONCE), hasMore }
}

/** Rows with some of their cells corrected, as a file; `cellAt` gives what a cell is now, undefined where it stays. */
export function writeCorrectedRows(
  { header, rows }: { header: string[]; rows: FailedRow[] },
  cellAt: (line: number, column: number) => string | undefined,
): Buffer {
  const records = rows.map(({ line, cells }) => header.map((_, column) => cellAt(line, column) ?? cells[column] ?? ''))
  return Buffer.from([header, ...records].map((cells) => `${writeRecord(cells)}\n`).join(''))
}
