import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, startApp, type TestApp, testApp } from './support/app.js'
import { type Answer, openBrowser } from './support/browser.js'
import { cutDatabase, dumpTables } from './support/postgres.js'

function expectPage({ status, headers, text }: Answer, expectedStatus: number, code: string): void {
  expect([status, headers.get('content-type')]).toEqual([expectedStatus, 'text/html; charset=utf-8'])
  expect(text).toContain(`<p class="fine">Code <code>${code}</code> (${expectedStatus})`)
  expect(text).not.toMatch(/at .*\.(js|ts):\d+/)
}

/** Each answer has one of its own. */
const withoutNonce = (text: string) => text.replace(/nonce="[^"]+"/, '')

async function expectNothingStored(app: TestApp): Promise<void> {
  const [counts] = await app.query(`SELECT (SELECT count(*)::int FROM "Portal") AS portals,
    (SELECT count(*)::int FROM "PortalToken") AS tokens, (SELECT count(*)::int FROM "Session") AS sessions`)
  expect(counts).toEqual({ portals: 0, tokens: 0, sessions: 0 })
}

async function countStates(app: TestApp): Promise<number> {
  return (await app.query('SELECT 1 FROM "OAuthState"')).length
}

const exchanges = (app: TestApp) => app.hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'authorization_code')

const callback = (query: Record<string, string> | string) => `/oauth/callback?${new URLSearchParams(query)}`

describe('GET /oauth/install', () => {
  it('sends the browser to HubSpot with exactly these parameters, scopes joined by %20', async () => {
    const app = await testApp({ install: false, work: false })

    const { status, headers, location } = await openBrowser(app).go('/oauth/install')

    const state = new URL(location).searchParams.get('state') ?? ''
    expect(status).toBe(302)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(state).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const scope = 'oauth%20crm.import%20crm.schemas.contacts.read%20crm.schemas.companies.read%20crm.schemas.deals.read%20tickets'
    const [address, query = ''] = location.split('?')
    expect(address).toBe(`${app.hubspot.url}/oauth/authorize`)
    expect(query.split('&').sort()).toEqual(
      [
        'response_type=code',
        'client_id=test-client',
        `redirect_uri=${encodeURIComponent(`${app.url}/oauth/callback`)}`,
        `scope=${scope}`,
        'optional_scope=crm.schemas.custom.read%20crm.objects.owners.read',
        `state=${state}`,
      ].sort(),
    )
  })

  it('asks HubSpot for the portal it is to be', async () => {
    const app = await testApp({ install: false, work: false })

    const { location } = await openBrowser(app).go(`/oauth/install?portalId=${OTHER_PORTAL}`)

    expect(new URL(location).pathname).toBe(`/oauth/${OTHER_PORTAL}/authorize`)
  })

  it.each(['portalId=0', 'portalId=1%2F..%2F..', 'portalId=1&portalId=2', 'portalId=', 'portalId=99999999999999999999'])(
    'refuses ?%s',
    async (query) => {
      const app = await testApp({ install: false, work: false })

      const res = await openBrowser(app).go(`/oauth/install?${query}`)

      expectPage(res, 400, 'oauth_request_invalid')
      expect(await countStates(app)).toBe(0)
    },
  )
})

describe('an install', () => {
  it('connects the portal, signs the browser in, and shows it its settings', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)

    const done = await browser.install()

    expect([done.status, done.location]).toEqual([302, `${app.url}/settings`])
    expect(done.headers.get('referrer-policy')).toBe('no-referrer')
    const session = done.headers.getSetCookie().find((line) => /^importal=[^;]/.test(line)) ?? ''
    expect(session).toMatch(/; Path=\/; .*HttpOnly; SameSite=Lax$/)
    const settings = await browser.go('/settings')
    expect(settings.status).toBe(200)
    expect(settings.text).toContain(`Hub ID ${PORTAL}`)
    expect(settings.headers.get('cache-control')).toBe('no-store')
    expect(await app.query('SELECT "id", "status", "tokenVersion" FROM "Portal"')).toEqual([
      { id: PORTAL, status: 'connected', tokenVersion: 1 },
    ])
  })

  it('leaves no token, no session and no state readable in any table', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const unused = new URL((await browser.go('/oauth/install')).location).searchParams.get('state') ?? ''
    await browser.install()
    const { accessToken, refreshToken } = await app.deps.tokens.read(PORTAL, 'check')
    const session = browser.cookies.get('importal')?.split('.')[0] ?? ''

    const dump = await dumpDatabase(app)

    expect(dump).toContain(PORTAL)
    for (const secret of [accessToken.reveal(), refreshToken.reveal(), session, unused]) {
      expect(secret.length).toBeGreaterThan(20)
      for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const)
        expect(dump).not.toContain(Buffer.from(secret).toString(encoding))
    }
  })

  it('done again keeps one portal and replaces its tokens', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    await browser.install()
    const before = await app.deps.tokens.read(PORTAL, 'check')

    const again = await browser.install()

    expect(again.status).toBe(302)
    const after = await app.deps.tokens.read(PORTAL, 'check')
    expect(after.accessToken.reveal()).not.toBe(before.accessToken.reveal())
    expect(after.refreshToken.reveal()).not.toBe(before.refreshToken.reveal())
    expect(await app.query('SELECT "id", "tokenVersion" FROM "Portal"')).toEqual([{ id: PORTAL, tokenVersion: 2 }])
    expect(await app.query('SELECT 1 FROM "Session"')).toHaveLength(1)
  })

  it('gives a browser a session of its own making, whatever cookie it came with', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    browser.cookies.set('importal', 'planted.signature')

    await browser.install()

    expect(browser.cookies.get('importal')).not.toContain('planted')
    expect((await browser.go('/settings')).status).toBe(200)
    expect((await openBrowser(app).go('/settings', { headers: { cookie: 'importal=planted.signature' } })).location).toBe(
      '/sign-in',
    )
  })

  it('D1.23: two tabs at once each have a state of their own, and both are good', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const first = await browser.consent(PORTAL)
    const second = await browser.consent(OTHER_PORTAL)

    const answers = [await browser.go(second.href), await browser.go(first.href)]

    expect(answers.map(({ status }) => status)).toEqual([302, 302])
    expect(first.searchParams.get('state')).not.toBe(second.searchParams.get('state'))
    expect(await app.query('SELECT "id" FROM "Portal" ORDER BY "id"')).toEqual([{ id: PORTAL }, { id: OTHER_PORTAL }])
  })

  it('of fifty callbacks at once with one state, lets one exchange its code', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const { href } = await browser.consent()

    const answers = await Promise.all(Array.from({ length: 50 }, () => browser.go(href)))

    expect(answers.filter(({ status }) => status === 302)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(49)
    expect(exchanges(app)).toHaveLength(1)
    expect(await app.query('SELECT "tokenVersion" FROM "Portal"')).toEqual([{ tokenVersion: 1 }])
  })

  it('D1.5: a replayed state is refused, and the first install stays as it is', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const used = await browser.consent()
    await browser.go(used.href)
    used.searchParams.set('code', app.hubspot.control.install(OTHER_PORTAL, { redirectUri: `${app.url}/oauth/callback` }))

    const replayed = await browser.go(used.href)

    expectPage(replayed, 400, 'oauth_state_invalid')
    expect(exchanges(app)).toHaveLength(1)
    expect(await app.query('SELECT "id", "tokenVersion" FROM "Portal"')).toEqual([{ id: PORTAL, tokenVersion: 1 }])
    expect((await browser.go('/settings')).status).toBe(200)
  })
})

describe('GET /oauth/callback refuses', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ install: false, work: false })
  })
  afterAll(() => app.close())
  afterEach(async () => {
    app.hubspot.control.reset()
    app.hubspot.control.settings({ autoApprove: true })
    await app.query('TRUNCATE "Portal", "OAuthState" CASCADE')
  })

  it('D1.1: a callback without a code', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    back.searchParams.delete('code')

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_missing_code')
    await expectNothingStored(app)
  })

  it('D1.2: a callback without a state', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    back.searchParams.delete('state')

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_state_invalid')
    expect(exchanges(app)).toEqual([])
    await expectNothingStored(app)
  })

  it('D1.3: a state nobody issued', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    back.searchParams.set('state', 'A'.repeat(43))

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_state_invalid')
    expect(exchanges(app)).toEqual([])
    await expectNothingStored(app)
  })

  it('D1.4: a state older than ten minutes, with a link to start again', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    const [row] = await app.query<{ seconds: number }>(
      `SELECT extract(epoch FROM max("expiresAt") - now())::float8 AS seconds FROM "OAuthState"`,
    )
    await app.query(`UPDATE "OAuthState" SET "expiresAt" = now() - interval '1 second'`)

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_state_invalid')
    expect(res.text).toContain('href="/oauth/install"')
    expect(row?.seconds).toBeGreaterThan(590)
    expect(row?.seconds).toBeLessThanOrEqual(600)
    expect(exchanges(app)).toEqual([])
    await expectNothingStored(app)
  })

  it.each([
    ['has no cookie', () => undefined],
    [
      'has a cookie of its own',
      async (other: ReturnType<typeof openBrowser>) => {
        await other.go('/oauth/install')
      },
    ],
    [
      'has a forged cookie',
      (other: ReturnType<typeof openBrowser>) =>
        void other.cookies.set('importal-install', `${'A'.repeat(43)}.${'B'.repeat(43)}`),
    ],
  ])('D1.6: a state from another browser, which %s', async (_name, prepare) => {
    const back = await openBrowser(app).consent()
    const other = openBrowser(app)
    await prepare(other)

    const res = await other.go(back.href)

    expectPage(res, 400, 'oauth_state_invalid')
    expect(other.isSignedIn()).toBe(false)
    expect(exchanges(app)).toEqual([])
    await expectNothingStored(app)
  })

  it.each([
    ['D1.7: two codes', 'code=a&code=b'],
    ['D1.7: two states', 'code=a&state=b&state=c'],
    ['D1.8: a nested state', 'code=a&state[x]=1'],
    ['D1.8: a nested code', 'code[]=a&state=b'],
    ['D1.9: a code of 10 kB', `code=${'a'.repeat(10_000)}&state=b`],
    ['D1.10: a NUL', 'code=a%00b&state=c'],
    ['D1.10: a line break', 'code=a%0d%0aset-cookie:x=y&state=c'],
    ['D1.10: a line break in the state', 'code=a&state=c%0d%0a'],
    ['D1.10: bytes that are no UTF-8', 'code=%ff%fe&state=c'],
  ])('%s', async (_name, query) => {
    const browser = openBrowser(app)
    await browser.consent()

    const res = await browser.go(`/oauth/callback?${query}`)

    expectPage(res, 400, 'oauth_request_invalid')
    expect(exchanges(app)).toEqual([])
    await expectNothingStored(app)
  })

  it.each(['code=%&state=%zz', 'code=%zz&state=b%', '%=%&code=a&state=b'])(
    'D1.10: an invalid escape in ?%s, which is a state nobody issued',
    async (query) => {
      const browser = openBrowser(app)
      await browser.consent()

      const res = await browser.go(`/oauth/callback?${query}`)

      expectPage(res, 400, 'oauth_state_invalid')
      expect(exchanges(app)).toEqual([])
      await expectNothingStored(app)
    },
  )

  it('D1.12: a code together with an error, and leaves the state for a good one', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    back.searchParams.set('error', 'access_denied')
    const states = await countStates(app)

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_request_invalid')
    expect(exchanges(app)).toEqual([])
    expect(await countStates(app)).toBe(states)
    await expectNothingStored(app)
  })

  it('D1.14: a code that HubSpot does not take, with a link to try again', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    back.searchParams.set('code', 'not-a-code')

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_code_refused')
    expect(res.text).toContain('href="/oauth/install"')
    expect(res.text).not.toContain('not-a-code')
    await expectNothingStored(app)
  })

  it.each([
    ['html', 'oauth_answer_invalid'],
    ['truncated', 'hubspot_unavailable'],
    ['empty', 'hubspot_unavailable'],
    ['wrong-type', 'hubspot_unavailable'],
    ['huge', 'hubspot_unavailable'],
  ] as const)('D1.15: an exchange that HubSpot answers with 200 and %s', async (garbage, code) => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    app.hubspot.control.fault({ on: 'token', do: { garbage } })

    const res = await browser.go(back.href)

    expectPage(res, 502, code)
    await expectNothingStored(app)
  })

  it('D1.15: an exchange that HubSpot answers with a page and 502', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    app.hubspot.control.fault({ on: 'token', do: { status: 502, body: '<h1>Bad gateway</h1>' } })

    const res = await browser.go(back.href)

    expectPage(res, 502, 'hubspot_unavailable')
    await expectNothingStored(app)
  })

  it('D1.16: tokens without a refresh token', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    app.hubspot.control.settings({ omitFromTokenAnswer: ['refresh_token'] })

    const res = await browser.go(back.href)

    expectPage(res, 502, 'oauth_answer_invalid')
    await expectNothingStored(app)
  })

  it('D1.16: tokens without an access token', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    app.hubspot.control.settings({ omitFromTokenAnswer: ['access_token'] })

    const res = await browser.go(back.href)

    expectPage(res, 502, 'oauth_answer_invalid')
    await expectNothingStored(app)
  })

  it('D1.17: tokens of one portal that HubSpot introspects as another’s', async () => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    const body = { active: true, hub_id: Number(OTHER_PORTAL), scopes: [...app.config.hubspot.scopes] }
    app.hubspot.control.fault({ on: 'introspect', do: { status: 200, body } })

    const res = await browser.go(back.href)

    expectPage(res, 502, 'oauth_portal_mismatch')
    expect(browser.isSignedIn()).toBe(false)
    await expectNothingStored(app)
  })

  it.each([
    ['says it is not active', { status: 200, body: { active: false } }, 'oauth_answer_invalid'],
    ['fails', { status: 500 }, 'hubspot_unavailable'],
    ['is garbage', { garbage: 'html' as const }, 'hubspot_unavailable'],
  ])('D1.17: tokens whose introspection %s', async (_name, fault, code) => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    app.hubspot.control.fault({ on: 'introspect', do: fault })

    const res = await browser.go(back.href)

    expectPage(res, 502, code)
    await expectNothingStored(app)
  })

  it('D1.19: fewer scopes than required, naming the missing ones', async () => {
    const browser = openBrowser(app)
    app.hubspot.control.settings({ grantScopes: ['oauth', 'crm.import', 'crm.schemas.contacts.read'] })
    const back = await browser.consent()

    const res = await browser.go(back.href)

    expectPage(res, 403, 'oauth_scopes_missing')
    for (const scope of ['crm.schemas.companies.read', 'crm.schemas.deals.read', 'tickets'])
      expect(res.text).toContain(`<li lang="en">${scope}</li>`)
    expect(res.text).not.toContain('<li lang="en">crm.import</li>')
    await expectNothingStored(app)
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'])(
    'D1.21: %s, and leaves the state for the person',
    async (method) => {
      const browser = openBrowser(app)
      const back = await browser.consent()
      const states = await countStates(app)

      const res = await browser.go(back.href, { method })
      const begun = await browser.go('/oauth/install', { method })

      if (method === 'HEAD') expect([res.status, res.text]).toEqual([405, ''])
      else expectPage(res, 405, 'method_not_allowed')
      expect(begun.status).toBe(405)
      expect([res, begun].map(({ headers }) => headers.get('allow'))).toEqual(['GET', 'GET'])
      expect(await countStates(app)).toBe(states)
      expect(exchanges(app)).toEqual([])
      await expectNothingStored(app)
    },
  )
})

describe('GET /oauth/callback', () => {
  it('D1.11: shows “not installed” to who declined, and uses the state up', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const back = await browser.consent()
    const declined = callback({ error: 'access_denied', state: back.searchParams.get('state') ?? '' })

    const res = await browser.go(declined)

    expect([res.status, res.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(res.text).toContain('<h1>Importal was not installed</h1>')
    expectPage(await browser.go(declined), 400, 'oauth_state_invalid')
    expectPage(await browser.go(back.href), 400, 'oauth_state_invalid')
    expect(exchanges(app)).toEqual([])
    await expectNothingStored(app)
  })

  it.each([
    ['markup', '<script>alert(1)</script><img src=x onerror=alert(1)>'],
    ['8 kB', 'x'.repeat(8_000)],
    ['direction marks', '\u202egnp.exe\u2066'],
    ['template code', '<%= it.title %>{{7*7}}'],
  ])('D1.13: never shows an error_description, such as %s', async (_name, description) => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const state = (await browser.consent()).searchParams.get('state') ?? ''

    const res = await browser.go(callback({ error: 'access_denied', state, error_description: description }))

    const plain = await declinedPage(browser)
    expect(res.status).toBe(200)
    expect(withoutNonce(res.text)).toBe(withoutNonce(plain))
    expect(res.headers.get('content-security-policy')).toContain("default-src 'none'")
    await expectNothingStored(app)
  })

  it.each([
    ['D1.22: a link scanner without its cookie', {}],
    ['D1.22: a HEAD', { method: 'HEAD' }],
    ['D1.21: a POST', { method: 'POST' }],
    ['D1.21: a PUT', { method: 'PUT' }],
  ])('lets the person complete after %s came first', async (_name, first) => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const { href } = await browser.consent()

    const scanned = await openBrowser(app).go(href, first)
    const res = await browser.go(href)

    expect(scanned.status).toBeGreaterThanOrEqual(400)
    expect([res.status, res.location]).toEqual([302, `${app.url}/settings`])
    expect(exchanges(app)).toHaveLength(1)
  })
})

describe('an install begun for one portal', () => {
  it('D1.18: binds no other one that is chosen at HubSpot: both stay as they are', async () => {
    const app = await testApp({ install: false, work: false })
    const owner = openBrowser(app)
    await owner.install(OTHER_PORTAL)
    const browser = openBrowser(app)
    await browser.install(PORTAL)
    const back = await browser.consent(PORTAL)
    back.searchParams.set('code', app.hubspot.control.install(OTHER_PORTAL, { redirectUri: `${app.url}/oauth/callback` }))

    const res = await browser.go(back.href)

    expectPage(res, 409, 'oauth_other_portal')
    expect(res.text).toContain(OTHER_PORTAL)
    expect(await app.query('SELECT "id", "tokenVersion" FROM "Portal" ORDER BY "id"')).toEqual([
      { id: PORTAL, tokenVersion: 1 },
      { id: OTHER_PORTAL, tokenVersion: 1 },
    ])
    expect((await browser.go('/settings')).text).toContain(`Hub ID ${PORTAL}`)
  })
})

describe('D1.24: a callback while the database is down', () => {
  it.each([
    ['with a state', true],
    ['from the marketplace, with a code alone', false],
  ])('%s is a 503 page, and its code is still good afterwards', async (_name, withState) => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const back = await browser.consent()
    if (!withState) {
      back.searchParams.delete('state')
      back.searchParams.set('returnUrl', 'https://app.hubspot.com/x')
    }
    await cutDatabase(app, true)

    const down = await browser.go(back.href)
    await cutDatabase(app, false)
    const up = await browser.go(back.href)

    expectPage(down, 503, 'database_unavailable')
    expect(up.status).toBe(302)
    expect(exchanges(app)).toHaveLength(1)
    expect(await app.query('SELECT "id", "status" FROM "Portal"')).toEqual([{ id: PORTAL, status: 'connected' }])
  })
})

describe('an install begun in HubSpot’s marketplace', () => {
  const start = (app: TestApp, shape: string) =>
    `${app.hubspot.url}/marketplace/install?${new URLSearchParams({
      redirect_uri: `${app.url}/oauth/callback`,
      scope: app.config.hubspot.scopes.join(' '),
      portalId: OTHER_PORTAL,
      shape,
    })}`

  it('with a code alone stores the portal, sends the browser back, and signs nobody in', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const { location } = await browser.go(start(app, 'plain'))
    const returnUrl = new URL(location).searchParams.get('returnUrl') ?? ''

    const res = await browser.go(location)

    expect([res.status, res.location]).toEqual([302, returnUrl])
    expect(browser.isSignedIn()).toBe(false)
    expect((await browser.go('/settings')).location).toBe('/sign-in')
    expect(await app.query('SELECT 1 FROM "Session"')).toEqual([])
    expect(await app.query('SELECT "id", "status" FROM "Portal"')).toEqual([{ id: OTHER_PORTAL, status: 'connected' }])
    await browser.go(res.location)
    expect(app.hubspot.control.portals().find(({ id }) => id === OTHER_PORTAL)?.returned).toBe(true)
    const opened = await browser.go(`${app.hubspot.url}/marketplace/open?portalId=${OTHER_PORTAL}`)
    expect([opened.status, opened.text]).toEqual([200, expect.stringContaining('The app is open')])
  })

  it('that wants to know the person gets a state, and signs in the browser it was made for', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    const asked = await browser.go(start(app, 'sign-in'))
    expect(new URL(asked.location).searchParams.get('step')).toBe('authorize')

    const toHubSpot = await browser.go(asked.location)
    const finalize = await browser.go(toHubSpot.location)
    const stranger = await openBrowser(app).go(finalize.location)
    const res = await browser.go(finalize.location)

    expect(new URL(toHubSpot.location).searchParams.get('state')).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(new URL(finalize.location).searchParams.get('state')).toBe(new URL(toHubSpot.location).searchParams.get('state'))
    expectPage(stranger, 400, 'oauth_state_invalid')
    expect([res.status, new URL(res.location).origin]).toEqual([302, app.hubspot.url])
    expect(browser.isSignedIn()).toBe(true)
    expect((await browser.go('/settings')).text).toContain(OTHER_PORTAL)
    await browser.go(res.location)
    expect(app.hubspot.control.portals().find(({ id }) => id === OTHER_PORTAL)?.returned).toBe(true)
    const opened = await browser.go(`${app.hubspot.url}/marketplace/open?portalId=${OTHER_PORTAL}`)
    expect([opened.status, opened.text]).toEqual([200, expect.stringContaining('The app is open')])
  })

  it('may send the browser back to a page of HubSpot’s', async () => {
    const app = await testApp({ install: false, work: false })
    const scopes = [...app.config.hubspot.scopes]
    const code = () => app.hubspot.control.install(PORTAL, { redirectUri: `${app.url}/oauth/callback`, scopes })
    const pages = ['https://app.hubspot.com/x', 'https://app-eu1.hubspot.com/x?y=1#z', `${app.hubspot.url}/x`]

    const answers = []
    for (const returnUrl of pages) answers.push(await openBrowser(app).go(callback({ code: code(), returnUrl })))

    expect(answers.map(({ status, location }) => [status, location])).toEqual(pages.map((page) => [302, page]))
  })
})

describe('D1.20: a returnUrl that is no page of HubSpot’s', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ install: false, work: false })
    app.hubspot.control.settings({ callsPerTenSeconds: 0 })
  })
  afterAll(() => app.close())

  it.each([
    '//evil.example',
    '///evil.example',
    '////evil.example',
    'https:evil.example',
    'https:/evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%09/evil.example',
    '/settings',
    'settings',
    '.',
    '%2f%2fevil.example',
    'https://evil.example',
    'http://evil.example/',
    'http://app.hubspot.com/x',
    'https://app.hubspot.com.evil.example/',
    'https://evilhubspot.com/',
    'https://evil-hubspot.com/',
    'https://hubspot.com.evil.example',
    'https://app.hubspot.com@evil.example/',
    'https://app.hubspot.com:x@evil.example/',
    'https://evil.example@app.hubspot.com/',
    'https://evil.example/app.hubspot.com',
    'https://evil.example?app.hubspot.com',
    'https://evil.example#app.hubspot.com',
    'https://evil.example\\.hubspot.com/',
    'https://evil.example%2f.hubspot.com/',
    'https://evil.example%00.hubspot.com/',
    'https://app.hubspot.com./',
    'https://app.hubspot.co/',
    'https://app.hubspot.comx/',
    'https://арр.hubsроt.com/',
    'https://[::1]/',
    'https://127.0.0.1/',
    'https://0x7f000001/',
    'javascript:alert(1)//https://app.hubspot.com/',
    'JavaScript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox(1)',
    'file:///etc/passwd',
    'ftp://app.hubspot.com/',
    'blob:https://app.hubspot.com/x',
    'ws://app.hubspot.com/',
    'about:blank',
    'http://localhost/',
    'http://localhost:1/',
    'null',
    '',
  ])('is never gone to: %j', async (returnUrl) => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    const made = exchanges(app).length
    const { code = '' } = Object.fromEntries(back.searchParams)

    const asked = await browser.go(callback({ step: 'authorize', returnUrl }))
    const plain = await browser.go(callback({ code, returnUrl }))
    const exchangesBefore = exchanges(app).length - made
    back.searchParams.set('returnUrl', returnUrl)
    const finished = await browser.go(back.href)

    expectPage(asked, 400, 'oauth_missing_code')
    expectPage(plain, 400, 'oauth_state_invalid')
    expect([asked.location, plain.location, exchangesBefore]).toEqual(['', '', 0])
    expect([finished.status, finished.location]).toEqual([302, `${app.url}/settings`])
  })

  it.each([
    'https://app.hubspot.com/\r\nset-cookie: x=y',
    'https://app.hubspot.com\t/x',
    `https://app.hubspot.com/${'x'.repeat(4_000)}`,
    '\u0000https://app.hubspot.com/',
  ])('is refused when no URL looks like that: %j', async (returnUrl) => {
    const browser = openBrowser(app)
    const back = await browser.consent()
    back.searchParams.set('returnUrl', returnUrl)

    const res = await browser.go(back.href)

    expectPage(res, 400, 'oauth_request_invalid')
    expect([res.location, res.headers.get('set-cookie')]).toEqual(['', null])
  })
})

describe('POST /settings/sign-out', () => {
  async function signedIn(app: TestApp) {
    const browser = openBrowser(app)
    await browser.install()
    const { text } = await browser.go('/settings')
    const [, formToken = ''] = /name="formToken" value="([^"]+)"/.exec(text) ?? []
    return { browser, formToken }
  }
  const signOut = (browser: ReturnType<typeof openBrowser>, formToken?: string, headers = {}) =>
    browser.go('/settings/sign-out', {
      method: 'POST',
      headers,
      body: new URLSearchParams(formToken === undefined ? {} : { formToken }),
    })

  it('signs out with the form’s token', async () => {
    const app = await testApp({ install: false, work: false })
    const { browser, formToken } = await signedIn(app)
    const cookie = `importal=${browser.cookies.get('importal')}`

    const res = await signOut(browser, formToken, { origin: app.url, 'sec-fetch-site': 'same-origin' })

    expect([res.status, res.location]).toEqual([303, '/'])
    expect(browser.isSignedIn()).toBe(false)
    expect((await openBrowser(app).go('/settings', { headers: { cookie } })).location).toBe('/sign-in')
    expect(await app.query('SELECT 1 FROM "Session"')).toEqual([])
  })

  it('refuses a form without its token, with another session’s, or from another site', async () => {
    const app = await testApp({ install: false, work: false })
    const { browser, formToken } = await signedIn(app)
    const other = await signedIn(app)

    const answers = [
      await signOut(browser),
      await signOut(browser, ''),
      await signOut(browser, other.formToken),
      await signOut(browser, formToken, { 'sec-fetch-site': 'cross-site' }),
      await signOut(browser, formToken, { 'sec-fetch-site': 'same-site' }),
      await signOut(browser, formToken, { origin: 'https://evil.example' }),
      await signOut(browser, formToken, { origin: 'null' }),
    ]

    for (const res of answers) expectPage(res, 403, 'form_forged')
    expect((await browser.go('/settings')).status).toBe(200)
  })

  it('is refused with other methods', async () => {
    const app = await testApp({ install: false, work: false })
    const { browser } = await signedIn(app)

    const res = await browser.go('/settings/sign-out')

    expectPage(res, 405, 'method_not_allowed')
    expect(res.headers.get('allow')).toBe('POST')
    expect((await browser.go('/settings')).status).toBe(200)
  })
})

async function declinedPage(browser: ReturnType<typeof openBrowser>): Promise<string> {
  const state = (await browser.consent()).searchParams.get('state') ?? ''
  return (await browser.go(callback({ error: 'access_denied', state }))).text
}

/** Every row of every table as text, the queue's included. */
async function dumpDatabase(app: TestApp): Promise<string> {
  return Object.values(await dumpTables(app.query)).join('\n')
}
