import { TextDecoder } from 'node:util'
import { AppError } from '../errors.js'
import type { Text } from './inspect.js'

/** The first records of a text, blank ones left out, the header among them; as many as its first bytes hold, and no more than `limit`. */
export function readHead(
  { head, isHeadAll, encoding, delimiter, skip }: Pick<Text, 'head' | 'isHeadAll' | 'encoding' | 'delimiter' | 'skip'>,
  limit: number,
): string[][] {
  const text = new TextDecoder(encoding).decode(head.subarray(skip.markBytes + skip.hintBytes))
  const records: string[][] = []
  let cells: string[] = []
  let cell = ''
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start'
  for (let at = 0; at < text.length && records.length < limit; at++) {
    const one = text[at] ?? ''
    if (state === 'quoted') {
      if (one === '"') state = 'closed'
      else cell += one
    } else if (one === delimiter) {
      cells.push(cell)
      cell = ''
      state = 'start'
    } else if (one === '\n' || one === '\r') {
      if (cells.length > 0 || cell !== '' || state === 'closed') records.push([...cells, cell])
      cells = []
      cell = ''
      state = 'start'
    } else if (one === '"' && state !== 'plain') {
      if (state === 'closed') cell += one
      state = 'quoted'
    } else {
      cell += one
      state = 'plain'
    }
  }
  // What the file itself ends with is a record; what only its first bytes end with is cut off.
  if (isHeadAll && records.length < limit && (cells.length > 0 || cell !== '')) records.push([...cells, cell])
  return records
}

/** The names of the columns. @throws {AppError} `header_invalid`: there is none within the first 256 KiB */
export function readHeader(text: Text): string[] {
  const [header = []] = readHead(text, 1)
  if (text.structure && header.length === text.structure.columns) return header
  throw new AppError('header_invalid', { detail: 'The header is longer than 256 KiB. Shorten the names of the columns.' })
}
