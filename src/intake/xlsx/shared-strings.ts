import { invalid, tooComplex } from './refusals.js'
import { readTokens } from './xml/read-tokens.js'

/** Gives a workbook's text by its number. @throws {AppError} `workbook_invalid` */
export type SharedStrings = (index: number) => string

const MIB = 1024 * 1024
/** A million rows that all differ in an address and a number take half of it. */
const MAX_BYTES = 64 * MIB
const MAX_STRINGS = 4 * MIB
const BLOCK_BYTES = MIB
const LENGTH_BYTES = 4
const UTF8_BYTES_PER_UNIT = 3
const PLACES_PER_BLOCK = 64 * 1024
/** Texts that are repeated mostly are so soon. */
const RECENT = 4_096
/** As long as a text in a cell is read; a spreadsheet stops at 32,767. */
export const MAX_TEXT_LENGTH = MIB

/**
 * Reads all the texts that a workbook's cells refer to, into a few large buffers: a string each would take five times as much.
 * Runs of rich text are joined, and what is there to help pronouncing is left out.
 * @throws {AppError} `workbook_invalid`, `file_too_complex`
 */
export async function readSharedStrings(part: string, chunks: AsyncIterable<Buffer>): Promise<SharedStrings> {
  const store = createStore()
  let text = ''
  let [isText, isPhonetic] = [false, false]
  await readTokens(part, chunks, (xml, token) => {
    if (token === 'text') {
      if (!isText) return
      text += xml.text()
      if (text.length > MAX_TEXT_LENGTH) throw tooComplex(`a text of more than ${MAX_TEXT_LENGTH} characters`)
      return
    }
    const isOpen = token === 'open'
    const name = xml.name()
    if (name === 't') isText = isOpen && !isPhonetic
    else if (name === 'rPh') isPhonetic = isOpen
    else if (name === 'si' && !isOpen) {
      store.add(unescapeText(text))
      text = ''
    }
  })
  return store.at
}

/** Characters that XML cannot hold are written as `_x000D_`; those that no text may hold are not believed. @see ECMA-376 part 1, 22.9.2.19 (ST_Xstring) */
export function unescapeText(text: string): string {
  if (!text.includes('_x')) return text
  const meant = text.replaceAll(/_x([0-9a-f]{4})_/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  return meant.toWellFormed().replaceAll('\0', '\ufffd')
}

/** Each text behind its length, in blocks; where each begins, in others. */
function createStore() {
  const blocks: Buffer[] = []
  const places: Uint32Array[] = []
  const recent = { indexes: new Int32Array(RECENT).fill(-1), texts: Array.from({ length: RECENT }, () => '') }
  let [count, used, bytes] = [0, 0, 0]

  function makeRoom(needed: number): Buffer {
    const last = blocks.at(-1)
    if (last && used + needed <= last.length) return last
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, needed))
    bytes += block.length
    if (bytes > MAX_BYTES) throw tooComplex(`more than ${MAX_BYTES / MIB} MiB of different texts`)
    blocks.push(block)
    used = 0
    return block
  }

  return {
    add(text: string): void {
      if (count === MAX_STRINGS) throw tooComplex(`more than ${MAX_STRINGS} different texts`)
      const block = makeRoom(LENGTH_BYTES + text.length * UTF8_BYTES_PER_UNIT)
      if (count % PLACES_PER_BLOCK === 0) places.push(new Uint32Array(PLACES_PER_BLOCK))
      const own = places.at(-1)
      if (own) own[count % PLACES_PER_BLOCK] = (blocks.length - 1) * BLOCK_BYTES + used
      const written = block.write(text, used + LENGTH_BYTES)
      block.writeUInt32LE(written, used)
      used += LENGTH_BYTES + written
      count += 1
    },

    at(index: number): string {
      const slot = index % RECENT
      if (recent.indexes[slot] === index) return recent.texts[slot] ?? ''
      const place = places[Math.floor(index / PLACES_PER_BLOCK)]?.[index % PLACES_PER_BLOCK]
      const block = blocks[Math.floor((place ?? 0) / BLOCK_BYTES)]
      if (index >= count || place === undefined || !block) throw invalid('a cell refers to a text that is not there')
      const start = (place % BLOCK_BYTES) + LENGTH_BYTES
      const text = block.toString('utf8', start, start + block.readUInt32LE(start - LENGTH_BYTES))
      recent.indexes[slot] = index
      recent.texts[slot] = text
      return text
    },
  }
}
