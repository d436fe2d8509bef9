import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { contactsCsv, untilState, uploadFile } from './support/requests.js'
import { writeTable } from './support/tables.js'

type Suggested = {
  code?: string
  objectTypeId: string
  operation: string
  dateFormat: string | null
  columns: { columnName: string; propertyName: string | null; isConfident: boolean; confidence: number; why: string }[]
  columnMappings: { columnName: string; propertyName: string | null; columnType?: string; ignored?: boolean }[]
}

const TABLE = [
  ['E-Mail-Adresse', 'Vorname', 'Nachname', 'Geburtsdatum', 'Interne Notiz 7b'],
  ['anna@example.com', 'Anna', 'Müller', '31.12.1990', 'x'],
  ['udo@example.com', 'Udo', 'Groß', '01.02.1985', 'y'],
]
const german = writeTable(TABLE, {
  encoding: 'windows-1252',
  delimiter: ';',
  lineEnd: '\r\n',
  quotesAll: false,
  endsWithLine: true,
})
const PROPERTIES = ['email', 'firstname', 'lastname', 'date_of_birth', null]

async function suggest(app: TestApp, body: object | FormData, portalId = PORTAL) {
  const isForm = body instanceof FormData
  const res = await fetch(`${app.url}/v1/portals/${portalId}/mappings/suggest`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm ? body : JSON.stringify(body),
  })
  return { status: res.status, body: (await res.json()) as Suggested }
}

describe('POST /v1/portals/:portalId/mappings/suggest', () => {
  it('says what headers probably are, with a mapping that an importRequest takes', async () => {
    const app = await testApp()

    const { status, body } = await suggest(app, { headers: TABLE[0], samples: TABLE.slice(1) })

    expect(status).toBe(200)
    expect(body).toMatchObject({ objectTypeId: '0-1', operation: 'UPSERT', dateFormat: 'DAY_MONTH_YEAR' })
    expect(body.columns.map(({ propertyName }) => propertyName)).toEqual(PROPERTIES)
    expect(body.columns.every(({ why, confidence }) => why.endsWith('.') && confidence >= 0 && confidence <= 1)).toBe(true)
    expect(body.columnMappings[0]).toMatchObject({
      columnName: 'E-Mail-Adresse',
      propertyName: 'email',
      columnType: 'HUBSPOT_ALTERNATE_ID',
    })
    const { columnMappings, objectTypeId, operation, dateFormat } = body
    const request = {
      name: 'Suggested',
      importOperations: { [objectTypeId]: operation },
      dateFormat,
      files: [{ fileName: 'kontakte.csv', fileFormat: 'CSV', fileImportPage: { hasHeader: true, columnMappings } }],
    }
    expect(await uploadFile(app, { request, file: german, fileName: 'kontakte.csv' })).toMatchObject({ status: 202 })
  })

  it('reads the header and some rows of a file itself, in whatever encoding, and keeps nothing of it', async () => {
    const app = await testApp()
    const form = new FormData()
    form.append('files', new Blob([german]), 'kontakte.csv')

    const { status, body } = await suggest(app, form)

    expect({ status, properties: body.columns.map(({ propertyName }) => propertyName) }).toEqual({
      status: 200,
      properties: PROPERTIES,
    })
    expect(await app.storedFiles()).toEqual([])
  })

  it('goes by the properties that the portal has', async () => {
    const app = await testApp()

    const { body } = await suggest(app, { headers: ['Domain', 'Branche'], objectTypeId: '0-2' })

    expect(body.columns.map(({ propertyName }) => propertyName)).toEqual(['domain', 'industry'])
  })

  it.each<[string, object, number, string]>([
    ['no headers', { headers: [] }, 422, 'body_invalid'],
    ['1,000 headers', { headers: Array.from({ length: 1_000 }, (_, i) => `c${i}`) }, 422, 'body_invalid'],
    ['what nobody asked for', { headers: ['a'], portalId: OTHER_PORTAL }, 422, 'body_invalid'],
    ['an object type that is none', { headers: ['a'], objectTypeId: '0-' }, 422, 'body_invalid'],
  ])('refuses %s', async (_name, body, status, code) => {
    const app = await testApp()

    expect(await suggest(app, body)).toMatchObject({ status, body: { code } })
  })

  it('is closed to whoever may not use the portal', async () => {
    const app = await testApp()

    expect(await suggest(app, { headers: ['Email'] }, OTHER_PORTAL)).toMatchObject({
      status: 404,
      body: { code: 'portal_not_found' },
    })
  })

  it('says so when the portal’s properties cannot be looked up', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'any', times: 0, do: { status: 403, body: { category: 'MISSING_SCOPES', message: 'No.' } } })

    expect(await suggest(app, { headers: ['Email'] })).toMatchObject({ status: 422, body: { code: 'mapping_unclear' } })
  })
})

describe('an upload without an importRequest', () => {
  it('is imported as its columns say, and what each was taken for is told', async () => {
    const app = await testApp()

    const res = await uploadFile(app, { request: null, file: german, fileName: 'kontakte.csv' })

    expect(res).toMatchObject({ status: 202, body: { name: 'Import: kontakte.csv', files: [{ rows: 2 }] } })
    expect(await untilState(app, res.body, 'done', 'failed')).toMatchObject({
      state: 'done',
      counters: { CREATED_OBJECTS: 2, ERRORS: 0 },
    })
    const [made] = app.hubspot.control.imports()
    expect(made?.request).toMatchObject({ importOperations: { '0-1': 'UPSERT' }, dateFormat: 'DAY_MONTH_YEAR' })
    const errors = await fetch(`${res.body.links.errors}?limit=100`, { headers: { authorization: `Bearer ${app.key}` } })
    const { results } = (await errors.json()) as { results: { code: string; message: string }[] }
    const told = results.filter(({ code }) => code === 'MAPPING_GUESSED').map(({ message }) => message)
    expect(told).toHaveLength(5)
    expect(told[0]).toMatch(/^"E-Mail-Adresse" was taken for "email"\. /)
    expect(told[4]).toMatch(/^"Interne Notiz 7b" is not imported\. /)
  })

  it.each([
    ['nothing says which record a row is about', 'Vorname,Nachname\nAnna,Müller\n'],
    ['two columns might say it', 'E-Mail,Email\na@b.co,c@d.co\n'],
    ['an address of mail is none', 'E-Mail,Vorname\nja,Anna\nnein,Udo\n'],
  ])('is refused where %s', async (_name, file) => {
    const app = await testApp()

    const res = await uploadFile(app, { request: null, file })

    expect(res).toMatchObject({
      status: 422,
      body: { code: 'mapping_unclear', errors: [{ column: expect.any(String), detail: expect.any(String) }, {}] },
    })
    expect(await app.storedFiles()).toEqual([])
  })

  it('is the same import for the same key', async () => {
    const app = await testApp()
    const upload = { request: null, file: contactsCsv(2), headers: { 'idempotency-key': 'k' } }

    const first = await uploadFile(app, upload)
    const again = await uploadFile(app, upload)

    expect(again.body.id).toBe(first.body.id)
  })
})
