import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from './support/app.js'
import { listen, listenPiecemeal, type Told } from './support/events.js'
import { ask, untilState, uploadFile } from './support/requests.js'

/** Whoever waits for a lock. */
const WAITING = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`

/** A part of an import, as a large file has several; resolves to its id. */
async function splitOff(app: TestApp, wholeId: string, partNumber: number): Promise<string> {
  const id = `imp_${String(partNumber).repeat(32)}`
  await app.query(
    `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "wholeId", "partNumber", "firstLine")
     SELECT $1, "portalId", "partnerId", "name", "request", "state", "id", $3, 1 FROM "Import" WHERE "id" = $2`,
    [id, wholeId, partNumber],
  )
  return id
}

/** Writes events of a part, each in a transaction that stays open until it is committed. */
async function openWriter(app: TestApp, importId: string) {
  const client = new pg.Client({ connectionString: app.databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  return {
    async write(): Promise<void> {
      await client.query('BEGIN')
      await client.query(`UPDATE "Import" SET "updatedAt" = now() WHERE "id" = $1`, [importId])
      await client.query(`INSERT INTO "ImportEvent" ("importId", "type") VALUES ($1, 'held')`, [importId])
    },
    commit: async () => void (await client.query('COMMIT')),
  }
}

describe('GET …/imports/:importId/events', () => {
  it('tells what happens to an import until it has ended, and then ends', async () => {
    const app = await testApp()
    const { body } = await uploadFile(app)

    const { status, told } = await listen(app, `/v1/portals/${PORTAL}/imports/${body.id}/events`)

    expect(status).toBe(200)
    expect(told.map(({ type }) => type)).toEqual(expect.arrayContaining(['accepted', 'submitting', 'submitted', 'done']))
    expect(told.map(({ id }) => Number(id))).toEqual(told.map(({ id }) => Number(id)).toSorted((a, b) => a - b))
  })

  it('goes on after the last event that came, none lost and none twice over a hundred disconnections', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    const path = `/v1/portals/${PORTAL}/imports/${body.id}/events`
    await app.query(`INSERT INTO "ImportEvent" ("importId", "type") SELECT $1, 'held' FROM generate_series(1, 150)`, [body.id])
    await app.query(`UPDATE "Import" SET "state" = 'canceled'`)

    const all: Told[] = []
    for (let connections = 0; connections < 100; connections++) all.push(...(await listen(app, path, all.at(-1)?.id, 1)).told)
    all.push(...(await listen(app, path, all.at(-1)?.id)).told)

    const events = await app.query<{ id: string }>('SELECT "id"::text FROM "ImportEvent" e ORDER BY e."id"')
    expect(all.map(({ id }) => id)).toEqual(events.map(({ id }) => id))
  })

  it('loses none over a hundred disconnections while parts of the import write at once, and some commit late', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    const path = `/v1/portals/${PORTAL}/imports/${body.id}/events`
    const [one, other] = [await splitOff(app, body.id, 1), await splitOff(app, body.id, 2)]
    const [late, early] = [await openWriter(app, one), await openWriter(app, other)]

    const listening = listenPiecemeal(app, path)
    for (let round = 0; round < 50; round++) {
      await late.write()
      const waits = early.write().then(early.commit)
      await Promise.race([
        waits,
        until(
          () => app.query(WAITING),
          ({ length }) => length > 0,
        ),
      ])
      await late.commit()
      await waits
    }
    await app.query(
      `WITH i AS (UPDATE "Import" SET "state" = 'canceled' WHERE "id" = $1 RETURNING "id")
       INSERT INTO "ImportEvent" ("importId", "type") SELECT "id", 'canceled' FROM i`,
      [body.id],
    )

    const events = await app.query<Told>('SELECT "id"::text, "type" FROM "ImportEvent" e ORDER BY e."id"')
    expect(await listening).toEqual(events)
    expect([events.length, events.at(-1)?.type]).toEqual([102, 'canceled'])
  })

  it('is answered like a missing one to another partner', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await app.install(OTHER_PORTAL)
    const stranger = await app.createKey('Stranger', OTHER_PORTAL)

    const res = await ask({ ...app, key: stranger }, `/v1/portals/${OTHER_PORTAL}/imports/${body.id}/events`)

    expect([res.status, res.body.code]).toEqual([404, 'import_not_found'])
  })
})

describe('Prefer: wait', () => {
  it('answers once HubSpot has taken the import, and says that it has waited', async () => {
    const app = await testApp()

    const { status, headers, body } = await uploadFile(app, { headers: { prefer: 'respond-async, wait=30' } })

    expect([status, headers.get('preference-applied')]).toEqual([202, 'wait=30'])
    expect(['accepted', 'submitting']).not.toContain(body.state)
  })

  it('answers after the time that was given, whatever HubSpot does', async () => {
    const app = await testApp({ work: false })

    const { status, body } = await uploadFile(app, { headers: { prefer: 'wait=1' } })

    expect([status, body.state]).toEqual([202, 'accepted'])
  })

  it.each(['wait=x', 'wait=-1', 'handling=strict', 'wait'])('is left aside when it is "%s"', async (prefer) => {
    const app = await testApp({ work: false })

    const { status, headers } = await uploadFile(app, { headers: { prefer } })

    expect([status, headers.get('preference-applied')]).toEqual([202, null])
  })
})

describe('GET …/imports and …/imports/:importId', () => {
  it('answers 304 while the import is as it was, and anew once it is not', async () => {
    const app = await testApp()
    const { body } = await uploadFile(app)
    await untilState(app, body, 'done')
    const url = `${app.url}/v1/portals/${PORTAL}/imports/${body.id}`
    const authorization = `Bearer ${app.key}`

    const first = await fetch(url, { headers: { authorization } })
    const etag = first.headers.get('etag') ?? ''
    const same = await fetch(url, { headers: { authorization, 'if-none-match': etag } })
    await app.query(`UPDATE "Import" SET "name" = 'Another'`)
    const changed = await fetch(url, { headers: { authorization, 'if-none-match': etag } })

    expect([etag.length > 10, same.status, changed.status]).toEqual([true, 304, 200])
  })

  it('names the next page in a Link as well, up to the last', async () => {
    const app = await testApp({ work: false })
    for (let sent = 0; sent < 3; sent++) await uploadFile(app)
    const authorization = `Bearer ${app.key}`

    const seen: string[] = []
    for (let url: string | undefined = `${app.url}/v1/portals/${PORTAL}/imports?limit=2`; url; ) {
      const res: Response = await fetch(url, { headers: { authorization } })
      const { results } = (await res.json()) as { results: { id: string }[] }
      seen.push(...results.map(({ id }) => id))
      url = /<([^>]+)>; rel="next"/.exec(res.headers.get('link') ?? '')?.[1]
    }

    expect(new Set(seen).size).toBe(3)
  })
})
