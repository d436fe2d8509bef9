import { hash } from 'node:crypto'
import express, { type Request, type RequestHandler, type Response } from 'express'
import { z } from 'zod'
import { AppError, type FieldError, type ProblemCode } from '../errors.js'
import { parseStrictJson } from './strict-json.js'

/** One description of a call: its requests are parsed by it and its replies sent through it. */
export type Endpoint<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Reply extends z.ZodType,
  Body extends z.ZodType = z.ZodUndefined,
> = {
  method: 'get' | 'post' | 'put' | 'delete'
  path: string
  summary: string
  /** More than fits in a line, in Markdown. */
  description?: string
  params: Params
  query: Query
  /** The answer when a part of the path cannot be an id: the same as for an id that is unknown. */
  missing: ProblemCode
  /** JSON, which `readJson` has read. */
  body?: Body
  reply: { status: 200 | 201 | 202; schema: Reply }
  /** It takes a multipart body with files; `optional`: or JSON. */
  upload?: 'required' | 'optional'
  /** What may be said in headers, and what it does. */
  headers?: Record<string, string>
  /** Answers of other kinds than JSON, by media type, and what they are. */
  also?: Record<string, string>
  /** It is to go: since when it should not be used, when it ends, and a page that says what to use instead. */
  deprecated?: { since: Date; until: Date; instead: string }
  /** What the reference's example sends. */
  example?: { query?: string; body?: unknown }
}

/** An instant: a Date of ours is told in UTC. */
export const Instant = z
  .date()
  .transform((date) => date.toISOString())
  .pipe(z.iso.datetime())

const JSON_TYPE = 'application/json; charset=utf-8'

/** Describes a call. */
export function endpoint<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType, B extends z.ZodType = z.ZodUndefined>(
  described: Endpoint<P, Q, R, B>,
) {
  return described
}

type Input<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> = {
  params: z.output<P>
  query: z.output<Q>
  body: z.output<B>
  req: Request
  res: Response
}

/**
 * Serves a described call: parses the path, the query and a body, hands them to `answer`, and sends what it gives through
 * the reply's schema, so that nothing else can leak. What `answer` has sent itself needs no reply.
 */
export function serve<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType, B extends z.ZodType = z.ZodUndefined>(
  described: Endpoint<P, Q, R, B>,
  answer: (input: Input<P, Q, B>) => Promise<z.input<R> | undefined>,
): RequestHandler {
  return async (req, res) => {
    if (described.deprecated) tellDeprecation(described.deprecated, res)
    const body = (described.body ? parseBody(described.body, req) : undefined) as z.output<B>
    const result = await answer({ ...parse(described, req), body, req, res })
    if (res.headersSent) return
    const text = JSON.stringify(described.reply.schema.parse(result))
    if (described.method === 'get' && isKnown(text, req, res)) return void res.status(304).end()
    // Past Express, which would make bytes of it first: a text goes out with its headers in one piece.
    res.writeHead(described.reply.status, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(text) }).end(text)
  }
}

/** @see RFC 9745, RFC 8594 */
function tellDeprecation({ since, until, instead }: { since: Date; until: Date; instead: string }, res: Response): void {
  res.set({ deprecation: `@${Math.floor(since.getTime() / 1_000)}`, sunset: until.toUTCString() })
  res.links({ deprecation: instead })
}

/**
 * Whether whoever asks has this very answer already; gives him its ETag. Express itself would send it again to clients that
 * add `Cache-Control: no-cache` to a conditional request, as `fetch` does.
 */
function isKnown(text: string, req: Request, res: Response): boolean {
  const etag = `"${hash('sha256', text, 'base64url').slice(0, 27)}"`
  res.set({ etag, 'cache-control': 'private, no-cache' })
  const known = (req.get('if-none-match') ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return known.includes(etag) || known.includes('*')
}

/** Reads a body of JSON, for an endpoint that has one. */
export function readJson(maxBytes: number): RequestHandler {
  return express.text({ type: ['application/json', 'application/*+json'], limit: maxBytes })
}

function parseBody<B extends z.ZodType>(schema: B, req: Request): z.output<B> {
  if (typeof req.body !== 'string')
    throw new AppError('media_type_unsupported', { detail: 'Send JSON, with the header "Content-Type: application/json".' })
  const { data, error } = schema.safeParse(parseStrictJson(req.body))
  if (error) throw new AppError('body_invalid', { errors: fieldErrors(error), detail: 'See errors for what to change.' })
  return data
}

/** Refuses a request by its path and query alone: for what must happen before its body is read. */
export function refuseInvalid<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType>(
  described: Pick<Endpoint<P, Q, R>, 'params' | 'query' | 'missing'>,
): RequestHandler {
  return (req, _res, next) => {
    parse(described, req)
    next()
  }
}

function parse<P extends z.ZodType, Q extends z.ZodType, R extends z.ZodType>(
  { params, query, missing }: Pick<Endpoint<P, Q, R>, 'params' | 'query' | 'missing'>,
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
