import { AppError } from '../errors.js'
import { type Delimiter, sniffDelimiter } from './dialect.js'
import { createEncodingCheck, type Encoding, guessUtf16, readByteOrderMark } from './encoding.js'
import { createStructureScan, type Structure } from './structure.js'

/** What kind of file a name promises. */
export type Kind = 'text' | 'workbook' | 'old workbook'

/** What was seen of a text. */
export type Text = {
  kind: 'text'
  encoding: Encoding
  isAscii: boolean
  delimiter: Delimiter
  /** Bytes before the header: a byte order mark, a line that names the delimiter. */
  skip: { markBytes: number; hintBytes: number }
  /** Undefined in UTF-16, which has none before it is converted. */
  structure: Structure | undefined
  /** The first bytes, the header among them; the whole file when `isHeadAll`. */
  head: Buffer
  isHeadAll: boolean
}

/** How a text begins, as far as that can be told before its end: not for UTF-16. */
export type TextStart = Pick<Text, 'delimiter' | 'skip' | 'head'>

/** What a file is, by all of its bytes. */
export type Inspected = Text | { kind: 'workbook' | 'old workbook' }

/** A header that is longer is none. */
const HEAD_BYTES = 256 * 1024
/** From so many bytes on it is clear what a file is. */
const SNIFF_BYTES = 64 * 1024

const KINDS: Record<string, Kind> = { csv: 'text', tsv: 'text', txt: 'text', xlsx: 'workbook', xls: 'old workbook' }
const [ZIP, OLE] = [Buffer.from('PK\x03\x04', 'latin1'), Buffer.from('d0cf11e0a1b11ae1', 'hex')]
const FOREIGN: [name: string, start: Buffer | RegExp][] = [
  ['a gzip archive', Buffer.from([0x1f, 0x8b])],
  ['a zip archive', Buffer.from('PK\x05\x06', 'latin1')],
  ['a zip archive', Buffer.from('PK\x07\x08', 'latin1')],
  ['a bzip2 archive', /^BZh[1-9]1AY&SY/],
  ['an xz archive', Buffer.from('\xfd7zXZ\0', 'latin1')],
  ['a Zstandard archive', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['a 7z archive', Buffer.from('7z\xbc\xaf', 'latin1')],
  ['a RAR archive', Buffer.from('Rar!')],
  // Readers of PDF pass over blanks before it.
  ['a PDF', /^\s*%PDF-/],
  ['PostScript', Buffer.from('%!PS')],
  ['RTF', Buffer.from('{\\rtf')],
  ['a picture', Buffer.from('\x89PNG', 'latin1')],
  ['a picture', Buffer.from([0xff, 0xd8, 0xff])],
  ['a picture', /^GIF8[79]a/],
  ['a picture', /^(II\*\0|MM\0\*)/],
  ['a picture or a recording', /^RIFF[\s\S]{4}(WEBP|WAVE|AVI )/],
  ['a recording', Buffer.from('OggS\0')],
  ['a recording', Buffer.from('ID3\x03')],
  ['a recording', Buffer.from('ID3\x04')],
  ['a program', Buffer.from('MZ\x90', 'latin1')],
  ['a program', Buffer.from('\x7fELF', 'latin1')],
  ['a program', Buffer.from('\0asm')],
  ['a program', /^(\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe)/],
  ['a script', /^(#!\s*\/|\s*<\?php)/],
  ['a database', Buffer.from('SQLite format 3\0')],
  ['HTML', /^\s*<(!doctype|html|head|body|table|script|svg)\b/i],
  ['HTML', /^\s*<!--/],
  ['XML', /^\s*<\?xml/i],
  ['JSON', /^\s*(\{\s*["}]|\[\s*[[{\]])/],
]

/** The kind of file that a name promises, by its last extension; without one, anything. @throws {AppError} `file_type_unsupported` */
function kindOf(name: string): Kind | undefined {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase()
  if (extension === undefined) return undefined
  const kind = Object.hasOwn(KINDS, extension) ? KINDS[extension] : undefined
  if (kind) return kind
  throw new AppError('file_type_unsupported', { detail: `"${name}" is not named .csv, .tsv, .txt, .xlsx or .xls.` })
}

/**
 * Looks at a file while its bytes go by: nothing is read twice, and memory is the same for every size. What can never be
 * imported is refused at its first bytes.
 *
 * @throws {AppError} `file_type_unsupported`
 */
export function inspect(name: string) {
  const promised = kindOf(name)
  const head: Buffer[] = []
  let bytes = 0
  let reader: Reader | undefined
  let result: Inspected | undefined

  /** All that there is so far is read at once, the rest as it comes. */
  function begin(): Reader {
    const first = Buffer.concat(head)
    const kind = checkStart(name, promised, first)
    return kind === 'text' ? readText(first) : { push: () => undefined, end: () => ({ kind }) }
  }

  function push(chunk: Buffer): void {
    if (bytes < HEAD_BYTES) head.push(chunk)
    bytes += chunk.length
    if (reader) reader.push(chunk)
    else if (bytes >= SNIFF_BYTES) reader = begin()
  }

  return {
    /** The same bytes, looked at on their way. @throws {AppError} `file_empty`, `encoding`, `file_type_unsupported` */
    async *watch(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
      for await (const chunk of source) {
        push(chunk)
        yield chunk
      }
      result = end()
    },

    /** How it begins; undefined as long as that is not known, and for what is no text. */
    start(): TextStart | undefined {
      return reader?.start && { ...reader.start, head: Buffer.concat(head) }
    },

    /** What was seen, once all has gone by. */
    result(): Inspected {
      if (!result) throw new AppError('internal', { context: { why: 'the file has not been read to its end' } })
      return result
    },
  }

  function end(): Inspected {
    if (bytes === 0) throw new AppError('file_empty', { detail: `"${name}" has no bytes.` })
    const found = (reader ?? begin()).end()
    if (found.kind !== 'text') return found
    const first = Buffer.concat(head)
    return { ...found, head: first, isHeadAll: first.length === bytes }
  }
}

type Reader = {
  push: (chunk: Buffer) => void
  start?: Omit<TextStart, 'head'>
  end: () => Omit<Text, 'head' | 'isHeadAll'> | Exclude<Inspected, Text>
}

/** What a file is by its first bytes. @throws {AppError} `file_type_unsupported`: that is not what it is called */
function checkStart(name: string, promised: Kind | undefined, first: Buffer): Kind {
  const isZip = first.subarray(0, 4).equals(ZIP)
  const isOle = first.subarray(0, 8).equals(OLE)
  const kind = promised ?? (isZip ? 'workbook' : isOle ? 'old workbook' : 'text')
  // An encrypted workbook is an OLE container: whoever opens it says so.
  const isAsNamed = kind === 'workbook' ? isZip || isOle : kind === 'old workbook' ? isOle : !isZip && !isOle
  const start = first
    .subarray(0, 512)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  const foreign = FOREIGN.find(([, mark]) =>
    mark instanceof RegExp ? mark.test(start) : first.subarray(0, mark.length).equals(mark),
  )
  if (isAsNamed && (kind !== 'text' || !foreign)) return kind
  const what = foreign?.[0] ?? (isZip ? 'a zip archive or a newer workbook' : isOle ? 'an old Office file' : 'text')
  throw new AppError('file_type_unsupported', {
    detail: `"${name}" is ${what} inside. Send CSV as .csv and a workbook as .xlsx, as saved by the program that made it.`,
  })
}

function readText(first: Buffer): Reader {
  const mark = readByteOrderMark(first)
  const utf16 = mark.bytes === 2 ? mark.encoding : guessUtf16(first.subarray(0, SNIFF_BYTES))
  const { delimiter, hintLength } = sniffDelimiter(decodeStart(first.subarray(mark.bytes, SNIFF_BYTES), utf16))
  const skip = { markBytes: mark.bytes, hintBytes: utf16 ? hintLength * 2 : hintLength }
  if (utf16) {
    const text = { kind: 'text' as const, encoding: utf16, isAscii: false, delimiter, skip, structure: undefined }
    return { push: () => undefined, end: () => text }
  }

  const encoding = createEncodingCheck()
  const structure = createStructureScan(delimiter)
  encoding.push(first)
  structure.push(first.subarray(skip.markBytes + skip.hintBytes))
  return {
    push: (chunk) => {
      encoding.push(chunk)
      structure.push(chunk)
    },
    start: { delimiter, skip },
    end: () => ({ kind: 'text', ...encoding.end(), delimiter, skip, structure: structure.end() }),
  }
}

/** Enough to see where cells end, whatever the letters between are. */
function decodeStart(first: Buffer, utf16: Encoding | undefined): string {
  return utf16 ? new TextDecoder(utf16).decode(first.subarray(0, first.length - (first.length % 2))) : first.toString('latin1')
}
