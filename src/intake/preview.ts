import type { Readable } from 'node:stream'
import { AppError } from '../errors.js'
import { readHead } from './head.js'
import type { Inspected } from './inspect.js'
import { openWorkbook } from './xlsx/workbook.js'

/** A file's header, and some of its first rows. */
export type Preview = { header: string[]; samples: string[][] }

/** Stored bytes, some of which can be read. */
type Stored = { bytes: number; inspected: Inspected; readRange: (start: number, end: number) => Readable }

const MAX_SAMPLES = 100

/**
 * Reads the start of a file; of a workbook, that of its first sheet that can be seen.
 *
 * @throws {AppError} `no_rows`, `mapping_unclear` for what cannot be looked into, what openWorkbook throws
 */
export async function readPreview({ bytes, inspected, readRange }: Stored): Promise<Preview> {
  if (inspected.kind === 'old workbook')
    throw new AppError('mapping_unclear', {
      detail: 'Workbooks of the old format (.xls) are not looked into. Save it as .xlsx or .csv.',
    })
  const [header, ...samples] =
    inspected.kind === 'text' ? readHead(inspected, MAX_SAMPLES + 1) : await readFirstRows({ size: bytes, read: readRange })
  if (!header) throw new AppError('no_rows', { detail: 'The file is empty.' })
  return { header, samples }
}

async function readFirstRows(bytes: { size: number; read: Stored['readRange'] }): Promise<string[][]> {
  const workbook = await openWorkbook(bytes)
  const sheet = workbook.sheets.find(({ isHidden }) => !isHidden)
  if (!sheet) throw new AppError('no_worksheet')
  for await (const batch of workbook.readRows(sheet)) return batch.slice(0, MAX_SAMPLES + 1).map(({ cells }) => cells)
  return []
}
