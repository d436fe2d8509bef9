import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import busboy from 'busboy'
import type { Property } from '../properties.js'
import type { ReceivedFile } from '../state.js'
import { checksOf } from './cell-checks.js'
import { fileRequestOf, type ImportRequest, mappingsOf, parseRequest } from './request.js'
import { createRowReader, type RowReport } from './rows.js'

/** A file that went by, and what was seen of its rows; of a spreadsheet nothing is. */
export type Passed = ReceivedFile & { report: RowReport | undefined }
export type Upload = { request: ImportRequest | undefined; files: Passed[]; isMalformed: boolean }

type Options = { keepTextBytes: number; properties: Record<string, Property[]>; bytesPerSecond: number | undefined }

const MAX_REQUEST_BYTES = 4 * 1024 * 1024

/**
 * Takes a multipart body as it comes, its parts in any order, and keeps of each file a hash, its counts, its first bytes
 * and what is wrong with it. A slow consumer holds the sender back; a body cut off ends malformed.
 */
export async function receiveUpload(req: IncomingMessage, options: Options): Promise<Upload> {
  const upload: Upload = { request: undefined, files: [], isMalformed: false }
  if (options.bytesPerSecond === 0) {
    await once(req, 'close')
    return { ...upload, isMalformed: true }
  }
  const parser = openParser(req)
  if (!parser) {
    req.resume()
    return { ...upload, isMalformed: true }
  }

  const spoil = () => {
    upload.isMalformed = true
  }
  const reading: Promise<void>[] = []
  parser.on('field', (name, value) => {
    if (name === 'importRequest') upload.request = parseRequest(value)
  })
  parser.on('file', (name, stream, { filename = '', mimeType }) => {
    if (name === 'files') reading.push(takeFile(upload, stream, { name: filename, contentType: mimeType }, options).catch(spoil))
    else if (name === 'importRequest') reading.push(takeRequest(upload, stream).catch(spoil))
    else stream.resume()
  })
  parser.on('error', () => {
    spoil()
    req.unpipe()
    req.resume()
  })
  req.once('close', () => {
    if (!req.complete) parser.destroy(new Error('The body was cut off.'))
  })
  const source = options.bytesPerSecond === undefined ? req : req.pipe(throttle(options.bytesPerSecond))
  source.pipe(parser)
  await new Promise<void>((resolve) => parser.once('close', resolve))
  await Promise.all(reading)
  return upload
}

function openParser(req: IncomingMessage): busboy.Busboy | undefined {
  try {
    return busboy({ headers: req.headers, defParamCharset: 'utf8', limits: { fieldSize: MAX_REQUEST_BYTES } })
  } catch {
    return undefined
  }
}

/** The request as a part with a file name or a binary type. */
async function takeRequest(upload: Upload, stream: Readable): Promise<void> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_REQUEST_BYTES) chunks.push(chunk)
  }
  upload.request = parseRequest(Buffer.concat(chunks).toString('utf8'))
}

async function takeFile(
  { request, files }: Upload,
  stream: Readable,
  { name, contentType }: { name: string; contentType: string },
  { keepTextBytes, properties }: Options,
): Promise<void> {
  const entry = fileRequestOf(request, name)
  const hasHeader = entry?.fileImportPage?.hasHeader ?? true
  const rows = createRowReader({ checks: request && checksOf(mappingsOf(entry), properties), hasHeader })
  const isText = !/\.xlsx?$/i.test(name)
  const hash = createHash('sha256')
  const start: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk)
    if (bytes < keepTextBytes) start.push(Buffer.from(chunk.subarray(0, keepTextBytes - bytes)))
    if (isText) rows.push(chunk)
    bytes += chunk.length
  }
  const report = isText ? rows.end() : undefined
  const text = Buffer.concat(start).toString('utf8')
  files.push({ name, contentType, bytes, sha256: hash.digest('hex'), text, rows: report?.rows ?? 0, report })
}

function throttle(bytesPerSecond: number): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      setTimeout(() => done(null, chunk), (chunk.length / bytesPerSecond) * 1_000).unref()
    },
  })
}
