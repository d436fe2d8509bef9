import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bearer } from './authorize.js'
import { type Control, createControl } from './control/control.js'
import { type Exchange, refusal, send } from './exchange.js'
import { route } from './routes.js'
import { createState, type RequestRecord, type State } from './state.js'

export type { Control } from './control/control.js'
export type { Delivery } from './webhooks/deliver.js'
export type SimulatorOptions = { clientId?: string; clientSecret?: string; port?: number; host?: string }
/** `close()` cuts the connections that are open. */
export type Simulator = { url: string; control: Control; close(): Promise<void> }

/** A simulator that runs for days forgets the oldest requests. */
const MAX_REQUESTS = 100_000

/**
 * A HubSpot to run against: consent page, tokens, properties, imports with states, counters and row errors, both install
 * flows, and faults on demand. One server plays the API and the pages; it shares no code with the app. It listens when
 * the promise resolves.
 */
export async function createSimulator({
  clientId = 'demo-client',
  clientSecret = 'demo-secret',
  port = 0,
  host = '127.0.0.1',
}: SimulatorOptions = {}): Promise<Simulator> {
  const state = createState(clientId, clientSecret)
  const control = createControl(state)
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (req, res) => {
    const url = new URL(req.url ?? '/', `http://${req.headers.host ?? 'localhost'}`)
    const exchange: Exchange = { req, res, url, state, record: recordOf(req, url, state) }
    for (const stream of [req, res]) stream.on('error', () => undefined)
    route(exchange, control).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : 'unknown'
      send(exchange, refusal(500, 'INTERNAL_ERROR', `The simulator failed: ${why}`))
    })
  })
  server.listen(port, host)
  await once(server, 'listening')

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    control,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** The log's line for a request, there from its arrival; calls of /control leave none. */
function recordOf(req: IncomingMessage, { pathname }: URL, { tokenOf, requests, connections }: State): RequestRecord {
  const { method = '', headers, socket } = req
  const portalId = tokenOf(bearer(headers.authorization))?.portalId
  const record = { at: Date.now(), method, path: pathname, portalId, status: 0, onItsOwn: !connections.has(socket) }
  connections.add(socket)
  if (pathname.startsWith('/control/')) return record
  requests.push(record)
  if (requests.length > MAX_REQUESTS) requests.splice(0, MAX_REQUESTS / 10)
  return record
}
