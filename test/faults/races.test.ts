import { request as httpRequest } from 'node:http'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { PORTAL, testApp, until } from '../support/app.js'
import { ask, contactsCsv, contactsRequest, untilState, uploadFile } from '../support/requests.js'

const SLOW_MS = 60_000

describe('the commit point', () => {
  it('and a recovery never both win, whatever the order', async () => {
    const app = await testApp({ work: false })
    const { submissions, turns } = app.deps
    await uploadFile(app)
    const outcomes = { committed: 0, recovered: 0 }

    for (let round = 0; round < 40; round++) {
      const claim = await turns.claimNext(PORTAL)
      if (!claim) throw new Error('nothing to claim')
      await app.query(`UPDATE "Import" SET "leaseUntil" = clock_timestamp() + interval '${round % 8} milliseconds'`)
      const [committed, ...recoveries] = await Promise.all([
        submissions.commit(claim),
        submissions.recoverExpired(),
        submissions.recoverExpired(),
      ])
      const [taken] = recoveries.flat()

      if (committed) outcomes.committed += 1
      if (taken) outcomes.recovered += 1
      expect([committed, taken?.state]).not.toEqual([true, 'accepted'])
      await app.query(`UPDATE "Import" SET "state" = 'accepted', "leaseUntil" = NULL, "nextAttemptAt" = now()`)
    }

    expect(outcomes.committed + outcomes.recovered).toBeGreaterThan(20)
  })

  it('that is being written when its lease runs out is not overtaken', async () => {
    const app = await testApp({ work: false })
    const { submissions, turns } = app.deps
    await uploadFile(app)
    const claim = await turns.claimNext(PORTAL)
    if (!claim) throw new Error('nothing to claim')
    const other = new pg.Client({ connectionString: app.databaseUrl })
    await other.connect()
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM "ImportPart" FOR UPDATE')
    const committing = submissions.commit(claim)
    await until(
      () => app.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`),
      (waiting) => waiting.length > 0,
    )

    const recovered = await submissions.recoverExpired()
    await other.query('COMMIT')
    await other.end()

    expect(recovered).toEqual([])
    expect(await committing).toBe(true)
  })
})

describe('a claim', () => {
  it('whose lease has run out does not commit, though nobody has taken it over', async () => {
    const app = await testApp({ work: false })
    const { submissions, turns } = app.deps
    await uploadFile(app)
    const claim = await turns.claimNext(PORTAL)
    if (!claim) throw new Error('nothing to claim')
    await app.query(`UPDATE "Import" SET "leaseUntil" = clock_timestamp() - interval '1 millisecond'`)

    expect(await submissions.commit(claim)).toBe(false)
    expect(await app.query('SELECT "committedAt" FROM "ImportPart"')).toEqual([{ committedAt: null }])
  })

  it('that has passed on changes nothing any more, whatever its holder comes to think', async () => {
    const app = await testApp({ work: false })
    const { submissions, turns } = app.deps
    await uploadFile(app)
    const old = await turns.claimNext(PORTAL)
    await app.query(`UPDATE "Import" SET "leaseUntil" = clock_timestamp() - interval '1 second'`)
    await submissions.recoverExpired()
    const next = await turns.claimNext(PORTAL)
    if (!old || !next) throw new Error('nothing to claim')
    const read = () => app.query('SELECT i.*, p.* FROM "Import" i JOIN "ImportPart" p ON p."importId" = i."id"')
    const before = await read()
    const never = () => Promise.reject(new Error('a job was queued'))
    const made = { id: '1', state: 'STARTED', createdAt: '', metadata: { counters: {} } }

    const outcomes = [await submissions.renew(old), await submissions.commit(old)]
    await submissions.recordSubmitted(old, made, never)
    await submissions.markAmbiguous(old, { why: 'late' }, never)
    await submissions.settle(old, { state: 'failed', problem: { code: 'internal', detail: '', correlationId: null } })

    expect([next.epoch > old.epoch, outcomes]).toEqual([true, [false, false]])
    expect(await read()).toEqual(before)
  })
})

describe('HubSpot’s list', () => {
  it.each([
    ['never ends', { status: 200, body: { results: [], paging: { next: { after: '10' } } } }],
    ['cannot be read', { status: 503 }],
    ['is a page', { garbage: 'html' as const }],
  ])(
    'decides nothing when it %s',
    async (_name, fault) => {
      const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '1' } })
      app.hubspot.control.fault({ on: 'list', times: 0, do: fault })
      app.hubspot.control.fault({ on: 'create', do: { status: 502 } })

      const { body } = await uploadFile(app)
      await untilState(app, body, 'ambiguous')
      const reads = () =>
        app.hubspot.control.requests().filter(({ method, path }) => method === 'GET' && path.endsWith('/imports/2026-03')).length
      // Each reading ends by setting the next: only then may the test bring that forward.
      const isReadAndPutOff = () => app.query('SELECT 1 FROM "Import" WHERE "pollAt" > now()')
      for (let reading = 1; reading <= 4; reading++) {
        await until(isReadAndPutOff, (rows) => rows.length === 1, 20_000)
        await app.query(`UPDATE "Import" SET "pollAt" = now() - interval '1 minute'`)
        await app.sweep()
      }
      await until(isReadAndPutOff, (rows) => rows.length === 1, 20_000)

      expect(reads()).toBeGreaterThanOrEqual(4)
      expect(await app.query('SELECT "cleanScans" FROM "ImportPart"')).toEqual([{ cleanScans: 0 }])
      expect((await ask(app, body.links.self)).body.state).toBe('ambiguous')
    },
    SLOW_MS,
  )
})

describe('a running import', () => {
  it('is finished though HubSpot’s words hold what Postgres cannot keep', async () => {
    const app = await testApp()
    const errors = [
      {
        id: '1',
        errorType: 'INVALID_EMAIL',
        errorMessage: 'bad \u0000',
        invalidValue: `a\u0000b${'x'.repeat(1_999)}😀`,
        sourceData: { lineNumber: 2 },
      },
    ]
    app.hubspot.control.fault({ on: 'errors', do: { status: 200, body: { results: errors } } })

    const { body } = await uploadFile(app)
    await untilState(app, body, 'done')

    expect((await ask<{ results: unknown[] }>(app, body.links.errors)).body.results).toMatchObject([
      { code: 'INVALID_EMAIL', line: 2 },
    ])
  })

  it('survives a moment in which HubSpot does not know it', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'get', times: 2, do: { status: 404, body: { category: 'OBJECT_NOT_FOUND' } } })

    const { body } = await uploadFile(app)

    expect((await untilState(app, body, 'done', 'needs_review')).state).toBe('done')
  })

  it('goes to a person when HubSpot does not know it for a minute', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ processingMs: 60_000 })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'submitted', 'processing')
    app.hubspot.control.forgetImport(app.hubspot.control.imports()[0]?.id ?? '')

    await until(
      () => app.query<{ unknownSince: Date | null }>('SELECT "unknownSince" FROM "ImportPart"'),
      ([part]) => part?.unknownSince instanceof Date,
    )
    await app.query(`UPDATE "ImportPart" SET "unknownSince" = now() - interval '61 seconds'`)

    expect((await untilState(app, body, 'needs_review')).problem).toMatchObject({ code: 'hubspot_import_lost' })
  })

  it('is followed with a new token when HubSpot calls the old one expired', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ processingMs: 1_500 })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'submitted', 'processing')
    app.hubspot.control.expireTokens(PORTAL)

    await untilState(app, body, 'done')

    expect(app.hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'refresh_token')).toHaveLength(1)
  })
})

describe('an import that was parked', () => {
  it('while its portal was just being connected again goes on', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await app.query(`UPDATE "Import" SET "state" = 'held', "reason" = 'reconnect'`)

    await app.startWork()
    await app.sweep()

    await untilState(app, body, 'done')
  })
})

describe('an upload', () => {
  it.each([
    ['its key is revoked', `UPDATE "ApiKey" SET "revokedAt" = now()`, 401, 'key_invalid'],
    ['its grant is ended', `UPDATE "Grant" SET "endedAt" = now()`, 404, 'portal_not_found'],
    ['its portal is disconnected', `UPDATE "Portal" SET "status" = 'disconnected'`, 404, 'portal_not_found'],
  ])('is refused, and nothing kept, when %s before it ends', async (_name, sql, status, code) => {
    const app = await testApp({ work: false })
    const boundary = 'b0undary'
    const part = (name: string, extra: string, content: string) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${extra}\r\n\r\n${content}\r\n`
    const sending = httpRequest(`${app.url}/v1/portals/${PORTAL}/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}`, 'content-type': `multipart/form-data; boundary=${boundary}` },
    })
    const answered = new Promise<{ status: number; code: string }>((resolve, reject) => {
      sending.on('error', reject)
      sending.on('response', async (res) => {
        let text = ''
        for await (const chunk of res) text += String(chunk)
        resolve({ status: res.statusCode ?? 0, code: (JSON.parse(text) as { code: string }).code })
      })
    })

    sending.write(part('importRequest', '', JSON.stringify(contactsRequest())))
    sending.write(part('files', '; filename="contacts.csv"', contactsCsv(20_000)).slice(0, -2))
    await until(app.storedFiles, (files) => files.length === 1)
    await app.query(sql)
    sending.end(`\r\n--${boundary}--\r\n`)

    expect(await answered).toEqual({ status, code })
    expect([await app.query('SELECT 1 FROM "Import"'), await app.storedFiles()]).toEqual([[], []])
  })
})
