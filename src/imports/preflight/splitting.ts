import { AppError } from '../../errors.js'
import type { FileStore } from '../../files/file-store.js'
import { splitCsv } from '../../intake/split.js'
import type { StoredImportFile } from '../import-store.js'
import type { NewPiece } from '../piece-store.js'

type Deps = { files: Pick<FileStore, 'read' | 'save'> }

/** HubSpot's limit, and as much as goes into a part. */
const [MAX_ROWS, PART_ROWS] = [1_048_576, 1_000_000]

/** `maxBytes`: what the portal's plan takes in a file. */
type Input = { maxBytes: number; files: StoredImportFile[]; hasHeader: boolean; made: string[] }

/**
 * Cuts a file into parts that HubSpot and the portal's plan take; nothing where it can go whole.
 *
 * @throws {AppError} `split_impossible`, with the reason, `row_too_large`
 */
export async function splitWhereNeeded({ files: store }: Deps, { maxBytes, files, hasHeader, made }: Input): Promise<NewPiece[]> {
  const large = files.find(({ rows, bytes }) => (rows ?? 0) > MAX_ROWS || bytes > maxBytes)
  if (!large) return []
  const why =
    files.length > 1
      ? 'files that belong together cannot be split: rows of one are linked to rows of the other'
      : large.format !== 'CSV'
        ? 'a workbook of the old format (.xls) cannot be split: save it as .xlsx or .csv'
        : undefined
  if (why)
    throw new AppError('split_impossible', {
      detail: `"${large.name}" has ${large.rows ?? 'unknown'} rows and ${large.bytes} bytes; HubSpot takes ${MAX_ROWS} rows and ${maxBytes} bytes in a file of this account, and ${why}.`,
    })
  const source = store.read(large.storeKey ?? '')
  const pieces = await splitCsv(source, { maxRows: PART_ROWS, maxBytes, hasHeader }, async (bytes) => {
    const stored = await store.save(bytes)
    made.push(stored.storeKey)
    return stored
  })
  return pieces.map(({ stored, rows, firstLine }, i) => ({
    file: { ...stored, name: large.name.replace(/(\.csv)?$/i, ` (${i + 1})$1`), format: large.format, rows, sent: null },
    firstLine,
  }))
}
