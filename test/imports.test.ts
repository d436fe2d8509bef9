import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, fileEntry, untilState, uploadFile } from './support/requests.js'

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')

describe('POST /v1/portals/:portalId/imports', () => {
  it('accepts the file and hands it to HubSpot under the portal’s token, unchanged and once', async () => {
    const app = await testApp()
    const file = contactsCsv(5)

    const res = await uploadFile(app, { file })

    expect(res.status).toBe(202)
    expect(res.body).toMatchObject({
      portalId: PORTAL,
      name: 'Contacts of today',
      state: 'accepted',
      reason: null,
      files: [{ name: 'contacts.csv', format: 'CSV', bytes: file.length, sha256: sha256(file), rows: 5 }],
      findings: { errors: 0, warnings: 0 },
    })
    expect(res.body.id).toMatch(/^imp_[0-9a-f]{32}$/)
    expect(res.headers.get('location')).toBe(res.body.links.self)
    expect(Number(res.headers.get('retry-after'))).toBeGreaterThanOrEqual(2)
    const done = await untilState(app, res.body, 'done')
    expect(done.parts).toMatchObject([{ hubspotImportId: expect.stringMatching(/^\d+$/), state: 'DONE' }])
    expect(done.counters).toMatchObject({ TOTAL_ROWS: 5, CREATED_OBJECTS: 5, ERRORS: 0 })
    expect(app.hubspot.control.imports()).toMatchObject([
      {
        portalId: PORTAL,
        name: `Contacts of today [${res.body.id}]`,
        isChunked: false,
        contentLength: expect.any(Number),
        files: [{ name: 'contacts.csv', sha256: sha256(file), text: file, contentType: 'text/csv' }],
      },
    ])
  })

  it('takes the parts in any order, the importRequest as a field or as a file part', async () => {
    const app = await testApp()
    const asFile = new FormData()
    asFile.append('files', new Blob([contactsCsv(1)]), 'contacts.csv')
    asFile.append('importRequest', new Blob([JSON.stringify(contactsRequest())], { type: 'application/json' }), 'request.json')

    const fileFirst = await uploadFile(app, { fileFirst: true })
    const both = await fetch(`${app.url}/v1/portals/${PORTAL}/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}` },
      body: asFile,
    })

    expect([fileFirst.status, both.status]).toEqual([202, 202])
    await until(
      () => app.hubspot.control.imports().length,
      (count) => count === 2,
    )
  })

  it('takes several files in one import, matched by name whatever their order', async () => {
    const app = await testApp()
    const form = new FormData()
    form.append('files', new Blob(['Email,First,Last\nb@b.co,B,B\n']), 'two.csv')
    form.append('importRequest', JSON.stringify(contactsRequest({ files: [fileEntry('one.csv'), fileEntry('two.csv')] })))
    form.append('files', new Blob(['Email,First,Last\na@b.co,A,A\n']), 'one.csv')

    const res = await fetch(`${app.url}/v1/portals/${PORTAL}/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}` },
      body: form,
    })
    const made = (await res.json()) as { id: string; files: unknown[] }

    expect(res.status).toBe(202)
    expect(made.files).toMatchObject([{ name: 'one.csv' }, { name: 'two.csv' }])
    await untilState(app, made, 'done')
    const [ledger] = app.hubspot.control.imports()
    expect(ledger?.files.map(({ name, text }) => [name, text.slice(17, 19)])).toEqual([
      ['one.csv', 'a@'],
      ['two.csv', 'b@'],
    ])
  })

  it('hands HubSpot every field of the importRequest that it documents', async () => {
    const app = await testApp()
    const sent = contactsRequest({
      dateFormat: 'DAY_MONTH_YEAR',
      timeZone: 'Europe/Berlin',
      marketableContactImport: true,
      createContactListFromImport: false,
      marketingEventObjectId: 1_234_567,
    })

    const res = await uploadFile(app, { request: sent })
    await untilState(app, res.body, 'done')

    const [ledger] = app.hubspot.control.imports()
    expect(ledger?.request).toEqual({ ...sent, name: `Contacts of today [${res.body.id}]` })
  })

  const COLUMN = '/files/0/fileImportPage/columnMappings/0'
  const email = { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email' }
  const withColumn = (change: Record<string, unknown>) =>
    contactsRequest({ files: [fileEntry('contacts.csv', { fileImportPage: { columnMappings: [{ ...email, ...change }] } })] })

  it.each<[what: string, request: Record<string, unknown>, pointer: string, detail: string]>([
    ['a field that HubSpot does not document', contactsRequest({ somethingNew: 1 }), '/somethingNew', 'leave it out'],
    ['what HubSpot tells, and is not sent', contactsRequest({ language: 'de' }), '/language', 'leave it out'],
    ['a field in other letters', contactsRequest({ dateformat: 'x' }), '/dateformat', 'did you mean "dateFormat"?'],
    [
      'a field of a file',
      contactsRequest({ files: [fileEntry('contacts.csv', { filename: 'x' })] }),
      '/files/0/filename',
      'did you mean "fileName"?',
    ],
    [
      'a field of a page',
      contactsRequest({
        files: [{ ...fileEntry('contacts.csv'), fileImportPage: { columnMappings: [email], hasHeaders: true } }],
      }),
      '/files/0/fileImportPage/hasHeaders',
      'did you mean "hasHeader"?',
    ],
    ['a field of a column', withColumn({ propertyname: 'email' }), `${COLUMN}/propertyname`, 'did you mean "propertyName"?'],
    [
      'a field of a column’s association',
      withColumn({ foreignKeyType: { associationTypeId: 1, associationCategory: 'HUBSPOT_DEFINED', 'a/b': 1 } }),
      `${COLUMN}/foreignKeyType/a~1b`,
      'leave it out',
    ],
  ])('D4.82: refuses %s', async (_what, request, pointer, detail) => {
    const app = await testApp({ work: false })

    const { status, body } = await uploadFile(app, { request })

    expect([status, body.code]).toEqual([422, 'import_request_invalid'])
    expect(body.errors).toEqual([{ pointer, detail: expect.stringContaining(detail) }])
    expect(await app.storedFiles()).toEqual([])
  })

  it('D4.82: says what was meant beside what is missing then', async () => {
    const app = await testApp({ work: false })

    const { body } = await uploadFile(app, { request: withColumn({ columnName: undefined, colunmName: 'Email' }) })

    expect(body.errors).toMatchObject([
      { pointer: `${COLUMN}/columnName` },
      { pointer: `${COLUMN}/colunmName`, detail: expect.stringContaining('did you mean "columnName"?') },
    ])
  })

  it.each([`/hubspot/${PORTAL}/crm/v3/imports`])('D4.82: leaves such fields to HubSpot on its own path %s', async (path) => {
    const app = await testApp()
    const sent = contactsRequest({ somethingNew: { a: [1, 2] } })
    const form = new FormData()
    form.append('files', new Blob([contactsCsv(1)]), 'contacts.csv')
    form.append('importRequest', JSON.stringify(sent))

    const { status } = await fetch(app.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}` },
      body: form,
    })

    expect(status).toBe(200)
    expect(app.hubspot.control.imports()[0]?.request).toMatchObject({ somethingNew: { a: [1, 2] } })
  })

  it.each<[what: string, operations: Record<string, string>, column: Record<string, unknown>]>([
    ['instead of the one that is mapped', { '0-2': 'UPSERT' }, {}],
    ['beside it', { '0-1': 'UPSERT', '0-2': 'CREATE' }, {}],
    ['by its name', { '0-1': 'UPSERT', COMPANY: 'CREATE' }, {}],
    ['where the mapped one has a name', { '0-2': 'UPSERT' }, { columnObjectTypeId: undefined, columnObjectType: 'CONTACT' }],
    ['whose columns are all ignored', { '0-1': 'UPSERT' }, { ignored: true }],
  ])('D4.84: refuses an operation on an object type that no column maps, %s', async (_what, importOperations, column) => {
    const app = await testApp({ work: false })

    const { status, body } = await uploadFile(app, { request: { ...withColumn(column), importOperations } })

    expect([status, body.code]).toEqual([422, 'import_request_invalid'])
    const pointer = `/importOperations/${Object.keys(importOperations).at(-1)}`
    expect(body.errors).toEqual([{ pointer, detail: 'is an object type that no column maps' }])
  })

  it.each<[what: string, operations: Record<string, string>, column: Record<string, unknown>]>([
    ['by its name where the column has an id', { contacts: 'UPSERT' }, {}],
    ['by its id where the column has a name', { '0-1': 'UPSERT' }, { columnObjectTypeId: 'CONTACT' }],
    ['that a column associates with', { '0-1': 'UPSERT', '0-2': 'CREATE' }, { toColumnObjectTypeId: '0-2' }],
    ['that may have the name of a column', { '2-1234567': 'UPSERT' }, { columnObjectTypeId: 'CARS' }],
  ])('D4.84: takes an operation on an object type %s', async (_what, importOperations, column) => {
    const app = await testApp({ work: false })

    const { body } = await uploadFile(app, {
      request: { ...withColumn(column), importOperations },
      file: 'Email\na@example.com\n',
      query: '?validateOnly=true',
    })

    expect(body).toMatchObject({ isAcceptable: true, problem: null })
  })

  it.each([
    ['1e400', 422],
    ['-0', 422],
    ['9007199254740993', 422],
    ['9007199254740991', 202],
  ])('D4.86: takes numbers that arrive as they are, and refuses others: %s', async (number, expected) => {
    const app = await testApp({ work: false })
    const text = JSON.stringify(contactsRequest({ marketingEventObjectId: 0.5 })).replace(':0.5', `:${number}`)

    const { status, body } = await uploadFile(app, { request: text })

    expect(status).toBe(expected)
    if (expected === 422) expect(body.code).toBe('import_request_invalid')
  })

  it('D5.99: hands HubSpot the very bytes of cells that a spreadsheet would run', async () => {
    const app = await testApp()
    const plain = [
      '=1+1',
      "=cmd|' /C calc'!A0",
      '@SUM(1+1)',
      '+4912345678',
      '+cmd',
      '-1',
      '-cmd',
      '\t=1+1',
      "'=1+1",
      '＝1+1',
      '%0A=1',
    ]
    const quoted = ['"=HYPERLINK(""x"",""y"")"', '"\r=1+1"', '"\n=1+1"', '"\t@SUM(1,1)"', '"=1+1"']
    const file = `Email,First,Last\r\n${[...plain, ...quoted].map((cell, i) => `p${i}@b.co,${cell},${cell}\r\n`).join('')}`

    const { body } = await uploadFile(app, { file })
    await untilState(app, body, 'done')

    const bytes = Buffer.byteLength(file)
    expect(body.files).toMatchObject([{ bytes, sha256: sha256(file) }])
    expect(app.hubspot.control.imports().flatMap(({ files }) => files)).toMatchObject([
      { bytes, sha256: sha256(file), text: file },
    ])
    const told = await ask<{ codes: Record<string, number> }>(app, `${body.links.errors}?origin=finding`)
    // Numbers are none, nor is what begins with an apostrophe, a full-width sign or an escaped line feed.
    expect(told.body.codes).toEqual({ FORMULA_LIKE_VALUE: 2 * (plain.length - 5 + quoted.length) })
  })

  it('repairs the name of a single file that the importRequest names otherwise, and says so', async () => {
    const app = await testApp()

    const res = await uploadFile(app, { request: contactsRequest({}, '/home/erp/Contacts.CSV') })
    await untilState(app, res.body, 'done')

    expect(res.body.findings).toEqual({ errors: 0, warnings: 1 })
    const errors = await ask<{ results: unknown[] }>(app, res.body.links.errors)
    expect(errors.body.results).toMatchObject([
      { origin: 'finding', severity: 'warning', code: 'FILE_NAME_REPAIRED', file: 'contacts.csv' },
    ])
    expect(app.hubspot.control.imports()[0]?.request.files?.[0]?.fileName).toBe('contacts.csv')
  })

  it('accepts though HubSpot is down, and submits when it is back', async () => {
    const app = await testApp()
    app.hubspot.control.fault({
      on: 'create',
      times: 2,
      do: { status: 429, early: true, body: { policyName: 'TEN_SECONDLY_ROLLING' }, headers: { 'retry-after': '1' } },
    })

    const res = await uploadFile(app)

    expect(res.status).toBe(202)
    await untilState(app, res.body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('keeps an import of a portal that must be reconnected on hold, and goes on when it is', async () => {
    const app = await testApp()
    app.hubspot.control.uninstall(PORTAL)

    const first = await uploadFile(app)
    await untilState(app, first.body, 'held')
    const second = await uploadFile(app)
    await app.install()

    expect(second.body).toMatchObject({ state: 'held', reason: 'reconnect' })
    await untilState(app, first.body, 'done')
    await untilState(app, second.body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(2)
  })
})

describe('what HubSpot answers to a create', () => {
  const refused = {
    status: 400,
    body: { status: 'error', category: 'VALIDATION_ERROR', message: 'Column Y does not match.', correlationId: 'c-1' },
  }
  it.each([
    [
      'a refusal',
      refused,
      { state: 'failed', problem: { code: 'hubspot_refused', detail: 'Column Y does not match.', correlationId: 'c-1' } },
    ],
    [
      'a missing scope',
      {
        status: 403,
        body: { category: 'MISSING_SCOPES', message: 'No.', errors: [{ context: { requiredGranularScopes: ['x.write'] } }] },
      },
      { state: 'held', reason: 'scope' },
    ],
    [
      'a used-up quota',
      { status: 429, body: { errorType: 'PAID_PORTAL_IMPORTS_LIMIT', message: 'daily' } },
      { state: 'held', reason: 'quota' },
    ],
    ['a migration', { status: 477, body: {} }, { state: 'held', reason: 'migration' }],
    ['a wrong address', { status: 404, body: {} }, { state: 'held', reason: 'busy' }],
  ])('ends or parks the import after %s', async (_name, answer, expected) => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', times: 0, do: answer })

    const res = await uploadFile(app)
    const ended = await untilState(app, res.body, expected.state)

    expect(ended).toMatchObject(expected)
    expect(app.hubspot.control.imports()).toHaveLength(0)
  })

  it('refreshes an expired token once, and sends again', async () => {
    const app = await testApp()
    app.hubspot.control.expireTokens(PORTAL)

    const res = await uploadFile(app)
    await untilState(app, res.body, 'done')

    expect(app.hubspot.control.imports()).toHaveLength(1)
    expect(app.hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'refresh_token')).toHaveLength(1)
  })

  it.each([
    ['the connection is reset after HubSpot made the import', { reset: 'after-create' as const }],
    ['HubSpot answers 502 though it made the import', { statusAfterCreate: 502 }],
    ['the answer is a page', { garbage: 'html' as const }],
    ['the answer is cut off', { garbage: 'truncated' as const }],
    ['the answer has no id', { garbage: 'missing-id' as const }],
    ['the answer’s id is a number too large to be exact', { garbage: 'number-id' as const }],
  ])('finds the import by its marker, and never sends it twice, when %s', async (_name, fault) => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: fault })

    const res = await uploadFile(app)
    const done = await untilState(app, res.body, 'done')

    const [made, ...others] = app.hubspot.control.imports()
    expect(others).toEqual([])
    expect(done.parts[0]?.hubspotImportId).toBe(made?.id)
  })

  it.each([
    ['before anything was sent', { reset: 'at-once' as const }],
    ['in the middle of the upload', { reset: { afterBytes: 100_000 } }],
    ['by a 503 before the body was read', { status: 503, early: true }],
  ])('simply sends again when the upload failed %s', async (_name, fault) => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: fault })

    const res = await uploadFile(app, { file: contactsCsv(20_000) })
    await untilState(app, res.body, 'done')

    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('is accepted and done though nobody could be told that it is there', async () => {
    const app = await testApp()
    const { queue } = app.deps
    const { enqueue } = queue
    queue.enqueue = () => Promise.reject(new Error('connection terminated'))

    const res = await uploadFile(app)
    queue.enqueue = enqueue
    await app.query(`UPDATE "Import" SET "nextAttemptAt" = now() - interval '1 minute'`)
    await app.sweep()

    expect(res.status).toBe(202)
    await untilState(app, res.body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('waits for an import that HubSpot’s list does not show yet', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ listLagMs: 60_000 })
    app.hubspot.control.fault({ on: 'create', do: { reset: 'after-create' } })

    const res = await uploadFile(app)
    await until(
      async () => app.query<{ cleanScans: number }>('SELECT "cleanScans" FROM "ImportPart"'),
      ([part]) => (part?.cleanScans ?? 0) > 0,
    )
    app.hubspot.control.settings({ listLagMs: 0 })
    await app.query(`UPDATE "Import" SET "pollAt" = now() - interval '1 minute'`)
    await app.sweep()

    await untilState(app, res.body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('sends again only after the window and three clean readings of the list', async () => {
    const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '2' } })
    app.hubspot.control.fault({ on: 'create', do: { status: 502 } })

    const res = await uploadFile(app)
    await untilState(app, res.body, 'ambiguous')
    await untilState(app, res.body, 'done')

    const scans = app.hubspot.control
      .requests()
      .filter(({ method, path }) => method === 'GET' && path.endsWith('/imports/2026-03'))
    expect(scans.length).toBeGreaterThanOrEqual(3)
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('never sends again when the window is 0', async () => {
    const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '0' } })
    app.hubspot.control.fault({ on: 'create', do: { status: 502 } })

    const res = await uploadFile(app)
    await untilState(app, res.body, 'ambiguous')
    for (let scan = 0; scan < 5; scan++) {
      await app.query(`UPDATE "Import" SET "pollAt" = now() - interval '1 minute'`)
      await app.sweep()
      await until(
        async () => app.query<{ cleanScans: number }>('SELECT "cleanScans" FROM "ImportPart"'),
        ([part]) => (part?.cleanScans ?? 0) > scan,
      )
    }

    expect((await ask(app, res.body.links.self)).body.state).toBe('ambiguous')
    expect(app.hubspot.control.imports()).toHaveLength(0)
  })
})

describe('an import that is tried in vain', () => {
  it('is tried later and later, and says why it has not been sent', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.fault({ on: 'create', times: 0, do: { status: 503, early: true } })
    const { body } = await uploadFile(app)
    await app.query('UPDATE "Import" SET "attempts" = 9')

    await app.startWork()

    const [row] = await until(
      () =>
        app.query<{ wait: number }>(
          `SELECT extract(epoch FROM "nextAttemptAt" - now())::float8 AS wait FROM "Import" WHERE "attempts" = 10 AND "state" = 'accepted'`,
        ),
      (rows) => rows.length === 1,
    )
    expect(row?.wait).toBeGreaterThan(60)
    expect((await ask(app, body.links.self)).body.problem).toMatchObject({ code: 'submission_delayed' })
  })
})

describe('the bytes on their way out', () => {
  it('stay with us when the stored file was changed: HubSpot gets no import, a person is asked', async () => {
    const app = await testApp({ work: false })
    const res = await uploadFile(app, { file: contactsCsv(2_000) })
    const [name = ''] = await app.storedFiles()
    const path = join(app.filesFolder, name.slice(-2), name)
    const bytes = await readFile(path)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 2) ^ 1, bytes.length - 2)
    await writeFile(path, bytes)

    await app.startWork()
    const ended = await untilState(app, res.body, 'needs_review')

    expect(ended.problem).toMatchObject({ code: 'file_damaged' })
    expect(app.hubspot.control.imports()).toEqual([])
  })

  it('do not make an empty import when the stored file is gone', async () => {
    const app = await testApp({ work: false })
    const res = await uploadFile(app)
    await app.query('UPDATE "ImportFile" SET "storeKey" = $1', ['0'.repeat(32)])

    await app.startWork()
    const ended = await untilState(app, res.body, 'needs_review')

    expect(ended.problem).toMatchObject({ code: 'file_lost' })
    expect(app.hubspot.control.imports()).toEqual([])
  })
})

describe('a portal’s turn', () => {
  it('never has more than three imports running at HubSpot', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ processingMs: 700 })

    const uploads = await Promise.all(Array.from({ length: 7 }, () => uploadFile(app)))
    let most = 0
    await until(
      () => app.hubspot.control.imports(),
      (made) => {
        most = Math.max(most, made.filter(({ state }) => state !== 'DONE').length)
        return made.length === 7 && made.every(({ state }) => state === 'DONE')
      },
      30_000,
    )

    expect(most).toBeLessThanOrEqual(3)
    for (const { body } of uploads) await untilState(app, body, 'done')
  })

  it('goes to the partner who has waited longest, not to the one who sent most', async () => {
    const app = await testApp({ work: false })
    const other = await app.createKey('Other partner')
    const flood = []
    for (let i = 0; i < 6; i++) flood.push(await uploadFile(app, { request: contactsRequest({ name: `flood ${i}` }) }))
    const single = await uploadFile(app, { key: other, request: contactsRequest({ name: 'single' }) })

    await app.startWork()
    await untilState({ url: app.url, key: other }, single.body, 'done')

    // By their turns: of three that are sent at the same time, any may be made first.
    const order = await app.query<{ name: string }>(
      'SELECT "name" FROM "Import" WHERE "startedAt" IS NOT NULL ORDER BY "startedAt"',
    )
    expect(order.map(({ name }) => name).indexOf('single')).toBe(1)
  })
})

describe('GET an import', () => {
  it('gives row errors with line, column and value, page by page', async () => {
    const app = await testApp()
    const res = await uploadFile(app, { file: contactsCsv(4, 7) })
    await untilState(app, res.body, 'done')

    const first = await ask<{ results: object[]; paging?: { next: { after: string } } }>(
      app,
      `${res.body.links.errors}?origin=hubspot&limit=5`,
    )
    const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? []
    const second = await ask<{ results: object[]; paging?: unknown }>(app, next)

    expect(next).toBe(`${res.body.links.errors}?origin=hubspot&limit=5&after=${first.body.paging?.next.after}`)
    expect(first.body.results).toHaveLength(5)
    expect(first.body.results[0]).toEqual({
      origin: 'hubspot',
      severity: 'error',
      code: 'INVALID_EMAIL',
      message: 'The email address is not valid.',
      fix: null,
      file: 'contacts.csv',
      line: 6,
      column: 1,
      columnName: 'Email',
      value: 'p4 at example',
    })
    expect(second.body.results).toHaveLength(2)
    expect([second.body.paging, second.headers.get('link')]).toEqual([undefined, null])
  })

  it('fetches every page of row errors from HubSpot', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ pageSize: 10 })

    const res = await uploadFile(app, { file: contactsCsv(1, 57) })
    const done = await untilState(app, res.body, 'done')

    expect(done.counters.ERRORS).toBe(57)
    expect(await app.query(`SELECT 1 FROM "RowError" WHERE "origin" = 'hubspot'`)).toHaveLength(57)
  })

  it('answers 304 to an unchanged import', async () => {
    const app = await testApp()
    const res = await uploadFile(app)
    await untilState(app, res.body, 'done')
    const first = await ask(app, res.body.links.self)

    // Not by fetch, which asks every cache to step aside when it is given such a header.
    const again = await request(app.url)
      .get(new URL(res.body.links.self).pathname)
      .set({ authorization: `Bearer ${app.key}`, 'if-none-match': first.headers.get('etag') ?? '' })

    expect(again.status).toBe(304)
  })

  it.each([
    ['FAILED', 'failed'],
    ['CANCELED', 'canceled'],
    ['REVERTED', 'done'],
  ])('ends with HubSpot’s %s as %s', async (hubspotState, state) => {
    const app = await testApp()
    app.hubspot.control.settings({ processingMs: 60_000 })
    const res = await uploadFile(app)
    await untilState(app, res.body, 'submitted', 'processing')
    app.hubspot.control.setImportState(app.hubspot.control.imports()[0]?.id ?? '', hubspotState)

    const ended = await untilState(app, res.body, state)

    expect(ended.parts[0]?.state).toBe(hubspotState)
  })
})

describe('GET /v1/portals/:portalId/imports', () => {
  it('lists newest first, in pages, by state', async () => {
    const app = await testApp({ work: false })
    const ids = []
    for (let i = 0; i < 5; i++) ids.unshift((await uploadFile(app)).body.id)
    type Page = { results: { id: string }[]; paging?: { next: { after: string } } }

    const first = await ask<Page>(app, `/v1/portals/${PORTAL}/imports?limit=3`)
    const second = await ask<Page>(app, `/v1/portals/${PORTAL}/imports?limit=3&after=${first.body.paging?.next.after}`)
    const none = await ask<Page>(app, `/v1/portals/${PORTAL}/imports?state=done`)

    expect([...first.body.results, ...second.body.results].map(({ id }) => id)).toEqual(ids)
    expect(second.body.paging).toBeUndefined()
    expect(none.body).toEqual({ results: [] })
  })

  it.each([
    'limit=0',
    'limit=-1',
    'limit=1e9',
    'limit=abc',
    'after=imp_1',
    'after=x',
    'state=finished',
    'nonsense=1',
    'limit=1&limit=2',
  ])('refuses ?%s', async (query) => {
    const app = await testApp({ work: false })

    const res = await ask<{ code: string }>(app, `/v1/portals/${PORTAL}/imports?${query}`)

    expect([res.status, res.body.code]).toEqual([400, 'query_invalid'])
  })
})

describe('portals', () => {
  it('each get their own files, under their own token', async () => {
    const app = await testApp()
    await app.install(OTHER_PORTAL)
    const otherKey = await app.createKey('Partner', OTHER_PORTAL)

    const mine = await uploadFile(app, { file: 'Email,First,Last\nmine@a.co,A,A\n' })
    const theirs = await uploadFile(app, { key: otherKey, portalId: OTHER_PORTAL, file: 'Email,First,Last\ntheirs@b.co,B,B\n' })
    await untilState(app, mine.body, 'done')
    await untilState(app, theirs.body, 'done')

    const ledger = app.hubspot.control.imports().map(({ portalId, files }) => [portalId, files[0]?.text.slice(17, 23)])
    expect(ledger.sort()).toEqual([
      [PORTAL, 'mine@a'],
      [OTHER_PORTAL, 'theirs'],
    ])
  })
})
