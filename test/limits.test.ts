import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { MAX_WAITING } from '../src/imports/import-store.js'
import { PORTAL, type TestApp, testApp } from './support/app.js'
import { ask, contactsRequest, uploadFile } from './support/requests.js'

const BOUNDARY = 'b'

/** An upload that stays open; resolves to its status should it be refused, or to undefined once its first bytes were taken. */
function openUpload(app: TestApp): { answered: Promise<number>; destroy: () => void } {
  const sending = request(`${app.url}/v1/portals/${PORTAL}/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  })
  sending.write(
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="importRequest"\r\n\r\n${JSON.stringify(contactsRequest())}\r\n`,
  )
  const answered = new Promise<number>((resolve) => {
    sending.once('response', (res) => resolve(res.statusCode ?? 0))
    sending.once('error', () => resolve(0))
  })
  return { answered, destroy: () => void sending.destroy() }
}

describe('D6.127: one partner', () => {
  it('may not have more uploads at once than a process bears; another one may', async () => {
    const app = await testApp({ work: false })
    const other = await app.createKey('Other')
    const uploads = Array.from({ length: 210 }, () => openUpload(app))

    const status = await Promise.race(uploads.map(({ answered }) => answered))
    const refused = await uploadFile(app)
    const form = new FormData()
    form.append('importRequest', JSON.stringify(contactsRequest()))
    // Whatever call they come by.
    const asForHubSpot = await fetch(`${app.url}/hubspot/${PORTAL}/crm/v3/imports`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${app.key}` },
    })
    const elsewhere = await uploadFile(app, { key: other })
    for (const { destroy } of uploads) destroy()

    expect([status, refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      429,
      'too_many_uploads',
      '2',
    ])
    expect(asForHubSpot.status).toBe(429)
    expect(elsewhere.status).toBe(202)
  })

  it('may not queue without end: what is too much is refused, kept nowhere, and can be sent later', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await app.query(
      `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request")
       SELECT 'imp_' || md5(n::text), "portalId", "partnerId", "name", "request" FROM "Import", generate_series(1, $2::int) n WHERE "id" = $1`,
      [body.id, MAX_WAITING - 1],
    )

    const refused = await uploadFile(app)
    const cancel = await fetch(`${body.links.self}/cancel`, { method: 'POST', headers: { authorization: `Bearer ${app.key}` } })
    const later = await uploadFile(app)

    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([429, 'too_many_waiting', '300'])
    expect([cancel.status, later.status]).toEqual([200, 202])
    expect(await app.storedFiles()).toHaveLength(2)
  })
})

describe('a long queue', () => {
  it('does not keep a portal from going on, nor from being held and released', async () => {
    const app = await testApp({ work: false })
    const other = await app.createKey('Other')
    const { body } = await uploadFile(app)
    const { turns } = app.deps.forJobs
    await app.query(
      `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "reason", "nextAttemptAt")
       SELECT 'imp_' || md5(n::text), "portalId", "partnerId", "name", "request", 'held', 'quota', now() FROM "Import", generate_series(1, 100000) n
       WHERE "id" = $1`,
      [body.id],
    )
    const late = await uploadFile(app, { key: other })

    const claims = [await turns.claimNext(PORTAL), await turns.claimNext(PORTAL)]
    await app.query(`UPDATE "Portal" SET "status" = 'reconnect'`)
    await turns.holdUnready()
    await app.query(`UPDATE "Portal" SET "status" = 'connected'`)

    expect(claims.map((claim) => claim?.importId)).toContain(late.body.id)
    expect(await turns.releaseReady()).toEqual([PORTAL])
    expect((await ask({ ...app, key: other }, late.body.links.self)).status).toBe(200)
  })
})
