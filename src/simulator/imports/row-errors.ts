import type { Check } from './cell-checks.js'
import { optionTallies, type RowReport, type Tally, tallyKey } from './rows.js'

/** HubSpot's row error, whole; what of it is answered depends on the call. */
export type RowError = {
  id: string
  createdAt: number
  errorType: string
  errorMessage: string
  invalidValue?: string
  invalidValueToDisplay?: string
  knownColumnNumber?: number
  objectType?: string
  objectTypeId?: string
  sourceData: {
    fileId: number
    lineNumber: number
    rowData: string[]
    additionalRowData: string[]
    containsEncryptedProperties: boolean
  }
}

export type RowErrors = { errors: RowError[]; errorCount: number; badRows: number }

const OBJECT_TYPES: Record<string, string> = { '0-1': 'CONTACT', '0-2': 'COMPANY', '0-3': 'DEAL', '0-5': 'TICKET' }

/** The errors of a file's rows under its mapping, by line. */
export function rowErrorsOf(report: RowReport, checks: Map<string, Check[]>, fileId: number): RowErrors {
  const found: { tally: Tally; errorType: string; message: string; column?: number; typeId?: string }[] = [
    {
      tally: report.ragged,
      errorType: 'INCORRECT_NUMBER_OF_COLUMNS',
      message: 'The row has another number of columns than the header.',
    },
  ]
  for (const [column, name] of report.columns.entries()) {
    for (const { kind, accepts, ...check } of checks.get(name) ?? []) {
      const tallies = [report.failed.get(tallyKey(column, kind))]
      if (kind === 'option') for (const [value, tally] of optionTallies(report, column)) if (!accepts(value)) tallies.push(tally)
      for (const tally of tallies) if (tally) found.push({ ...check, tally, column })
    }
  }

  const createdAt = Date.now()
  const errors = found.flatMap(({ tally, errorType, message, column, typeId }) =>
    tally.first.map(({ line, value }) => ({
      id: '',
      createdAt,
      errorType,
      errorMessage: message,
      ...(column === undefined ? {} : { invalidValue: value, invalidValueToDisplay: value, knownColumnNumber: column }),
      ...(typeId === undefined ? {} : { objectType: OBJECT_TYPES[typeId] ?? 'UNKNOWN', objectTypeId: typeId }),
      sourceData: {
        fileId,
        lineNumber: line,
        rowData: report.rowData.get(line) ?? [],
        additionalRowData: [],
        containsEncryptedProperties: false,
      },
    })),
  )
  const errorCount = found.reduce((sum, { tally }) => sum + tally.count, 0)
  const lines = new Set(errors.map(({ sourceData }) => sourceData.lineNumber)).size
  return {
    errors: errors.sort((a, b) => a.sourceData.lineNumber - b.sourceData.lineNumber),
    errorCount,
    // A file that came before its mapping was checked for too much: then the rows beyond those kept are a guess.
    badRows: Math.min(report.badRows, lines + errorCount - errors.length),
  }
}
