import { PORTAL, type TestApp } from '../../support/app.js'

/** Runs what takes long as well: real waiting, and enough repetitions to believe in. */
export const isLong = process.env.TOKENS_LONG === '1'

/** Every token has one minute left: too little to be handed out. */
export const expire = ({ query }: TestApp) => query(`UPDATE "PortalToken" SET "expiresAt" = now() + interval '1 minute'`)

/** As when so much time had passed that nobody holds a lease any more. */
export const endLeases = ({ query }: TestApp) => query(`UPDATE "Portal" SET "leaseUntil" = now() - interval '1 second'`)

export const refreshCalls = ({ hubspot }: TestApp) =>
  hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'refresh_token')

/** Whether what is stored for the portal is the refresh token that HubSpot goes by. */
export async function isCurrent({ deps }: TestApp): Promise<boolean> {
  const { refreshToken } = await deps.tokens.read(PORTAL, 'check')
  return (await deps.oauth.introspect(refreshToken, 'refresh_token')).active
}

export async function versions({ query }: TestApp): Promise<number[]> {
  const rows = await query<{ version: number }>('SELECT "version" FROM "PortalToken" WHERE "portalId" = $1 ORDER BY 1', [PORTAL])
  return rows.map(({ version }) => version)
}
