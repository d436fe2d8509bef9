import { TextDecoder } from 'node:util'
import { AppError } from '../errors.js'
import type { Text } from './inspect.js'

/** What a conversion did: cells whose letters were written anew, and cells that had to be put in quotes. */
export type Converted = { recodedCells: number; quotedCells: number }

/** A cell without quotes that is longer than this is written in quotes, needed or not, so that it need not be held. */
const MAX_HELD_CHARS = 64 * 1024
const [QUOTE, LF, CR] = [0x22, 0x0a, 0x0d]

/**
 * Text as partners send it → UTF-8, commas, line feeds, streaming: every cell keeps its value, every record its place.
 * `did` says what was done once all has been read.
 *
 * @throws {AppError} `encoding`: a UTF-16 character is cut off
 */
export function convertText(
  source: AsyncIterable<Buffer>,
  { encoding, delimiter, skip }: Pick<Text, 'encoding' | 'delimiter' | 'skip'>,
): { bytes: AsyncIterable<Buffer>; did: Converted } {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const did: Converted = { recodedCells: 0, quotedCells: 0 }
  const writer = createWriter(delimiter, encoding !== 'utf-8', did)

  async function* convert(): AsyncIterable<Buffer> {
    let left = skip.markBytes + skip.hintBytes
    for await (const chunk of source) {
      const part = chunk.subarray(Math.min(left, chunk.length))
      left -= chunk.length - part.length
      const written = writer.write(decode(decoder, part))
      if (written.length > 0) yield written
    }
    const last = Buffer.concat([writer.write(decode(decoder)), writer.end()])
    if (last.length > 0) yield last
  }
  return { bytes: convert(), did }
}

function decode(decoder: TextDecoder, part?: Buffer): string {
  try {
    return part ? decoder.decode(part, { stream: true }) : decoder.decode()
  } catch (cause) {
    throw new AppError('encoding', { cause, detail: 'A character of the file is cut off. Save it as UTF-8.' })
  }
}

/** `held`: a cell without quotes so far. `wide`: one that is being written in quotes of ours, as it comes. */
type State = 'start' | 'held' | 'wide' | 'quoted' | 'closing'

function createWriter(delimiter: string, isRecoded: boolean, did: Converted) {
  const separator = delimiter.charCodeAt(0)
  let state: State = 'start'
  let held = ''
  let isForeign = false // the cell has letters beyond ASCII
  let isAfterReturn = false
  let out = ''

  function endCell(): void {
    if (state === 'held') {
      const needsQuotes = /[",]/.test(held)
      out += needsQuotes ? `"${held.replaceAll('"', '""')}"` : held
      if (needsQuotes) did.quotedCells += 1
      held = ''
    } else if (state === 'wide' || state === 'closing') out += '"'
    if (isRecoded && isForeign) did.recodedCells += 1
    isForeign = false
    state = 'start'
  }

  /** Writes cell text that begins at `from` and ends before whatever may end it; gives where that is. */
  function readCell(text: string, from: number): number {
    let at = from
    if (state === 'quoted') {
      const quote = text.indexOf('"', from)
      at = quote < 0 ? text.length : quote
    } else
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at)
        if (code === separator || code === LF || code === CR) break
      }
    const part = text.slice(from, at)
    if (isRecoded && !isForeign) isForeign = /[^\0-\x7f]/.test(part)
    if (state === 'quoted') out += part
    else if (state === 'wide') out += part.replaceAll('"', '""')
    else held += part
    if (state === 'held' && held.length > MAX_HELD_CHARS) {
      out += `"${held.replaceAll('"', '""')}`
      held = ''
      state = 'wide'
      did.quotedCells += 1
    }
    return at
  }

  return {
    write(text: string): Buffer {
      let at = 0
      while (at < text.length) {
        const code = text.charCodeAt(at)
        const isSecond = code === LF && isAfterReturn
        isAfterReturn = false
        if (state === 'quoted') {
          at = readCell(text, at)
          if (at < text.length) {
            state = 'closing'
            at += 1
          }
        } else if (isSecond) at += 1
        else if (code === separator) {
          endCell()
          out += ','
          at += 1
        } else if (code === LF || code === CR) {
          endCell()
          out += '\n'
          isAfterReturn = code === CR
          at += 1
        } else if (state === 'closing' && code === QUOTE) {
          out += '""'
          state = 'quoted'
          at += 1
        } else if (state === 'start' && code === QUOTE) {
          out += '"'
          state = 'quoted'
          at += 1
        } else {
          if (state === 'closing') state = 'wide' // text after a quoted cell belongs to it
          if (state === 'start') state = 'held'
          at = readCell(text, at)
        }
      }
      return flush()
    },

    end(): Buffer {
      endCell()
      return flush()
    },
  }

  function flush(): Buffer {
    const bytes = Buffer.from(out)
    out = ''
    return bytes
  }
}
