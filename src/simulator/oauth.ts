import { answer, type Exchange, escapeHtml, json, page, readBody, redirect, refuse } from './exchange.js'
import type { State, Token } from './state.js'

/** HubSpot's refusal of a token request: the RFC's shape with HubSpot's own fields. */
type Refusal = { error: string; status: string; description: string }

const refusal = (error: string, status: string, description: string): Refusal => ({ error, status, description })

/** The consent page: who installs, what is asked for; with auto-approve on, straight back with a code. */
export function consent(exchange: Exchange, hubId: string | undefined): void {
  const { url, state } = exchange
  const query = url.searchParams
  const redirectUri = query.get('redirect_uri') ?? ''
  const scopes = (query.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
  const optional = (query.get('optional_scope') ?? '').split(' ').filter((scope) => scope !== '')
  const missing = state.settings.requiredScopes.filter((scope) => !scopes.includes(scope))
  if (query.get('client_id') !== state.clientId || !URL.canParse(redirectUri) || scopes.length === 0 || missing.length > 0)
    return page(
      exchange,
      400,
      'Authorization failed',
      '<p>The app’s link does not match its settings: client id, redirect URL or scopes.</p>',
    )

  const chosen = query.get('decision') === null ? undefined : (query.get('portal') ?? undefined)
  const given = query.get('state') ?? undefined
  if (query.get('decision') === 'deny')
    return redirect(exchange, redirectUri, {
      error: 'access_denied',
      error_description: 'The user turned the request down.',
      state: given,
    })
  const portalId = chosen ?? (state.settings.autoApprove ? (hubId ?? query.get('portalId') ?? firstPortal(state)) : undefined)
  if (portalId !== undefined) {
    const code = state.issueCode(state.portal(portalId).id, redirectUri, [...scopes, ...optional])
    return redirect(exchange, redirectUri, { code, state: given })
  }
  page(exchange, 200, 'Connect an app to HubSpot', consentForm(state, query, scopes, hubId))
}

function consentForm(state: State, query: URLSearchParams, scopes: string[], hubId: string | undefined): string {
  const kept = [...query]
    .map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
    .join('')
  const portals = [...state.portals.values()]
    .filter(({ id }) => hubId === undefined || id === hubId)
    .map(
      ({ id, hubDomain }, i) =>
        `<p><label><input type="radio" name="portal" value="${escapeHtml(id)}"${i === 0 ? ' checked' : ''}> ${escapeHtml(hubDomain)} (${escapeHtml(id)})</label></p>`,
    )
  return `<form>${kept}<p>The app wants to connect to your account. Choose one:</p>${portals.join('')}
<p>It asks for:</p><ul>${scopes.map((scope) => `<li>${escapeHtml(scope)}</li>`).join('')}</ul>
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Cancel</button></form>`
}

/** A marketplace-started install, in both shapes: with the app knowing its people (`sign-in`), or not. */
export function startFromMarketplace(exchange: Exchange): void {
  const { url, state } = exchange
  const redirectUri = url.searchParams.get('redirect_uri') ?? ''
  const portalId = url.searchParams.get('portalId') ?? firstPortal(state)
  const scopes = (url.searchParams.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
  const back = new URL('/marketplace/return', url)
  back.search = new URLSearchParams({
    portalId,
    redirect_uri: redirectUri,
    scope: scopes.join(' '),
    shape: url.searchParams.get('shape') ?? 'plain',
  }).toString()
  state.portal(portalId).returned = false
  if (url.searchParams.get('shape') === 'sign-in')
    return redirect(exchange, redirectUri, { step: 'authorize', returnUrl: back.href })
  redirect(exchange, redirectUri, { code: state.issueCode(portalId, redirectUri, scopes), returnUrl: back.href })
}

/** Where the app sends the browser back to; until it does, HubSpot would have it sign in again and again. */
export function returnToMarketplace(exchange: Exchange): void {
  const { url, state } = exchange
  const query = url.searchParams
  const portalId = query.get('portalId') ?? ''
  const appState = query.get('state')
  const redirectUri = query.get('redirect_uri') ?? ''
  if (query.get('shape') === 'sign-in' && appState !== null) {
    const back = new URL(url)
    back.searchParams.delete('state')
    back.searchParams.set('shape', 'done')
    const code = state.issueCode(portalId, redirectUri, (query.get('scope') ?? '').split(' '))
    return redirect(exchange, redirectUri, { step: 'finalize', code, state: appState, returnUrl: back.href })
  }
  state.portal(portalId).returned = true
  page(exchange, 200, 'App installed', `<p>The app is connected to ${escapeHtml(portalId)}.</p>`)
}

/** POST /oauth/{version}/token, …/introspect, …/revoke */
export async function tokenEndpoint(exchange: Exchange, version: string, action: string | undefined): Promise<void> {
  const { req, state } = exchange
  if (!/^application\/x-www-form-urlencoded/i.test(req.headers['content-type'] ?? ''))
    return refuse(exchange, 415, 'VALIDATION_ERROR', 'Unsupported media type.')
  const form = new URLSearchParams(await readBody(req))
  const wrong = checkClient(state, form)
  if (action === 'introspect') {
    return answer(exchange, {
      on: 'introspect',
      portalId: undefined,
      make: () => (wrong ? respond(exchange, wrong) : { status: 200, body: introspect(state, form.get('token') ?? '') }),
    })
  }
  if (action === 'revoke') {
    return answer(exchange, {
      on: 'revoke',
      portalId: undefined,
      make: () => {
        if (wrong) return respond(exchange, wrong)
        state.refreshTokens.delete(form.get('token') ?? '')
        return { status: 200, body: {} }
      },
    })
  }
  const portalId =
    state.refreshTokens.get(form.get('refresh_token') ?? '')?.portalId ?? state.codes.get(form.get('code') ?? '')?.portalId
  await answer(exchange, {
    on: 'token',
    portalId,
    make: () => {
      const granted = wrong ?? grant(state, form, version)
      const outcome = isRefusal(granted) ? granted.status : 'granted'
      state.tokenCalls.push({ at: Date.now(), grantType: form.get('grant_type') ?? '', portalId, outcome })
      return isRefusal(granted) ? respond(exchange, granted) : { status: 200, body: granted }
    },
  })
}

function isRefusal(granted: Refusal | Record<string, unknown>): granted is Refusal {
  return 'error' in granted
}

function checkClient(state: State, form: URLSearchParams): Refusal | undefined {
  if (form.get('client_id') !== state.clientId) return refusal('invalid_client', 'BAD_CLIENT_ID', 'missing or unknown client id')
  if (form.get('client_secret') !== state.clientSecret)
    return refusal('invalid_client', 'BAD_CLIENT_SECRET', 'missing or invalid client secret')
  return undefined
}

function grant(state: State, form: URLSearchParams, version: string): Refusal | Record<string, unknown> {
  const type = form.get('grant_type')
  if (type === 'authorization_code') {
    const code = state.codes.get(form.get('code') ?? '')
    state.codes.delete(form.get('code') ?? '')
    if (!code || code.expiresAt < Date.now()) return refusal('invalid_grant', 'BAD_AUTH_CODE', 'missing or unknown auth code')
    if (code.redirectUri !== form.get('redirect_uri'))
      return refusal('invalid_request', 'BAD_REDIRECT_URI', 'missing or invalid redirect uri')
    state.portal(code.portalId).isInstalled = true
    return issue(state, code.portalId, code.scopes, state.newSecret('refresh'), version)
  }
  if (type === 'refresh_token') {
    const text = form.get('refresh_token') ?? ''
    const known = state.refreshTokens.get(text)
    if (!known) return refusal('invalid_grant', 'BAD_REFRESH_TOKEN', 'refresh token is invalid, expired or revoked')
    if (!state.portals.has(known.portalId)) return refusal('access_denied', 'BAD_HUB', 'missing or unknown hub id')
    if (!state.settings.rotateRefreshTokens) return issue(state, known.portalId, known.scopes, text, version)
    state.refreshTokens.delete(text)
    return issue(state, known.portalId, known.scopes, state.newSecret('refresh'), version)
  }
  return refusal('unsupported_grant_type', 'BAD_GRANT_TYPE', 'missing or unknown grant type')
}

function issue(state: State, portalId: string, scopes: string[], refreshToken: string, version: string): Record<string, unknown> {
  const { tokenLifetimeSeconds, omitFromTokenAnswer } = state.settings
  const accessToken = state.newSecret('na1')
  const seconds = Number(tokenLifetimeSeconds)
  state.refreshTokens.set(refreshToken, { portalId, scopes })
  // What is said may be nonsense; what holds is a lifetime that a test can work with.
  const expiresAt = Date.now() + (seconds > 0 && seconds < 1e7 ? seconds : 1_800) * 1_000
  state.tokens.set(accessToken, { portalId, scopes, refreshToken, expiresAt })
  const body: Record<string, unknown> = {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: 'bearer',
    expires_in: tokenLifetimeSeconds,
    token_use: 'access_token',
    ...(version === 'v1' ? {} : { hub_id: Number(portalId), scopes, user_id: 42 }),
  }
  for (const name of omitFromTokenAnswer) Reflect.deleteProperty(body, name)
  return body
}

function introspect(state: State, text: string): Record<string, unknown> {
  const access = state.tokens.get(text)
  const refresh = state.refreshTokens.get(text)
  const known: Pick<Token, 'portalId' | 'scopes'> | undefined = access && access.expiresAt > Date.now() ? access : refresh
  if (!known) return { active: false }
  return {
    active: true,
    token: text,
    hub_id: Number(known.portalId),
    user_id: 42,
    user: `admin@${state.portal(known.portalId).hubDomain}`,
    hub_domain: state.portal(known.portalId).hubDomain,
    client_id: state.clientId,
    app_id: 1,
    scopes: known.scopes,
    token_type: access ? 'access' : 'refresh',
    ...(access ? { expires_in: Math.round((access.expiresAt - Date.now()) / 1000) } : {}),
  }
}

function respond(exchange: Exchange, { error, status, description }: Refusal): undefined {
  json(exchange, 400, { error, error_description: description, status, message: description })
}

function firstPortal(state: State): string {
  return [...state.portals.keys()][0] ?? '111111'
}
