import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestRecord, State } from './state.js'

/** One request, and where its answer goes. */
export type Exchange = { req: IncomingMessage; res: ServerResponse; url: URL; state: State; record: RequestRecord }

/** An answer, before any fault has touched it; a text is sent as it is, anything else as JSON. */
export type Reply = { status: number; body?: unknown; headers?: Record<string, string> }

const MAX_BODY_BYTES = 1024 * 1024

/** Sends the reply. */
export function send({ res, record }: Exchange, { status, body, headers = {} }: Reply): void {
  if (res.headersSent || res.destroyed) return
  record.status = status
  const hasBody = body !== undefined && status !== 204 && status !== 304
  const text = !hasBody ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const type = hasBody ? { 'content-type': 'application/json;charset=utf-8' } : {}
  const length = status === 204 || status === 304 ? {} : { 'content-length': Buffer.byteLength(text) }
  res.writeHead(status, { ...type, ...length, ...headers }).end(text)
}

/** HubSpot's error body. */
export function refusal(status: number, category: string, message: string, more: object = {}): Reply {
  return { status, body: { status: 'error', message, correlationId: randomUUID(), category, ...more } }
}

/** A page for a browser; `html` must be escaped. */
export function page(status: number, title: string, html: string): Reply {
  const style =
    'body{font:16px/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}:root{color-scheme:light dark}button{font:inherit;padding:.5rem 1rem}pre{overflow:auto}'
  return {
    status,
    headers: { 'content-type': 'text/html;charset=utf-8' },
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style><h1>${escapeHtml(title)}</h1>${html}</html>`,
  }
}

/** Sends a browser elsewhere, with these parameters added to the address. */
export function redirection(to: string, parameters: Record<string, string | undefined>): Reply {
  const url = new URL(to)
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return { status: 302, headers: { location: url.href } }
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A small body, whole. @throws when it is not small. */
export async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error('The body is too large.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
