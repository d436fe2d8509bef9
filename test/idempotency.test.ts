import { connect } from 'node:net'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from './support/app.js'
import { contactsCsv, contactsRequest, untilState, uploadFile } from './support/requests.js'

const withKey = (key: string) => ({ headers: { 'idempotency-key': key } })

describe('Idempotency-Key', () => {
  it('makes one import of two equal requests: the second is told so, and keeps no file', async () => {
    const app = await testApp()

    const first = await uploadFile(app, withKey('order 7'))
    const again = await uploadFile(app, withKey('order 7'))
    await untilState(app, first.body, 'done')
    const later = await uploadFile(app, withKey('order 7'))

    expect([first.status, again.status, later.status]).toEqual([202, 202, 202])
    expect([again.body.id, later.body.id, later.body.state]).toEqual([first.body.id, first.body.id, 'done'])
    expect([first, again, later].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true', 'true'])
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect([app.hubspot.control.imports().length, (await app.storedFiles()).length]).toEqual([1, 1])
  })

  it('takes a request for the same whatever the order of its JSON', async () => {
    const app = await testApp({ work: false })
    const request = contactsRequest()
    const { name, ...rest } = request

    const first = await uploadFile(app, { ...withKey('k'), request })
    const again = await uploadFile(app, { ...withKey('k'), request: { ...rest, name }, fileFirst: true })

    expect(again.body.id).toBe(first.body.id)
  })

  it.each([
    ['other bytes', { file: contactsCsv(4) }],
    ['another request', { request: contactsRequest({ name: 'Something else' }) }],
  ])('refuses %s under the same key, and keeps nothing of it', async (_name, change) => {
    const app = await testApp({ work: false })
    const first = await uploadFile(app, withKey('k'))

    const other = await uploadFile(app, { ...withKey('k'), ...change })

    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
    expect(String(other.body.detail)).toContain(first.body.id)
    expect([(await app.query('SELECT 1 FROM "Import"')).length, (await app.storedFiles()).length]).toEqual([1, 1])
  })

  it('tells a twin to come back, without reading it, while the first is still coming in', async () => {
    const app = await testApp({ work: false })
    const upload = await beginUpload(app, 'slow')
    await until(
      () => app.query('SELECT 1 FROM "IdempotencyKey"'),
      (rows) => rows.length === 1,
    )

    const twin = await uploadFile(app, withKey('slow'))
    const first = await upload.end()
    const after = await uploadFile(app, withKey('slow'))

    expect([twin.status, twin.body.code, twin.headers.get('retry-after')]).toEqual([409, 'idempotency_key_in_use', '2'])
    expect(first).toContain('HTTP/1.1 202')
    expect([after.status, after.headers.get('idempotency-replayed')]).toEqual([202, 'true'])
    expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(1)
  })

  it('is free again at once when its upload is cut off, or refused', async () => {
    const app = await testApp({ work: false })
    const upload = await beginUpload(app, 'cut')
    upload.cut()
    const refused = await uploadFile(app, { ...withKey('refused'), request: '{' })

    const afterRefusal = await uploadFile(app, withKey('refused'))
    const afterCut = await until(
      () => uploadFile(app, withKey('cut')),
      ({ status }) => status === 202,
    )

    expect([refused.status, afterRefusal.status]).toEqual([400, 202])
    expect(afterCut.headers.get('idempotency-replayed')).toBeNull()
  })

  it('passes to the next sender when the process that had it is gone, and the late one makes no second import', async () => {
    const app = await testApp({ work: false })
    const upload = await beginUpload(app, 'late')
    await until(
      () => app.query('SELECT 1 FROM "IdempotencyKey"'),
      (rows) => rows.length === 1,
    )
    await app.query(`UPDATE "IdempotencyKey" SET "leaseUntil" = now() - interval '1 second'`)

    const next = await uploadFile(app, withKey('late'))
    const late = await upload.end()

    expect(next.status).toBe(202)
    expect(late).toContain('HTTP/1.1 409')
    expect([(await app.query('SELECT 1 FROM "Import"')).length, (await app.storedFiles()).length]).toEqual([1, 1])
  })

  it('is kept for as long as its upload takes', async () => {
    const app = await testApp({ work: false })
    const upload = await beginUpload(app, 'long')
    const lease = () =>
      app.query<{ left: number }>('SELECT extract(epoch FROM "leaseUntil" - now())::float8 AS left FROM "IdempotencyKey"')
    await until(lease, (rows) => rows.length === 1)
    await app.query(`UPDATE "IdempotencyKey" SET "leaseUntil" = now() + interval '15 seconds'`)

    await until(lease, ([row]) => (row?.left ?? 0) > 20, 30_000)

    expect(await upload.end()).toContain('HTTP/1.1 202')
  })

  it('is free again when its sender hangs up while it is being claimed', async () => {
    const app = await testApp({ work: false })
    const other = new pg.Client({ connectionString: app.databaseUrl })
    await other.connect()
    await other.query('BEGIN')
    await other.query('LOCK TABLE "IdempotencyKey" IN EXCLUSIVE MODE')
    const upload = await beginUpload(app, 'gone')
    await until(
      () => app.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`),
      (waiting) => waiting.length > 0,
    )
    upload.cut()
    await other.query('COMMIT')
    await other.end()

    const next = await until(
      () => uploadFile(app, withKey('gone')),
      ({ status }) => status === 202,
    )
    expect(next.headers.get('idempotency-replayed')).toBeNull()
  })

  it('belongs to one partner and one portal: the same words elsewhere mean something else', async () => {
    const app = await testApp({ work: false })
    await app.install(OTHER_PORTAL)
    const other = await app.createKey('Other partner')
    const elsewhere = await app.createKey('Partner', OTHER_PORTAL)

    const ids = [
      await uploadFile(app, withKey('k')),
      await uploadFile(app, { ...withKey('k'), key: other }),
      await uploadFile(app, { ...withKey('k'), key: elsewhere, portalId: OTHER_PORTAL }),
    ].map(({ body }) => body.id)

    expect(new Set(ids).size).toBe(3)
  })

  it('is forgotten after seven days', async () => {
    const app = await testApp({ work: false })
    const first = await uploadFile(app, withKey('k'))
    await app.query(`UPDATE "IdempotencyKey" SET "expiresAt" = "expiresAt" - interval '7 days'`)

    const second = await uploadFile(app, withKey('k'))
    await app.query(`UPDATE "IdempotencyKey" SET "expiresAt" = "expiresAt" - interval '7 days'`)
    await app.sweep()

    expect(second.body.id).not.toBe(first.body.id)
    expect(await app.query('SELECT 1 FROM "IdempotencyKey"')).toEqual([])
  })

  it.each([
    ['longer than 255 characters', 'k'.repeat(256)],
    ['empty', ''],
    ['with a tab', 'a\tb'],
    ['with letters that are no ASCII', 'Schlüssel'],
  ])('D6.123: is refused when it is %s', async (_name, key) => {
    const app = await testApp({ work: false })

    const { status, body } = await uploadFile(app, withKey(key))

    expect([status, body.code]).toEqual([400, 'idempotency_key_invalid'])
    expect(await app.query('SELECT 1 FROM "Import"')).toEqual([])
  })

  it('D6.123: is refused when there are two', async () => {
    const app = await testApp({ work: false })
    const upload = await beginUpload(app, 'a\r\nidempotency-key: b')

    expect(await upload.end()).toContain('idempotency_key_invalid')
  })

  it('makes one import of parallel uploads', async () => {
    const app = await testApp({ work: false })

    const answers = await Promise.all(Array.from({ length: 20 }, () => uploadFile(app, withKey('k'))))

    expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(1)
    expect(answers.filter(({ headers, status }) => status === 202 && !headers.get('idempotency-replayed'))).toHaveLength(1)
    expect([...new Set(answers.map(({ status }) => status))].filter((status) => status !== 202 && status !== 409)).toEqual([])
  })
})

describe('the same file sent again without a key', () => {
  it('D5.115: is accepted, and the import names the earlier one', async () => {
    const app = await testApp({ work: false })
    const first = await uploadFile(app)

    const again = await uploadFile(app, { request: contactsRequest({ name: 'Another name' }) })
    const otherBytes = await uploadFile(app, { file: contactsCsv(5) })

    expect(again.status).toBe(202)
    expect([first, again, otherBytes].map(({ body }) => body.possibleDuplicateOf)).toEqual([null, first.body.id, null])
  })

  it('is nothing of note after seven days, from another partner, or for another portal', async () => {
    const app = await testApp({ work: false })
    await app.install(OTHER_PORTAL)
    await uploadFile(app)

    const answers = [
      await uploadFile(app, { key: await app.createKey('Other partner') }),
      await uploadFile(app, { key: await app.createKey('Partner', OTHER_PORTAL), portalId: OTHER_PORTAL }),
    ]
    await app.query(`UPDATE "Import" SET "createdAt" = now() - interval '8 days'`)
    answers.push(await uploadFile(app))

    expect(answers.map(({ body }) => body.possibleDuplicateOf)).toEqual([null, null, null])
  })
})

/** An upload that has begun, and stays so until it is told otherwise. */
async function beginUpload(app: TestApp, key: string) {
  const socket = connect(Number(new URL(app.url).port), 'localhost')
  const answer: string[] = []
  socket.on('data', (chunk) => void answer.push(chunk.toString()))
  const part = (name: string, content: string) => `--b\r\ncontent-disposition: form-data; name="${name}"${content}`
  const start = part('importRequest', `\r\n\r\n${JSON.stringify(contactsRequest())}\r\n`)
  const file = part('files', `; filename="contacts.csv"\r\n\r\n${contactsCsv(3)}`)
  const end = '\r\n--b--\r\n'
  const head = [
    `POST /v1/portals/${PORTAL}/imports HTTP/1.1`,
    'host: localhost',
    `authorization: Bearer ${app.key}`,
    `idempotency-key: ${key}`,
    'content-type: multipart/form-data; boundary=b',
    `content-length: ${Buffer.byteLength(start + file + end)}`,
    'connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${start}`)
  return {
    cut: () => socket.destroy(),
    end: async () => {
      socket.write(file + end)
      await new Promise((resolve) => socket.once('close', resolve))
      return answer.join('')
    },
  }
}
