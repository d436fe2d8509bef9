import { damaged, encrypted, notWorkbook, tooComplex } from '../refusals.js'
import { type Bytes, readRange } from './bytes.js'

/** A file inside a ZIP as its directory describes it. All of it is a claim but `offset` and `limit`, which never overlap. */
export type Entry = {
  name: string
  rawName: Buffer
  flags: number
  method: number
  crc: number
  compressedBytes: number
  bytes: number
  offset: number
  /** Where the next thing in the file begins. */
  limit: number
}

type End = { at: number; entries: number; bytes: number; offset: number }

const [LOCAL, CENTRAL, END, END64, LOCATOR64] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50]
const [CENTRAL_BYTES, END_BYTES, END64_BYTES, LOCATOR64_BYTES] = [46, 22, 56, 20]
const LOCAL_BYTES = 30
/** An end with the longest comment, and mostly the whole directory before it. */
const TAIL_BYTES = 128 * 1024
/** A workbook of a thousand sheets with a drawing each has as many. */
const MAX_ENTRIES = 2_000
const MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
const ENCRYPTED_FLAGS = 0x2041
const UTF8_FLAG = 0x0800
const AES = 99
const [STORED, DEFLATED] = [0, 8]
const UNIX = 3
const [FILE_TYPE, REGULAR, FOLDER] = [0xf000, 0x8000, 0x4000]
const COMPOUND_FILE = Buffer.from('d0cf11e0a1b11ae1', 'hex')
const ENCRYPTED_PACKAGE = Buffer.from('EncryptedPackage\0', 'utf16le')
const COMPOUND_ENTRY_BYTES = 128

/**
 * The files inside a ZIP, by name in lower case, read from its end alone. Nothing is allocated by what the file claims.
 * @throws {AppError} `format_unsupported`, `encrypted`, `archive_damaged`, `file_too_complex`
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function readDirectory(bytes: Bytes): Promise<Map<string, Entry>> {
  await refuseOthers(bytes)
  const tailAt = Math.max(0, bytes.size - TAIL_BYTES)
  const tail = await readRange(bytes, tailAt, bytes.size)
  const end = await findEnd(bytes, tail, tailAt)
  if (end.entries > MAX_ENTRIES || end.bytes > MAX_DIRECTORY_BYTES) throw tooComplex(`more than ${MAX_ENTRIES} parts`)
  if (end.offset + end.bytes !== end.at) throw damaged('its directory is not where it should be')
  const isInTail = end.offset >= tailAt
  const directory = isInTail ? tail.subarray(end.offset - tailAt, end.at - tailAt) : await readRange(bytes, end.offset, end.at)
  return byName(layOut(parseDirectory(directory, end.entries), end.offset))
}

/** What does not begin as a ZIP begins is something else, whatever a ZIP may follow. */
async function refuseOthers(bytes: Bytes): Promise<void> {
  const head = await readRange(bytes, 0, Math.min(bytes.size, 8))
  if (head.equals(COMPOUND_FILE)) {
    if (await holdsEncryptedPackage(bytes)) throw encrypted()
    throw notWorkbook('in an old Office format (such as .xls)')
  }
  if (head.length < 4 || head.readUInt32LE(0) !== LOCAL) throw notWorkbook('not an Excel workbook')
}

/** A workbook with a password is a stream of that name in a compound file. @see [MS-OFFCRYPTO] 2.3 */
async function holdsEncryptedPackage(bytes: Bytes): Promise<boolean> {
  let carried: Buffer = Buffer.alloc(0)
  let at = 0
  for await (const chunk of bytes.read(0, bytes.size)) {
    const seen = Buffer.concat([carried, chunk])
    for (let found = seen.indexOf(ENCRYPTED_PACKAGE); found >= 0; found = seen.indexOf(ENCRYPTED_PACKAGE, found + 1))
      if ((at + found) % COMPOUND_ENTRY_BYTES === 0) return true
    carried = seen.subarray(Math.max(0, seen.length - ENCRYPTED_PACKAGE.length + 1))
    at += seen.length - carried.length
  }
  return false
}

async function findEnd(bytes: Bytes, tail: Buffer, tailAt: number): Promise<End> {
  let hasMoreBehind = false
  for (let i = tail.length - END_BYTES; i >= 0; i--) {
    if (tail.readUInt32LE(i) !== END) continue
    const length = i + END_BYTES + tail.readUInt16LE(i + 20)
    if (length === tail.length) return parseEnd(bytes, tail, tailAt, i)
    hasMoreBehind ||= length < tail.length
  }
  if (hasMoreBehind) throw notWorkbook('an archive with something else behind it')
  throw damaged('it is cut off, its end is missing')
}

async function parseEnd(bytes: Bytes, tail: Buffer, tailAt: number, i: number): Promise<End> {
  const [disk, directoryDisk, onDisk, entries] = [4, 6, 8, 10].map((field) => tail.readUInt16LE(i + field))
  const small = {
    at: tailAt + i,
    entries: entries ?? 0,
    bytes: tail.readUInt32LE(i + 12),
    offset: tail.readUInt32LE(i + 16),
  }
  const hasLocator = i >= LOCATOR64_BYTES && tail.readUInt32LE(i - LOCATOR64_BYTES) === LOCATOR64
  if (hasLocator) return parseEnd64(bytes, tail.subarray(i - LOCATOR64_BYTES, i), small)
  if (disk !== 0 || directoryDisk !== 0 || onDisk !== entries) throw damaged('it is one piece of a split archive')
  return small
}

/** A ZIP64's end must say what the old one says, where that one has room to say it. */
async function parseEnd64(bytes: Bytes, locator: Buffer, small: End): Promise<End> {
  const at = toNumber(locator.readBigUInt64LE(8))
  const locatorAt = small.at - LOCATOR64_BYTES
  if (at + END64_BYTES > locatorAt) throw damaged('its directory is not where it should be')
  const record = await readRange(bytes, at, at + END64_BYTES)
  const end = {
    at,
    entries: toNumber(record.readBigUInt64LE(32)),
    bytes: toNumber(record.readBigUInt64LE(40)),
    offset: toNumber(record.readBigUInt64LE(48)),
  }
  const agrees = (large: number, old: number, unsaid: number) => large === old || old === unsaid
  const isHonest =
    record.readUInt32LE(0) === END64 &&
    at + 12 + toNumber(record.readBigUInt64LE(4)) === locatorAt &&
    record.readUInt32LE(16) === 0 &&
    record.readUInt32LE(20) === 0 &&
    toNumber(record.readBigUInt64LE(24)) === end.entries &&
    agrees(end.entries, small.entries, 0xffff) &&
    agrees(end.bytes, small.bytes, 0xffffffff) &&
    agrees(end.offset, small.offset, 0xffffffff)
  if (!isHonest) throw damaged('its directory contradicts itself')
  return end
}

function parseDirectory(directory: Buffer, count: number): Entry[] {
  const entries: Entry[] = []
  let at = 0
  while (entries.length < count) {
    if (at + CENTRAL_BYTES > directory.length || directory.readUInt32LE(at) !== CENTRAL) break
    const nameEnd = at + CENTRAL_BYTES + directory.readUInt16LE(at + 28)
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30)
    const next = extraEnd + directory.readUInt16LE(at + 32)
    if (next > directory.length) break
    const header = directory.subarray(at, at + CENTRAL_BYTES)
    entries.push(parseEntry(header, directory.subarray(at + CENTRAL_BYTES, nameEnd), directory.subarray(nameEnd, extraEnd)))
    at = next
  }
  if (entries.length !== count || at !== directory.length) throw damaged('its directory is broken')
  return entries
}

function parseEntry(header: Buffer, rawName: Buffer, extra: Buffer): Entry {
  const flags = header.readUInt16LE(8)
  const method = header.readUInt16LE(10)
  if ((flags & ENCRYPTED_FLAGS) !== 0 || method === AES) throw encrypted()
  if (method !== STORED && method !== DEFLATED) throw damaged('it is compressed in a way that workbooks are not')
  const fileType = header.readUInt8(5) === UNIX ? header.readUInt16LE(40) & FILE_TYPE : 0
  if (fileType !== 0 && fileType !== REGULAR && fileType !== FOLDER)
    throw damaged('it holds a link to another file, which no workbook does')
  const [bytes = 0, compressedBytes = 0, offset = 0] = widen(
    extra,
    [24, 20, 42].map((field) => header.readUInt32LE(field)),
  )
  const name = safeName(rawName.toString(flags & UTF8_FLAG ? 'utf8' : 'latin1'))
  return { name, rawName, flags, method, crc: header.readUInt32LE(16), compressedBytes, bytes, offset, limit: 0 }
}

/** Sizes as they are: those that do not fit 32 bits are in an extra field, in this order. */
export function widen(extra: Buffer, sizes: number[]): number[] {
  let field = Buffer.alloc(0)
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2))
    if (extra.readUInt16LE(at) === 1) field = Buffer.from(extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2)))
  let at = 0
  return sizes.map((size) => {
    if (size !== 0xffffffff) return size
    at += 8
    if (at > field.length) throw damaged('the size of a part is missing')
    return toNumber(field.readBigUInt64LE(at - 8))
  })
}

function safeName(raw: string): string {
  const name = raw.replaceAll('\\', '/')
  const isUnsafe =
    name === '' || name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..') || name.includes('\0')
  if (isUnsafe) throw damaged('it holds a part whose name leads out of the file, which no workbook does')
  return name
}

/** Every entry ends before the next one begins, the first one begins the file, and the last ends before the directory. */
function layOut(entries: Entry[], directoryAt: number): Entry[] {
  const inOrder = entries.toSorted((a, b) => a.offset - b.offset)
  inOrder.forEach((entry, i) => {
    entry.limit = inOrder[i + 1]?.offset ?? directoryAt
    const least = entry.offset + LOCAL_BYTES + entry.rawName.length + entry.compressedBytes
    if (least > entry.limit) throw damaged('its parts overlap')
  })
  if (inOrder[0]?.offset !== 0) throw notWorkbook('an archive with something else before it')
  return entries
}

function byName(entries: Entry[]): Map<string, Entry> {
  const named = new Map(entries.map((entry) => [entry.name.toLowerCase(), entry]))
  if (named.size !== entries.length) throw damaged('it holds two parts of the same name')
  return named
}

/** Beyond 2^53 it is a lie about any file. */
function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('it claims an impossible size')
  return Number(value)
}
