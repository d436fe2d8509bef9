import { Readable } from 'node:stream'
import debug from 'debug'
import { AuthorizationCode } from 'simple-oauth2'
import { z } from 'zod'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { type Secret, secret } from '../secret.js'
import { parseBody } from './answers.js'
import { type Answer, send } from './send.js'

/** A pair as HubSpot gave it. What HubSpot left out is undefined: the caller keeps what it had. */
export type TokenAnswer = {
  accessToken: Secret
  refreshToken: Secret | undefined
  expiresInSeconds: number
  hubId: string | undefined
  scopes: string[] | undefined
}

/** What HubSpot says about a token of ours. */
export type Introspection =
  | { active: false }
  | { active: true; hubId: string; appId: string | null; userId: string | null; scopes: string[]; hubDomain: string | null }

export type TokenKind = 'access_token' | 'refresh_token'

// The library prints whole requests, secrets included, when DEBUG names it or everything.
const debugged = debug.disable()
if (debugged) debug.enable(`${debugged},-simple-oauth2*`)

const TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 256 * 1024
const DEFAULT_LIFETIME_SECONDS = 1_800
/** A lifetime outside these bounds is a mistake of somebody's: believing it would mean a refresh per call, or none ever. */
const LIFETIME_SECONDS = { min: 600, max: 86_400 }

const HubId = z.union([z.string().regex(/^\d{1,20}$/), z.int().positive()]).transform(String)

const TokenBody = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional().catch(undefined),
  expires_in: z.coerce.number().optional().catch(undefined),
  hub_id: HubId.optional().catch(undefined),
  scopes: z.array(z.string()).optional().catch(undefined),
})

const IntrospectionBody = z.union([
  z.object({ active: z.literal(false) }),
  z.object({
    active: z.literal(true),
    hub_id: HubId,
    app_id: HubId.nullish().catch(null),
    user_id: HubId.nullish().catch(null),
    scopes: z.array(z.string()).catch([]),
    hub_domain: z.string().nullish().catch(null),
  }),
])

export type OAuth = ReturnType<typeof createOAuth>

/**
 * HubSpot's side of OAuth: the authorize URL, code → tokens, refresh, introspection, revocation.
 *
 * Three kinds of failure are told apart by the body, not the status: `portal_disconnected` (the portal took our access
 * away), `oauth_misconfigured` (our own credentials or settings are refused: nobody is disconnected) and
 * `hubspot_unavailable` (try again). A code that HubSpot does not take is `oauth_code_refused`.
 *
 * @see https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
 */
export function createOAuth({ hubspot, publicUrl }: Pick<Config, 'hubspot' | 'publicUrl'>) {
  const redirectUri = `${publicUrl}/oauth/callback`
  const tokenPath = `/oauth/${hubspot.apiVersion}/token`
  const client = new AuthorizationCode({
    client: { id: hubspot.clientId, secret: hubspot.clientSecret.reveal() },
    auth: {
      tokenHost: hubspot.apiUrl,
      tokenPath,
      authorizeHost: hubspot.appUrl,
    },
    options: { bodyFormat: 'form', authorizationMethod: 'body' },
    http: { timeout: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES },
  })

  /** Asks one of the token endpoint's neighbours about a token. */
  async function askAbout(action: 'introspect' | 'revoke', token: Secret, kind: TokenKind): Promise<Answer> {
    const form = new URLSearchParams({
      client_id: hubspot.clientId,
      client_secret: hubspot.clientSecret.reveal(),
      token: token.reveal(),
      token_type_hint: kind,
    })
    const answer = await send({
      url: new URL(`${tokenPath}/${action}`, hubspot.apiUrl),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      secrets: [token, hubspot.clientSecret],
      body: Readable.from([form.toString()]),
      keepAlive: false,
      idleMs: TIMEOUT_MS,
      deadlineMs: TIMEOUT_MS,
    }).catch((cause: unknown) => {
      throw new AppError('hubspot_unavailable', { cause })
    })
    if (answer.status >= 200 && answer.status < 300) return answer
    throw toAppError(refusalOf(answer), 'hubspot_unavailable')
  }

  return {
    /** Where a browser consents; scopes are joined by `%20`, never `+`. */
    authorizeUrl(state: string, portalId?: string): string {
      const url = client.authorizeURL({
        redirect_uri: redirectUri,
        scope: [...hubspot.scopes],
        state,
        ...(hubspot.optionalScopes.length > 0 ? { optional_scope: hubspot.optionalScopes.join(' ') } : {}),
      } as Parameters<typeof client.authorizeURL>[0])
      const preselected = portalId === undefined ? url : url.replace('/oauth/authorize', `/oauth/${portalId}/authorize`)
      return preselected.replaceAll('+', '%20')
    },

    /** A code's tokens. @throws {AppError} `oauth_code_refused`, `oauth_answer_invalid`, `oauth_misconfigured`, `hubspot_unavailable` */
    async exchangeCode(code: Secret): Promise<TokenAnswer> {
      const body = await client.getToken({ code: code.reveal(), redirect_uri: redirectUri }).catch((error: unknown) => {
        throw toAppError(error, 'oauth_code_refused')
      })
      const tokens = toTokens(body.token)
      if (!tokens) throw new AppError('oauth_answer_invalid')
      return tokens
    },

    /** A new pair. @throws {AppError} `portal_disconnected`, `oauth_misconfigured`, `hubspot_unavailable` */
    async refresh(refreshToken: Secret): Promise<TokenAnswer> {
      const old = client.createToken({ refresh_token: refreshToken.reveal() })
      const body = await old.refresh().catch((error: unknown) => {
        throw toAppError(error, 'hubspot_unavailable')
      })
      const tokens = toTokens(body.token)
      if (!tokens) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable token answer' } })
      return tokens
    },

    /**
     * What HubSpot says about a token: a revoked or unknown one is not active.
     * @throws {AppError} `oauth_misconfigured`, `hubspot_unavailable`
     */
    async introspect(token: Secret, kind: TokenKind = 'access_token'): Promise<Introspection> {
      const answer = await askAbout('introspect', token, kind)
      const body = parseBody(IntrospectionBody, answer.body)
      if (!body)
        throw new AppError('hubspot_unavailable', { context: { status: answer.status, why: 'unreadable introspection' } })
      if (!body.active) return { active: false }
      const { hub_id: hubId, app_id: appId = null, user_id: userId = null, scopes, hub_domain: hubDomain = null } = body
      return { active: true, hubId, appId, userId, scopes, hubDomain }
    },

    /**
     * Ends a refresh token at HubSpot; one that is unknown there is fine.
     * @throws {AppError} `oauth_misconfigured`, `hubspot_unavailable`
     */
    async revoke(refreshToken: Secret): Promise<void> {
      await askAbout('revoke', refreshToken, 'refresh_token').catch((error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'portal_disconnected') throw error
      })
    },
  }
}

/** Bodies that say the portal took our access away; nothing else disconnects a portal. */
const DISCONNECTED = ['BAD_REFRESH_TOKEN', 'BAD_HUB']
const MISCONFIGURED = ['BAD_REDIRECT_URI', 'BAD_CLIENT_ID', 'BAD_CLIENT_SECRET', 'BAD_SCOPES', 'BAD_GRANT_TYPE']

/** Words only: these are logged and stored, and an answer may repeat what it was asked with. */
const RefusalBody = z.object({
  status: z
    .string()
    .regex(/^[A-Z_]{1,50}$/)
    .optional()
    .catch(undefined),
  error: z
    .string()
    .regex(/^[a-z_]{1,50}$/)
    .optional()
    .catch(undefined),
})

/** An answer of ours in the shape of the library's error. */
function refusalOf({ status, body }: Answer) {
  return { data: { payload: parseBody(RefusalBody, body) }, output: { statusCode: status } }
}

/** `grantCode` is what an unexplained `invalid_grant` means. The library's error holds the request, secrets included: it is not passed on. */
function toAppError(thrown: unknown, grantCode: 'oauth_code_refused' | 'hubspot_unavailable'): AppError {
  const { data, output } = (thrown ?? {}) as { data?: { payload?: unknown }; output?: { statusCode?: number } }
  const { status, error } = RefusalBody.safeParse(data?.payload).data ?? {}
  const context = { httpStatus: output?.statusCode, status, error }
  if (status !== undefined && DISCONNECTED.includes(status)) return new AppError('portal_disconnected', { context })
  if ((status !== undefined && MISCONFIGURED.includes(status)) || error === 'invalid_client')
    return new AppError('oauth_misconfigured', { context })
  if (status === 'BAD_AUTH_CODE' || status === 'BAD_CODE_VERIFIER') return new AppError('oauth_code_refused', { context })
  if (error === 'invalid_grant') return new AppError(grantCode, { context })
  if (output?.statusCode === 404) return new AppError('hubspot_path_unknown', { context })
  // A success that was no JSON ends up here as well: the library takes nothing else.
  if (output?.statusCode === 406 && grantCode === 'oauth_code_refused') return new AppError('oauth_answer_invalid', { context })
  return new AppError('hubspot_unavailable', { context })
}

function toTokens(token: unknown): TokenAnswer | undefined {
  const body = TokenBody.safeParse(token).data
  if (!body) return undefined
  const seconds = Number.isFinite(body.expires_in) ? (body.expires_in ?? 0) : DEFAULT_LIFETIME_SECONDS
  return {
    accessToken: secret(body.access_token),
    refreshToken: body.refresh_token === undefined ? undefined : secret(body.refresh_token),
    expiresInSeconds: Math.round(Math.min(Math.max(seconds, LIFETIME_SECONDS.min), LIFETIME_SECONDS.max)),
    hubId: body.hub_id,
    scopes: body.scopes,
  }
}
