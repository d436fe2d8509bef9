import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createRecordReader } from '../../src/intake/records.js'
import { writeTable } from '../support/tables.js'

const MAX_BYTES = 1024 * 1024

/** `cuts` is the size of every chunk, or where one ends. */
function read(bytes: Buffer, cuts: number | number[]): { records: string[][]; lines: number[]; tooLong: number[] } {
  const found = { records: [] as string[][], lines: [] as number[], tooLong: [] as number[] }
  const reader = createRecordReader({
    onRecord: ({ line, cells, cell }) => {
      found.records.push(Array.from({ length: cells }, (_, column) => cell(column)))
      found.lines.push(line)
    },
    onTooLong: (line) => found.tooLong.push(line),
  })
  const ends =
    typeof cuts === 'number'
      ? Array.from({ length: bytes.length / cuts }, (_, i) => (i + 1) * cuts)
      : cuts.toSorted((a, b) => a - b)
  for (const [i, end] of [...ends, bytes.length].entries()) reader.push(bytes.subarray(ends[i - 1] ?? 0, end))
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

it('passes over a record of more than a mebibyte, and no other, however its bytes are cut', () => {
  const fill = fc.constantFrom(
    (bytes: number) => 'x'.repeat(bytes),
    quotedOf('x'),
    quotedOf(',\n'),
    quotedOf('""'),
    quotedOf('\r'),
  )
  const cut = fc.oneof(fc.integer({ min: -4, max: 6 }), fc.integer({ min: -MAX_BYTES, max: MAX_BYTES }))
  fc.assert(
    fc.property(
      fill,
      fc.integer({ min: -3, max: 3 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(cut, { maxLength: 4 }),
      fc.boolean(),
      (make, more, lineEnd, cuts, isFollowed) => {
        const long = make(MAX_BYTES + more)
        const bytes = Buffer.from(`a,b${lineEnd}${long}${isFollowed ? `${lineEnd}c,d${lineEnd}` : ''}`)
        const recordEnd = 3 + lineEnd.length + long.length
        const ends = cuts.map((at) => Math.min(bytes.length, Math.max(0, recordEnd + at)))

        const { records, lines, tooLong } = read(bytes, ends)

        const isTooLong = long.length > MAX_BYTES
        expect({ tooLong, lines }).toEqual({
          tooLong: isTooLong ? [2] : [],
          lines: [1, ...(isTooLong ? [] : [2]), ...(isFollowed ? [3] : [])],
        })
        if (isFollowed) expect(records.at(-1)).toEqual(['c', 'd'])
      },
    ),
    { numRuns: 150 },
  )
})

/** Makes a quoted cell of so many bytes, quotes included. */
function quotedOf(piece: string): (bytes: number) => string {
  return (bytes) => {
    const inner = piece.repeat((bytes - 2) / piece.length)
    return `"${inner}${'x'.repeat(bytes - 2 - inner.length)}"`
  }
}

it('counts blank lines, and passes over them', () => {
  expect(read(Buffer.from('\na\n\n\r\nb'), 2)).toMatchObject({ records: [['a'], ['b']], lines: [2, 5] })
})
