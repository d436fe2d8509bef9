import { AppError } from '../../errors.js'
import { type Row as CheckedRow, createCellCheck } from '../../intake/cells/check-cells.js'
import type { Findings } from '../../intake/finding.js'
import type { Row } from '../../intake/xlsx/sheet.js'
import { openWorkbook, type Sheet, type Workbook } from '../../intake/xlsx/workbook.js'
import { writeSheet } from '../../intake/xlsx/write-sheet.js'
import { noteFile, noteRagged, type Table, type TableDeps, type Unready } from './table.js'
import { storeText, textTable } from './text-table.js'

const MAX_NAMED = 20

/**
 * Makes a workbook ready. HubSpot takes one with a single sheet: of several, the one that is wanted goes as CSV, and so does
 * what is too large to go whole.
 *
 * @throws {AppError} what is wrong with it as a workbook, `sheet_unclear`, `no_rows`, `too_many_columns`, `normalization_needed`
 */
export async function readyWorkbook(deps: TableDeps, unready: Unready): Promise<Table> {
  const { file, entry, options, findings, made, maxBytes, dateFormat } = unready
  const workbook = await openWorkbook({
    size: file.bytes,
    read: (start, end) => deps.files.readRange(file.storeKey, start, end),
  })
  tellWarnings(file.name, workbook, findings)
  const sheet = chooseSheet(file.name, workbook, options.sheet)
  const count = workbook.sheets.length
  const isTooLarge = file.bytes > maxBytes
  if (count === 1 && !isTooLarge && !unready.isCorrection) return workbookTable(unready, workbook, sheet)

  if (options.normalize === 'never')
    throw new AppError('normalization_needed', {
      detail: isTooLarge
        ? `HubSpot takes ${maxBytes} bytes in a file of this account; "${file.name}" has ${file.bytes}. Send less, or without normalize=never: it would go as CSV.`
        : `HubSpot takes a workbook with one sheet; "${file.name}" has ${count}. Send it so, or without normalize=never.`,
    })
  const name = `${file.name.replace(/["\\]/g, '_').replace(/\.[^.]*$/, '')}.csv`
  const rows = toldOf(workbook.readRows(sheet), name, entry.fileImportPage.hasHeader, findings)
  const { bytes, did } = writeSheet(rows, dateFormat)
  const converted = await storeText(deps, name, bytes, made)
  noteFile(
    findings,
    name,
    'SHEET_CONVERTED',
    `HubSpot gets "${sheet.name}", ${count > 1 ? `of the workbook’s ${count} sheets, ` : ''}as CSV${isTooLarge ? ', because the workbook is larger than HubSpot takes in one file' : ''}. ${did.rows} rows were written, and in them ${did.dates} dates in the import’s format.`,
    null,
  )
  return textTable(deps, { entry, findings }, { name, ...converted })
}

/** The sheet that was asked for, or the only one that can be seen. */
function chooseSheet(file: string, { sheets }: Workbook, wanted: string | undefined): Sheet {
  const visible = sheets.filter(({ isHidden }) => !isHidden)
  const named = sheets.filter(({ name }) => name === wanted)
  const [found, another] =
    wanted === undefined
      ? visible
      : named.length > 0
        ? named
        : sheets.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase())
  if (found && !another) return found
  const names = visible.slice(0, MAX_NAMED).map(({ name }) => `"${name}"`)
  throw new AppError('sheet_unclear', {
    detail:
      wanted === undefined
        ? `"${file}" has the sheets ${names.join(', ')}. Say which one with sheet=NAME.`
        : `"${file}" has no sheet "${wanted.slice(0, 200)}". It has ${names.join(', ')}.`,
  })
}

async function workbookTable({ file, entry, findings }: Unready, workbook: Workbook, sheet: Sheet): Promise<Table> {
  const { hasHeader } = entry.fileImportPage
  const name = file.name.replace(/["\\]/g, '_')
  const first = await readFirst(workbook, sheet)
  if (!first) throw new AppError('no_rows', { detail: `The sheet "${sheet.name}" of "${file.name}" is empty.` })
  return {
    name,
    format: entry.fileFormat,
    stored: file,
    header: hasHeader ? first.cells : undefined,
    check: async (plan) => {
      const check = createCellCheck(plan, findings)
      let rows = 0
      for await (const batch of workbook.readRows(sheet))
        for (const row of batch) {
          if (hasHeader && row.line === first.line) continue
          rows += 1
          // As a spreadsheet keeps no empty cells at the end, fewer are no fault.
          if (row.cells.length > first.cells.length)
            noteRagged(findings, plan.file, { line: row.line, columns: row.cells.length }, first.cells.length)
          tellOddCells(plan.file, row, first, findings)
          check(toChecked(row))
        }
      if (rows === 0) throw new AppError('no_rows', { detail: `"${file.name}" has a header, but no rows.` })
      return rows
    },
  }
}

async function readFirst(workbook: Workbook, sheet: Sheet): Promise<Row | undefined> {
  for await (const [row] of workbook.readRows(sheet)) return row
  return undefined
}

function toChecked({ line, cells }: Row): CheckedRow {
  return {
    line,
    cell: (column) => cells[column] ?? '',
    size: (column) => cells[column]?.length ?? 0,
    first: (column) => cells[column]?.charCodeAt(0) ?? Number.NaN,
  }
}

/** The same rows, what is odd about their cells told on their way: as text they do not show it any more. */
async function* toldOf(
  batches: AsyncIterable<Row[]>,
  file: string,
  hasHeader: boolean,
  findings: Findings,
): AsyncGenerator<Row[]> {
  let first: Row | undefined
  for await (const batch of batches) {
    first ??= batch[0]
    for (const row of batch) if (first && !(hasHeader && row === first)) tellOddCells(file, row, first, findings)
    yield batch
  }
}

/** Cells that say nothing: errors of formulas, and formulas whose results were not saved. */
function tellOddCells(file: string, { line, cells, kinds }: Row, header: Row, findings: Findings): void {
  if (!kinds.includes('error') && !kinds.includes('formula')) return
  for (const [column, kind] of kinds.entries()) {
    if (kind !== 'error' && kind !== 'formula') continue
    const isError = kind === 'error'
    findings.add('warning', isError ? 'ERROR_VALUE' : 'FORMULA_WITHOUT_VALUE', () => ({
      message: isError ? 'The cell’s formula ends in an error.' : 'The cell has a formula, but its result was not saved.',
      fix: isError ? 'Mend the formula, or empty the cell.' : 'Open the workbook in a spreadsheet, and save it again.',
      file,
      line,
      column,
      columnName: header.cells[column] ?? null,
      value: cells[column] ?? null,
    }))
  }
}

function tellWarnings(file: string, { warnings }: Workbook, findings: Findings): void {
  if (warnings.includes('external_links'))
    noteFile(
      findings,
      file,
      'EXTERNAL_LINKS',
      'The workbook refers to other workbooks: HubSpot gets what was last saved of them.',
      null,
    )
  if (warnings.includes('embedded_objects'))
    noteFile(
      findings,
      file,
      'EMBEDDED_OBJECTS',
      'The workbook holds other files. They are not imported.',
      'Send a workbook with nothing but the rows.',
    )
}
