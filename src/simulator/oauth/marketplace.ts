import { randomUUID } from 'node:crypto'
import { type Exchange, escapeHtml, page, type Reply, redirection, send } from '../exchange.js'
import { mistakeIn, splitScopes } from './consent.js'

const DEFAULT_SCOPES = ['oauth', 'crm.import']

/**
 * GET /marketplace/install: an install that HubSpot starts, of an app that knows its people (`shape=sign-in`) or not
 * (`plain`). Until the app sends the browser back, the user is in a login loop.
 */
export function startFromMarketplace(exchange: Exchange): void {
  send(exchange, start(exchange))
}

function start({ url, state }: Exchange): Reply {
  const query = new URLSearchParams(url.searchParams)
  const portalId = query.get('portalId') ?? [...state.portals.keys()][0] ?? ''
  const portal = state.portals.get(portalId)
  // The listing knows its app: an address may leave out what is the app's own.
  if (!query.has('client_id')) query.set('client_id', state.clientId)
  if (!query.has('scope')) {
    const { requiredScopes } = state.settings
    query.set('scope', (requiredScopes.length > 0 ? requiredScopes : DEFAULT_SCOPES).join(' '))
  }
  const wrong = portal ? mistakeIn(query, state) : `There is no account ${portalId}.`
  if (wrong || !portal) return page(400, 'The app cannot be installed', `<p>${escapeHtml(wrong ?? '')}</p>`)

  const scopes = splitScopes(query.get('scope'))
  const redirectUri = query.get('redirect_uri') ?? ''
  const isSignIn = query.get('shape') === 'sign-in'
  const id = randomUUID()
  state.marketplaceInstalls.set(id, { portalId, scopes, redirectUri, step: isSignIn ? 'sign-in' : 'return' })
  portal.returned = false
  const returnUrl = new URL(`/marketplace/return?install=${id}`, url).href
  if (isSignIn) return redirection(redirectUri, { step: 'authorize', returnUrl })
  return redirection(redirectUri, { code: state.issueCode(portalId, redirectUri, scopes), returnUrl })
}

/** GET /marketplace/return: where the app sends the browser back to. */
export function returnToMarketplace(exchange: Exchange): void {
  send(exchange, comeBack(exchange))
}

function comeBack({ url, state }: Exchange): Reply {
  // HubSpot's guide has apps append `?state=`, whatever the address holds already.
  const query = new URLSearchParams(url.search.slice(1).replaceAll('?', '&'))
  const install = state.marketplaceInstalls.get(query.get('install') ?? '')
  const portal = install && state.portals.get(install.portalId)
  if (!install || !portal) return page(404, 'Nothing to return to', '<p>No installation is under way here.</p>')
  const { portalId, redirectUri, scopes } = install
  if (install.step === 'sign-in') {
    const appState = query.get('state')
    if (appState === null) return page(400, 'The app did not sign you in', '<p>It came back without a state.</p>')
    install.step = 'return'
    const returnUrl = new URL(`/marketplace/return?install=${query.get('install')}`, url).href
    const code = state.issueCode(portalId, redirectUri, scopes)
    return redirection(redirectUri, { step: 'finalize', code, state: appState, returnUrl })
  }
  portal.returned = true
  return page(200, 'App installed', `<p>The app is connected to ${escapeHtml(portal.hubDomain)} (${escapeHtml(portalId)}).</p>`)
}
