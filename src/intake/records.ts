import { StringDecoder } from 'node:string_decoder'

/** A record while it is read: nothing of it may be kept but what `cell` gave. */
export type CsvRecord = {
  /** The row as a spreadsheet counts it: the header is 1, blank lines count. */
  line: number
  cells: number
  /** A cell's value; '' beyond the last. */
  cell(column: number): string
}

type Options = {
  onRecord: (record: CsvRecord) => void
  /** A record that is longer than a mebibyte is not read, only told of. */
  onTooLong: (line: number) => void
}

const MAX_RECORD_CHARS = 1024 * 1024
const [LF, CR, QUOTE, COMMA] = [0x0a, 0x0d, 0x22, 0x2c]
const MARK = '\ufeff'

/**
 * Reads the records of CSV in UTF-8 with commas, whose bytes come in chunks. Cells are cut from the text only when somebody
 * asks for them. Blank lines are passed over; what a quote breaks is read as it stands, by the rules of kernel/scan.wat.
 */
export function createRecordReader({ onRecord, onTooLong }: Options) {
  const decoder = new StringDecoder('utf8')
  let text = '' // begins with a record
  let isFirst = true
  let line = 1
  let count = 0
  let starts = new Int32Array(1_024)
  let ends = new Int32Array(1_024)
  /** Within a record that is too long: how its cell stands. */
  let skipping: 'start' | 'plain' | 'quoted' | 'closed' | undefined

  const record: CsvRecord = {
    line: 0,
    cells: 0,
    cell: (column) => {
      if (column >= count) return ''
      const start = starts[column] ?? 0
      const end = ends[column] ?? 0
      return text.charCodeAt(start) === QUOTE && end > start ? unquoted(text.slice(start, end)) : text.slice(start, end)
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

  /** Where a record's text that begins at `from` ends, its cells found; -1: it goes on. */
  function findEnd(from: number, isLast: boolean): number {
    count = 0
    let at = from
    for (;;) {
      const start = at
      if (text.charCodeAt(at) === QUOTE) {
        at = closingQuote(text, at)
        if (at < 0) {
          if (!isLast) return -1
          at = text.length
        }
      }
      let code = text.charCodeAt(at)
      while (code !== COMMA && code !== LF && code !== CR && at < text.length) code = text.charCodeAt(++at)
      if (at >= text.length && !isLast) return -1
      addCell(start, at)
      if (code !== COMMA || at >= text.length) return at
      at += 1
    }
  }

  /** Passes over the rest of a record that is too long; gives where it ended, or the text's end. */
  function skip(): number {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (skipping === 'quoted') {
        if (code === QUOTE) skipping = 'closed'
      } else if (code === QUOTE && skipping !== 'plain') skipping = 'quoted'
      else if (code === COMMA) skipping = 'start'
      else if (code === LF) {
        skipping = undefined
        line += 1
        return at + 1
      } else skipping = 'plain'
    }
    return text.length
  }

  function read(isLast: boolean): void {
    let from = skipping ? skip() : 0
    while (from < text.length) {
      const end = findEnd(from, isLast)
      // A CR at the very end may have its LF in the next chunk.
      if (end < 0 || (!isLast && text.charCodeAt(end) === CR && end + 1 === text.length)) break
      if (end > from) {
        record.line = line
        record.cells = count
        onRecord(record)
      }
      line += 1
      from = text.charCodeAt(end) === CR && text.charCodeAt(end + 1) === LF ? end + 2 : end + 1
    }
    text = text.slice(from)
    if (text.length <= MAX_RECORD_CHARS || skipping) return
    onTooLong(line)
    skipping = 'start'
    skip()
    text = ''
  }

  return {
    push(chunk: Buffer): void {
      text += decoder.write(chunk)
      if (isFirst && text.startsWith(MARK)) text = text.slice(1)
      isFirst &&= text === ''
      read(false)
    },

    /** After this nothing can be pushed. */
    end(): void {
      text += decoder.end()
      read(true)
    },
  }
}

/** After the quote that closes the cell which one at `from` opens; -1: there is none yet. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    // At the end of the text it may be the first of two.
    if (at + 1 === text.length) return -1
    if (text.charCodeAt(at + 1) !== QUOTE) return at + 1
  }
  return -1
}

/** A quoted cell's value; text after its closing quote belongs to it. */
function unquoted(raw: string): string {
  const found = closingQuote(`${raw},`, 0)
  const close = found < 0 ? raw.length : found - 1
  const inner = raw.slice(1, close)
  return (inner.includes('"') ? inner.replaceAll('""', '"') : inner) + raw.slice(close + 1)
}

function grown(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 4)
  larger.set(numbers)
  return larger
}
