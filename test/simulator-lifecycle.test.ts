import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSimulator, type Delivery, type Simulator } from '../src/simulator/simulator.js'

const CLIENT = { client_id: 'client', client_secret: 'secret' }
const REDIRECT = 'http://localhost:9/oauth/callback'

type Row = Record<string, unknown>
type Answer = { status: number; headers: Headers; text: string; body: Row }

async function start(): Promise<Simulator> {
  const simulator = await createSimulator({ clientId: 'client', clientSecret: 'secret' })
  onTestFinished(() => simulator.close())
  return simulator
}

async function ask({ url }: Simulator, path: string, init: RequestInit = {}): Promise<Answer> {
  const res = await fetch(new URL(path, url), { redirect: 'manual', ...init })
  const text = await res.text()
  const body = text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as Row) : {}
  return { status: res.status, headers: res.headers, text, body }
}

const post = (body: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(body) })
const tokenOf = (simulator: Simulator, form: Record<string, string>) =>
  ask(simulator, '/oauth/2026-03/token', post({ ...CLIENT, ...form }))
const redeem = (simulator: Simulator, code: string) =>
  tokenOf(simulator, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT })
const refresh = (simulator: Simulator, refreshToken: string) =>
  tokenOf(simulator, { grant_type: 'refresh_token', refresh_token: refreshToken })
const control = (simulator: Simulator, method: string, path: string, body?: object) =>
  ask(simulator, `/control/${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) })

/** The tokens of an installed portal. */
async function install(simulator: Simulator, portalId = '111111', scopes = ['oauth', 'crm.import']) {
  const { body } = await redeem(simulator, simulator.control.install(portalId, { redirectUri: REDIRECT, scopes }))
  return { access: String(body.access_token), refresh: String(body.refresh_token) }
}

const bearing = (token: string, method = 'GET'): RequestInit => ({ method, headers: { authorization: `Bearer ${token}` } })

describe('opening an app that was installed from the marketplace', () => {
  const PORTAL = '222222'
  const portalOf = (simulator: Simulator) => simulator.control.portals().find(({ id }) => id === PORTAL)
  const begin = (simulator: Simulator, shape: string) =>
    ask(simulator, `/marketplace/install?${new URLSearchParams({ redirect_uri: REDIRECT, portalId: PORTAL, shape })}`)
  const open = (simulator: Simulator) => ask(simulator, `/marketplace/open?portalId=${PORTAL}`)

  /** An app’s callback, good or forgetful: it takes the code, and sends the browser back or shows a page of its own. */
  async function callback(simulator: Simulator, { headers }: Answer, isForgetful: boolean): Promise<void> {
    const { searchParams: query } = new URL(headers.get('location') ?? '')
    const returnUrl = query.get('returnUrl') ?? ''
    if (query.get('step') === 'authorize') {
      if (!isForgetful) await callback(simulator, await ask(simulator, `${returnUrl}&state=mine`), isForgetful)
      return
    }
    expect((await redeem(simulator, query.get('code') ?? '')).status).toBe(200)
    if (!isForgetful) await ask(simulator, returnUrl)
  }

  it.each(['plain', 'sign-in'])('catches the user of one that never follows returnUrl in a loop, %s', async (shape) => {
    const simulator = await start()
    await callback(simulator, await begin(simulator, shape), true)

    for (let round = 1; round <= 5; round++) {
      const opened = await open(simulator)
      expect([opened.status, portalOf(simulator)?.loginLoops]).toEqual([302, round])
      await callback(simulator, opened, true)
    }
    const stuck = await open(simulator)

    expect([stuck.status, stuck.text]).toEqual([508, expect.stringContaining('stuck in a login loop')])
    expect(portalOf(simulator)).toMatchObject({ returned: false, loginLoops: 5 })
    expect((await ask(simulator, '/')).text).toContain('in a login loop (5 rounds)')
  })

  it.each(['plain', 'sign-in'])('shows one that follows it, %s, at once or in a later round', async (shape) => {
    const simulator = await start()
    await callback(simulator, await begin(simulator, shape), true)
    await callback(simulator, await open(simulator), false)

    const opened = await open(simulator)

    expect([opened.status, opened.text]).toEqual([200, expect.stringContaining('The app is open')])
    expect(portalOf(simulator)).toMatchObject({ returned: true, loginLoops: 1, isInstalled: true })
    await callback(simulator, await begin(simulator, shape), false)
    expect([(await open(simulator)).status, portalOf(simulator)?.loginLoops]).toEqual([200, 0])
  })

  it('finds nothing where it was never installed, or is no more', async () => {
    const simulator = await start()

    expect((await open(simulator)).status).toBe(404)
    expect((await ask(simulator, '/marketplace/open?portalId=9')).status).toBe(404)
    await callback(simulator, await begin(simulator, 'plain'), true)
    simulator.control.uninstall(PORTAL)
    expect([(await open(simulator)).status, portalOf(simulator)?.loginLoops]).toEqual([404, 0])
  })
})

describe('refresh tokens that rotate', () => {
  it.each([
    [false, 200],
    [true, 400],
  ])('die with one that is used again, if the provider is strict: %s', async (revokeFamilyOnReuse, status) => {
    const simulator = await start()
    simulator.control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse })
    const { refresh: first } = await install(simulator)
    const { refresh: other } = await install(simulator, '222222')
    const second = String((await refresh(simulator, first)).body.refresh_token)

    const reused = await refresh(simulator, first)

    expect([reused.status, reused.body.status]).toEqual([400, 'BAD_REFRESH_TOKEN'])
    expect((await refresh(simulator, second)).status).toBe(status)
    expect((await refresh(simulator, other)).status).toBe(200)
  })

  it('are counted, the refused ones with OAuth’s word for why', async () => {
    const simulator = await start()
    simulator.control.settings({ rotateRefreshTokens: true })
    const { refresh: first } = await install(simulator)
    simulator.control.fault({ on: 'token', do: { status: 503 } })
    for (let i = 0; i < 3; i++) await refresh(simulator, first)

    const calls = simulator.control.tokenCalls().filter(({ grantType }) => grantType === 'refresh_token')

    expect(calls.map(({ portalId, outcome, error }) => [portalId, outcome, error])).toEqual([
      ['111111', 'fault', null],
      ['111111', 'granted', null],
      ['111111', 'BAD_REFRESH_TOKEN', 'invalid_grant'],
    ])
  })
})

describe('secrets', () => {
  it('are those that were planned, in order, then random ones again', async () => {
    const simulator = await start()
    simulator.control.settings({ rotateRefreshTokens: true })
    simulator.control.planSecrets({ codes: ['code <1>'], refreshTokens: ['refresh 1'] })
    await control(simulator, 'POST', 'secrets', { accessTokens: ['access 1', 'access 2'], refreshTokens: ['refresh 2'] })

    const code = simulator.control.install('111111', { redirectUri: REDIRECT })
    const first = (await redeem(simulator, code)).body
    const second = (await refresh(simulator, 'refresh 1')).body
    const third = (await refresh(simulator, 'refresh 2')).body

    expect(code).toBe('code <1>')
    expect([first, second]).toMatchObject([
      { access_token: 'access 1', refresh_token: 'refresh 1' },
      { access_token: 'access 2', refresh_token: 'refresh 2' },
    ])
    expect([third.access_token, third.refresh_token]).toEqual([expect.stringMatching(/.{30}/), expect.stringMatching(/.{30}/)])
  })

  it('that were issued are told, dead ones too', async () => {
    const simulator = await start()
    simulator.control.settings({ rotateRefreshTokens: true })
    const { access, refresh: first } = await install(simulator)
    const second = (await refresh(simulator, first)).body

    const issued = (await control(simulator, 'GET', 'secrets')).body
    expect(issued).toEqual(simulator.control.issued())
    expect(issued).toEqual({
      codes: [expect.any(String)],
      accessTokens: [access, second.access_token],
      refreshTokens: [first, second.refresh_token],
      appTokens: [],
    })
  })

  it('are forgotten by a reset', async () => {
    const simulator = await start()
    simulator.control.planSecrets({ codes: ['planned'] })
    simulator.control.reset()

    const code = simulator.control.install('111111', { redirectUri: REDIRECT })
    expect(code).not.toBe('planned')
    expect(simulator.control.issued().codes).toEqual([code])
  })
})

describe('an app that leaves', () => {
  const acts = (simulator: Simulator) => [simulator.control.revocations(), simulator.control.uninstalls()]

  it('is known by the refresh tokens it revoked and the portals it uninstalled itself from', async () => {
    const simulator = await start()
    const { access, refresh: token } = await install(simulator)
    await install(simulator, '222222')
    simulator.control.uninstall('222222')
    expect(acts(simulator)).toEqual([[], []])

    for (let i = 0; i < 2; i++) await ask(simulator, '/oauth/2026-03/token/revoke', post({ ...CLIENT, token }))
    await ask(simulator, '/appinstalls/2026-03/external-install', bearing(access, 'DELETE'))

    const act = { portalId: '111111', at: expect.any(Number) }
    expect(acts(simulator)).toEqual([[act], [act]])
    expect((await control(simulator, 'GET', 'revocations')).body).toEqual([act])
    expect((await control(simulator, 'GET', 'uninstalls')).body).toEqual([act])
  })
})

describe('the webhooks journal', () => {
  const READ = 'developer.webhooks_journal.read'
  const WRITE = 'developer.webhooks_journal.subscriptions.write'
  const INSTALLED = '4-1909196'
  const REMOVED = '4-1916193'
  const JOURNAL = '/webhooks-journal/journal/2026-03'

  const askForToken = (simulator: Simulator, scope: string) => tokenOf(simulator, { grant_type: 'client_credentials', scope })
  const appToken = async (simulator: Simulator, scope: string) => String((await askForToken(simulator, scope)).body.access_token)

  async function subscribe(simulator: Simulator, eventTypeId: string, token?: string): Promise<Answer> {
    const body = JSON.stringify({ subscriptionType: 'APP_LIFECYCLE_EVENT', eventTypeId, properties: [] })
    const init = { ...bearing(token ?? (await appToken(simulator, WRITE)), 'POST'), body }
    return ask(simulator, '/webhooks-journal/subscriptions/2026-03', init)
  }

  /** Every batch, read from the earliest on. */
  async function readAll(simulator: Simulator): Promise<{ offset: string; journalEvents: Row[] }[]> {
    const token = await appToken(simulator, READ)
    const batches = []
    let place = await ask(simulator, `${JOURNAL}/earliest`, bearing(token))
    while (place.status === 200) {
      const { body } = await ask(simulator, String(place.body.url))
      expect(body).toMatchObject({ offset: place.body.currentOffset, publishedAt: expect.any(String) })
      batches.push(body as { offset: string; journalEvents: Row[] })
      place = await ask(simulator, `${JOURNAL}/offset/${place.body.currentOffset}/next`, bearing(token))
    }
    expect(place.status).toBe(204)
    return batches
  }

  it('opens to a token of the app’s own, with the scope for it', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    const granted = await askForToken(simulator, `${READ} ${WRITE}`)
    const [reader, writer] = [await appToken(simulator, READ), await appToken(simulator, WRITE)]

    expect(granted.body).toMatchObject({ token_type: 'bearer', expires_in: 1800, scopes: [READ, WRITE] })
    expect(granted.body).not.toHaveProperty('refresh_token')
    expect((await ask(simulator, `${JOURNAL}/earliest`, bearing(reader))).status).toBe(204)
    expect((await ask(simulator, `${JOURNAL}/earliest`, bearing(writer))).body.category).toBe('MISSING_SCOPES')
    expect((await subscribe(simulator, INSTALLED, reader)).body.category).toBe('MISSING_SCOPES')
    expect((await ask(simulator, `${JOURNAL}/earliest`, bearing(access))).body.category).toBe('INVALID_AUTHENTICATION')
  })

  it.each(['', 'crm.import', 'developer.webhooks_journal.read crm.import'])(
    'is closed to an app that asks for “%s”',
    async (scope) => {
      const simulator = await start()

      const { status, body } = await askForToken(simulator, scope)

      expect([status, body.error, body.status]).toEqual([400, 'invalid_scope', 'BAD_SCOPES'])
      expect(simulator.control.tokenCalls()).toMatchObject([{ grantType: 'client_credentials', outcome: 'BAD_SCOPES' }])
      simulator.control.settings({ journalScopes: ['crm.import'] })
      expect((await askForToken(simulator, 'crm.import')).status).toBe(200)
    },
  )

  it('says what was subscribed to, the same again for the same', async () => {
    const simulator = await start()

    const [first, second, again] = [
      await subscribe(simulator, INSTALLED),
      await subscribe(simulator, REMOVED),
      await subscribe(simulator, INSTALLED),
    ]

    expect(first).toMatchObject({ status: 200, body: { subscriptionType: 'APP_LIFECYCLE_EVENT', eventTypeId: INSTALLED } })
    expect([second.body.id === first.body.id, again.body.id === first.body.id]).toEqual([false, true])
    expect((await subscribe(simulator, 'nonsense')).body.category).toBe('VALIDATION_ERROR')
  })

  it('tells of each install and each removal, in order, whoever removed the app', async () => {
    const simulator = await start()
    for (const type of [INSTALLED, REMOVED]) await subscribe(simulator, type)

    const { access } = await install(simulator)
    await ask(simulator, '/appinstalls/2026-03/external-install', bearing(access, 'DELETE'))
    await install(simulator, '222222')
    simulator.control.uninstall('222222')
    simulator.control.uninstall('222222')
    await install(simulator, '222222')
    simulator.control.removePortal('222222')
    const batches = await readAll(simulator)

    expect(batches.map(({ journalEvents }) => journalEvents.map(({ action, portalId }) => [action, portalId]))).toEqual([
      [['APP_INSTALL', 111111]],
      [['APP_UNINSTALL', 111111]],
      [['APP_INSTALL', 222222]],
      [['APP_UNINSTALL', 222222]],
      [['APP_INSTALL', 222222]],
      [['APP_UNINSTALL', 222222]],
    ])
    expect(batches[1]?.journalEvents).toMatchObject([
      { type: 'APP_LIFECYCLE_EVENT', eventTypeId: REMOVED, occurredAt: expect.any(String), properties: { hs_app_id: '1234567' } },
    ])
    expect(simulator.control.journal()).toEqual(batches)
  })

  it('tells only of what was subscribed to', async () => {
    const simulator = await start()
    await install(simulator)
    await subscribe(simulator, REMOVED)

    await install(simulator, '222222')
    simulator.control.uninstall('222222')

    expect(simulator.control.journal().map(({ journalEvents }) => journalEvents[0]?.action)).toEqual(['APP_UNINSTALL'])
  })

  it('holds any event that a test puts there, until a reset', async () => {
    const simulator = await start()
    simulator.control.appendJournal({ action: 'APP_UNINSTALL', portalId: 111111, properties: { hs_app_id: '999' } })
    await control(simulator, 'POST', 'journal', { forged: true })

    const events = (await readAll(simulator)).flatMap(({ journalEvents }) => journalEvents)

    expect(events).toMatchObject([{ properties: { hs_app_id: '999' } }, { forged: true }])
    expect((await control(simulator, 'GET', 'journal')).body).toMatchObject([{ journalEvents: [events[0]] }, {}])
    expect((await ask(simulator, '/')).text).toContain('forged')
    simulator.control.reset()
    expect(await readAll(simulator)).toEqual([])
  })

  it('gives a batch by its address alone, and to nobody who guesses one or sends a token along', async () => {
    const simulator = await start()
    simulator.control.appendJournal({ action: 'APP_UNINSTALL' })
    const token = await appToken(simulator, READ)
    const { body } = await ask(simulator, `${JOURNAL}/earliest`, bearing(token))
    const url = String(body.url)

    expect((await ask(simulator, url)).status).toBe(200)
    expect((await ask(simulator, url, bearing(token))).status).toBe(400)
    expect((await ask(simulator, url.replace(/[^/]+$/, 'guessed'))).status).toBe(403)
    expect((await ask(simulator, `${JOURNAL}/offset/gone/next`, bearing(token))).status).toBe(404)
  })

  it('meets the faults that were planned for it', async () => {
    const simulator = await start()
    simulator.control.fault({ on: 'journal', do: { status: 503 } })
    simulator.control.fault({ on: 'subscribe', do: { status: 429 } })
    const token = await appToken(simulator, READ)

    expect((await ask(simulator, `${JOURNAL}/earliest`, bearing(token))).status).toBe(503)
    expect((await ask(simulator, `${JOURNAL}/earliest`, bearing(token))).status).toBe(204)
    expect((await subscribe(simulator, INSTALLED)).status).toBe(429)
    expect((await subscribe(simulator, INSTALLED)).status).toBe(200)
  })
})

describe('a webhook delivery', () => {
  type Received = { method: string; url: string; headers: IncomingHttpHeaders; text: string }

  /** An app that answers 202, and keeps what it was sent. */
  async function listen() {
    const received: Received[] = []
    const server = createServer((req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        const { method = '', url = '', headers } = req
        received.push({ method, url, headers, text: Buffer.concat(chunks).toString() })
        res.writeHead(202).end('taken')
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  /** Whether the signature is that of this text, and the timestamp told. */
  function isSigned({ headers, text }: Received, uri: string, secret = 'secret'): boolean {
    const told = headers['x-hubspot-request-timestamp']
    const expected = createHmac('sha256', secret).update(`POST${uri}${text}${told}`).digest('base64')
    return headers['x-hubspot-signature-v3'] === expected
  }

  it('is a signed list of events, and resolves to the app’s answer', async () => {
    const simulator = await start()
    const { received, url } = await listen()
    const event = simulator.control.privacyDeletion('111111', '501')

    const answer = await simulator.control.deliver({ targetUrl: `${url}/hubspot/webhooks`, events: [event] })

    expect(answer).toEqual({ status: 202, body: 'taken' })
    expect(received).toMatchObject([{ method: 'POST', url: '/hubspot/webhooks', text: JSON.stringify([event]) }])
    expect(received.map((request) => isSigned(request, `${url}/hubspot/webhooks`))).toEqual([true])
    expect(received[0]?.headers['x-hubspot-request-timestamp']).toMatch(/^\d{13}$/)
    expect(event).toMatchObject({ appId: 1234567, portalId: 111111, objectId: 501, subscriptionType: 'contact.privacyDeletion' })
  })

  it('is signed for an address whose special characters are decoded, and no others', async () => {
    const simulator = await start()
    const { received, url } = await listen()
    const sent = '/h?a=%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B&b=%20%26%3D%2B%25%C3%A9'

    await simulator.control.deliver({ targetUrl: `${url}${sent}`, events: [] })

    expect(received[0]?.url).toBe(sent)
    const decoded = "/h?a=:/?@!$'()*,;&b=%20%26%3D%2B%25%C3%A9"
    expect(received.map((request) => isSigned(request, `${url}${decoded}`))).toEqual([true])
  })

  it.each<[string, Partial<Delivery>]>([
    ['another secret', { secret: 'other' }],
    ['another address', { signedUrl: 'https://app.example.com/h' }],
    ['other white space', { tamper: 'white-space' }],
    ['another query', { tamper: 'query' }],
    ['another time', { tamper: 'timestamp' }],
    ['the first version', { version: 'v1' }],
    ['no signature', { version: 'none' }],
  ])('is forged on demand: %s', async (_, forged) => {
    const simulator = await start()
    const { received, url } = await listen()
    const events = [{ a: 1 }]

    await simulator.control.deliver({ targetUrl: `${url}/h`, events, timestamp: 1_000, ...forged })

    expect(received.map((request) => isSigned(request, `${url}${request.url}`))).toEqual([false])
    expect(JSON.parse(received[0]?.text ?? '')).toEqual(events)
    expect(Object.keys(received[0]?.headers ?? {}).filter((name) => name.startsWith('x-hubspot-signature'))).toEqual(
      forged.version === 'none'
        ? []
        : forged.version === 'v1'
          ? ['x-hubspot-signature', 'x-hubspot-signature-version']
          : ['x-hubspot-signature-v3'],
    )
  })

  it('can be as old as it is told, and signed with a secret or for an address of the test’s', async () => {
    const simulator = await start()
    const { received, url } = await listen()
    const signedUrl = 'https://app.example.com/h'

    await simulator.control.deliver({ targetUrl: `${url}/h`, events: [], timestamp: 1_000, secret: 'other', signedUrl })

    expect(received[0]?.headers['x-hubspot-request-timestamp']).toBe('1000')
    expect(received.map((request) => isSigned(request, signedUrl, 'other'))).toEqual([true])
  })

  it('can be asked for over HTTP', async () => {
    const simulator = await start()
    const { received, url } = await listen()

    const { body: event } = await control(simulator, 'POST', 'portals/111111/privacy-deletion', { contactId: 501 })
    const { body } = await control(simulator, 'POST', 'deliveries', { targetUrl: url, events: [event] })

    expect(body).toEqual({ status: 202, body: 'taken' })
    expect(JSON.parse(received[0]?.text ?? '')).toMatchObject([{ objectId: 501 }])
  })
})

describe('the list of custom object types', () => {
  const SCHEMAS = '/crm-object-schemas/2026-03/schemas'

  it('is empty for most portals, and holds the types of one that has some', async () => {
    const simulator = await start()
    const { access } = await install(simulator, '111111', ['oauth', 'crm.schemas.custom.read'])

    const before = await ask(simulator, SCHEMAS, bearing(access))
    const plate = { name: 'plate', label: 'Plate', type: 'string', fieldType: 'text' } as const
    simulator.control.portal('111111', { properties: { '2-501': [plate] } })
    const after = await ask(simulator, '/crm-object-schemas/v3/schemas', bearing(access))

    expect([before.status, before.body]).toEqual([200, { results: [] }])
    const properties = [expect.objectContaining({ name: 'plate', label: 'Plate' })]
    expect(after.body.results).toMatchObject([{ objectTypeId: '2-501', labels: { singular: expect.any(String) }, properties }])
    simulator.control.fault({ on: 'schemas', do: { status: 500 } })
    expect((await ask(simulator, SCHEMAS, bearing(access))).status).toBe(500)
  })

  it('is closed to a token without the scope', async () => {
    const simulator = await start()
    const { access } = await install(simulator)

    const { status, body } = await ask(simulator, SCHEMAS, bearing(access))

    expect([status, body]).toMatchObject([
      403,
      { category: 'MISSING_SCOPES', errors: [{ context: { requiredGranularScopes: ['crm.schemas.custom.read'] } }] },
    ])
  })
})

describe('what the control is given', () => {
  it.each([
    ['POST', 'secrets', { nonsense: [] }],
    ['POST', 'secrets', { codes: [1] }],
    ['POST', 'secrets', { codes: 'one' }],
    ['PATCH', 'settings', { revokeFamilyOnReuse: 1 }],
    ['PATCH', 'settings', { journalScopes: 'all' }],
    ['POST', 'journal', []],
    ['POST', 'deliveries', { events: [] }],
    ['POST', 'deliveries', { targetUrl: 'ftp://x', events: [] }],
    ['POST', 'deliveries', { targetUrl: 'http://localhost:9/', events: {} }],
    ['POST', 'deliveries', { targetUrl: 'http://localhost:9/', events: [], version: 'v9' }],
    ['POST', 'deliveries', { targetUrl: 'http://localhost:9/', events: [], tamper: 'all' }],
    ['POST', 'deliveries', { targetUrl: 'http://localhost:9/', events: [], secret: '' }],
    ['POST', 'deliveries', { targetUrl: 'http://localhost:9/', events: [], timestamp: 'now' }],
    ['POST', 'portals/111111/privacy-deletion', {}],
  ])('is answered with 400 and a sentence when it is wrong: %s %s %o', async (method, path, body) => {
    const simulator = await start()

    const answer = await control(simulator, method, path, body)

    expect([answer.status, answer.body.message]).toEqual([400, expect.stringMatching(/^[A-Z].+\.$/)])
  })
})
