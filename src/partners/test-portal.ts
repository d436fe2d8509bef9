import { randomBytes, randomInt } from 'node:crypto'
import type { Config } from '../config.js'
import { TEST_TOKEN } from '../hubspot/apart.js'
import type { TokenStore } from '../portals/token-store.js'
import { secret } from '../secret.js'
import type { PartnerStore } from './partner-store.js'

type Deps = {
  config: Pick<Config, 'hubspot'>
  partners: Pick<PartnerStore, 'findTestPortal' | 'addTestPortal'>
  tokens: Pick<TokenStore, 'connect'>
}

/** Nothing of it ever ends by itself. */
const LIFETIME_SECONDS = 50 * 365 * 86_400

/** The simulated account that a partner's test keys are for; made when there is none yet. */
export async function openTestPortal(
  { config, partners, tokens }: Deps,
  partnerId: string,
  actor: 'operator' | 'admin',
): Promise<string> {
  const known = await partners.findTestPortal(partnerId)
  if (known !== undefined) return known
  // Longer than HubSpot's own are.
  const portalId = `9${String(randomInt(1e14)).padStart(14, '0')}`
  const token = () => secret(`${TEST_TOKEN}${portalId}-${randomBytes(24).toString('hex')}`)
  await partners.addTestPortal(portalId)
  await tokens.connect(
    portalId,
    {
      accessToken: token(),
      refreshToken: token(),
      scopes: [...config.hubspot.scopes, ...config.hubspot.optionalScopes],
      expiresInSeconds: LIFETIME_SECONDS,
    },
    { hubDomain: 'test.example', uiDomain: null, timeZone: 'UTC', accountType: 'STANDARD', dataHostingLocation: null },
    actor,
  )
  return portalId
}
