import { parse } from 'csv-parse/sync'
import { describe, expect, it } from 'vitest'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, fileEntry, untilState, uploadFile } from './support/requests.js'
import { pack, workbookParts } from './support/xlsx-writer.js'

type Listed = { results: { code: string; line: number; origin: string }[] }

/** A portal whose plan takes 20 MB in a file: as long as it takes to make one of a little more. */
async function freeApp(options: Parameters<typeof testApp>[0] = {}): Promise<TestApp> {
  const app = await testApp(options)
  await app.query(`UPDATE "Portal" SET "importsPerDay" = 50, "quotaLearntAt" = now()`)
  return app
}

const ROW_BYTES = 1_000
const wide = (i: number, email = `p${i}@example.com`) => `${email},${'x'.repeat(ROW_BYTES - email.length - 10)},L${i}\n`
/** Some 25 MB: two parts. */
const file = `Email,First,Last\n${Array.from({ length: 25_000 }, (_, i) => wide(i, i === 24_000 ? 'none at all' : undefined)).join('')}`

const partsAt = (app: TestApp) => app.hubspot.control.imports().sort((a, b) => a.name.localeCompare(b.name))

describe('a file that is larger than the portal’s plan takes', () => {
  it('becomes parts of one import: one state, the counters of all, the lines of the whole file', async () => {
    const app = await freeApp()

    const res = await uploadFile(app, { file })

    expect(res).toMatchObject({
      status: 202,
      body: { state: 'accepted', files: [{ name: 'contacts.csv', bytes: file.length, rows: 25_000 }] },
    })
    expect(res.body.parts).toHaveLength(2)
    const done = await untilState(app, res.body, 'done', 'failed')
    expect(done).toMatchObject({ state: 'done', counters: { TOTAL_ROWS: 25_000, ERRORS: 1 } })
    expect(done.parts.map(({ state }) => state)).toEqual(['DONE', 'DONE'])
    const [first, second] = partsAt(app)
    expect([first?.name, second?.name]).toEqual([
      expect.stringMatching(/^Contacts of today \(1 of 2\) \[imp_/),
      expect.stringMatching(/^Contacts of today \(2 of 2\) \[imp_/),
    ])
    expect((first?.files[0]?.rows ?? 0) + (second?.files[0]?.rows ?? 0)).toBe(25_000)
    for (const part of [first, second]) expect(part?.files[0]?.bytes).toBeLessThanOrEqual(20 * 1024 * 1024)
    // Its 24,001st row, the header being the first line.
    const errors = await ask<Listed>(app, `${res.body.links.errors}?origin=hubspot`)
    expect(errors.body.results).toMatchObject([{ code: 'INVALID_EMAIL', line: 24_002 }])
    const csv = await fetch(`${res.body.links.errors}?format=csv`, { headers: { authorization: `Bearer ${app.key}` } })
    expect(await csv.text()).toMatch(/none at all,.*INVALID_EMAIL.*The email address is not valid.*24002\n$/)
    const listed = await ask<{ results: { id: string }[] }>(app, `/v1/portals/${PORTAL}/imports`)
    expect(listed.body.results.map(({ id }) => id)).toEqual([res.body.id])
  })

  it('has no import of its own for a part, to its sender, and stands in the queue where its first part does', async () => {
    const app = await freeApp({ work: false })
    await uploadFile(app, { file: contactsCsv(1) })
    const res = await uploadFile(app, { file })
    const later = await uploadFile(app, { file: contactsCsv(2) })
    expect([res.body.queue?.position, later.body.queue?.position]).toEqual([2, 4])
    const [part] = await app.query<{ id: string }>(`SELECT "id" FROM "Import" WHERE "wholeId" = $1`, [res.body.id])

    const found = await ask(app, `/v1/portals/${PORTAL}/imports/${part?.id}`)
    const canceled = await fetch(`${app.url}/v1/portals/${PORTAL}/imports/${part?.id}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}` },
    })

    expect([found.status, canceled.status]).toEqual([404, 404])
    expect(await app.query(`SELECT DISTINCT "state" FROM "Import" WHERE "wholeId" = $1`, [res.body.id])).toEqual([
      { state: 'accepted' },
    ])
  })

  it('is stopped by one cancel, all of it', async () => {
    const app = await freeApp({ work: false })
    const res = await uploadFile(app, { file })

    const canceled = await fetch(`${res.body.links.self}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}` },
    })

    expect(await canceled.json()).toMatchObject({ id: res.body.id, state: 'canceled' })
    await app.startWork()
    expect(await ask(app, res.body.links.self)).toMatchObject({ body: { state: 'canceled' } })
    expect(app.hubspot.control.imports()).toEqual([])
  })

  it('is stopped by one cancel when parts of it are at HubSpot and others wait', async () => {
    const app = await freeApp()
    app.hubspot.control.settings({ startedMs: 0, processingMs: 600_000 })
    // HubSpot runs three at a time: there is room for one part.
    for (const name of ['Another', 'One more'])
      await untilState(app, (await uploadFile(app, { request: contactsRequest({ name }) })).body, 'processing')
    const res = await uploadFile(app, { file })
    await untilState(app, res.body, 'processing')

    await fetch(`${res.body.links.self}/cancel`, { method: 'POST', headers: { authorization: `Bearer ${app.key}` } })

    await untilState(app, res.body, 'canceled')
    app.hubspot.control.settings({ processingMs: 0 })
    // Whoever waits behind it comes next, and none of its parts.
    const { body: next } = await uploadFile(app, { request: contactsRequest({ name: 'Next' }) })
    await untilState(app, next, 'done')
    const parts = partsAt(app).filter(({ name }) => name.includes(' of 2)'))
    expect(parts.map(({ state }) => state)).toEqual(['CANCELED'])
  })

  it('has failed when a part has, once all have ended, and says why', async () => {
    const app = await freeApp()
    app.hubspot.control.fault({
      on: 'create',
      times: 1,
      do: { status: 400, body: { category: 'VALIDATION_ERROR', message: 'No.' } },
    })

    const res = await uploadFile(app, { file })

    expect(await untilState(app, res.body, 'done', 'failed')).toMatchObject({
      state: 'failed',
      problem: { code: 'hubspot_refused' },
    })
    await until(
      () => app.hubspot.control.imports().length,
      (count) => count === 1,
    )
  })

  it('is found again by a key, and by its bytes, as one import', async () => {
    const app = await freeApp({ work: false })
    const upload = { file, headers: { 'idempotency-key': 'k' } }

    const first = await uploadFile(app, upload)
    const again = await uploadFile(app, upload)
    const other = await uploadFile(app, { file })

    expect(again.body.id).toBe(first.body.id)
    expect(other.body.possibleDuplicateOf).toBe(first.body.id)
    expect(await app.storedFiles()).toHaveLength(6)
  })
})

describe('D5.98: a file of more rows than HubSpot takes', () => {
  it('goes in parts, every row once and in order', async () => {
    const app = await testApp({ work: false })
    const rows = 1_048_577

    const res = await uploadFile(app, {
      file: `Email,First,Last\n${Array.from({ length: rows }, (_, i) => `${i}@b.co,A,B\n`).join('')}`,
    })

    expect(res).toMatchObject({ status: 202, body: { files: [{ rows }], parts: [{}, {}] } })
    const parts = await app.query<{ rows: number; firstLine: number }>(
      `SELECT "rows", "firstLine" FROM "Import" WHERE "wholeId" IS NOT NULL ORDER BY "partNumber"`,
    )
    expect(parts).toEqual([
      { rows: 1_000_000, firstLine: 2 },
      { rows: 48_577, firstLine: 1_000_002 },
    ])
  })

  it.each([
    ['files that belong together', [fileEntry('contacts.csv'), fileEntry('more.csv')], [file, contactsCsv(2)]],
    [
      'a workbook of the old format',
      [fileEntry('contacts.xls', { fileFormat: 'SPREADSHEET' })],
      [Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(21 * 1024 * 1024)])],
    ],
  ])('refuses %s, with the reason', async (_name, files, contents) => {
    const app = await freeApp()
    const form = new FormData()
    form.append('importRequest', JSON.stringify(contactsRequest({ files })))
    for (const [i, { fileName }] of files.entries()) form.append('files', new Blob([contents[i] ?? '']), String(fileName))

    const res = await fetch(`${app.url}/v1/portals/${PORTAL}/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}` },
      body: form,
    })

    expect(await res.json()).toMatchObject({
      status: 422,
      code: 'split_impossible',
      detail: expect.stringContaining('cannot be split'),
    })
    expect(await app.storedFiles()).toEqual([])
  })
})

describe('a file without a header that is larger than the plan takes', () => {
  it('goes in parts without one, and its lines are those of the whole file', async () => {
    const app = await freeApp()
    const entry = fileEntry('contacts.csv')
    const files = [{ ...entry, fileImportPage: { ...(entry.fileImportPage as object), hasHeader: false } }]
    const rows = Array.from({ length: 25_000 }, (_, i) => wide(i, i === 0 || i === 24_000 ? 'none at all' : undefined))

    const res = await uploadFile(app, { file: rows.join(''), request: contactsRequest({ files }) })
    const done = await untilState(app, res.body, 'done', 'failed')

    expect(done).toMatchObject({ state: 'done', counters: { TOTAL_ROWS: 25_000, ERRORS: 2 } })
    const [first, second] = partsAt(app).map(({ files: [part] }) => part)
    expect((first?.rows ?? 0) + (second?.rows ?? 0)).toBe(25_000)
    expect(second?.text).toMatch(new RegExp(`^p${first?.rows}@example`))
    const errors = await ask<Listed>(app, `${res.body.links.errors}?origin=hubspot`)
    expect(errors.body.results.map(({ line }) => line).sort()).toEqual([1, 24_001])
    const csv = await fetch(`${res.body.links.errors}?format=csv`, { headers: { authorization: `Bearer ${app.key}` } })
    expect((await csv.text()).match(/none at all,/g)).toHaveLength(2)
  })
})

/** What is stored of a split file's parts, in their order. */
async function partKeys(app: TestApp): Promise<string[]> {
  const rows = await app.query<{ storeKey: string }>(
    `SELECT f."storeKey" FROM "ImportFile" f JOIN "Import" i ON i."id" = f."importId" WHERE i."wholeId" IS NOT NULL ORDER BY i."partNumber"`,
  )
  return rows.map(({ storeKey }) => storeKey)
}

/** The rows of a stored CSV with a header. */
async function readTable(app: TestApp, storeKey: string): Promise<string[][]> {
  const chunks: Buffer[] = []
  for await (const chunk of app.deps.files.read(storeKey)) chunks.push(chunk)
  return (parse(Buffer.concat(chunks)) as string[][]).slice(1)
}

describe('a workbook that is larger than the plan takes', () => {
  const emailOf = (i: number) => (i === 24_000 ? 'none at all' : `p${i}@example.com`)
  const cell = (text: string) => `<c t="inlineStr"><is><t>${text}</t></is></c>`
  const data = [
    `<row>${['Email', 'First', 'Last'].map(cell).join('')}</row>`,
    ...Array.from({ length: 25_000 }, (_, i) => `<row>${[emailOf(i), 'x'.repeat(900), `L${i}`].map(cell).join('')}</row>`),
  ].join('')
  // Not compressed: so much of it is needed.
  const workbook = pack(workbookParts([{ data }]), (entry) => ({ ...entry, isStored: true }))
  const request = contactsRequest({ files: [fileEntry('contacts.xlsx', { fileFormat: 'SPREADSHEET' })] }, 'contacts.xlsx')
  const upload = { file: workbook, fileName: 'contacts.xlsx', request }

  it('goes as CSV in parts, every row once, its lines those of the sheet, and its errors can be corrected', async () => {
    const app = await freeApp()

    const res = await uploadFile(app, upload)
    const done = await untilState(app, res.body, 'done', 'failed')

    expect(res.body.files).toMatchObject([{ format: 'CSV', rows: 25_000 }])
    expect(done).toMatchObject({ state: 'done', counters: { TOTAL_ROWS: 25_000, ERRORS: 1 } })
    expect(
      await app.query(`SELECT "request" #>> '{files,0,fileFormat}' AS format FROM "Import" WHERE "wholeId" IS NOT NULL`),
    ).toEqual([{ format: 'CSV' }, { format: 'CSV' }])
    const rows = (await Promise.all((await partKeys(app)).map((key) => readTable(app, key)))).flat()
    expect(rows.map(([email, , last]) => [email, last])).toEqual(Array.from({ length: 25_000 }, (_, i) => [emailOf(i), `L${i}`]))
    const findings = await ask<Listed>(app, `${res.body.links.errors}?origin=finding`)
    expect(findings.body.results).toContainEqual(expect.objectContaining({ code: 'SHEET_CONVERTED' }))
    const errors = await ask<Listed>(app, `${res.body.links.errors}?origin=hubspot`)
    expect(errors.body.results).toMatchObject([{ code: 'INVALID_EMAIL', line: 24_002 }])

    const headers = { authorization: `Bearer ${app.key}` }
    const csv = await (await fetch(`${res.body.links.errors}?format=csv`, { headers })).text()
    const form = new FormData()
    form.append('files', new Blob([csv.replace('none at all', 'one@example.com')]), 'corrected.csv')
    const corrected = await fetch(`${res.body.links.self}/corrections`, { method: 'POST', headers, body: form })
    const correction = (await corrected.json()) as typeof res.body
    expect(correction).toMatchObject({ correctionOf: res.body.id, files: [{ rows: 1 }] })
    expect(await untilState(app, correction, 'done', 'failed')).toMatchObject({ counters: { ERRORS: 0 } })
  })

  it('is refused with normalize=never, and nothing of it is left', async () => {
    const app = await freeApp()

    const res = await uploadFile(app, { ...upload, query: '?normalize=never' })

    expect(res).toMatchObject({ status: 422, body: { code: 'normalization_needed' } })
    expect(await app.storedFiles()).toEqual([])
  })

  it('goes whole where the plan takes it', async () => {
    const app = await testApp({ work: false })

    const res = await uploadFile(app, upload)

    expect(res.body).toMatchObject({ files: [{ format: 'SPREADSHEET' }], parts: [{}] })
  })
})

it('gives every part the header, and no row twice', async () => {
  const app = await freeApp()

  const res = await uploadFile(app, { file })
  await untilState(app, res.body, 'done')

  const starts = partsAt(app).map(({ files: [part] }) =>
    (parse(part?.text ?? '', { to: 2 }) as string[][]).map(([email]) => email),
  )
  expect(starts[0]).toEqual(['Email', 'p0@example.com'])
  expect(starts[1]?.[0]).toBe('Email')
  expect(starts[1]?.[1]).toMatch(/^p2\d{4}@example\.com$/)
})
