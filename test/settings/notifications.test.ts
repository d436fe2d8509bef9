import { describe, expect, it } from 'vitest'
import { type Admin, openAdmin } from '../support/admin.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { startReceiver } from '../support/receiver.js'
import { untilState, uploadFile } from '../support/requests.js'

const ANYWHERE = { WEBHOOKS_ANYWHERE: 'true' }

/** Adds an address by the form; resolves to its path and its secret, which the page shows. */
async function add(
  app: TestApp,
  admin: Admin,
  fields: Record<string, string | string[]>,
): Promise<{ path: string; secret: string }> {
  const { status, text } = await admin.send('/notifications', fields)
  const secret = /id="key">([^<]+)</.exec(text)?.[1] ?? ''
  expect([status, secret]).toEqual([200, expect.stringMatching(/^whsec_/)])
  app.noteEndpointSecret(secret)
  return { path: /href="\/settings\/\d+(\/notifications\/end_[0-9a-f]+)"/.exec(text)?.[1] ?? '', secret }
}

describe('an address that an admin adds', () => {
  it('is told of every partner’s imports, its secret shown once, its log with what came back', async () => {
    const app = await testApp({ env: ANYWHERE })
    const admin = await openAdmin(app)
    const receiver = await startReceiver((res) => res.end('<script>thanks</script>'))
    const { path, secret } = await add(app, admin, { url: receiver.url, events: ['import.completed'] })
    const { body: made } = await uploadFile(app)
    await untilState(app, made, 'done')
    await until(receiver.types, (types) => types.length === 1)

    const page = await until(
      () => admin.go(`${admin.base}${path}`),
      ({ text }) => text.includes('Delivered'),
    )
    expect(receiver.types()).toEqual(['import.completed'])
    expect(page.text).toContain('&lt;script&gt;thanks')
    expect(page.text).toContain(String(made.id))
    expect(page.text).not.toContain(secret)
    expect((await admin.go(`${admin.base}/notifications`)).text).not.toContain(secret)
  })

  it('can be tested, turned off and on, changed, replayed, given another secret, and deleted', async () => {
    const app = await testApp({ env: ANYWHERE })
    const admin = await openAdmin(app)
    const receiver = await startReceiver()
    const { path, secret } = await add(app, admin, { url: receiver.url })

    expect((await admin.send(`${path}/test`, {})).status).toBe(303)
    await until(receiver.types, (types) => types.length === 1)
    const [{ id } = { id: '' }] = await app.query<{ id: string }>('SELECT "id" FROM "WebhookDelivery"')
    await until(
      () => app.query('SELECT 1 FROM "WebhookDelivery" WHERE "deliveredAt" IS NOT NULL'),
      ({ length }) => length === 1,
    )
    expect((await admin.send(`${path}/deliveries/${id}/replay`, {})).status).toBe(303)
    await until(receiver.types, (types) => types.length === 2)
    expect((await admin.send(`${path}/turn-off`, {})).status).toBe(303)
    expect((await admin.go(`${admin.base}${path}`)).text).toContain('Turn on again')
    expect((await admin.send(path, { url: `${receiver.url}/2`, events: ['import.failed'] })).status).toBe(303)
    expect((await admin.go(`${admin.base}${path}`)).text).toContain('Turn on again')
    expect((await admin.send(`${path}/turn-on`, {})).status).toBe(303)
    expect((await admin.send(`${path}/replay`, {})).status).toBe(303)
    const rotated = /id="key">([^<]+)</.exec((await admin.send(`${path}/rotate`, {})).text)?.[1] ?? ''
    app.noteEndpointSecret(rotated)
    expect([rotated.slice(0, 6), rotated === secret]).toEqual(['whsec_', false])
    const [changed] = await app.query('SELECT "url", "events", "disabledAt" FROM "WebhookEndpoint"')
    expect(changed).toEqual({ url: `${receiver.url}/2`, events: ['import.failed'], disabledAt: null })
    expect((await admin.send(`${path}/delete`, {})).status).toBe(303)
    expect(await app.query('SELECT 1 FROM "WebhookEndpoint"')).toEqual([])
    const actions = (
      await app.query<{ action: string }>(`SELECT "action" FROM "AuditEvent" WHERE "portalId" = $1`, [PORTAL])
    ).map(({ action }) => action)
    expect(actions).toEqual(
      expect.arrayContaining(['endpoint_created', 'endpoint_changed', 'endpoint_secret_rotated', 'endpoint_deleted']),
    )
  })

  it.each([
    'http://hooks.example.com/',
    'https://127.0.0.1/',
    'https://me:secret@hooks.example.com/',
    'hooks',
    'javascript:alert(1)',
  ])('is refused beside its field when it is %s', async (url) => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)

    const { status, text } = await admin.send('/notifications', { url })

    expect(status).toBe(200)
    expect(text).toContain('aria-invalid="true"')
    expect(text).toContain('Nothing can be sent to this address')
    expect(await app.query('SELECT 1 FROM "WebhookEndpoint"')).toEqual([])
  })

  it('is nobody else’s: another account’s admin cannot see or touch it', async () => {
    const app = await testApp({ env: ANYWHERE, work: false })
    const [owner, stranger] = [await openAdmin(app), await openAdmin(app, OTHER_PORTAL)]
    const { path } = await add(app, owner, { url: 'https://hooks.example.com/' })

    expect((await stranger.go(`${stranger.base}${path}`)).status).toBe(404)
    expect((await owner.send(`${path}/test`, {})).status).toBe(303)
    const [{ id } = { id: '' }] = await app.query<{ id: string }>('SELECT "id" FROM "WebhookDelivery"')
    for (const action of ['', '/test', '/rotate', '/turn-off', '/replay', `/deliveries/${id}/replay`, '/delete'])
      expect((await stranger.send(path + action, action === '' ? { url: 'https://x.example.com/' } : {})).status, action).toBe(
        404,
      )
    expect(await app.query('SELECT "url", "disabledAt" FROM "WebhookEndpoint"')).toEqual([
      { url: 'https://hooks.example.com/', disabledAt: null },
    ])
  })

  it('is gone with its account', async () => {
    const app = await testApp({ env: ANYWHERE })
    const admin = await openAdmin(app)
    await add(app, admin, { url: 'https://hooks.example.com/', events: ['import.failed'] })

    await admin.send('/disconnect', {})

    await until(
      () => app.query('SELECT 1 FROM "WebhookEndpoint"'),
      ({ length }) => length === 0,
    )
  })
})
