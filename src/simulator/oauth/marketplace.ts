import { randomUUID } from 'node:crypto'
import { type Exchange, escapeHtml, page, type Reply, redirection, send } from '../exchange.js'
import type { MarketplaceInstall, State } from '../state.js'
import { mistakeIn, splitScopes } from './consent.js'

const DEFAULT_SCOPES = ['oauth', 'crm.import']

/** A real user may go round for ever; a test wants to see the end. */
const MAX_LOGIN_LOOPS = 5
const LOOP = 'Each time, HubSpot takes you to the app, and the app does not take you back. It must redirect to returnUrl.'

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

  const install: MarketplaceInstall = {
    id: randomUUID(),
    portalId,
    scopes: splitScopes(query.get('scope')),
    redirectUri: query.get('redirect_uri') ?? '',
    hasSignIn: query.get('shape') === 'sign-in',
    step: 'return',
  }
  state.marketplaceInstalls.set(install.id, install)
  Object.assign(portal, { returned: false, loginLoops: 0 })
  return takeToApp(state, install, url)
}

function takeToApp(state: State, install: MarketplaceInstall, url: URL): Reply {
  const { portalId, redirectUri, scopes, hasSignIn } = install
  const returnUrl = returnUrlOf(install, url)
  install.step = hasSignIn ? 'sign-in' : 'return'
  if (hasSignIn) return redirection(redirectUri, { step: 'authorize', returnUrl })
  return redirection(redirectUri, { code: state.issueCode(portalId, redirectUri, scopes), returnUrl })
}

function returnUrlOf({ id }: MarketplaceInstall, url: URL): string {
  return new URL(`/marketplace/return?install=${id}`, url).href
}

/**
 * GET /marketplace/open: the user opens the app in HubSpot. While the app has not sent the browser back from an install
 * that HubSpot started, that install begins again, and in the end the user is told to be stuck.
 */
export function openFromMarketplace(exchange: Exchange): void {
  send(exchange, open(exchange))
}

function open({ url, state }: Exchange): Reply {
  const portalId = url.searchParams.get('portalId') ?? [...state.portals.keys()][0] ?? ''
  const portal = state.portals.get(portalId)
  if (!portal) return page(404, 'Nothing to open', `<p>There is no account ${escapeHtml(portalId)}.</p>`)
  const install = [...state.marketplaceInstalls.values()].findLast((begun) => begun.portalId === portalId)
  const name = `${escapeHtml(portal.hubDomain)} (${escapeHtml(portalId)})`
  if (install && portal.returned === false) {
    if (portal.loginLoops === MAX_LOGIN_LOOPS) return page(508, 'You are stuck in a login loop', `<p>${LOOP}</p><p>${name}</p>`)
    portal.loginLoops += 1
    return takeToApp(state, install, url)
  }
  if (!portal.isInstalled) return page(404, 'Nothing to open', `<p>The app is not installed in ${name}.</p>`)
  return page(200, 'The app is open', `<p>The app runs in ${name}.</p>`)
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
    const code = state.issueCode(portalId, redirectUri, scopes)
    return redirection(redirectUri, { step: 'finalize', code, state: appState, returnUrl: returnUrlOf(install, url) })
  }
  portal.returned = true
  return page(200, 'App installed', `<p>The app is connected to ${escapeHtml(portal.hubDomain)} (${escapeHtml(portalId)}).</p>`)
}
