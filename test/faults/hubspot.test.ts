import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createHubSpot } from '../../src/hubspot/hubspot.js'
import { secret } from '../../src/secret.js'
import type { Fault } from '../../src/simulator/faults.js'
import { startApp, type TestApp, testApp, until } from '../support/app.js'
import { contactsCsv } from '../support/requests.js'
import { openAccount } from './support/account.js'

// H2–H5 and H12 are in access.test.ts, H30 in access-token.test.ts and oauth.test.ts, H31 in disconnect.test.ts, what of H20
// and H27 has to do with time in races.test.ts, H32 for every other call in impersonation.test.ts.

const longRows = (count: number) =>
  `Email,First,Last\n${Array.from({ length: count }, (_, i) => `p${i}@example.com,${'x'.repeat(4_000)},Last\n`).join('')}`
/** Some 4 MB: HubSpot answers, or cuts, while they are still being sent. */
const LARGE_FILE = longRows(1_000)
/** More than the buffers of two sockets take up. */
const HUGE_FILE = longRows(4_000)

// They mostly wait, for a second to pass, for the next look at the list; more of them would wait for one another.
vi.setConfig({ maxConcurrency: 6 })

/** One app for all tests of a group, each with an account of its own. */
function sharedApp(env: Record<string, string>, prepare: (app: TestApp) => unknown = () => undefined) {
  const shared: { app: TestApp | undefined } = { app: undefined }
  beforeAll(async () => {
    shared.app = await startApp({ env, install: false })
    await prepare(shared.app)
  })
  afterAll(() => shared.app?.close())
  return () => {
    if (!shared.app) throw new Error('not started')
    return shared.app
  }
}

/** From now on the app reaches HubSpot in this way, in requests and in background work. */
function reach({ deps, config }: TestApp, apiUrl = config.hubspot.apiUrl, deadlines?: Parameters<typeof createHubSpot>[1]): void {
  Object.assign(deps.hubspot, createHubSpot({ ...config.hubspot, apiUrl }, deadlines))
}

async function listen<T extends Server>(server: T): Promise<{ server: T; port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

const hasRaised = (app: TestApp, kind: string) =>
  app.query('SELECT 1 FROM "Alarm" WHERE "kind" = $1', [kind]).then((rows) => rows.length === 1)

/** When an import will be tried again, as seconds from when that was decided. */
const waitOf = async (app: TestApp, { id }: { id: string }) =>
  (
    await app.query<{ seconds: number }>(
      `SELECT round(extract(epoch FROM "nextAttemptAt" - "updatedAt"))::int AS seconds FROM "Import" WHERE "id" = $1 AND "attempts" = 1`,
      [id],
    )
  )[0]?.seconds

describe.concurrent('an answer that is certain', () => {
  const shared = sharedApp({})

  it.each([
    ['H1: 400', { status: 400, body: { category: 'VALIDATION_ERROR', message: 'No.', correlationId: 'c-1' } }, 'No.', 'c-1'],
    ['H1: 422', { status: 422, body: { message: 'Not so.', correlationId: 'c-2' } }, 'Not so.', 'c-2'],
    ['H1: 400 and a page', { status: 400, body: '<h1>HTTP ERROR 400</h1>' }, 'HubSpot answered with status 400.', null],
    ['H8: 413', { status: 413, body: '<h1>Too large</h1>' }, '512 MB and 1,048,576 rows', null],
    ['H9: 414', { status: 414, body: '' }, 'status 414', null],
    ['H9: 415', { status: 415, body: '' }, 'status 415', null],
    ['H9: 431', { status: 431, body: '' }, 'status 431', null],
    ['H24: 413 before the body was read', { status: 413, early: true, body: 'no' }, 'status 413', null],
  ])('of %s fails the import with what HubSpot said, and is not asked for twice', async (name, fault, detail, correlationId) => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', times: 0, do: fault })

    const made = await account.upload('early' in fault ? LARGE_FILE : undefined)
    const failed = await account.untilState(made, 'failed')
    await shared().sweep()

    expect(failed.problem).toEqual({ code: 'hubspot_refused', detail: expect.stringContaining(detail), correlationId })
    expect([account.creates().length, account.imports()]).toEqual([1, []])
    if (name.startsWith('H9')) await expect.poll(() => hasRaised(shared(), 'request_malformed')).toBe(true)
  })

  it.each([
    ['without a Retry-After', 10, undefined],
    ['with a Retry-After of 0', 10, '0'],
    ['of −1', 10, '-1'],
    ['in words', 10, 'soon'],
    ['of 70', 70, '70'],
    ['of thirty years', 86_400, '1000000000'],
    ['of four hundred digits', 86_400, '9'.repeat(400)],
    ['of a date in a month', 86_400, new Date(Date.now() + 30 * 86_400_000).toUTCString()],
    ['of a date that is over', 10, new Date(Date.now() - 60_000).toUTCString()],
  ])('H11: of 429 %s is a wait of %i seconds, and no try before', async (_name, seconds, text) => {
    const account = await openAccount(shared())
    const headers: Record<string, string> = text === undefined ? {} : { 'retry-after': text }
    account.fault({ on: 'create', do: { status: 429, headers } })

    const made = await account.upload()
    const wait = await until(
      () => waitOf(shared(), made),
      (decided) => (decided ?? 0) >= seconds,
    )
    await shared().sweep()

    expect(wait).toBe(seconds)
    expect(await account.look(made)).toMatchObject({ state: 'accepted', reason: null, problem: null })
    expect([account.creates().length, account.imports()]).toEqual([1, []])
  })

  it.each([
    ['the calls of a day', { policyName: 'DAILY', errorType: 'RATE_LIMIT' }],
    ['the imports of a day', { errorType: 'PAID_PORTAL_IMPORTS_LIMIT', message: 'It can run - 500' }],
    ['the rows of a day', { errorType: 'FREE_PORTAL_IMPORT_ROWS_LIMIT' }],
  ])('H11: of 429 for %s holds the import', async (_name, body) => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', times: 0, do: { status: 429, body } })

    const made = await account.upload()
    const held = await account.untilState(made, 'held')

    expect(held.reason).toBe('quota')
    expect([account.creates().length, account.imports()]).toEqual([1, []])
  })

  it('H10: of 423 is tried again, two seconds later at the earliest', async () => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: { status: 423 } })

    await account.untilState(await account.upload(), 'done')

    const [first, second] = account.creates()
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_000)
    expect([account.creates().length, account.imports().length]).toEqual([2, 1])
  })

  it.each([301, 307, 308])('H22: of %i holds the import, and takes the token nowhere else', async (status) => {
    const { url, control } = shared().hubspot
    const account = await openAccount(shared())
    const headers = { location: `${url.replace('127.0.0.1', 'localhost')}/elsewhere` }
    account.fault({ on: 'create', times: 0, do: { status, headers } })

    const made = await account.upload()
    const held = await account.untilState(made, 'held')

    expect(control.requests().filter(({ path }) => path === '/elsewhere')).toEqual([])
    expect([held.reason, account.creates().length, account.imports()]).toEqual(['busy', 1, []])
    await expect.poll(() => hasRaised(shared(), 'api_path_unknown')).toBe(true)
  })

  it.each([408, 409, 500, 502, 503, 521])('H14: of %i while the body is sent is sent again at once', async (status) => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: { status, early: true } })

    const made = await account.upload(LARGE_FILE)
    await account.untilState(made, 'done')

    expect(await account.whys(made)).toContain(`status ${status}`)
    expect(await account.events(made)).not.toContain('ambiguous')
    expect([account.answers(), account.imports().length]).toEqual([[status, 200], 1])
  })

  it('H33: comes over a connection that no other call has used; a reading that a stale one lost is repeated', async () => {
    const account = await openAccount(shared())
    account.fault({ on: 'get', do: { reset: 'at-once' } })

    for (let i = 0; i < 2; i++) await account.untilState(await account.upload(), 'done')

    expect(account.creates().map(({ onItsOwn }) => onItsOwn)).toEqual([true, true])
    expect(account.asked(/^GET .*\/imports\/[\d-]+\/\d+$/).length).toBeGreaterThanOrEqual(2)
    const troubles = shared().logged.filter((line) => line.includes(account.portalId) && line.includes('could not be followed'))
    expect(troubles).toEqual([])
  })
})

describe.concurrent('an answer that is lost, though HubSpot made the import,', () => {
  const shared = sharedApp({ AMBIGUOUS_WINDOW_SECONDS: '8' }, ({ hubspot }) => hubspot.control.settings({ pageSize: 1 }))

  it.each<[string, Fault]>([
    ...[201, 202, 204, 302, 303, 304].map((status): [string, Fault] => [`H22: by a ${status}`, { statusAfterCreate: status }]),
    ['H17: by a reset after the last byte', { reset: 'after-create' }],
    ...(['html', 'truncated', 'empty', 'wrong-type', 'huge', 'missing-id', 'number-id'] as const).map(
      (garbage): [string, Fault] => [`H21: in a body that is ${garbage}`, { garbage }],
    ),
  ])('%s, is found, and the import never sent twice', async (_name, fault) => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: fault })

    const made = await account.upload()
    const done = await account.untilState(made, 'done')

    const [held, ...others] = account.imports()
    expect([done.parts[0]?.hubspotImportId, others, account.creates().length]).toEqual([held?.id, [], 1])
    expect(await account.events(made)).toContain('ambiguous')
  })

  it.each<[string, Fault | undefined]>([
    ['is empty', { scramble: 'empty' }],
    ['shows everything twice', { scramble: 'duplicated' }],
    ['is out of order', { scramble: 'reversed' }],
    ['has no names in it', { scramble: 'nameless' }],
    ['has many pages', undefined],
    ['shows it under the name that somebody gave it', undefined],
  ])('H20: is found though the list, after it could not be read at all, %s', async (name, fault) => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: { reset: 'after-create' } })
    account.fault({ on: 'list', do: { status: 503 } })
    const made = await account.upload()
    await account.untilState(made, 'ambiguous')
    await until(
      () => account.isPutOff(made),
      (isPutOff) => isPutOff && account.lists().length >= 1,
    )

    if (fault) account.fault({ on: 'list', do: fault })
    if (name.includes('pages')) for (let i = 0; i < 2; i++) await account.untilState(await account.upload(), 'done')
    if (name.includes('somebody')) shared().hubspot.control.renameImport(account.imports()[0]?.id ?? '', 'Quite another')
    const before = account.lists().length
    await account.lookNow(made)
    if (name.includes('no names')) {
      await until(
        () => account.isPutOff(made),
        (isPutOff) => isPutOff && account.lists().length > before,
      )
      const scans = await shared().query('SELECT "cleanScans" AS scans FROM "ImportPart" WHERE "importId" = $1', [made.id])
      expect(scans).toEqual([{ scans: 0 }])
      await account.lookNow(made)
    }
    const done = await account.untilState(made, 'done')

    const more = name.includes('pages') ? 2 : 0
    expect(done).toMatchObject({ problem: null, parts: [{ hubspotImportId: account.imports()[0]?.id }] })
    expect([account.creates().length, account.imports().length]).toEqual([1 + more, 1 + more])
  })
})

describe.concurrent('an answer that is lost while the list is late', () => {
  const shared = sharedApp({ AMBIGUOUS_WINDOW_SECONDS: '16' }, ({ hubspot }) => hubspot.control.settings({ listLagMs: 2_500 }))

  it('H18: is found as soon as the list shows it, and the import never sent twice', async () => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: { reset: 'after-create' } })

    await account.untilState(await account.upload(), 'done')

    expect(account.lists().length).toBeGreaterThanOrEqual(2)
    expect([account.creates().length, account.imports().length]).toEqual([1, 1])
  })
})

describe.concurrent('a connection that is cut', () => {
  // The commit point takes a while: the cut is over before the last bytes could leave.
  const slowCommit = `
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END';
    CREATE TRIGGER wait BEFORE UPDATE ON "ImportPart" FOR EACH ROW
      WHEN (OLD."committedAt" IS NULL AND NEW."committedAt" IS NOT NULL) EXECUTE FUNCTION wait()`
  const ENDING_BYTES = 51
  const file = contactsCsv(20_000)
  let bodyBytes = 0
  const shared = sharedApp({ AMBIGUOUS_WINDOW_SECONDS: '1' }, async (app) => {
    const account = await openAccount(app)
    await account.untilState(await account.upload(file), 'done')
    bodyBytes = account.imports()[0]?.contentLength ?? 0
    await app.query(slowCommit)
  })

  it.each<[string, () => number]>([
    ['at its first byte', () => 0],
    ['after a byte', () => 1],
    ['halfway', () => Math.floor(bodyBytes / 2)],
    ['right before the last bytes', () => bodyBytes - ENDING_BYTES],
  ])('H16: %s leaves no doubt: the import is sent again, without looking for it', async (_name, cut) => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: { reset: { afterBytes: cut() } } })

    const made = await account.upload(file)
    await account.untilState(made, 'done')

    expect(await account.events(made)).not.toContain('ambiguous')
    expect([account.creates().length, account.imports().length]).toEqual([2, 1])
  })

  it('H16: within the last bytes leaves doubt, and one import', async () => {
    const account = await openAccount(shared())
    account.fault({ on: 'create', do: { reset: { afterBytes: bodyBytes - 1 } } })

    const made = await account.upload(file)
    await account.untilState(made, 'done')

    expect(await account.events(made)).toContain('ambiguous')
    expect(account.imports()).toHaveLength(1)
  })
})

// Both wait for seconds on end, and may as well do so at the same time.
describe.concurrent('HubSpot leaves open what it did:', () => {
  describe('an answer after which HubSpot may or may not have the import', () => {
    const shared = sharedApp({ AMBIGUOUS_WINDOW_SECONDS: '1' })

    // What sees it in time is there; cancelling what is one too many, and what nobody looks for any more, are not. It takes the
    // longest, and comes first.
    it('H19: and makes it after we sent it again: both are seen, the older one counts, a person is asked', async () => {
      const account = await openAccount(shared())
      account.fault({ on: 'create', do: { lateCreateMs: 20_000 } })
      account.fault({ on: 'create', do: { reset: 'after-create' } })
      // Read three times without it, and then not at all before it is there.
      account.fault({ on: 'list', after: 3, do: { status: 503 } })

      const made = await account.upload()
      await until(
        () => account.imports().length,
        (count) => count === 2,
      )
      await until(
        () => account.isPutOff(made),
        (isPutOff) => isPutOff && account.lists().length > 3,
      )
      await account.lookNow(made)
      const review = await account.untilState(made, 'needs_review')

      expect(review.problem).toMatchObject({ code: 'hubspot_duplicate', detail: expect.stringContaining('2 times') })
      expect(review.parts[0]?.hubspotImportId).toBe(account.imports()[0]?.id)
      expect(account.creates()).toHaveLength(2)
    })

    it.each([['H6', 408], ...[500, 502, 503, 504, 521, 522, 523, 524, 525].map((status): [string, number] => ['H13', status])])(
      '%s: %i: is looked for; what is there is taken, what is not is sent again after the window',
      async (_name, status) => {
        const account = await openAccount(shared())
        account.fault({ on: 'create', do: { statusAfterCreate: status } })
        account.fault({ on: 'create', do: { status } })

        const uploads = [await account.upload(), await account.upload()]
        for (const made of uploads) await account.untilState(made, 'done')

        const log = account.asked(/\/imports\/[\d-]+$/)
        const lastCreate = log.findLastIndex(({ method }) => method === 'POST')
        expect(log.slice(0, lastCreate).filter(({ method }) => method === 'GET').length).toBeGreaterThanOrEqual(3)
        expect([account.answers().sort(), account.imports().length]).toEqual([[200, status, status], 2])
        for (const made of uploads) expect(await account.events(made)).toContain('ambiguous')
      },
    )

    it('H7: 409: is looked for; what is there is taken, what is not has failed, and neither is sent again', async () => {
      const account = await openAccount(shared())
      account.fault({ on: 'create', do: { statusAfterCreate: 409 } })
      account.fault({ on: 'create', do: { status: 409 } })

      const uploads = [await account.upload(), await account.upload()]
      const ends = [
        await account.untilState(uploads[0] ?? { id: '' }, 'done', 'failed'),
        await account.untilState(uploads[1] ?? { id: '' }, 'done', 'failed'),
      ]

      expect(ends.map(({ state }) => state).sort()).toEqual(['done', 'failed'])
      expect(ends.find(({ state }) => state === 'failed')?.problem).toMatchObject({ code: 'hubspot_refused' })
      expect([account.creates().length, account.imports().length]).toEqual([2, 1])
    })
  })

  describe('a HubSpot that takes its time', () => {
    const deadlines = { callMs: 15_000, createMs: 15_000, createIdleMs: 6_000 }
    const shared = sharedApp({ AMBIGUOUS_WINDOW_SECONDS: '1' }, (app) => reach(app, undefined, deadlines))

    it.each<[string, Fault, { creates: number; isLost: boolean }]>([
      ['H23: that answers drop by drop', { dripBytesPerSecond: 10 }, { creates: 1, isLost: true }],
      ['that never answers though it has the import', { hang: 'after-create' }, { creates: 1, isLost: true }],
      ['H25: that never answers', { hang: 'before-create' }, { creates: 2, isLost: true }],
      ['H25: that says "wait" a few times', { informational: 20 }, { creates: 1, isLost: false }],
    ])('%s is waited for only so long, and gets one import', async (_name, fault, { creates, isLost }) => {
      const account = await openAccount(shared())
      account.fault({ on: 'create', do: fault })

      const made = await account.upload()
      await account.untilState(made, 'done')

      expect((await account.events(made)).includes('ambiguous')).toBe(isLost)
      expect([account.creates().length, account.imports().length]).toEqual([creates, 1])
    })

    it('H25: and says "wait" without end is left, and gets one import', async () => {
      const account = await openAccount(shared())
      account.fault({ on: 'create', do: { informational: 0 } })

      const made = await account.upload()
      await account.untilState(made, 'done')

      expect(await account.whys(made)).toContain('too many interim answers')
      expect([account.creates().length, account.imports().length]).toEqual([2, 1])
    })

    it('H26: to read is left: what it has not read whole is no import, and is sent again', async () => {
      const account = await openAccount(shared())
      account.fault({ on: 'create', do: { readBytesPerSecond: 0 } })

      const made = await account.upload(HUGE_FILE)
      await account.untilState(made, 'done')

      expect(await account.events(made)).not.toContain('ambiguous')
      expect([account.creates().length, account.imports().length]).toEqual([2, 1])
    })
  })
})

describe('a create', () => {
  const BYTES = 256 * 1024 * 1024

  /** One of a file that is made as it is read, to a HubSpot that answers, or does not, as soon as it sees the headers. */
  async function createAt(port: number, file: () => AsyncIterable<Buffer>) {
    const config = { apiUrl: `http://127.0.0.1:${port}`, apiVersion: '2026-03', clientSecret: secret('client-secret') }
    return createHubSpot(config, { callMs: 3_000, createMs: 60_000, createIdleMs: 3_000 }).createImport({
      accessToken: secret('token'),
      importRequest: {},
      files: [{ name: 'a.csv', format: 'CSV', bytes: BYTES, sha256: '', read: file }],
      beforeLastBytes: () => Promise.reject(new Error('not reached')),
      signal: new AbortController().signal,
    })
  }

  it('H25, H26: asks no leave to go on, and takes no more of a file than HubSpot reads', async () => {
    const asked: IncomingHttpHeaders[] = []
    const { port } = await listen(createHttpServer((req) => void asked.push(req.headers)))
    const before = process.memoryUsage().rss
    let [read, most] = [0, 0]

    const outcome = await createAt(port, async function* () {
      for (; read < BYTES; read += 65_536) {
        most = Math.max(most, process.memoryUsage().rss - before)
        yield Buffer.alloc(65_536, 'a')
      }
    })

    expect(outcome).toMatchObject({ outcome: 'retry', why: 'no progress for 3000 ms' })
    expect(asked).toMatchObject([{ 'content-length': expect.stringMatching(/^\d+$/) }])
    expect(asked[0]).not.toHaveProperty('expect')
    expect(read).toBeLessThan(BYTES / 8)
    expect(most).toBeLessThan(BYTES / 4)
  })

  it('H24: hears an answer that comes while it is sent, though HubSpot hangs up with it', async () => {
    const { port } = await listen(createHttpServer((_req, res) => void res.writeHead(413, { 'content-length': 2 }).end('no')))

    for (let i = 0; i < 50; i++) {
      const outcome = await createAt(port, async function* () {
        for (let at = 0; at < BYTES; at += 65_536) yield Buffer.alloc(65_536, 'a')
      })

      expect(outcome).toMatchObject({ outcome: 'refused', status: 413 })
    }
  })
})

describe.concurrent('an import that HubSpot has', () => {
  const shared = sharedApp({}, ({ hubspot }) => hubspot.control.settings({ startedMs: 600_000 }))

  it('H27: goes forward only, and keeps a state that nobody knows as it came', async () => {
    const account = await openAccount(shared())
    const { control } = shared().hubspot
    const made = await account.upload()
    await account.untilState(made, 'submitted')
    const id = account.imports()[0]?.id ?? ''
    const turn = async (hubspotState: string) => {
      control.setImportState(id, hubspotState)
      return until(
        () => account.look(made),
        ({ parts }) => parts[0]?.state === hubspotState,
      )
    }

    await turn('PROCESSING')
    const back = await turn('STARTED')
    const unknown = await turn('MOVED_TO_MARS')
    control.setImportState(id, 'DONE')
    await account.untilState(made, 'done')
    control.setImportState(id, 'PROCESSING')
    await account.lookNow(made)

    expect([back.state, unknown.state]).toEqual(['processing', 'processing'])
    expect((await account.look(made)).state).toBe('done')
  })

  it('H28: and puts off for days is followed, and nothing else is done about it', async () => {
    const account = await openAccount(shared())
    const made = await account.upload()
    await account.untilState(made, 'submitted')
    shared().hubspot.control.setImportState(account.imports()[0]?.id ?? '', 'DEFERRED')

    await shared().query(`UPDATE "Import" SET "startedAt" = now() - interval '3 days' WHERE "id" = $1`, [made.id])
    await account.lookNow(made)
    const deferred = await until(
      () => account.look(made),
      ({ parts }) => parts[0]?.state === 'DEFERRED',
    )

    expect(deferred).toMatchObject({ state: 'submitted', problem: null })
    expect(account.asked(/^POST .*\/imports\//)).toEqual(account.creates())
    expect(account.creates()).toHaveLength(1)
  })
})

describe('a HubSpot that cannot be reached', () => {
  /** Takes connections, counts them, and does nothing with them. */
  async function startImpostor() {
    const connections = { count: 0 }
    const { server, port } = await listen(
      createServer((socket) => {
        connections.count += 1
        socket.destroy()
      }),
    )
    return { server, connections, url: `https://127.0.0.1:${port}` }
  }
  const isDue = (app: TestApp, when: string) => app.query(`UPDATE "Import" SET "nextAttemptAt" = now() + interval '${when}'`)

  it('H15: because nothing listens, is tried again: nothing is looked for, nothing is sent twice', async () => {
    const app = await testApp({ install: false })
    const account = await openAccount(app)
    const { server, url } = await startImpostor()
    server.close()
    reach(app, url)

    const made = await account.upload()
    await until(
      () => account.events(made),
      (events) => events.filter((type) => type === 'accepted').length >= 2,
    )
    reach(app)
    await account.untilState(made, 'done')

    expect(await account.events(made)).not.toContain('ambiguous')
    expect([account.creates().length, account.imports().length]).toEqual([1, 1])
  })

  it('H29: takes every upload, tries now and then for all of them, and then gets each once, in order', async () => {
    const app = await testApp({ install: false })
    const accounts = [await openAccount(app), await openAccount(app)]
    const { url, connections } = await startImpostor()
    reach(app, url)
    const names = Array.from({ length: 10 }, (_, i) => `Contacts ${i}`)

    for (const name of names) for (const account of accounts) await account.upload(undefined, name)
    const [tries] = await until(
      () =>
        app.query<{ waiting: number; all: number }>(
          `SELECT count(*) FILTER (WHERE "state" = 'accepted' AND "attempts" > 0)::int AS waiting, sum("attempts")::int AS all FROM "Import"`,
        ),
      ([row]) => row?.waiting === 20,
    )
    const connected = connections.count
    await until(
      async () => {
        await isDue(app, '1 hour')
        // One that was just being tried has set itself another time since.
        return app.query(`SELECT 1 FROM "Import" WHERE "state" = 'submitting' OR "nextAttemptAt" < now() + interval '30 minutes'`)
      },
      (rows) => rows.length === 0,
    )
    const [before] = await app.query<{ id: string }>('SELECT max("id")::text AS id FROM "ImportEvent"')
    reach(app)
    await isDue(app, '-1 minute')
    await app.sweep()
    await until(
      () => app.query(`SELECT 1 FROM "Import" WHERE "state" = 'done'`),
      (rows) => rows.length === 20,
      120_000,
    )
    // By the numbers of the events: the times are of when their transactions began, which may then have waited for a turn.
    const chosen = await app.query<{ name: string; portalId: string }>(
      `SELECT i."name", i."portalId" FROM "Import" i JOIN "ImportEvent" e ON e."importId" = i."id"
       WHERE e."type" = 'submitting' AND e."id" > ${before?.id} GROUP BY i."id" ORDER BY min(e."id")`,
    )

    expect(connected).toBeLessThan((tries?.all ?? 0) / 2)
    for (const account of accounts) {
      // Up to three are sent at a time: which of them arrives first is left to chance.
      expect(chosen.filter(({ portalId }) => portalId === account.portalId).map(({ name }) => name)).toEqual(names)
      expect([account.imports().length, account.answers()]).toEqual([10, Array(10).fill(200)])
    }
  })
})
