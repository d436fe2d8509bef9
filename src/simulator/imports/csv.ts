import { StringDecoder } from 'node:string_decoder'

/** A record longer than this, say after a quote that never closes, is not kept: it has no cells. */
const MAX_RECORD_CHARS = 1024 * 1024

/**
 * Finds the records of a CSV file that comes in chunks, and holds one of them at a time. `onRecord` gets its cells and
 * its line, as a spreadsheet counts them: line breaks in a quoted cell do not count.
 */
export function createCsvScanner(onRecord: (cells: string[], line: number) => void) {
  const decoder = new StringDecoder('utf8')
  let newline = ''
  let text = ''
  let scanned = 0
  let isQuoted = false
  let isTooLong = false
  let line = 1
  let recordLine = 1

  function endRecord(record: string): void {
    const bare = record.endsWith('\r') ? record.slice(0, -1) : record
    if (isTooLong) onRecord([], recordLine)
    else if (bare !== '') onRecord(splitCells(bare), recordLine)
    isTooLong = false
    recordLine = line
  }

  function scan(): void {
    let from = 0
    let quote = text.indexOf('"', scanned)
    for (;;) {
      const found = text.indexOf(newline, scanned)
      const stop = found < 0 ? text.length : found
      for (; quote >= 0 && quote < stop; quote = text.indexOf('"', quote + 1)) isQuoted = !isQuoted
      scanned = stop
      if (found < 0) break
      scanned += 1
      if (isQuoted) continue
      line += 1
      endRecord(text.slice(from, found))
      from = scanned
    }
    text = text.slice(from)
    scanned -= from
    if (text.length <= MAX_RECORD_CHARS) return
    isTooLong = true
    text = ''
    scanned = 0
  }

  return {
    push(chunk: Buffer): void {
      text += decoder.write(chunk)
      // A file of an old Mac has no line feeds at all.
      if (newline === '') newline = !text.includes('\n') && /\r[^\n]/.test(text) ? '\r' : '\n'
      scan()
    },

    end(): void {
      text += decoder.end()
      if (text !== '' || isTooLong) endRecord(text)
      text = ''
    },
  }
}

function splitCells(record: string): string[] {
  if (!record.includes('"')) return record.split(',')
  const cells: string[] = []
  let at = 0
  while (at <= record.length) {
    const end = record[at] === '"' ? closingQuote(record, at) : -1
    const comma = record.indexOf(',', end < 0 ? at : end)
    const stop = comma < 0 ? record.length : comma
    cells.push(end < 0 ? record.slice(at, stop) : record.slice(at + 1, end).replaceAll('""', '"'))
    at = stop + 1
  }
  return cells
}

function closingQuote(record: string, from: number): number {
  for (let at = record.indexOf('"', from + 1); at >= 0; at = record.indexOf('"', at + 2)) {
    if (record[at + 1] !== '"') return at
  }
  return -1
}
