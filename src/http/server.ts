import { randomUUID } from 'node:crypto'
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import express, { type Express, type Request, type Response } from 'express'
import type { ProblemCode } from '../errors.js'
import { isHubSpotPath, problemJson, toHubSpotError } from './problem.js'

const HEADERS_TIMEOUT_MS = 15_000
/** Longer than a large file is looked at once it is there. */
const SILENCE_MS = 10 * 60_000
/** Longer than a load balancer keeps its side idle, so that it never reuses a socket we are closing. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

const SMALL_BODY = /^application\/(x-www-form-urlencoded|json|[^;]*\+json)\b/i
/** Of a broken request the first line is looked for within so many bytes. */
const MAX_LINE = 1024

type Refusal = { type: string; body: string; requestId: string }

const BROKEN: Record<string, [status: string, code: ProblemCode]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers_too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request_timeout'],
  HPE_INVALID_EOF_STATE: ['400 Bad Request', 'upload_incomplete'],
}

/**
 * The HTTP server around an app: its time limits, and problem+json for what Node refuses before any app sees it. `serve`
 * puts another app in the place of the first.
 */
export function createHttpServer(first: Express, publicUrl: string): { server: Server; serve: (app: Express) => void } {
  const { IncomingMessage, ServerResponse } = classesOfExpress()
  let app = first
  function serve(next: Express): void {
    next.request = Object.assign(IncomingMessage.prototype as Request, { app: next })
    next.response = Object.assign(ServerResponse.prototype as Response, { app: next })
    app = next
  }

  serve(first)
  const server = createServer({
    IncomingMessage,
    ServerResponse,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0, // an upload takes as long as it takes: see boundSlowBody, and upload.ts
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false, // never read: PUBLIC_URL says who we are
  })
  // Without a byte in either direction: whoever does not read his answer must not keep it here for ever.
  server.setTimeout(SILENCE_MS)
  const answers = new WeakMap<Socket, ServerResponse>()
  const note = (req: IncomingMessage, res: ServerResponse) => void answers.set(req.socket, res)
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, note)
  server.on('request', (req, res) => app(req, res))
  server.on('checkContinue', (req, res) => {
    // To who sends files the app says it itself, once it wants them: a refused upload is not sent at all.
    if (SMALL_BODY.test(req.headers['content-type'] ?? '')) res.writeContinue()
    app(req, res)
  })
  server.on('checkExpectation', (req, res) => {
    const { type, body, requestId } = refusal(publicUrl, 'expectation_failed', req.url)
    // Closed, because no middleware bounds what would still be read of this request's body.
    const headers = {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'x-request-id': requestId,
      connection: 'close',
    }
    res.writeHead(417, headers).end(body)
  })
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket) => {
    const [status, code] = BROKEN[error.code ?? ''] ?? ['400 Bad Request', 'request_malformed']
    if (error.code === 'ECONNRESET') return void socket.destroy()
    // Into an answer that is under way nothing can be said; the ones before it are over.
    const answer = answers.get(socket)
    if (answer?.headersSent && !answer.writableFinished) return void socket.destroy()
    const [, path] = /^[A-Z]+ (\S+)/.exec(error.rawPacket?.toString('latin1', 0, MAX_LINE) ?? '') ?? []
    answerBrokenRequest(socket, status, refusal(publicUrl, code, path))
  })
  return { server, serve }
}

/** What is answered to a request that no app ever sees, in the form of whoever's path it asked for. */
function refusal(publicUrl: string, code: ProblemCode, path = ''): Refusal {
  const requestId = randomUUID()
  if (isHubSpotPath(path))
    return { type: 'application/json', body: JSON.stringify(toHubSpotError({ code, requestId })), requestId }
  return { type: 'application/problem+json', body: problemJson(publicUrl, code, { requestId }), requestId }
}

/**
 * What Express makes of each request and answer by changing its prototype, as classes. An object that has had its prototype
 * from the beginning is half as dear to use.
 */
function classesOfExpress() {
  class ExpressRequest extends IncomingMessage {}
  class ExpressResponse<T extends IncomingMessage> extends ServerResponse<T> {}
  Object.setPrototypeOf(ExpressRequest.prototype, express.request)
  Object.setPrototypeOf(ExpressResponse.prototype, express.response)
  return { IncomingMessage: ExpressRequest, ServerResponse: ExpressResponse }
}

function answerBrokenRequest(socket: Socket, status: string, { type, body, requestId }: Refusal): void {
  if (!socket.writable) return void socket.destroy()
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${requestId}\r\nconnection: close\r\n\r\n${body}`,
  )
}
