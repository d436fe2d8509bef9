import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { invalid } from '../refusals.js'

/** What there is in a text that is not plain ASCII as it stands. */
const [ENTITY, HIGH, RETURN, CONTROL] = [1, 2, 4, 8]
/** Each byte's flag. */
const FLAGS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return HIGH
  if (byte === 0x26) return ENTITY
  if (byte === 0x0d) return RETURN
  return byte < 0x20 && byte !== 0x09 && byte !== 0x0a ? CONTROL : 0
})
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const MARKS: [mark: number[], encoding: 'utf-16le' | 'utf-16be'][] = [
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
  [[0x3c, 0x00], 'utf-16le'],
  [[0x00, 0x3c], 'utf-16be'],
]
const UTF8_MARK = Buffer.from('\uFEFF')

/** The flags of one byte, to be joined over a text. */
export function flagOf(byte: number): number {
  return FLAGS[byte] ?? 0
}

/** A text of XML as a string of its own, its entities replaced unless it is `raw`. @throws {AppError} `workbook_invalid` */
export function decodeText(bytes: Buffer, start: number, end: number, flags: number, isRaw: boolean): string {
  if (flags === 0) return bytes.toString('latin1', start, end)
  if (flags & CONTROL) throw invalid('it has control characters in its text')
  if (flags & HIGH && !isUtf8(bytes.subarray(start, end))) throw invalid('it has text that is not UTF-8')
  const text = bytes.toString('utf8', start, end)
  const lines = flags & RETURN ? text.replaceAll(/\r\n?/g, '\n') : text
  return flags & ENTITY && !isRaw ? lines.replaceAll(/&([^;&]*);?/g, replaceEntity) : lines
}

function replaceEntity(whole: string, name: string): string {
  const known = Object.hasOwn(ENTITIES, name) && whole.endsWith(';') ? ENTITIES[name] : undefined
  if (known !== undefined) return known
  const [, hex, decimal] = /^&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));$/i.exec(whole) ?? []
  const code = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal ?? Number.NaN)
  const isCharacter = [0x09, 0x0a, 0x0d].includes(code) || (code >= 0x20 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff))
  if (!isCharacter) throw invalid('it uses an entity that XML does not know')
  return String.fromCodePoint(code)
}

/** The bytes of XML as UTF-8, without a byte order mark. */
export async function* toUtf8(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0)
  let decoder: TextDecoder | undefined
  for await (const chunk of chunks) {
    let bytes = chunk
    if (head) {
      bytes = Buffer.concat([head, chunk])
      head = bytes.length < UTF8_MARK.length ? bytes : undefined
      if (head) continue
      decoder = decoderOf(bytes)
      if (bytes.indexOf(UTF8_MARK) === 0) bytes = bytes.subarray(UTF8_MARK.length)
    }
    yield decoder ? decode(decoder, bytes) : bytes
  }
  if (head) yield head
  if (decoder) yield decode(decoder)
}

function decoderOf(start: Buffer): TextDecoder | undefined {
  const encoding = MARKS.find(([mark]) => mark.every((byte, i) => start[i] === byte))?.[1]
  return encoding && new TextDecoder(encoding, { fatal: true })
}

function decode(decoder: TextDecoder, bytes?: Buffer): Buffer {
  try {
    return Buffer.from(bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode())
  } catch (cause) {
    throw invalid('it has text that is not UTF-16', cause)
  }
}
