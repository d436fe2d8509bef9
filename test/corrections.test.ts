import { parse } from 'csv-parse/sync'
import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { contactsCsv, contactsRequest, fileEntry, untilState, uploadFile } from './support/requests.js'
import { writeTable } from './support/tables.js'
import { escapeXml, pack, workbookParts } from './support/xlsx-writer.js'

const FILE = 'Email,First,Last,Note\na@b.co,A,B,1\nnone,=C,"D,\njr.",two\nc@d.co,E,F,3\nwrong,"G\nG",H,"+4"\n'

async function download(app: TestApp, id: string, key = app.key): Promise<{ status: number; type: string | null; text: string }> {
  const res = await fetch(`${app.url}/v1/portals/${PORTAL}/imports/${id}/errors?format=csv`, {
    headers: { authorization: `Bearer ${key}` },
  })
  return { status: res.status, type: res.headers.get('content-type'), text: Buffer.from(await res.arrayBuffer()).toString() }
}

async function correct(
  app: TestApp,
  id: string,
  file: string | Buffer,
  { fileName = 'fixed.csv', headers = {}, portalId = PORTAL, text = '', query = '' } = {},
) {
  const form = new FormData()
  if (text) form.append('importRequest', text)
  form.append('files', new Blob([file as string]), fileName)
  const res = await fetch(`${app.url}/v1/portals/${portalId}/imports/${id}/corrections${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, ...headers },
    body: form,
  })
  return { status: res.status, body: (await res.json()) as Record<string, unknown> & { id: string } }
}

async function failedImport(app: TestApp, file: string | Buffer = FILE): Promise<string> {
  const { body } = await uploadFile(app, { file })
  await untilState(app, body, 'done', 'failed')
  return body.id
}

describe('GET …/errors?format=csv', () => {
  it('gives the rows that failed as they were sent, with what is wrong, safe to open in a spreadsheet', async () => {
    const app = await testApp()
    const id = await failedImport(app)

    const { status, type, text } = await download(app, id)

    expect({ status, type }).toEqual({ status: 200, type: 'text/csv; charset=utf-8' })
    expect(text.startsWith('\ufeff')).toBe(true)
    expect(parse(text, { bom: true })).toEqual([
      ['Email', 'First', 'Last', 'Note', 'importal_code', 'importal_column', 'importal_message', 'importal_line'],
      ['none', "'=C", 'D,\njr.', 'two', 'INVALID_EMAIL', 'Email', 'The email address is not valid.', '3'],
      ['wrong', 'G\nG', 'H', "'+4", 'INVALID_EMAIL', 'Email', 'The email address is not valid.', '5'],
    ])
  })

  it('takes values from the file, whatever HubSpot shows of them', async () => {
    const app = await testApp()
    const german = writeTable(
      [
        ['Email', 'First', 'Last'],
        ['keine', 'Jörg', 'Groß'],
      ],
      {
        encoding: 'windows-1252',
        delimiter: ';',
        lineEnd: '\r\n',
        quotesAll: false,
        endsWithLine: true,
      },
    )
    const id = await failedImport(app, german)
    await app.query(`UPDATE "RowError" SET "value" = 'REDACTED'`)

    const { text } = await download(app, id)

    expect(parse(text, { bom: true, from: 2 })).toEqual([
      ['keine', 'Jörg', 'Groß', 'INVALID_EMAIL', 'Email', expect.any(String), '2'],
    ])
  })

  it('tells all of what is wrong with a row in one', async () => {
    const app = await testApp()
    const id = await failedImport(app, 'Email,First,Last\nnone,A\n')

    const [, row] = parse((await download(app, id)).text, { bom: true, relax_column_count: true }) as string[][]

    expect(row?.slice(-4, -2)).toEqual(
      ['INVALID_EMAIL; INCORRECT_NUMBER_OF_COLUMNS', 'Email'].map((one) =>
        expect.stringMatching(new RegExp(one.split('; ').join('|'))),
      ),
    )
  })

  it('has more errors than a page holds, in the order of the file', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ pageSize: 500 })
    const id = await failedImport(app, contactsCsv(10, 5_500))

    const rows = parse((await download(app, id)).text, { bom: true, from: 2 }) as string[][]

    expect(rows).toHaveLength(5_500)
    expect(rows.map((row) => Number(row.at(-1)))).toEqual(Array.from({ length: 5_500 }, (_, i) => i + 12))
  })

  it('has what we found while HubSpot has not got it yet', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app, { file: FILE })

    const rows = parse((await download(app, body.id)).text, { bom: true, from: 2 }) as string[][]

    expect(rows.map((row) => row.at(-1))).toEqual(['3', '5'])
  })

  it('has a line for a row that is too long to be shown, and says so', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app, { file: `Email,First,Last\nnone,A,B\nwrong,"${'x'.repeat(2 ** 21)}",C\nbad,D\n` })

    const rows = parse((await download(app, body.id)).text, { bom: true, from: 2 }) as string[][]

    expect(rows).toEqual([
      ['none', 'A', 'B', 'INVALID_EMAIL', 'Email', expect.any(String), '2'],
      ['', '', '', 'ROW_DATA_TOO_LARGE', '', expect.stringContaining('too long to be shown'), '3'],
      ['bad', 'D', '', expect.stringContaining('INVALID_EMAIL'), 'Email', expect.any(String), '4'],
    ])
  })

  it('has a workbook’s dates as the import has them', async () => {
    const app = await testApp({ work: false })
    const cells = ['<c t="inlineStr"><is><t>none</t></is></c>', '<c s="1"><v>45000</v></c>', '<c s="2"><v>45000.5</v></c>']
    const header = ['Email', 'First', 'Last'].map((name) => `<c t="inlineStr"><is><t>${name}</t></is></c>`)
    const data = `<row r="1">${header.join('')}</row><row r="2">${cells.join('')}</row>`
    const { body } = await uploadFile(app, {
      request: contactsRequest({
        dateFormat: 'DAY_MONTH_YEAR',
        files: [fileEntry('contacts.xlsx', { fileFormat: 'SPREADSHEET' })],
      }),
      file: pack(workbookParts(data, { formats: [14, 'yyyy\\-mm\\-dd hh:mm'] })),
      fileName: 'contacts.xlsx',
    })

    const [row] = parse((await download(app, body.id)).text, { bom: true, from: 2 }) as string[][]

    expect(row?.slice(0, 4)).toEqual(['none', '15/03/2023', '15/03/2023 12:00', 'INVALID_EMAIL'])
  })

  it.each([
    [
      'several files',
      async (app: TestApp) =>
        app.query(
          `INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256") SELECT 'fil_x', "id", 1, 'x.csv', 'CSV', 1, '' FROM "Import"`,
        ),
    ],
    ['a file that is not kept any more', async (app: TestApp) => app.query(`UPDATE "ImportFile" SET "storeKey" = NULL`)],
  ])('says why there is none of %s', async (_name, change) => {
    const app = await testApp()
    const id = await failedImport(app)
    await change(app)

    expect(await download(app, id)).toMatchObject({ status: 409, text: expect.stringContaining('corrections_impossible') })
  })

  it('hides another partner’s like a missing one', async () => {
    const app = await testApp()
    const id = await failedImport(app)

    expect(await download(app, id, await app.createKey('Other'))).toMatchObject({
      status: 404,
      text: expect.stringContaining('import_not_found'),
    })
  })
})

describe('POST …/corrections', () => {
  it('imports the corrected rows alone, as the import did whose rows they are, and is linked to it', async () => {
    const app = await testApp()
    const id = await failedImport(app)
    const fixed = (await download(app, id)).text.replace('none', 'b@b.co').replace('wrong', 'd@d.co')

    const res = await correct(app, id, fixed)

    expect(res).toMatchObject({
      status: 202,
      body: { correctionOf: id, name: 'Contacts of today (corrections)', files: [{ rows: 2 }] },
    })
    expect(await untilState(app, res.body, 'done', 'failed')).toMatchObject({
      state: 'done',
      counters: { CREATED_OBJECTS: 2, ERRORS: 0 },
    })
    const [, made] = app.hubspot.control.imports()
    // As they were sent first: without our columns, and without what made them safe for a spreadsheet.
    expect(made?.files).toMatchObject([{ text: 'Email,First,Last,Note\nb@b.co,=C,"D,\njr.",two\nd@d.co,"G\nG",H,+4\n' }])
    expect(made?.request.importOperations).toEqual({ '0-1': 'UPSERT' })
    expect(await app.storedFiles()).toHaveLength(2)
  })

  it('takes them as Excel saves them again', async () => {
    const app = await testApp()
    const id = await failedImport(app)
    const rows = parse((await download(app, id)).text.replace('none', 'b@b.co'), { bom: true }) as string[][]
    const saved = writeTable(rows.slice(0, 2), {
      encoding: 'windows-1252',
      delimiter: ';',
      lineEnd: '\r\n',
      quotesAll: false,
      endsWithLine: true,
    })
    const sheet = rows
      .slice(0, 2)
      .map(
        (row, i) =>
          `<row r="${i + 1}">${row.map((cell) => `<c t="inlineStr"><is><t>${escapeXml(cell)}</t></is></c>`).join('')}</row>`,
      )
    const workbook = pack(workbookParts(sheet.join('')))

    for (const [file, fileName] of [
      [saved, 'fixed.csv'],
      [workbook, 'fixed.xlsx'],
    ] as const) {
      const res = await correct(app, id, file, { fileName })
      expect(res).toMatchObject({ status: 202, body: { files: [{ format: 'CSV', rows: 1 }] } })
      await untilState(app, res.body, 'done', 'failed')
      expect(app.hubspot.control.imports().at(-1)?.files).toMatchObject([
        { text: 'Email,First,Last,Note\nb@b.co,=C,"D,\njr.",two\n' },
      ])
    }
  })

  it('can be corrected again, and made once for a key', async () => {
    const app = await testApp()
    const id = await failedImport(app)
    const wrong = (await download(app, id)).text.replace('none', 'b@b.co')
    const headers = { 'idempotency-key': 'k' }

    const second = await correct(app, id, wrong, { headers })
    const replayed = await correct(app, id, wrong, { headers })
    await untilState(app, second.body, 'done')
    const third = await correct(app, second.body.id, (await download(app, second.body.id)).text.replace('wrong', 'd@d.co'))

    expect(replayed.body.id).toBe(second.body.id)
    expect(third.body).toMatchObject({ correctionOf: second.body.id, files: [{ rows: 1 }] })
    expect(await untilState(app, third.body, 'done', 'failed')).toMatchObject({ state: 'done' })
  })

  it.each<[string, string, object, number, string]>([
    ['columns that are not the import’s', 'Mail\na@b.co\n', {}, 422, 'header_invalid'],
    [
      'a row longer than a mebibyte',
      `Email,First,Last,Note,importal_code\na@b.co,A,B,1,\nb@b.co,"${'x'.repeat(2 ** 21)}",B,2,\nc@d.co,C,D,3,\n`,
      {},
      422,
      'row_too_large',
    ],
    [
      'a wrong cell when it is to be strict, though the file was written anew twice',
      'Email;First;Last;Note;importal_code\nstill none;A;B;1;INVALID_EMAIL\n',
      { query: '?strict=true' },
      422,
      'findings_refused',
    ],
    ['nothing but a header', 'Email,First,Last,Note,importal_code\n', {}, 422, 'no_rows'],
    [
      'a request of its own',
      FILE,
      { text: JSON.stringify(contactsRequest({ files: [fileEntry('fixed.csv')] })) },
      422,
      'import_request_invalid',
    ],
    ['another portal', FILE, { portalId: OTHER_PORTAL }, 404, 'portal_not_found'],
  ])('refuses %s, and keeps nothing', async (_name, file, options, status, code) => {
    const app = await testApp()
    const id = await failedImport(app)
    const before = await app.storedFiles()

    expect(await correct(app, id, file, options)).toMatchObject({ status, body: { code } })
    expect(await app.storedFiles()).toEqual(before)
  })

  it('refuses an import that is not there', async () => {
    const app = await testApp()

    expect(await correct(app, `imp_${'0'.repeat(32)}`, FILE)).toMatchObject({ status: 404, body: { code: 'import_not_found' } })
    expect(await app.storedFiles()).toEqual([])
  })
})
