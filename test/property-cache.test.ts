import { describe, expect, it } from 'vitest'
import { createPropertyCache } from '../src/portals/property-cache.js'
import type { Fault } from '../src/simulator/faults.js'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { uploadFile } from './support/requests.js'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** A cache of its own beside an app, with a clock that is set by hand. */
async function testCache() {
  const app = await testApp({ work: false })
  let now = 1_000_000
  const cache = createPropertyCache(app.deps, () => now)
  const asked = () => app.hubspot.control.requests().filter(({ path }) => path.includes('/properties/')).length
  return {
    app,
    /** The labels of the portal's contact properties of this name; undefined: they are not known. */
    find: async (objectType = '0-1') => (await cache.find(PORTAL, objectType))?.map(({ label }) => label),
    pass: (ms: number) => {
      now += ms
    },
    /** How often HubSpot was asked meanwhile. */
    count: async (act: () => Promise<unknown>) => {
      const before = asked()
      await act()
      return asked() - before
    },
  }
}

function label(app: TestApp, text: string): void {
  const properties = { '0-1': [{ name: 'email', label: text, type: 'string' as const, fieldType: 'text' }] }
  app.hubspot.control.portal(PORTAL, { properties })
}

const fail = (app: TestApp, fault: Fault = { status: 503 }) =>
  app.hubspot.control.fault({ on: 'properties', times: 0, do: fault })

describe('a portal’s properties', () => {
  it('are asked for once, however many want to know, by whichever case of the name', async () => {
    const { find, count } = await testCache()

    expect(await count(() => Promise.all(['contacts', 'CONTACTS', 'contacts', 'Contacts'].map((name) => find(name))))).toBe(1)
  })

  it('are good for ten minutes, and read again after that', async () => {
    const { app, find, pass, count } = await testCache()
    label(app, 'first')
    await find()
    label(app, 'second')

    pass(10 * MINUTE_MS)
    expect(await count(async () => expect(await find()).toEqual(['first']))).toBe(0)
    pass(1)
    expect(await count(async () => expect(await find()).toEqual(['second']))).toBe(1)
  })

  it('are good for ten minutes more when HubSpot says that they are the same', async () => {
    const { app, find, pass, count } = await testCache()
    label(app, 'first')
    await find()

    pass(10 * MINUTE_MS + 1)
    expect(await count(async () => expect(await find()).toEqual(['first']))).toBe(1)
    expect(app.hubspot.control.requests().at(-1)).toMatchObject({ status: 304 })
    pass(10 * MINUTE_MS)
    expect(await count(async () => expect(await find()).toEqual(['first']))).toBe(0)
  })

  it('are used for a day when HubSpot does not tell them again', async () => {
    const { app, find, pass } = await testCache()
    label(app, 'first')
    await find()
    fail(app)

    pass(10 * MINUTE_MS + 1)
    expect(await find()).toEqual(['first'])
    pass(24 * HOUR_MS - 10 * MINUTE_MS - 1)
    expect(await find()).toEqual(['first'])
    pass(1)
    expect(await find()).toBeUndefined()
  })

  it('are not asked for again within half a minute of a failure', async () => {
    const { app, find, pass, count } = await testCache()
    label(app, 'first')
    fail(app)
    expect(await find()).toBeUndefined()
    app.hubspot.control.clearFaults()

    pass(30 * SECOND_MS)
    expect(await count(async () => expect(await find()).toBeUndefined())).toBe(0)
    pass(1)
    expect(await count(async () => expect(await find()).toEqual(['first']))).toBe(1)
  })

  it('of one object type that fail do not keep another’s from being asked for', async () => {
    const { app, find } = await testCache()
    label(app, 'first')
    app.hubspot.control.fault({ on: 'properties', times: 1, do: { status: 403, body: { category: 'MISSING_SCOPES' } } })

    expect(await find('0-2')).toBeUndefined()
    expect(await find('0-1')).toEqual(['first'])
  })

  it('are waited for four seconds, and known to whoever asks once they have come', async () => {
    const { app, find, count } = await testCache()
    label(app, 'late')
    fail(app, { slowMs: 6_000 })
    const start = performance.now()

    expect(await find()).toBeUndefined()

    expect(performance.now() - start).toBeGreaterThanOrEqual(3_900)
    // Whoever asks meanwhile waits for the same answer.
    expect(await count(() => until(find, (known) => known !== undefined))).toBe(0)
    expect(await find()).toEqual(['late'])
  })
})

describe('an upload whose portal’s properties are not known', () => {
  it.each<[what: string, fault: Fault]>([
    ['because the permission is missing', { status: 403, body: { category: 'MISSING_SCOPES' } }],
    ['because HubSpot fails', { status: 500 }],
    ['because HubSpot breaks off', { reset: 'at-once' }],
    ['because HubSpot answers nonsense', { garbage: 'html' }],
  ])('is checked for what is the same everywhere, and told so, %s', async (_what, fault) => {
    const app = await testApp({ work: false })
    fail(app, fault)

    const { status, body } = await uploadFile(app, { file: 'Email,First,Last\nnone,A,B\n', query: '?validateOnly=true' })

    expect(status).toBe(200)
    expect(body).toMatchObject({ isAcceptable: true, codes: { PROPERTIES_NOT_KNOWN: 1, INVALID_EMAIL: 1 } })
  })
})
