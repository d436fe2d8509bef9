import { randomBytes } from 'node:crypto'

/** Secrets in the order of their issue, by their kind; `appTokens` are those of the client's own credentials. */
export type SecretsByKind = Record<SecretKind, string[]>
export type SecretKind = keyof typeof PREFIXES

const PREFIXES = { codes: 'code', accessTokens: 'na1', refreshTokens: 'refresh', appTokens: 'app' }

export function noSecrets(): SecretsByKind {
  return { codes: [], accessTokens: [], refreshTokens: [], appTokens: [] }
}

/** Appends to what is planned. @throws when it is not lists of texts by kind. */
export function planSecrets(planned: SecretsByKind, more: Partial<SecretsByKind>): void {
  for (const [kind, secrets] of Object.entries(more)) {
    if (!(kind in PREFIXES)) throw new Error(`There are no secrets ${kind}, only ${Object.keys(PREFIXES).join(', ')}.`)
    if (!Array.isArray(secrets) || !secrets.every((one) => typeof one === 'string' && one !== ''))
      throw new Error(`The secrets ${kind} must be a list of texts.`)
  }
  for (const kind of Object.keys(more) as SecretKind[]) planned[kind].push(...(more[kind] ?? []))
}

/** The next secret of this kind: the one planned, or a random one. */
export function nextSecret(planned: SecretsByKind, kind: SecretKind): string {
  return planned[kind].shift() ?? `${PREFIXES[kind]}-${randomBytes(24).toString('base64url')}`
}
