import { createHash } from 'node:crypto'
import { Client } from '@hubspot/api-client'
import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from './support/app.js'
import { contactsCsv, contactsRequest } from './support/requests.js'

/** HubSpot's own SDK, told another address and another token and nothing else. */
const sdk = (app: TestApp, key = app.key, portal = PORTAL) =>
  new Client({ accessToken: key, basePath: `${app.url}/hubspot/${portal}`, numberOfApiCallRetries: 0 })

const file = (text: string, name = 'contacts.csv') => ({ data: Buffer.from(text), name })
const request = JSON.stringify(contactsRequest())

const failure = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason as { code: number; body: Record<string, unknown>; headers: Record<string, string> },
  )
  return { code: error?.code, body: error?.body, headers: error?.headers }
}

describe('HubSpot’s SDK, unmodified,', () => {
  it('creates an import, sees it, lists it and reads its row errors as if from HubSpot', async () => {
    const app = await testApp()
    const { coreApi, publicImportsApi } = sdk(app).crm.imports

    const made = await coreApi.create(file(contactsCsv(3, 2)), request)
    const done = await until(
      () => coreApi.getById(made.id as unknown as number),
      ({ state }) => state === 'DONE',
    )
    const page = await coreApi.getPage(undefined, undefined, 10)
    const { results } = await publicImportsApi.getErrors(made.id as unknown as number, undefined, 10, true)
    const { results: withRows } = await publicImportsApi.getErrors(made.id as unknown as number, undefined, 10, true, true)

    const [there] = app.hubspot.control.imports()
    expect(made.id).toBe(there?.id)
    expect(done).toMatchObject({ optOutImport: false, mappedObjectTypeIds: ['0-1'], importName: 'Contacts of today' })
    expect(done.metadata.counters).toMatchObject({ TOTAL_ROWS: 5, ERRORS: 2 })
    expect(page.results.map(({ id }) => id)).toEqual([made.id])
    expect(results.map(({ errorType, sourceData }) => [errorType, sourceData.lineNumber])).toEqual([
      ['INVALID_EMAIL', 5],
      ['INVALID_EMAIL', 6],
    ])
    expect(results[0]?.sourceData.rowData).toEqual([])
    // As they were sent, though HubSpot itself redacts what it finds wrong.
    const sent = contactsCsv(3, 2).split('\n')
    expect(withRows.map(({ sourceData }) => sourceData.rowData.join(','))).toEqual([sent[4], sent[5]])
  })

  it('gets answers of the same form from HubSpot itself', async () => {
    const app = await testApp()
    const token = (await app.deps.accessToken(PORTAL, 'track')).accessToken.reveal()
    const direct = new Client({ accessToken: token, basePath: app.hubspot.url }).crm.imports.coreApi
    const ours = sdk(app).crm.imports.coreApi

    const [here, there] = [await ours.create(file(contactsCsv(2)), request), await direct.create(file(contactsCsv(2)), request)]

    const form = (answer: object) => Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, typeof value]))
    // Not required, and not told by us.
    const { importRequestJson: _, importSource: __, ...told } = form(there)
    expect(form(here)).toEqual(told)
  })

  it('cancels an import', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ processingMs: 60_000 })
    const { coreApi } = sdk(app).crm.imports
    const made = await coreApi.create(file(contactsCsv(3)), request)

    const canceled = await coreApi.cancel(made.id as unknown as number)

    expect(canceled.status).toBe('COMPLETE')
    await until(
      () => coreApi.getById(made.id as unknown as number),
      ({ state }) => state === 'CANCELED',
    )
  })

  it('is refused as HubSpot refuses: a wrong key, an import that is not there, a request that is none', async () => {
    const app = await testApp()
    await app.install(OTHER_PORTAL)
    const stranger = await app.createKey('Stranger', OTHER_PORTAL)
    const { coreApi } = sdk(app).crm.imports
    const made = await coreApi.create(file(contactsCsv(1)), request)

    const unknown = await failure(sdk(app, `${app.key.slice(0, -2)}xx`).crm.imports.coreApi.getPage())
    const missing = await failure(coreApi.getById(999_999))
    const foreign = await failure(sdk(app, stranger, OTHER_PORTAL).crm.imports.coreApi.getById(made.id as unknown as number))
    const wrong = await failure(coreApi.create(file(contactsCsv(1)), '{"name":"x"}'))

    expect([unknown.code, unknown.body?.category]).toEqual([401, 'INVALID_AUTHENTICATION'])
    expect([missing.code, missing.body?.category]).toEqual([404, 'OBJECT_NOT_FOUND'])
    expect(foreign.code).toBe(404)
    expect([wrong.code, wrong.body?.category, typeof wrong.body?.correlationId]).toEqual([400, 'VALIDATION_ERROR', 'string'])
  })

  it('gets what HubSpot says of an import that it does not take', async () => {
    const app = await testApp()
    const body = { status: 'error', category: 'VALIDATION_ERROR', message: 'The header has a column too many.' }
    app.hubspot.control.fault({ on: 'create', do: { status: 400, body } })

    const refused = await failure(sdk(app).crm.imports.coreApi.create(file(contactsCsv(1)), request))

    expect([refused.code, String(refused.body?.message)]).toEqual([400, expect.stringContaining('a column too many')])
  })
})

describe('HubSpot’s own calls', () => {
  const create = (app: TestApp, path: string, form: FormData, signal?: AbortSignal) =>
    fetch(`${app.url}/hubspot/${PORTAL}${path}`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${app.key}` },
      ...(signal ? { signal } : {}),
    })
  const formOf = (text: string, isFileFirst = false) => {
    const form = new FormData()
    const parts = [
      () => form.append('importRequest', request),
      () => form.append('files', new Blob([text], { type: 'text/csv' }), 'contacts.csv'),
    ]
    for (const append of isFileFirst ? parts.reverse() : parts) append()
    return form
  }

  it.each([
    ['/crm/v3/imports', false],
    ['/crm/v3/imports/', true],
    ['/crm/imports/2026-03', true],
    ['/crm/imports/2025-09/', false],
  ])('are answered at %s, files first or last (%s)', async (path, isFileFirst) => {
    const app = await testApp()

    const res = await create(app, path, formOf(contactsCsv(2), isFileFirst))

    expect([res.status, res.headers.get('x-should-retry')]).toEqual([200, 'false'])
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('change no byte of a file, whatever HubSpot will say of it', async () => {
    const app = await testApp()
    const bytes = Buffer.from('Email,First,Last\r\na@b.co,J\xf6rg,"M\xfcller\r\n"\r\n', 'latin1')
    const form = new FormData()
    form.append('importRequest', request)
    form.append('files', new Blob([bytes]), 'contacts.csv')

    await create(app, '/crm/v3/imports', form)

    const files = await app.query<{ bytes: string; sha256: string; sentSha256: null }>(
      'SELECT "bytes", "sha256", "sentSha256" FROM "ImportFile"',
    )
    expect(files).toEqual([
      { bytes: String(bytes.length), sha256: createHash('sha256').update(bytes).digest('hex'), sentSha256: null },
    ])
  })

  it('make one import of a call that is sent again because nobody answered, and another one after an answer', async () => {
    const app = await testApp({ work: false })
    const gone = new AbortController()
    const unanswered = create(app, '/crm/v3/imports', formOf(contactsCsv(2)), gone.signal).catch(() => undefined)
    await until(
      () => app.query('SELECT 1 FROM "Import"'),
      (rows) => rows.length === 1,
    )
    gone.abort()
    await unanswered

    const again = Promise.all([1, 2, 3].map(() => create(app, '/crm/v3/imports', formOf(contactsCsv(2)))))
    await app.startWork()
    const answers = await Promise.all((await again).map(async (res) => ((await res.json()) as { id: string }).id))
    const next = await create(app, '/crm/v3/imports', formOf(contactsCsv(2)))

    expect(new Set(answers).size).toBe(1)
    expect(next.status).toBe(200)
    expect(app.hubspot.control.imports()).toHaveLength(2)
    expect(await app.storedFiles()).toHaveLength(2)
  })

  it('are the same import however often they are sent, as long as each comes within two minutes of one that was not answered', async () => {
    const app = await testApp({ work: false })
    const sendAndLeave = async () => {
      const gone = new AbortController()
      const unanswered = create(app, '/crm/v3/imports', formOf(contactsCsv(2)), gone.signal).catch(() => undefined)
      // Put down anew by this call: younger than what was made older below.
      await until(
        () => app.query(`SELECT 1 FROM "AwaitedAnswer" WHERE "createdAt" > now() - interval '1 minute'`),
        (rows) => rows.length === 1,
      )
      gone.abort()
      await unanswered
    }
    const twoMinutesPass = () => app.query(`UPDATE "AwaitedAnswer" SET "createdAt" = "createdAt" - interval '120 seconds'`)

    for (let call = 0; call < 4; call++) {
      await sendAndLeave()
      await twoMinutesPass()
    }

    expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(1)
  })

  it.each(['/hubspot/x/crm/v3/imports', `/hubspot/${PORTAL}/crm/imports/latest`, `/hubspot/${PORTAL}/crm/v3/contacts`])(
    'are at no other address: %s',
    async (path) => {
      const app = await testApp({ work: false })
      const res = await fetch(app.url + path, { headers: { authorization: `Bearer ${app.key}` } })

      expect([res.status, ((await res.json()) as { status: string }).status]).toEqual([404, 'error'])
    },
  )
})
