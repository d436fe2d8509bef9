import type { EncryptionKey } from '../../../src/config.js'
import { createSeal, type TokenPair } from '../../../src/portals/seal.js'
import { secret } from '../../../src/secret.js'
import type { TestApp } from '../../support/app.js'

const AT_ONCE = 50

type Place = Pick<TestApp, 'config' | 'hubspot' | 'query'> & { deps: Pick<TestApp['deps'], 'oauth'> }

/** Connects many portals, quicker than by installing each, with data keys wrapped by `key`; resolves to their ids. */
export async function connectPortals(place: Place, key: EncryptionKey, count: number): Promise<string[]> {
  const portalIds = Array.from({ length: count }, (_, i) => String(800_001 + i))
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = portalIds.slice(at, at + AT_ONCE)
    await store(place, key, some, await Promise.all(some.map((portalId) => consent(place, portalId))))
  }
  return portalIds
}

async function consent({ config, hubspot, deps }: Place, portalId: string): Promise<TokenPair> {
  hubspot.control.portal(portalId)
  const code = hubspot.control.install(portalId, { redirectUri: `${config.publicUrl}/oauth/callback` })
  const { accessToken, refreshToken } = await deps.oauth.exchangeCode(secret(code))
  if (!refreshToken) throw new Error('HubSpot gave no refresh token')
  return { accessToken, refreshToken }
}

async function store({ config, query }: Place, key: EncryptionKey, portalIds: string[], pairs: TokenPair[]): Promise<void> {
  const seal = createSeal([key], config.hubspot.clientId)
  const sealed = portalIds.flatMap((portalId, i) => {
    const pair = pairs[i]
    return pair ? [seal.closePair(pair, { portalId, version: 1 })] : []
  })
  const values = [
    portalIds,
    sealed.map(({ dataKey }) => dataKey),
    sealed.map(({ accessToken }) => accessToken),
    sealed.map(({ refreshToken }) => refreshToken),
  ]
  await query(
    `WITH portal AS (
       INSERT INTO "Portal" ("id", "tokenVersion", "dataKey", "dataKeyId")
       SELECT "id", 1, "dataKey", $5 FROM unnest($1::text[], $2::text[]) AS c("id", "dataKey")
     )
     INSERT INTO "PortalToken" ("portalId", "version", "accessToken", "refreshToken", "scopes", "expiresAt")
     SELECT "id", 1, "accessToken", "refreshToken", '{}', now() + interval '30 minutes'
     FROM unnest($1::text[], $3::text[], $4::text[]) AS c("id", "accessToken", "refreshToken")`,
    [...values, key.id],
  )
}
