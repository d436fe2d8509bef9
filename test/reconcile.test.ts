import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, untilState, uploadFile } from './support/requests.js'

const SLOW_MS = 60_000
const LONG_MS = 600_000

/** HubSpot gets an import with this mark, as if from a try of ours that it was slow with; resolves to HubSpot's id. */
async function createAtHubSpot({ deps, hubspot }: TestApp, importId: string): Promise<string> {
  const bytes = Buffer.from(contactsCsv(3))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  async function* read() {
    yield bytes
  }
  const outcome = await deps.accessToken.use(PORTAL, 'submit', (accessToken) =>
    deps.hubspot.createImport({
      accessToken,
      importRequest: contactsRequest({ name: `Contacts of today [${importId}]` }),
      files: [{ name: 'contacts.csv', format: 'CSV', bytes: bytes.length, sha256, read }],
      beforeLastBytes: async () => undefined,
      signal: AbortSignal.timeout(SLOW_MS),
    }),
  )
  if (outcome.outcome !== 'submitted') throw new Error(`HubSpot says ${outcome.outcome}`)
  return hubspot.control.imports().at(-1)?.id ?? ''
}

/** An import whose answer is lost, though HubSpot has it, while its list cannot be read. */
async function loseAnswer(app: TestApp, file = contactsCsv(3)): Promise<{ id: string; at: string }> {
  app.hubspot.control.settings({ processingMs: LONG_MS })
  app.hubspot.control.fault({ on: 'list', times: 0, do: { status: 503 } })
  app.hubspot.control.fault({ on: 'create', do: { statusAfterCreate: 502 } })
  const { body } = await uploadFile(app, { file })
  await untilState(app, body, 'ambiguous')
  return { id: body.id, at: app.hubspot.control.imports().at(-1)?.id ?? '' }
}

/** An import that HubSpot never got, and got when it was sent again. */
async function sendTwice(app: TestApp): Promise<{ id: string }> {
  app.hubspot.control.fault({ on: 'create', do: { status: 502 } })
  const { body } = await uploadFile(app)
  await untilState(app, body, 'ambiguous')
  return body
}

/** The next look at HubSpot's list is now. */
async function lookNow(app: TestApp): Promise<void> {
  await app.query(`UPDATE "Import" SET "pollAt" = now() - interval '1 minute' WHERE "state" = 'ambiguous'`)
  await app.query(`UPDATE "SentAgain" SET "lookAt" = now()`)
  await app.query(`UPDATE "Duplicate" SET "nextTryAt" = now()`)
  await app.sweep()
}

const statesAt = ({ hubspot }: TestApp) => hubspot.control.imports().map(({ state }) => state)
const viewOf = async (app: TestApp, id: string) => (await ask(app, `/v1/portals/${PORTAL}/imports/${id}`)).body
const untilProblem = (app: TestApp, id: string, words: RegExp) =>
  until(
    () => viewOf(app, id),
    ({ problem }) => words.test(String((problem as { detail?: string } | null)?.detail)),
  )
const part = async (app: TestApp) =>
  (await app.query<{ cleanScans: number; hubspotImportId: string | null }>('SELECT * FROM "ImportPart"'))[0]
const lateDuplicates = async (app: TestApp) =>
  /^importal_late_duplicates_total (\d+)$/m.exec(await fetch(`${app.url}/metrics`).then((res) => res.text()))?.[1]

describe('an import that HubSpot holds twice', () => {
  it('is the oldest, followed to its end; the younger is canceled and a person asked', async () => {
    const app = await testApp()
    const lost = await loseAnswer(app, contactsCsv(3, 1))
    const younger = await createAtHubSpot(app, lost.id)

    app.hubspot.control.clearFaults()
    await lookNow(app)
    const asked = await untilProblem(app, lost.id, /was canceled/)
    app.hubspot.control.settings({ processingMs: 0 })
    const ended = await until(
      () => viewOf(app, lost.id),
      ({ counters }) => counters.ERRORS === 1,
    )

    expect(asked).toMatchObject({
      state: 'needs_review',
      problem: {
        code: 'hubspot_duplicate',
        detail: `HubSpot made this import 2 times: ${lost.at} is followed; ${younger} was canceled.`,
      },
    })
    expect(ended).toMatchObject({ state: 'needs_review', problem: asked.problem })
    expect(statesAt(app)).toEqual(['DONE', 'CANCELED'])
    const errors = await ask<{ results: unknown[] }>(app, `${ended.links.errors}?origin=hubspot`)
    expect(errors.body.results).toMatchObject([{ origin: 'hubspot', line: 5 }])
    const [left] = await app.query('SELECT "pollAt" FROM "Import"')
    expect(left).toEqual({ pollAt: null })
  })

  it('is said to be there twice when the younger had ended before it could be canceled', async () => {
    const app = await testApp()
    const lost = await loseAnswer(app)
    const younger = await createAtHubSpot(app, lost.id)
    app.hubspot.control.setImportState(younger, 'DONE')

    app.hubspot.control.clearFaults()
    await lookNow(app)

    await untilProblem(app, lost.id, new RegExp(`${lost.at} is followed; ${younger} had ended before it could be canceled`))
  })

  it('stays adopted when the younger cannot be canceled, which is tried again, so and so often', async () => {
    const app = await testApp()
    const lost = await loseAnswer(app)
    const [first, second] = [await createAtHubSpot(app, lost.id), await createAtHubSpot(app, lost.id)]
    app.hubspot.control.clearFaults()
    app.hubspot.control.fault({ on: 'cancel', times: 2, do: { status: 500 } })

    await lookNow(app)
    await untilProblem(app, lost.id, new RegExp(`${first} is to be canceled; ${second} is to be canceled`))
    expect(await part(app)).toMatchObject({ hubspotImportId: lost.at })
    await until(
      () => app.query('SELECT 1 FROM "Duplicate" WHERE "tries" = 1'),
      (tried) => tried.length === 2,
    )
    await app.query('UPDATE "Duplicate" SET "tries" = 7 WHERE "hubspotImportId" = $1', [first])
    app.hubspot.control.fault({ on: 'cancel', do: { reset: 'at-once' } })
    await lookNow(app)

    await untilProblem(app, lost.id, new RegExp(`${first} could not be canceled; ${second} was canceled`))
  })
})

describe('an import that was sent again', () => {
  it(
    'is noticed when HubSpot makes the first one late: that is canceled, counted, and a person asked',
    async () => {
      const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '1' } })
      const made = await sendTwice(app)
      await untilState(app, made, 'done')
      app.hubspot.control.settings({ processingMs: LONG_MS })
      const late = await createAtHubSpot(app, made.id)

      await lookNow(app)
      const asked = await untilProblem(app, made.id, /was canceled/)

      expect(asked).toMatchObject({ state: 'needs_review', problem: { code: 'hubspot_duplicate' } })
      expect(app.hubspot.control.imports().find(({ id }) => id === late)?.state).toBe('CANCELED')
      expect(await lateDuplicates(app)).toBe('1')
      expect(app.logged.map((line) => JSON.parse(line))).toContainEqual(
        expect.objectContaining({ level: 'error', importId: made.id, hubspotImportIds: [expect.any(String), late] }),
      )
    },
    SLOW_MS,
  )

  it(
    'is not sent at all when the first one shows up while it still waits',
    async () => {
      const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '1' } })
      const made = await sendTwice(app)
      app.hubspot.control.fault({ on: 'create', times: 0, do: { status: 423 } })
      await until(
        () =>
          app.query(
            `UPDATE "Import" SET "nextAttemptAt" = now() + interval '1 hour' WHERE "state" = 'accepted' AND "attempts" > 1 RETURNING 1`,
          ),
        (rows) => rows.length === 1,
      )
      app.hubspot.control.clearFaults()
      await createAtHubSpot(app, made.id)

      await lookNow(app)

      expect(await untilState(app, made, 'done', 'needs_review')).toMatchObject({ state: 'done' })
      expect(app.hubspot.control.imports()).toHaveLength(1)
    },
    SLOW_MS,
  )

  it(
    'is watched for a day, and no longer',
    async () => {
      const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '1' } })
      await untilState(app, await sendTwice(app), 'done')
      const watched = () => app.query<{ later: boolean }>('SELECT "lookAt" > now() AS later FROM "SentAgain"')

      await lookNow(app)
      await until(watched, ([row]) => row?.later === true)
      await app.query(`UPDATE "SentAgain" SET "sentAt" = now() - interval '25 hours'`)
      await lookNow(app)

      await until(watched, (rows) => rows.length === 0)
    },
    SLOW_MS,
  )
})

describe('an import that a partner wants stopped while it is ambiguous', () => {
  it(
    'is canceled instead of sent again, and at HubSpot too should it be made late',
    async () => {
      const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '1' } })
      const made = await sendTwice(app)
      await app.query('UPDATE "Import" SET "cancelAt" = now()')

      await untilState(app, made, 'canceled')
      expect(app.hubspot.control.imports()).toEqual([])
      app.hubspot.control.settings({ processingMs: LONG_MS })
      await createAtHubSpot(app, made.id)
      await lookNow(app)

      await untilProblem(app, made.id, /was canceled/)
      expect(statesAt(app)).toEqual(['CANCELED'])
    },
    SLOW_MS,
  )
})

describe('a list that does not show an import', () => {
  const read = async (app: TestApp) => {
    await lookNow(app)
    await until(
      () => app.query(`SELECT 1 FROM "Import" WHERE "state" <> 'ambiguous' OR "pollAt" > now()`),
      (rows) => rows.length === 1,
    )
    return [(await part(app))?.cleanScans, app.hubspot.control.imports().length]
  }
  const passTime = async (app: TestApp, minutes: number) => {
    for (const column of ['intentAt', 'committedAt', 'cleanScanAt'])
      await app.query(`UPDATE "ImportPart" SET "${column}" = "${column}" - interval '${minutes} minutes'`)
  }

  it(
    'counts three times only over the window, however long it could not be read before',
    async () => {
      const app = await testApp()
      app.hubspot.control.fault({ on: 'list', times: 0, do: { status: 503 } })
      await sendTwice(app)
      await until(
        () => app.query(`SELECT 1 FROM "Import" WHERE "pollAt" > now() + interval '10 seconds'`),
        (rows) => rows.length === 1,
      )
      await passTime(app, 60)
      app.hubspot.control.clearFaults()

      expect([await read(app), await read(app), await read(app)]).toEqual([
        [1, 0],
        [1, 0],
        [1, 0],
      ])
      await passTime(app, 6)
      expect([await read(app), await read(app)]).toEqual([
        [2, 0],
        [2, 0],
      ])
      await passTime(app, 6)
      await read(app)

      await until(
        () => app.hubspot.control.imports().length,
        (count) => count === 1,
      )
    },
    SLOW_MS,
  )

  it('never leads to another try when the window is 0, and is read less and less often', async () => {
    const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '0' } })
    const made = await sendTwice(app)
    await until(
      async () => (await part(app))?.cleanScans,
      (count) => count !== 0,
    )
    await passTime(app, 2_000)
    await read(app)

    expect(await app.query(`SELECT 1 FROM "Import" WHERE "pollAt" > now() + interval '50 minutes'`)).toHaveLength(1)
    expect((await viewOf(app, made.id)).state).toBe('ambiguous')
    await createAtHubSpot(app, made.id)
    await lookNow(app)
    await untilState(app, made, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it(
    'for some time, in pages out of order and repeated, is no reason to send it again',
    async () => {
      const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '6' } })
      app.hubspot.control.settings({ pageSize: 1, listLagMs: 2_500 })
      await Promise.all([uploadFile(app), uploadFile(app)])
      app.hubspot.control.fault({ on: 'list', times: 2, do: { status: 503 } })
      app.hubspot.control.fault({ on: 'list', times: 0, do: { scramble: 'duplicated' } })
      app.hubspot.control.fault({ on: 'create', do: { reset: 'after-create' } })

      const { body } = await uploadFile(app)
      await app.query(`UPDATE "Import" SET "pollAt" = now()`)

      expect((await untilState(app, body, 'done', 'needs_review', SLOW_MS)).state).toBe('done')
      expect(app.hubspot.control.imports()).toHaveLength(3)
    },
    SLOW_MS,
  )
})
