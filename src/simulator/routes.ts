import { listOwners, listProperties, listSchemas, showAccount, uninstallApp } from './account.js'
import type { Control } from './control/control.js'
import { controlOverHttp } from './control/control-routes.js'
import { overview } from './control/overview.js'
import { type Exchange, refusal, send } from './exchange.js'
import { cancelImport, createImport, listErrors, listImports, showImport } from './imports/imports.js'
import { findBatch, readBatch, subscribe } from './journal/journal-calls.js'
import { consent } from './oauth/consent.js'
import { openFromMarketplace, returnToMarketplace, startFromMarketplace } from './oauth/marketplace.js'
import { tokenEndpoint } from './oauth/tokens.js'

type Found = (string | undefined)[]
type Route = [method: string, path: RegExp, play: (exchange: Exchange, found: Found) => void | Promise<void>]

const DATED = '20\\d\\d-\\d\\d'
const IMPORTS = `/crm/(?:v3/imports|imports/${DATED})`
const at = (pattern: string) => new RegExp(`^${pattern}/?$`)

const ROUTES: Route[] = [
  ['GET', at('/oauth/(?:(\\d+)/)?authorize'), (exchange, [hubId]) => consent(exchange, hubId)],
  ['GET', at('/marketplace/install'), startFromMarketplace],
  ['GET', at('/marketplace/return'), returnToMarketplace],
  ['GET', at('/marketplace/open'), openFromMarketplace],
  [
    'POST',
    at(`/oauth/(v1|v3|${DATED})/token(?:/(introspect|revoke))?`),
    (exchange, [version = '', action]) => tokenEndpoint(exchange, version, action),
  ],
  ['DELETE', at(`/appinstalls/(?:v3|${DATED})/external-install`), uninstallApp],
  ['GET', at(`/account-info/(?:v3|${DATED})/details`), showAccount],
  ['GET', at(`/crm/(?:v3/properties|properties/${DATED})/([\\w-]+)`), (exchange, [type = '']) => listProperties(exchange, type)],
  ['GET', at(`/crm/(?:v3/owners|owners/${DATED})`), listOwners],
  ['GET', at(`/crm-object-schemas/(?:v3|${DATED})/schemas`), listSchemas],
  ['POST', at(`/webhooks-journal/subscriptions/${DATED}`), subscribe],
  [
    'GET',
    at(`/webhooks-journal/journal/${DATED}/(?:earliest|offset/([\\w-]+)/next)`),
    (exchange, [offset]) => findBatch(exchange, offset),
  ],
  ['GET', at('/webhooks-journal/batches/([\\w-]+)'), (exchange, [key = '']) => readBatch(exchange, key)],
  ['POST', at(IMPORTS), createImport],
  ['GET', at(IMPORTS), listImports],
  ['GET', at(`${IMPORTS}/(\\d+)`), (exchange, [id = '']) => showImport(exchange, id)],
  ['GET', at(`${IMPORTS}/(\\d+)/errors`), (exchange, [id = '']) => listErrors(exchange, id)],
  ['POST', at(`${IMPORTS}/(\\d+)/cancel`), (exchange, [id = '']) => cancelImport(exchange, id)],
]

/** Takes a request to whoever plays that part of HubSpot. */
export async function route(exchange: Exchange, control: Control): Promise<void> {
  const { req, url } = exchange
  if (url.pathname.startsWith('/control/')) return controlOverHttp(exchange, control)
  if (url.pathname === '/') return send(exchange, overview(control))
  const here = ROUTES.filter(([, path]) => path.test(url.pathname))
  const found = here.find(([method]) => method === req.method)
  if (found) return found[2](exchange, found[1].exec(url.pathname)?.slice(1) ?? [])
  if (here.length > 0) return send(exchange, refusal(405, 'VALIDATION_ERROR', `HTTP 405 Method Not Allowed: ${req.method}`))
  send(exchange, refusal(404, 'NOT_FOUND', `There is no ${url.pathname}.`))
}
