import type { Readable } from 'node:stream'
import { AppError } from '../errors.js'
import { readHead } from './head.js'
import type { Inspected } from './inspect.js'
import { openWorkbook } from './xlsx/workbook.js'

/** A file's header, and some of its first rows; of a workbook, those of the sheet that was read, and which there are. */
export type Preview = { header: string[]; samples: string[][]; sheet: string | null; sheets: string[] }

/** Stored bytes, some of which can be read. */
type Stored = { bytes: number; inspected: Inspected; readRange: (start: number, end: number) => Readable }

const MAX_SAMPLES = 100

/**
 * Reads the start of a file; of a workbook, that of the sheet of this name, or of the first that can be seen.
 *
 * @throws {AppError} `no_rows`, `mapping_unclear` for what cannot be looked into, what openWorkbook throws
 */
export async function readPreview({ bytes, inspected, readRange }: Stored, sheet?: string): Promise<Preview> {
  if (inspected.kind === 'old workbook')
    throw new AppError('mapping_unclear', {
      detail: 'Workbooks of the old format (.xls) are not looked into. Save it as .xlsx or .csv.',
    })
  const { rows, ...named } =
    inspected.kind === 'text'
      ? { rows: readHead(inspected, MAX_SAMPLES + 1), sheet: null, sheets: [] }
      : await readFirstRows({ size: bytes, read: readRange }, sheet)
  const [header, ...samples] = rows
  if (!header) throw new AppError('no_rows', { detail: 'The file is empty.' })
  return { header, samples, ...named }
}

async function readFirstRows(bytes: { size: number; read: Stored['readRange'] }, wanted: string | undefined) {
  const workbook = await openWorkbook(bytes)
  const visible = workbook.sheets.filter(({ isHidden }) => !isHidden)
  const sheet = visible.find(({ name }) => name === wanted) ?? visible[0]
  if (!sheet) throw new AppError('no_worksheet')
  const named = { sheet: sheet.name, sheets: visible.map(({ name }) => name) }
  for await (const batch of workbook.readRows(sheet))
    return { ...named, rows: batch.slice(0, MAX_SAMPLES + 1).map(({ cells }) => cells) }
  return { ...named, rows: [] }
}
