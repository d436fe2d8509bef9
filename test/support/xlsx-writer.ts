import { Readable } from 'node:stream'
import { crc32, deflateRawSync } from 'node:zlib'
import type { Row } from '../../src/intake/xlsx/sheet.js'
import { openWorkbook } from '../../src/intake/xlsx/workbook.js'
import type { Bytes } from '../../src/intake/xlsx/zip/bytes.js'

/** What a header says of an entry; by default the truth. */
type Stated = {
  name: string
  flags: number
  method: number
  crc: number
  compressedBytes: number
  bytes: number
  offset: number
  extra: Buffer
  unixMode: number
}

export type ZipEntry = {
  name: string
  content: Buffer | string
  isStored?: boolean
  /** The sizes follow the content instead of preceding it, in 32 bits or in 64. */
  descriptor?: 32 | 64
  /** What is there instead of the content, as it stands. */
  raw?: Buffer
  local?: Partial<Stated>
  central?: Partial<Stated>
}

/** Of the ZIP's end: what is to be there instead of the truth. */
export type ZipEnd = {
  prefix?: Buffer
  comment?: string
  entries?: number
  offset?: number
  bytes?: number
  zip64?: { entries?: number; offset?: number; bytes?: number; at?: number }
}

const [DESCRIPTOR_FLAG, UTF8_FLAG] = [0x08, 0x800]
const DEFLATED = 8
const UNIX = 3

/** A ZIP, well-formed but for what it is told to be. */
export function writeZip(entries: ZipEntry[], end: ZipEnd = {}): Buffer {
  const { prefix = Buffer.alloc(0), comment = '' } = end
  const pieces: Buffer[] = [prefix]
  const directory: Buffer[] = []
  let at = prefix.length
  for (const entry of entries) {
    const content = Buffer.from(entry.content)
    const stored = entry.raw ?? (entry.isStored ? content : deflateRawSync(content))
    const truth: Stated = {
      name: entry.name,
      flags: UTF8_FLAG | (entry.descriptor ? DESCRIPTOR_FLAG : 0),
      method: entry.isStored ? 0 : DEFLATED,
      crc: crc32(content),
      compressedBytes: stored.length,
      bytes: content.length,
      offset: at,
      extra: Buffer.alloc(0),
      unixMode: 0,
    }
    const unsaid = entry.descriptor ? { crc: 0, compressedBytes: 0, bytes: 0 } : {}
    const written = [localHeader({ ...truth, ...unsaid, ...entry.local }), stored, descriptor(entry.descriptor, truth)]
    pieces.push(...written)
    directory.push(centralHeader({ ...truth, ...entry.central }))
    at += written.reduce((sum, { length }) => sum + length, 0)
  }
  const central = Buffer.concat(directory)
  const real = { entries: entries.length, bytes: central.length, offset: at }
  const end64 = end.zip64 ? zip64End({ ...real, at: at + central.length, ...end.zip64 }) : Buffer.alloc(0)
  const unsaid = end.zip64 ? { entries: 0xffff, bytes: 0xffffffff, offset: 0xffffffff } : {}
  return Buffer.concat([...pieces, central, end64, endRecord({ ...real, ...unsaid, ...end }, comment)])
}

function localHeader({ name, flags, method, crc, compressedBytes, bytes, extra }: Stated): Buffer {
  const fields = numbers([4, 0x04034b50], [2, 20], [2, flags], [2, method], [4, 0], [4, crc], [4, compressedBytes], [4, bytes])
  return Buffer.concat([fields, numbers([2, Buffer.byteLength(name)], [2, extra.length]), Buffer.from(name), extra])
}

function centralHeader(stated: Stated): Buffer {
  const { name, flags, method, crc, compressedBytes, bytes, offset, extra, unixMode } = stated
  const made = unixMode ? (UNIX << 8) | 20 : 20
  return Buffer.concat([
    numbers([4, 0x02014b50], [2, made], [2, 20], [2, flags], [2, method], [4, 0], [4, crc], [4, compressedBytes], [4, bytes]),
    numbers([2, Buffer.byteLength(name)], [2, extra.length], [2, 0], [2, 0], [2, 0], [4, unixMode * 0x10000], [4, offset]),
    Buffer.from(name),
    extra,
  ])
}

function descriptor(bits: 32 | 64 | undefined, { crc, compressedBytes, bytes }: Stated): Buffer {
  const width = bits === 64 ? 8 : 4
  return bits ? numbers([4, 0x08074b50], [4, crc], [width, compressedBytes], [width, bytes]) : Buffer.alloc(0)
}

function zip64End({ entries, bytes, offset, at }: { entries: number; bytes: number; offset: number; at: number }): Buffer {
  const record = numbers(
    [4, 0x06064b50],
    [8, 44],
    [2, 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, bytes],
    [8, offset],
  )
  return Buffer.concat([record, numbers([4, 0x07064b50], [4, 0], [8, at], [4, 1])])
}

function endRecord({ entries, bytes, offset }: { entries: number; bytes: number; offset: number }, comment: string): Buffer {
  const fields = numbers(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, entries],
    [2, entries],
    [4, bytes],
    [4, offset],
    [2, comment.length],
  )
  return Buffer.concat([fields, Buffer.from(comment)])
}

/** An extra field with sizes that do not fit 32 bits, or are said not to. */
export function zip64Extra(...sizes: number[]): Buffer {
  return numbers([2, 1], [2, sizes.length * 8], ...sizes.map((size): [number, number] => [8, size]))
}

function numbers(...fields: [width: number, value: number][]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [width]) => sum + width, 0))
  let at = 0
  for (const [width, value] of fields) {
    if (width === 8) buffer.writeBigUInt64LE(BigInt(value), at)
    else buffer.writeUIntLE(value, at, width)
    at += width
  }
  return buffer
}

type SheetPart = { name?: string; state?: string; data?: string; xml?: string }

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const TYPES = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

/** A workbook's parts, by name. A sheet's `data` is what its `sheetData` holds. */
export function workbookParts(
  sheets: SheetPart[] | string,
  {
    strings = [],
    formats = [],
    isDate1904 = false,
  }: { strings?: string[]; formats?: (string | number)[]; isDate1904?: boolean } = {},
): Record<string, string> {
  const all = typeof sheets === 'string' ? [{ data: sheets }] : sheets
  const custom = formats.map((format, i) =>
    typeof format === 'string' ? { id: 164 + i, code: format } : { id: format, code: '' },
  )
  const parts = Object.fromEntries(all.map(({ xml, data = '' }, i) => [`xl/worksheets/sheet${i + 1}.xml`, xml ?? sheetXml(data)]))
  const list = all.map(
    ({ name, state = 'visible' }, i) =>
      `<sheet name="${name ?? `Sheet${i + 1}`}" sheetId="${i + 1}" state="${state}" r:id="rId${i + 1}"/>`,
  )
  return {
    '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/></Types>`,
    '_rels/.rels': relationships([['rId1', 'officeDocument', 'xl/workbook.xml']]),
    'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><workbookPr date1904="${Number(isDate1904)}"/><sheets>${list.join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relationships([
      ...all.map((_, i): [string, string, string] => [`rId${i + 1}`, 'worksheet', `worksheets/sheet${i + 1}.xml`]),
      ['rIdT', 'sharedStrings', 'sharedStrings.xml'],
      ['rIdS', 'styles', 'styles.xml'],
    ]),
    'xl/sharedStrings.xml': `<sst xmlns="${MAIN}">${strings.map((one) => `<si>${one}</si>`).join('')}</sst>`,
    'xl/styles.xml': `<styleSheet xmlns="${MAIN}"><numFmts>${custom
      .filter(({ code }) => code)
      .map(({ id, code }) => `<numFmt numFmtId="${id}" formatCode="${escapeXml(code)}"/>`)
      .join(
        '',
      )}</numFmts><cellXfs><xf numFmtId="0"/>${custom.map(({ id }) => `<xf numFmtId="${id}"/>`).join('')}</cellXfs></styleSheet>`,
    ...parts,
  }
}

export function sheetXml(data: string): string {
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="${MAIN}"><dimension ref="A1"/><sheetData>${data}</sheetData></worksheet>`
}

export function relationships(all: [id: string, type: string, target: string][]): string {
  const each = all.map(([id, type, target]) => `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`)
  return `<Relationships xmlns="${PACKAGE}/relationships">${each.join('')}</Relationships>`
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** The parts as a ZIP; `change` alters an entry, or leaves it out. */
export function pack(parts: Record<string, string | Buffer>, change: (entry: ZipEntry) => ZipEntry = (entry) => entry): Buffer {
  return writeZip(Object.entries(parts).map(([name, content]) => change({ name, content })))
}

export function toBytes(file: Buffer): Bytes {
  return { size: file.length, read: (start, end) => Readable.from([file.subarray(start, end)]) }
}

/** All rows of the first sheet, or of another. */
export async function readRows(file: Buffer, sheetAt = 0): Promise<Row[]> {
  const workbook = await openWorkbook(toBytes(file))
  const sheet = workbook.sheets[sheetAt]
  if (!sheet) throw new Error('no such sheet')
  const rows: Row[] = []
  for await (const batch of workbook.readRows(sheet)) rows.push(...batch)
  return rows
}
