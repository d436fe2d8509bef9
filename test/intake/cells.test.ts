import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Property } from '../../src/hubspot/answers.js'
import { readColumns } from '../../src/intake/cells/columns.js'
import { createCsvCheck } from '../../src/intake/cells/csv-check.js'
import { createBudgets, createSeenValues } from '../../src/intake/cells/seen-values.js'
import { isDate, isDateTime, isEmail, isNumber, isYesOrNo } from '../../src/intake/cells/value-forms.js'
import { createFindings, type Finding } from '../../src/intake/finding.js'
import { withFormula, withoutFormula, writeRecord } from '../../src/intake/write-csv.js'
import { SHAPES } from '../../src/simulator/imports/cell-checks.js'
import { inChunks } from '../support/tables.js'

function property(name: string, type: string, more: Partial<Property> = {}): Property {
  return {
    name,
    label: name,
    type,
    fieldType: 'text',
    hasUniqueValue: false,
    archived: false,
    calculated: false,
    readOnly: false,
    isOwner: false,
    options: [],
    ...more,
  }
}

const STAGES = [
  { label: 'Sales Lead', value: 'lead' },
  { label: 'Customer', value: 'customer' },
]
const PROPERTIES = [
  property('email', 'string', { hasUniqueValue: true }),
  property('firstname', 'string'),
  property('phone', 'phone_number'),
  property('work_phone', 'string', { fieldType: 'phonenumber' }),
  property('birthday', 'date'),
  property('met_at', 'datetime'),
  property('revenue', 'number'),
  property('stage', 'enumeration', { options: STAGES }),
  property('tags', 'enumeration', { fieldType: 'checkbox', options: STAGES }),
  property('optout', 'bool'),
  property('member_no', 'string', { hasUniqueValue: true }),
  property('hubspot_owner_id', 'enumeration'),
  property('score', 'number', { calculated: true }),
  property('hs_object_id', 'number', { readOnly: true, hasUniqueValue: true }),
]

type Options = {
  operation?: 'UPSERT' | 'CREATE' | 'UPDATE'
  dateFormat?: 'MONTH_DAY_YEAR' | 'DAY_MONTH_YEAR' | 'YEAR_MONTH_DAY'
  type?: string
  thread?: boolean
}

/** What is found in rows whose columns are named as their properties. */
async function check(
  names: string[],
  rows: string[][],
  { operation = 'UPSERT', dateFormat = 'DAY_MONTH_YEAR', type = '0-1', thread = false }: Options = {},
) {
  const findings = createFindings()
  const mappings = names.map((propertyName) => ({ columnName: propertyName, propertyName, columnObjectTypeId: type }))
  const columns = readColumns({
    file: 'f.csv',
    mappings,
    properties: { [type]: PROPERTIES },
    operations: { [type]: operation },
    findings,
  })
  const bytes = Buffer.from([names, ...rows].map((row) => `${writeRecord(row)}\n`).join(''))
  const plan = { file: 'f.csv', columns, dateFormat, hasHeader: true }
  await createCsvCheck({ maxThreads: 1 }).check(plan, inChunks(bytes, 60_000), thread ? Number.POSITIVE_INFINITY : 0, findings)
  return { kept: findings.kept(), counts: findings.counts() }
}

/** The code that a single value of a property gets, beside a good address of mail. */
async function codeOf(name: string, value: string, options?: Options): Promise<string | undefined> {
  const { kept } = await check(['email', name], [['a@b.co', value]], options)
  return kept.find(({ line }) => line === 2)?.code
}

describe('a cell', () => {
  it.each<[string, string[], string[], string]>([
    [
      'phone',
      ['+49 89 1234567', '(030) 12-34', '555 0100 ext. 12', '0049/89'],
      ['none', 'call me'],
      'INVALID_PROPERTY_VALUE_FORMAT',
    ],
    ['work_phone', ['+49 89 1234567', ' '], ['call me'], 'INVALID_PROPERTY_VALUE_FORMAT'],
    [
      'birthday',
      ['31.12.1990', '1/2/1990', '01-02-1990', '1990-12-31', '1990/2/1', '662688000000', ' '],
      ['12.31.1990', '31.02.1990', '29.02.2023', '31.12.90', 'soon', '1.2'],
      'COULD_NOT_PARSE_DATE',
    ],
    [
      'met_at',
      [
        '31.12.1990 14:30',
        '1990-12-31T14:30:00Z',
        '31.12.1990',
        '662688000000',
        '31.12.1990 2:30 PM',
        '1990-12-31T23:59:59.5+14:00',
      ],
      [
        '31.12.1990 25:00',
        '14:30',
        'noon',
        '31.12.1990 13:59:99',
        '31.12.1990 13:00 PM',
        '31.12.1990 0:30 AM',
        '1990-12-31T14:30+99:99',
        '1990-12-31T14:30+01:60',
      ],
      'COULD_NOT_PARSE_DATE',
    ],
    [
      'revenue',
      ['1234.56', '1.234,56', '-5', '+3', '25%', '.5', '1 000', '  ', '\u00a0'],
      ['many', '1e5', '5 EUR', '--1', '%', '1-2'],
      'COULD_NOT_PARSE_NUMBER',
    ],
    ['stage', ['lead', 'SALES LEAD', ' Customer ', '  '], ['Costumer', 'lead;customer'], 'INVALID_ENUMERATION_OPTION'],
    ['tags', ['lead;customer', ';lead', 'Sales Lead; Customer'], ['lead;nobody'], 'INVALID_ENUMERATION_OPTION'],
    ['optout', ['Yes', 'false', 'TRUE', 'no', ' '], ['ja', '2'], 'INVALID_ENUMERATION_OPTION'],
    ['hubspot_owner_id', ['Anna Müller', 'anna@example.com', '12345'], ['anna@', '??'], 'COULD_NOT_FIND_OWNER'],
    ['hs_object_id', ['12345'], ['12a', '-1'], 'INVALID_OBJECT_ID'],
    [
      'firstname',
      ['Jörg', '-', '+49 89 123', '-12.5', '@'.repeat(0), ''],
      ['=cmd|x', '@SUM(1)', '+cmd', '\tx', '\r=x', '\n=x'],
      'FORMULA_LIKE_VALUE',
    ],
  ])('of %s is told when it is wrong, and only then', async (name, good, bad, code) => {
    for (const value of good)
      expect([value, await codeOf(name, value)]).toEqual([value, value === '-' ? 'FORMULA_LIKE_VALUE' : undefined])
    for (const value of bad) expect([value, await codeOf(name, value)]).toEqual([value, code])
  })

  it('that is a date goes by the import’s format', async () => {
    expect(await codeOf('birthday', '12/31/1990', { dateFormat: 'MONTH_DAY_YEAR' })).toBeUndefined()
    expect(await codeOf('birthday', '31/12/1990', { dateFormat: 'MONTH_DAY_YEAR' })).toBe('COULD_NOT_PARSE_DATE')
    expect(await codeOf('birthday', '31/12/1990', { dateFormat: 'YEAR_MONTH_DAY' })).toBe('COULD_NOT_PARSE_DATE')
  })

  it('is told with file, line, column, value, a sentence and what to do', async () => {
    const { kept } = await check(
      ['email', 'stage'],
      [
        ['a@b.co', 'lead'],
        ['b@b.co', 'Costumer'],
      ],
    )

    expect(kept).toEqual([
      {
        severity: 'warning',
        code: 'INVALID_ENUMERATION_OPTION',
        message: '"stage" has no option of this name.',
        fix: 'Did you mean "Customer"?',
        file: 'f.csv',
        line: 3,
        column: 1,
        columnName: 'stage',
        value: 'Costumer',
      },
    ])
  })

  it('that is longer than HubSpot takes is told, shortened', async () => {
    const { kept } = await check(['email', 'firstname'], [['a@b.co', 'x'.repeat(65_537)]])

    expect(kept).toMatchObject([{ code: 'COLUMN_TOO_LARGE', value: expect.stringMatching(/^x{119}…$/) }])
  })
})

describe('identifiers', () => {
  it('are told when they are missing, wrong, or there twice, whatever their case', async () => {
    const { kept } = await check(
      ['email', 'member_no'],
      [
        ['A@b.co', 'M1'],
        ['a@B.co', 'M2'],
        [' ', 'M1'],
        ['none', ''],
      ],
    )

    expect(kept.map(({ code, line, columnName }) => [code, line, columnName])).toEqual([
      ['DUPLICATE_ALTERNATE_ID', 3, 'email'],
      ['MISSING_REQUIRED_PROPERTY', 4, 'email'],
      ['DUPLICATE_UNIQUE_PROPERTY_VALUE', 4, 'member_no'],
      ['INVALID_EMAIL', 5, 'email'],
    ])
  })

  it('are known again however many values other columns have', () => {
    const budgetOf = createBudgets(2)
    const [other, another, email, domain] = [false, false, true, true].map((one) => createSeenValues(budgetOf(one)))

    expect(['a', 'b', 'c'].map((value, i) => other?.add(value, i + 1))).toEqual([0, 0, undefined])
    expect(another?.add('a', 1)).toBeUndefined()
    for (const column of [email, domain])
      expect(['a', 'a', 'b', 'b', 'c'].map((value, i) => column?.add(value, i + 1))).toEqual([0, 1, 0, undefined, undefined])
  })

  it('are told with the first row that has the value', async () => {
    const { kept } = await check(['email'], [['a@b.co'], ['c@b.co'], [''], ['A@b.co'], ['a@b.co ']])

    expect(kept.flatMap(({ code, line, message }) => (code === 'DUPLICATE_ALTERNATE_ID' ? [[line, message]] : []))).toEqual([
      [5, 'Row 2 has the same value, and it must be unique.'],
      [6, 'Row 2 has the same value, and it must be unique.'],
    ])
  })

  it('are known again among a million, each with its line, and no other value is taken for one', () => {
    const seen = createSeenValues({ left: 5_000_000 })
    let wrong = 0
    for (let i = 0; i < 1_048_575; i++) if (seen.add(`person.${i}@example.com`, i + 2) !== 0) wrong += 1
    for (let i = 0; i < 1_048_575; i += 997) if (seen.add(`PERSON.${i}@example.com `, 2_000_000) !== i + 2) wrong += 1

    expect(wrong).toBe(0)
  })

  it('are known again where lines are not kept any more', () => {
    const seen = createSeenValues({ left: 5_000_000 })
    for (let i = 0; i < 1_700_000; i++) seen.add(`${i}`, i + 2)

    expect([seen.add('1', 2_000_000), seen.add('1699999', 2_000_000)]).toEqual([-1, -1])
  })
})

describe('columns', () => {
  it.each<[string, string[], Options, string[]]>([
    ['a property that is not there', ['email', 'fistname'], {}, ['PROPERTY_DEFINITION_NOT_FOUND']],
    ['one that HubSpot writes itself', ['email', 'score'], {}, ['INVALID_COLUMN_CONFIGURATION']],
    ['no identifier for what is to be updated', ['firstname'], { operation: 'UPDATE' }, ['INVALID_COLUMN_CONFIGURATION']],
    ['no identifier, and nothing to create by', ['firstname'], {}, ['INVALID_COLUMN_CONFIGURATION', 'MISSING_REQUIRED_PROPERTY']],
    ['a record’s id, which is no fault', ['hs_object_id', 'firstname'], { operation: 'UPDATE' }, []],
    [
      'deals without pipeline and stage',
      ['dealname'],
      { type: '0-3', operation: 'CREATE' },
      ['PROPERTY_DEFINITION_NOT_FOUND', 'MISSING_REQUIRED_PROPERTY', 'MISSING_REQUIRED_PROPERTY'],
    ],
  ])('are told of %s', async (_name, names, options, codes) => {
    const { kept } = await check(names, [], options)

    expect(kept.map(({ code }) => code)).toEqual(codes)
    for (const { line } of kept) expect(line).toBeLessThanOrEqual(1)
  })

  it.each([
    ['Products', '0-7', 'price', ['"hs_sku" or "hs_object_id"']],
    ['Tasks', '0-27', 'hs_task_body', ['"hs_task_subject"', '"hs_timestamp"']],
    ['Notes', '0-46', 'hs_timestamp', ['"hs_note_body"']],
  ])('are told of what %s need to be created', (name, type, propertyName, needed) => {
    const findings = createFindings()
    const mappings = [{ columnName: 'x', propertyName, columnObjectType: name.toUpperCase() }]

    readColumns({ file: 'f.csv', mappings, properties: {}, operations: { [type]: 'CREATE' }, findings })

    expect(findings.kept().map(({ message }) => message)).toEqual(
      needed.map((what) => `${name} need ${what} to be created, and no column is mapped to it.`),
    )
  })

  it('of properties that HubSpot writes itself are told once, and their cells are not looked at', async () => {
    const { kept } = await check(
      ['email', 'score'],
      [
        ['a@b.co', 'none'],
        ['c@d.co', '=1'],
      ],
    )

    expect(kept.map(({ code, line }) => [code, line])).toEqual([['INVALID_COLUMN_CONFIGURATION', 1]])
  })

  it('say which property was probably meant', async () => {
    const { kept } = await check(['email', 'fistname'], [])

    expect(kept).toMatchObject([{ fix: 'Did you mean "firstname"?' }])
  })
})

describe('a cell that a spreadsheet might run', () => {
  it.each(['=1+1', '+1', '-1', '@x', '\tx', '\rx', '\nx', "'=1"])(
    'has an apostrophe before it, which is taken out again: %j',
    (cell) => {
      expect(withoutFormula(cell)).toBe(`'${cell}`)
      expect(withFormula(withoutFormula(cell))).toBe(cell)
    },
  )
})

describe('our verdicts and those of the HubSpot to try against', () => {
  const value = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789.,-+% /:@abT'.split('')), maxLength: 12 }),
    fc.constantFrom('a@b.co', '31.12.2024', '12/31/2024', '2024-01-31', '1700000000000', '25%', '1.234,56'),
  )

  it('are the same on e-mail addresses and numbers', () => {
    fc.assert(
      fc.property(value, (cell) => {
        if (cell === '') return
        expect([cell, isEmail(cell)]).toEqual([cell, SHAPES.email(cell)])
        expect([cell, isNumber(cell)]).toEqual([cell, SHAPES.number(cell)])
      }),
      { numRuns: 20_000 },
    )
  })

  it('are stricter on dates: whatever we take, it takes', () => {
    const day = fc.tuple(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 0, max: 14 }),
      fc.constantFrom('1990', '2024', '24'),
      fc.constantFrom('.', '/', '-'),
    )
    fc.assert(
      fc.property(day, fc.constantFrom('DAY_MONTH_YEAR', 'MONTH_DAY_YEAR', 'YEAR_MONTH_DAY'), ([d, m, y, mark], format) => {
        const cell = [d, m, y].join(mark)
        if (isDate(cell, format) || isDateTime(cell, format)) expect([cell, SHAPES.date(cell)]).toEqual([cell, true])
      }),
      { numRuns: 5_000 },
    )
    expect(isYesOrNo('YES')).toBe(true)
  })
})

describe('a thread of its own', () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => [
    i % 7 === 0 ? 'none' : `p${i % 15_000}@b.co`,
    `${i}.1.1990`,
    i % 3 === 0 ? '=x' : 'ok',
  ])
  const names = ['email', 'birthday', 'firstname']

  it('finds what the own thread finds', async () => {
    const own = await check(names, rows)
    const other = await check(names, rows, { thread: true })

    expect(own.counts.warnings).toBeGreaterThan(10_000)
    expect(other).toEqual(own)
  })

  it('ends with the file’s reading when that fails', async () => {
    async function* broken(): AsyncIterable<Buffer> {
      yield Buffer.from('email\na@b.co\n')
      throw new Error('no disk')
    }
    const plan = { file: 'f.csv', columns: [], dateFormat: 'DAY_MONTH_YEAR' as const, hasHeader: true }
    const csvCheck = createCsvCheck({ maxThreads: 1 })

    await expect(csvCheck.check(plan, broken(), Number.POSITIVE_INFINITY, createFindings())).rejects.toThrow('no disk')
    // Nobody has to wait for it.
    await expect(
      csvCheck.check(plan, inChunks(Buffer.from('email\n'), 10), Number.POSITIVE_INFINITY, createFindings()),
    ).resolves.toBeUndefined()
  })

  it('that dies fails the check, and keeps nobody waiting', async () => {
    const csvCheck = createCsvCheck({ maxThreads: 1 })
    // What no plan is breaks the thread.
    const broken = {
      file: 'f.csv',
      columns: [{ columnName: 'x' }] as unknown as [],
      dateFormat: 'DAY_MONTH_YEAR' as const,
      hasHeader: true,
    }
    const many = Buffer.from('x\n'.repeat(100_000))
    const failed = csvCheck.check(
      { ...broken, columns: 5 as unknown as [] },
      inChunks(many, 1_000),
      Number.POSITIVE_INFINITY,
      createFindings(),
    )

    await expect(failed).rejects.toMatchObject({ code: 'internal' })
    await expect(
      csvCheck.check({ ...broken, columns: [] }, inChunks(many, 1_000), Number.POSITIVE_INFINITY, createFindings()),
    ).resolves.toBeUndefined()
  })
})

it('keeps a thousand findings of a code, and counts all', async () => {
  const { kept, counts } = await check(
    ['email'],
    Array.from({ length: 2_500 }, (_, i) => [`none ${i}`]),
  )

  expect(kept.filter(({ code }: Finding) => code === 'INVALID_EMAIL')).toHaveLength(1_000)
  expect(counts).toEqual({ errors: 0, warnings: 2_500, byCode: { INVALID_EMAIL: 2_500 } })
})
