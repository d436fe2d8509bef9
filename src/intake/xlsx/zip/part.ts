import { pipeline } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { damaged, tooLarge } from '../refusals.js'
import { type Bytes, readRange } from './bytes.js'
import { type Entry, widen } from './directory.js'

const LOCAL = 0x04034b50
const LOCAL_BYTES = 30
/** With it most local headers are read at once. */
const USUAL_HEADER_BYTES = 1024
const SIZES_FOLLOW_FLAG = 0x0008
const DEFLATED = 8
const INFLATED_CHUNK_BYTES = 64 * 1024
/** Sheets compress to a twentieth. A part may be odder than that, but not both odd and large. */
const MAX_RATIO = 100
const FREE_OF_RATIO_BYTES = 64 * 1024 * 1024

/**
 * What a part of the file holds, inflated a chunk at a time; no more than `maxBytes`, whatever its headers claim. That it is
 * all there and unharmed is known only at its end.
 * @throws {AppError} `archive_damaged`, `archive_too_large`
 */
export async function* readPart(bytes: Bytes, entry: Entry, maxBytes: number): AsyncGenerator<Buffer> {
  const start = await findContent(bytes, entry)
  if (entry.bytes > Math.min(maxBytes, mostOf(entry.compressedBytes))) throw tooLarge(entry.name)
  const content = entry.compressedBytes === 0 ? [] : open(bytes, entry, start)
  let [count, crc] = [0, 0]
  for await (const { chunk, consumed } of content) {
    count += chunk.length
    if (count > Math.min(maxBytes, mostOf(consumed))) throw tooLarge(entry.name)
    if (count > entry.bytes) break
    crc = crc32(chunk, crc)
    yield chunk
  }
  if (count !== entry.bytes || crc !== entry.crc) throw damaged(`its part ${entry.name} is not what was saved`)
}

/** As large as anything honest may be that takes so many bytes in the file. */
function mostOf(compressedBytes: number): number {
  return FREE_OF_RATIO_BYTES + MAX_RATIO * compressedBytes
}

async function* open(bytes: Bytes, entry: Entry, start: number): AsyncGenerator<{ chunk: Buffer; consumed: number }> {
  const source = bytes.read(start, start + entry.compressedBytes)
  if (entry.method !== DEFLATED) {
    let consumed = 0
    for await (const chunk of source) {
      consumed += chunk.length
      yield { chunk, consumed }
    }
    return
  }
  const inflate = createInflateRaw({ chunkSize: INFLATED_CHUNK_BYTES })
  // Its error, or the source's, is met by whoever reads.
  pipeline(source, inflate, () => undefined)
  try {
    for await (const chunk of inflate) yield { chunk, consumed: inflate.bytesWritten }
  } catch (cause) {
    if (!isZlibError(cause)) throw cause
    throw damaged(`its part ${entry.name} cannot be decompressed`, cause)
  }
  if (inflate.bytesWritten !== entry.compressedBytes) throw contradiction(entry)
}

/** Where a part's bytes begin. Its own header must say what the directory says. */
async function findContent(bytes: Bytes, entry: Entry): Promise<number> {
  const { offset, limit, rawName } = entry
  let header = await readRange(bytes, offset, Math.min(limit, offset + USUAL_HEADER_BYTES))
  const nameEnd = LOCAL_BYTES + header.readUInt16LE(26)
  const headerBytes = nameEnd + header.readUInt16LE(28)
  if (offset + headerBytes + entry.compressedBytes > limit) throw damaged('its parts overlap')
  if (headerBytes > header.length) header = await readRange(bytes, offset, offset + headerBytes)

  const flags = header.readUInt16LE(6)
  const stated = [14, 22, 18].map((field) => header.readUInt32LE(field))
  const [crc = 0, ...sizes] = stated
  const [size = 0, compressedSize = 0] = widen(header.subarray(nameEnd, headerBytes), sizes)
  const agrees = (here: number, there: number) => here === there || (here === 0 && (flags & SIZES_FOLLOW_FLAG) !== 0)
  const isHonest =
    header.readUInt32LE(0) === LOCAL &&
    header.readUInt16LE(8) === entry.method &&
    header.subarray(LOCAL_BYTES, nameEnd).equals(rawName) &&
    (flags & 1) === 0 &&
    agrees(crc, entry.crc) &&
    agrees(size, entry.bytes) &&
    agrees(compressedSize, entry.compressedBytes)
  if (!isHonest) throw contradiction(entry)
  return offset + headerBytes
}

function contradiction({ name }: Entry): Error {
  return damaged(`it says two different things about its part ${name}`)
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}
