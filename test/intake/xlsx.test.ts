import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openWorkbook } from '../../src/intake/xlsx/workbook.js'
import { escapeXml, pack, readRows, toBytes, workbookParts } from '../support/xlsx-writer.js'

const cellsOf = async (row: string, options: Parameters<typeof workbookParts>[1] = {}) => {
  const [first] = await readRows(pack(workbookParts(`<row r="1">${row}</row>`, options)))
  return { cells: first?.cells, kinds: first?.kinds }
}

it('tells what each cell shows', async () => {
  const file = pack(
    workbookParts(
      '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" s="1"><v>45000</v></c><c r="D1"><v>0.30000000000000004</v></c></row>',
      { strings: ['<t>Name &amp; more</t>'], formats: [14] },
    ),
  )

  const rows = await readRows(file)

  expect(rows).toEqual([{ line: 1, cells: ['Name & more', '', '2023-03-15', '0.3'], kinds: ['text', 'empty', 'date', 'number'] }])
})

describe('a cell', () => {
  it.each([
    ['a shared text', '<c t="s"><v>0</v></c>', 'shared', 'text'],
    ['a shared text in pieces, with how it is pronounced', '<c t="s"><v>1</v></c>', 'in pieces', 'text'],
    ['a text of its own', '<c t="inlineStr"><is><t>own</t></is></c>', 'own', 'text'],
    ['a text that a formula gives', '<c t="str"><f>A1&amp;B1</f><v>made</v></c>', 'made', 'text'],
    ['a number that a formula gives', '<c><f>1+2</f><v>3</v></c>', '3', 'number'],
    ['a formula whose value was not saved', '<c><f>1+2</f></c>', '', 'formula'],
    ['true', '<c t="b"><v>1</v></c>', 'TRUE', 'boolean'],
    ['false', '<c t="b"><v>0</v></c>', 'FALSE', 'boolean'],
    ['an error', '<c t="e"><v>#N/A</v></c>', '#N/A', 'error'],
    ['a whole number', '<c><v>42</v></c>', '42', 'number'],
    ['a number with an exponent', '<c><v>1.5E+3</v></c>', '1500', 'number'],
    ['a negative number', '<c><v>-7.25</v></c>', '-7.25', 'number'],
    ['a number of 15 digits', '<c><v>123456789012345</v></c>', '123456789012345', 'number'],
    ['a day', '<c s="1"><v>45000</v></c>', '2023-03-15', 'date'],
    ['a day before the one that never was', '<c s="1"><v>59</v></c>', '1900-02-28', 'date'],
    ['the day after it', '<c s="1"><v>61</v></c>', '1900-03-01', 'date'],
    ['a day and a time', '<c s="2"><v>45000.5</v></c>', '2023-03-15T12:00:00', 'datetime'],
    ['a date as ISO writes it', '<c t="d"><v>2023-03-15</v></c>', '2023-03-15', 'date'],
    ['entities', '<c t="inlineStr"><is><t>&lt;a&gt; &amp; &#252;</t></is></c>', '<a> & ü', 'text'],
    ['an escaped character', '<c t="inlineStr"><is><t>a_x000D_b</t></is></c>', 'a\rb', 'text'],
    ['a character that no text may hold', '<c t="inlineStr"><is><t>a_x0000_b_xD800_c</t></is></c>', 'a\ufffdb\ufffdc', 'text'],
  ])('holds %s', async (_what, xml, shown, kind) => {
    const strings = ['<t>shared</t>', '<r><t>in </t></r><r><t>pieces</t></r><rPh sb="0" eb="2"><t>spoken</t></rPh>']

    expect(await cellsOf(xml, { strings, formats: [14, 'yyyy\\-mm\\-dd hh:mm'] })).toMatchObject({
      cells: [shown],
      kinds: [expect.stringContaining(kind === 'datetime' ? 'date' : kind)],
    })
  })

  it('is a day later by four years and one where the workbook counts from 1904', async () => {
    const { cells } = await cellsOf('<c s="1"><v>0</v></c><c s="1"><v>43538</v></c>', { formats: [14], isDate1904: true })

    expect(cells).toEqual(['1904-01-01', '2023-03-15'])
  })

  it('lies where its reference says, and else beside the one before', async () => {
    expect((await cellsOf('<c r="B1"><v>1</v></c><c><v>2</v></c><c r="AA1"><v>3</v></c>')).cells).toEqual([
      '',
      '1',
      '2',
      ...Array(23).fill(''),
      '3',
    ])
  })
})

it('a long sheet lets others have their turn while it is read, however few its bytes', async () => {
  const file = pack(workbookParts('<row><c><v>1</v></c></row>'.repeat(2_000)))
  const { sheets, readRows: read } = await openWorkbook(toBytes(file))
  let turns = 0
  const turnsAtBatch: number[] = []

  for await (const _ of read(sheets[0] ?? { name: '', isHidden: false, part: '' })) {
    turnsAtBatch.push(turns)
    setImmediate(() => (turns += 1))
  }

  expect(turnsAtBatch).toEqual(turnsAtBatch.map((_, i) => i))
  expect(turnsAtBatch.length).toBeGreaterThan(5)
})

it('any table comes back cell for cell, however its workbook is written', async () => {
  // What XML can hold, without what a spreadsheet would escape.
  const text = fc
    .string({ unit: 'grapheme', maxLength: 12 })
    .map((value) => value.replaceAll(/[\p{Cc}\ufffe\uffff]|_x/gu, '').trim())
  const table = fc.array(fc.array(text, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 })

  await fc.assert(
    fc.asyncProperty(table, fc.boolean(), fc.boolean(), async (rows, isShared, hasReferences) => {
      const strings: string[] = []
      const data = rows.map((row, line) => {
        const cells = row.map((value, column) => {
          const at = hasReferences ? ` r="${String.fromCharCode(65 + column)}${line + 1}"` : ''
          if (value === '') return `<c${at}/>`
          if (!isShared) return `<c${at} t="inlineStr"><is><t xml:space="preserve">${escapeXml(value)}</t></is></c>`
          strings.push(`<t xml:space="preserve">${escapeXml(value)}</t>`)
          return `<c${at} t="s"><v>${strings.length - 1}</v></c>`
        })
        return `<row r="${line + 1}">${cells.join('')}</row>`
      })

      const read = await readRows(pack(workbookParts(data.join(''), { strings })))

      const expected = rows.flatMap((row, i) => {
        const cells = row.slice(0, row.findLastIndex((value) => value !== '') + 1)
        return cells.length === 0 ? [] : [{ line: i + 1, cells }]
      })
      expect(read.map(({ line, cells }) => ({ line, cells }))).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})
