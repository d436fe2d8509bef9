import { type Exchange, escapeHtml, page, type Reply, redirection, send } from '../exchange.js'
import type { State } from '../state.js'

type Ask = { redirectUri: string; scopes: string[]; optionalScopes: string[]; state: string | undefined }

/** The consent page: who installs, what is asked for, Allow and Cancel; with auto-approve on, straight back with a code. */
export function consent(exchange: Exchange, hubId: string | undefined): void {
  send(exchange, decide(exchange, hubId))
}

function decide({ url, state }: Exchange, hubId: string | undefined): Reply {
  const { searchParams: query } = url
  const wrong = mistakeIn(query, state)
  if (wrong) return page(400, 'Authorization failed', `<p>${escapeHtml(wrong)}</p>`)
  const ask: Ask = {
    redirectUri: query.get('redirect_uri') ?? '',
    scopes: splitScopes(query.get('scope')),
    optionalScopes: splitScopes(query.get('optional_scope')),
    state: query.get('state') ?? undefined,
  }
  const decision = query.get('decision')
  if (decision === 'deny') {
    const refused = { error: 'access_denied', error_description: 'The user denied the request.', state: ask.state }
    return redirection(ask.redirectUri, refused)
  }
  const wanted = hubId ?? query.get('portalId') ?? undefined
  if (decision !== 'allow' && !state.settings.autoApprove) return page(200, 'Connect an app', form(state, query, ask, wanted))

  const portalId = (decision === 'allow' ? query.get('portal') : wanted) ?? wanted ?? [...state.portals.keys()][0] ?? ''
  if (!state.portals.has(portalId))
    return page(404, 'Authorization failed', `<p>There is no account ${escapeHtml(portalId)}.</p>`)
  const code = state.issueCode(portalId, ask.redirectUri, [...ask.scopes, ...ask.optionalScopes])
  return redirection(ask.redirectUri, { code, state: ask.state })
}

/** What is wrong with an app's link, in a sentence. */
export function mistakeIn(query: URLSearchParams, { clientId, settings }: State): string | undefined {
  const scopes = splitScopes(query.get('scope'))
  const missing = settings.requiredScopes.filter((scope) => !scopes.includes(scope))
  if (query.get('client_id') !== clientId) return 'There is no app with this client_id.'
  const redirectUri = query.get('redirect_uri') ?? ''
  if (!/^https?:$/.test(URL.canParse(redirectUri) ? new URL(redirectUri).protocol : ''))
    return 'The redirect_uri is missing or no URL.'
  if (scopes.length === 0) return 'The link asks for no scope.'
  if (missing.length > 0) return `The link does not ask for scopes that the app requires: ${missing.join(', ')}.`
  return undefined
}

export function splitScopes(text: string | null): string[] {
  return (text ?? '').split(' ').filter((scope) => scope !== '')
}

function form(state: State, query: URLSearchParams, { scopes, optionalScopes }: Ask, wanted: string | undefined): string {
  const hidden = [...query]
    .filter(([name]) => name !== 'portal' && name !== 'decision')
    .map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
  const portals = [...state.portals.values()].map(({ id, hubDomain }, i) => {
    const isChecked = wanted === undefined ? i === 0 : id === wanted
    const radio = `<input type="radio" name="portal" value="${escapeHtml(id)}" required${isChecked ? ' checked' : ''}>`
    return `<p><label>${radio} ${escapeHtml(hubDomain)} (${escapeHtml(id)})</label></p>`
  })
  const asked = [...scopes, ...optionalScopes.map((scope) => `${scope} (optional)`)].map(
    (scope) => `<li>${escapeHtml(scope)}</li>`,
  )
  return `<form>${hidden.join('')}<fieldset><legend>Choose an account</legend>${portals.join('')}</fieldset>
<p>The app asks for:</p><ul>${asked.join('')}</ul>
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Cancel</button></form>`
}
