import { PassThrough, type Readable, type Writable } from 'node:stream'
import type { Request, RequestHandler, Response } from 'express'
import multer, { MulterError, type StorageEngine } from 'multer'
import { AppError, type ProblemCode } from '../errors.js'
import type { Seats } from './seats.js'

/** What a multipart request brought: its files, all stored, and its one text. */
export type Upload<Stored> = { text: string | undefined; files: Stored[] }

export type UploadOptions<Stored> = {
  /**
   * Takes a part's bytes as they come; `name` is the file's own, without a path, and `text` the text if it came before. A
   * source that fails must leave nothing stored.
   */
  save: (source: AsyncIterable<Buffer>, name: string, sent: { req: Request; text: string | undefined }) => Promise<Stored>
  remove: (stored: Stored) => Promise<void>
  /** Told how much comes, and may say that it is too much. */
  meter?: (res: Response, refuse: (error: AppError) => void) => Meter
  /** Slower than that on average over a whole window is not an upload any more, but a connection that is held. */
  slowest?: Slowest
  /** Nobody may fill a process with uploads of his. */
  seats: Seats
  senderOf: (res: Response) => string
  /** Of one file; the whole body may be a mebibyte more. */
  maxBytes: number
  fileField: string
  /** The name of the text, which may come as a field or as a file part. */
  textField: string
  /** Looks at the text before a file that follows it is read: what it throws refuses the request. */
  checkText: (text: string, req: Request) => void
}

/** Told of all the bytes that have come by then: `came` while more come, `ended` once, whatever became of them. */
export type Meter = { came: (bytes: number) => void; ended: (bytes: number) => void }

/** Only time in which we would have read more counts. */
export type Slowest = { windowMs: number; bytesPerSecond: number }

/** An upload over a poor line takes hours, and may. @see T14, D2.46 */
const SLOWEST: Slowest = { windowMs: 30_000, bytesPerSecond: 16 * 1024 }
const LOOKS_A_WINDOW = 6
const MAX_TEXT_BYTES = 256 * 1024
const MAX_OVERHEAD_BYTES = 1024 * 1024
const MAX_FILENAME_LENGTH = 255
const BUSY_RETRY_SECONDS = 2
/** As bytes are sent. */
const PLAIN = /^(7bit|8bit|binary)$/i
const LIMITS = {
  files: 6,
  fields: 4,
  parts: 6,
  fieldSize: MAX_TEXT_BYTES,
  fieldNameSize: 64,
  headerPairs: 20,
  fieldNestingDepth: 0,
  fieldArrayIndexLimit: 0,
}

const CODES: Record<string, ProblemCode> = {
  LIMIT_PART_COUNT: 'too_many_parts',
  LIMIT_FILE_COUNT: 'too_many_parts',
  LIMIT_FIELD_COUNT: 'too_many_parts',
  LIMIT_FILE_SIZE: 'upload_too_large',
  LIMIT_FIELD_VALUE: 'import_request_too_large',
  LIMIT_FIELD_KEY: 'unexpected_field',
  LIMIT_FIELD_NESTING: 'unexpected_field',
  LIMIT_FIELD_ARRAY_INDEX: 'unexpected_field',
  LIMIT_UNEXPECTED_FILE: 'unexpected_field',
  INVALID_FIELD_NAME: 'unexpected_field',
  MISSING_FIELD_NAME: 'multipart_malformed',
}

type Part = { fieldname: string; originalname: string; encoding: string; stream: Readable & { truncated?: boolean } }

/**
 * Receives a multipart upload, streaming every file part to `save`; `uploadOf(res)` has the result. No file is ever held
 * in memory, and a request that is refused leaves nothing stored.
 *
 * @throws {AppError} one of the codes under "The upload" in errors.ts, `json_invalid` and others from `checkText`
 */
export function upload<Stored extends object>(options: UploadOptions<Stored>): RequestHandler {
  return async (req, res, next) => {
    if (res.closed) throw new AppError('upload_incomplete')
    checkHeaders(req, options.maxBytes)
    const { seats, senderOf } = options
    const rise = seats.take(senderOf(res))
    if (!rise)
      throw new AppError('too_many_uploads', {
        detail: `${seats.max} of your uploads are coming in. Send this one when some of them have ended.`,
        retryAfterSeconds: BUSY_RETRY_SECONDS,
      })
    res.locals.isWatched = true
    try {
      if (req.headers.expect) res.writeContinue()
      res.locals.upload = await receive(req, res, options)
    } finally {
      rise()
    }
    next()
  }
}

/** What `upload` received; it is the caller's from now on, to keep or to remove. */
export function uploadOf<Stored>(res: Response): Upload<Stored> {
  return res.locals.upload as Upload<Stored>
}

/** Everything that can be refused before a byte of the body is read. */
function checkHeaders(req: Request, maxBytes: number): void {
  const type = req.headers['content-type'] ?? ''
  if (!/^multipart\/form-data\s*(;|$)/i.test(type)) throw new AppError('multipart_required')
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new AppError('encoding_unsupported', { detail: 'Send the body uncompressed.' })
  const [, quoted, plain] = /boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(type) ?? []
  const boundary = quoted ?? plain ?? ''
  if (boundary === '' || boundary.length > 70)
    throw new AppError('multipart_malformed', { detail: 'Content-Type needs a boundary of 1 to 70 characters.' })
  if (Number(req.headers['content-length'] ?? 0) > maxBytes + MAX_OVERHEAD_BYTES) throw tooLarge(maxBytes)
}

async function receive<Stored extends object>(
  req: Request,
  res: Response,
  options: UploadOptions<Stored>,
): Promise<Upload<Stored>> {
  const { save, remove, maxBytes, fileField, textField, checkText, slowest = SLOWEST } = options
  const texts: string[] = [] // those that came as file parts
  const files: Stored[] = []
  const saving = new Set<Promise<unknown>>()
  let refusal: AppError | undefined // of a file, by whoever looked at it
  const body = boundedBody(req, maxBytes, slowest, (seen) => meter?.came(seen))
  const meter = options.meter?.(res, body.refuse)
  let isTextChecked = false

  /** The text as far as it is known; a field that is not ours is refused as soon as it is seen. */
  function readText(): string | undefined {
    const all = [...texts]
    for (const [name, value] of Object.entries(body.fields())) {
      if (name === fileField) throw new AppError('filename_missing', { detail: `The part "${fileField}" needs a filename.` })
      if (name !== textField) throw unexpectedField(name)
      all.push(...[value].flat().map(String))
    }
    if (all.length > 1) throw new AppError('duplicate_field', { detail: `Send "${textField}" once.` })
    const [text] = all
    if (text !== undefined && !isTextChecked) checkText(text, req)
    isTextChecked = text !== undefined
    return text
  }

  async function store({ fieldname, originalname, encoding, stream }: Part): Promise<void> {
    if (!PLAIN.test(encoding)) throw encoded(fieldname)
    if (fieldname === textField) return void texts.push(await readWhole(stream))
    if (fieldname !== fileField) throw unexpectedField(fieldname)
    const name = cleanName(originalname)
    files.push(await save(untruncated(stream, maxBytes), name, { req, text: readText() }))
  }

  const hasText = () => texts.length > 0 || Object.hasOwn(body.fields(), textField)

  /** Bytes without a filename multer would pass over, as if they had not been sent. */
  function refuseNameless(source: Readable, parser: Writable): void {
    parser.on('file', (fieldname: string, _stream: Readable, { filename }: { filename?: string }) => {
      if (filename) return
      refusal ??=
        fieldname === fileField
          ? new AppError('filename_missing', { detail: `The part "${fileField}" needs a filename.` })
          : fieldname === textField
            ? hasText()
              ? new AppError('duplicate_field', { detail: `Send "${textField}" once.` })
              : new AppError('import_request_missing', { detail: `Send "${textField}" as text or JSON, not as mere bytes.` })
            : unexpectedField(fieldname)
      parser.destroy(refusal)
    })
    source.pipe(parser)
  }

  const storage: StorageEngine = {
    _handleFile: (_req, part, done) => {
      const { stream } = part as Part
      const stored = store(part as Part).finally(() => saving.delete(stored))
      saving.add(stored)
      stored.then(
        () => done(null, {}),
        (error: unknown) => {
          if (error instanceof AppError) refusal ??= error
          stream.resume()
          done(error)
        },
      )
    },
    _removeFile: (_req, _file, done) => done(null),
  }

  try {
    await new Promise<void>((resolve, reject) => {
      const limits = { ...LIMITS, fileSize: maxBytes }
      const receiver = multer({ storage, limits, defParamCharset: 'utf8', streamHandler: refuseNameless } as multer.Options).any()
      receiver(body.stream as unknown as Request, {} as Response, (error?: unknown) => (error ? reject(error) : resolve()))
    })
    const text = readText()
    return { text, files }
  } catch (error) {
    // A file may have been complete, and be saved still, when its sender broke off.
    await Promise.allSettled(saving)
    await Promise.all(files.map(remove))
    // Giving up a file in its midst breaks the body, which may be heard of first.
    throw toAppError(body.error() ?? refusal ?? error, maxBytes)
  } finally {
    body.unwatch()
    meter?.ended(body.seen())
  }
}

/**
 * A stand-in for the request that multer may end: the request itself must stay open for the answer. It gives up once the
 * body is longer than allowed, and as soon as multer is done with it: left alone, multer would first read a refused body
 * to its end, however long.
 */
function boundedBody(req: Request, maxBytes: number, { windowMs, bytesPerSecond }: Slowest, came: (seen: number) => void) {
  const stream = new PassThrough()
  // Nobody may be reading: multer gives some requests up before it begins. An error that nobody hears would end the process.
  stream.on('error', () => undefined)
  let seen = 0
  let error: AppError | undefined
  const unpipe = stream.unpipe.bind(stream)
  Object.assign(stream, {
    headers: req.headers,
    unpipe: (target?: NodeJS.WritableStream) => {
      unpipe(target)
      req.unpipe(stream)
      stream.destroy()
      return stream
    },
  })
  function refuse(why: AppError): void {
    if (stream.destroyed) return
    error = why
    stream.destroy(why)
  }
  req.on('data', (chunk: Buffer) => {
    seen += chunk.length
    came(seen)
    if (seen > maxBytes + MAX_OVERHEAD_BYTES) refuse(tooLarge(maxBytes))
  })
  req.once('close', () => {
    if (!req.complete) refuse(new AppError('upload_incomplete'))
  })
  req.pipe(stream)
  // What came between the looks of a window; a look at which we were not reading begins it anew.
  let looks: number[] = []
  let before = 0
  const watching = setInterval(() => {
    const isOurs = req.isPaused() || stream.writableNeedDrain
    looks = isOurs ? [] : [...looks, seen - before].slice(-LOOKS_A_WINDOW)
    before = seen
    const bytes = looks.reduce((sum, one) => sum + one, 0)
    if (looks.length < LOOKS_A_WINDOW || bytes >= (bytesPerSecond * windowMs) / 1_000) return
    const detail = `Fewer than ${bytesPerSecond} bytes a second came.`
    refuse(new AppError('request_timeout', { detail, headers: { connection: 'close' } }))
  }, windowMs / LOOKS_A_WINDOW)
  const fields = () => (stream as { body?: Record<string, unknown> }).body ?? {}
  return { stream, fields, refuse, error: () => error, seen: () => seen, unwatch: () => clearInterval(watching) }
}

async function* untruncated(stream: Part['stream'], maxBytes: number): AsyncIterable<Buffer> {
  yield* stream as AsyncIterable<Buffer>
  if (stream.truncated) throw tooLarge(maxBytes)
}

async function readWhole(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_TEXT_BYTES) throw new AppError('import_request_too_large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Control, direction and zero-width characters can make a name look like, or reach, something else. */
function cleanName(name: string): string {
  if (/[\p{Cc}\p{Cf}\u2028\u2029\ufffd]/u.test(name))
    throw new AppError('filename_invalid', { detail: 'The file name holds control or invisible characters.' })
  const base = name.split(/[/\\]/).at(-1)?.trim() ?? ''
  if (base === '') throw new AppError('filename_missing')
  const points = [...base]
  if (points.length <= MAX_FILENAME_LENGTH) return base
  const extension = /\.[A-Za-z0-9]{1,8}$/.exec(base)?.[0] ?? ''
  return points.slice(0, MAX_FILENAME_LENGTH - extension.length).join('') + extension
}

/** Nobody undoes it any more: the file would be imported as it is written. @see RFC 7578, 4.7 */
function encoded(name: string): AppError {
  const detail = `The part "${name.slice(0, 64)}" has a Content-Transfer-Encoding: send its bytes as they are.`
  return new AppError('multipart_malformed', { detail })
}

function unexpectedField(name: string): AppError {
  return new AppError('unexpected_field', { detail: `There is no field "${name.slice(0, 64)}".` })
}

function toAppError(error: unknown, maxBytes: number): AppError {
  if (error instanceof AppError) return error
  if (error instanceof MulterError) {
    const code = CODES[error.code] ?? 'multipart_malformed'
    return code === 'upload_too_large' ? tooLarge(maxBytes) : new AppError(code, { cause: error })
  }
  return new AppError('multipart_malformed', { cause: error })
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('upload_too_large', { detail: `A file may have ${maxBytes} bytes.` })
}
