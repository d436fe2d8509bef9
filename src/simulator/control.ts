import { type Exchange, escapeHtml, json, page, readBody } from './exchange.js'
import type { FaultRule } from './faults.js'
import { stateOf } from './imports.js'
import type { PortalFields, Settings, State } from './state.js'

export type Control = ReturnType<typeof createControl>

/** What a test, or a person over HTTP under /control, can do to the simulated HubSpot. */
export function createControl(state: State) {
  const importOf = (id: string) => {
    const made = state.imports.find((one) => one.id === id)
    if (!made) throw new Error(`There is no import ${id}.`)
    return made
  }
  let nextFaultId = 1

  return {
    settings(patch: Partial<Settings> = {}): Settings {
      const unknown = Object.keys(patch).filter((name) => !(name in state.settings))
      if (unknown.length > 0) throw new Error(`There is no setting ${unknown.join(', ')}.`)
      return Object.assign(state.settings, patch)
    },

    /** Makes a portal, or changes one. */
    portal(id: string, patch: Partial<PortalFields> = {}) {
      if (!/^\d+$/.test(id)) throw new Error('A portal’s id is a decimal number.')
      return Object.assign(state.portal(id), patch)
    },

    portals: () => [...state.portals.values()].map(({ properties: _, callTimes: __, ...portal }) => portal),

    /** A code for a portal, without the consent page. */
    install(
      portalId: string,
      { redirectUri, scopes = ['oauth', 'crm.import'] }: { redirectUri: string; scopes?: string[] },
    ): string {
      return state.issueCode(state.portal(portalId).id, redirectUri, scopes)
    },

    /** As if the portal's admin removed the app: every token dies. */
    uninstall(portalId: string): void {
      state.portal(portalId).isInstalled = false
      for (const [text, token] of state.tokens) if (token.portalId === portalId) state.tokens.delete(text)
      for (const [text, token] of state.refreshTokens) if (token.portalId === portalId) state.refreshTokens.delete(text)
    },

    /** Access tokens end now; refreshing still works. */
    expireTokens(portalId: string): void {
      for (const token of state.tokens.values()) if (token.portalId === portalId) token.expiresAt = 0
    },

    rotateClientSecret(secret: string): void {
      state.clientSecret = secret
    },

    fault(rule: Omit<FaultRule, 'id' | 'matched'>): number {
      const id = nextFaultId++
      if (typeof rule?.on !== 'string' || typeof rule.do !== 'object')
        throw new Error('A fault needs "on", an operation, and "do", what happens.')
      state.faults.push({ ...rule, id, matched: 0 })
      return id
    },

    clearFaults(): void {
      state.faults.length = 0
    },

    /** Ground truth: every import that was made, in order, whatever was answered. */
    imports(portalId?: string) {
      return state.imports
        .filter((made) => portalId === undefined || made.portalId === portalId)
        .map((made) => ({
          ...made,
          state: stateOf(state, made),
          files: made.files.map(({ failed: _, ragged: __, ...file }) => file),
        }))
    },

    requests: () => [...state.requests],
    tokenCalls: () => [...state.tokenCalls],

    setImportState(importId: string, forcedState: string, counters?: Record<string, number>): void {
      Object.assign(importOf(importId), { forcedState, forcedCounters: counters ?? null, endedAt: Date.now() })
    },

    renameImport(importId: string, name: string): void {
      const made = importOf(importId)
      made.name = name
      made.request = { ...made.request, name }
    },

    /** Nobody hears of it any more. */
    forgetImport(importId: string): void {
      importOf(importId).isForgotten = true
    },

    reset: () => state.reset(),
  }
}

/** The same, over HTTP. */
export async function controlOverHttp(exchange: Exchange, control: Control): Promise<void> {
  const { req, url } = exchange
  const [, , noun = '', id = '', verb = ''] = url.pathname.split('/')
  try {
    const body =
      req.method === 'GET' || req.method === 'DELETE'
        ? {}
        : (JSON.parse((await readBody(req)) || '{}') as Record<string, unknown>)
    const result = act(control, `${req.method} ${noun}${id ? '/{id}' : ''}${verb ? `/${verb}` : ''}`, id, body, url)
    if (result === undefined) return json(exchange, 404, { message: `There is no ${req.method} ${url.pathname}: see GET /.` })
    json(exchange, 200, result ?? {})
  } catch (error) {
    json(exchange, 400, { message: error instanceof Error ? error.message : 'The body is wrong.' })
  }
}

/** The result, null for a call that gives none, undefined for one that is unknown. */
function act(control: Control, call: string, id: string, body: Record<string, unknown>, url: URL): unknown {
  switch (call) {
    case 'GET settings':
      return control.settings()
    case 'PATCH settings':
      return control.settings(body as Partial<Settings>)
    case 'GET portals':
      return control.portals()
    case 'PUT portals/{id}':
      return control.portal(id, body as Partial<PortalFields>)
    case 'POST portals/{id}/install':
      return { code: control.install(id, body as { redirectUri: string }) }
    case 'POST portals/{id}/uninstall':
      return control.uninstall(id) ?? null
    case 'POST portals/{id}/expire-tokens':
      return control.expireTokens(id) ?? null
    case 'POST client-secret':
      return control.rotateClientSecret(String(body.secret)) ?? null
    case 'POST faults':
      return { id: control.fault(body as Omit<FaultRule, 'id' | 'matched'>) }
    case 'DELETE faults':
      return control.clearFaults() ?? null
    case 'GET imports':
      return control.imports(url.searchParams.get('portalId') ?? undefined)
    case 'POST imports/{id}/state':
      return control.setImportState(id, String(body.state), body.counters as Record<string, number> | undefined) ?? null
    case 'POST imports/{id}/name':
      return control.renameImport(id, String(body.name)) ?? null
    case 'POST imports/{id}/forget':
      return control.forgetImport(id) ?? null
    case 'GET requests':
      return control.requests()
    case 'GET token-calls':
      return control.tokenCalls()
    case 'POST reset':
      return control.reset() ?? null
    default:
      return undefined
  }
}

const CALLS = `GET|PATCH /control/settings
GET /control/portals
PUT /control/portals/{id}
POST /control/portals/{id}/install {"redirectUri","scopes"}
POST /control/portals/{id}/uninstall
POST /control/portals/{id}/expire-tokens
POST /control/client-secret {"secret"}
POST /control/faults {"on","portalId","times","after","do"}
DELETE /control/faults
GET /control/imports?portalId=
POST /control/imports/{id}/state {"state","counters"}
POST /control/imports/{id}/name {"name"}
POST /control/imports/{id}/forget
GET /control/requests
GET /control/token-calls
POST /control/reset`

/** What there is, for a person who opens the simulator in a browser. */
export function overview(exchange: Exchange, control: Control): void {
  const portals = control
    .portals()
    .map(
      ({ id, hubDomain, isInstalled, contactsCreated }) =>
        `<li>${escapeHtml(hubDomain)} (${id}): ${isInstalled ? 'app installed' : 'app not installed'}, ${contactsCreated} records created</li>`,
    )
  page(
    exchange,
    200,
    'A simulated HubSpot',
    `<h2>Portals</h2><ul>${portals.join('')}</ul><h2>Settings</h2><pre>${escapeHtml(JSON.stringify(control.settings(), null, 2))}</pre><h2>Control</h2><pre>${escapeHtml(CALLS)}</pre>`,
  )
}
