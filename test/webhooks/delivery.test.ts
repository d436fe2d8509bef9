import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { RETRY_SECONDS } from '../../src/webhooks/delivery-store.js'
import { type DeliveryView, type EndpointView, WebhookMessage } from '../../src/webhooks/schema.js'
import { createSender } from '../../src/webhooks/send.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { startReceiver as startAnyReceiver, startRawReceiver } from '../support/receiver.js'
import { untilState, uploadFile } from '../support/requests.js'

type Endpoint = EndpointView & { secret: string }
type Tried = Pick<DeliveryView['log'][number], 'status' | 'problem' | 'answer' | 'url' | 'sentHeaders' | 'answerHeaders'>
type Delivery = Omit<DeliveryView, 'log'> & { log: Tried[] }

/** A message that tells nothing which is not described. */
const Message = z.strictObject({ ...WebhookMessage.shape, data: z.strictObject(WebhookMessage.shape.data.shape) })

const ANYWHERE = { WEBHOOKS_ANYWHERE: 'true' }

/** Calls the API as a partner does. */
async function call<T = Record<string, unknown>>(app: TestApp, method: string, path: string, body?: unknown, key = app.key) {
  const res = await fetch(`${app.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: res.status, headers: res.headers, body: (await res.json()) as T }
}

async function addEndpoint(app: TestApp, url: string | null, events: string[] = [], key = app.key): Promise<Endpoint> {
  const { status, body } = await call<Endpoint>(app, 'POST', '/v1/endpoints', { url, events }, key)
  expect(status).toBe(201)
  app.noteEndpointSecret(body.secret)
  return body
}

async function deliveriesOf(app: TestApp, { id }: { id: string }, query = ''): Promise<Delivery[]> {
  const { results } = (await call<{ results: Delivery[] }>(app, 'GET', `/v1/endpoints/${id}/deliveries${query}`)).body
  for (const { payload } of results) Message.parse(JSON.parse(payload))
  return results
}

/** A receiver whose messages are all as they are described, by the end of the test. */
async function startReceiver(...given: Parameters<typeof startAnyReceiver>) {
  const receiver = await startAnyReceiver(...given)
  onTestFinished(() => {
    for (const { body } of receiver.received) Message.parse(JSON.parse(body))
  })
  return receiver
}

const makeDue = (app: TestApp) =>
  app.query(`UPDATE "WebhookDelivery" SET "nextAttemptAt" = now() WHERE "nextAttemptAt" IS NOT NULL`)

describe('a webhook', () => {
  it('tells of an import from its acceptance to its end, and the official library verifies every message', async () => {
    const app = await testApp({ env: ANYWHERE })
    const receiver = await startReceiver()
    const { secret } = await addEndpoint(app, receiver.url)
    const { body: made } = await uploadFile(app)

    await untilState(app, made, 'done')
    await until(receiver.types, (types) => types.includes('import.completed'))

    expect(receiver.types().toSorted()).toEqual(['import.accepted', 'import.completed', 'import.submitted'])
    for (const { body, headers, id } of receiver.received) {
      const told = new Webhook(secret).verify(body, headers as Record<string, string>) as { data: unknown; timestamp: string }
      expect(told.data).toMatchObject({ importId: made.id, portalId: PORTAL, rows: 3 })
      expect(Date.parse(told.timestamp)).toBeGreaterThan(Date.now() - 60_000)
      expect(id).toMatch(/^msg_[0-9a-f]{32}$/)
      expect(Buffer.byteLength(body)).toBeLessThan(20_000)
      expect(headers['content-type']).toBe('application/json')
      for (const tampered of [`${body} `, body.replace('import', 'export')])
        expect(() => new Webhook(secret).verify(tampered, headers as Record<string, string>)).toThrow()
    }
  })

  it('is written by the transaction of what it tells: nothing that was undone is told', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const endpoint = await addEndpoint(app, null)
    const { body: made } = await uploadFile(app)

    await app.query('BEGIN')
    await app.query(`UPDATE "Import" SET "state" = 'canceled' WHERE "id" = $1`, [made.id])
    await app.query('ROLLBACK')
    await app.query(`UPDATE "Import" SET "state" = 'held', "reason" = 'scope' WHERE "id" = $1`, [made.id])
    await app.query(`UPDATE "Import" SET "state" = 'held', "reason" = 'scope' WHERE "id" = $1`, [made.id])
    await app.query(`UPDATE "Import" SET "reason" = 'quota' WHERE "id" = $1`, [made.id])
    await app.query(
      `UPDATE "Import" SET "state" = 'failed', "reason" = NULL, "problem" = '{"code": "hubspot_refused", "detail": "Anna"}' WHERE "id" = $1`,
      [made.id],
    )

    const told = (await deliveriesOf(app, endpoint))
      .reverse()
      .map(({ payload }) => JSON.parse(payload) as { type: string; data: Record<string, unknown> })
    expect(told.map(({ type, data }) => [type, data.state, data.reason, data.problem])).toEqual([
      ['import.accepted', 'accepted', null, null],
      ['import.held', 'held', 'scope', null],
      ['import.held', 'held', 'quota', null],
      ['import.failed', 'failed', null, 'hubspot_refused'],
    ])
  })

  it('goes to whom it concerns alone: its own partner, and nobody else’s imports', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const [stranger, sibling] = [await app.createKey('Stranger'), await app.createKey('Sibling')]
    const [own, foreign] = [await addEndpoint(app, null), await addEndpoint(app, null, [], stranger)]
    await uploadFile(app)
    await uploadFile(app, { key: sibling })

    expect((await deliveriesOf(app, own)).length).toBe(1)
    const { body } = await call<{ results: Delivery[] }>(
      app,
      'GET',
      `/v1/endpoints/${foreign.id}/deliveries`,
      undefined,
      stranger,
    )
    expect(body.results).toEqual([])
    const [{ id: message } = { id: '' }] = await deliveriesOf(app, own)
    for (const [method, path, sent] of [
      ['GET', '', undefined],
      ['PUT', '', { url: null }],
      ['DELETE', '', undefined],
      ['POST', '/rotate', undefined],
      ['POST', '/test', undefined],
      ['GET', '/deliveries', undefined],
      ['POST', `/deliveries/${message}/replay`, undefined],
      ['POST', '/replay', { since: '2026-01-01T00:00:00Z' }],
    ] as const) {
      const refused = await call(app, method, `/v1/endpoints/${own.id}${path}`, sent, stranger)
      expect([refused.status, refused.body.code], `${method} ${path}`).toEqual([404, 'endpoint_not_found'])
    }
    const swapped = await call(app, 'POST', `/v1/endpoints/${foreign.id}/deliveries/${message}/replay`, undefined, stranger)
    expect([swapped.status, swapped.body.code]).toEqual([404, 'delivery_not_found'])
  })

  it('is found by the store for its endpoint’s owner alone, who is part of every question', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const { deliveries, endpoints } = app.deps
    const [{ partnerId = '' } = {}] = await app.query<{ partnerId: string }>('SELECT "partnerId" FROM "ApiKey"')
    const { id } = await endpoints.create({ portalId: PORTAL }, { url: 'https://hooks.example.com/', events: [] })
    const { id: message } = await deliveries.test({ portalId: PORTAL }, id)
    const before = await app.query('SELECT * FROM "WebhookDelivery"')

    for (const owner of [{ portalId: OTHER_PORTAL }, { partnerId, isTest: false }, { partnerId, isTest: true }])
      for (const asked of [
        () => deliveries.list(owner, id, { limit: 10 }),
        () => deliveries.replay(owner, id, message),
        () => deliveries.replaySince(owner, id, new Date(0), 'all'),
        () => deliveries.test(owner, id),
        () => endpoints.change(owner, id, { url: null, events: [], isDisabled: true }),
        () => endpoints.rotate(owner, id),
        () => endpoints.delete(owner, id),
      ])
        await expect(asked(), String(asked)).rejects.toMatchObject({ code: 'endpoint_not_found' })

    expect(await app.query('SELECT * FROM "WebhookDelivery"')).toEqual(before)
    expect((await deliveries.list({ portalId: PORTAL }, id, { limit: 10 })).map((one) => one.id)).toEqual([message])
  })

  it('is kept from nobody by a stranger who asks for its endpoint: he locks nothing of another’s', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const { id } = await addEndpoint(app, null)
    const stranger = await app.createKey('Stranger')

    await app.query('BEGIN')
    await app.query(`SELECT 1 FROM "WebhookEndpoint" WHERE "id" = $1 FOR UPDATE`, [id])
    const refused = await Promise.all([
      call(app, 'PUT', `/v1/endpoints/${id}`, { url: null }, stranger),
      call(app, 'POST', `/v1/endpoints/${id}/rotate`, undefined, stranger),
      call(app, 'POST', `/v1/endpoints/${id}/test`, undefined, stranger),
    ])
    await app.query('ROLLBACK')

    expect(refused.map(({ body }) => body.code)).toEqual(Array(3).fill('endpoint_not_found'))
  })

  it('is timed by the database’s clock, whatever time its process thinks it is', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const { deliveries, endpoints } = app.deps
    const owner = { portalId: PORTAL }
    const content = { url: 'https://hooks.example.com/', events: [] }
    const { id } = await endpoints.create(owner, content)
    await deliveries.test(owner, id)
    const now = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: now + 3 * 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())

    const { previousUntil } = await endpoints.rotate(owner, id)
    const [claimed] = await deliveries.claimDue(1)
    const { disabledAt } = await endpoints.change(owner, id, { ...content, isDisabled: true })

    const hours = (at: Date | null | undefined) => Math.round(((at?.getTime() ?? 0) - now) / 3_600_000)
    expect([hours(previousUntil), hours(claimed?.claimedAt), hours(disabledAt)]).toEqual([24, 0, 0])
    await app.query(`UPDATE "WebhookEndpoint" SET "previousUntil" = now()`)
    expect((await endpoints.find(owner, id)).previousUntil).toBeNull()
  })

  it('tells only what was asked for', async () => {
    const app = await testApp({ env: ANYWHERE })
    const endpoint = await addEndpoint(app, null, ['import.completed', 'portal.disconnected'])
    const { body: made } = await uploadFile(app)
    await untilState(app, made, 'done')

    expect((await deliveriesOf(app, endpoint)).map(({ type }) => type)).toEqual(['import.completed'])
  })

  it('tells of an account that leaves and comes back', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const endpoint = await addEndpoint(app, null)
    await app.query(`UPDATE "Portal" SET "status" = 'reconnect' WHERE "id" = $1`, [PORTAL])
    await app.query(`UPDATE "Portal" SET "status" = 'connected' WHERE "id" = $1`, [PORTAL])
    await app.deps.portals.beginDisconnect(PORTAL, { actor: 'operator', why: 'a test' })
    await app.install(OTHER_PORTAL)

    const told = (await deliveriesOf(app, endpoint))
      .reverse()
      .map(({ type, payload }) => [type, (JSON.parse(payload) as { data: { portalId: string } }).data.portalId])
    expect(told).toEqual([
      ['portal.connected', PORTAL],
      ['portal.disconnected', PORTAL],
    ])
  })

  it('is signed by both secrets while one replaces the other, and a day later by the new one alone', async () => {
    const app = await testApp({ env: ANYWHERE })
    const receiver = await startReceiver()
    const before = await addEndpoint(app, receiver.url, ['import.failed'])
    const { body: after } = await call<Endpoint>(app, 'POST', `/v1/endpoints/${before.id}/rotate`)
    app.noteEndpointSecret(after.secret)
    const verifies = (secret: string, { body, headers }: { body: string; headers: unknown }) => {
      try {
        return Boolean(new Webhook(secret).verify(body, headers as Record<string, string>))
      } catch {
        return false
      }
    }

    await call(app, 'POST', `/v1/endpoints/${before.id}/test`)
    const [both] = await until(
      () => receiver.received,
      ({ length }) => length === 1,
    )
    await app.query(`UPDATE "WebhookEndpoint" SET "previousUntil" = now()`)
    await call(app, 'POST', `/v1/endpoints/${before.id}/test`)
    const [, one] = await until(
      () => receiver.received,
      ({ length }) => length === 2,
    )

    expect(after.secret).not.toBe(before.secret)
    expect(both && [verifies(before.secret, both), verifies(after.secret, both)]).toEqual([true, true])
    expect(one && [verifies(before.secret, one), verifies(after.secret, one)]).toEqual([false, true])
  })

  it('is tried ten times over three days, under one id, and then given up; the endpoint that took nothing meanwhile is disabled', async () => {
    const app = await testApp({ env: ANYWHERE })
    const receiver = await startReceiver((res) => res.writeHead(500).end('no'))
    const endpoint = await addEndpoint(app, receiver.url)
    await app.query(`UPDATE "WebhookEndpoint" SET "createdAt" = now() - interval '4 days'`)
    await call(app, 'POST', `/v1/endpoints/${endpoint.id}/test`)

    const waits: number[] = []
    for (const [i, seconds] of RETRY_SECONDS.entries()) {
      const [row] = await until(
        () =>
          app.query<{ wait: number }>(
            `SELECT extract(epoch FROM "nextAttemptAt" - (SELECT max("at") FROM "WebhookAttempt"))::float8 AS wait FROM "WebhookDelivery" WHERE "attempts" = $1 AND "claimedUntil" IS NULL`,
            [i + 1],
          ),
        (rows) => rows.length === 1,
      )
      waits.push((row?.wait ?? 0) / seconds)
      await makeDue(app)
    }
    const [given] = await until(
      () => deliveriesOf(app, endpoint, '?state=failed'),
      (found) => found.length === 1,
    )

    expect(RETRY_SECONDS.reduce((sum, seconds) => sum + seconds, 0) / 3_600).toBeGreaterThan(72)
    for (const wait of waits) expect(wait).toBeGreaterThan(0.9)
    for (const wait of waits) expect(wait).toBeLessThan(1.5)
    expect(given?.log.length).toBe(10)
    expect(given?.log[0]).toMatchObject({
      status: 500,
      problem: 'refused',
      answer: 'no',
      url: endpoint.url,
      sentHeaders: { 'content-type': 'application/json', 'webhook-id': given?.id },
      answerHeaders: { connection: expect.any(String) },
    })
    // Whoever reads the log could send the message as if he were us.
    expect(JSON.stringify(given?.log)).not.toMatch(/v1,/)
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
    const { body } = await call<Endpoint>(app, 'GET', `/v1/endpoints/${endpoint.id}`)
    expect(body.disabled).toMatchObject({ reason: 'failing' })
  })

  it('is not sent any more to one who answers 410, until he says so', async () => {
    const app = await testApp({ env: ANYWHERE })
    const receiver = await startReceiver((res) => res.writeHead(410).end())
    const endpoint = await addEndpoint(app, receiver.url)
    await call(app, 'POST', `/v1/endpoints/${endpoint.id}/test`)
    const gone = await until(
      async () => (await call<Endpoint>(app, 'GET', `/v1/endpoints/${endpoint.id}`)).body,
      ({ disabled }) => disabled !== null,
    )
    const { body: made } = await uploadFile(app)
    await untilState(app, made, 'done')
    const whileGone = await deliveriesOf(app, endpoint)

    receiver.answerWith((res) => res.end())
    await call(app, 'PUT', `/v1/endpoints/${endpoint.id}`, { url: receiver.url, isDisabled: false })
    const { body: replayed } = await call<{ replayed: number }>(app, 'POST', `/v1/endpoints/${endpoint.id}/replay`, {
      since: '2026-01-01T00:00:00Z',
    })
    await until(
      () => receiver.received,
      ({ length }) => length === 2,
    )

    expect(gone.disabled).toMatchObject({ reason: 'gone' })
    expect(whileGone.map(({ type, state }) => [type, state])).toEqual([['endpoint.test', 'failed']])
    expect(replayed).toEqual({ replayed: 1 })
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
  })

  it.each([429, 502, 504])('waits as long as an endpoint that answers %i says, with everything', async (status) => {
    const app = await testApp({ env: ANYWHERE })
    const receiver = await startReceiver((res) => res.writeHead(status, { 'retry-after': '1800' }).end())
    const endpoint = await addEndpoint(app, receiver.url)
    await call(app, 'POST', `/v1/endpoints/${endpoint.id}/test`)
    await until(
      () => deliveriesOf(app, endpoint),
      ([first]) => first?.log.length === 1,
    )

    const [row] = await app.query<{ paused: number; next: number }>(
      `SELECT extract(epoch FROM e."pausedUntil" - now())::float8 AS paused, extract(epoch FROM d."nextAttemptAt" - now())::float8 AS next
       FROM "WebhookEndpoint" e JOIN "WebhookDelivery" d ON d."endpointId" = e."id"`,
    )
    expect(row?.paused).toBeGreaterThan(1_700)
    expect(row?.next).toBeGreaterThan(1_700)
    await makeDue(app)
    expect(await app.deps.deliveries.claimDue(10)).toEqual([])
  })

  it('is sent again when its process died before it could say that it was taken: the same id', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const receiver = await startReceiver()
    const endpoint = await addEndpoint(app, receiver.url)
    await call(app, 'POST', `/v1/endpoints/${endpoint.id}/test`)

    const [claimed] = await app.deps.deliveries.claimDue(10)
    expect(await app.deps.deliveries.claimDue(10)).toEqual([])
    await app.query(`UPDATE "WebhookDelivery" SET "claimedUntil" = now()`)
    await app.startWork()
    await until(
      () => receiver.received,
      ({ length }) => length === 1,
    )

    expect(receiver.received[0]?.id).toBe(claimed?.id)
  })

  it('goes to one endpoint twice at a time at most, and no slow one keeps another from its own', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const held: (() => void)[] = []
    const [slow, quick] = [await startReceiver((res) => void held.push(() => res.end())), await startReceiver()]
    const [one, other] = [await addEndpoint(app, slow.url), await addEndpoint(app, quick.url)]
    for (const { id } of [one, one, one, one, other, other, other, other]) await call(app, 'POST', `/v1/endpoints/${id}/test`)

    await app.startWork()
    await until(
      () => quick.received,
      ({ length }) => length === 4,
    )
    expect(slow.received.length).toBe(2)
    slow.answerWith((res) => res.end())
    for (const end of held) end()
    await until(
      () => slow.received,
      ({ length }) => length === 4,
    )
  })

  it('goes to one owner four times at a time at most, however many endpoints he has', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const other = await app.createKey('Other')
    const held: (() => void)[] = []
    const [slow, quick] = [await startReceiver((res) => void held.push(() => res.end())), await startReceiver()]
    for (let n = 0; n < 5; n++) {
      const { id } = await addEndpoint(app, slow.url)
      for (let tests = 0; tests < 3; tests++) await call(app, 'POST', `/v1/endpoints/${id}/test`)
    }
    const { id } = await addEndpoint(app, quick.url, [], other)
    await call(app, 'POST', `/v1/endpoints/${id}/test`, undefined, other)

    await app.startWork()
    await until(
      () => quick.received,
      ({ length }) => length === 1,
    )
    await until(
      () => slow.received,
      ({ length }) => length >= 4,
    )

    expect(slow.received.length).toBe(4)
    slow.answerWith((res) => res.end())
    for (const end of held) end()
    await until(
      () => slow.received,
      ({ length }) => length === 15,
    )
  })

  it('is passed over by nobody who fetches, though another one was written first and committed later', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const endpoint = await addEndpoint(app, null)
    const tell = `SELECT "tellEndpoint"($1, true, 'endpoint.test', '{}'::jsonb)`
    const slow = new pg.Client({ connectionString: app.databaseUrl })
    await slow.connect()
    type Page = { results: Delivery[]; last: string }
    const fetchFrom = async (since: string) =>
      (await call<Page>(app, 'GET', `/v1/endpoints/${endpoint.id}/deliveries?since=${since}`)).body

    await slow.query('BEGIN')
    await slow.query(tell, [endpoint.id])
    await app.query(tell, [endpoint.id])
    const before = await fetchFrom('0')
    await slow.query('COMMIT')
    await slow.end()
    const after = await until(
      () => fetchFrom(before.last),
      ({ results }) => results.length > 0,
    )

    expect([...before.results, ...after.results]).toHaveLength(2)
  })

  it('can be fetched by whoever has no address: oldest first, from behind the last one', async () => {
    const app = await testApp({ env: ANYWHERE })
    const endpoint = await addEndpoint(app, null)
    const { body: made } = await uploadFile(app)
    await untilState(app, made, 'done')
    type Page = { results: Delivery[]; last: string }
    // Whatever else is under way in the same Postgres holds messages back for a moment.
    const fetchSome = async (query: string, count: number) =>
      until(
        async () => (await call<Page>(app, 'GET', `/v1/endpoints/${endpoint.id}/deliveries?${query}`)).body,
        ({ results }) => results.length === count,
      )

    const first = await fetchSome('since=0&limit=2', 2)
    const rest = await fetchSome(`since=${first.last}`, 1)
    const none = await fetchSome(`since=${rest.last}`, 0)

    expect([...first.results, ...rest.results].map(({ type, state }) => [type, state])).toEqual([
      ['import.accepted', 'kept'],
      ['import.submitted', 'kept'],
      ['import.completed', 'kept'],
    ])
    expect(none).toMatchObject({ results: [], last: rest.last })
  })

  it('opens with the newest of the encryption keys once the keys were rotated', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const endpoint = await addEndpoint(app, 'https://hooks.example.com/')
    await call(app, 'POST', `/v1/endpoints/${endpoint.id}/rotate`).then(({ body }) => app.noteEndpointSecret(String(body.secret)))
    await app.query(`UPDATE "WebhookEndpoint" SET "secretKeyId" = 'older'`)

    expect(await app.deps.endpoints.rotateEncryption('', 10)).toMatchObject({ resealed: 1, failed: [] })
    expect(await app.deps.endpoints.countByKey()).toEqual({ test: 1 })
    const [sealed] = await app.query<{ secret: string }>('SELECT "secret" FROM "WebhookEndpoint"')
    await app.query(`UPDATE "WebhookEndpoint" SET "secretKeyId" = 'older', "secret" = $1`, [`${sealed?.secret}x`])
    expect(await app.deps.endpoints.rotateEncryption('', 10)).toMatchObject({ resealed: 0, failed: [endpoint.id] })
  })
})

describe('an endpoint', () => {
  it.each([
    [{ url: 'http://hooks.example.com/' }, 422, 'url_not_allowed'],
    [{ url: 'https://localhost/' }, 422, 'url_not_allowed'],
    [{ url: 'https://[::ffff:127.0.0.1]/' }, 422, 'url_not_allowed'],
    [{ url: `https://hooks.example.com/${'x'.repeat(2_048)}` }, 422, 'url_not_allowed'],
    [{ url: 5 }, 422, 'body_invalid'],
    [{ url: null, events: ['import.everything'] }, 422, 'body_invalid'],
    [{ url: null, partnerId: 'prt_1' }, 422, 'body_invalid'],
    [[], 422, 'body_invalid'],
  ])('is refused when it is %j', async (body, status, code) => {
    const app = await testApp({ work: false })

    const refused = await call(app, 'POST', '/v1/endpoints', body)

    expect([refused.status, refused.body.code]).toEqual([status, code])
    expect(await app.query('SELECT 1 FROM "WebhookEndpoint"')).toEqual([])
  })

  it('shows its secret once, and keeps it sealed', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const { secret, ...endpoint } = await addEndpoint(app, null)

    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect((await call(app, 'GET', `/v1/endpoints/${endpoint.id}`)).body).toEqual(endpoint)
    expect((await call(app, 'GET', '/v1/endpoints')).body).toEqual({ results: [endpoint] })
    expect((await call(app, 'DELETE', `/v1/endpoints/${endpoint.id}`)).body).toEqual(endpoint)
    expect((await call(app, 'GET', '/v1/endpoints')).body).toEqual({ results: [] })
  })

  it('is one of twenty at most, and tested five times a minute', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const all = await Promise.all(Array.from({ length: 22 }, () => call<Endpoint>(app, 'POST', '/v1/endpoints', { url: null })))
    for (const { body } of all) if (body.secret) app.noteEndpointSecret(body.secret)
    const made = all.filter(({ status }) => status === 201)
    const tests = await Promise.all(Array.from({ length: 8 }, () => call(app, 'POST', `/v1/endpoints/${made[0]?.body.id}/test`)))

    expect(made.length).toBe(20)
    expect(all.filter(({ body }) => (body as unknown as { code: string }).code === 'too_many_endpoints').length).toBe(2)
    expect(tests.filter(({ status }) => status === 202).length).toBe(5)
    expect(tests.filter(({ status }) => status === 429)[0]?.headers.get('retry-after')).toBe('60')
  })
})

describe('a hostile receiver', () => {
  it.each<[string, (socket: Socket) => void, string]>([
    [
      'redirects to the metadata service',
      (socket) => socket.end('HTTP/1.1 302 Found\r\nlocation: https://169.254.169.254/\r\ncontent-length: 0\r\n\r\n'),
      'redirected',
    ],
    [
      'answers with a gigabyte',
      (socket) => flood(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n', Buffer.alloc(65_536)),
      'answer_too_large',
    ],
    [
      'answers without an end',
      (socket) =>
        flood(socket, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', Buffer.from(`4000\r\n${'x'.repeat(0x4000)}\r\n`)),
      'answer_too_large',
    ],
    [
      'answers with a bomb',
      (socket) => {
        const bomb = gzipSync(Buffer.alloc(10_000_000))
        socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`)
        socket.end(bomb)
      },
      'answer_encoded',
    ],
    [
      'answers a byte a second',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n')
        const drip = setInterval(() => socket.write('x'), 200)
        socket.on('close', () => clearInterval(drip))
      },
      'timeout',
    ],
    [
      'answers with ten thousand headers',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(10_000)}\r\n`),
      'answer_invalid',
    ],
    [
      'speaks another protocol',
      (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
      'answer_invalid',
    ],
    ['says 102 without an end', (socket) => flood(socket, '', Buffer.from('HTTP/1.1 102 Processing\r\n\r\n')), 'timeout'],
    ['is no HTTP server', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 'answer_invalid'],
    ['says nothing', () => undefined, 'timeout'],
    ['hangs up', (socket) => socket.destroy(), 'unreachable'],
    ['ends in the midst of its answer', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nxx'), 'unreachable'],
  ])('that %s gets nothing out of it, and costs a bounded time and little memory', async (_, answer, problem) => {
    const { port } = await startRawReceiver(answer)
    const sender = createSender({ isAnyAllowed: true, timeoutMs: 1_000 })
    const before = process.memoryUsage().rss

    const sent = await sender.send(`http://127.0.0.1:${port}/`, {}, '{}')

    expect(sent.problem).toBe(problem)
    expect(sent.ms).toBeLessThan(5_000)
    expect(sent.answer.length).toBeLessThanOrEqual(1_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })
})

/** Writes without an end, as fast as it is read. */
function flood(socket: Socket, head: string, piece: Buffer): void {
  socket.write(head)
  const go = () => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.on('drain', go)
  go()
}
