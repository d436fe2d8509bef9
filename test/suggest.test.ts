import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Property } from '../src/hubspot/answers.js'
import { ImportRequest } from '../src/imports/import-request.js'
import { suggestMapping, toColumnMappings } from '../src/mappings/suggestion/suggest.js'
import { LABELLED_TABLES, type LabelledTable } from './support/labelled-headers.js'
import { PORTAL_PROPERTIES, property } from './support/portal-properties.js'

const CUSTOMER_NUMBER = property('customer_no', 'Kundennummer', { hasUniqueValue: true })

type Columns = Record<string, string[]>
type Options = { of?: string | undefined; custom?: Property[] }

/** A suggestion for columns told as header → cells; contacts unless told otherwise, `of: undefined` leaves it to the headers. */
function suggest(columns: Columns, { of, custom = [] }: Options = { of: '0-1' }) {
  const cells = Object.values(columns)
  const rows = Math.max(0, ...cells.map(({ length }) => length))
  const properties = { ...PORTAL_PROPERTIES, [of ?? '0-1']: [...(PORTAL_PROPERTIES[of ?? '0-1'] ?? []), ...custom] }
  return suggestMapping({
    headers: Object.keys(columns),
    samples: Array.from({ length: rows }, (_, row) => cells.map((column) => column[row] ?? '')),
    properties,
    objectTypeId: of,
  })
}

function guesses(columns: Columns, options?: Options) {
  return Object.fromEntries(suggest(columns, options).columns.map(({ columnName, propertyName }) => [columnName, propertyName]))
}

function sure(columns: Columns, options?: Options) {
  return suggest(columns, options)
    .columns.filter(({ isConfident }) => isConfident)
    .map(({ columnName }) => columnName)
}

function scoreOf(tables: LabelledTable[]) {
  const columns = tables.flatMap((table) => {
    const rows = Math.max(...table.columns.map(({ cells }) => cells.length))
    const own = [...(PORTAL_PROPERTIES[table.objectTypeId] ?? []), ...table.custom]
    const suggestion = suggestMapping({
      headers: table.columns.map(({ header }) => header),
      samples: Array.from({ length: rows }, (_, row) => table.columns.map(({ cells }) => cells[row] ?? '')),
      properties: { ...PORTAL_PROPERTIES, [table.objectTypeId]: own },
      objectTypeId: table.isAsked ? table.objectTypeId : undefined,
    })
    const identifiers = new Set([
      'hs_object_id',
      'email',
      'domain',
      ...own.filter((one) => one.hasUniqueValue).map(({ name }) => name),
    ])
    return table.columns.map(({ header, expected }, i) => {
      const guess = suggestion.columns[i]
      const isRight = guess?.propertyName === expected && suggestion.objectTypeId === table.objectTypeId
      const isOfIdentifier = [guess?.propertyName, expected].some((name) => name && identifiers.has(name))
      return { where: `${table.name}: ${header}`, isRight, isConfident: guess?.isConfident ?? false, isOfIdentifier }
    })
  })
  const right = columns.filter(({ isRight }) => isRight).length
  const confidentErrors = columns.filter(({ isRight, isConfident }) => !isRight && isConfident)
  return {
    count: columns.length,
    right: right / columns.length,
    confident: columns.filter(({ isConfident }) => isConfident).length / columns.length,
    confidentErrors: confidentErrors.length / columns.length,
    identifierErrors: confidentErrors.filter(({ isOfIdentifier }) => isOfIdentifier).map(({ where }) => where),
  }
}

describe('the labelled headers', () => {
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`

  it.each([
    ['that guessing was improved with', false],
    ['that are held out', true],
  ])('are guessed right in 95 of 100 columns %s, identifiers never wrongly with confidence', (which, isHeldOut) => {
    const score = scoreOf(LABELLED_TABLES.filter((table) => table.isHeldOut === isHeldOut))

    console.info(
      `${score.count} columns ${which}: ${percent(score.right)} right, ${percent(score.confident)} confident, ${percent(score.confidentErrors)} confident and wrong`,
    )
    expect(score.right).toBeGreaterThanOrEqual(0.95)
    expect(score.identifierErrors).toEqual([])
    expect(score.confidentErrors).toBeLessThan(0.02)
  })

  it('are many, and three in ten are held out', () => {
    const count = (tables: LabelledTable[]) => tables.flatMap(({ columns }) => columns).length
    const heldOut = count(LABELLED_TABLES.filter((table) => table.isHeldOut)) / count(LABELLED_TABLES)

    expect(count(LABELLED_TABLES)).toBeGreaterThan(800)
    expect(heldOut).toBeGreaterThan(0.28)
  })
})

describe('suggestMapping', () => {
  it.each<[string, Columns, Record<string, string | null>, Options?]>([
    [
      '“Name” beside a first name as the last name',
      { Vorname: ['Jan'], Name: ['Roth'] },
      { Vorname: 'firstname', Name: 'lastname' },
    ],
    [
      '“Name” of two words beside a first name as nothing',
      { Vorname: ['Jan'], Name: ['Jan Roth'] },
      { Vorname: 'firstname', Name: null },
    ],
    [
      '“Name” alone as a whole name, which is nothing',
      { Name: ['Jan Roth'], Email: ['a@b.test'] },
      { Name: null, Email: 'email' },
    ],
    [
      '“Name” of companies as the company',
      { Name: ['Roth GmbH', 'Blum AG'], Email: ['a@b.test'] },
      { Name: 'company', Email: 'email' },
    ],
    [
      '“Name” of a company file as its name',
      { Name: ['Roth'], Domain: ['roth.test'] },
      { Name: 'name', Domain: 'domain' },
      { of: '0-2' },
    ],
    [
      '“Name” of a deal file as the deal’s',
      { Name: ['Roof'], Betrag: ['12'] },
      { Name: 'dealname', Betrag: 'amount' },
      { of: '0-3' },
    ],
    ['“Firma” of a contact file', { Nachname: ['Roth'], Firma: ['Roth GmbH'] }, { Nachname: 'lastname', Firma: 'company' }],
    [
      'the first of two e-mail addresses',
      { 'E-Mail': ['a@b.test'], 'E-Mail 2': ['c@d.test'] },
      { 'E-Mail': 'email', 'E-Mail 2': null },
    ],
    [
      'telephones',
      { 'Tel.': ['0221 12345'], 'Telefon mobil': ['0171 23456'], Fax: ['0221 12346'] },
      { 'Tel.': 'phone', 'Telefon mobil': 'mobilephone', Fax: 'fax' },
    ],
    ['“Handy”', { Handy: ['0171 2345678'] }, { Handy: 'mobilephone' }],
    [
      'an address in German',
      { 'Straße Hausnr.': ['Weg 1'], PLZ: ['50667'], Ort: ['Köln'], Bundesland: ['NRW'], Land: ['DE'] },
      { 'Straße Hausnr.': 'address', PLZ: 'zip', Ort: 'city', Bundesland: 'state', Land: 'country' },
    ],
    [
      'umlauts written as two letters, or as one',
      { STRASSE: ['Weg 1'], Geschaeftlich_Telefon: ['0221 12345'], Laenderkuerzel: ['DE'] },
      { STRASSE: 'address', Geschaeftlich_Telefon: 'phone', Laenderkuerzel: 'country' },
    ],
    [
      'a degree before the name as nothing, and the position as the job title',
      { Anrede: ['Frau'], Titel: ['Dr.'], Position: ['Ärztin'] },
      { Anrede: 'salutation', Titel: null, Position: 'jobtitle' },
    ],
    ['“Titel” of a job as the job title', { Titel: ['Leiterin Einkauf'] }, { Titel: 'jobtitle' }],
    ['“Title” of Mr. and Mrs. as the salutation', { Title: ['Mr.', 'Mrs.'] }, { Title: 'salutation' }],
    [
      'dates, pages and tax numbers',
      { Geburtsdatum: ['3.4.1980'], Webseite: ['www.a.test'], 'USt-IdNr': ['DE123456789'] },
      { Geburtsdatum: 'date_of_birth', Webseite: 'website', 'USt-IdNr': null },
    ],
    ['“Kundennummer” as nothing when the portal has none', { Kundennummer: ['1', '2'] }, { Kundennummer: null }],
    [
      '“Kunden-Nr.” as the property of that label',
      { 'Kunden-Nr.': ['1', '2'] },
      { 'Kunden-Nr.': 'customer_no' },
      { of: '0-1', custom: [CUSTOMER_NUMBER] },
    ],
    [
      'a company’s figures, and its contact person as nothing',
      { Firma: ['A'], Umsatz: ['1.200.000 €'], Mitarbeiter: ['12'], Ansprechpartner: ['Frau Roth'] },
      { Firma: 'name', Umsatz: 'annualrevenue', Mitarbeiter: 'numberofemployees', Ansprechpartner: null },
      { of: '0-2' },
    ],
    [
      'employees by name as nothing',
      { Firma: ['A', 'B'], Mitarbeiter: ['Anna Lang', 'Udo Kern'] },
      { Firma: 'name', Mitarbeiter: null },
      { of: '0-2' },
    ],
    [
      'a deal in German',
      { 'Deal name': ['Roof'], Betrag: ['12,50'], Phase: ['Closed Won'], Abschlussdatum: ['31.12.2024'] },
      { 'Deal name': 'dealname', Betrag: 'amount', Phase: 'dealstage', Abschlussdatum: 'closedate' },
      { of: '0-3' },
    ],
    [
      'Salesforce',
      { 'Account Name': ['A Ltd'], 'Mailing Street': ['1 Main St'], 'Mailing Zip/Postal Code': ['97301'] },
      { 'Account Name': 'company', 'Mailing Street': 'address', 'Mailing Zip/Postal Code': 'zip' },
    ],
    [
      'Outlook',
      { 'Business Phone': ['555 0100'], 'Home Phone': ['555 0199'], 'E-mail Address': ['a@b.test'] },
      { 'Business Phone': 'phone', 'Home Phone': null, 'E-mail Address': 'email' },
    ],
    [
      'Google Contacts',
      { 'Given Name': ['Jan'], 'E-mail 1 - Type': ['Work'], 'E-mail 1 - Value': ['a@b.test'] },
      { 'Given Name': 'firstname', 'E-mail 1 - Type': null, 'E-mail 1 - Value': 'email' },
    ],
    [
      'prefixes, marks and hints',
      { 'Kontakt: Vorname*': ['Jan'], 'Contact Last Name (required)': ['Roth'], 'Jahresumsatz [T€]': ['120'] },
      { 'Kontakt: Vorname*': 'firstname', 'Contact Last Name (required)': 'lastname', 'Jahresumsatz [T€]': 'annualrevenue' },
    ],
    [
      'a label in another language',
      { 'Código postal': ['28001'] },
      { 'Código postal': 'cp' },
      { of: '0-1', custom: [property('cp', 'Código Postal')] },
    ],
    [
      'what HubSpot fills in itself as nothing',
      { 'Create Date': ['2024-01-02'], 'Email Domain': ['a.test'] },
      { 'Create Date': null, 'Email Domain': null },
    ],
  ])('reads %s', (_what, columns, expected, options) => {
    expect(guesses(columns, options)).toEqual(expected)
  })

  it.each<[string, Columns, string]>([
    ['contacts', { Vorname: [], Nachname: [], Firma: [] }, '0-1'],
    ['companies', { Firma: [], PLZ: [], Ort: [], Umsatz: [] }, '0-2'],
    ['deals', { 'Deal name': [], Amount: [], 'Close date': [] }, '0-3'],
    ['tickets', { Betreff: [], Beschreibung: [], Priorität: [] }, '0-5'],
    ['contacts when nothing tells', { A: [], B: [] }, '0-1'],
  ])('tells %s by the headers', (_what, columns, expected) => {
    expect(suggest(columns, { of: undefined }).objectTypeId).toBe(expected)
  })

  it('says why, and what else it may be', () => {
    const [mail, name] = suggest({ Mail: ['a@b.test'], 'Full name': ['Jan Roth'] }).columns

    expect(mail).toEqual({
      columnName: 'Mail',
      propertyName: 'email',
      columnType: 'HUBSPOT_ALTERNATE_ID',
      confidence: 0.99,
      isConfident: true,
      why: 'The header is another word for “Email”, and the values suit it.',
      alternatives: [],
    })
    expect(name).toMatchObject({ propertyName: null, confidence: 0, isConfident: false, alternatives: ['firstname', 'lastname'] })
    expect(name?.why).toContain('HubSpot keeps first and last name apart')
  })

  it('knows properties by names that every object has', () => {
    const custom = [property('constructor', 'Konstrukteur'), property('valueof', 'Wert von')]

    expect(guesses({ constructor: ['Jan'], 'Wert von': ['1'] }, { of: '0-1', custom })).toEqual({
      constructor: 'constructor',
      'Wert von': 'valueof',
    })
  })

  it('takes no field with another number for a misspelling', () => {
    const custom = [property('frage_7', 'Frage Nr. 7'), property('frage_8', 'Frage Nr. 8')]

    expect(guesses({ 'Frge Nr. 7': [], 'Frage Nr. 9': [] }, { of: '0-1', custom })).toEqual({
      'Frge Nr. 7': 'frage_7',
      'Frage Nr. 9': null,
    })
  })

  it('is never confident of a guess by spelling alone', () => {
    const [column] = suggest({ Vornme: ['Jan'] }).columns

    expect(column).toMatchObject({ propertyName: 'firstname', isConfident: false })
  })
})

describe('an identifier', () => {
  it.each<[string, Columns, Options?]>([
    ['an address of mail whose values are none', { 'E-Mail': ['ja', 'nein'] }],
    ['two addresses of mail', { 'E-Mail (privat)': ['a@b.test'], 'E-Mail (geschäftlich)': ['c@d.test'] }],
    ['two columns of one header', { Mail: ['a@b.test'], Email: ['c@d.test'] }],
    ['an address told by its values only', { Adressat: ['a@b.test', 'c@d.test'] }],
    ['somebody else’s address', { 'Email (Assistant)': ['a@b.test'], 'Owner email': ['c@d.test'] }],
    ['an address for bills', { 'Billing Email': ['a@b.test'] }],
    ['a misspelled address', { Emial: ['a@b.test'] }],
    ['pages under “Domain”', { Domain: ['https://a.test/x', 'https://b.test/y'] }, { of: '0-2' }],
    ['“ID”', { ID: ['1', '2'], id: ['3', '4'], 'Contact ID': ['5', '6'] }],
    ['a record id that is not a number', { 'Record ID': ['zcrm_1', 'zcrm_2'] }],
    ['the record id of another kind of object', { 'Record ID - Company': ['1', '2'] }],
    ['two record ids', { 'Record ID': ['1', '2'], 'Datensatz-ID': ['3', '4'] }],
    [
      'a unique property that is only called “ID”',
      { ID: ['1', '2'] },
      { of: '0-1', custom: [property('legacy_id', 'ID', { hasUniqueValue: true })] },
    ],
    ['the domain of mail', { 'E-Mail-Domain': ['a.test', 'b.test'] }, { of: '0-2' }],
    ['a record id without values', { 'Record ID': [] }],
    ['a unique property with repeated values', { Kundennummer: ['1', '1'] }, { of: '0-1', custom: [CUSTOMER_NUMBER] }],
    [
      'two that could each identify the record',
      { Kundennummer: ['1', '2'], Email: ['a@b.test', 'c@d.test'] },
      { of: '0-1', custom: [CUSTOMER_NUMBER] },
    ],
  ])('is not confident for %s', (_what, columns, options) => {
    expect(sure(columns, options)).toEqual([])
  })

  it('is not confident when the headers do not tell what the rows are', () => {
    const suggestion = suggest({ Email: ['a@b.test'], Domain: ['b.test'] }, { of: undefined })

    expect(suggestion.isObjectTypeConfident).toBe(false)
    expect(suggestion.columns.filter(({ columnType, isConfident }) => columnType && isConfident)).toEqual([])
  })

  it.each(['Record ID', 'HubSpot ID', 'Datensatz-ID', 'hs_object_id'])(
    'is HubSpot’s record id under “%s” with digits for values',
    (header) => {
      const suggestion = suggest({ [header]: ['51', '101'], Email: ['a@b.test', 'c@d.test'] })

      expect(suggestion.columns[0]).toMatchObject({
        propertyName: 'hs_object_id',
        columnType: 'HUBSPOT_OBJECT_ID',
        isConfident: true,
      })
      expect(suggestion.columns[1]).toMatchObject({ propertyName: 'email', isConfident: true })
      expect(suggestion.columns[1]).not.toHaveProperty('columnType')
      expect(suggestion.operation).toBe('UPDATE')
    },
  )

  it.each<[string, Columns, Options, string]>([
    ['email', { Email: ['a@b.test'] }, { of: '0-1' }, 'email'],
    ['domain', { Domain: ['a.test'] }, { of: '0-2' }, 'domain'],
    ['a unique property', { Kundennummer: ['1', '2'] }, { of: '0-3', custom: [CUSTOMER_NUMBER] }, 'customer_no'],
  ])('is %s when that is the only one', (_what, columns, options, expected) => {
    const suggestion = suggest(columns, options)

    expect(suggestion.columns[0]).toMatchObject({ propertyName: expected, columnType: 'HUBSPOT_ALTERNATE_ID', isConfident: true })
    expect(suggestion.operation).toBe('UPSERT')
  })

  it('that is missing makes the import create records', () => {
    expect(suggest({ Vorname: ['Jan'] }).operation).toBe('CREATE')
  })
})

describe('the date format', () => {
  it.each([
    ['DAY_MONTH_YEAR', ['01.02.2024']],
    ['DAY_MONTH_YEAR', ['01/02/2024', '25/12/2024 10:00']],
    ['MONTH_DAY_YEAR', ['01/02/2024', '12/25/2024']],
    ['YEAR_MONTH_DAY', ['2024-02-01T10:00:00Z']],
    ['DAY_MONTH_YEAR', ['1.2.24', '25.12.24']],
    [undefined, ['01/02/2024']],
    [undefined, ['25/12/2024', '12/25/2024']],
    [undefined, ['soon', '']],
    [undefined, []],
  ])('is %s for %j', (expected, cells) => {
    expect(suggest({ Abschlussdatum: cells }, { of: '0-3' }).dateFormat).toBe(expected)
  })
})

describe('toColumnMappings', () => {
  it('has one entry per column in order, and has HubSpot ignore what was not guessed', () => {
    expect(toColumnMappings(suggest({ Vorname: ['Jan'], Xyzzy: ['1'], '': [], Email: ['a@b.test'] }))).toEqual([
      { columnObjectTypeId: '0-1', columnName: 'Vorname', propertyName: 'firstname' },
      { columnObjectTypeId: '0-1', columnName: 'Xyzzy', propertyName: null, ignored: true },
      { columnObjectTypeId: '0-1', columnName: 'Column 3', propertyName: null, ignored: true },
      { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
    ])
  })
})

describe('any headers and samples', () => {
  const known = fc.constantFrom(...LABELLED_TABLES.flatMap(({ columns }) => columns.map(({ header }) => header)))
  const cell = fc.oneof(fc.string(), fc.emailAddress(), fc.constantFrom('1.2.2024', 'a.test', '12', 'Frau', ''))
  const input = {
    headers: fc.array(fc.oneof(known, fc.string(), fc.string({ unit: 'grapheme' })), { maxLength: 30 }),
    samples: fc.array(fc.array(cell, { maxLength: 30 }), { maxLength: 5 }),
    objectTypeId: fc.option(fc.constantFrom('0-1', '0-2', '0-3', '0-5', '2-77'), { nil: undefined }),
  }

  it('get one entry per column, no property twice, and only properties that an import can set', () => {
    fc.assert(
      fc.property(fc.record(input), (request) => {
        const suggestion = suggestMapping({ ...request, properties: PORTAL_PROPERTIES })
        const names = suggestion.columns.flatMap(({ propertyName }) => (propertyName === null ? [] : [propertyName]))
        const settable = (PORTAL_PROPERTIES[suggestion.objectTypeId] ?? [])
          .filter(({ name, archived, calculated, readOnly }) => name === 'hs_object_id' || !(archived || calculated || readOnly))
          .map(({ name }) => name)

        expect(suggestion.columns.map(({ columnName }) => columnName)).toEqual(request.headers)
        expect(new Set(names).size).toBe(names.length)
        expect(settable).toEqual(expect.arrayContaining(names))
        for (const { confidence } of suggestion.columns) expect(confidence >= 0 && confidence <= 1).toBe(true)
      }),
    )
  })

  it('make an importRequest that HubSpot could be sent', () => {
    fc.assert(
      fc.property(
        fc.record({ ...input, headers: fc.array(fc.oneof(known, fc.string()), { minLength: 1, maxLength: 30 }) }),
        (request) => {
          const columnMappings = toColumnMappings(suggestMapping({ ...request, properties: PORTAL_PROPERTIES }))
          const importRequest = { name: 'any', files: [{ fileName: 'a.csv', fileImportPage: { columnMappings } }] }

          expect(ImportRequest.safeParse(importRequest).error).toBeUndefined()
        },
      ),
    )
  })

  it('are read when there are 999 columns and a thousand properties of each object', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => property(`custom_${i}`, `Eigenes Feld ${i} des Vertriebs`))
    const properties = Object.fromEntries(Object.entries(PORTAL_PROPERTIES).map(([id, own]) => [id, [...own, ...many]]))
    const headers = Array.from({ length: 999 }, (_, i) => `Eigenes Feld ${i} vom Vertrieb`)
    const samples = Array.from({ length: 100 }, () => headers.map((_, i) => `Wert ${i}`))

    expect(suggestMapping({ headers, samples, properties }).columns).toHaveLength(999)
  })
})
