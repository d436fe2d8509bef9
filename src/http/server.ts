import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import express, { type Express, type Request, type Response } from 'express'
import type { ProblemCode } from '../errors.js'
import { problemJson } from './problem.js'
import { answerBrokenRequest } from './request.js'

const HEADERS_TIMEOUT_MS = 15_000
/** Longer than a large file is looked at once it is there. */
const SILENCE_MS = 10 * 60_000
/** Longer than a load balancer keeps its side idle, so that it never reuses a socket we are closing. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

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
  // The app itself says 100 Continue, once it wants the body: a refused upload is not sent at all.
  for (const event of ['request', 'checkContinue']) server.on(event, (req, res) => app(req, res))
  server.on('checkExpectation', (_req, res) => {
    const body = problemJson(publicUrl, 'expectation_failed')
    // Closed, because no middleware bounds what would still be read of this request's body.
    const headers = { 'content-type': 'application/problem+json', 'content-length': Buffer.byteLength(body), connection: 'close' }
    res.writeHead(417, headers).end(body)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const [status, code] = BROKEN[error.code ?? ''] ?? ['400 Bad Request', 'request_malformed']
    if (error.code === 'ECONNRESET') return void socket.destroy()
    // Into an answer that is under way nothing can be said; the ones before it are over.
    const answer = answers.get(socket)
    if (answer?.headersSent && !answer.writableFinished) return void socket.destroy()
    answerBrokenRequest(socket, status, problemJson(publicUrl, code))
  })
  return { server, serve }
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
