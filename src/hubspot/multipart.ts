import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../errors.js'
import type { Ending } from './send.js'

/** A file on its way to HubSpot; `read` gives its bytes, whose SHA-256 must come out as `sha256`. */
export type OutgoingFile = { name: string; format: string; bytes: number; sha256: string; read: () => AsyncIterable<Buffer> }

const CONTENT_TYPES: Record<string, string> = {
  CSV: 'text/csv',
  XLSX: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  SPREADSHEET: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  XLS: 'application/vnd.ms-excel',
}

/**
 * A create's multipart body, written by hand so that its length is known and nothing is held: importRequest first, then
 * the files. The closing boundary is apart, to be sent when the body has ended, and that is after `beforeLastBytes`.
 */
export function multipart(importRequest: Record<string, unknown>, files: OutgoingFile[], beforeLastBytes: () => Promise<void>) {
  const boundary = `importal-${randomBytes(18).toString('hex')}`
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="importRequest"\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(importRequest)}\r\n`,
  )
  const fileHeads = files.map(({ name, format }) =>
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="files"; filename="${name}"\r\ncontent-type: ${CONTENT_TYPES[format] ?? 'application/octet-stream'}\r\n\r\n`,
    ),
  )
  const ending: Ending = { bytes: Buffer.from(`--${boundary}--\r\n`), isSent: false }
  const fileBytes = files.reduce((sum, file, i) => sum + (fileHeads[i]?.length ?? 0) + file.bytes + 2, 0)
  const ours: { failure: unknown } = { failure: undefined }

  async function* body(): AsyncIterable<Buffer> {
    try {
      yield head
      for (const [i, file] of files.entries()) {
        yield fileHeads[i] ?? Buffer.alloc(0)
        yield* verified(file)
        yield Buffer.from('\r\n')
      }
      await beforeLastBytes()
    } catch (error) {
      ours.failure = error
      throw error
    }
  }

  return {
    body: body(),
    ending,
    contentLength: head.length + fileBytes + ending.bytes.length,
    contentType: `multipart/form-data; boundary=${boundary}`,
    /** What `read` or `beforeLastBytes` threw, or what is wrong with a file. */
    ours,
  }
}

/** The file's bytes, hashed again on the way out. @throws {AppError} `file_damaged` before the last bytes of the body. */
async function* verified(file: OutgoingFile): AsyncIterable<Buffer> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of file.read()) {
    hash.update(chunk)
    bytes += chunk.length
    if (bytes > file.bytes) break
    yield chunk
  }
  if (bytes !== file.bytes || hash.digest('hex') !== file.sha256)
    throw new AppError('file_damaged', { context: { expectedBytes: file.bytes, bytes } })
}
