import { type Check, type Kind, SHAPES } from './cell-checks.js'
import { createCsvScanner } from './csv.js'

/** How often something was found, and where it was first. */
export type Tally = { count: number; first: { line: number; value: string }[] }

/** What one pass over a file found out; no row is kept but those that may be asked for with an error. */
export type RowReport = {
  columns: string[]
  rows: number
  badRows: number
  ragged: Tally
  /** By column and kind; `option` by value too where the mapping was not known yet. */
  failed: Map<string, Tally>
  rowData: Map<number, string[]>
}

/** Of one kind in one column; fewer where most kinds will turn out not to matter. */
const MAX_KEPT = { mapped: 10_000, unmapped: 2_000 }
const MAX_KEPT_ALTOGETHER = 40_000
const MAX_ROW_DATA_CHARS = 4 * 1024 * 1024
const MAX_VALUE_CHARS = 200
const MAX_DISTINCT = 100_000
/** More values than that are no enumeration. */
const MAX_OPTIONS = 200

/** The key of a tally in a report. */
export const tallyKey = (column: number, kind: Kind) => `${column} ${kind}`

/** The tallies of a column's values, for a file that came before its mapping. */
export function optionTallies({ failed }: RowReport, column: number): [value: string, Tally][] {
  const prefix = `${tallyKey(column, 'option')} `
  return [...failed].flatMap(([key, tally]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), tally]] : []))
}

/**
 * Checks a CSV file's rows as its bytes come, in bounded memory. With `checks` (by column name) only what was mapped is
 * looked at; without, because the mapping comes after the file, everything that a mapping might ask for.
 */
export function createRowReader({ checks, hasHeader }: { checks: Map<string, Check[]> | undefined; hasHeader: boolean }) {
  const report: RowReport = {
    columns: [],
    rows: 0,
    badRows: 0,
    ragged: { count: 0, first: [] },
    failed: new Map(),
    rowData: new Map(),
  }
  const watched: { column: number; failures: (cell: string) => Kind[] }[] = []
  const maxKept = checks ? MAX_KEPT.mapped : MAX_KEPT.unmapped
  let kept = 0
  let rowDataChars = 0
  let current: { cells: string[]; line: number } = { cells: [], line: 0 }

  function note(tally: Tally, value: string): void {
    tally.count += 1
    if (tally.first.length >= maxKept || kept >= MAX_KEPT_ALTOGETHER) return
    kept += 1
    tally.first.push({ line: current.line, value: ownCopy(value.slice(0, MAX_VALUE_CHARS)) })
    if (report.rowData.has(current.line) || rowDataChars > MAX_ROW_DATA_CHARS) return
    const row = ownCopy(current.cells.join('\u0000')).split('\u0000')
    rowDataChars += row.reduce((sum, cell) => sum + cell.length + 20, 0)
    report.rowData.set(current.line, row)
  }

  function tallyOf(key: string): Tally {
    const tally = report.failed.get(key) ?? { count: 0, first: [] }
    if (tally.count === 0) report.failed.set(key, tally)
    return tally
  }

  /** What says of a cell of the column which kinds of check it fails. */
  function watch(name: string, column: number): (cell: string) => Kind[] {
    const seen = new Set<string>()
    const isRepeated = (cell: string) => {
      const key = cell.toLowerCase()
      if (cell === '' || seen.has(key)) return cell !== ''
      if (seen.size < MAX_DISTINCT) seen.add(ownCopy(key))
      return false
    }
    if (checks) {
      const wanted = checks.get(name) ?? []
      const fails = ({ kind, accepts }: Check, cell: string) => (kind === 'unique' ? isRepeated(cell) : !accepts(cell))
      return (cell) => wanted.filter((check) => fails(check, cell)).map(({ kind }) => kind)
    }
    const values = new Set<string>()
    const noteValue = (cell: string) => {
      if (cell === '' || values.size > MAX_OPTIONS || cell.length > MAX_VALUE_CHARS) return
      values.add(ownCopy(cell))
      if (values.size <= MAX_OPTIONS) return note(tallyOf(`${tallyKey(column, 'option')} ${ownCopy(cell)}`), cell)
      for (const value of values) report.failed.delete(`${tallyKey(column, 'option')} ${value}`)
    }
    const mayIdentify = /mail|domain|id\b|key|number|code/i.test(name)
    return (cell) => {
      noteValue(cell)
      const failed = SHAPE_KINDS.filter((kind) => !SHAPES[kind](cell)) as Kind[]
      return mayIdentify && isRepeated(cell) ? [...failed, 'unique'] : failed
    }
  }

  function checkRow(cells: string[]): void {
    report.rows += 1
    let isBad = cells.length !== report.columns.length
    if (isBad) note(report.ragged, '')
    for (const { column, failures } of watched) {
      const cell = cells[column] ?? ''
      for (const kind of failures(cell)) {
        isBad = true
        note(tallyOf(tallyKey(column, kind)), cell)
      }
    }
    if (isBad) report.badRows += 1
  }

  const scanner = createCsvScanner((cells, line) => {
    current = { cells, line }
    if (report.columns.length > 0) return checkRow(cells)
    // Without a header the columns are those of the mapping, in its order.
    report.columns = !hasHeader && checks ? [...checks.keys()] : cells.map((cell) => ownCopy(cell.replace(/^\ufeff/, '').trim()))
    for (const [column, name] of report.columns.entries())
      if (!checks || checks.get(name)?.length) watched.push({ column, failures: watch(name, column) })
    if (!hasHeader) checkRow(cells)
  })

  return {
    push: scanner.push,
    end(): RowReport {
      scanner.end()
      return report
    },
  }
}

const SHAPE_KINDS = ['email', 'number', 'date', 'present'] as const

/** A piece of a text keeps the whole of it alive; a copy does not. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString()
}
