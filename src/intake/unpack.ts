import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { AppError } from '../errors.js'

/** A file as its sender packed it. */
export type Packed = { bytes: number; sha256: string }

/** What people pack comes to a tenth; nothing real comes to less than a hundredth. */
const MAX_RATIO = 100
/** So much may come of anything, however short. */
const ALWAYS_BYTES = 1024 * 1024

/**
 * A gzipped file unpacked on its way, `contacts.csv.gz` as `contacts.csv`; any other as it is. `packed` says what was sent
 * once all has gone by, undefined: it was not packed.
 *
 * @throws {AppError} `archive_too_large`, `archive_damaged`
 */
export function unpack(name: string, source: AsyncIterable<Buffer>, maxBytes: number) {
  if (!/\.[^.]+\.gz$/i.test(name)) return { name, bytes: source, packed: (): Packed | undefined => undefined }
  const hash = createHash('sha256')
  let packedBytes = 0

  async function* read(): AsyncIterable<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk)
      packedBytes += chunk.length
      yield chunk
    }
  }

  async function* unpacked(): AsyncIterable<Buffer> {
    const gunzip = createGunzip()
    let failure: unknown
    const feeding = pipeline(Readable.from(read()), gunzip).catch((error: unknown) => {
      failure = error
    })
    let bytes = 0
    try {
      for await (const chunk of gunzip as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > maxBytes || bytes > ALWAYS_BYTES + packedBytes * MAX_RATIO)
          throw new AppError('archive_too_large', {
            detail: `"${name}" unpacks to more than ${bytes > maxBytes ? `the ${maxBytes} bytes that a file may have` : `${MAX_RATIO} times its size`}.`,
          })
        yield chunk
      }
    } catch (error) {
      // Said at once: what is read from breaks off as well, and would be taken for the reason.
      if (error instanceof AppError) throw error
      gunzip.destroy()
      await feeding
      if (!isOfGzip(error)) throw failure ?? error
      throw new AppError('archive_damaged', { cause: error, detail: `"${name}" cannot be unpacked: it is cut off, or no gzip.` })
    }
    await feeding
    if (failure) throw failure
  }

  return {
    name: name.replace(/\.gz$/i, ''),
    bytes: unpacked(),
    packed: (): Packed | undefined => ({ bytes: packedBytes, sha256: hash.copy().digest('hex') }),
  }
}

function isOfGzip(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}
