import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createsAnyway, type Fault, garbageBody, type Operation, takeFault } from './faults.js'
import type { State, Token } from './state.js'

/** One request and its answer. */
export type Exchange = { req: IncomingMessage; res: ServerResponse; url: URL; state: State }

const MAX_FORM_BYTES = 1024 * 1024

/** Sends JSON. */
export function json({ res }: Exchange, status: number, body: unknown, headers: Record<string, string> = {}): void {
  if (res.headersSent || res.destroyed) return
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  res
    .writeHead(status, {
      'content-type': 'application/json;charset=utf-8',
      'content-length': Buffer.byteLength(text),
      ...headers,
    })
    .end(text)
}

/** Sends a page. */
export function page({ res }: Exchange, status: number, title: string, html: string): void {
  res.writeHead(status, { 'content-type': 'text/html;charset=utf-8' })
  res.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}button{font:inherit;padding:.5rem 1rem}</style>
<h1>${escapeHtml(title)}</h1>${html}</html>`)
}

/** Sends a browser elsewhere. */
export function redirect({ res }: Exchange, to: string, parameters: Record<string, string | undefined>): void {
  const url = new URL(to)
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  res.writeHead(302, { location: url.href }).end()
}

/** HubSpot's error body. */
export function refuse(
  exchange: Exchange,
  status: number,
  category: string,
  message: string,
  more: object = {},
  headers: Record<string, string> = {},
): void {
  json(exchange, status, { status: 'error', message, correlationId: randomUUID(), category, ...more }, headers)
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A small request body, whole. */
export async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_FORM_BYTES) throw new Error('body too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The token a call comes with; answers 401 or 403, and gives undefined, when it is no good. */
export function authorize(exchange: Exchange, scope: string): Token | undefined {
  const { req, state } = exchange
  const [, text = ''] = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '') ?? []
  const token = state.tokens.get(text)
  if (!token) {
    refuse(exchange, 401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found or not valid.')
    return undefined
  }
  if (token.expiresAt <= Date.now()) {
    const context = { 'expire time': [new Date(token.expiresAt).toISOString()] }
    refuse(exchange, 401, 'EXPIRED_AUTHENTICATION', 'The OAuth token used to make this call expired.', { context })
    return undefined
  }
  if (!token.scopes.includes(scope)) {
    const errors = [
      { message: 'One or more of the following scopes are required.', context: { requiredGranularScopes: [scope] } },
    ]
    refuse(exchange, 403, 'MISSING_SCOPES', 'This app hasn’t been granted all required scopes to make this call.', { errors })
    return undefined
  }
  return isOverRate(exchange, token.portalId) ? undefined : token
}

function isOverRate(exchange: Exchange, portalId: string): boolean {
  const { state, res } = exchange
  const max = state.settings.callsPerTenSeconds
  if (max === 0) return false
  const portal = state.portal(portalId)
  portal.callTimes = [...portal.callTimes.filter((at) => at > Date.now() - 10_000), Date.now()]
  res.setHeader('X-HubSpot-RateLimit-Max', String(max))
  res.setHeader('X-HubSpot-RateLimit-Remaining', String(Math.max(0, max - portal.callTimes.length)))
  res.setHeader('X-HubSpot-RateLimit-Interval-Milliseconds', '10000')
  if (portal.callTimes.length <= max) return false
  refuse(
    exchange,
    429,
    'RATE_LIMITS',
    'You have reached your ten_secondly_rolling limit.',
    { policyName: 'TEN_SECONDLY_ROLLING' },
    { 'retry-after': '10' },
  )
  return true
}

/**
 * Answers a call with what `make` gives, unless a fault of the tests says otherwise. `make` may answer itself, by
 * returning undefined; `read` reads the request's body first.
 */
export async function answer(
  exchange: Exchange,
  {
    on,
    portalId,
    read,
    make,
  }: {
    on: Operation
    portalId: string | undefined
    read?: () => Promise<void>
    make: () => { status: number; body: unknown } | undefined
  },
): Promise<void> {
  const { req, res, state } = exchange
  const fault = takeFault(state, on, portalId)
  if (fault && 'status' in fault && fault.early) return sendFault(exchange, fault)
  if (fault && 'reset' in fault && fault.reset === 'at-once') return void req.socket.destroy()
  if (fault && 'reset' in fault && typeof fault.reset === 'object') cutAfter(req, fault.reset.afterBytes)
  await read?.()
  if (req.destroyed && !req.complete) return

  const good = createsAnyway(fault) ? make() : { status: 200, body: {} }
  if (!good) return
  if (fault && ('status' in fault || 'statusAfterCreate' in fault)) return sendFault(exchange, fault)
  if (fault && 'reset' in fault) return void req.socket.destroy()
  if (fault && 'hang' in fault) return
  if (fault && 'garbage' in fault) {
    const { body, type } = garbageBody(fault.garbage, good.body)
    return void res.writeHead(200, { 'content-type': type }).end(body)
  }
  if (fault && 'slowMs' in fault) await new Promise((resolve) => setTimeout(resolve, fault.slowMs))
  if (fault && 'dripBytesPerSecond' in fault) return drip(exchange, good, fault.dripBytesPerSecond)
  if (good.status === 204) return void res.writeHead(204).end()
  json(exchange, good.status, good.body)
}

function sendFault(exchange: Exchange, fault: Fault): void {
  const status = 'status' in fault ? fault.status : 'statusAfterCreate' in fault ? fault.statusAfterCreate : 500
  const body =
    'body' in fault && fault.body !== undefined
      ? fault.body
      : { status: 'error', message: 'A planned fault.', correlationId: randomUUID(), category: 'INTERNAL_ERROR' }
  json(exchange, status, body, 'headers' in fault ? fault.headers : {})
}

function cutAfter(req: IncomingMessage, bytes: number): void {
  let seen = 0
  req.on('data', (chunk: Buffer) => {
    seen += chunk.length
    if (seen >= bytes) req.socket.destroy()
  })
}

function drip({ res }: Exchange, { status, body }: { status: number; body: unknown }, perSecond: number): void {
  const text = JSON.stringify(body)
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  let at = 0
  const timer = setInterval(() => {
    const piece = text.slice(at, at + Math.max(1, Math.floor(perSecond / 10)))
    at += piece.length
    if (at < text.length && !res.destroyed) return void res.write(piece)
    clearInterval(timer)
    res.end(piece)
  }, 100)
}
