import { describe, expect, it } from 'vitest'
import { type Admin, openAdmin } from '../support/admin.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from '../support/app.js'
import { contactsRequest, uploadFile } from '../support/requests.js'

const NO_LIMITS = { rowsPerDay: '' }

/** Connects a partner; resolves to the key that the page shows, and the partner's id. */
async function connect(
  app: TestApp,
  admin: Admin,
  fields: Record<string, string | string[]>,
): Promise<{ key: string; id: string; keyId: string }> {
  const { text, status } = await admin.send('/partners', { ...NO_LIMITS, ...fields })
  const key = /id="key">([^<]+)</.exec(text)?.[1] ?? ''
  expect([status, key]).toEqual([200, expect.stringMatching(/^imp_live_/)])
  const [row] = await app.query<{ id: string; keyId: string }>(
    `SELECT a."id", k."id" AS "keyId" FROM "ApiKey" k JOIN "Partner" a ON a."id" = k."partnerId" ORDER BY k."createdAt" DESC, k."id" DESC LIMIT 1`,
  )
  return { key, id: row?.id ?? '', keyId: row?.keyId ?? '' }
}

const statusOf = async (app: TestApp, key: string, portal = PORTAL) =>
  (await fetch(`${app.url}/v1/portals/${portal}/imports`, { headers: { authorization: `Bearer ${key}` } })).status

describe('a partner that an admin connects', () => {
  it('gets a key that is shown once, works at once, and reaches this account only', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    await app.install(OTHER_PORTAL)

    const { key } = await connect(app, admin, { name: 'Muster GmbH' })

    expect(await statusOf(app, key)).toBe(200)
    expect(await statusOf(app, key, OTHER_PORTAL)).toBe(404)
    const list = await admin.go(`${admin.base}/partners`)
    expect(list.text).toContain('Muster GmbH')
    expect(list.text).not.toContain(key)
    expect(list.text).toContain(key.slice(-4))
  })

  it('is another one than a partner of the same name in another account', async () => {
    const app = await testApp({ work: false })
    const [here, there] = [await openAdmin(app), await openAdmin(app, OTHER_PORTAL)]

    const first = await connect(app, here, { name: 'ACME' })
    const second = await connect(app, there, { name: 'ACME' })
    const operators = await app.createKey('ACME')

    expect(second.id).not.toBe(first.id)
    expect(await statusOf(app, first.key, OTHER_PORTAL)).toBe(404)
    expect(await statusOf(app, second.key)).toBe(404)
    expect(await statusOf(app, operators, OTHER_PORTAL)).toBe(404)
    const again = await here.send('/partners', { ...NO_LIMITS, name: 'ACME' })
    expect(again.text).toContain('There is a partner of this name')
  })

  it('may import only the objects, do only the operations, and send only the rows that its admin allows', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { key } = await connect(app, admin, { name: 'Narrow', objectTypes: ['0-1'], operations: ['UPSERT'], rowsPerDay: '3' })
    const send = async (request: Record<string, unknown>) => uploadFile({ ...app, key }, { request })

    const companies = await send(
      contactsRequest({
        importOperations: { '0-2': 'UPSERT' },
        files: [
          {
            fileName: 'contacts.csv',
            fileFormat: 'CSV',
            fileImportPage: {
              hasHeader: true,
              columnMappings: [
                { columnObjectTypeId: '0-2', columnName: 'Email', propertyName: 'name' },
                { columnObjectTypeId: '0-2', columnName: 'First', propertyName: 'city' },
                { columnObjectTypeId: '0-2', columnName: 'Last', propertyName: 'state' },
              ],
            },
          },
        ],
      }),
    )
    const creating = await send(contactsRequest({ importOperations: { '0-1': 'CREATE' } }))
    const first = await send(contactsRequest({ name: 'The first three' }))
    const beyond = await send(contactsRequest({ name: 'Three more' }))

    expect([companies.status, companies.body.code]).toEqual([403, 'object_not_allowed'])
    expect([creating.status, creating.body.code]).toEqual([403, 'operation_not_allowed'])
    expect(first.status).toBe(202)
    expect([beyond.status, beyond.body.code]).toEqual([429, 'row_budget_exceeded'])
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('reads and sends nothing new while it is paused, and goes on when it is let in again', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { key, id } = await connect(app, admin, { name: 'Muster' })

    await admin.send(`/partners/${id}/pause`)
    const [paused, reading] = [await uploadFile({ ...app, key }), await statusOf(app, key)]
    await admin.send(`/partners/${id}/resume`)
    const resumed = await uploadFile({ ...app, key })

    expect([paused.status, paused.body.code, reading, resumed.status]).toEqual([403, 'partner_paused', 200, 202])
  })

  it('has two keys while one is replaced, until the old one’s time is over; a revoked one ends at once', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { key: old, keyId } = await connect(app, admin, { name: 'Muster' })

    const rolled = await admin.send(`/partners/keys/${keyId}/roll`, { overlapHours: '1' })
    const next = /id="key">([^<]+)</.exec(rolled.text)?.[1] ?? ''
    const both = [await statusOf(app, old), await statusOf(app, next)]
    await app.query(`UPDATE "ApiKey" SET "expiresAt" = "expiresAt" - interval '1 hour' WHERE "id" = $1`, [keyId])
    const later = [await statusOf(app, old), await statusOf(app, next)]
    const [newest] = await app.query<{ id: string }>(
      'SELECT "id" FROM "ApiKey" WHERE "expiresAt" IS NULL ORDER BY "id" DESC LIMIT 1',
    )
    await admin.send(`/partners/keys/${newest?.id}/revoke`)

    expect(both).toEqual([200, 200])
    expect(later).toEqual([401, 200])
    expect(await statusOf(app, next)).toBe(401)
    const actions = (await app.deps.audit.list({ portalId: PORTAL, limit: 20 })).map(({ action }) => action)
    expect(actions).toEqual(expect.arrayContaining(['partner_connected', 'key_created', 'key_rolled', 'key_revoked']))
  })

  it('is let in no more once it is disconnected, and its name is free again', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { key, id } = await connect(app, admin, { name: 'Muster' })

    await admin.send(`/partners/${id}/disconnect`)
    const { key: next } = await connect(app, admin, { name: 'Muster' })

    expect([await statusOf(app, key), await statusOf(app, next)]).toEqual([401, 200])
  })

  it('D7.133: is not changed by who has not seen what it is now', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { id } = await connect(app, admin, { name: 'Muster' })
    const seen = { was: '||', objectTypes: '0-1', rowsPerDay: '5' }

    const first = await admin.send(`/partners/${id}/limits`, seen)
    const second = await admin.send(`/partners/${id}/limits`, { ...seen, rowsPerDay: '7' })
    const retention = [
      await admin.send('/connection/retention', { days: '5', was: '30' }),
      await admin.send('/connection/retention', { days: '6', was: '30' }),
    ]

    expect([first.status, second.status]).toEqual([303, 409])
    expect(retention.map(({ status }) => status)).toEqual([303, 409])
    expect(await app.query('SELECT "rowsPerDay" FROM "Grant" WHERE "partnerId" = $1', [id])).toEqual([{ rowsPerDay: 5 }])
  })

  it.each([
    ['5,000 letters', 'x'.repeat(5_000)],
    ['a direction mark', 'a\u202eb'],
    ['a line break', 'a\nb'],
    ['nothing', '  '],
  ])('D7.134: has no name with %s', async (_name, name) => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)

    expect((await admin.send('/partners', { ...NO_LIMITS, name })).status).toBe(400)
    expect(await app.query('SELECT 1 FROM "Partner" WHERE "portalId" IS NOT NULL AND NOT "isPage"')).toEqual([])
  })
})

describe('a partner of the operator’s', () => {
  it('can be paused, limited and disconnected by the admin, who never sees its keys', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const [partner] = await app.query<{ id: string; key: string }>(
      'SELECT a."id", k."id" AS key FROM "Partner" a JOIN "ApiKey" k ON k."partnerId" = a."id"',
    )

    const list = await admin.go(`${admin.base}/partners`)
    const rolled = await admin.send(`/partners/keys/${partner?.key}/roll`, { overlapHours: '0' })
    const revoked = await admin.send(`/partners/keys/${partner?.key}/revoke`)
    await admin.send(`/partners/${partner?.id}/disconnect`)

    expect(list.text).toContain('Connected by the operator')
    expect(list.text).not.toContain(app.key.slice(0, 20))
    expect([rolled.status, revoked.status]).toEqual([404, 404])
    expect(await statusOf(app, app.key)).toBe(404)
  })
})
