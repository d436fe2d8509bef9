import { describe, expect, it } from 'vitest'
import { startsInSeconds } from '../src/imports/submission/turn-store.js'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, untilState, uploadFile } from './support/requests.js'

const SLOW_MS = 90_000

const namesOf = (app: TestApp) => app.hubspot.control.imports().map(({ name }) => name.replace(/ \[.*/, ''))

describe('a portal’s slots', () => {
  it(
    'go round the partners: one who floods delays another’s first by one slot at most',
    async () => {
      const app = await testApp()
      const flooder = await app.createKey('Flooder')
      const other = await app.createKey('Other')
      app.hubspot.control.settings({ startedMs: 0, processingMs: 60_000 })
      const first = await uploadFile(app, { key: flooder, request: contactsRequest({ name: 'flood' }) })
      // Ten thousand more in the tables: uploading them all would prove nothing about turns.
      await app.query(
        `WITH made AS (
           INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "contentHash")
           SELECT 'imp_' || md5(n::text), "portalId", "partnerId", "name", "request", NULL FROM "Import", generate_series(1, 10000) n
           WHERE "id" = $1 RETURNING "id"
         ), file AS (
           INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256")
           SELECT 'fil_' || made."id", made."id", 0, f."name", f."format", f."bytes", f."sha256" FROM made, "ImportFile" f WHERE f."importId" = $1
         )
         INSERT INTO "ImportPart" ("id", "importId", "position") SELECT 'par_' || "id", "id", 0 FROM made`,
        [first.body.id],
      )
      const running = () => app.query(`SELECT 1 FROM "Import" WHERE "state" IN ('submitted', 'processing')`)
      await untilState({ ...app, key: flooder }, first.body, 'processing')

      const late = await uploadFile(app, { key: other, request: contactsRequest({ name: 'other' }) })

      expect(late.body.queue?.position).toBeLessThanOrEqual(2)
      await until(
        () => namesOf(app),
        (names) => names.includes('other'),
      )
      expect(namesOf(app).indexOf('other')).toBeLessThanOrEqual(2)
      expect((await running()).length).toBeLessThanOrEqual(3)
    },
    SLOW_MS,
  )

  it('hold two large imports at most, and go on with smaller ones', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ startedMs: 0, processingMs: 60_000 })
    for (let i = 1; i <= 3; i++)
      await uploadFile(app, { file: contactsCsv(10_001), request: contactsRequest({ name: `large ${i}` }) })

    const small = await uploadFile(app, { request: contactsRequest({ name: 'small' }) })

    await untilState(app, small.body, 'processing')
    expect(namesOf(app).sort()).toEqual(['large 1', 'large 2', 'small'])
  })

  it('are not held up by another portal’s uploads that HubSpot does not read', async () => {
    const app = await testApp()
    await app.install('222222')
    const elsewhere = await app.createKey('Partner', '222222')
    app.hubspot.control.fault({ on: 'create', portalId: PORTAL, times: 0, do: { readBytesPerSecond: 0 } })
    for (let i = 0; i < 5; i++) await uploadFile(app, { file: contactsCsv(200_000) })
    await until(
      () => app.query(`SELECT 1 FROM "Import" WHERE "state" = 'submitting'`),
      (rows) => rows.length === 2,
    )

    const { body } = await uploadFile(app, { key: elsewhere, portalId: '222222' })

    await untilState({ ...app, key: elsewhere }, { ...body, portalId: '222222' }, 'done')
    app.hubspot.control.clearFaults()
  })

  it('are not taken for ever by answers that were lost', async () => {
    const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '0' } })
    app.hubspot.control.fault({ on: 'create', times: 3, do: { status: 502 } })
    for (let i = 0; i < 3; i++) await untilState(app, (await uploadFile(app)).body, 'ambiguous')
    const waiting = await uploadFile(app)
    await app.query(`UPDATE "Import" SET "startedAt" = now() - interval '16 minutes' WHERE "state" = 'ambiguous'`)
    await app.query(`UPDATE "Import" SET "nextAttemptAt" = now() - interval '1 minute' WHERE "state" = 'accepted'`)

    await app.sweep()

    await untilState(app, waiting.body, 'done')
  })
})

describe('the queue', () => {
  it('is told in each import that waits for its turn: its place, and when it will probably start', async () => {
    const app = await testApp({ work: false })
    const other = await app.createKey('Other')
    const made = [await uploadFile(app), await uploadFile(app), await uploadFile(app, { key: other }), await uploadFile(app)]

    const places = await Promise.all(
      made.map(async ({ body }, i) => (await ask(app, body.links.self, i === 2 ? other : app.key)).body.queue),
    )
    const listed = await ask<{ results: { queue: { position: number } }[] }>(app, `/v1/portals/${PORTAL}/imports`)

    expect(places.map((place) => place?.position)).toEqual([1, 3, 2, 4])
    expect(listed.body.results.map(({ queue }) => queue.position)).toEqual([4, 3, 1])
    const starts = places.map((place) => Date.parse(String(place?.estimatedStartAt)))
    expect(starts[3]).toBeGreaterThan(starts[0] ?? Number.POSITIVE_INFINITY)
  })

  it('has no place for an import that runs or has ended', async () => {
    const app = await testApp()
    const { body } = await uploadFile(app)

    expect((await untilState(app, body, 'done')).queue).toBeNull()
  })

  it.each([
    ['a free slot: at once', 1, { running: 0, averageSeconds: 100, blockedSeconds: 0 }, 0],
    ['the third slot: at once', 1, { running: 2, averageSeconds: 100, blockedSeconds: 0 }, 0],
    ['none free: after one import', 1, { running: 3, averageSeconds: 100, blockedSeconds: 0 }, 100],
    ['three ahead: after two', 4, { running: 3, averageSeconds: 100, blockedSeconds: 0 }, 200],
    ['a quota that lasts: after that', 1, { running: 0, averageSeconds: 100, blockedSeconds: 500 }, 500],
    ['nothing known: by what is usual', 1, { running: 3, averageSeconds: null, blockedSeconds: 0 }, 60],
  ])('expects with %s', (_name, position, pace, seconds) => {
    expect(startsInSeconds(position, pace)).toBe(seconds)
  })
})

describe('a quota of 24 hours', () => {
  it('once refused holds the portal’s imports until the window moves: HubSpot is not asked again', async () => {
    const app = await testApp()
    app.hubspot.control.portal(PORTAL, { importsPerDay: 2 })
    for (let i = 0; i < 2; i++) await untilState(app, (await uploadFile(app)).body, 'done')

    const refused = await uploadFile(app)
    const held = await untilState(app, refused.body, 'held')
    const next = await uploadFile(app)
    await app.sweep()

    expect([held.reason, next.body.state, next.body.reason]).toEqual(['quota', 'held', 'quota'])
    expect(Date.parse(String(next.body.queue?.estimatedStartAt))).toBeGreaterThan(Date.now() + 30 * 60_000)
    const creates = app.hubspot.control
      .requests()
      .filter(({ method, path }) => method === 'POST' && path.endsWith('/imports/2026-03'))
    expect(creates.map(({ status }) => status)).toEqual([200, 200, 429])
    expect(await app.query('SELECT "importsPerDay" FROM "Portal"')).toEqual([{ importsPerDay: 2 }])
  })

  it('that was learnt is kept without asking, and imports go on by themselves when the window has moved', async () => {
    const app = await testApp()
    await app.query(`UPDATE "Portal" SET "importsPerDay" = 1, "quotaLearntAt" = now()`)
    await untilState(app, (await uploadFile(app)).body, 'done')

    const waiting = await uploadFile(app)
    await until(
      async () => {
        await app.sweep()
        return (await ask(app, waiting.body.links.self)).body
      },
      ({ state }) => state === 'held',
    )
    await app.query(`UPDATE "Import" SET "startedAt" = "startedAt" - interval '25 hours' WHERE "state" = 'done'`)
    await app.query(`UPDATE "Portal" SET "quotaUntil" = now() - interval '1 second'`)
    await app.query(`UPDATE "Import" SET "nextAttemptAt" = now() - interval '1 minute' WHERE "state" = 'held'`)
    await app.sweep()

    await untilState(app, waiting.body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(2)
  })

  it('of rows holds what is too long for the rest of the day, and lets shorter imports pass', async () => {
    const app = await testApp()
    app.hubspot.control.portal(PORTAL, { rowsPerDay: 10 })
    await untilState(app, (await uploadFile(app, { file: contactsCsv(6) })).body, 'done')

    const long = await untilState(app, (await uploadFile(app, { file: contactsCsv(5) })).body, 'held')
    const short = await untilState(app, (await uploadFile(app, { file: contactsCsv(4) })).body, 'done')

    expect([long.reason, short.state]).toEqual(['quota', 'done'])
  })

  it('of rows refuses for good what is longer than all of a day', async () => {
    const app = await testApp()
    app.hubspot.control.portal(PORTAL, { rowsPerDay: 10 })

    const { body } = await uploadFile(app, { file: contactsCsv(11) })

    expect((await untilState(app, body, 'failed')).problem).toMatchObject({ code: 'hubspot_refused' })
  })

  it('that was learnt a day ago is tried again: plans change', async () => {
    const app = await testApp()
    await app.query(`UPDATE "Portal" SET "importsPerDay" = 1, "quotaLearntAt" = now() - interval '25 hours'`)
    for (let i = 0; i < 2; i++) await untilState(app, (await uploadFile(app)).body, 'done')

    expect(app.hubspot.control.imports()).toHaveLength(2)
  })
})
