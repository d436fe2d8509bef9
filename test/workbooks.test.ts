import { describe, expect, it } from 'vitest'
import { PORTAL, type TestApp, testApp } from './support/app.js'
import { ask, contactsRequest, fileEntry, untilState, uploadFile } from './support/requests.js'
import { escapeXml, pack, workbookParts } from './support/xlsx-writer.js'

type Report = {
  problem: { code: string; detail: string } | null
  codes: Record<string, number>
  files: { name: string; format: string; rows: number | null }[]
  results: { code: string; line: number; column: number | null; columnName: string | null; value: string | null }[]
}

/** Cells as a spreadsheet writes them without its table of texts; a number with a style is a date. */
function sheetData(rows: (string | number | { days: number } | { error: string } | { formula: string })[][]): string {
  const cell = (value: (typeof rows)[number][number]) => {
    if (typeof value === 'string') return value === '' ? '<c/>' : `<c t="inlineStr"><is><t>${escapeXml(value)}</t></is></c>`
    if (typeof value === 'number') return `<c><v>${value}</v></c>`
    if ('formula' in value) return `<c><f>${escapeXml(value.formula)}</f></c>`
    return 'days' in value ? `<c s="1"><v>${value.days}</v></c>` : `<c t="e"><v>${value.error}</v></c>`
  }
  return rows.map((row, i) => `<row r="${i + 1}">${row.map(cell).join('')}</row>`).join('')
}

const HEADER = ['Email', 'First', 'Last']
const good = sheetData([HEADER, ['a@b.co', 'A', 'B'], ['c@d.co', 'C', 'D']])
const request = contactsRequest({ files: [fileEntry('contacts.xlsx', { fileFormat: 'SPREADSHEET' })] }, 'contacts.xlsx')
const workbook = (
  ...sheets: Parameters<typeof workbookParts>[0] extends infer S ? (S extends (infer One)[] ? One[] : never) : never
) => pack(workbookParts(sheets, { formats: [14] }))

const send = (app: TestApp, file: Buffer, query = '') => uploadFile(app, { request, file, fileName: 'contacts.xlsx', query })

async function validate(app: TestApp, file: Buffer, query = ''): Promise<Report> {
  return (await send(app, file, `?validateOnly=true${query}`)).body as unknown as Report
}

describe('a workbook', () => {
  it('reaches HubSpot as it is, its rows counted and its columns fitted', async () => {
    const app = await testApp()
    const file = workbook({
      data: sheetData([
        ['Last', 'Email', 'First', 'More'],
        ['B', 'a@b.co', 'A', 'x'],
      ]),
    })

    const res = await send(app, file)

    expect(res).toMatchObject({
      status: 202,
      body: { files: [{ name: 'contacts.xlsx', format: 'SPREADSHEET', bytes: file.length, rows: 1 }] },
    })
    await untilState(app, res.body, 'done', 'failed')
    const [made] = app.hubspot.control.imports()
    expect(made?.files).toMatchObject([{ bytes: file.length }])
    expect(made?.request.files?.[0]?.fileImportPage?.columnMappings?.map(({ columnName }) => columnName)).toEqual([
      'Last',
      'Email',
      'First',
      'More',
    ])
  })

  it('has its cells checked like text, dates of its own included', async () => {
    const app = await testApp()
    const columnMappings = [
      { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
      { columnObjectTypeId: '0-1', columnName: 'Born', propertyName: 'date_of_birth' },
      { columnObjectTypeId: '0-1', columnName: 'Size', propertyName: 'numemployees' },
    ]
    const entry = fileEntry('contacts.xlsx', { fileFormat: 'SPREADSHEET', fileImportPage: { hasHeader: true, columnMappings } })
    const data = sheetData([
      ['Email', 'Born', 'Size'],
      ['a@b.co', { days: 30_000 }, 12],
      ['none', 'yesterday', 'many'],
      ['a@b.co', '', { error: '#N/A' }],
    ])

    const { body } = await uploadFile(app, {
      request: contactsRequest({ files: [entry] }),
      file: workbook({ data }),
      fileName: 'contacts.xlsx',
      query: '?validateOnly=true',
    })

    const { results } = body as unknown as Report
    expect(results.map(({ code, line, columnName, value }) => [code, line, columnName, value])).toEqual([
      ['INVALID_EMAIL', 3, 'Email', 'none'],
      ['COULD_NOT_PARSE_DATE', 3, 'Born', 'yesterday'],
      ['COULD_NOT_PARSE_NUMBER', 3, 'Size', 'many'],
      ['ERROR_VALUE', 4, 'Size', '#N/A'],
      ['DUPLICATE_ALTERNATE_ID', 4, 'Email', 'a@b.co'],
      ['COULD_NOT_PARSE_NUMBER', 4, 'Size', '#N/A'],
    ])
  })

  it.each<[string, Parameters<typeof workbook>, string, string, string?]>([
    [
      'D5.113: a hidden sheet first',
      [
        { name: 'Old', state: 'hidden', data: sheetData([['x']]) },
        { name: 'New', data: good },
      ],
      '',
      'New',
    ],
    [
      'D5.113: the one of three that was asked for',
      [{ name: 'A' }, { name: 'Kontakte', data: good }, { name: 'B' }],
      '&sheet=kontakte',
      'Kontakte',
    ],
  ])('%s: the sheet goes as CSV, and that is said', async (_name, sheets, query, chosen) => {
    const app = await testApp()

    const res = await send(app, workbook(...sheets), `?${query.slice(1)}`)

    expect(res).toMatchObject({ status: 202, body: { files: [{ name: 'contacts.csv', format: 'CSV', rows: 2 }] } })
    await untilState(app, res.body, 'done', 'failed')
    const [made] = app.hubspot.control.imports()
    expect(made?.files).toMatchObject([{ name: 'contacts.csv', text: 'Email,First,Last\na@b.co,A,B\nc@d.co,C,D\n' }])
    expect(made?.request.files).toMatchObject([{ fileName: 'contacts.csv', fileFormat: 'CSV' }])
    const errors = await ask<Report>(app, `/v1/portals/${PORTAL}/imports/${res.body.id}/errors`)
    expect(errors.body.results).toContainEqual(
      expect.objectContaining({ code: 'SHEET_CONVERTED', message: expect.stringContaining(`"${chosen}"`) }),
    )
  })

  it.each<[string, Parameters<typeof workbook>, string]>([
    ['goes as it is', [], ''],
    ['goes as CSV', [{ name: 'Other', data: good }], '&sheet=Sheet1'],
  ])('says what is odd about the cells of a sheet that %s', async (_name, others, query) => {
    const app = await testApp()
    const data = sheetData([
      HEADER,
      ['a@b.co', { error: '#N/A' }, 'A'],
      ['b@b.co', 'B'],
      ['c@b.co', { formula: '1+2' }, 'C', 'one too many'],
    ])

    const { results } = await validate(app, workbook({ data }, ...others), query)

    const odd = results.filter(({ line }) => line > 0).map(({ code, line, columnName, value }) => [code, line, columnName, value])
    expect(odd.sort()).toEqual([
      ['ERROR_VALUE', 2, 'First', '#N/A'],
      ['FORMULA_WITHOUT_VALUE', 4, 'First', ''],
      ['INCORRECT_NUMBER_OF_COLUMNS', 4, null, null],
    ])
  })

  it('writes dates of a sheet that goes as CSV as the import has them', async () => {
    const app = await testApp()
    const data = sheetData([HEADER, ['a@b.co', { days: 45_000 }, 'x, "y"']])

    const res = await uploadFile(app, {
      request: { ...request, dateFormat: 'DAY_MONTH_YEAR' },
      file: workbook({ data }, { data: good }),
      fileName: 'contacts.xlsx',
      query: '?sheet=Sheet1',
    })

    await untilState(app, res.body, 'done', 'failed')
    const errors = await ask<Report>(app, `/v1/portals/${PORTAL}/imports/${res.body.id}/errors`)
    expect(errors.body.results).toContainEqual(
      expect.objectContaining({
        code: 'SHEET_CONVERTED',
        message: expect.stringContaining('2 rows were written, and in them 1 dates'),
      }),
    )
    expect(app.hubspot.control.imports()[0]?.files).toMatchObject([{ text: 'Email,First,Last\na@b.co,15/03/2023,"x, ""y"""\n' }])
  })

  it.each<[string, Buffer, string, number, string]>([
    ['D5.113: three sheets to choose from', workbook({ data: good }, { data: good }, { data: good }), '', 422, 'sheet_unclear'],
    ['D5.113: a sheet that is not there', workbook({ data: good }), '?sheet=Other', 422, 'sheet_unclear'],
    ['D5.113: no sheet', pack(workbookParts([])), '', 422, 'no_worksheet'],
    ['D5.92: an empty sheet', workbook({ data: '' }), '', 422, 'no_rows'],
    ['D5.93: a header only', workbook({ data: sheetData([HEADER]) }), '', 422, 'no_rows'],
    [
      'D4.81: a mapped column that is not there',
      workbook({ data: sheetData([['Email'], ['a@b.co']]) }),
      '',
      422,
      'header_invalid',
    ],
    [
      'D5.97: 1,000 columns',
      workbook({ data: sheetData([Array.from({ length: 1_000 }, (_, i) => `c${i}`), ['x']]) }),
      '',
      422,
      'too_many_columns',
    ],
    ['D5.104: cut off', workbook({ data: good }).subarray(0, -30), '', 422, 'archive_damaged'],
    [
      'D5.109: encrypted',
      Buffer.concat([
        Buffer.from('d0cf11e0a1b11ae1', 'hex'),
        Buffer.alloc(504),
        Buffer.from('EncryptedPackage', 'utf16le'),
        Buffer.alloc(600),
      ]),
      '',
      422,
      'encrypted',
    ],
    [
      'several sheets, and nothing may be written anew',
      workbook({ data: good }, { name: 'B' }),
      '?sheet=Sheet1&normalize=never',
      422,
      'normalization_needed',
    ],
  ])('is refused: %s', async (_name, file, query, status, code) => {
    const app = await testApp()

    const res = await send(app, file, query)

    expect({ status: res.status, code: res.body.code, detail: res.body.detail }).toEqual({
      status,
      code,
      detail: expect.stringMatching(/\.$/),
    })
    expect(await app.storedFiles()).toEqual([])
  })

  it('of the old format is passed on, and that nobody looked into it is said', async () => {
    const app = await testApp()
    const file = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)])

    const { codes, files } = (
      await uploadFile(app, {
        request: contactsRequest({ files: [fileEntry('contacts.xls', { fileFormat: 'SPREADSHEET' })] }),
        file,
        fileName: 'contacts.xls',
        query: '?validateOnly=true',
      })
    ).body as unknown as Report

    expect(codes).toEqual({ NOT_LOOKED_INTO: 1 })
    expect(files).toMatchObject([{ rows: null }])
  })

  it('tells names of sheets to choose from', async () => {
    const { problem } = await validate(await testApp(), workbook({ name: 'Kunden', data: good }, { name: 'Firmen', data: good }))

    expect(problem?.detail).toContain('"Kunden", "Firmen"')
  })
})
