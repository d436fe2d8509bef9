import { randomBytes } from 'node:crypto'

/** Secrets that will be issued next, in order, by their kind; `appTokens` are those of the client's own credentials. */
export type PlannedSecrets = Record<SecretKind, string[]>
export type SecretKind = keyof typeof PREFIXES

const PREFIXES = { codes: 'code', accessTokens: 'na1', refreshTokens: 'refresh', appTokens: 'app' }

/** No secret is planned. */
export function noSecrets(): PlannedSecrets {
  return { codes: [], accessTokens: [], refreshTokens: [], appTokens: [] }
}

/** Appends to what is planned. @throws when it is not lists of texts by kind. */
export function planSecrets(planned: PlannedSecrets, more: Partial<PlannedSecrets>): void {
  for (const [kind, secrets] of Object.entries(more)) {
    if (!(kind in PREFIXES)) throw new Error(`There are no secrets ${kind}, only ${Object.keys(PREFIXES).join(', ')}.`)
    if (!Array.isArray(secrets) || !secrets.every((one) => typeof one === 'string' && one !== ''))
      throw new Error(`The secrets ${kind} must be a list of texts.`)
  }
  for (const kind of Object.keys(more) as SecretKind[]) planned[kind].push(...(more[kind] ?? []))
}

/** The next secret of this kind: the one planned, or a random one. */
export function nextSecret(planned: PlannedSecrets, kind: SecretKind): string {
  return planned[kind].shift() ?? `${PREFIXES[kind]}-${randomBytes(24).toString('base64url')}`
}
