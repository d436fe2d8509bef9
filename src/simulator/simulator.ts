import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Control, controlOverHttp, createControl, overview } from './control.js'
import { answer, authorize, type Exchange, refuse } from './exchange.js'
import { createImport, listImports, oneImport } from './imports.js'
import { consent, returnToMarketplace, startFromMarketplace, tokenEndpoint } from './oauth.js'
import { objectTypeId, toAnswer } from './properties.js'
import { createState } from './state.js'

export type SimulatorOptions = { clientId?: string; clientSecret?: string; port?: number; host?: string }
export type Simulator = { url: string; control: Control; close(): Promise<void> }

const VERSION = '(?:v1|v3|\\d{4}-\\d{2})'
const DAY = '\\d{4}-\\d{2}'

/**
 * A HubSpot to run against: consent page, tokens, properties, imports with states, counters and row errors, both install
 * flows, and faults on demand. One server plays the API and the pages; it shares no code with the app.
 */
export async function createSimulator({
  clientId = 'demo-client',
  clientSecret = 'demo-secret',
  port = 0,
  host,
}: SimulatorOptions = {}): Promise<Simulator> {
  const state = createState(clientId, clientSecret)
  const control = createControl(state)

  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    const url = new URL(req.url ?? '/', `http://${req.headers.host ?? 'localhost'}`)
    const exchange: Exchange = { req, res, url, state }
    req.on('error', () => undefined)
    if (!url.pathname.startsWith('/control')) {
      const portalId = state.tokens.get((req.headers.authorization ?? '').replace(/^Bearer /i, ''))?.portalId
      res.on('close', () =>
        state.requests.push({
          at: Date.now(),
          method: req.method ?? '',
          path: url.pathname,
          portalId,
          status: res.writableEnded ? res.statusCode : 0,
        }),
      )
    }
    route(exchange, control).catch(() => refuse(exchange, 500, 'INTERNAL_ERROR', 'The simulator failed.'))
  })
  server.keepAliveTimeout = 60_000
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    control,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function route(exchange: Exchange, control: Control): Promise<void> {
  const { req, url } = exchange
  const path = url.pathname
  const match = (pattern: string) => new RegExp(`^${pattern}/?$`).exec(path)
  let found: RegExpExecArray | null

  if (path === '/') return overview(exchange, control)
  if (path.startsWith('/control/')) return controlOverHttp(exchange, control)
  found = match('/oauth/(?:(\\d+)/)?authorize')
  if (found && req.method === 'GET') return consent(exchange, found[1])
  if (path === '/marketplace/install') return startFromMarketplace(exchange)
  if (path === '/marketplace/return') return returnToMarketplace(exchange)
  found = match(`/oauth/(${VERSION})/token(?:/(introspect|revoke))?`)
  if (found && req.method === 'POST') return tokenEndpoint(exchange, found[1] ?? '', found[2])

  const imports = `/crm/(?:v3/imports|imports/${DAY})`
  if (match(imports)) return req.method === 'POST' ? createImport(exchange) : listImports(exchange)
  found = match(`${imports}/(\\d+)(?:/(errors|cancel))?`)
  if (found) return oneImport(exchange, found[1] ?? '', found[2])

  if (match(`/account-info/${VERSION}/details`)) return accountDetails(exchange)
  found = match(`/crm/(?:v3/properties|properties/${DAY})/([\\w-]+)`)
  if (found) return properties(exchange, found[1] ?? '')
  if (match(`/appinstalls/${VERSION}/external-install`) && req.method === 'DELETE') return uninstall(exchange, control)
  refuse(exchange, 404, 'NOT_FOUND', `There is no ${path}.`)
}

async function accountDetails(exchange: Exchange): Promise<void> {
  const token = authorize(exchange, 'oauth')
  if (!token) return
  const { accountType, timeZone, companyCurrency, uiDomain, dataHostingLocation } = exchange.state.portal(token.portalId)
  const utc = { utcOffset: '+00:00', utcOffsetMilliseconds: 0, additionalCurrencies: [] }
  const body = { portalId: Number(token.portalId), accountType, timeZone, companyCurrency, uiDomain, dataHostingLocation, ...utc }
  await answer(exchange, { on: 'account', portalId: token.portalId, make: () => ({ status: 200, body }) })
}

const SCHEMA_SCOPES: Record<string, string> = {
  '0-1': 'crm.schemas.contacts.read',
  '0-2': 'crm.schemas.companies.read',
  '0-3': 'crm.schemas.deals.read',
  '0-5': 'tickets',
}

async function properties(exchange: Exchange, objectType: string): Promise<void> {
  const type = objectTypeId(objectType)
  const token = authorize(exchange, SCHEMA_SCOPES[type] ?? 'crm.schemas.custom.read')
  if (!token) return
  const known = exchange.state.portal(token.portalId).properties[type]
  await answer(exchange, {
    on: 'properties',
    portalId: token.portalId,
    make: () =>
      known
        ? { status: 200, body: { results: known.map(toAnswer) } }
        : (refuse(exchange, 404, 'OBJECT_NOT_FOUND', `There is no object type ${objectType}.`) as undefined),
  })
}

async function uninstall(exchange: Exchange, control: Control): Promise<void> {
  const token = authorize(exchange, 'oauth')
  if (!token) return
  await answer(exchange, {
    on: 'uninstall',
    portalId: token.portalId,
    make: () => {
      control.uninstall(token.portalId)
      return { status: 204, body: undefined }
    },
  })
}
