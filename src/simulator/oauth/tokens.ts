import { answer } from '../answer.js'
import { type Exchange, type Reply, readBody, refusal, send } from '../exchange.js'
import { recordLifecycle } from '../journal/journal.js'
import type { State, TokenCall } from '../state.js'
import { splitScopes } from './consent.js'
import { introspect } from './introspect.js'
import { endRefreshing } from './uninstall.js'

type Refusal = [error: string, status: string, description: string]
type TokenAnswer = Record<string, unknown>
type Grant = { portalId: string; scopes: string[]; refreshToken: string }

const USER_ID = 42
const DEFAULT_LIFETIME_SECONDS = 1_800
const MAX_LIFETIME_SECONDS = 1e7

/** POST /oauth/{version}/token, …/introspect, …/revoke: a form, with the client's credentials in it. */
export async function tokenEndpoint(exchange: Exchange, version: string, action: string | undefined): Promise<void> {
  const { req, state, record } = exchange
  if (!/^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] ?? ''))
    return send(exchange, refusal(415, 'VALIDATION_ERROR', 'HTTP 415 Unsupported Media Type'))
  const form = new URLSearchParams(await readBody(req))
  const wrong = checkClient(state, form)
  if (action === 'introspect' || action === 'revoke') {
    const token = form.get('token') ?? ''
    const make = action === 'introspect' ? introspect : revoke
    record.portalId = state.portalOf(token)
    return answer(exchange, { on: action, portalId: record.portalId, make: () => (wrong ? refuse(wrong) : make(state, token)) })
  }
  const portalId = state.portalOf(form.get('refresh_token') ?? '') ?? state.codes.get(form.get('code') ?? '')?.portalId
  record.portalId = portalId
  const grantType = form.get('grant_type') ?? ''
  const call: TokenCall = { at: Date.now(), grantType, portalId, outcome: 'fault', error: null }
  state.tokenCalls.push(call)
  await answer(exchange, {
    on: 'token',
    portalId,
    make: () => {
      const granted = wrong ?? grant(state, form, version)
      const [error, outcome] = Array.isArray(granted) ? granted : [null, 'granted']
      Object.assign(call, { error, outcome })
      return Array.isArray(granted) ? refuse(granted) : { status: 200, body: granted }
    },
  })
}

function refuse([error, status, description]: Refusal): Reply {
  return { status: 400, body: { error, error_description: description, status, message: description } }
}

function checkClient({ clientId, clientSecret }: State, form: URLSearchParams): Refusal | undefined {
  if (form.get('client_id') !== clientId) return ['invalid_client', 'BAD_CLIENT_ID', 'missing or unknown client id']
  if (form.get('client_secret') !== clientSecret)
    return ['invalid_client', 'BAD_CLIENT_SECRET', 'missing or invalid client secret']
  return undefined
}

function grant(state: State, form: URLSearchParams, version: string): TokenAnswer | Refusal {
  const grantType = form.get('grant_type')
  if (grantType === 'client_credentials') return issueToApp(state, splitScopes(form.get('scope')))
  if (grantType !== 'authorization_code' && grantType !== 'refresh_token')
    return ['unsupported_grant_type', 'BAD_GRANT_TYPE', 'missing or unknown grant type']
  const granted = grantType === 'refresh_token' ? refresh(state, form.get('refresh_token') ?? '') : redeem(state, form)
  return Array.isArray(granted) ? granted : issue(state, granted, version)
}

function redeem(state: State, form: URLSearchParams): Grant | Refusal {
  const text = form.get('code') ?? ''
  const code = state.codes.get(text)
  if (!code || code.expiresAt < Date.now()) return ['invalid_grant', 'BAD_AUTH_CODE', 'missing or unknown auth code']
  if (code.redirectUri !== form.get('redirect_uri'))
    return ['invalid_request', 'BAD_REDIRECT_URI', 'missing or invalid redirect uri']
  state.codes.delete(text)
  const portal = state.portals.get(code.portalId)
  if (!portal) return ['access_denied', 'BAD_HUB', 'missing or unknown hub id']
  portal.isInstalled = true
  recordLifecycle(state, 'APP_INSTALL', code.portalId)
  return { portalId: code.portalId, scopes: code.scopes, refreshToken: state.newSecret('refreshTokens') }
}

function refresh(state: State, text: string): Grant | Refusal {
  const known = state.refreshTokens.get(text)
  if (!known && state.settings.revokeFamilyOnReuse) endRefreshing(state, state.rotatedTokens.get(text))
  if (!known) return ['invalid_grant', 'BAD_REFRESH_TOKEN', 'refresh token is invalid, expired or revoked']
  if (!state.portals.has(known.portalId)) return ['access_denied', 'BAD_HUB', 'missing or unknown hub id']
  if (!state.settings.rotateRefreshTokens) return { ...known, refreshToken: text }
  state.refreshTokens.delete(text)
  state.rotatedTokens.set(text, known.portalId)
  return { ...known, refreshToken: state.newSecret('refreshTokens') }
}

function issue(state: State, { portalId, scopes, refreshToken }: Grant, version: string): TokenAnswer {
  const accessToken = state.newSecret('accessTokens')
  state.refreshTokens.set(refreshToken, { portalId, scopes })
  state.tokens.set(accessToken, { portalId, scopes, expiresAt: expiryOf(state) })
  const more = version === 'v1' ? {} : { token_use: 'access_token', hub_id: Number(portalId), scopes, user_id: USER_ID }
  return say(state, { access_token: accessToken, refresh_token: refreshToken, ...more })
}

/** A token for the app itself, of no portal; it cannot be refreshed. */
function issueToApp(state: State, scopes: string[]): TokenAnswer | Refusal {
  if (scopes.length === 0 || !scopes.every((scope) => state.settings.journalScopes.includes(scope)))
    return ['invalid_scope', 'BAD_SCOPES', 'missing or unknown scopes']
  const accessToken = state.newSecret('appTokens')
  state.appTokens.set(accessToken, { scopes, expiresAt: expiryOf(state) })
  return say(state, { access_token: accessToken, token_use: 'access_token', scopes })
}

/** What is said may be nonsense; what holds is a lifetime that a client can live with. */
function expiryOf({ settings }: State): number {
  const said = Number(settings.tokenLifetimeSeconds)
  const seconds = said > 0 && said < MAX_LIFETIME_SECONDS ? said : DEFAULT_LIFETIME_SECONDS
  return Date.now() + seconds * 1_000
}

function say({ settings }: State, answer: TokenAnswer): TokenAnswer {
  const { tokenLifetimeSeconds, omitFromTokenAnswer, overrideTokenAnswer } = settings
  const body = { ...answer, token_type: 'bearer', expires_in: tokenLifetimeSeconds, ...overrideTokenAnswer }
  return Object.fromEntries(Object.entries(body).filter(([name]) => !omitFromTokenAnswer.includes(name)))
}

/** Access tokens given already live on; the app stays installed. */
function revoke(state: State, token: string): Reply {
  const known = state.refreshTokens.get(token)
  if (known) state.revocations.push({ at: Date.now(), portalId: known.portalId })
  state.refreshTokens.delete(token)
  return { status: 200, body: {} }
}
