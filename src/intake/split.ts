import { AppError } from '../errors.js'

export type SplitLimits = { maxRows: number; maxBytes: number; hasHeader: boolean }

/** A part: `firstLine` is the line in the whole file of the part's line 2, which is its first row where it has a header. */
export type Piece<Stored> = { stored: Stored; rows: number; firstLine: number }

/** Records that are complete, and where each ends. */
type Batch = { bytes: Buffer; ends: number[] }

const [LF, CR, QUOTE, COMMA] = [0x0a, 0x0d, 0x22, 0x2c]
/** UTF-8's byte order mark. */
const MARK = Buffer.from([0xef, 0xbb, 0xbf])
/** A record that is longer is held by nobody. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024

type Save<Stored> = (bytes: AsyncIterable<Buffer>) => Promise<Stored>

/**
 * Cuts CSV, as HubSpot takes it, into parts between records, each with the header before it, if there is one; streaming, one
 * part after the other. Blank lines count as lines. `source` is closed, whatever fails.
 *
 * @throws {AppError} `row_too_large`, and what `save` throws
 */
export async function splitCsv<Stored>(
  source: AsyncIterable<Buffer>,
  limits: SplitLimits,
  save: Save<Stored>,
): Promise<Piece<Stored>[]> {
  const batches = readBatches(source)
  try {
    return await cut(batches, limits, save)
  } finally {
    await batches.return(undefined)
  }
}

async function cut<Stored>(
  batches: AsyncIterator<Batch>,
  { maxRows, maxBytes, hasHeader }: SplitLimits,
  save: Save<Stored>,
): Promise<Piece<Stored>[]> {
  const pieces: Piece<Stored>[] = []
  let batch = await nextBatch(batches)
  let header: Buffer = Buffer.alloc(0)
  let line = 1
  // Up to the header, which blank lines may precede.
  while (batch && hasHeader && header.length === 0) {
    const end = batch.ends[0] ?? 0
    const record = batch.bytes.subarray(0, end)
    if (!isBlank(record)) header = record
    line += 1
    batch = rest(batch, 1) ?? (await nextBatch(batches))
  }

  while (batch) {
    // Blank lines between parts are in neither; those at the end make no part of their own.
    if (isBlank(batch.bytes.subarray(0, batch.ends[0]))) {
      line += 1
      batch = rest(batch, 1) ?? (await nextBatch(batches))
      continue
    }
    const piece = { rows: 0, firstLine: hasHeader ? line : line + 1 }
    async function* read(): AsyncIterable<Buffer> {
      yield header
      let bytes = header.length
      while (batch) {
        const count = fitting(batch, maxRows - piece.rows, maxBytes - bytes)
        if (count === 0 && piece.rows === 0)
          throw new AppError('row_too_large', {
            detail: `Row ${line} is longer than HubSpot takes in a whole file.`,
            errors: [{ row: line, detail: 'the row is too long' }],
          })
        if (count === 0) return
        const end = batch.ends[count - 1] ?? 0
        bytes += end
        piece.rows += count
        line += count
        yield batch.bytes.subarray(0, end)
        batch = rest(batch, count) ?? (await nextBatch(batches))
      }
    }
    const stored = await save(read())
    pieces.push({ stored, ...piece })
  }
  return pieces
}

/** How many of a batch's records there is still room for. */
function fitting({ ends }: Batch, rows: number, bytes: number): number {
  const most = Math.min(rows, ends.length)
  if ((ends[most - 1] ?? 0) <= bytes) return most
  const found = ends.findIndex((end) => end > bytes)
  return Math.min(most, found < 0 ? most : found)
}

/** What is left of a batch without its first records; undefined: nothing. */
function rest({ bytes, ends }: Batch, count: number): Batch | undefined {
  if (count >= ends.length) return undefined
  const from = ends[count - 1] ?? 0
  return { bytes: bytes.subarray(from), ends: ends.slice(count).map((end) => end - from) }
}

async function nextBatch(batches: AsyncIterator<Batch>): Promise<Batch | undefined> {
  const next = await batches.next()
  return next.done ? undefined : next.value
}

async function* readBatches(source: AsyncIterable<Buffer>): AsyncGenerator<Batch> {
  let held: Buffer[] = [] // the start of a record that goes on
  let heldBytes = 0
  const ends = createEndFinder()
  let isStart = true
  for await (const chunk of source) {
    const found = ends.find(chunk, isStart && chunk.subarray(0, MARK.length).equals(MARK) ? MARK.length : 0)
    isStart = false
    const last = found.at(-1)
    if (last === undefined) {
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes > MAX_RECORD_BYTES) throw new AppError('row_too_large', { detail: 'A row is longer than 16 MiB.' })
      continue
    }
    yield { bytes: Buffer.concat([...held, chunk.subarray(0, last)]), ends: found.map((end) => end + heldBytes) }
    held = last < chunk.length ? [chunk.subarray(last)] : []
    heldBytes = chunk.length - last
  }
  if (heldBytes > 0) yield { bytes: Buffer.concat(held), ends: [heldBytes] }
}

/** Finds where records end, by the rules of kernel/scan.wat; after what was converted, only LF ends one. */
function createEndFinder() {
  let isQuoted = false
  let isStart = true // of a cell
  let isClosed = false // the byte before closed a quoted cell

  return {
    find(chunk: Buffer, from: number): number[] {
      const ends: number[] = []
      for (let at = from; at < chunk.length; at++) {
        if (isQuoted) {
          at = chunk.indexOf(QUOTE, at)
          if (at < 0) break
          isQuoted = false
          isClosed = true
          continue
        }
        const byte = chunk[at]
        isQuoted = byte === QUOTE && (isStart || isClosed)
        isStart = byte === COMMA || byte === LF
        isClosed = false
        if (byte === LF) ends.push(at + 1)
      }
      return ends
    },
  }
}

function isBlank(whole: Buffer): boolean {
  const record = whole.subarray(0, MARK.length).equals(MARK) ? whole.subarray(MARK.length) : whole
  return record.length === 0 || (record.length <= 2 && record.every((byte) => byte === LF || byte === CR))
}
