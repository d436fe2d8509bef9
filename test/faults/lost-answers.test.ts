import { describe, expect, it, onTestFinished } from 'vitest'
import type { Fault } from '../../src/simulator/faults.js'
import { startApp, type TestApp } from '../support/app.js'
import { contactsCsv, contactsRequest, untilState, uploadFile } from '../support/requests.js'
import { createFaultProxy, type Trouble } from './support/fault-proxy.js'

const WHOLE_TEST_MS = 900_000
const PORTALS = Array.from({ length: 10 }, (_, i) => String(910_001 + i))
/** Five to each portal, twice. */
const UPLOADS = PORTALS.flatMap((portalId) => Array.from({ length: 5 }, () => portalId))

/** HubSpot has the import, and we are not told so. */
const LOST: Fault[] = [
  { reset: 'after-create' },
  { statusAfterCreate: 500 },
  { statusAfterCreate: 502 },
  { statusAfterCreate: 504 },
  { garbage: 'html', created: true },
  { garbage: 'truncated', created: true },
  { garbage: 'missing-id', created: true },
  { lateCreateMs: 700 },
]
/** The same, by what lies between: no byte of the answer comes, or some. */
const CUT: Trouble[] = [0, 1, 40, 300].map((afterBytes) => ({ cut: 'down', afterBytes }))
const CREATES = /^POST \/crm\/imports\//

describe('a hundred answers that are lost after HubSpot made the import', () => {
  it(
    'are all found again, though HubSpot’s list lags: each import is there once, and known by its id',
    async () => {
      const { app, proxy, keys } = await appBehindProxy()
      app.hubspot.control.settings({ listLagMs: 1_000 })
      const round = () =>
        Promise.all(UPLOADS.map((portalId, i) => uploadAndWait({ ...app, key: keys[portalId] ?? '' }, portalId, i)))

      for (const i of UPLOADS.keys()) app.hubspot.control.fault({ on: 'create', do: LOST[i % LOST.length] ?? { status: 0 } })
      const lostByHubSpot = await round()
      for (const i of UPLOADS.keys()) proxy.trouble(CUT[i % CUT.length] ?? { refuse: true }, { matching: CREATES, times: 1 })
      const lostOnTheWay = await round()

      const made = app.hubspot.control.imports()
      const ids = new Map(made.map(({ id, name }) => [/\[(imp_\w+)\]$/.exec(name)?.[1], id]))
      const done = [...lostByHubSpot, ...lostOnTheWay]
      expect([made.length, ids.size]).toEqual([done.length, done.length])
      expect(done.filter(({ id, parts }) => parts[0]?.hubspotImportId !== ids.get(id))).toEqual([])
      const { ambiguous = 0, adopted } = await countEvents(app)
      expect(adopted).toBe(ambiguous)
      // A create that broke off before its last bytes, on a busy machine, has used up the fault that was meant for it.
      expect(ambiguous).toBeGreaterThan(done.length * 0.9)
    },
    WHOLE_TEST_MS,
  )
})

/** An app that reaches HubSpot through a proxy, with a key for each of the portals. */
async function appBehindProxy() {
  let hubspotPort = 0
  const proxy = await createFaultProxy(() => hubspotPort)
  // A short window has the list read more often; it must be longer than a busy machine takes to send a file’s last bytes.
  const env = { HUBSPOT_API_URL: `http://127.0.0.1:${proxy.port}`, AMBIGUOUS_WINDOW_SECONDS: '20' }
  const app = await startApp({ env, install: false })
  onTestFinished(() => app.close().finally(proxy.close))
  hubspotPort = Number(new URL(app.hubspot.url).port)
  const keys: Record<string, string> = {}
  for (const portalId of PORTALS) {
    await app.install(portalId)
    keys[portalId] = await app.createKey('Partner', portalId)
  }
  return { app, proxy, keys }
}

async function uploadAndWait(app: Pick<TestApp, 'url' | 'key'>, portalId: string, i: number) {
  const request = contactsRequest({ name: `Upload ${i}` })
  const { body } = await uploadFile(app, { portalId, request, file: contactsCsv(3 + i) })
  return untilState(app, body, WHOLE_TEST_MS, 'done')
}

async function countEvents({ query }: TestApp): Promise<Record<string, number>> {
  const rows = await query<{ type: string; count: number }>(
    `SELECT "type", count(*)::int AS count FROM "ImportEvent" WHERE "type" IN ('ambiguous', 'adopted') GROUP BY "type"`,
  )
  return Object.fromEntries(rows.map(({ type, count }) => [type, count]))
}
