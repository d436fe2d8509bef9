import type { Findings } from '../finding.js'
import { type Check, checkOf, checkStart } from './checks.js'
import type { CheckedColumn } from './columns.js'
import { createBudgets, createSeenValues, type ValueBudget } from './seen-values.js'
import type { DateFormat } from './value-forms.js'

/** A row of any file: a cell beyond the last is ''. */
export type Row = { line: number; cell(column: number): string; size(column: number): number; first(column: number): number }

/** What rows are checked by; it can be handed to another thread. */
export type CellPlan = { file: string; columns: (CheckedColumn | null)[]; dateFormat: DateFormat }

const [QUOTE, BEYOND_ASCII] = [0x22, 0x80]

type Watched = {
  at: number
  column: CheckedColumn
  check: Check | undefined
  /** Where a value was before: see seen-values.ts. */
  firstLineOf: ((cell: string, line: number) => number | undefined) | undefined
  /** That its values are not looked for any more. */
  isTold: boolean
}

/** Checks rows one by one, each cell by what it goes to; in memory that does not grow with the file's cells. */
export function createCellCheck({ file, columns, dateFormat }: CellPlan, findings: Findings): (row: Row) => void {
  const budgetOf = createBudgets()
  const watched = columns.flatMap((column, at): Watched[] =>
    column ? [{ at, column, check: checkOf(column, dateFormat), firstLineOf: firstLines(column, budgetOf), isTold: false }] : [],
  )
  function add(code: string, message: string, fix: string, { at, column }: Watched, line: number, value: string | null): void {
    findings.add('warning', code, () => ({ message, fix, file, line, column: at, columnName: column.columnName, value }))
  }

  function noteRepeated(one: Watched, cell: string, line: number): void {
    const first = one.firstLineOf?.(cell, line)
    if (first) {
      const code =
        one.column.identifies === 'record id'
          ? 'DUPLICATE_OBJECT_ID'
          : one.column.identifies
            ? 'DUPLICATE_ALTERNATE_ID'
            : 'DUPLICATE_UNIQUE_PROPERTY_VALUE'
      add(
        code,
        `${first > 0 ? `Row ${first}` : 'An earlier row'} has the same value, and it must be unique.`,
        'Leave one of the rows out, or put them together.',
        one,
        line,
        cell,
      )
    }
    if (first !== undefined || !one.firstLineOf || one.isTold) return
    one.isTold = true
    add(
      'DUPLICATES_NOT_LOOKED_FOR',
      'From this row on it was not looked whether this column’s values are there twice: there are too many.',
      'Send the file in parts.',
      one,
      line,
      null,
    )
  }

  function checkCell(one: Watched, row: Row): void {
    const { at, column } = one
    const size = row.size(at)
    if (size === 0 || isBlank(row, at)) {
      if (column.isRequired)
        add(
          'MISSING_REQUIRED_PROPERTY',
          `"${column.propertyName}" is needed to create a record, and the cell is empty.`,
          'Fill it in, or leave the row out.',
          one,
          row.line,
          null,
        )
      return
    }
    // Cut from the row only where more than its beginning matters.
    const cell = one.check || one.firstLineOf ? row.cell(at) : undefined
    const wrong = (cell && one.check?.(cell)) || checkStart(size, row.first(at), () => row.cell(at))
    if (wrong) add(wrong.code, wrong.message, wrong.fix, one, row.line, row.cell(at))
    if (cell) noteRepeated(one, cell, row.line)
  }

  return (row) => {
    for (const one of watched) checkCell(one, row)
  }
}

/** HubSpot takes blanks alone for nothing. The cell is cut from the row only where it begins with what may be a blank, or a quote. */
function isBlank(row: Row, at: number): boolean {
  const first = row.first(at)
  return !(first > QUOTE && first < BEYOND_ASCII) && row.cell(at).trim() === ''
}

/** Where a value was first, of a column whose values must be unique. */
function firstLines(
  { identifies, property }: CheckedColumn,
  budgetOf: (isIdentifier: boolean) => ValueBudget,
): Watched['firstLineOf'] {
  if (identifies === null && !property?.hasUniqueValue) return undefined
  const seen = createSeenValues(budgetOf(identifies !== null))
  return seen.add
}
