import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../src/db/prisma.js'
import { createOAuth } from '../src/hubspot/oauth.js'
import { createMetrics } from '../src/metrics.js'
import { createAccessToken } from '../src/portals/access-token.js'
import { createAlarmStore } from '../src/portals/alarm-store.js'
import { createCallBudget } from '../src/portals/call-budget.js'
import { createCallTally } from '../src/portals/call-tally.js'
import { createPortalStore } from '../src/portals/portal-store.js'
import { createSeal } from '../src/portals/seal.js'
import { createTokenStore } from '../src/portals/token-store.js'
import { secret } from '../src/secret.js'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { cutDatabase } from './support/postgres.js'

const silent = { fatal() {}, error() {}, warn() {}, info() {}, debug() {} }

/** What another process would have: its own connections, its own single flight. */
function anotherProcess(app: TestApp) {
  const prisma = openDatabase(app.databaseUrl, 5)
  const tokens = createTokenStore(prisma, createSeal(app.config.encryptionKeys, app.config.hubspot.clientId))
  const portals = createPortalStore(prisma)
  const alarms = createAlarmStore(prisma)
  const oauth = createOAuth(app.config)
  const callBudget = createCallBudget(prisma)
  const callTally = createCallTally(prisma, silent)
  const metrics = createMetrics()
  const accessToken = createAccessToken({ portals, tokens, alarms, callBudget, callTally, oauth, metrics, log: silent })
  return { accessToken, tokens, close: () => prisma.$disconnect() }
}

const expire = (app: TestApp, portalId = PORTAL) =>
  app.query(`UPDATE "PortalToken" SET "expiresAt" = now() + interval '1 minute' WHERE "portalId" = $1`, [portalId])

const refreshes = (app: TestApp) =>
  app.hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'refresh_token').length

const versions = (app: TestApp) => app.query<{ version: number }>('SELECT "version" FROM "PortalToken" ORDER BY "version"')

describe('an access token', () => {
  it('is what was stored, without asking HubSpot, while it is good for five more minutes', async () => {
    const app = await testApp({ work: false })

    const { accessToken } = await app.deps.accessToken(PORTAL, 'check')

    expect(accessToken.reveal()).toMatch(/^(na|eu)1-/)
    expect(refreshes(app)).toBe(0)
  })

  it('is refreshed once, whoever asks, on however many processes, however slow HubSpot is', async () => {
    const app = await testApp({ work: false })
    const processes = Array.from({ length: 4 }, () => anotherProcess(app))
    app.hubspot.control.fault({ on: 'token', times: 0, do: { slowMs: 1_000 } })
    await expire(app)

    const answers = await Promise.all(
      processes.flatMap(({ accessToken }) => Array.from({ length: 64 }, () => accessToken(PORTAL, 'check'))),
    )
    await Promise.all(processes.map(({ close }) => close()))

    expect(refreshes(app)).toBe(1)
    expect(new Set(answers.map((answer) => `${answer.version} ${answer.accessToken.reveal()}`)).size).toBe(1)
    expect(answers[0]?.version).toBe(2)
  })

  it('that HubSpot calls expired is renewed once per version, whoever was refused', async () => {
    const app = await testApp({ work: false })
    const other = anotherProcess(app)
    const { version } = await app.deps.accessToken(PORTAL, 'check')

    const renewed = await Promise.all(
      [app.deps.accessToken, other.accessToken].flatMap((token) =>
        Array.from({ length: 20 }, () => token.renewed(PORTAL, 'check', version)),
      ),
    )
    await other.close()

    expect(refreshes(app)).toBe(1)
    expect(new Set(renewed.map((token) => token.version))).toEqual(new Set([version + 1]))
  })

  it('is stored before it is used', async () => {
    const app = await testApp({ work: false })
    await expire(app)

    const { accessToken } = await app.deps.accessToken(PORTAL, 'check')

    expect((await app.deps.tokens.read(PORTAL, 'check')).accessToken.reveal()).toBe(accessToken.reveal())
  })

  it('keeps the refresh token and the scopes that an answer leaves out', async () => {
    const app = await testApp({ work: false })
    const before = await app.deps.tokens.read(PORTAL, 'check')
    app.hubspot.control.settings({ omitFromTokenAnswer: ['refresh_token', 'scopes', 'hub_id'] })
    await expire(app)

    await app.deps.accessToken(PORTAL, 'check')

    const after = await app.deps.tokens.read(PORTAL, 'check')
    expect(after).toMatchObject({ version: 2, scopes: before.scopes })
    expect(after.refreshToken.reveal()).toBe(before.refreshToken.reveal())
  })

  it('takes over a refresh token that HubSpot rotates', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.settings({ rotateRefreshTokens: true })
    await expire(app)
    await app.deps.accessToken(PORTAL, 'check')
    await expire(app)

    await app.deps.accessToken(PORTAL, 'check')

    expect((await app.deps.tokens.read(PORTAL, 'check')).version).toBe(3)
  })

  it.each([
    [0, 600],
    [-1, 600],
    ['soon', 1_800],
    [1e9, 86_400],
    [900, 900],
  ])('with a lifetime of %s is believed to live for %i seconds', async (said, believed) => {
    const app = await testApp({ work: false })
    app.hubspot.control.settings({ tokenLifetimeSeconds: said })
    await expire(app)

    await app.deps.accessToken(PORTAL, 'check')

    const { secondsLeft } = await app.deps.tokens.read(PORTAL, 'check')
    expect(secondsLeft).toBeGreaterThan(believed - 30)
    expect(secondsLeft).toBeLessThanOrEqual(believed)
  })

  it('of another portal is never stored, nor used', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.fault({
      on: 'token',
      do: { status: 200, body: { access_token: 'x', refresh_token: 'y', expires_in: 1800, hub_id: 999 } },
    })
    await expire(app)

    await expect(app.deps.accessToken(PORTAL, 'check')).rejects.toMatchObject({ code: 'oauth_portal_mismatch' })
    expect(await versions(app)).toEqual([{ version: 1 }])
  })
})

describe('a refresh that HubSpot granted while the database was away', () => {
  it('is stored as soon as it is back: of a HubSpot that rotates, the tokens before are worth nothing', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse: true })
    app.hubspot.control.fault({ on: 'token', do: { slowMs: 1_000 } })
    await expire(app)

    const asking = app.deps.accessToken(PORTAL, 'submit')
    await until(
      () => refreshes(app),
      (count) => count === 1,
    )
    await cutDatabase(app, true)
    const answered = () => app.hubspot.control.requests().filter(({ path, status }) => path.endsWith('/token') && status === 200)
    await until(answered, (calls) => calls.length === 2)
    // What is tried is that a first try to store it fails: no condition tells from outside.
    await delay(300)
    await cutDatabase(app, false)

    expect((await asking).version).toBe(2)
    await expire(app)
    expect((await app.deps.accessToken(PORTAL, 'submit')).version).toBe(3)
  })
})

describe('whoever refreshes', () => {
  it('blocks nobody for longer than the lease when it dies', async () => {
    const app = await testApp({ work: false })
    await expire(app)
    await app.query(`UPDATE "Portal" SET "leaseEpoch" = "leaseEpoch" + 1, "leaseUntil" = now() + interval '1 second'`)

    const { version } = await app.deps.accessToken(PORTAL, 'check')

    expect(version).toBe(2)
    expect(refreshes(app)).toBe(1)
  })

  it('cannot overwrite a newer token when it was paused past its lease', async () => {
    const app = await testApp({ work: false })
    const other = anotherProcess(app)
    let letGo = () => {}
    const paused = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const tokens = { accessToken: secret('late'), refreshToken: secret('late'), scopes: [], expiresInSeconds: 1_800 }
    let hasBegun = () => {}
    const begun = new Promise<void>((resolve) => {
      hasBegun = resolve
    })
    const late = other.tokens.update(PORTAL, 'check', {
      isStale: () => true,
      change: async () => {
        hasBegun()
        await paused
        return tokens
      },
    })
    await begun
    await app.query(`UPDATE "Portal" SET "leaseUntil" = now() - interval '1 second'`)
    await expire(app)

    const fresh = await app.deps.accessToken(PORTAL, 'check')
    letGo()
    const seen = await late
    await other.close()

    expect(seen.accessToken.reveal()).toBe(fresh.accessToken.reveal())
    expect((await app.deps.tokens.read(PORTAL, 'check')).accessToken.reveal()).toBe(fresh.accessToken.reveal())
  })
})

describe('a refused refresh', () => {
  const status = async (app: TestApp) => (await app.deps.portals.find(PORTAL))?.status

  it.each(['BAD_REFRESH_TOKEN', 'BAD_HUB'])('with %s means that the portal must be reconnected', async (code) => {
    const app = await testApp({ work: false })
    app.hubspot.control.fault({ on: 'token', do: { status: 400, body: { status: code, error: 'invalid_grant' } } })
    await expire(app)

    await expect(app.deps.accessToken(PORTAL, 'check')).rejects.toMatchObject({ code: 'portal_disconnected' })
    expect(await status(app)).toBe('reconnect')
  })

  it.each(['BAD_CLIENT_ID', 'BAD_CLIENT_SECRET', 'BAD_REDIRECT_URI', 'BAD_SCOPES', 'BAD_GRANT_TYPE'])(
    'with %s is our own mistake: nobody is disconnected',
    async (code) => {
      const app = await testApp({ work: false })
      app.hubspot.control.fault({ on: 'token', do: { status: 400, body: { status: code, error: 'invalid_client' } } })
      await expire(app)

      await expect(app.deps.accessToken(PORTAL, 'check')).rejects.toMatchObject({ code: 'oauth_misconfigured' })
      expect(await status(app)).toBe('connected')
    },
  )

  it.each([
    ['423', { status: 423 }],
    ['429', { status: 429 }],
    ['477', { status: 477 }],
    ['500', { status: 500 }],
    ['a page', { garbage: 'html' as const }],
    ['an unexplained invalid_grant', { status: 400, body: { error: 'invalid_grant' } }],
    ['no answer', { reset: 'at-once' as const }],
  ])('with %s passes: nobody is disconnected, and the next one works', async (_name, fault) => {
    const app = await testApp({ work: false })
    app.hubspot.control.fault({ on: 'token', do: fault })
    await expire(app)

    await expect(app.deps.accessToken(PORTAL, 'check')).rejects.toMatchObject({ code: 'hubspot_unavailable' })
    expect(await status(app)).toBe('connected')
    expect((await app.deps.accessToken(PORTAL, 'check')).version).toBe(2)
  })
})
