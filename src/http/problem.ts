import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { AppError, type FieldError, PROBLEMS, type ProblemCode } from '../errors.js'
import type { Log } from '../log.js'
import { requestIdOf } from './request.js'

type Deps = {
  log: Log
  publicUrl: string
  sendErrorPage: (req: Request, res: Response, model: ErrorPage) => void
  /** Whether what was thrown means that the database is away, and not that we are wrong. */
  isOutage: (thrown: unknown) => boolean
}

/** What the error page is given. */
export type ErrorPage = {
  status: number
  detail: string | undefined
  errors: FieldError[]
  code: ProblemCode
  requestId: string
}

/** Refuses other methods than these on a path; Express itself would call it an unknown path. */
export function onlyMethods(...methods: string[]): RequestHandler {
  const allow = methods.join(', ')
  return (req) => {
    throw new AppError('method_not_allowed', {
      detail: `${req.method} is not possible here; ${allow} ${methods.length > 1 ? 'are' : 'is'}.`,
      headers: { allow },
    })
  }
}

/** The last route: nothing else was found. */
export const notFound: RequestHandler = () => {
  throw new AppError('not_found')
}

/**
 * The last middleware: any error → `application/problem+json`, or a page where a browser asked for one.
 * @see RFC 9457
 */
export function problemHandler({ log, publicUrl, sendErrorPage, isOutage }: Deps): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    const { code, options } = toAppError(thrown, isOutage)
    const { status, title } = PROBLEMS[code]
    const requestId = requestIdOf(res)
    log[status < 500 ? 'info' : 'error']({ err: thrown, code, requestId, ...options.context }, title)
    if (res.headersSent) return next(thrown)

    if (options.headers) res.set(options.headers)
    if (options.retryAfterSeconds !== undefined) res.set('retry-after', String(options.retryAfterSeconds))
    // HubSpot signs what it sends: no key would let it in.
    if (status === 401 && code !== 'signature_invalid') res.set('www-authenticate', 'Bearer realm="Importal"')
    res.status(status).set('cache-control', 'no-store')
    const { detail, errors } = options
    if (isHubSpotPath(req.path)) {
      const told = toHubSpotError({ code, detail, errors, requestId })
      return void res.status(hubSpotStatus(status)).json(told)
    }
    if (isForBrowser(req)) {
      sendErrorPage(req, res, { status, detail, errors: errors ?? [], code, requestId })
      return
    }
    res.type('application/problem+json').send(problemJson(publicUrl, code, { detail, errors, requestId }))
  }
}

/** Whether HubSpot's own clients ask here, who know no problem+json. */
export function isHubSpotPath(path: string): boolean {
  return /^\/hubspot\/[^/]+\/crm\//i.test(path)
}

/** HubSpot calls what is wrong with a request a 400. */
function hubSpotStatus(status: number): number {
  return status === 422 || status === 415 || status === 413 ? 400 : status
}

const CATEGORIES: Record<number, string> = {
  401: 'INVALID_AUTHENTICATION',
  403: 'MISSING_SCOPES',
  404: 'OBJECT_NOT_FOUND',
  409: 'CONFLICT',
  429: 'RATE_LIMITS',
}

/** A problem as HubSpot's own API tells one. */
export function toHubSpotError({ code, detail, errors = [], requestId }: More & { code: ProblemCode }) {
  const { status, title } = PROBLEMS[code]
  const told = hubSpotStatus(status)
  return {
    status: 'error',
    message: detail ?? title,
    correlationId: requestId,
    category: CATEGORIES[told] ?? (told < 500 ? 'VALIDATION_ERROR' : 'INTERNAL_ERROR'),
    subCategory: `Importal.${code}`,
    errors: errors.map(({ detail: message, pointer, file, column }) => ({
      message,
      context: Object.fromEntries(
        Object.entries({ pointer, file, column }).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value]]])),
      ),
    })),
  }
}

type More = { detail?: string | undefined; errors?: FieldError[] | undefined; requestId?: string }

/** A problem as its reader gets it. */
export function toProblem(publicUrl: string, code: ProblemCode, { detail, errors, requestId }: More = {}) {
  const { status, title } = PROBLEMS[code]
  return { type: `${publicUrl}/problems/${code}`, title, status, code, detail, errors, requestId }
}

/** A problem's body; also for answers that Express never sees. */
export function problemJson(publicUrl: string, code: ProblemCode, more: More = {}): string {
  return JSON.stringify(toProblem(publicUrl, code, more))
}

/** Partners get problem+json whatever they accept; a page is for who asks for one, and for the paths that have pages. */
function isForBrowser(req: Request): boolean {
  if (/^\/(v1|hubspot|livez|readyz)(\/|$)/i.test(req.path)) return false
  return (
    /^\/(oauth|settings|operator|problems|preferences)(\/|$)/.test(req.path) || (req.get('accept') ?? '').includes('text/html')
  )
}

/** Errors of Express, Prisma and Node, as ours. */
function toAppError(thrown: unknown, isOutage: Deps['isOutage']): AppError {
  if (thrown instanceof AppError) return thrown
  const { status = 0 } = (thrown ?? {}) as { status?: number }
  if (thrown instanceof URIError) return new AppError('url_malformed', { cause: thrown })
  if (status === 413) return new AppError('body_too_large', { cause: thrown })
  if (status === 415) return new AppError('media_type_unsupported', { cause: thrown })
  if (status >= 400 && status < 500) return new AppError('request_malformed', { cause: thrown })
  if (isOutage(thrown)) return new AppError('database_unavailable', { cause: thrown, retryAfterSeconds: 5 })
  return new AppError('internal', { cause: thrown })
}
