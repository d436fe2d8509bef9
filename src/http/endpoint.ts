import type { Request, RequestHandler, Response } from 'express'
import type { z } from 'zod'
import { AppError, type FieldError, type ProblemCode } from '../errors.js'

/** One description of a call: its requests are parsed by it and its replies sent through it. */
export type Endpoint<Params extends z.ZodType, Query extends z.ZodType, Reply extends z.ZodType> = {
  method: 'get' | 'post'
  path: string
  summary: string
  params: Params
  query: Query
  /** The answer when a part of the path cannot be an id: the same as for an id that is unknown. */
  missing: ProblemCode
  reply: { status: 200 | 202; schema: Reply }
}

/** Describes a call. */
export function endpoint<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType>(described: Endpoint<P, Q, R>) {
  return described
}

/**
 * Serves a described call: parses the path and the query, hands both to `answer`, and sends what it gives through the
 * reply's schema, so that nothing else can leak.
 */
export function serve<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType>(
  described: Endpoint<P, Q, R>,
  answer: (input: { params: z.output<P>; query: z.output<Q>; req: Request; res: Response }) => Promise<z.input<R>>,
): RequestHandler {
  return async (req, res) => {
    const result = await answer({ ...parse(described, req), req, res })
    res.status(described.reply.status).json(described.reply.schema.parse(result))
  }
}

/** Refuses a request by its path and query alone: for what must happen before its body is read. */
export function refuseInvalid<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType>(
  described: Endpoint<P, Q, R>,
): RequestHandler {
  return (req, _res, next) => {
    parse(described, req)
    next()
  }
}

function parse<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType>(
  { params, query, missing }: Endpoint<P, Q, R>,
  req: Request,
) {
  const path = params.safeParse(req.params)
  if (!path.success) throw new AppError(missing)
  const asked = query.safeParse(req.query)
  if (asked.success) return { params: path.data, query: asked.data }
  throw new AppError('query_invalid', { errors: fieldErrors(asked.error), detail: 'See errors for what to change.' })
}

const MAX_ERRORS = 50

/** What a schema objects to, each with a JSON pointer. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.slice(0, MAX_ERRORS).map(({ path, message }) => ({ pointer: pointerTo(path), detail: message }))
}

function pointerTo(path: PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
