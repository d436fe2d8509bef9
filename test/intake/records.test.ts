import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createRecordReader } from '../../src/intake/records.js'
import { writeTable } from '../support/tables.js'

function read(bytes: Buffer, size: number): { records: string[][]; lines: number[]; tooLong: number[] } {
  const found = { records: [] as string[][], lines: [] as number[], tooLong: [] as number[] }
  const reader = createRecordReader({
    onRecord: ({ line, cells, cell }) => {
      found.records.push(Array.from({ length: cells }, (_, column) => cell(column)))
      found.lines.push(line)
    },
    onTooLong: (line) => found.tooLong.push(line),
  })
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
  reader.end()
  return found
}

const cell = fc.string({ unit: fc.constantFrom('a', 'ü', '😀', '"', ',', '\n', '\r', ' ', ''), maxLength: 8 })

it('reads any table cell for cell, however its bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constant('row'), cell, cell, cell), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 60 }),
      (rows, lineEnd, quotesAll, endsWithLine, size) => {
        const bytes = writeTable(rows, { encoding: 'utf-8 with a mark', delimiter: ',', lineEnd, quotesAll, endsWithLine })

        expect(read(bytes, size)).toEqual({ records: rows, lines: rows.map((_, i) => i + 1), tooLong: [] })
      },
    ),
    { numRuns: 1_000 },
  )
})

it('reads what quotes break as the scan does: the same records with the same cells', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', ',', '"', '""', '\n', '\r\n', '"\n', ',"', '",'), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      (parts, size) => {
        const bytes = Buffer.from(parts.join(''))

        const { records, lines } = read(bytes, size)

        expect(read(bytes, 1_000)).toMatchObject({ records, lines })
        const plain = tryParse(bytes)
        if (plain) expect(records).toEqual(plain)
      },
    ),
    { numRuns: 2_000 },
  )
})

/** Undefined for what the strict reader calls broken. */
function tryParse(bytes: Buffer): string[][] | undefined {
  try {
    return parse(bytes, { relax_column_count: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] })
  } catch {
    return undefined
  }
}

it.each([
  ['quoted', `"${'x,\n""'.repeat(400_000)}"`],
  ['plain', 'x'.repeat(2_000_000)],
  ['quoted, then plain', `"a"${'"b'.repeat(1_000_000)}`],
])('passes over a record that is too long, %s, and goes on after it', (_name, long) => {
  const { records, lines, tooLong } = read(Buffer.from(`a,b\n${long},y\nc,d\n`), 65_536)

  expect({ records, lines, tooLong }).toEqual({
    records: [
      ['a', 'b'],
      ['c', 'd'],
    ],
    lines: [1, 3],
    tooLong: [2],
  })
})

it('counts blank lines, and passes over them', () => {
  expect(read(Buffer.from('\na\n\n\r\nb'), 2)).toMatchObject({ records: [['a'], ['b']], lines: [2, 5] })
})
