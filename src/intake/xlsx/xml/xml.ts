import { invalid, tooComplex } from '../refusals.js'
import { createAttributes } from './attributes.js'
import { createNames } from './names.js'
import { decodeText, flagOf } from './text.js'

/** What was read last: the beginning of an element, its end, text in one, or that more bytes are needed. */
export type Token = 'open' | 'close' | 'text' | 'more'

export type Xml = ReturnType<typeof createXml>

const [LT, GT, SLASH, BANG, QUESTION, EQUALS, QUOTE, APOSTROPHE] = [0x3c, 0x3e, 0x2f, 0x21, 0x3f, 0x3d, 0x22, 0x27]
const [ZERO, NINE] = [0x30, 0x39]
/** Chunks come in 64 KiB; with what is left of the one before, this is enough for nearly all. */
const WINDOW_BYTES = 160 * 1024
/** A cell's text may have 32,767 characters; written clumsily it takes ten times as many bytes. */
const MAX_TOKEN_BYTES = 512 * 1024
const MAX_DEPTH = 64
const LONGEST_MARK = '<![CDATA['.length
const MARKUP = [
  { begin: '<?', end: '?>', isText: false },
  { begin: '<!--', end: '-->', isText: false },
  { begin: '<![CDATA[', end: ']]>', isText: true },
]

const [IS_SPACE, IS_NAME] = [
  Uint8Array.from({ length: 256 }, (_, byte) => Number([0x20, 0x0a, 0x0d, 0x09].includes(byte))),
  Uint8Array.from({ length: 256 }, (_, byte) => Number(byte >= 0x80 || /[\w:.-]/.test(String.fromCharCode(byte)))),
]

/**
 * Reads XML, in UTF-8, as its bytes come, one token at a time; a sheet has tens of millions of them, so none is an object. Names
 * are told without their prefix. Refused is what is not well-formed, and any document type: no spreadsheet writes one, and all
 * that can be done with its entities is harm. Everything that is told, is told of the last token.
 *
 * @throws {AppError} `workbook_invalid`, `file_too_complex`, from any of it
 * @see https://www.w3.org/TR/xml/
 */
export function createXml(part: string) {
  let window: Buffer = Buffer.allocUnsafe(WINDOW_BYTES)
  // The window's bytes that are not read yet; of a text that has no end yet, so many are known already.
  let [at, end, scanned] = [0, 0, 0]
  let [textStart, textEnd, textFlags, isRaw] = [0, 0, 0, false]
  let [depth, isEmpty, hasRoot, name] = [0, false, false, '']
  const open = new Uint16Array(MAX_DEPTH)
  const names = createNames()
  const attributes = createAttributes()

  const bad = (what: string) => invalid(`its part ${part} ${what}`)

  /** What has been read makes room for what comes. A `<` behind the last byte ends every search. */
  function push(chunk: Buffer): void {
    const left = end - at
    if (left > MAX_TOKEN_BYTES) throw tooComplex(`a text or a tag of more than ${MAX_TOKEN_BYTES} bytes (${part})`)
    const needed = left + chunk.length + 1
    const target: Buffer = needed > window.length ? Buffer.allocUnsafe(needed * 2) : window
    window.copy(target, 0, at, end)
    chunk.copy(target, left)
    window = target
    at = 0
    end = left + chunk.length
    window[end] = LT
  }

  function next(): Token {
    if (isEmpty) return closeElement()
    for (;;) {
      if (at >= end) return 'more'
      if (window[at] !== LT) return readText()
      if (at + 1 >= end) return 'more'
      const mark = window[at + 1]
      if (mark === SLASH) return readClose()
      if (mark !== BANG && mark !== QUESTION) return readOpen()
      const token = readMarkup()
      if (token) return token
    }
  }

  function readText(): Token {
    let i = at + scanned
    let flags = scanned > 0 ? textFlags : 0
    for (let byte = window[i] ?? LT; byte !== LT; byte = window[++i] ?? LT) flags |= flagOf(byte)
    textFlags = flags
    scanned = i - at
    return i >= end ? 'more' : tellText(at, i, i)
  }

  function tellText(start: number, stop: number, next: number, raw = false): Token {
    textStart = start
    textEnd = stop
    isRaw = raw
    at = next
    scanned = 0
    if (depth === 0 && /\S/.test(window.toString('latin1', start, stop))) throw bad('has text outside of its root')
    return 'text'
  }

  /** Undefined: something that says nothing. */
  function readMarkup(): Token | undefined {
    const head = window.toString('latin1', at, Math.min(end, at + LONGEST_MARK))
    const markup = MARKUP.find(({ begin }) => head.startsWith(begin))
    if (!markup && head.length < LONGEST_MARK) return 'more'
    if (!markup) throw bad('has a document type declaration (DTD)')
    const start = at + markup.begin.length
    const stop = window.indexOf(markup.end, start, 'latin1')
    if (stop < 0 || stop + markup.end.length > end) return 'more'
    const next = stop + markup.end.length
    if (markup.isText) {
      textFlags = 0
      for (let i = start; i < stop; i++) textFlags |= flagOf(window[i] ?? 0)
      return tellText(start, stop, next, true)
    }
    checkEncoding(window.toString('latin1', at, next))
    at = next
    return undefined
  }

  function checkEncoding(declaration: string): void {
    const encoding = /^<\?xml\s[^>]*encoding\s*=\s*["']([^"']*)["']/.exec(declaration)?.[1] ?? 'utf-8'
    if (!/^(utf-?8|utf-?16([lb]e)?|us-ascii)$/i.test(encoding)) throw bad('is neither UTF-8 nor UTF-16')
  }

  function readClose(): Token {
    if (depth === 0) throw bad('ends an element that it has not begun')
    const id = open[depth - 1] ?? 0
    let i = at + 2 + names.length(id)
    while (IS_SPACE[window[i] ?? 0]) i++
    if (i >= end) return 'more'
    if (window[i] !== GT || !names.isAt(window, at + 2, id)) throw bad('ends another element than it has begun')
    at = i + 1
    return closeElement()
  }

  function closeElement(): Token {
    isEmpty = false
    depth -= 1
    name = names.local(open[depth] ?? 0)
    return 'close'
  }

  function readOpen(): Token {
    let i = at + 1
    let hash = 0
    for (let byte = window[i] ?? LT; IS_NAME[byte]; byte = window[++i] ?? LT) hash = (Math.imul(hash, 31) + byte) | 0
    const nameEnd = i
    attributes.clear()
    for (;;) {
      const before = i
      while (IS_SPACE[window[i] ?? 0]) i++
      if (i >= end) return 'more'
      if (window[i] === GT || window[i] === SLASH) break
      if (before === i) throw bad('has a tag that is not well-formed')
      i = readAttribute(i)
      if (i < 0) return 'more'
    }
    const isClosed = window[i] === SLASH
    if (isClosed && i + 1 >= end) return 'more'
    if (nameEnd === at + 1 || (isClosed && window[i + 1] !== GT)) throw bad('has a tag that is not well-formed')
    openElement(names.idOf(window, at + 1, nameEnd, hash))
    isEmpty = isClosed
    at = isClosed ? i + 2 : i + 1
    return 'open'
  }

  /** Where it ends; -1: more is needed. */
  function readAttribute(start: number): number {
    let i = start
    while (IS_NAME[window[i] ?? 0]) i++
    const nameEnd = i
    while (IS_SPACE[window[i] ?? 0]) i++
    if (i >= end) return -1
    if (nameEnd === start || window[i] !== EQUALS) throw bad('has an attribute that is not well-formed')
    i++
    while (IS_SPACE[window[i] ?? 0]) i++
    if (i >= end) return -1
    const quote = window[i]
    if (quote !== QUOTE && quote !== APOSTROPHE) throw bad('has an attribute that is not quoted')
    const valueStart = ++i
    for (let byte = window[i]; byte !== quote && byte !== LT; byte = window[i]) i++
    if (i >= end) return -1
    if (window[i] === LT) throw bad('has an attribute that is not well-formed')
    attributes.add(window, start, nameEnd, valueStart, i)
    return i + 1
  }

  function openElement(id: number): void {
    if (depth === 0 && hasRoot) throw bad('has two roots')
    if (depth === MAX_DEPTH) throw tooComplex(`elements nested more than ${MAX_DEPTH} deep (${part})`)
    hasRoot = true
    open[depth] = id
    depth += 1
    name = names.local(id)
  }

  return {
    push,
    next,

    /** There is no more: all that was begun must have ended. */
    finish(): void {
      if (at < end || depth > 0 || !hasRoot) throw bad('is cut off')
    },

    name: (): string => name,
    /** How many elements are open: with the one just begun, without the one just ended. */
    depth: (): number => depth,
    text: (): string => decodeText(window, textStart, textEnd, textFlags, isRaw),

    /** The attribute of this name, of any prefix when it begins with `:`. */
    attribute(wanted: string): string | undefined {
      const i = attributes.find(window, wanted)
      return i < 0 ? undefined : attributes.valueOf(window, i)
    },

    // For what comes by the million, nothing is made a string of:

    /** The text as a number of digits alone; -1: it is something else. */
    digits: (): number => readDigits(window, textStart, textEnd),
    bytes: (): Buffer => window,
    attributeOf: (letter: number): number => attributes.indexOf(window, letter),
    valueStart: attributes.valueStart,
    valueEnd: attributes.valueEnd,
    valueOf: (i: number): string => attributes.valueOf(window, i),
  }
}

/** Digits as a number; -1: something else than one to nine of them. */
export function readDigits(bytes: Buffer, start: number, end: number): number {
  if (start >= end || end - start > 9) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0
    if (byte < ZERO || byte > NINE) return -1
    value = value * 10 + byte - ZERO
  }
  return value
}
