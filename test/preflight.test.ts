import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, fileEntry, untilState, uploadFile } from './support/requests.js'
import { type Dialect, writeTable } from './support/tables.js'

type Listed = {
  results: { code: string; line: number; message: string; columnName: string | null }[]
  codes: Record<string, number>
}
type Report = Listed & {
  isAcceptable: boolean
  problem: { code: string; errors?: unknown[] } | null
  findings: { errors: number; warnings: number }
  importRequest: {
    files: { fileImportPage: { columnMappings: { columnName: string; propertyName: string | null; ignored?: boolean }[] } }[]
  }
}

const TABLE = [
  ['Email', 'First', 'Last'],
  ['a@example.com', 'Jörg', 'Groß, jr.'],
  ['b@example.com', 'Zoë "Z"', 'two\nlines'],
]
const AS_HUBSPOT_TAKES_IT = 'Email,First,Last\na@example.com,Jörg,"Groß, jr."\nb@example.com,"Zoë ""Z""","two\nlines"\n'

const excel: Dialect = { encoding: 'windows-1252', delimiter: ';', lineEnd: '\r\n', quotesAll: false, endsWithLine: true }

async function validate(app: TestApp, upload: Parameters<typeof uploadFile>[1] = {}): Promise<{ status: number; body: Report }> {
  const res = await uploadFile(app, { ...upload, query: `?validateOnly=true${upload.query ?? ''}` })
  return { status: res.status, body: res.body as unknown as Report }
}

async function expectRefused(
  app: TestApp,
  upload: Parameters<typeof uploadFile>[1],
  status: number,
  code: string,
): Promise<Record<string, unknown>> {
  const res = await uploadFile(app, upload)
  expect({ status: res.status, code: res.body.code, detail: res.body.detail }).toEqual({
    status,
    code,
    detail: expect.stringMatching(/\.$/),
  })
  expect(await app.storedFiles()).toEqual([])
  expect((await ask<{ results: unknown[] }>(app, `/v1/portals/${PORTAL}/imports`)).body.results).toEqual([])
  return res.body
}

describe('a file as partners really send it', () => {
  it.each<[string, Dialect, string, string[]]>([
    ['Excel’s CSV in German', excel, 'contacts.csv', ['DELIMITER_CONVERTED', 'ENCODING_CONVERTED']],
    [
      'Excel’s Unicode text',
      { ...excel, encoding: 'utf-16le', delimiter: '\t' },
      'contacts.txt',
      ['DELIMITER_CONVERTED', 'ENCODING_CONVERTED', 'FILE_NAME_REPAIRED'],
    ],
    ['an old Mac’s', { ...excel, encoding: 'utf-8', delimiter: ',', lineEnd: '\r' }, 'contacts.csv', ['LINE_ENDS_CONVERTED']],
  ])('%s reaches HubSpot as UTF-8 with commas, cell for cell, and that is said', async (_name, dialect, fileName, codes) => {
    const app = await testApp()
    const file = writeTable(TABLE, dialect)

    const res = await uploadFile(app, { file, fileName })

    expect(res.status).toBe(202)
    // What was sent is what its sender knows.
    expect(res.body.files).toMatchObject([
      { bytes: file.length, sha256: createHash('sha256').update(file).digest('hex'), rows: 2 },
    ])
    await untilState(app, res.body, 'done')
    expect(app.hubspot.control.imports().flatMap(({ files }) => files)).toMatchObject([
      { name: 'contacts.csv', text: AS_HUBSPOT_TAKES_IT },
    ])
    const { body } = await ask<Listed>(app, `/v1/portals/${PORTAL}/imports/${res.body.id}/errors`)
    expect(Object.keys(body.codes).sort()).toEqual(codes)
    expect(body.results.map(({ code }) => code).sort()).toEqual(codes)
  })

  it('says how many cells a conversion touched', async () => {
    const app = await testApp()

    const { body } = await validate(app, { file: writeTable(TABLE, excel) })

    expect(body.results.map(({ message }) => message)).toEqual([
      expect.stringContaining('3 cells have letters that were written anew'),
      expect.stringContaining('1 cells were put in quotes'),
    ])
  })

  it('says how many line ends a conversion touched', async () => {
    const app = await testApp()

    const { body } = await validate(app, { file: contactsCsv(2).replaceAll('\n', '\r') })

    expect(body.results).toMatchObject([
      { code: 'LINE_ENDS_CONVERTED', message: expect.stringContaining('3 line ends were written anew') },
    ])
  })

  it.each([
    ['a byte order mark', Buffer.concat([Buffer.from('\ufeff'), Buffer.from(contactsCsv(2))])],
    ['CR LF', Buffer.from(contactsCsv(2).replaceAll('\n', '\r\n'))],
    ['no line end at the end', Buffer.from(contactsCsv(2).trimEnd())],
    ['line ends of both kinds', Buffer.from('Email,First,Last\r\na@b.co,A,B\nc@d.co,C,D\r\n')],
  ])('leaves every byte of what HubSpot can take: %s', async (_name, file) => {
    const app = await testApp()

    const res = await uploadFile(app, { file })

    expect(res.body).toMatchObject({ files: [{ rows: 2 }], findings: { warnings: 0 } })
    await untilState(app, res.body, 'done')
    const sha256 = createHash('sha256').update(file).digest('hex')
    expect(app.hubspot.control.imports()[0]?.files).toMatchObject([{ sha256 }])
  })

  it('refuses instead of writing anew when asked to', async () => {
    const app = await testApp()

    await expectRefused(app, { file: writeTable(TABLE, excel), query: '?normalize=never' }, 422, 'normalization_needed')
    expect((await uploadFile(app, { query: '?normalize=never' })).status).toBe(202)
  })

  it('keeps one file of an upload that was written anew, and none of one that was refused', async () => {
    const app = await testApp()

    await uploadFile(app, { file: writeTable(TABLE, excel) })
    const kept = await app.storedFiles()
    await uploadFile(app, { file: writeTable([['Other'], ...TABLE.slice(1)], excel) })

    expect(kept).toHaveLength(1)
    expect(await app.storedFiles()).toEqual(kept)
  })

  it('sends the same upload once for one key, whatever it was written anew as', async () => {
    const app = await testApp()
    const upload = { file: writeTable(TABLE, excel), headers: { 'idempotency-key': 'k' } }

    const first = await uploadFile(app, upload)
    const again = await uploadFile(app, upload)
    const other = await uploadFile(app, { ...upload, file: Buffer.from(AS_HUBSPOT_TAKES_IT) })

    expect(again.body.id).toBe(first.body.id)
    expect(other.body).toMatchObject({ code: 'idempotency_key_reused' })
  })
})

describe('a gzipped file', () => {
  it('is unpacked on its way, and what was sent is what its sender knows', async () => {
    const app = await testApp()
    const file = gzipSync(contactsCsv(500))

    const res = await uploadFile(app, { file, fileName: 'contacts.csv.gz' })

    const sha256 = createHash('sha256').update(file).digest('hex')
    expect(res).toMatchObject({ status: 202, body: { files: [{ name: 'contacts.csv', bytes: file.length, sha256, rows: 500 }] } })
    await untilState(app, res.body, 'done')
    expect(app.hubspot.control.imports()[0]?.files).toMatchObject([{ name: 'contacts.csv', text: contactsCsv(500) }])
    const { body } = await ask<Listed>(app, `/v1/portals/${PORTAL}/imports/${res.body.id}/errors`)
    expect(Object.keys(body.codes)).toContain('GZIP_UNPACKED')
  })

  it.each<[string, Buffer, string, number, string]>([
    ['a bomb', gzipSync(Buffer.alloc(300 * 1024 * 1024, 'a,b,c\n')), '', 422, 'archive_too_large'],
    ['one that is cut off', gzipSync(contactsCsv(500)).subarray(0, -20), '', 422, 'archive_damaged'],
    ['what is no gzip', Buffer.from(contactsCsv(5)), '', 422, 'archive_damaged'],
    ['a PDF in it', gzipSync('%PDF-1.7'), '', 415, 'file_type_unsupported'],
    ['nothing in it', gzipSync(''), '', 422, 'file_empty'],
    ['one that must not be written anew', gzipSync(contactsCsv(5)), '?normalize=never', 422, 'normalization_needed'],
  ])('is refused: %s', async (_name, file, query, status, code) => {
    const app = await testApp()

    await expectRefused(app, { file, fileName: 'contacts.csv.gz', query }, status, code)
  })
})

describe('D3.64: a file’s name', () => {
  const named = (app: TestApp, fileName: string) => validate(app, { fileName, request: contactsRequest({}, fileName) })

  it('counts by its last extension, and by that alone: what is stored has a name of our own', async () => {
    const app = await testApp({ work: false })
    const names = [
      'CON.csv',
      'nul.CSV',
      'aux.con.csv',
      '.csv',
      '..csv',
      '~$a.csv',
      '-rf.csv',
      'a.xlsx.csv',
      'a.exe.csv',
      'a.exe%00.csv',
    ]

    for (const fileName of names) {
      const { status, body } = await named(app, fileName)
      expect([fileName, status, body.isAcceptable, body.codes]).toEqual([fileName, 200, true, {}])
    }
  })

  it.each(['CON', 'csv', 'a.csv.', 'a.csv..'])(
    'without an extension says nothing, and the file is what its bytes are: %s',
    async (fileName) => {
      const app = await testApp({ work: false })

      expect(await named(app, fileName)).toMatchObject({ status: 200, body: { isAcceptable: true } })
      await expectRefused(app, { file: '%PDF-1.7\n', fileName }, 415, 'file_type_unsupported')
    },
  )

  it('with any other last extension refuses it', async () => {
    const app = await testApp({ work: false })
    const names = [
      'a.csv.exe',
      'a.csv%00.exe',
      'a.csv;.exe',
      'a.csv:x.exe',
      'a.csv::$DATA',
      'a.csv/x.exe',
      '.exe',
      'a.csv.zip',
      'a.csv.gz.exe',
      'a.cѕv',
    ]

    for (const fileName of names) await expectRefused(app, { fileName }, 415, 'file_type_unsupported')
  })
})

describe('a file that can never be imported', () => {
  const rows = contactsCsv(2)
  it.each<[string, string | Buffer, string, number, string]>([
    ['D5.92: no bytes', '', 'contacts.csv', 422, 'file_empty'],
    ['D5.93: a header only', 'Email,First,Last\n', 'contacts.csv', 422, 'no_rows'],
    ['D5.93: blank lines only', '\n\n\n', 'contacts.csv', 422, 'no_rows'],
    ['D5.94: NUL bytes', 'Email,First,Last\na@b.co,A\0,B\n', 'contacts.csv', 422, 'encoding'],
    [
      'D5.94: UTF-8 that is broken at one place',
      Buffer.concat([Buffer.from(`Email,First,Last\n${'a@b.co,Jörg,Müller\n'.repeat(20_000)}`), Buffer.from([0xff, 0x0a])]),
      'contacts.csv',
      422,
      'encoding',
    ],
    ['D5.94: UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x45, 0, 0, 0]), 'contacts.csv', 422, 'encoding'],
    [
      'D5.96: a quote that never closes',
      `${rows}x@example.com,"${'x'.repeat(300_000)}`,
      'contacts.csv',
      422,
      'quotes_unbalanced',
    ],
    [
      'D5.97: 1,000 columns',
      `${Array.from({ length: 1_000 }, (_, i) => `c${i}`).join(',')}\n1\n`,
      'contacts.csv',
      422,
      'too_many_columns',
    ],
    [
      'D5.97: a header of a megabyte',
      `Email,First,${'L'.repeat(1_000_000)}\na@b.co,A,B\n`,
      'contacts.csv',
      422,
      'header_invalid',
    ],
    [
      'D5.97: two columns of the mapped name',
      'Email,First,Last,Email\na@b.co,A,B,c@d.co\n',
      'contacts.csv',
      422,
      'header_invalid',
    ],
    ['D4.81: a mapped column that is not there', 'Email,First\na@b.co,A\n', 'contacts.csv', 422, 'header_invalid'],
    ['D5.101: HTML', '<!DOCTYPE html><html><body>', 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.101: HTML after a mark', '\ufeff <html><body>', 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.101: JSON', '{"a": 1}', 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.101: a list in JSON', '[{"a": 1}]', 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.101: PDF', '%PDF-1.7\n', 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.101: a program', Buffer.from('4d5a900003', 'hex'), 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.101: PNG', Buffer.from('89504e470d0a1a0a', 'hex'), 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.102: gzip', gzipSync(rows), 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.102: zip', Buffer.from('PK\x03\x04rest', 'latin1'), 'contacts.csv', 415, 'file_type_unsupported'],
    ['D5.103: CSV named .xlsx', rows, 'contacts.xlsx', 415, 'file_type_unsupported'],
    ['D5.103: CSV named .xls', rows, 'contacts.xls', 415, 'file_type_unsupported'],
    ['D5.103: .xlsm', 'PK\x03\x04', 'contacts.xlsm', 415, 'file_type_unsupported'],
    ['D5.103: .ods', 'PK\x03\x04', 'contacts.ods', 415, 'file_type_unsupported'],
  ])('%s', async (_name, file, fileName, status, code) => {
    const app = await testApp()

    await expectRefused(app, { file, fileName }, status, code)
  })

  it('D3.65: an extension that is not the declared format', async () => {
    const app = await testApp()

    await expectRefused(
      app,
      { request: contactsRequest({ files: [fileEntry('contacts.csv', { fileFormat: 'SPREADSHEET' })] }) },
      422,
      'format_mismatch',
    )
  })

  it('names the row in which a quoted cell begins that never ends', async () => {
    const app = await testApp()

    const problem = await expectRefused(app, { file: `${contactsCsv(2)}c@d.co,"open,x\nd@e.co,y,z\n` }, 422, 'quotes_unbalanced')

    expect(problem.errors).toMatchObject([{ file: 'contacts.csv', row: 4 }])
  })

  it('says which name was probably meant', async () => {
    const app = await testApp()

    const problem = await expectRefused(app, { file: 'Email,Frist,Last\na@b.co,A,B\n' }, 422, 'header_invalid')

    expect(problem.errors).toMatchObject([
      {
        pointer: '/files/0/fileImportPage/columnMappings/1/columnName',
        detail: expect.stringContaining('did you mean "Frist"?'),
      },
    ])
  })
})

describe('a header that is not quite the mapping’s', () => {
  async function columnsSent(file: string): Promise<{ codes: string[]; columns: [string, string | null][] }> {
    const { body } = await validate(await testApp(), { file })
    expect(body.problem).toBeNull()
    const mappings = body.importRequest.files[0]?.fileImportPage.columnMappings ?? []
    return {
      codes: Object.keys(body.codes).sort(),
      columns: mappings.map(({ columnName, propertyName, ignored }) => [columnName, ignored ? null : propertyName]),
    }
  }

  it('puts the mapping in the file’s order, because HubSpot goes by it', async () => {
    expect(await columnsSent('Last,Email,First\nB,a@b.co,A\n')).toEqual({
      codes: ['COLUMNS_REORDERED'],
      columns: [
        ['Last', 'lastname'],
        ['Email', 'email'],
        ['First', 'firstname'],
      ],
    })
  })

  it('leaves out what nobody mapped, in its place, and says so', async () => {
    expect(await columnsSent('Email,Phone,First,,Last\na@b.co,1,A,x,B\n')).toEqual({
      codes: ['COLUMN_NOT_MAPPED', 'COLUMN_WITHOUT_NAME'],
      columns: [
        ['Email', 'email'],
        ['Phone', null],
        ['First', 'firstname'],
        ['', null],
        ['Last', 'lastname'],
      ],
    })
  })

  it('takes a name that differs in case, blanks or Unicode alone, and HubSpot gets the header’s', async () => {
    expect(await columnsSent(' email ,FIRST,Last\na@b.co,A,B\n')).toEqual({
      codes: ['COLUMN_NAME_REPAIRED'],
      columns: [
        [' email ', 'email'],
        ['FIRST', 'firstname'],
        ['Last', 'lastname'],
      ],
    })
  })

  it('imports it at HubSpot all the same', async () => {
    const app = await testApp()

    const res = await uploadFile(app, { file: 'Phone,Last,Email,First\n1,B,a@b.co,A\n' })

    expect(await untilState(app, res.body, 'done', 'failed')).toMatchObject({ state: 'done', counters: { CREATED_OBJECTS: 1 } })
  })
})

describe('rows that are not like the others', () => {
  it('D5.97: names rows with more or fewer cells than the header, a thousand of them, and counts all', async () => {
    const app = await testApp()
    const short = Array.from({ length: 1_200 }, (_, i) => `p${i}@b.co,A\n`).join('')
    const file = `Email,First,Last\n${short}b@b.co,A,B\nc@d.co,A,B,C\n`

    const { body } = await validate(app, { file })

    expect(body.codes).toEqual({ INCORRECT_NUMBER_OF_COLUMNS: 1_201 })
    expect(body.findings).toEqual({ errors: 0, warnings: 1_201 })
    expect(body.results).toHaveLength(1_000)
    expect(body.results.map(({ line }) => line)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 2))
  })

  it('tells of quotes within cells that are not quoted', async () => {
    const app = await testApp()

    const { body } = await validate(app, { file: 'Email,First,Last\na@b.co,A,B\nc@d.co,5" disk,D\n' })

    expect(body.results).toMatchObject([{ code: 'STRAY_QUOTES', line: 3 }])
  })
})

describe('validateOnly and strict', () => {
  it('tells everything and keeps nothing, not even the key', async () => {
    const app = await testApp()
    const headers = { 'idempotency-key': 'once' }

    const { status, body } = await validate(app, { headers })

    expect({ status, body }).toMatchObject({ status: 200, body: { isAcceptable: true, problem: null, files: [{ rows: 3 }] } })
    expect(await app.storedFiles()).toEqual([])
    expect((await ask<{ results: unknown[] }>(app, `/v1/portals/${PORTAL}/imports`)).body.results).toEqual([])
    expect((await uploadFile(app, { headers })).status).toBe(202)
    await until(
      () => app.hubspot.control.imports().length,
      (count) => count === 1,
    )
  })

  it('reports why a file would be refused', async () => {
    const app = await testApp()

    const { status, body } = await validate(app, { file: 'Email,First,Last\n' })

    expect({ status, body }).toMatchObject({
      status: 200,
      body: { isAcceptable: false, problem: { code: 'no_rows', status: 422 }, results: [] },
    })
    expect(await app.storedFiles()).toEqual([])
  })

  it('tells with it what was found until then', async () => {
    const app = await testApp()

    const { body } = await validate(app, { file: 'Email;First;Other\na@b.co;A\nnone;B;C;D\n' })

    expect(body).toMatchObject({
      isAcceptable: false,
      problem: { code: 'header_invalid' },
      findings: { errors: 0, warnings: 4 },
      codes: { DELIMITER_CONVERTED: 1, INCORRECT_NUMBER_OF_COLUMNS: 2, COLUMN_NOT_MAPPED: 1 },
    })
    expect(body.results.map(({ code, line }) => [code, line])).toContainEqual(['INCORRECT_NUMBER_OF_COLUMNS', 3])
    expect(await app.storedFiles()).toEqual([])
  })

  it('refuses with strict=true what is a warning otherwise, and names the rows', async () => {
    const app = await testApp()
    const file = `${contactsCsv(2)}c@d.co,C\n`

    const problem = await expectRefused(app, { file, query: '?strict=true' }, 422, 'findings_refused')
    const { body } = await validate(app, { file, query: '&strict=true' })
    const lenient = await uploadFile(app, { file })

    expect(problem.errors).toMatchObject([{ file: 'contacts.csv', row: 4 }])
    expect(body).toMatchObject({
      isAcceptable: false,
      problem: { code: 'findings_refused' },
      codes: { INCORRECT_NUMBER_OF_COLUMNS: 1 },
    })
    expect(lenient.body).toMatchObject({ findings: { errors: 0, warnings: 1 } })
  })

  it('does not call strict what is only a conversion', async () => {
    const app = await testApp()

    expect((await uploadFile(app, { file: writeTable(TABLE, excel), query: '?strict=true' })).status).toBe(202)
  })

  it.each([
    ['the same name in two ways of writing an accent', ['caf\u00e9', 'cafe\u0301']],
    ['the same name with other blanks and capitals', ['My Name', 'my  name']],
  ])('D4.89: refuses a header with %s, of which the mapping means one', async (_what, [first = '', second = '']) => {
    const app = await testApp({ work: false })
    const columnMappings = [
      { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
      { columnObjectTypeId: '0-1', columnName: first, propertyName: 'firstname' },
      { columnObjectTypeId: '0-1', columnName: first, propertyName: 'lastname' },
    ]
    const files = [fileEntry('contacts.csv', { fileImportPage: { hasHeader: true, columnMappings } })]

    await expectRefused(
      app,
      { request: contactsRequest({ files }), file: `Email,${first},${second}\na@b.co,A,B\n` },
      422,
      'header_invalid',
    )
  })

  it('D4.90: passes on what HubSpot says of columns that associate without saying what with', async () => {
    const app = await testApp()
    const columnMappings = [
      { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
      { columnObjectTypeId: '0-1', columnName: 'First', columnType: 'ASSOCIATION_KEYS' },
      { columnObjectTypeId: '0-1', columnName: 'Last', propertyName: 'lastname' },
    ]
    const files = [fileEntry('contacts.csv', { fileImportPage: { hasHeader: true, columnMappings } })]
    app.hubspot.control.fault({
      on: 'create',
      do: { status: 400, body: { status: 'error', category: 'VALIDATION_ERROR', message: 'Column First has no association.' } },
    })

    const { status, body } = await uploadFile(app, { request: contactsRequest({ files }) })

    expect(status).toBe(202)
    const ended = await untilState(app, body, 'failed')
    expect(ended.problem).toMatchObject({ code: 'hubspot_refused', detail: expect.stringContaining('no association') })
  })

  it.each(['?validateOnly=yes', '?strict=1', '?normalize=always', '?unknown=1'])('refuses the option %s', async (query) => {
    const app = await testApp()

    expect(await uploadFile(app, { query })).toMatchObject({ status: 400, body: { code: 'query_invalid' } })
  })
})
