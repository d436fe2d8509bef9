import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from './support/app.js'
import { contactsRequest, fileEntry, uploadFile } from './support/requests.js'
import { pack, workbookParts } from './support/xlsx-writer.js'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ work: false })
})
afterAll(() => app.close())

const CSV = Buffer.from('Email,First,Last\na@b.co,"A, B",C\nd@e.co,"F\nG",H\n')
const XLSX = pack(
  workbookParts('<row r="1"><c t="s"><v>0</v></c></row><row r="2"><c t="inlineStr"><is><t>a@b.co</t></is></c></row>', {
    strings: ['<t>Email</t>'],
  }),
)

/** What changes a file somewhere: bytes put in, taken out or overwritten. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat({ max: 40 }),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc
      .constantFrom(
        '"',
        '\0',
        '\r',
        '\n',
        ',,,',
        ';',
        '\ufeff',
        '\ud83d',
        '_x0000_',
        '&#0;',
        '<!DOCTYPE x>',
        'PK\x05\x06',
        '=1+1',
        '<c r="XFD1048576"/>',
      )
      .map((text) => Buffer.from(text)),
  ),
})

function mutate(file: Buffer, mutations: { at: number; remove: number; insert: Uint8Array }[]): Buffer {
  return mutations.reduce((bytes, { at, remove, insert }) => {
    const place = Math.floor(at * bytes.length)
    return Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)])
  }, file)
}

describe.each([
  ['CSV', CSV, 'contacts.csv', {}],
  ['a workbook', XLSX, 'contacts.xlsx', { fileFormat: 'SPREADSHEET' }],
])('%s that is damaged anyhow', (_kind, file, fileName, format) => {
  it.each(['?validateOnly=true', '?strict=true', ''])(
    'is taken or refused with words, and leaves nothing that is not an import’s: "%s"',
    async (query) => {
      const request = contactsRequest({ files: [fileEntry(fileName, format)] }, fileName)
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean(), async (mutations, isGuessed) => {
          const bytes = mutate(file, mutations)

          const { status, body } = await uploadFile(app, { request: isGuessed ? null : request, file: bytes, fileName, query })

          expect([status, body]).toEqual([status < 300 ? status : expect.toBeOneOf([400, 415, 422]), expect.anything()])
          if (status >= 400) expect(String(body.detail)).toMatch(/\.$/)
        }),
        { numRuns: 25 },
      )

      const [kept] = await app.query<{ files: number }>(`SELECT count("storeKey")::int AS files FROM "ImportFile"`)
      expect(await app.storedFiles()).toHaveLength(kept?.files ?? 0)
    },
  )
})
