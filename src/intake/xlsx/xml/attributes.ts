import { invalid, tooComplex } from '../refusals.js'
import { decodeText, flagOf } from './text.js'

const MAX_ATTRIBUTES = 128
const COLON = 0x3a

/** The attributes of one element, as places in a window of bytes: most are never looked at. */
export function createAttributes() {
  /** Of each: where its name starts and ends, and where its value does. */
  const places = new Int32Array(MAX_ATTRIBUTES * 4)
  let count = 0

  const nameStart = (i: number) => places[i * 4] ?? 0
  const nameEnd = (i: number) => places[i * 4 + 1] ?? 0
  const valueStart = (i: number) => places[i * 4 + 2] ?? 0
  const valueEnd = (i: number) => places[i * 4 + 3] ?? 0

  return {
    valueStart,
    valueEnd,

    clear(): void {
      count = 0
    },

    /** @throws {AppError} `file_too_complex`, `workbook_invalid`: it is there already */
    add(window: Buffer, start: number, end: number, from: number, to: number): void {
      if (count === MAX_ATTRIBUTES) throw tooComplex(`an element of more than ${MAX_ATTRIBUTES} attributes`)
      for (let i = 0; i < count; i++) {
        const isSame = nameEnd(i) - nameStart(i) === end - start && window[nameStart(i)] === window[start]
        if (isSame && window.compare(window, nameStart(i), nameEnd(i), start, end) === 0)
          throw invalid('an element has an attribute twice')
      }
      places[count * 4] = start
      places[count * 4 + 1] = end
      places[count * 4 + 2] = from
      places[count * 4 + 3] = to
      count += 1
    },

    /** The attribute whose name is this one letter; -1: none. */
    indexOf(window: Buffer, letter: number): number {
      for (let i = 0; i < count; i++) if (window[nameStart(i)] === letter && nameEnd(i) - nameStart(i) === 1) return i
      return -1
    },

    /** The attribute of this name; a name that begins with `:` goes with any prefix. */
    find(window: Buffer, name: string): number {
      const isPrefixed = name.charCodeAt(0) === COLON
      for (let i = 0; i < count; i++) {
        const own = window.toString('latin1', nameStart(i), nameEnd(i))
        if (isPrefixed ? own.endsWith(name) : own === name) return i
      }
      return -1
    },

    valueOf(window: Buffer, i: number): string {
      let flags = 0
      for (let at = valueStart(i); at < valueEnd(i); at++) flags |= flagOf(window[at] ?? 0)
      return decodeText(window, valueStart(i), valueEnd(i), flags, false)
    },
  }
}
