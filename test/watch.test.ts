import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { ask, untilState, uploadFile } from './support/requests.js'

type Told = { id: string; type: string }

/** Reads a stream of events until it ends, or until so many have come; resolves to what came. */
async function listen(app: TestApp, path: string, lastEventId?: string, atMost = Number.POSITIVE_INFINITY) {
  const stop = new AbortController()
  const res = await fetch(`${app.url}${path}`, {
    signal: stop.signal,
    headers: { authorization: `Bearer ${app.key}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
  })
  const told: Told[] = []
  let text = ''
  try {
    for await (const chunk of res.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString()
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, id, type] = /^id: (\d+)\nevent: (\w+)\ndata: \{/.exec(text.slice(0, end)) ?? []
        if (id && type) told.push({ id, type })
        text = text.slice(end + 2)
        if (told.length >= atMost) stop.abort()
      }
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return { status: res.status, told }
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
