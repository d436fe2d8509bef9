import type { FaultRule } from './faults.js'
import type { ImportRequest } from './imports/request.js'
import type { RowError } from './imports/row-errors.js'
import type { Batch } from './journal/journal.js'
import { nextSecret, noSecrets, type SecretKind } from './oauth/planned-secrets.js'
import { DEFAULT_PROPERTIES, type Property } from './properties.js'
import { defaultSettings } from './settings.js'

/** What a portal is like. */
export type PortalFields = {
  hubDomain: string
  uiDomain: string
  timeZone: string
  companyCurrency: string
  dataHostingLocation: string
  accountType: string
  importsPerDay: number
  rowsPerDay: number
  maxRunning: number
  /** By object type id. */
  properties: Record<string, Property[]>
  owners: Owner[]
}

/** A user that records can belong to. */
export type Owner = { id: string; email: string; firstName: string; lastName: string }

export type Portal = PortalFields & {
  id: string
  isInstalled: boolean
  /** Whether the browser came back from a marketplace-started install; null: there was none. */
  returned: boolean | null
  /** How often the user opened the app since, and was taken to its callback again. */
  loginLoops: number
  /** All that is left of what imports wrote. */
  contactsCreated: number
  callTimes: number[]
  /** Imports with a slot, and those that wait for one, in order. */
  running: Import[]
  waiting: Import[]
}

export type Token = { portalId: string; scopes: string[]; expiresAt: number }
/** A token that the app got for itself, with its own credentials. */
export type AppToken = Omit<Token, 'portalId'>
export type Code = { portalId: string; scopes: string[]; redirectUri: string; expiresAt: number }

/** An install that began on the marketplace; `code` is given at once, or after the app's own sign-in. */
export type MarketplaceInstall = {
  id: string
  portalId: string
  scopes: string[]
  redirectUri: string
  hasSignIn: boolean
  step: 'sign-in' | 'return'
}

export type ReceivedFile = { name: string; contentType: string; bytes: number; sha256: string; text: string; rows: number }

/** An import, from the call that made it to its end. */
export type Import = {
  id: string
  portalId: string
  name: string
  request: ImportRequest
  files: ReceivedFile[]
  objectTypeIds: string[]
  /** The first of what is wrong with its rows, and how much it is altogether. */
  errors: RowError[]
  errorCount: number
  badRows: number
  createdAt: number
  /** When it got one of the portal's slots; null while it is deferred. */
  startedAt: number | null
  endedAt: number | null
  /** Set from outside: no clock changes it any more. */
  forcedState: string | null
  forcedCounters: Record<string, number> | null
  isForgotten: boolean
  contentLength: number | undefined
  isChunked: boolean
}

/** `onItsOwn`: no other request came over the same connection before it. */
export type RequestRecord = {
  at: number
  method: string
  path: string
  portalId: string | undefined
  status: number
  onItsOwn: boolean
}
/** `outcome`: granted, HubSpot's `status` for why not, or fault; `error`: OAuth's word for why not. */
export type TokenCall = { at: number; grantType: string; portalId: string | undefined; outcome: string; error: string | null }
/** What an app did to its own installation. */
export type AppAct = { at: number; portalId: string }

export type State = ReturnType<typeof createState>

const CODE_LIFE_MS = 600_000
const TEST_SCOPES = [
  'oauth',
  'crm.import',
  'tickets',
  'crm.objects.owners.read',
  ...['contacts', 'companies', 'deals', 'custom'].map((name) => `crm.schemas.${name}.read`),
]

const PORTAL_DEFAULTS: PortalFields = {
  hubDomain: 'example.com',
  uiDomain: 'app.hubspot.com',
  timeZone: 'US/Eastern',
  companyCurrency: 'USD',
  dataHostingLocation: 'na1',
  accountType: 'STANDARD',
  importsPerDay: 500,
  rowsPerDay: 80_000_000,
  maxRunning: 3,
  properties: DEFAULT_PROPERTIES,
  owners: [
    { id: '41629779', email: 'anna@acme.example', firstName: 'Anna', lastName: 'Müller' },
    { id: '41629780', email: 'ben@acme.example', firstName: 'Ben', lastName: 'Okafor' },
  ],
}

const ACME = {
  hubDomain: 'acme.de',
  uiDomain: 'app-eu1.hubspot.com',
  timeZone: 'Europe/Berlin',
  companyCurrency: 'EUR',
  dataHostingLocation: 'eu1',
}

/** Everything a simulated HubSpot remembers, in memory. */
export function createState(clientId: string, clientSecret: string) {
  const state = {
    clientId,
    clientSecret,
    settings: defaultSettings(),
    portals: new Map<string, Portal>(),
    tokens: new Map<string, Token>(),
    refreshTokens: new Map<string, Omit<Token, 'expiresAt'>>(),
    /** Refresh tokens that another one has replaced, and whose they were. */
    rotatedTokens: new Map<string, string>(),
    appTokens: new Map<string, AppToken>(),
    codes: new Map<string, Code>(),
    marketplaceInstalls: new Map<string, MarketplaceInstall>(),
    imports: new Map<string, Import>(),
    faults: [] as FaultRule[],
    requests: [] as RequestRecord[],
    /** Those over which a request has come. */
    connections: new WeakSet<object>(),
    tokenCalls: [] as TokenCall[],
    revocations: [] as AppAct[],
    uninstalls: [] as AppAct[],
    plannedSecrets: noSecrets(),
    issuedSecrets: noSecrets(),
    /** Ids by event type. */
    subscriptions: new Map<string, number>(),
    journal: [] as Batch[],
    nextImportId: 50_000_001,

    /** @throws when there is none. */
    portal(id: string): Portal {
      const portal = state.portals.get(id)
      if (!portal) throw new Error(`There is no portal ${id}.`)
      return portal
    },

    addPortal(id: string): Portal {
      const idle = {
        isInstalled: false,
        returned: null,
        loginLoops: 0,
        contactsCreated: 0,
        callTimes: [],
        running: [],
        waiting: [],
      }
      const portal = { ...PORTAL_DEFAULTS, ...idle, id }
      state.portals.set(id, portal)
      return portal
    },

    issueCode(portalId: string, redirectUri: string, scopes: string[]): string {
      const code = state.newSecret('codes')
      const granted = state.settings.grantScopes ?? scopes
      state.codes.set(code, { portalId, redirectUri, scopes: granted, expiresAt: Date.now() + CODE_LIFE_MS })
      return code
    },

    newSecret(kind: SecretKind): string {
      const secret = nextSecret(state.plannedSecrets, kind)
      state.issuedSecrets[kind].push(secret)
      return secret
    },

    /** What is known of an access token. One that names its portal itself (`importal-test-123-…`) is good for ever, and makes the portal. */
    tokenOf(text: string): Token | undefined {
      const known = state.tokens.get(text)
      const [, portalId] = /^importal-test-(\d{1,15})-[0-9a-f]{16,}$/.exec(text) ?? []
      if (known || portalId === undefined) return known
      if (!state.portals.has(portalId)) state.addPortal(portalId)
      return { portalId, scopes: TEST_SCOPES, expiresAt: Number.POSITIVE_INFINITY }
    },

    /** The portal that a token, of either kind, belongs to, or belonged to before another replaced it. */
    portalOf: (token: string) =>
      (state.tokens.get(token) ?? state.refreshTokens.get(token))?.portalId ?? state.rotatedTokens.get(token),

    reset(): void {
      state.clientSecret = clientSecret
      state.settings = defaultSettings()
      state.plannedSecrets = noSecrets()
      state.issuedSecrets = noSecrets()
      for (const map of [state.portals, state.marketplaceInstalls, state.imports, state.subscriptions]) map.clear()
      for (const map of [state.tokens, state.refreshTokens, state.rotatedTokens, state.appTokens, state.codes]) map.clear()
      for (const list of [state.faults, state.requests, state.tokenCalls, state.revocations, state.uninstalls, state.journal])
        list.length = 0
      Object.assign(state.addPortal('111111'), ACME)
      Object.assign(state.addPortal('222222'), { hubDomain: 'globex.com' })
    },
  }
  state.reset()
  return state
}
