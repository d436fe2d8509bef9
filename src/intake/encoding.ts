import { isAscii, isUtf8 } from 'node:buffer'
import { AppError } from '../errors.js'

/** How a text's bytes are to be read. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

const UNDEFINED_IN_1252 = [0x81, 0x8d, 0x8f, 0x90, 0x9d]
/** Of the letters beyond ASCII so many, for one, may look like UTF-8 by chance in what is Windows-1252. */
const CHANCE = 1 / 10
/** Of every second byte in UTF-16 that is mostly Latin. */
const NUL_SHARE = 0.3

/** The encoding that a byte order mark at the start names, and its length; 0: there is none. */
export function readByteOrderMark(head: Buffer): { encoding: Encoding; bytes: number } {
  if (head[0] === 0xff && head[1] === 0xfe) {
    if (head[2] === 0 && head[3] === 0) throw new AppError('encoding', { detail: 'The file is UTF-32. Save it as UTF-8.' })
    return { encoding: 'utf-16le', bytes: 2 }
  }
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: 'utf-16be', bytes: 2 }
  return { encoding: 'utf-8', bytes: head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0 }
}

/** UTF-16 without a mark, told by the zero bytes that Latin letters have in it. */
export function guessUtf16(head: Buffer): Encoding | undefined {
  const zeros = [0, 0]
  for (let at = 0; at < head.length; at++) if (head[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1
  const [even = 0, odd = 0] = zeros.map((count) => count / (head.length / 2))
  if (odd > NUL_SHARE && even < odd / 10) return 'utf-16le'
  return even > NUL_SHARE && odd < even / 10 ? 'utf-16be' : undefined
}

/**
 * Tells UTF-8 from Windows-1252 by all of a text's bytes as they go by: what is strictly UTF-8 is that, what never is may
 * be the other, and what is now this and now that is neither.
 */
export function createEncodingCheck() {
  let bytes = 0
  let rest: Buffer = Buffer.alloc(0) // the first bytes of a character that goes on in the next chunk
  let isPlain = true
  let nulAt = -1
  let firstBadAt = -1
  let isUndefined = false
  const letters = { good: 0, bad: 0 }

  function take(part: Buffer): void {
    if (firstBadAt < 0 && isUtf8(part)) {
      if (isAscii(part)) return
      isPlain = false
      letters.good += countLeads(part)
      return
    }
    isPlain = false
    const firstBad = countLetters(part, letters)
    if (firstBadAt < 0 && firstBad >= 0) firstBadAt = bytes + firstBad
    isUndefined ||= UNDEFINED_IN_1252.some((byte) => part.includes(byte))
  }

  return {
    push(chunk: Buffer): void {
      if (nulAt < 0) {
        const found = chunk.indexOf(0)
        if (found >= 0) nulAt = bytes + rest.length + found
      }
      const joined = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      const whole = joined.subarray(0, joined.length - unfinished(joined))
      take(whole)
      bytes += whole.length
      // A copy: a view would keep all of the chunk.
      rest = Buffer.from(joined.subarray(whole.length))
    },

    /** @throws {AppError} `encoding`: it is neither */
    end(): { encoding: Encoding; isAscii: boolean } {
      take(rest)
      if (nulAt >= 0)
        throw new AppError('encoding', { detail: `Byte ${nulAt} is zero: this is no text, or damaged. Save the file as UTF-8.` })
      if (letters.bad === 0) return { encoding: 'utf-8', isAscii: isPlain }
      if (letters.good <= letters.bad * CHANCE && !isUndefined) return { encoding: 'windows-1252', isAscii: false }
      const detail = `Most of the file is UTF-8, but byte ${firstBadAt} is not: it was put together from files of different encodings, or is damaged. Save it as UTF-8.`
      throw new AppError('encoding', {
        detail: isUndefined ? `Byte ${firstBadAt} is neither UTF-8 nor Windows-1252. Save the file as UTF-8.` : detail,
      })
    },
  }
}

/** How many of the last bytes are a character whose other bytes are still to come. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0
  }
  return 0
}

/** So many letters of a part speak for it: more need not be counted. */
const ENOUGH = 4_096

/** How many letters beyond ASCII a part of UTF-8 has, up to enough. */
function countLeads(part: Buffer): number {
  let count = 0
  for (let at = 0; at < part.length && count < ENOUGH; at++) if ((part[at] ?? 0) >= 0xc2) count += 1
  return count
}

/** Counts what is UTF-8 beyond ASCII and what cannot be; resolves to where the first of those is, -1 for none. */
function countLetters(part: Buffer, letters: { good: number; bad: number }): number {
  let firstBad = -1
  for (let at = 0; at < part.length; at++) {
    const byte = part[at] ?? 0
    if (byte < 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    if (byte >= 0xc2 && isUtf8(part.subarray(at, at + length))) {
      letters.good += 1
      at += length - 1
      continue
    }
    letters.bad += 1
    if (firstBad < 0) firstBad = at
  }
  return firstBad
}
