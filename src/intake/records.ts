/** A record while it is read: nothing of it may be kept but what `cell` gave. */
export type CsvRecord = {
  /** The row as a spreadsheet counts it: the header is 1, blank lines count. */
  line: number
  cells: number
  /** A cell's value; '' beyond the last. */
  cell(column: number): string
  /** About as many bytes as a cell has, its quotes included, without reading it. */
  size(column: number): number
  /** The code of a cell's first byte, without reading it; NaN of an empty one. */
  first(column: number): number
}

type Options = {
  onRecord: (record: CsvRecord) => void
  /** A record that is longer than a mebibyte is not read, only told of. */
  onTooLong: (line: number) => void
}

const MAX_RECORD_BYTES = 1024 * 1024
const [LF, CR, QUOTE, COMMA] = [0x0a, 0x0d, 0x22, 0x2c]
const MARK = Buffer.from('\ufeff')

/**
 * Reads the records of CSV in UTF-8 with commas, whose bytes come in chunks. Cells are cut from the text only when somebody
 * asks for them. Blank lines are passed over; what a quote breaks is read as it stands, by the rules of kernel/scan.wat.
 */
export function createRecordReader({ onRecord, onTooLong }: Options) {
  let bytes: Buffer = Buffer.alloc(0) // begins with a record
  // The same, a character for every byte: only cells that are asked for are decoded, and most of those are ASCII.
  let text = ''
  let isFirst = true
  let line = 1
  let count = 0
  let starts = new Int32Array(1_024)
  let ends = new Int32Array(1_024)
  /** Within a record that is too long: how its cell stands; `return`: it ended with a CR, whose LF may follow. */
  let skipping: 'start' | 'plain' | 'quoted' | 'closed' | 'return' | undefined

  const record: CsvRecord = {
    line: 0,
    cells: 0,
    cell: (column) => {
      if (column >= count) return ''
      const start = starts[column] ?? 0
      const raw = text.slice(start, ends[column])
      const value = text.charCodeAt(start) === QUOTE && raw !== '' ? unquoted(raw) : raw
      return isAscii(value) ? value : Buffer.from(value, 'latin1').toString()
    },
    size: (column) => (column < count ? (ends[column] ?? 0) - (starts[column] ?? 0) : 0),
    first: (column) => {
      const start = starts[column] ?? 0
      if (column >= count || start === ends[column]) return Number.NaN
      const code = text.charCodeAt(start)
      return code === QUOTE ? text.charCodeAt(start + 1) : code
    },
  }

  function addCell(start: number, end: number): void {
    if (count === starts.length) {
      starts = grown(starts)
      ends = grown(ends)
    }
    starts[count] = start
    ends[count] = end
    count += 1
  }

  /** Where a record that begins at `from` ends, its cells found; -1: it goes on. */
  function findEnd(from: number, isLast: boolean): number {
    const { length } = bytes
    count = 0
    let at = from
    for (;;) {
      const start = at
      if (bytes[at] === QUOTE) {
        at = closingQuote(bytes, at)
        if (at < 0) {
          if (!isLast) return -1
          at = length
        }
      }
      let byte = bytes[at] ?? LF
      while (at < length && byte !== COMMA && byte !== LF && byte !== CR) byte = bytes[++at] ?? LF
      if (at >= length && !isLast) return -1
      addCell(start, at)
      if (byte !== COMMA) return at
      at += 1
    }
  }

  /** Passes over the rest of a record that is too long; gives where it ended, or the end of what there is. */
  function skip(): number {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (skipping === 'return') {
        skipping = undefined
        return byte === LF ? at + 1 : at
      }
      if (skipping === 'quoted') {
        if (byte === QUOTE) skipping = 'closed'
      } else if (byte === QUOTE && skipping !== 'plain') skipping = 'quoted'
      else if (byte === COMMA) skipping = 'start'
      else if (byte === LF) {
        skipping = undefined
        line += 1
        return at + 1
      } else if (byte === CR) {
        skipping = 'return'
        line += 1
      } else skipping = 'plain'
    }
    return bytes.length
  }

  function read(isLast: boolean): void {
    let from = skipping ? skip() : 0
    text = bytes.toString('latin1')
    while (from < bytes.length) {
      const end = findEnd(from, isLast)
      const isTooLong = (end < 0 ? bytes.length : end) - from > MAX_RECORD_BYTES
      if (isTooLong) onTooLong(line)
      // A CR at the very end may have its LF in the next chunk.
      if (end < 0 || (!isLast && bytes[end] === CR && end + 1 === bytes.length)) {
        bytes = bytes.subarray(from)
        if (!isTooLong) return
        skipping = 'start'
        from = skip()
        break
      }
      if (end > from && !isTooLong) {
        record.line = line
        record.cells = count
        onRecord(record)
      }
      line += 1
      from = bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1
    }
    bytes = bytes.subarray(from)
  }

  return {
    push(chunk: Buffer): void {
      bytes = bytes.length > 0 ? Buffer.concat([bytes, chunk]) : chunk
      if (isFirst && bytes.length < MARK.length) return
      if (isFirst && bytes.subarray(0, MARK.length).equals(MARK)) bytes = bytes.subarray(MARK.length)
      isFirst = false
      read(false)
    },

    /** After this nothing can be pushed. */
    end(): void {
      read(true)
    },
  }
}

/** After the quote that closes the cell which one at `from` opens; -1: there is none yet. */
function closingQuote(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    if (bytes[at] !== QUOTE) continue
    // At the end of what there is it may be the first of two.
    if (at + 1 === bytes.length) return -1
    if (bytes[at + 1] !== QUOTE) return at + 1
    at += 1
  }
  return -1
}

/** A quoted cell's value; text after its closing quote belongs to it. */
function unquoted(raw: string): string {
  let close = 1
  for (; close < raw.length; close++) {
    if (raw.charCodeAt(close) !== QUOTE) continue
    if (raw.charCodeAt(close + 1) !== QUOTE) break
    close += 1
  }
  const inner = raw.slice(1, close)
  return (inner.includes('"') ? inner.replaceAll('""', '"') : inner) + raw.slice(close + 1)
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false
  return true
}

function grown(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 4)
  larger.set(numbers)
  return larger
}
