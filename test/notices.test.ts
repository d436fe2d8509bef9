import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isSigned } from '../src/hubspot/signature.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { storeImport, storePortal } from './support/rows.js'

const PATH = '/hubspot/webhooks'

type Change = {
  method?: string
  /** What is signed, when that is not what is sent. */
  signedPath?: string
  signedBody?: string
  path?: string
  offsetMs?: number
  headers?: Record<string, string>
  secret?: string
}

/** What HubSpot sends when a contact was deleted for good. */
function deletion(change: Record<string, unknown> = {}) {
  return {
    appId: 4711,
    eventId: 3816279340,
    subscriptionId: 25,
    portalId: Number(PORTAL),
    occurredAt: 1_767_225_600_000,
    subscriptionType: 'contact.privacyDeletion',
    attemptNumber: 0,
    objectId: 1246965,
    changeFlag: 'DELETED',
    ...change,
  }
}

/** Signs as HubSpot does and delivers; a body that is no text is sent as JSON. */
async function deliver(app: TestApp, body: unknown, change: Change = {}): Promise<Response> {
  const { method = 'POST', path = PATH, signedPath = path, offsetMs = 0, headers = {}, secret = 'test-secret' } = change
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const timestamp = String(Date.now() + offsetMs)
  const source = `${method}${app.url}${signedPath}${change.signedBody ?? text}${timestamp}`
  return fetch(app.url + path, {
    method,
    headers: {
      'content-type': 'application/json',
      'x-hubspot-request-timestamp': timestamp,
      'x-hubspot-signature-v3': createHmac('sha256', secret).update(source).digest('base64'),
      ...headers,
    },
    body: method === 'GET' ? null : text,
  })
}

/** An app with one portal, and one import of contacts that has ended. */
async function appWithContacts() {
  const app = await testApp({ install: false, work: false })
  await storePortal(app, PORTAL)
  const importId = await storeImport(app, { state: 'done' })
  return { app, importId }
}

const flagged = async (app: TestApp) =>
  (await app.query<{ id: string }>('SELECT "id" FROM "Import" WHERE "eraseAtEnd" ORDER BY "id"')).map(({ id }) => id)
const taken = async (app: TestApp) => (await app.query('SELECT 1 FROM "Notice"')).length

async function expectNothingHappened(app: TestApp): Promise<void> {
  expect(await flagged(app)).toEqual([])
  expect(await taken(app)).toBe(0)
  await app.sweep()
  expect(await app.storedFiles()).toHaveLength(1)
}

async function expectRefused(app: TestApp, res: Response): Promise<void> {
  expect(res.status).toBe(401)
  expect(await res.json()).toMatchObject({ code: 'signature_invalid', status: 401 })
  expect(res.headers.get('www-authenticate')).toBeNull()
  await expectNothingHappened(app)
}

describe('POST /hubspot/webhooks', () => {
  it('has the contacts’ imports of that portal erased, and of no other', async () => {
    const { app, importId } = await appWithContacts()
    await storePortal(app, OTHER_PORTAL)
    await storeImport(app, { state: 'done', portalId: OTHER_PORTAL })

    const res = await deliver(app, [deletion()])

    expect(res.status).toBe(200)
    expect(await res.json()).toEqual({ received: 1, done: 1, ignored: 0, repeated: 0 })
    expect(await flagged(app)).toEqual([importId])
    await app.sweep()
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('takes what the simulator of HubSpot signs', async () => {
    const { app, importId } = await appWithContacts()
    const { control } = app.hubspot

    const answer = await control.deliver({
      targetUrl: `${app.url}${PATH}?from=hubspot%3A%20%40`,
      events: [control.privacyDeletion(PORTAL, '1246965')],
    })

    expect(answer.status).toBe(200)
    expect(await flagged(app)).toEqual([importId])
  })

  it('refuses a request without a signature', async () => {
    const { app } = await appWithContacts()

    const body = JSON.stringify([deletion()])
    const res = await fetch(app.url + PATH, { method: 'POST', body })

    await expectRefused(app, res)
  })

  it.each<[string, Change]>([
    ['made with another secret', { secret: 'other-secret' }],
    ['that is empty', { headers: { 'x-hubspot-signature-v3': '' } }],
    ['of another length', { headers: { 'x-hubspot-signature-v3': 'AAAA' } }],
    ['of another path', { signedPath: '/hubspot/webhook' }],
    ['of another query', { path: `${PATH}?portalId=1`, signedPath: `${PATH}?portalId=2` }],
    ['without a timestamp', { headers: { 'x-hubspot-request-timestamp': '' } }],
    ['with a timestamp that is no number', { headers: { 'x-hubspot-request-timestamp': 'now' } }],
    [
      'with another timestamp than was signed',
      { headers: { 'x-hubspot-request-timestamp': String(Date.now()) }, offsetMs: 1_000 },
    ],
    ['that is more than five minutes old', { offsetMs: -320_000 }],
    ['from more than five minutes in the future', { offsetMs: 320_000 }],
    ['of a body that was written anew', { signedBody: JSON.stringify([deletion()], null, 1) }],
  ])('refuses a signature %s', async (_name, change) => {
    const { app } = await appWithContacts()

    const res = await deliver(app, [deletion()], change)

    await expectRefused(app, res)
  })

  it.each(['v1', 'v2'])('refuses a signature of version %s', async (version) => {
    const { app } = await appWithContacts()
    const body = JSON.stringify([deletion()])
    const source = version === 'v1' ? `test-secret${body}` : `test-secretPOST${app.url}${PATH}${body}`
    const signature = createHash('sha256').update(source).digest('hex')

    const res = await fetch(app.url + PATH, {
      method: 'POST',
      headers: { 'x-hubspot-signature': signature, 'x-hubspot-signature-version': version },
      body,
    })

    await expectRefused(app, res)
  })

  it('takes a signature that is almost five minutes old or early', async () => {
    const { app } = await appWithContacts()

    const old = await deliver(app, [deletion({ eventId: 1 })], { offsetMs: -280_000 })
    const early = await deliver(app, [deletion({ eventId: 2 })], { offsetMs: 280_000 })

    expect([old.status, early.status]).toEqual([200, 200])
  })

  it('takes a query with special characters, which HubSpot signs partly decoded', async () => {
    const { app } = await appWithContacts()
    const path = `${PATH}?to=a%40b.example%2Fc%3ad&q=%21%24%27%28%29%2A%2C%3B%3F&kept=%20%25%26%C3%A9`
    const signedPath = `${PATH}?to=a@b.example/c:d&q=!$'()*,;?&kept=%20%25%26%C3%A9`

    const res = await deliver(app, [deletion()], { path, signedPath })

    expect(res.status).toBe(200)
  })

  it('has no effect when it is repeated, in whatever company', async () => {
    const { app, importId } = await appWithContacts()
    await deliver(app, [deletion()])
    await app.query('UPDATE "Import" SET "eraseAtEnd" = false')

    const again = await deliver(app, [deletion({ attemptNumber: 1 })])
    const twice = await deliver(app, [deletion(), deletion({ eventId: 2 }), deletion({ eventId: 2, attemptNumber: 3 })])

    expect(await again.json()).toEqual({ received: 1, done: 0, ignored: 0, repeated: 1 })
    expect(await twice.json()).toEqual({ received: 3, done: 1, ignored: 0, repeated: 2 })
    expect(await taken(app)).toBe(2)
    expect(await flagged(app)).toEqual([importId])
  })

  it('acts once on what comes many times at once', async () => {
    const { app } = await appWithContacts()

    const all = await Promise.all(Array.from({ length: 8 }, () => deliver(app, [deletion(), deletion({ eventId: 2 })])))

    const counts = (await Promise.all(all.map((res) => res.json()))) as { done: number; repeated: number }[]
    expect(counts.reduce((sum, { done }) => sum + done, 0)).toBe(2)
    expect(counts.reduce((sum, { repeated }) => sum + repeated, 0)).toBe(14)
  })

  it('forgets that it took a notice after three days', async () => {
    const { app } = await appWithContacts()
    await deliver(app, [deletion(), deletion({ eventId: 2 })])
    await app.query(
      `UPDATE "Notice" SET "receivedAt" = now() - interval '73 hours' WHERE "idHash" = (SELECT min("idHash") FROM "Notice")`,
    )

    await app.sweep()

    expect(await taken(app)).toBe(1)
  })

  it('takes a thousand events and refuses more', async () => {
    const { app } = await appWithContacts()
    const events = Array.from({ length: 1_001 }, (_, i) => ({
      subscriptionType: 'contact.privacyDeletion',
      portalId: PORTAL,
      objectId: i,
    }))

    const tooMany = await deliver(app, events)

    expect(tooMany.status).toBe(413)
    await expectNothingHappened(app)
    expect((await deliver(app, events.slice(1))).status).toBe(200)
  })

  it('refuses a batch of ten thousand events unread', async () => {
    const { app } = await appWithContacts()
    const events = Array.from({ length: 10_000 }, (_, i) => deletion({ eventId: i }))

    const res = await deliver(app, events)

    expect(res.status).toBe(413)
    expect(await res.json()).toMatchObject({ code: 'body_too_large' })
    await expectNothingHappened(app)
  })

  it.each([
    ['of another kind', { subscriptionType: 'contact.creation' }],
    ['of a kind that nobody knows', { subscriptionType: 'contact.toString' }],
    ['of a portal that is not ours', { portalId: 999_999 }],
    ['of a portal that cannot be one', { portalId: 'null' }],
    ['of another app', { appId: 4712 }],
    ['that names no contact', { objectId: undefined }],
  ])('ignores an event %s', async (_name, change) => {
    const { app } = await appWithContacts()
    await app.query('UPDATE "Portal" SET "appId" = $1', ['4711'])

    const res = await deliver(app, [deletion(change)])

    expect(res.status).toBe(200)
    expect(await res.json()).toEqual({ received: 1, done: 0, ignored: 1, repeated: 0 })
    await expectNothingHappened(app)
  })

  it('picks what is for us from a batch of anything', async () => {
    const { app, importId } = await appWithContacts()

    const res = await deliver(app, [null, 7, 'x', [], {}, deletion({ subscriptionType: 'deal.creation' }), deletion()])

    expect(await res.json()).toEqual({ received: 7, done: 1, ignored: 6, repeated: 0 })
    expect(await flagged(app)).toEqual([importId])
  })

  it.each(['', '{', '{}', '[]', 'null', '"contact.privacyDeletion"'])('refuses the signed body %s', async (body) => {
    const { app } = await appWithContacts()

    const res = await deliver(app, body)

    expect(res.status).toBe(400)
    expect(await res.json()).toMatchObject({ code: 'request_malformed' })
    await expectNothingHappened(app)
  })

  it('refuses a compressed body: that is not what is signed', async () => {
    const { app } = await appWithContacts()

    const res = await deliver(app, [deletion()], { headers: { 'content-encoding': 'gzip' } })

    expect(res.status).toBe(415)
    await expectNothingHappened(app)
  })

  it.each(['GET', 'PUT', 'DELETE', 'PATCH'])('refuses %s', async (method) => {
    const { app } = await appWithContacts()

    const res = await deliver(app, [deletion()], { method })

    expect(res.status).toBe(405)
    expect(res.headers.get('allow')).toBe('POST')
    await expectNothingHappened(app)
  })
})

describe('a signature', () => {
  // The signature was made with: printf '%s' "POST…[{"objectId":1}]1767225600000" | openssl dgst -sha256 -hmac SECRET -binary | base64
  const vector = {
    method: 'POST',
    url: 'https://importal.example.com/hubspot/webhooks?to=a%40b.example%2Fc%3Ad&q=what%3F%21%24%27%28%29%2A%2C%3B&kept=%20%25%26%3D+%C3%A9',
    rawBody: Buffer.from('[{"objectId":1}]'),
    timestamp: '1767225600000',
    signature: 'KfQXQ3ZGtG9zlNtnIBBAfKgzrRrZaIlv/qY3BkIbwY0=',
    clientSecret: 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy',
    nowMs: 1_767_225_600_000,
  }

  it('is HubSpot’s over method, partly decoded URI, body and time', () => {
    expect(isSigned(vector)).toBe(true)
  })

  it.each([-300_000, 300_000])('is good for five minutes: %i ms off', (offMs) => {
    expect(isSigned({ ...vector, nowMs: vector.nowMs + offMs })).toBe(true)
    expect(isSigned({ ...vector, nowMs: vector.nowMs + offMs + Math.sign(offMs) })).toBe(false)
  })

  it.each([
    ['method', { method: 'PUT' }],
    ['URI', { url: vector.url.replace('%20', ' ') }],
    ['query', { url: vector.url.replace('%26', '&') }],
    ['body', { rawBody: Buffer.from('[{"objectId":2}]') }],
    ['body, by a blank', { rawBody: Buffer.from('[{"objectId": 1}]') }],
    ['timestamp', { timestamp: '1767225600001' }],
    ['secret', { clientSecret: 'other' }],
    ['signature', { signature: vector.signature.toLowerCase() }],
    ['signature’s padding', { signature: vector.signature.replace('=', '') }],
  ])('is no good with another %s', (_name, change) => {
    expect(isSigned({ ...vector, ...change })).toBe(false)
  })
})
