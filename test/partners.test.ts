import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey } from '../src/partners/api-key.js'
import { OTHER_PORTAL, PORTAL, startApp, type TestApp, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, uploadFile } from './support/requests.js'

type Answer = { status: number; headers: Headers; text: string; body: Record<string, unknown> }

async function call(app: TestApp, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const res = await fetch(app.url + path, { method, headers, redirect: 'manual' })
  const text = await res.text()
  return {
    status: res.status,
    headers: res.headers,
    text,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  }
}

const withKey = (key: string) => ({ authorization: `Bearer ${key}` })

function expectProblem({ status, headers, body }: Answer, expectedStatus: number, code: string): void {
  expect([status, body.code]).toEqual([expectedStatus, code])
  expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(Object.keys(body).filter((name) => name !== 'errors')).toEqual(
    body.detail === undefined
      ? ['type', 'title', 'status', 'code', 'requestId']
      : ['type', 'title', 'status', 'code', 'detail', 'requestId'],
  )
  if (expectedStatus === 401) expect(headers.get('www-authenticate')).toBe('Bearer realm="Importal"')
}

/** An answer without what differs from request to request. */
function comparable({ status, headers, body }: Answer): unknown {
  const kept = [...headers].filter(([name]) => !['date', 'x-request-id', 'etag'].includes(name))
  const { requestId: _, ...rest } = body
  return { status, headers: kept, body: rest }
}

/** Sends bytes that fetch would tidy up, and gives all that comes back. */
async function raw(app: TestApp, head: string): Promise<string> {
  const socket = connect(Number(new URL(app.url).port), 'localhost')
  let received = ''
  socket.on('data', (data) => {
    received += data.toString()
  })
  socket.on('error', () => undefined)
  socket.write(head)
  await until(
    () => socket.closed,
    (isClosed) => isClosed,
  )
  return received
}

const rawGet = (app: TestApp, target: string, { method = 'GET', headers = [] as string[] } = {}) =>
  raw(
    app,
    [`${method} ${target} HTTP/1.1`, `Host: ${new URL(app.url).host}`, 'Connection: close', ...headers, '', ''].join('\r\n'),
  )

async function audit(app: TestApp): Promise<object[]> {
  return app.query('SELECT "actor", "action", "keyId", "detail" FROM "AuditEvent" WHERE "actor" = \'partner\' ORDER BY "id"')
}

const keyIdOf = (key: string) => `key_${key.split('_')[2]}`

/** A key with another secret and a right checksum. */
function withWrongSecret(key: string): string {
  const [, , id] = key.split('_')
  const [, , , secretAndCrc = ''] = createKey().text.reveal().split('_')
  const head = `imp_live_${id}_${secretAndCrc.slice(0, 43)}`
  return head + checksum(head)
}

function checksum(text: string): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let number = crc32(text)
  let sum = ''
  for (let i = 0; i < 6; i++) {
    sum = digits.charAt(number % 62) + sum
    number = Math.floor(number / 62)
  }
  return sum
}

describe('an API key', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ work: false })
  })
  afterAll(() => app.close())

  it('lets its partner in', async () => {
    const me = await call(app, '/v1/me', withKey(app.key))

    expect(me.status).toBe(200)
    expect(me.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(me.body).toEqual({
      partner: { id: expect.stringMatching(/^prt_[0-9a-f]{32}$/), name: 'Partner' },
      key: { id: keyIdOf(app.key) },
    })
  })

  it('D6.116: is asked for', async () => {
    expectProblem(await call(app, '/v1/me'), 401, 'key_missing')
  })

  it('D6.116: is not taken from one of two Authorization headers', async () => {
    const good = `Authorization: Bearer ${app.key}`

    const answers = [
      await rawGet(app, '/v1/me', { headers: [good, good] }),
      await rawGet(app, '/v1/me', { headers: [good, 'Authorization: Bearer x'] }),
      await rawGet(app, '/v1/me', { headers: ['Authorization: Basic eDp5', good] }),
    ]

    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 401 /)
      expect(answer).toContain('"code":"key_missing"')
    }
  })

  it.each([
    ['Basic', (key: string) => `Basic ${Buffer.from(`x:${key}`).toString('base64')}`],
    ['Basic with the key as it is', (key: string) => `Basic ${key}`],
    ['no scheme', (key: string) => key],
    ['a tab for a space', (key: string) => `Bearer\t${key}`],
    ['two spaces', (key: string) => `Bearer  ${key}`],
    ['more after the key', (key: string) => `Bearer ${key} x`],
    ['a comma after the key', (key: string) => `Bearer ${key}, Basic x`],
    ['a scheme that begins like ours', (key: string) => `BearerX ${key}`],
    ['nothing after the scheme', () => 'Bearer'],
  ])('D6.117: is not found under %s', async (_name, header) => {
    const res = await call(app, '/v1/me', { authorization: header(app.key) })

    expect(res.status).toBe(401)
    expect(['key_missing', 'key_invalid']).toContain(res.body.code)
  })

  it.each(['bearer', 'BEARER', 'bEaReR'])('D6.117: may follow the scheme written %s', async (scheme) => {
    expect((await call(app, '/v1/me', { authorization: `${scheme} ${app.key}` })).status).toBe(200)
  })

  it('D6.117: may be followed by the blanks that HTTP allows around a header’s value', async () => {
    const answer = await rawGet(app, '/v1/me', { headers: [`Authorization: \t Bearer ${app.key} \t `] })

    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('D6.118: is refused alike when its id is unknown, its secret wrong, its checksum bad, or it is no key', async () => {
    const unknown = createKey().text.reveal()
    const wrongSecret = withWrongSecret(app.key)
    const badChecksum = app.key.slice(0, -1) + (app.key.endsWith('0') ? '1' : '0')

    const answers = []
    for (const key of [unknown, wrongSecret, badChecksum, 'hello', app.key.toUpperCase(), `${app.key}0`, app.key.slice(0, -1)])
      answers.push(await call(app, '/v1/me', withKey(key)))

    expect(checksum(app.key.slice(0, -6))).toBe(app.key.slice(-6))
    for (const answer of answers) {
      expectProblem(answer, 401, 'key_invalid')
      expect(comparable(answer)).toEqual(comparable(answers[0] ?? answer))
    }
  })

  it('D6.119: of another environment is refused, even with a right checksum, and that is audited', async () => {
    const key = await app.createKey('Partner of two environments')
    const head = key.slice(0, -6).replace('imp_live_', 'imp_test_')

    expectProblem(await call(app, '/v1/me', withKey(head + checksum(head))), 401, 'key_invalid')
    const mine = (await audit(app)).filter((row) => (row as { keyId: string }).keyId === keyIdOf(key))
    expect(mine).toMatchObject([{ action: 'key_refused', detail: { reason: 'environment' } }])
  })

  it('D6.120: in a query is refused, though a good one is in the header', async () => {
    const key = await app.createKey('Exposing partner')

    const alone = await call(app, `/v1/me?key=${key}`)
    const beside = await call(app, `/v1/me?access_token=${key}`, withKey(key))
    const inPath = await call(app, `/v1/portals/${PORTAL}/imports/${key}`, withKey(app.key))
    const encoded = await call(app, `/v1/nothing?key=${key.replaceAll('_', '%5F')}`)

    for (const answer of [alone, beside, inPath, encoded]) {
      expectProblem(answer, 401, 'key_exposed')
      expect(answer.body.detail).toContain('replace it')
      expect(answer.text).not.toContain(key)
    }
    const mine = (await audit(app)).filter((row) => (row as { keyId: string }).keyId === keyIdOf(key))
    expect(mine).toEqual([
      {
        actor: 'partner',
        action: 'key_exposed',
        keyId: keyIdOf(key),
        detail: { reason: 'in a URL', address: expect.any(String) },
      },
    ])
  })

  it.each([`/v1/portals/${PORTAL}/imports`, `/hubspot/${PORTAL}/crm/v3/imports`])(
    'D6.120: in an importRequest sent to %s is refused, though a good one is in the header, and nothing is kept',
    async (path) => {
      const exposed = await app.createKey(`Partner that tells its key to ${path}`)
      const form = new FormData()
      form.append('importRequest', JSON.stringify(contactsRequest({ name: `with ${exposed}` })))
      form.append('files', new Blob([contactsCsv(1)]), 'contacts.csv')

      const res = await fetch(app.url + path, { method: 'POST', body: form, headers: { authorization: `Bearer ${app.key}` } })

      const text = await res.text()
      expect(res.status).toBe(401)
      expect(text).toContain('key_exposed')
      expect(text).not.toContain(exposed)
      await expectAudited(exposed)
      expect(await app.storedFiles()).toEqual([])
      expect(await app.query('SELECT 1 FROM "Import"')).toEqual([])
    },
  )

  it.each([
    ['/v1/endpoints', (key: string) => ({ url: `https://example.com/?key=${key}`, events: ['import.completed'] })],
    [`/v1/portals/${PORTAL}/mappings/suggest`, (key: string) => ({ headers: [{ name: key }], objectTypeId: '0-1' })],
    [`/v1/portals/${PORTAL}/templates`, (key: string) => ({ name: key })],
  ])('D6.120: in JSON sent to %s is refused', async (path, bodyWith) => {
    const exposed = await app.createKey(`Partner that tells its key to ${path}`)
    const body = JSON.stringify(bodyWith(exposed))

    const headers = { 'content-type': 'application/json', authorization: `Bearer ${app.key}` }
    const res = await fetch(app.url + path, { method: 'POST', headers, body })

    expect([res.status, ((await res.json()) as { code: string }).code]).toEqual([401, 'key_exposed'])
    await expectAudited(exposed)
  })

  async function expectAudited(exposed: string): Promise<void> {
    const told = (rows: unknown[]) => rows.filter((row) => (row as { keyId: string }).keyId === keyIdOf(exposed))
    expect(
      told(
        await until(
          () => audit(app),
          (rows) => told(rows).length > 0,
        ),
      ),
    ).toMatchObject([{ action: 'key_exposed', detail: { reason: 'in a body' } }])
  }

  it('D6.121: of 10 kB is refused at once', async () => {
    expectProblem(await call(app, '/v1/me', withKey(`imp_live_${'a'.repeat(10_000)}`)), 401, 'key_invalid')
  })

  it('D6.121: of 1 MB is refused before any of our code sees it', async () => {
    const answer = await rawGet(app, '/v1/me', { headers: [`Authorization: Bearer imp_live_${'a'.repeat(1024 * 1024)}`] })

    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(answer).toContain('content-type: application/problem+json')
    expect(answer).toContain('"code":"headers_too_large"')
  })

  it.each([
    ['letters beyond ASCII', 'k\u00e9y', 401, 'key_missing'],
    ['UTF-8', Buffer.from('\u043a\u043b\u044e\u0447').toString('latin1'), 401, 'key_missing'],
    ['a NUL', 'k\u0000y', 400, 'request_malformed'],
    ['a bell', 'k\u0007y', 400, 'request_malformed'],
  ])('D6.121: with %s is refused', async (_name, key, status, code) => {
    const answer = await rawGet(app, '/v1/me', { headers: [`Authorization: Bearer ${key}`] })

    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toContain(`"code":"${code}"`)
  })

  it('that is not good uploads nothing', async () => {
    const answers = []
    for (const key of ['', 'hello', createKey().text.reveal(), withWrongSecret(app.key)])
      answers.push(await uploadFile(app, { key: key || ' ' }))

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401])
    expect(await app.storedFiles()).toEqual([])
    expect(await app.query('SELECT 1 FROM "Import"')).toEqual([])
  })
})

describe('a key that must not be used any more', () => {
  it.each<[string, string, string]>([
    ['revoked', `UPDATE "ApiKey" SET "revokedAt" = now()`, 'revoked'],
    ['expired', `UPDATE "ApiKey" SET "expiresAt" = now() - interval '1 second'`, 'expired'],
    ['used from another address', `UPDATE "ApiKey" SET "cidrs" = '{192.0.2.0/24,2001:db8::/32}'`, 'address'],
    ['of a partner who is paused', `UPDATE "Partner" SET "status" = 'paused'`, 'revoked'],
  ])('D6.119: because it is %s is refused like an unknown one, and audited once a minute', async (_name, sql, reason) => {
    const app = await testApp({ work: false })
    await app.query(sql)

    const answers = [
      await call(app, '/v1/me', withKey(app.key)),
      await call(app, '/v1/portals', withKey(app.key)),
      await call(app, `/v1/portals/${PORTAL}/imports`, withKey(app.key)),
    ]
    const unknown = await call(app, '/v1/me', withKey(createKey().text.reveal()))
    const upload = await uploadFile(app)

    for (const answer of answers) {
      expectProblem(answer, 401, 'key_invalid')
      expect(comparable(answer)).toEqual(comparable(unknown))
    }
    expect(upload.status).toBe(401)
    expect(await audit(app)).toEqual([
      {
        actor: 'partner',
        action: 'key_refused',
        keyId: keyIdOf(app.key),
        detail: { reason, address: expect.stringMatching(/^(::1|::ffff:127\.0\.0\.1|127\.0\.0\.1)$/) },
      },
    ])
    expect(await app.query('SELECT "lastUsedAt" FROM "ApiKey"')).toEqual([{ lastUsedAt: null }])
    expect(await app.storedFiles()).toEqual([])
    expect(await app.query('SELECT 1 FROM "Import"')).toEqual([])
  })

  it('is refused from the request after its revocation on', async () => {
    const app = await testApp({ work: false })
    const before = await call(app, '/v1/me', withKey(app.key))

    await app.deps.partners.revokeKey(keyIdOf(app.key))

    expect(before.status).toBe(200)
    expectProblem(await call(app, '/v1/me', withKey(app.key)), 401, 'key_invalid')
    expect((await call(app, '/v1/me', withKey(await app.createKey()))).status).toBe(200)
  })

  it('says nothing of why to who has only its id', async () => {
    const app = await testApp({ work: false })
    await app.deps.partners.revokeKey(keyIdOf(app.key))

    const res = await call(app, '/v1/me', withKey(withWrongSecret(app.key)))

    expectProblem(res, 401, 'key_invalid')
    expect(await audit(app)).toEqual([])
  })

  it.each(['{127.0.0.0/8,::1/128}', '{0.0.0.0/0,::/0}', '{192.0.2.1,127.0.0.1,::1}'])(
    'is none of those with the address range %s, used from this machine',
    async (cidrs) => {
      const app = await testApp({ work: false })
      await app.query('UPDATE "ApiKey" SET "cidrs" = $1', [cidrs])

      expect((await call(app, '/v1/me', withKey(app.key))).status).toBe(200)
    },
  )

  it('D6.129: cannot be helped by a made-up X-Forwarded-For', async () => {
    const app = await testApp({ work: false })
    await app.query(`UPDATE "ApiKey" SET "cidrs" = '{192.0.2.0/24}'`)
    const forwarded = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1', 'x-real-ip': '192.0.2.1' }

    const res = await call(app, '/v1/me', { ...withKey(app.key), ...forwarded })

    expectProblem(res, 401, 'key_invalid')
  })
})

describe('a key’s use', () => {
  it('is recorded, at most once a minute', async () => {
    const app = await testApp({ work: false })
    const read = () => app.query<{ lastUsedAt: Date | null }>('SELECT "lastUsedAt" FROM "ApiKey"')
    const before = await read()

    await call(app, '/v1/me', withKey(app.key))
    const first = await read()
    await call(app, '/v1/me', withKey(app.key))
    const second = await read()
    await app.query(`UPDATE "ApiKey" SET "lastUsedAt" = now() - interval '61 seconds'`)
    await call(app, '/v1/me', withKey(app.key))
    const [third] = await app.query<{ age: number }>(
      'SELECT extract(epoch FROM now() - "lastUsedAt")::float8 AS age FROM "ApiKey"',
    )

    expect(before).toEqual([{ lastUsedAt: null }])
    expect(first[0]?.lastUsedAt).toBeInstanceOf(Date)
    expect(second).toEqual(first)
    expect(third?.age).toBeLessThan(30)
  })
})

describe('GET /v1/portals', () => {
  it('lists the portals the partner may use, and no others', async () => {
    const app = await testApp({ work: false })
    await app.install(OTHER_PORTAL)
    await app.install('333333')
    const other = await app.createKey('Other partner', OTHER_PORTAL)
    await app.createKey('Other partner', '333333')

    const mine = await call(app, '/v1/portals', withKey(app.key))
    const theirs = await call(app, '/v1/portals', withKey(other))

    expect(mine.status).toBe(200)
    expect(mine.body).toEqual({
      results: [{ id: PORTAL, status: 'connected', hubDomain: 'acme.de', timeZone: 'Europe/Berlin' }],
    })
    expect(theirs.body).toMatchObject({ results: [{ id: OTHER_PORTAL }, { id: '333333' }] })
  })

  it('no longer lists a portal whose grant has ended, or that was disconnected', async () => {
    const app = await testApp({ work: false })
    await app.install(OTHER_PORTAL)
    await app.createKey('Partner', OTHER_PORTAL)
    await app.query(`UPDATE "Grant" SET "endedAt" = now() WHERE "portalId" = $1`, [PORTAL])
    await app.query(`UPDATE "Portal" SET "status" = 'disconnected' WHERE "id" = $1`, [OTHER_PORTAL])

    expect((await call(app, '/v1/portals', withKey(app.key))).body).toEqual({ results: [] })
  })

  it('shows a portal that must be reconnected as such', async () => {
    const app = await testApp({ work: false })
    await app.query(`UPDATE "Portal" SET "status" = 'reconnect'`)

    expect((await call(app, '/v1/portals', withKey(app.key))).body).toMatchObject({
      results: [{ id: PORTAL, status: 'reconnect' }],
    })
  })

  it.each(['/v1/me?x=1', '/v1/portals?limit=5'])('refuses what it does not know in %s', async (path) => {
    const app = await testApp({ work: false })

    expectProblem(await call(app, path, withKey(app.key)), 400, 'query_invalid')
  })
})

describe('another partner’s', () => {
  async function twoPartners() {
    const app = await testApp({ work: false })
    await app.install(OTHER_PORTAL)
    const other = await app.createKey('Other partner', OTHER_PORTAL)
    const neighbour = await app.createKey('Neighbour', PORTAL)
    const theirs = await uploadFile(app, { key: other, portalId: OTHER_PORTAL })
    const mine = await uploadFile(app)
    return { app, other, neighbour, theirs: theirs.body.id, mine: mine.body.id }
  }

  it('D6.122: portal is answered like one that does not exist, for every call', async () => {
    const { app, theirs } = await twoPartners()
    const calls: [method: string, rest: string][] = [
      ['GET', '/imports'],
      ['GET', `/imports/${theirs}`],
      ['GET', `/imports/${theirs}/errors`],
      ['GET', `/imports/imp_${'0'.repeat(32)}`],
      ['POST', '/imports'],
    ]

    for (const [method, rest] of calls) {
      const foreign = await call(app, `/v1/portals/${OTHER_PORTAL}${rest}`, withKey(app.key), method)
      const missing = await call(app, `/v1/portals/999999${rest}`, withKey(app.key), method)
      const malformed = await call(app, `/v1/portals/x${rest}`, withKey(app.key), method)

      expectProblem(foreign, 404, 'portal_not_found')
      expect(comparable(foreign)).toEqual(comparable(missing))
      expect(comparable(malformed)).toEqual(comparable(missing))
      expect(foreign.text).not.toContain(OTHER_PORTAL)
    }
  })

  it('D6.122: portal takes no upload, and reads none', async () => {
    const { app } = await twoPartners()
    const files = (await app.storedFiles()).length

    const foreign = await uploadFile(app, { portalId: OTHER_PORTAL })
    const missing = await uploadFile(app, { portalId: '999999' })

    expect([foreign.status, missing.status]).toEqual([404, 404])
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' })
    expect(await app.storedFiles()).toHaveLength(files)
    expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(2)
  })

  it('D6.122: import is answered like one that does not exist, in one’s own portal too', async () => {
    const { app, neighbour, theirs, mine } = await twoPartners()
    const ids = {
      missing: `imp_${randomUUID().replaceAll('-', '')}`,
      ofAnotherPortal: theirs,
      malformed: 'x',
      ulid: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      capitals: mine.toUpperCase(),
      longer: `${mine}0`,
      withNul: '%00',
      huge: '9'.repeat(5_000),
    }

    for (const rest of ['', '/errors']) {
      const missing = await call(app, `/v1/portals/${PORTAL}/imports/${ids.missing}${rest}`, withKey(app.key))
      expectProblem(missing, 404, 'import_not_found')
      for (const id of Object.values(ids)) {
        const answer = await call(app, `/v1/portals/${PORTAL}/imports/${id}${rest}`, withKey(app.key))
        expect([id.slice(0, 40), comparable(answer)]).toEqual([id.slice(0, 40), comparable(missing)])
      }
      const neighbours = await call(app, `/v1/portals/${PORTAL}/imports/${mine}${rest}`, withKey(neighbour))
      expect(comparable(neighbours)).toEqual(comparable(missing))
    }
    expect((await ask(app, `/v1/portals/${PORTAL}/imports/${mine}`)).status).toBe(200)
  })

  it('imports are in nobody else’s list', async () => {
    const { app, neighbour, mine } = await twoPartners()

    const own = await call(app, `/v1/portals/${PORTAL}/imports`, withKey(app.key))
    const neighbours = await call(app, `/v1/portals/${PORTAL}/imports`, withKey(neighbour))

    expect(own.body).toMatchObject({ results: [{ id: mine }] })
    expect(neighbours.body).toEqual({ results: [] })
  })

  it('key uploads nothing once its grant has ended', async () => {
    const app = await testApp({ work: false })
    await app.query('UPDATE "Grant" SET "endedAt" = now()')

    const res = await uploadFile(app)

    expect([res.status, res.body.code]).toEqual([404, 'portal_not_found'])
    expect(await app.storedFiles()).toEqual([])
    expect(await app.query('SELECT 1 FROM "Import"')).toEqual([])
  })
})

describe('a path or a method that is not there', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ work: false })
  })
  afterAll(() => app.close())

  it.each<[string, string, number, string]>([
    ['an unknown path', '/v1/nothing', 404, 'not_found'],
    ['the API itself', '/v1', 404, 'not_found'],
    ['a path below another', '/v1/me/x', 404, 'not_found'],
    ['another version', '/v1/../v2/me', 404, 'not_found'],
    ['a double slash', '/v1//me', 404, 'not_found'],
    ['a double slash inside', `/v1/portals//${PORTAL}/imports`, 404, 'not_found'],
    ['an empty portal', '/v1/portals//imports', 404, 'not_found'],
    ['%2e%2e', '/v1/%2e%2e/settings', 404, 'not_found'],
    ['%2e%2e to a portal', `/v1/portals/1/%2e%2e/${PORTAL}/imports`, 404, 'not_found'],
    ['an encoded slash', `/v1/portals%2f${PORTAL}%2fimports`, 404, 'not_found'],
    ['an encoded slash in an id', `/v1/portals/${PORTAL}/imports/x%2ferrors`, 404, 'import_not_found'],
    ['an encoded backslash', '/v1/%5c..%5csettings', 404, 'not_found'],
    ['an encoded NUL', `/v1/portals/${PORTAL}%00/imports`, 404, 'portal_not_found'],
    ['an encoded line break', `/v1/portals/${PORTAL}%0d%0a/imports`, 404, 'portal_not_found'],
    ['a lone %', '/v1/%', 404, 'not_found'],
    ['a lone % in a portal', '/v1/portals/%/imports', 400, 'url_malformed'],
    ['an invalid escape in an import', `/v1/portals/${PORTAL}/imports/%zz`, 400, 'url_malformed'],
    ['bytes that are no UTF-8', `/v1/portals/${PORTAL}/imports/%ff`, 400, 'url_malformed'],
    ['a path of 10 kB', `/v1/${'x'.repeat(10_000)}`, 404, 'not_found'],
  ])('D6.126: %s is answered with problem+json', async (_name, target, status, code) => {
    const headers = [`Authorization: Bearer ${app.key}`, 'Accept: text/html', 'Origin: https://evil.example']

    const answer = await rawGet(app, target, { headers })

    expectRawProblem(answer, status, code)
  })

  it.each<[string, string, string]>([
    ['POST', '/v1/me', 'GET, HEAD'],
    ['DELETE', '/v1/portals', 'GET, HEAD'],
    ['OPTIONS', '/v1/me', 'GET, HEAD'],
    ['TRACE', '/v1/me', 'GET, HEAD'],
    ['OPTIONS', `/v1/portals/${PORTAL}/imports`, 'GET, HEAD, POST'],
    ['PUT', `/v1/portals/${PORTAL}/imports`, 'GET, HEAD, POST'],
    ['TRACE', `/v1/portals/${PORTAL}/imports`, 'GET, HEAD, POST'],
    ['PROPFIND', `/v1/portals/${PORTAL}/imports`, 'GET, HEAD, POST'],
    ['DELETE', `/v1/portals/${PORTAL}/imports/imp_${'0'.repeat(32)}`, 'GET, HEAD'],
    ['PATCH', `/v1/portals/${PORTAL}/imports/imp_${'0'.repeat(32)}/errors`, 'GET, HEAD'],
  ])('D6.126: %s %s is refused with the methods there are, and no grant to other origins', async (method, target, allow) => {
    const preflight = ['Origin: https://evil.example', 'Access-Control-Request-Method: POST', 'X-Secret: echo-me']
    const headers = [`Authorization: Bearer ${app.key}`, 'Accept: text/html', ...preflight]

    const answer = await rawGet(app, target, { method, headers })

    expectRawProblem(answer, 405, 'method_not_allowed')
    expect(answer).toMatch(new RegExp(`\r\nallow: ${allow}\r\n`, 'i'))
    expect(answer).not.toContain('echo-me')
  })

  it.each(['OPTIONS', 'TRACE', 'DELETE', 'PROPFIND'])('D6.126: %s on an unknown path is a missing page', async (method) => {
    const answer = await rawGet(app, '/v1/nothing', { method, headers: ['Origin: https://evil.example'] })

    expectRawProblem(answer, 404, 'not_found')
  })

  it.each(['HELLO', 'G@T', 'get'])('D6.126: the method %s, which no HTTP knows, is refused by the server', async (method) => {
    const answer = await rawGet(app, '/v1/me', { method })

    expectRawProblem(answer, 400, 'request_malformed')
  })

  it('D6.126: HEAD is GET without a body', async () => {
    const answer = await rawGet(app, '/v1/me', { method: 'HEAD', headers: [`Authorization: Bearer ${app.key}`] })

    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer).toMatch(/\r\n\r\n$/)
  })

  it.each(['text/html', 'image/png', 'application/xml;q=1', '*/*;q=0', 'nonsense', ''])(
    'D6.128: Accept: %j still gets JSON, and never 406',
    async (accept) => {
      const good = await call(app, '/v1/me', { ...withKey(app.key), accept })
      const bad = await call(app, '/v1/me', { accept })
      const missing = await call(app, '/v1/nothing', { accept })

      expect([good.status, good.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
      expectProblem(bad, 401, 'key_missing')
      expectProblem(missing, 404, 'not_found')
    },
  )

  it('D6.126: an origin is granted nothing where the answer is good either', async () => {
    const answer = await rawGet(app, '/v1/portals', {
      headers: [`Authorization: Bearer ${app.key}`, 'Origin: https://evil.example'],
    })

    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer).not.toMatch(/access-control-/i)
  })

  it('gives a request the id it came with, when that is a sound one', async () => {
    const sound = await call(app, '/v1/nothing', { 'x-request-id': 'partner-4711' })
    const unsound = await call(app, '/v1/nothing', { 'x-request-id': '<script>alert(1)</script>' })

    expect([sound.body.requestId, sound.headers.get('x-request-id')]).toEqual(['partner-4711', 'partner-4711'])
    expect(unsound.body.requestId).toMatch(/^[0-9a-f-]{36}$/)
  })
})

function expectRawProblem(answer: string, status: number, code: string): void {
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json(; charset=utf-8)?\r\n/i)
  expect(answer).toContain(`"code":"${code}"`)
  expect(answer).not.toMatch(/<html|<!doctype|access-control-/i)
}
