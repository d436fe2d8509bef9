import { describe, expect, it } from 'vitest'
import { createCellCheck } from '../../src/intake/cells/check-cells.js'
import { typeIdOf } from '../../src/intake/cells/columns.js'
import { isDateTime, isDomain, isEmail, isNumber, isPhone } from '../../src/intake/cells/value-forms.js'
import { createEncodingCheck } from '../../src/intake/encoding.js'
import { createFindings } from '../../src/intake/finding.js'
import { fitMapping } from '../../src/intake/header.js'
import { splitCsv } from '../../src/intake/split.js'
import { parseNumber } from '../../src/intake/xlsx/cell-value.js'
import { classifyFormat } from '../../src/intake/xlsx/styles.js'
import { suggestMapping } from '../../src/mappings/suggestion/suggest.js'
import { inChunks } from '../support/tables.js'

// What is quadratic, or worse, in the length of a cell would not be done with these before the test's time is over.
const MEBI = 1024 * 1024

describe('a value that was made to take long', () => {
  it.each([
    ['a domain of slashes', () => isDomain(`${'/'.repeat(MEBI)}\nx`)],
    ['a domain of dots', () => isDomain(`${'a.'.repeat(MEBI)}!`)],
    ['a telephone number of digits', () => isPhone(`${'1'.repeat(MEBI)}!`)],
    ['a short telephone number', () => isPhone(`${'1'.repeat(99)}!`)],
    ['an e-mail address', () => isEmail('a'.repeat(MEBI))],
    ['a number', () => isNumber(`${'1 '.repeat(MEBI)}x`)],
    ['a date with a time', () => isDateTime(`2026-01-01 ${' '.repeat(MEBI)}x`, 'YEAR_MONTH_DAY')],
    ['a number of a workbook', () => void expect(() => parseNumber(`${'1'.repeat(MEBI)}x`)).toThrow()],
    ['a format of a workbook', () => classifyFormat('['.repeat(MEBI)) === 'date'],
  ])('is told at once: %s', (_what, look) => {
    expect(look() ?? false).toBe(false)
  })

  it('does not hold up the suggestion of a mapping', () => {
    const cell = `${'bsc '.repeat(49)}!`
    const properties = {
      '0-1': [
        {
          name: 'jobtitle',
          label: 'Job title',
          type: 'string',
          fieldType: 'text',
          hasUniqueValue: false,
          archived: false,
          calculated: false,
          readOnly: false,
          isOwner: false,
          options: [],
        },
      ],
    }

    expect(suggestMapping({ headers: ['Job title'], samples: [[cell]], properties }).columns).toHaveLength(1)
  })

  it('does not hold up what was meant by a thousand wrong names', () => {
    const names = (letter: string) => Array.from({ length: 999 }, (_, n) => `${letter.repeat(54)}${String(n).padStart(4, '0')}`)
    const mappings = names('b').map((columnName) => ({ columnName }))

    const { errors } = fitMapping({ header: names('a'), mappings, file: 'x.csv', findings: createFindings() })

    expect(errors).toHaveLength(999)
  })

  it('does not hold up what was meant by a million wrong options', () => {
    const options = Array.from({ length: 2_000 }, (_, n) => ({ label: `An option of a property ${n}`, value: `OPTION_${n}` }))
    const property = {
      name: 'industry',
      label: 'Industry',
      type: 'enumeration',
      fieldType: 'select',
      hasUniqueValue: false,
      archived: false,
      calculated: false,
      readOnly: false,
      isOwner: false,
      options,
    }
    const column = {
      columnName: 'A',
      objectTypeId: '0-2',
      propertyName: 'industry',
      property,
      identifies: null,
      isRequired: false,
    }
    const findings = createFindings()
    const check = createCellCheck({ file: 'x.csv', columns: [column], dateFormat: 'DAY_MONTH_YEAR' }, findings)

    for (let line = 2; line < 1_000_000; line++) {
      const cell = `customer ${line}`
      check({ line, cell: () => cell, size: () => cell.length, first: () => cell.charCodeAt(0) })
    }

    expect(findings.counts().byCode).toEqual({ INVALID_ENUMERATION_OPTION: 999_998 })
  })
})

it('what is kept of a large text does not keep the text', () => {
  const findings = createFindings()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 600; n++) {
    const chunk = Buffer.alloc(MEBI, 'x').toString('latin1')
    findings.add('warning', 'X', () => ({
      message: 'x',
      fix: null,
      file: null,
      line: n,
      column: 0,
      columnName: null,
      value: chunk.slice(5, 40),
    }))
  }

  // Six hundred mebibytes otherwise.
  expect((process.memoryUsage().heapUsed - before) / MEBI).toBeLessThan(300)
  expect(findings.kept()).toHaveLength(600)
})

it('no finding has half a letter in it', () => {
  const findings = createFindings()
  findings.add('warning', 'X', () => ({
    message: 'a\ud83d',
    fix: '\ude00',
    file: null,
    line: 1,
    column: 0,
    columnName: 'b\ud83d',
    value: 'c\ud83d',
  }))

  expect(JSON.stringify(findings.kept())).not.toMatch(/\\ud[89a-f]/i)
})

it('a file put together from two encodings is not taken for one of them', () => {
  const check = createEncodingCheck()
  for (let n = 0; n < 10; n++) check.push(Buffer.from('Müller,Jörg,Groß\n'.repeat(2_000)))
  check.push(Buffer.from('M\xfcller,J\xf6rg,Gro\xdf\n'.repeat(60), 'latin1'))

  expect(() => check.end()).toThrow(/different encodings/)
})

it.each(['constructor', 'constructors', 'toString', '__proto__'])(
  'an object type is not found among what every object has: %s',
  (name) => {
    expect(typeIdOf(name)).toBe(name)
  },
)

describe('a file that is split', () => {
  const split = async (text: string, maxRows: number) => {
    const parts: string[] = []
    const pieces = await splitCsv(
      inChunks(Buffer.from(text), 7),
      { maxRows, maxBytes: 1_000, hasHeader: true },
      async (bytes) => {
        const chunks: Buffer[] = []
        for await (const chunk of bytes) chunks.push(Buffer.from(chunk))
        parts.push(Buffer.concat(chunks).toString())
      },
    )
    return { parts, lines: pieces.map(({ firstLine }) => firstLine), rows: pieces.map(({ rows }) => rows) }
  }

  it('keeps a header that goes over two lines behind a byte order mark', async () => {
    const { parts } = await split('\ufeff"Record\nID",Email\n1,a@b.co\n2,c@d.co\n', 1)

    expect(parts).toEqual(['\ufeff"Record\nID",Email\n1,a@b.co\n', '\ufeff"Record\nID",Email\n2,c@d.co\n'])
  })

  it('takes no blank line behind a byte order mark for its header', async () => {
    const { parts, lines } = await split('\ufeff\nID,Email\n1,a@b.co\n2,c@d.co\n', 1)

    expect(parts).toEqual(['ID,Email\n1,a@b.co\n', 'ID,Email\n2,c@d.co\n'])
    expect(lines).toEqual([3, 4])
  })

  it('makes no part of blank lines', async () => {
    const { parts, lines, rows } = await split('ID\n1\n\n2\n\n\n', 1)

    expect(parts).toEqual(['ID\n1\n', 'ID\n2\n'])
    expect([lines, rows]).toEqual([
      [2, 4],
      [1, 1],
    ])
  })
})
