/** What a test, or a person, can turn. */
export type Settings = {
  /** Consent without a page. */
  autoApprove: boolean
  /** What token answers say; a text, 0 or an absurd number tests a client's bounds. */
  tokenLifetimeSeconds: number | string
  rotateRefreshTokens: boolean
  /** Whether a refresh token used after its rotation ends those that came after it, as with strict providers. */
  revokeFamilyOnReuse: boolean
  /** Whether an app's own uninstall ends its access tokens too, as the portal's admin's does. */
  revokeOnUninstall: boolean
  /** How long an import stays STARTED, then PROCESSING. */
  startedMs: number
  processingMs: number
  /** How long a new import is missing from the list. */
  listLagMs: number
  /** Of the list of imports and of row errors. */
  pageSize: number
  /** How much of each uploaded file the ledger keeps as text. */
  keepTextBytes: number
  /** How many imports are remembered, the oldest that have ended forgotten first; 0: all. */
  maxImports: number
  /** Scopes that an authorize URL must ask for. */
  requiredScopes: string[]
  /** What a consent grants instead of what was asked for. */
  grantScopes: string[] | null
  /** Scopes that the app may have for itself, to read the webhooks journal. */
  journalScopes: string[]
  omitFromTokenAnswer: string[]
  /** Said in token answers instead of the truth, for instance another `hub_id`. */
  overrideTokenAnswer: Record<string, unknown>
  /** Calls a portal may make in ten seconds; 0: any number. */
  callsPerTenSeconds: number
}

/** The settings that a simulator starts with. */
export function defaultSettings(): Settings {
  return {
    autoApprove: false,
    tokenLifetimeSeconds: 1_800,
    rotateRefreshTokens: false,
    revokeFamilyOnReuse: false,
    revokeOnUninstall: true,
    startedMs: 300,
    processingMs: 1_500,
    listLagMs: 0,
    pageSize: 100,
    keepTextBytes: 65_536,
    maxImports: 0,
    requiredScopes: [],
    grantScopes: null,
    journalScopes: ['read', 'subscriptions.read', 'subscriptions.write'].map((name) => `developer.webhooks_journal.${name}`),
    omitFromTokenAnswer: [],
    overrideTokenAnswer: {},
    callsPerTenSeconds: 110,
  }
}

const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string')

const EXCEPTIONS: Record<string, (value: unknown) => boolean> = {
  tokenLifetimeSeconds: (value) => typeof value === 'number' || typeof value === 'string',
  requiredScopes: isTexts,
  journalScopes: isTexts,
  omitFromTokenAnswer: isTexts,
  grantScopes: (value) => value === null || isTexts(value),
}

/** The same settings with the patch applied. @throws when it names no setting, or gives one a value of the wrong kind. */
export function changeSettings(settings: Settings, patch: Partial<Settings>): Settings {
  const known: Record<string, unknown> = defaultSettings()
  for (const [name, value] of Object.entries(patch)) {
    if (!(name in known)) throw new Error(`There is no setting ${name}.`)
    const isRight = EXCEPTIONS[name]?.(value) ?? (typeof value === typeof known[name] && value !== null)
    if (!isRight) throw new Error(`The setting ${name} is like ${JSON.stringify(known[name])}, not ${JSON.stringify(value)}.`)
  }
  return Object.assign(settings, patch)
}
