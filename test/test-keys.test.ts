import { describe, expect, it } from 'vitest'
import { openAdmin } from './support/admin.js'
import { PORTAL, testApp, until } from './support/app.js'
import { ask, untilState, uploadFile } from './support/requests.js'
import { createTestKeyFor } from './support/test-key.js'

describe('a test key', () => {
  it('imports into a simulated account on the same API, with no HubSpot account anywhere', async () => {
    const app = await testApp({ install: false })
    const { key, portalId } = await createTestKeyFor(app)

    const { body: portals } = await ask<{ results: { id: string; status: string }[] }>(app, '/v1/portals', key)
    const { status, body } = await uploadFile(app, { key, portalId, file: 'Email,First,Last\na@example.com,A,B\nnobody,B,C\n' })
    const done = await untilState({ ...app, key }, body, 'done')
    const { body: errors } = await ask<{ results: { code: string; line: number }[] }>(
      app,
      `/v1/portals/${portalId}/imports/${body.id}/errors`,
      key,
    )

    expect(portals.results).toMatchObject([{ id: portalId, status: 'connected' }])
    expect(status).toBe(202)
    expect(done.counters).toMatchObject({ CREATED_OBJECTS: 1 })
    expect(errors.results.some(({ line }) => line === 3)).toBe(true)
    expect(app.hubspot.control.imports()).toEqual([])
  })

  it('reaches no account but its partner’s simulated one, and nothing else reaches that', async () => {
    const app = await testApp({ work: false })
    const { key, portalId } = await createTestKeyFor(app, 'Partner')
    const other = await createTestKeyFor(app, 'Another')
    const statusOf = async (sought: string, as: string) => (await ask(app, `/v1/portals/${sought}/imports`, as)).status

    expect(key).toMatch(/^imp_test_/)
    expect(await statusOf(portalId, key)).toBe(200)
    expect(await statusOf(PORTAL, key)).toBe(404)
    expect(await statusOf(portalId, app.key)).toBe(404)
    expect(await statusOf(portalId, other.key)).toBe(404)
    expect(await statusOf(PORTAL, app.key)).toBe(200)
    const { body } = await ask<{ results: { id: string }[] }>(app, '/v1/portals')
    expect(body.results.map(({ id }) => id)).toEqual([PORTAL])
  })

  it('is not a live key with another beginning, nor the other way round', async () => {
    const app = await testApp({ work: false })
    const { key } = await createTestKeyFor(app)

    for (const forged of [key.replace('imp_test_', 'imp_live_'), app.key.replace('imp_live_', 'imp_test_')])
      expect((await ask(app, '/v1/me', forged)).status).toBe(401)
  })

  it('stays good: nobody asks HubSpot about an account that HubSpot does not know', async () => {
    const app = await testApp()
    const { key, portalId } = await createTestKeyFor(app)
    await app.query(`UPDATE "Portal" SET "checkAt" = now() - interval '1 hour'`)
    await app.sweep()
    await until(
      () => app.query(`SELECT 1 FROM "Portal" WHERE "id" = $1 AND "checkAt" > now()`, [PORTAL]),
      ({ length }) => length === 1,
    )

    await untilState({ ...app, key }, (await uploadFile(app, { key, portalId })).body, 'done')
    const [portal] = await app.query<{ status: string }>('SELECT "status" FROM "Portal" WHERE "id" = $1', [portalId])
    expect(portal?.status).toBe('connected')
  })

  it('is told of its own imports only, and changes nothing of what a live key is told', async () => {
    const app = await testApp({ work: false, env: { WEBHOOKS_ANYWHERE: 'true' } })
    const { key, portalId } = await createTestKeyFor(app, 'Partner')
    const make = async (as: string) => {
      const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' }
      const res = await fetch(`${app.url}/v1/endpoints`, { method: 'POST', headers, body: '{"url":null}' })
      const { id, secret } = (await res.json()) as { id: string; secret: string }
      app.noteEndpointSecret(secret)
      return id
    }
    const [live, test] = [await make(app.key), await make(key)]
    await uploadFile(app)
    await uploadFile(app, { key, portalId })

    const told = await app.query<{ endpointId: string; portalId: string }>(
      `SELECT "endpointId", "payload"->'data'->>'portalId' AS "portalId" FROM "WebhookDelivery" ORDER BY "number"`,
    )
    expect(told).toEqual([
      { endpointId: live, portalId: PORTAL },
      { endpointId: test, portalId },
    ])
    for (const [id, as] of [
      [live, key],
      [test, app.key],
    ] as const) {
      const refused = await fetch(`${app.url}/v1/endpoints/${id}/rotate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${as}` },
      })
      expect(refused.status).toBe(404)
    }
  })

  it('cannot be had by a code that only looks like one of its tokens: HubSpot itself is asked, and refuses', async () => {
    const app = await testApp({ install: false, work: false })
    const begun = await fetch(`${app.url}/oauth/install`, { redirect: 'manual' })
    const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const cookie = begun.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
    const code = `importal-test-${PORTAL}-${'a'.repeat(48)}`

    const res = await fetch(`${app.url}/oauth/callback?code=${code}&state=${state}`, { headers: { cookie }, redirect: 'manual' })

    expect(res.status).toBe(400)
    expect(app.hubspot.control.tokenCalls().length).toBe(1)
    expect(await app.query('SELECT 1 FROM "Portal"')).toEqual([])
  })

  it('has one simulated account for all keys of its partner', async () => {
    const app = await testApp({ work: false })
    const [one, two] = [await createTestKeyFor(app, 'Partner'), await createTestKeyFor(app, 'Partner')]

    expect(one.portalId).toBe(two.portalId)
    expect(one.key).not.toBe(two.key)
  })

  it('is made by an admin for a partner of his own, and for nobody else’s', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    await admin.send('/partners', { name: 'Muster', rowsPerDay: '' })
    const partners = await app.query<{ id: string; portalId: string | null }>(
      'SELECT "id", "portalId" FROM "Partner" WHERE NOT "isPage"',
    )
    const [own, operators] = [
      partners.find(({ portalId }) => portalId === PORTAL),
      partners.find(({ portalId }) => portalId === null),
    ]

    const made = await admin.send(`/partners/${own?.id}/test-key`, {})
    const key = /id="key">([^<]+)</.exec(made.text)?.[1] ?? ''
    const refused = await admin.send(`/partners/${operators?.id}/test-key`, {})

    expect([made.status, key]).toEqual([200, expect.stringMatching(/^imp_test_/)])
    expect(made.text).toContain('It is a test key')
    expect(refused.status).toBe(404)
    const { body } = await ask<{ results: { id: string }[] }>(app, '/v1/portals', key)
    expect(body.results).toHaveLength(1)
    expect(body.results[0]?.id).not.toBe(PORTAL)
  })

  it('counts for nothing that the operator is told of installs', async () => {
    const app = await testApp()
    const { key, portalId } = await createTestKeyFor(app)
    await untilState({ ...app, key }, (await uploadFile(app, { key, portalId })).body, 'done')
    await app.deps.callTally.flush()
    await app.deps.forJobs.callTally.flush()

    const { portals } = await app.deps.callTally.readReadiness()
    expect(portals.map((portal) => portal.portalId)).not.toContain(portalId)
    expect((await app.deps.history.listPortals()).map(({ id }) => id)).toEqual([PORTAL])
  })
})
