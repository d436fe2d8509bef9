import type { FieldError } from './answers.js'

/** What is known of a problem; `code` is what a program goes by. */
export type ProblemDetails = {
  /** HTTP's; 0: there was no answer. */
  status: number
  /** Importal's own, or `connection_lost`, `file_unreadable`, `unexpected_answer`. */
  code: string
  title: string
  detail?: string | undefined
  /** The page that explains it. */
  type?: string | undefined
  errors?: FieldError[] | undefined
  /** By which Importal's operator finds the request. */
  requestId?: string | undefined
  retryAfterSeconds?: number | undefined
}

/** Whatever a call fails at, but for its own signal: what Importal answered, or that nothing of its came back. @see RFC 9457 */
export class ApiProblem extends Error {
  override name = 'ApiProblem'
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string | undefined
  readonly type: string | undefined
  readonly errors: FieldError[]
  readonly requestId: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor({ status, code, title, detail, type, errors, requestId, retryAfterSeconds }: ProblemDetails, cause?: unknown) {
    super(detail ?? title, { cause })
    this.status = status
    this.code = code
    this.title = title
    this.detail = detail
    this.type = type
    this.errors = errors ?? []
    this.requestId = requestId
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The problem that an answer is; one that is not Importal's, as of a proxy in front, is an `unexpected_answer`. */
export function problemOf(res: Response, body: string): ApiProblem {
  const told = parseObject(body)
  const text = (name: string) => (typeof told[name] === 'string' ? told[name] : undefined)
  return new ApiProblem({
    status: res.status,
    code: text('code') ?? 'unexpected_answer',
    title: text('title') ?? `The answer is ${res.status}, and not Importal’s`,
    detail: text('detail'),
    type: text('type'),
    errors: Array.isArray(told.errors) ? (told.errors as FieldError[]) : undefined,
    requestId: text('requestId'),
    retryAfterSeconds: secondsOf(res.headers.get('retry-after')),
  })
}

/** The problem that there is no answer, or not all of one. */
export function problemOfSilence(cause: unknown): ApiProblem {
  const reasons = causesOf(cause)
  // What undici makes of a file that has changed or gone since it was opened.
  if (reasons.some(({ name }) => name === 'NotReadableError'))
    return new ApiProblem({ status: 0, code: 'file_unreadable', title: 'A file could not be read while it was sent' }, cause)
  if (reasons.some(({ message }) => message === 'unexpected redirect'))
    return new ApiProblem({
      status: 0,
      code: 'unexpected_answer',
      title: 'The address leads to another one, which is to be given',
    })
  const why = reasons.map(({ code, message }) => code ?? message).findLast((reason) => reason !== undefined && reason !== '')
  return new ApiProblem(
    { status: 0, code: 'connection_lost', title: 'No answer came', detail: `No answer came (${why}).` },
    cause,
  )
}

type Reason = { name?: string; code?: string | undefined; message?: string }

function causesOf(thrown: unknown): Reason[] {
  if (typeof thrown !== 'object' || thrown === null) return [{ message: String(thrown) }]
  const { name, code, message, cause } = thrown as Reason & { cause?: unknown }
  const reason = { name: String(name), code: typeof code === 'string' ? code : undefined, message: String(message) }
  return cause === undefined ? [reason] : [reason, ...causesOf(cause)]
}

function parseObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Seconds, or a date. @see RFC 9110, 10.2.3 */
function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter)
  const at = Date.parse(retryAfter)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1_000))
}
