import { randomBytes, randomUUID } from 'node:crypto'
import type { FaultRule } from './faults.js'
import type { Property } from './properties.js'
import { DEFAULT_PROPERTIES } from './properties.js'
import type { RowReport } from './rows.js'

export type Settings = {
  /** Consent without a page. */
  autoApprove: boolean
  /** What token answers say; a text, 0 or an absurd number tests a client's bounds. */
  tokenLifetimeSeconds: number | string
  rotateRefreshTokens: boolean
  /** How long an import stays STARTED, then PROCESSING. */
  startedMs: number
  processingMs: number
  /** How long a new import is missing from the list. */
  listLagMs: number
  /** Of the list of imports and of row errors. */
  pageSize: number
  /** How much of each uploaded file the ledger keeps as text. */
  keepTextBytes: number
  /** Scopes that an authorize URL must ask for. */
  requiredScopes: string[]
  /** What a consent grants instead of what was asked for. */
  grantScopes: string[] | null
  omitFromTokenAnswer: string[]
  /** Calls a portal may make in ten seconds; 0: any number. */
  callsPerTenSeconds: number
}

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
  properties: Record<string, Property[]>
}

export type Portal = PortalFields & {
  id: string
  isInstalled: boolean
  /** Whether the browser came back from a marketplace-started install; null: there was none. */
  returned: boolean | null
  contactsCreated: number
  callTimes: number[]
}

export type Token = { portalId: string; scopes: string[]; expiresAt: number; refreshToken: string }
export type Refresh = { portalId: string; scopes: string[] }
export type Code = { portalId: string; scopes: string[]; redirectUri: string; expiresAt: number }

export type LedgerFile = RowReport & { name: string; contentType: string; bytes: number; sha256: string; text: string }

export type LedgerImport = {
  id: string
  portalId: string
  name: string
  request: ImportRequestBody
  files: LedgerFile[]
  createdAt: number
  /** When it got one of the portal's running slots; null while it is deferred. */
  startedAt: number | null
  endedAt: number | null
  /** Set from outside: no clock changes it any more. */
  forcedState: string | null
  forcedCounters: Record<string, number> | null
  isForgotten: boolean
  contentLength: number | undefined
  isChunked: boolean
}

export type ImportRequestBody = {
  name?: unknown
  files?: { fileName?: string; fileImportPage?: { columnMappings?: ColumnMapping[] } }[]
}
export type ColumnMapping = {
  columnName?: string
  propertyName?: string | null
  columnObjectTypeId?: string
  columnType?: string | null
}

export type RequestRecord = { at: number; method: string; path: string; portalId: string | undefined; status: number }
export type TokenCall = { at: number; grantType: string; portalId: string | undefined; outcome: string }

export type State = ReturnType<typeof createState>

const DEFAULTS: Settings = {
  autoApprove: false,
  tokenLifetimeSeconds: 1_800,
  rotateRefreshTokens: false,
  startedMs: 300,
  processingMs: 1_500,
  listLagMs: 0,
  pageSize: 100,
  keepTextBytes: 65_536,
  requiredScopes: [],
  grantScopes: null,
  omitFromTokenAnswer: [],
  callsPerTenSeconds: 110,
}

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
}

/** Everything a simulated HubSpot remembers, in memory. */
export function createState(clientId: string, clientSecret: string) {
  const state = {
    clientId,
    clientSecret,
    settings: { ...DEFAULTS },
    portals: new Map<string, Portal>(),
    tokens: new Map<string, Token>(),
    refreshTokens: new Map<string, Refresh>(),
    codes: new Map<string, Code>(),
    imports: [] as LedgerImport[],
    faults: [] as FaultRule[],
    requests: [] as RequestRecord[],
    tokenCalls: [] as TokenCall[],
    nextImportId: 50_000_001,

    portal(id: string): Portal {
      const known = state.portals.get(id)
      if (known) return known
      const made = { ...PORTAL_DEFAULTS, id, isInstalled: false, returned: null, contactsCreated: 0, callTimes: [] }
      state.portals.set(id, made)
      return made
    },

    issueCode(portalId: string, redirectUri: string, scopes: string[]): string {
      const code = randomUUID()
      state.codes.set(code, {
        portalId,
        redirectUri,
        scopes: state.settings.grantScopes ?? scopes,
        expiresAt: Date.now() + 600_000,
      })
      return code
    },

    newSecret: (prefix: string) => `${prefix}-${randomBytes(24).toString('base64url')}`,

    reset(): void {
      Object.assign(state.settings, structuredClone(DEFAULTS))
      for (const map of [state.portals, state.tokens, state.refreshTokens, state.codes]) map.clear()
      for (const list of [state.imports, state.faults, state.requests, state.tokenCalls]) list.length = 0
      Object.assign(state.portal('111111'), {
        hubDomain: 'acme.de',
        uiDomain: 'app-eu1.hubspot.com',
        timeZone: 'Europe/Berlin',
        companyCurrency: 'EUR',
        dataHostingLocation: 'eu1',
      })
      Object.assign(state.portal('222222'), { hubDomain: 'globex.com' })
    },
  }
  state.reset()
  return state
}
