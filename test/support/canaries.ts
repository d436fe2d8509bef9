import type { Server } from 'node:http'
import type { Simulator } from '../../src/simulator/simulator.js'
import { type Canaries, numbered } from './leaks.js'

/** What looks like a key, and the part of it that is secret: its beginning, with the id, may be shown. */
const KEYS = /imp_(?:live|test)_[0-9a-f]{32}_([0-9A-Za-z]{49})/g

/** The secrets of an environment: its client's, its cookies', the bytes of its keys, its database's password. */
export function secretsOfEnvironment(env: Record<string, string | undefined>): Canaries {
  const { HUBSPOT_CLIENT_SECRET = '', SESSION_SECRET = '', ENCRYPTION_KEYS = '', DATABASE_URL } = env
  const password = DATABASE_URL === undefined ? '' : decodeURIComponent(new URL(DATABASE_URL).password)
  const keys = ENCRYPTION_KEYS.split(',').map((entry, i): [string, Buffer] => [
    `encryption key ${i + 1}`,
    Buffer.from(entry.slice(entry.indexOf(':') + 1), 'base64'),
  ])
  return {
    'client secret': HUBSPOT_CLIENT_SECRET,
    'session secret': SESSION_SECRET,
    ...Object.fromEntries(keys),
    ...(password === '' ? {} : { 'database password': password }),
  }
}

/** Every code and token that a simulated HubSpot ever issued. */
export function secretsOfHubSpot({ control }: Pick<Simulator, 'control'>): Canaries {
  const { codes, accessTokens, refreshTokens, appTokens } = control.issued()
  return {
    ...numbered('code', codes),
    ...numbered('access token', accessTokens),
    ...numbered('refresh token', refreshTokens),
    ...numbered('app token', appTokens),
  }
}

/** The secret parts of the API keys in these texts. */
export function secretsOfKeys(texts: string[]): Canaries {
  return numbered(
    'API key',
    texts.flatMap((text) => [...text.matchAll(KEYS)].map(([, secret = '']) => secret)),
  )
}

/** A text without the API keys in it: for the one place where each is meant to be shown. */
export function withoutKeys(text: string): string {
  return text.replaceAll(KEYS, '(the key)')
}

/** Every secret of a webhook endpoint in these texts. */
export function secretsOfEndpoints(texts: string[]): Canaries {
  return numbered(
    'endpoint secret',
    texts.flatMap((text) => [...text.matchAll(/whsec_([A-Za-z0-9+/=]{32,})/g)].map(([, secret = '']) => secret)),
  )
}

/** Takes note of what a server hands to browsers, from now on: the ids in its cookies, and installs' states. */
export function recordHandedOut(server: Server): () => Canaries {
  const ids: string[] = []
  const states: string[] = []
  server.on('request', (_req, res) => {
    res.once('close', () => {
      const cookies = [res.getHeader('set-cookie') ?? []].flat().map(String)
      ids.push(...cookies.flatMap((line) => /^[^=]+=([^.;]+)\./.exec(line)?.[1] ?? []))
      const location = String(res.getHeader('location') ?? '')
      const state = URL.canParse(location) ? new URL(location).searchParams.get('state') : null
      if (state !== null) states.push(state)
    })
  })
  return () => ({ ...numbered('cookie', ids), ...numbered('install’s state', states) })
}
