import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSimulator, type Simulator } from '../src/simulator/simulator.js'

const CLIENT = { client_id: 'client', client_secret: 'secret' }
const REDIRECT = 'http://localhost:9/oauth/callback'
const BOUNDARY = 'the-boundary'
const IMPORTS = '/crm/imports/2026-03'

type Row = Record<string, unknown>
type Answer = { status: number; headers: Headers; text: string; body: Row }
type Column = [columnName: string, propertyName: string, columnType?: string]

async function start(): Promise<Simulator> {
  const simulator = await createSimulator({ clientId: 'client', clientSecret: 'secret' })
  onTestFinished(() => simulator.close())
  simulator.control.settings({ startedMs: 0, processingMs: 0 })
  return simulator
}

async function ask({ url }: Simulator, path: string, init: RequestInit = {}): Promise<Answer> {
  const res = await fetch(new URL(path, url), { redirect: 'manual', ...init })
  const text = await res.text()
  const body = text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as Row) : {}
  return { status: res.status, headers: res.headers, text, body }
}

const location = ({ headers }: Answer) => new URL(headers.get('location') ?? '')
const post = (body: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(body) })
const tokenOf = (simulator: Simulator, form: Record<string, string>, version = '2026-03') =>
  ask(simulator, `/oauth/${version}/token`, post({ ...CLIENT, ...form }))
const introspect = (simulator: Simulator, token: string) =>
  ask(simulator, '/oauth/2026-03/token/introspect', post({ ...CLIENT, token })).then(({ body }) => body)

/** The tokens of an installed portal. */
async function install(simulator: Simulator, portalId = '111111', scopes = ['oauth', 'crm.import']) {
  const code = simulator.control.install(portalId, { redirectUri: REDIRECT, scopes })
  const { body } = await tokenOf(simulator, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT })
  return { access: String(body.access_token), refresh: String(body.refresh_token) }
}

const refresh = (simulator: Simulator, refreshToken: string) =>
  tokenOf(simulator, { grant_type: 'refresh_token', refresh_token: refreshToken })

const PEOPLE: Column[] = [
  ['Email', 'email', 'HUBSPOT_ALTERNATE_ID'],
  ['First name', 'firstname'],
]

function importRequest(columns = PEOPLE, more: object = {}) {
  const columnMappings = columns.map(([columnName, propertyName, columnType]) => ({
    columnObjectTypeId: '0-1',
    columnName,
    propertyName,
    ...(columnType ? { columnType } : {}),
  }))
  const files = [{ fileName: 'people.csv', fileFormat: 'CSV', fileImportPage: { hasHeader: true, columnMappings } }]
  return { name: 'People', files, ...more }
}

const requestPart = (request: unknown) =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="importRequest"\r\n\r\n${typeof request === 'string' ? request : JSON.stringify(request)}\r\n`
const filePart = (content: string, name = 'people.csv') =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="files"; filename="${name}"\r\ncontent-type: text/csv\r\n\r\n${content}\r\n`

const upload = (token: string, ...parts: string[]): RequestInit => ({
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  body: `${parts.join('')}--${BOUNDARY}--\r\n`,
})

const FILE = 'Email,First name\na@example.com,A\nb@example.com,B\n'
const create = (simulator: Simulator, token: string, content = FILE, request: unknown = importRequest()) =>
  ask(simulator, IMPORTS, upload(token, requestPart(request), filePart(content)))
const get = (simulator: Simulator, token: string, path: string) =>
  ask(simulator, path, { headers: { authorization: `Bearer ${token}` } })

/** The rows that HubSpot finds fault with: line, type, column. */
async function errorsOf(simulator: Simulator, token: string, id: unknown, query = '') {
  const { body } = await get(simulator, token, `${IMPORTS}/${id}/errors${query}`)
  return (body.results as { errorType: string; knownColumnNumber?: number; sourceData: { lineNumber: number } }[]).map(
    ({ errorType, knownColumnNumber, sourceData }) => [sourceData.lineNumber, errorType, knownColumnNumber],
  )
}

async function until<T>(look: () => Promise<T>, isMet: (value: T) => boolean): Promise<T> {
  for (const end = performance.now() + 10_000; ; await sleep(10)) {
    const value = await look()
    if (isMet(value)) return value
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(value)}`)
  }
}

/** An upload in the test's hands; the answer is undefined when the connection was cut. */
function openUpload({ url }: Simulator, token: string, contentLength: number) {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    'content-length': contentLength,
  }
  const req: ClientRequest = httpRequest(new URL(IMPORTS, url), { method: 'POST', headers, agent: false })
  const answered = new Promise<number | undefined>((resolve) => {
    req.on('response', (res: IncomingMessage) => resolve(res.resume().statusCode))
    req.on('error', () => resolve(undefined))
    req.on('close', () => resolve(undefined))
  })
  return { req, answered }
}

describe('the consent page', () => {
  const link = (more: Record<string, string> = {}) =>
    `/oauth/authorize?${new URLSearchParams({ client_id: 'client', redirect_uri: REDIRECT, scope: 'oauth crm.import', state: 'a&b', ...more })}`

  it('lets a person choose a portal, and sends the browser back with a code and the state', async () => {
    const simulator = await start()

    const shown = await ask(simulator, link())
    const back = location(await ask(simulator, `${link()}&portal=222222&decision=allow`))

    expect(shown.text).toMatch(/acme\.de.*globex\.com/s)
    expect(shown.text).toContain('<li>crm.import</li>')
    expect(back.searchParams.get('state')).toBe('a&b')
    const code = back.searchParams.get('code') ?? ''
    const { body } = await tokenOf(simulator, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT })
    expect(body).toMatchObject({ hub_id: 222222, scopes: ['oauth', 'crm.import'], expires_in: 1800, token_type: 'bearer' })
  })

  it('sends the browser back without a code when the person cancels', async () => {
    const simulator = await start()

    const back = location(await ask(simulator, `${link()}&decision=deny`))

    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: 'access_denied', state: 'a&b' })
    expect(back.searchParams.has('code')).toBe(false)
  })

  it('approves by itself when it is told to, for the portal of the address', async () => {
    const simulator = await start()
    simulator.control.settings({ autoApprove: true })

    const back = location(await ask(simulator, link().replace('authorize', '222222/authorize')))

    const form = { grant_type: 'authorization_code', code: back.searchParams.get('code') ?? '', redirect_uri: REDIRECT }
    expect((await tokenOf(simulator, form)).body.hub_id).toBe(222222)
  })

  it('grants what the person may grant, whatever was asked', async () => {
    const simulator = await start()
    simulator.control.settings({ autoApprove: true, grantScopes: ['oauth'] })

    const code = location(await ask(simulator, link())).searchParams.get('code') ?? ''
    const { body } = await tokenOf(simulator, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT })

    expect(body.scopes).toEqual(['oauth'])
    expect(await get(simulator, String(body.access_token), IMPORTS)).toMatchObject({
      status: 403,
      body: { category: 'MISSING_SCOPES', errors: [{ context: { requiredGranularScopes: ['crm.import'] } }] },
    })
  })

  it.each([
    { client_id: 'other' },
    { redirect_uri: 'nowhere' },
    { redirect_uri: 'javascript:alert(1)' },
    { scope: '' },
    { scope: 'oauth' },
  ])('stops a link that does not match the app: %o', async (more) => {
    const simulator = await start()
    simulator.control.settings({ autoApprove: true, requiredScopes: ['crm.import'] })

    expect((await ask(simulator, link(more as Record<string, string>))).status).toBe(400)
  })

  it('shows what it was given as text', async () => {
    const simulator = await start()

    expect((await ask(simulator, link({ scope: '<script>x</script>', state: '"><b>' }))).text).not.toMatch(/<script>|<b>/)
  })
})

describe('an install from the marketplace', () => {
  const begin = (simulator: Simulator, shape: string) =>
    ask(
      simulator,
      `/marketplace/install?${new URLSearchParams({ client_id: 'client', redirect_uri: REDIRECT, portalId: '222222', shape })}`,
    )
  const returned = (simulator: Simulator) => simulator.control.portals().find(({ id }) => id === '222222')?.returned

  it('comes with a code and no state, and is a login loop until the browser is sent back', async () => {
    const simulator = await start()

    const { searchParams } = location(await begin(simulator, 'plain'))

    expect([...searchParams.keys()]).toEqual(['code', 'returnUrl'])
    expect(returned(simulator)).toBe(false)
    expect((await ask(simulator, '/')).text).toContain('login loop')
    expect((await ask(simulator, searchParams.get('returnUrl') ?? '')).text).toContain('App installed')
    expect(returned(simulator)).toBe(true)
  })

  it.each(['?', '&'])('asks an app with sign-in for a state first, appended with %s', async (mark) => {
    const simulator = await start()

    const first = location(await begin(simulator, 'sign-in'))
    const second = location(await ask(simulator, `${first.searchParams.get('returnUrl')}${mark}state=mine`))

    expect(first.searchParams.get('step')).toBe('authorize')
    expect(Object.fromEntries(second.searchParams)).toMatchObject({ step: 'finalize', state: 'mine' })
    expect(returned(simulator)).toBe(false)
    const form = { grant_type: 'authorization_code', code: second.searchParams.get('code') ?? '', redirect_uri: REDIRECT }
    expect((await tokenOf(simulator, form)).body.hub_id).toBe(222222)
    await ask(simulator, second.searchParams.get('returnUrl') ?? '')
    expect(returned(simulator)).toBe(true)
  })
})

describe('POST /oauth/{version}/token', () => {
  it.each([
    [{ client_id: 'x' }, 'invalid_client', 'BAD_CLIENT_ID'],
    [{ client_secret: 'x' }, 'invalid_client', 'BAD_CLIENT_SECRET'],
    [{ grant_type: 'password' }, 'unsupported_grant_type', 'BAD_GRANT_TYPE'],
    [{ code: 'x' }, 'invalid_grant', 'BAD_AUTH_CODE'],
    [{ redirect_uri: 'http://localhost:9/other' }, 'invalid_request', 'BAD_REDIRECT_URI'],
    [{ grant_type: 'refresh_token', refresh_token: 'x' }, 'invalid_grant', 'BAD_REFRESH_TOKEN'],
  ])('refuses %o as %s, %s', async (wrong, error, status) => {
    const simulator = await start()
    const code = simulator.control.install('111111', { redirectUri: REDIRECT })

    const answer = await tokenOf(simulator, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, ...wrong })

    expect(answer).toMatchObject({ status: 400, body: { error, status, error_description: expect.any(String) } })
    expect(simulator.control.tokenCalls()).toMatchObject([{ outcome: status }])
  })

  it('takes a code once, a form only, and says no hub id in its first version', async () => {
    const simulator = await start()
    const code = () => simulator.control.install('111111', { redirectUri: REDIRECT })
    const form = { grant_type: 'authorization_code', code: code(), redirect_uri: REDIRECT }

    expect((await tokenOf(simulator, form)).status).toBe(200)
    expect((await tokenOf(simulator, form)).body.status).toBe('BAD_AUTH_CODE')
    expect((await tokenOf(simulator, { ...form, code: code() }, 'v1')).body).not.toHaveProperty('hub_id')
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
    expect((await ask(simulator, '/oauth/2026-03/token', json)).status).toBe(415)
  })

  it('gives the same refresh token again, or another one that replaces it', async () => {
    const simulator = await start()
    const { refresh: first } = await install(simulator)

    expect((await refresh(simulator, first)).body.refresh_token).toBe(first)
    simulator.control.settings({ rotateRefreshTokens: true })
    const { body } = await refresh(simulator, first)

    expect(body.refresh_token).not.toBe(first)
    expect((await refresh(simulator, first)).body.status).toBe('BAD_REFRESH_TOKEN')
    expect((await refresh(simulator, String(body.refresh_token))).status).toBe(200)
  })

  it.each(['abc', 0, -1, 1e9])('says a lifetime of %s, and other fields, as it is told to', async (tokenLifetimeSeconds) => {
    const simulator = await start()
    const { refresh: token } = await install(simulator)
    simulator.control.settings({
      tokenLifetimeSeconds,
      omitFromTokenAnswer: ['refresh_token'],
      overrideTokenAnswer: { hub_id: 9 },
    })

    const { body } = await refresh(simulator, token)

    expect(body).toMatchObject({ expires_in: tokenLifetimeSeconds, hub_id: 9 })
    expect(body).not.toHaveProperty('refresh_token')
    expect((await get(simulator, String(body.access_token), IMPORTS)).status).toBe(200)
  })

  it('answers BAD_HUB for a portal that is gone, and takes no secret that was replaced', async () => {
    const simulator = await start()
    const { refresh: token } = await install(simulator)
    simulator.control.removePortal('111111')

    expect((await refresh(simulator, token)).body).toMatchObject({ error: 'access_denied', status: 'BAD_HUB' })
    simulator.control.rotateClientSecret('new')
    expect((await refresh(simulator, token)).body.status).toBe('BAD_CLIENT_SECRET')
  })
})

describe('a portal’s tokens', () => {
  it('expire on demand and are refreshed', async () => {
    const simulator = await start()
    const { access, refresh: token } = await install(simulator)
    simulator.control.expireTokens('111111')

    const { status, body } = await get(simulator, access, IMPORTS)

    expect([status, body.category, body.status]).toEqual([401, 'EXPIRED_AUTHENTICATION', 'error'])
    expect(await introspect(simulator, access)).toEqual({ active: false })
    expect((await get(simulator, String((await refresh(simulator, token)).body.access_token), IMPORTS)).status).toBe(200)
  })

  it.each(['the portal’s admin', 'the app'])('all die when %s uninstalls', async (who) => {
    const simulator = await start()
    const { access, refresh: token } = await install(simulator)
    expect(await introspect(simulator, token)).toMatchObject({ active: true, hub_id: 111111, token_use: 'refresh_token' })

    if (who === 'the app') {
      const init = { method: 'DELETE', headers: { authorization: `Bearer ${access}` } }
      expect((await ask(simulator, '/appinstalls/2026-03/external-install', init)).status).toBe(204)
    } else simulator.control.uninstall('111111')

    expect((await get(simulator, access, IMPORTS)).body.category).toBe('INVALID_AUTHENTICATION')
    expect((await refresh(simulator, token)).body.status).toBe('BAD_REFRESH_TOKEN')
    expect(await introspect(simulator, access)).toEqual({ active: false })
  })

  it('cannot be refreshed once revoked, but live on', async () => {
    const simulator = await start()
    const { access, refresh: token } = await install(simulator)

    await ask(simulator, '/oauth/2026-03/token/revoke', post({ ...CLIENT, token }))

    expect((await refresh(simulator, token)).body.status).toBe('BAD_REFRESH_TOKEN')
    expect((await get(simulator, access, IMPORTS)).status).toBe(200)
  })

  it('read the account and the properties that their scopes open', async () => {
    const simulator = await start()
    const { access } = await install(simulator, '111111', ['oauth', 'crm.schemas.contacts.read'])

    const account = await get(simulator, access, '/account-info/2026-03/details')
    const contacts = await get(simulator, access, '/crm/properties/2026-03/contacts')

    expect(account.body).toMatchObject({ portalId: 111111, uiDomain: 'app-eu1.hubspot.com', timeZone: 'Europe/Berlin' })
    expect(contacts.body.results).toContainEqual(expect.objectContaining({ name: 'email', hasUniqueValue: true }))
    expect((await get(simulator, access, '/crm/v3/properties/companies')).body.category).toBe('MISSING_SCOPES')
  })
})

describe('POST …/imports', () => {
  it.each([
    ['the request first', [requestPart(importRequest()), filePart(FILE)]],
    ['the file first', [filePart(FILE), requestPart(importRequest())]],
  ])('makes an import of %s, and keeps a ledger of it', async (_, parts) => {
    const simulator = await start()
    const { access } = await install(simulator)

    const { status, body } = await ask(simulator, '/crm/v3/imports/', upload(access, ...parts))

    expect([status, body.importName, body.mappedObjectTypeIds]).toEqual([200, 'People', ['0-1']])
    const sha256 = createHash('sha256').update(FILE).digest('hex')
    expect(simulator.control.imports()).toMatchObject([
      {
        id: body.id,
        portalId: '111111',
        name: 'People',
        files: [{ name: 'people.csv', rows: 2, sha256, text: FILE, bytes: FILE.length }],
      },
    ])
    expect(simulator.control.imports()[0]?.isChunked).toBe(false)
  })

  it.each([
    ['no request', [filePart(FILE)], /Unable to process JSON/],
    ['bad JSON', [requestPart('{'), filePart(FILE)], /Unable to process JSON/],
    ['no name', [requestPart({ ...importRequest(), name: '' }), filePart(FILE)], /name/],
    ['no file', [requestPart(importRequest())], /people\.csv/],
    ['a file of another name', [requestPart(importRequest()), filePart(FILE, 'persons.csv')], /people\.csv/],
    [
      'a file too many',
      [requestPart(importRequest()), filePart(FILE), filePart(FILE, 'more.csv')],
      /no file with fileName more\.csv/,
    ],
    ['no mapping', [requestPart(importRequest([])), filePart(FILE)], /columnMappings/],
    ['a column too few', [requestPart(importRequest()), filePart('Email\na@example.com\n')], /1 columns/],
  ])('refuses an upload with %s in HubSpot’s shape', async (_, parts, message) => {
    const simulator = await start()
    const { access } = await install(simulator)

    const { status, body } = await ask(simulator, IMPORTS, upload(access, ...parts))

    expect([status, body]).toMatchObject([
      400,
      { status: 'error', category: 'VALIDATION_ERROR', correlationId: expect.any(String) },
    ])
    expect(body.message).toMatch(message)
    expect(simulator.control.imports()).toEqual([])
  })

  it('answers a broken multipart body with a page', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    const broken = { ...upload(access), body: `${requestPart(importRequest())}${filePart(FILE)}` }
    const unmarked = {
      method: 'POST',
      headers: { authorization: `Bearer ${access}`, 'content-type': 'multipart/form-data' },
      body: 'x',
    }

    const unended = { ...upload(access), body: requestPart(importRequest()).slice(0, -2) }

    for (const init of [broken, unended, unmarked]) {
      const { status, text } = await ask(simulator, IMPORTS, init)
      expect([status, text]).toEqual([400, expect.stringContaining('HTTP ERROR 400')])
    }
    expect(simulator.control.imports()).toEqual([])
  })

  it('makes nothing of a body that is cut before its last byte', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    const body = `${requestPart(importRequest())}${filePart(FILE)}--${BOUNDARY}--\r\n`
    const { req, answered } = openUpload(simulator, access, body.length)

    req.write(body.slice(0, -1))
    await until(
      async () => simulator.control.requests().filter(({ path }) => path === IMPORTS).length,
      (count) => count === 1,
    )
    req.destroy()
    await answered
    // The next call is answered after the cut has been seen.
    await get(simulator, access, IMPORTS)

    expect(simulator.control.imports()).toEqual([])
  })

  it('refuses what a day’s quotas do not allow', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.portal('111111', { rowsPerDay: 3, importsPerDay: 2 })

    expect((await create(simulator, access)).status).toBe(200)
    const rows = await create(simulator, access)
    expect((await create(simulator, access, 'Email,First name\nc@example.com,C\n')).status).toBe(200)
    const imports = await create(simulator, access)

    expect(rows).toMatchObject({
      status: 429,
      body: { errorType: 'FREE_PORTAL_IMPORT_ROWS_LIMIT', errorTokens: { totalImportRows: ['4'] } },
    })
    expect(imports).toMatchObject({ status: 429, body: { errorType: 'PAID_PORTAL_IMPORTS_LIMIT' } })
    expect(imports.body).not.toHaveProperty('policyName')
    expect(simulator.control.imports()).toHaveLength(2)
  })

  it('refuses a file of more rows than HubSpot takes', async () => {
    const simulator = await start()
    const { access } = await install(simulator)

    const { status, body } = await create(simulator, access, `Email,First name\n${'x,\n'.repeat(1_048_577)}`)

    expect([status, body]).toMatchObject([400, { errors: [{ code: 'TOO_MANY_ROWS', context: { rowsDetected: ['1048577'] } }] }])
  })

  it('counts calls per portal in ten seconds', async () => {
    const simulator = await start()
    const [acme, globex] = [await install(simulator), await install(simulator, '222222')]
    simulator.control.settings({ callsPerTenSeconds: 2 })

    const answers = [
      await get(simulator, acme.access, IMPORTS),
      await get(simulator, acme.access, IMPORTS),
      await get(simulator, acme.access, IMPORTS),
    ]

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
    expect(answers[0]?.headers.get('x-hubspot-ratelimit-remaining')).toBe('1')
    expect(answers[2]?.body).toMatchObject({ policyName: 'TEN_SECONDLY_ROLLING', errorType: 'RATE_LIMIT' })
    expect((await get(simulator, globex.access, IMPORTS)).status).toBe(200)
  })
})

describe('an import', () => {
  const stateOf = async (simulator: Simulator, token: string, id: unknown) => {
    const { body } = await get(simulator, token, `${IMPORTS}/${id}`)
    return { state: body.state, counters: (body.metadata as { counters: Record<string, number> }).counters }
  }

  it('goes from STARTED through PROCESSING to DONE, its counters growing', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.settings({ startedMs: 60_000, processingMs: 60_000, callsPerTenSeconds: 0 })
    const rows = Array.from({ length: 200 }, (_, i) => `p${i}@example.com,P\n`).join('')
    const { body } = await create(simulator, access, `Email,First name\n${rows}`)
    expect(await stateOf(simulator, access, body.id)).toEqual({ state: 'STARTED', counters: {} })

    simulator.control.settings({ startedMs: 0, processingMs: 1_000 })
    const midway = await until(
      () => stateOf(simulator, access, body.id),
      ({ counters }) => (counters.CREATED_OBJECTS ?? 0) > 0,
    )
    const done = await until(
      () => stateOf(simulator, access, body.id),
      ({ state }) => state === 'DONE',
    )

    expect(midway.state).toBe('PROCESSING')
    expect(midway.counters.CREATED_OBJECTS).toBeLessThan(200)
    expect(done.counters).toMatchObject({ TOTAL_ROWS: 200, CREATED_OBJECTS: 200, ERRORS: 0, MAPPED_COLUMNS: 2 })
    expect(simulator.control.portals()[0]?.contactsCreated).toBe(200)
  })

  it('is DEFERRED while three others of its portal run, and starts when one has ended', async () => {
    const simulator = await start()
    const [acme, globex] = [await install(simulator), await install(simulator, '222222')]
    simulator.control.settings({ processingMs: 60_000 })
    for (const _ of [1, 2, 3]) await create(simulator, acme.access)

    const { body: fourth } = await create(simulator, acme.access)
    const { body: elsewhere } = await create(simulator, globex.access)
    expect([fourth.state, elsewhere.state]).toEqual(['DEFERRED', 'PROCESSING'])
    simulator.control.setImportState(simulator.control.imports()[0]?.id ?? '', 'FAILED')

    expect((await stateOf(simulator, acme.access, fourth.id)).state).toBe('PROCESSING')
  })

  it('of more than 10,000 rows is DEFERRED while two others of that size run, and a small one goes before it', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.settings({ processingMs: 60_000 })
    const large = `Email,First name\n${Array.from({ length: 10_001 }, (_, i) => `p${i}@example.com,P\n`).join('')}`

    const answers = [
      await create(simulator, access, large),
      await create(simulator, access, large),
      await create(simulator, access, large),
      await create(simulator, access),
    ]

    expect(answers.map(({ body }) => body.state)).toEqual(['PROCESSING', 'PROCESSING', 'DEFERRED', 'PROCESSING'])
  })

  it('is canceled once, and not after its end', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.settings({ processingMs: 60_000 })
    const { body } = await create(simulator, access)
    const cancel = () =>
      ask(simulator, `${IMPORTS}/${body.id}/cancel`, { method: 'POST', headers: { authorization: `Bearer ${access}` } })

    expect(await cancel()).toMatchObject({ status: 200, body: { status: 'COMPLETE', completedAt: expect.any(String) } })
    expect((await stateOf(simulator, access, body.id)).state).toBe('CANCELED')
    expect(await cancel()).toMatchObject({ status: 400, body: { category: 'VALIDATION_ERROR' } })
  })

  it('has any state it is given, another name, or is not found', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    const { body } = await create(simulator, access)
    const id = String(body.id)

    simulator.control.setImportState(id, 'UNKNOWN_X', { ERRORS: 7 })
    simulator.control.renameImport(id, 'Renamed')
    const seen = await get(simulator, access, `${IMPORTS}/${id}`)
    simulator.control.forgetImport(id)

    expect(seen.body).toMatchObject({ state: 'UNKNOWN_X', importName: 'Renamed', metadata: { counters: { ERRORS: 7 } } })
    expect((await get(simulator, access, `${IMPORTS}/${id}`)).status).toBe(404)
    expect(simulator.control.imports()).toHaveLength(1)
  })

  it('is nobody else’s', async () => {
    const simulator = await start()
    const [acme, globex] = [await install(simulator), await install(simulator, '222222')]
    const { body } = await create(simulator, acme.access)

    expect((await get(simulator, globex.access, `${IMPORTS}/${body.id}`)).status).toBe(404)
    expect((await get(simulator, globex.access, IMPORTS)).body.results).toEqual([])
  })
})

describe('the list of imports', () => {
  it('is newest first, in pages, and leaves out what is too new', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    const ids: unknown[] = []
    for (const _ of [1, 2, 3]) ids.unshift((await create(simulator, access)).body.id)
    const page = async (query: string) => {
      const { results, paging } = (await get(simulator, access, `${IMPORTS}${query}`)).body as {
        results: { id: string }[]
        paging?: { next: { after: string } }
      }
      return { ids: results.map(({ id }) => id), after: paging?.next.after }
    }

    const first = await page('?limit=2')
    await create(simulator, access)
    const second = await page(`?limit=2&after=${first.after}`)
    simulator.control.settings({ listLagMs: 60_000 })

    expect([first.ids, second]).toEqual([ids.slice(0, 2), { ids: ids.slice(2), after: undefined }])
    expect((await page('')).ids).toEqual([])
    expect((await get(simulator, access, `${IMPORTS}/${ids[0]}`)).status).toBe(200)
  })
})

const WIDE: Column[] = [
  ['Email', 'email', 'HUBSPOT_ALTERNATE_ID'],
  ['Employees', 'numemployees'],
  ['Born', 'date_of_birth'],
  ['Stage', 'lifecyclestage'],
]
const BAD_ROWS = `Email,Employees,Born,Stage
good@example.com,"1,000",2001-12-31,Lead
bad at example.com,many,31.13.2001,subscriber
"quoted@example.com",3,"12/31/2001","cust
omer"
,4,,
Good@example.com,5,,customer
short@example.com,6
`

describe('row errors', () => {
  it.each(['the request first', 'the file first'])('come from the file’s cells, %s', async (order) => {
    const simulator = await start()
    const { access } = await install(simulator)
    const parts = [requestPart(importRequest(WIDE)), filePart(BAD_ROWS)]

    const { body } = await ask(simulator, IMPORTS, upload(access, ...(order === 'the file first' ? parts.reverse() : parts)))

    expect(await errorsOf(simulator, access, body.id)).toEqual([
      [3, 'INVALID_EMAIL', 0],
      [3, 'COULD_NOT_PARSE_NUMBER', 1],
      [3, 'COULD_NOT_PARSE_DATE', 2],
      [4, 'INVALID_ENUMERATION_OPTION', 3],
      [5, 'MISSING_REQUIRED_PROPERTY', 0],
      [6, 'DUPLICATE_ALTERNATE_ID', 0],
      [7, 'INCORRECT_NUMBER_OF_COLUMNS', undefined],
    ])
    const { metadata } = (await get(simulator, access, `${IMPORTS}/${body.id}`)).body
    expect(metadata).toMatchObject({ counters: { TOTAL_ROWS: 6, ERRORS: 7, CREATED_OBJECTS: 1 } })
  })

  it('carry a message and the row when asked for, and come in pages', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    const { body } = await create(simulator, access, BAD_ROWS, importRequest(WIDE))
    const page = (query: string) => get(simulator, access, `${IMPORTS}/${body.id}/errors?${query}`).then((answer) => answer.body)

    const bare = (await page('limit=1')) as { results: Row[]; paging: { next: { after: string } } }
    const full = await page(`limit=1&includeErrorMessage=true&includeRowData=true&after=${bare.paging.next.after}`)

    expect(bare.results[0]).not.toHaveProperty('errorMessage')
    expect(bare.results[0]).toMatchObject({
      createdAt: expect.any(Number),
      invalidValue: 'bad at example.com',
      objectTypeId: '0-1',
      sourceData: { rowData: [] },
    })
    expect(full.results).toMatchObject([
      {
        errorMessage: expect.any(String),
        sourceData: { lineNumber: 3, rowData: ['bad at example.com', 'many', '31.13.2001', 'subscriber'] },
      },
    ])
    expect(await page('after=nonsense')).toMatchObject({ category: 'VALIDATION_ERROR' })
  })

  it('are kept by the thousand, and counted all', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.settings({ pageSize: 100_000 })
    const rows = Array.from({ length: 30_000 }, (_, i) => `bad${i}\n`).join('')

    const { body } = await create(simulator, access, `Email,First name\n${rows}`)

    const { metadata } = (await get(simulator, access, `${IMPORTS}/${body.id}`)).body
    expect(metadata).toMatchObject({ counters: { ERRORS: 60_000, CREATED_OBJECTS: 0 } })
    expect((await errorsOf(simulator, access, body.id)).length).toBe(10_000)
  })
})

describe('faults', () => {
  const made = (simulator: Simulator) => simulator.control.imports().length

  it('strike the calls they are meant for, so many times, and end', async () => {
    const simulator = await start()
    const [acme, globex] = [await install(simulator), await install(simulator, '222222')]
    simulator.control.fault({
      on: 'list',
      portalId: '111111',
      times: 2,
      after: 1,
      do: { status: 503, headers: { 'retry-after': '7' } },
    })

    const answers: Answer[] = []
    for (const _ of [1, 2, 3, 4]) answers.push(await get(simulator, acme.access, IMPORTS))

    expect(answers.map(({ status }) => status)).toEqual([200, 503, 503, 200])
    expect(answers[1]?.headers.get('retry-after')).toBe('7')
    simulator.control.fault({ on: 'any', portalId: '111111', times: 0, do: { status: 500 } })
    expect((await get(simulator, globex.access, IMPORTS)).status).toBe(200)
    expect((await get(simulator, acme.access, `${IMPORTS}/1`)).status).toBe(500)
    simulator.control.clearFaults()
    expect((await get(simulator, acme.access, IMPORTS)).status).toBe(200)
  })

  it.each([
    ['an error', { status: 502 }, 502, 0],
    ['an error after it was done', { statusAfterCreate: 502 }, 502, 1],
    ['an answer without a body', { status: 304 }, 304, 0],
    ['a cut at once', { reset: 'at-once' }, undefined, 0],
    ['a cut before it was done', { reset: 'before-create' }, undefined, 0],
    ['a cut after it was done', { reset: 'after-create' }, undefined, 1],
    ['a page', { garbage: 'html' }, 200, 1],
    ['a page, nothing done', { garbage: 'html', created: false }, 200, 0],
    ['a delay', { slowMs: 50 }, 200, 1],
    ['informational answers first', { informational: 3 }, 200, 1],
  ] as const)('answer a create with %s', async (_, fault, status, count) => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'create', do: fault })

    const answer = await create(simulator, access).catch(() => undefined)

    expect([answer?.status, made(simulator)]).toEqual([status, count])
  })

  it.each([
    ['before-create', 0],
    ['after-create', 1],
  ] as const)('hang %s until the client gives up', async (hang, count) => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'create', do: { hang } })
    const init = upload(access, requestPart(importRequest()), filePart(FILE))

    await expect(ask(simulator, IMPORTS, { ...init, signal: AbortSignal.timeout(300) })).rejects.toThrow()

    expect(made(simulator)).toBe(count)
  })

  it('make the import long after the connection was cut', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'create', do: { lateCreateMs: 150 } })

    await expect(create(simulator, access)).rejects.toThrow()

    expect(made(simulator)).toBe(0)
    await until(
      async () => made(simulator),
      (count) => count === 1,
    )
  })

  it.each([
    ['truncated', (text: string) => text.startsWith('{"id"') && !text.endsWith('}')],
    ['empty', (text: string) => text === ''],
    ['wrong-type', (text: string) => typeof JSON.parse(text) === 'string'],
    ['huge', (text: string) => text.length > 20_000_000],
    ['missing-id', (text: string) => !('id' in JSON.parse(text)) && 'state' in JSON.parse(text)],
    ['number-id', (text: string) => text.includes('"id":9007199254740993123')],
  ] as const)('garble an answer: %s', async (garbage, isSo) => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'create', do: { garbage } })

    const { body, headers } = upload(access, requestPart(importRequest()), filePart(FILE))
    const res = await fetch(new URL(IMPORTS, simulator.url), {
      method: 'POST',
      body: body as string,
      headers: headers as Record<string, string>,
    })

    expect(isSo(await res.text())).toBe(true)
    expect(made(simulator)).toBe(1)
  })

  it.each([
    ['empty', []],
    ['reversed', ['People', 'Later']],
    ['duplicated', ['Later', 'People', 'Later', 'People']],
    ['nameless', [undefined, undefined]],
  ] as const)('give a list that is %s', async (scramble, names) => {
    const simulator = await start()
    const { access } = await install(simulator)
    await create(simulator, access)
    await create(simulator, access, FILE, importRequest(PEOPLE, { name: 'Later' }))
    simulator.control.fault({ on: 'list', do: { scramble } })

    const { body } = await get(simulator, access, IMPORTS)

    expect((body.results as Row[]).map(({ importName }) => importName)).toEqual(names)
  })

  it('cut an upload after some bytes of it', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'create', do: { reset: { afterBytes: 10 } } })
    const { req, answered } = openUpload(simulator, access, 1_000_000)

    req.write('--the-boundary')

    expect(await answered).toBeUndefined()
    expect(made(simulator)).toBe(0)
  })

  it('answer before the body was sent', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'create', do: { status: 503, early: true } })
    const { req, answered } = openUpload(simulator, access, 1_000_000)

    req.write('--')

    expect(await answered).toBe(503)
    req.destroy()
  })

  it('answer byte by byte, and read so slowly that the sender is held back', async () => {
    const simulator = await start()
    const { access } = await install(simulator)
    simulator.control.fault({ on: 'list', do: { dripBytesPerSecond: 100 } })
    simulator.control.fault({ on: 'create', do: { readBytesPerSecond: 0 } })
    const before = performance.now()

    await get(simulator, access, IMPORTS)
    const { req, answered } = openUpload(simulator, access, 20_000_000)
    req.write(Buffer.alloc(16_000_000))
    const isTaken = await Promise.race([once(req, 'drain').then(() => true), answered, sleep(600, false)])

    expect(performance.now() - before).toBeGreaterThan(100)
    expect(isTaken).toBe(false)
    req.destroy()
  })

  it('strike token calls too: a rotated token is lost', async () => {
    const simulator = await start()
    const { refresh: token } = await install(simulator)
    simulator.control.settings({ rotateRefreshTokens: true })
    simulator.control.fault({ on: 'token', do: { reset: 'after-create' } })

    await expect(refresh(simulator, token)).rejects.toThrow()

    expect((await refresh(simulator, token)).body.status).toBe('BAD_REFRESH_TOKEN')
  })
})

describe('/control', () => {
  const send = (simulator: Simulator, method: string, path: string, body?: object) =>
    ask(simulator, `/control/${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) })

  it('does over HTTP what the object does', async () => {
    const simulator = await start()

    expect((await send(simulator, 'PATCH', 'settings', { pageSize: 5 })).body.pageSize).toBe(5)
    expect((await send(simulator, 'PUT', 'portals/333333', { hubDomain: 'new.example' })).body.hubDomain).toBe('new.example')
    const { body } = await send(simulator, 'POST', 'portals/333333/install', { redirectUri: REDIRECT })
    const tokens = await tokenOf(simulator, { grant_type: 'authorization_code', code: String(body.code), redirect_uri: REDIRECT })
    const access = String(tokens.body.access_token)
    await send(simulator, 'POST', 'faults', { on: 'list', times: 0, do: { status: 500 } })
    expect((await get(simulator, access, IMPORTS)).status).toBe(500)
    await send(simulator, 'DELETE', 'faults')
    const { body: made } = await create(simulator, access)
    await send(simulator, 'POST', `imports/${made.id}/state`, { state: 'FAILED' })

    const ledger = await send(simulator, 'GET', 'imports?portalId=333333')
    expect(ledger.body).toMatchObject([{ id: made.id, state: 'FAILED' }])
    await send(simulator, 'POST', 'portals/333333/expire-tokens')
    expect((await get(simulator, access, IMPORTS)).body.category).toBe('EXPIRED_AUTHENTICATION')
    await send(simulator, 'POST', 'reset')
    expect(simulator.control.settings().pageSize).toBe(100)
    expect(simulator.control.portals().map(({ id }) => id)).toEqual(['111111', '222222'])
  })

  it.each([
    ['PATCH', 'settings', { nonsense: 1 }],
    ['PATCH', 'settings', { pageSize: 'five' }],
    ['PUT', 'portals/abc', {}],
    ['PUT', 'portals/333333', { nonsense: 1 }],
    ['POST', 'portals/999/uninstall', {}],
    ['POST', 'portals/111111/install', {}],
    ['POST', 'faults', { on: 'nonsense', do: { status: 500 } }],
    ['POST', 'faults', { on: 'list', do: { nonsense: 1 } }],
    ['POST', 'imports/1/state', { state: 'DONE' }],
    ['POST', 'faults', []],
  ])('answers %s %s %o with 400 and a sentence', async (method, path, body) => {
    const simulator = await start()

    const answer = await send(simulator, method, path, body)

    expect([answer.status, answer.body.message]).toEqual([400, expect.stringMatching(/^[A-Z].+\.$/)])
  })

  it('logs requests without a secret in them, and answers unknown paths in HubSpot’s shape', async () => {
    const simulator = await start()
    const { access, refresh: token } = await install(simulator)

    const { status, body } = await get(simulator, access, '/crm/v4/imports')

    expect([status, body]).toMatchObject([
      404,
      { status: 'error', correlationId: expect.any(String), category: expect.any(String) },
    ])
    const log = JSON.stringify([simulator.control.requests(), simulator.control.tokenCalls()])
    expect(simulator.control.requests().at(-1)).toMatchObject({
      method: 'GET',
      path: '/crm/v4/imports',
      portalId: '111111',
      status: 404,
    })
    for (const secret of [access, token, 'secret']) expect(log).not.toContain(secret)
  })
})

describe('npm run simulator', () => {
  const MB = 1024 * 1024
  const ROWS_PER_MB = 850

  /** The program, and the most memory it has held so far. */
  async function startProcess() {
    // A small young generation: what is measured is what is held, not what has not been collected yet.
    const args = ['--max-semi-space-size=2', '--import', './test/support/typescript.mjs', 'src/simulator/main.ts']
    const env = { PATH: process.env.PATH, PORT: '0', CLIENT_ID: 'client', CLIENT_SECRET: 'secret' }
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exited
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const peakBytes = async () => {
      const [, kilobytes = ''] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8')) ?? []
      return Number(kilobytes) * 1024
    }
    return { url: /http:\S+/.exec(line.toString())?.[0] ?? '', peakBytes, child, exited }
  }

  /** Uploads a file of this size from here, holding a megabyte of it; gives the rows that were counted. */
  async function uploadLarge(url: string, megabytes: number, order: 'the request first' | 'the file first'): Promise<unknown> {
    const simulator = { url } as Simulator
    const init = { method: 'POST', body: JSON.stringify({ redirectUri: REDIRECT }) }
    const { body } = await ask(simulator, '/control/portals/111111/install', init)
    const tokens = await tokenOf(simulator, { grant_type: 'authorization_code', code: String(body.code), redirect_uri: REDIRECT })
    const name = `"${'A quoted name, '.repeat(80)}"`
    let n = 0
    // Every fiftieth is remembered: what is wrong is spread over the whole file.
    const rows = () =>
      Array.from({ length: ROWS_PER_MB }, () => `person${n++}${n % 50 === 0 ? ' at ' : '@'}example.com,${name}\n`).join('')
    const [head = '', tail = ''] = filePart('Email,First name\n|').split('|')
    const first = order === 'the request first' ? requestPart(importRequest()) : ''
    const last = order === 'the file first' ? requestPart(importRequest()) : ''
    async function* content() {
      yield Buffer.from(`${first}${head}`)
      for (let i = 0; i < megabytes; i++) yield Buffer.from(rows())
      yield Buffer.from(`${tail}${last}--${BOUNDARY}--\r\n`)
    }
    const { headers } = upload(String(tokens.body.access_token))
    const sent = httpRequest(new URL(IMPORTS, url), { method: 'POST', headers: headers as Record<string, string> })
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    await pipeline(Readable.from(content()), sent)
    const [res] = await answered
    expect(res.resume().statusCode).toBe(200)
    return ((await ask(simulator, '/control/imports')).body as unknown as { files: { rows: number }[] }[]).at(-1)?.files[0]?.rows
  }

  it.skipIf(process.platform !== 'linux').each(['the request first', 'the file first'] as const)(
    'holds no more of a large upload than of a small one, %s',
    async (order) => {
      const { url, peakBytes } = await startProcess()
      for (let i = 0; i < 3; i++) await uploadLarge(url, 4, order)
      const before = await peakBytes()

      const rows = await uploadLarge(url, 256, order)

      expect(rows).toBe(256 * ROWS_PER_MB)
      expect((await peakBytes()) - before).toBeLessThan(40 * MB)
    },
  )

  it('ends when it is told to', async () => {
    const { child, exited } = await startProcess()

    child.kill('SIGTERM')

    expect(await exited).toEqual([0, null])
  })
})
