import type { Config } from '../config.js'
import { AppError, PROBLEMS } from '../errors.js'
import type { HubSpot } from '../hubspot/hubspot.js'
import { findScopeUse, type Scope } from '../hubspot/scopes.js'
import type { AccessToken } from './access-token.js'

/** Whether the call behind a scope works in a portal; `fix` says what to do when it does not. */
export type ScopeCheck = { scope: string; isRequired: boolean; ok: boolean; purpose: string; found: string; fix?: string }

type Deps = {
  config: Pick<Config, 'publicUrl'> & { hubspot: Pick<Config['hubspot'], 'scopes' | 'optionalScopes'> }
  hubspot: HubSpot
  accessToken: Pick<AccessToken, 'use'>
}

/**
 * Makes, in the portal's name, the call behind every scope that an installation is asked for: what HubSpot says it granted
 * is one thing, what it lets us do another.
 *
 * @throws {AppError} `portal_not_found`, `portal_disconnected`, `oauth_misconfigured`: then there is nothing to call with
 */
export async function checkScopes(deps: Deps, portalId: string): Promise<ScopeCheck[]> {
  const { scopes, optionalScopes } = deps.config.hubspot
  const checks: ScopeCheck[] = []
  for (const scope of new Set([...scopes, ...optionalScopes])) {
    const isRequired = scopes.includes(scope)
    checks.push({ scope, isRequired, ...(await checkScope(deps, portalId, scope, isRequired)) })
  }
  return checks
}

/** The checks as lines for a person. */
export function describeScopes(checks: ScopeCheck[]): string {
  return checks
    .map(({ scope, isRequired, ok, purpose, found, fix }) => {
      const name = isRequired ? scope : `${scope} (optional)`
      return `${ok ? '✓' : '✗'} ${name}: ${found}\n    ${purpose}\n${fix === undefined ? '' : `    → ${fix}\n`}`
    })
    .join('')
}

async function checkScope(
  { config, hubspot, accessToken }: Deps,
  portalId: string,
  scope: string,
  isRequired: boolean,
): Promise<Omit<ScopeCheck, 'scope' | 'isRequired'>> {
  const link = `${config.publicUrl}/oauth/install?portalId=${portalId}`
  const use = findScopeUse(scope)
  if (!use)
    return { ok: true, purpose: 'Nothing that Importal does', found: 'not needed', fix: `Take ${scope} out of HUBSPOT_SCOPES.` }
  const { purpose, call } = use
  try {
    await accessToken.use(portalId, 'check', (token) => call(hubspot, token), scope as Scope)
    return { ok: true, purpose, found: 'works' }
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'oauth_misconfigured') throw error
    if (error.code === 'portal_not_found' || error.code === 'portal_disconnected')
      throw new AppError(error.code, { detail: `Portal ${portalId} is not connected: open ${link} as its admin.`, cause: error })
    if (error.code !== 'scope_missing')
      return { ok: false, purpose, found: PROBLEMS[error.code].title, fix: 'Nothing is known about it now: try again.' }
    const fix = isRequired ? `Connect the portal again: ${link}` : `To have it, connect the portal again: ${link}`
    return { ok: false, purpose, found: 'not granted', fix }
  }
}
