import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { splitCsv } from '../../src/intake/split.js'
import { collect, inChunks, writeTable } from '../support/tables.js'

const cell = fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', ' '), maxLength: 6 })
const table = fc.array(fc.tuple(fc.constant('row'), cell, cell), { minLength: 1, maxLength: 40 })
const csv = { encoding: 'utf-8', delimiter: ',' } as const

it('puts every record into one part, whole and in order, each part with the header, if there is one, and within the bounds', async () => {
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 60, max: 400 }),
      fc.integer({ min: 1, max: 50 }),
      async (rows, lineEnd, endsWithLine, hasHeader, maxRows, maxBytes, size) => {
        const bytes = writeTable([...(hasHeader ? [['h1', 'h2', 'h3']] : []), ...rows], {
          ...csv,
          lineEnd,
          quotesAll: false,
          endsWithLine,
        })

        const pieces = await splitCsv(inChunks(bytes, size), { maxRows, maxBytes, hasHeader }, collect)

        const read = pieces.map(({ stored }) => parse(stored) as string[][])
        const records = read.map((all) => (hasHeader ? all.slice(1) : all))
        if (hasHeader) expect(read.map(([header]) => header)).toEqual(pieces.map(() => ['h1', 'h2', 'h3']))
        expect(records.flat()).toEqual(rows)
        expect(pieces.map(({ rows: count }) => count)).toEqual(records.map(({ length }) => length))
        // The line in the whole file, whose first is 1, of the part's line 2.
        let line = 2
        for (const [i, { firstLine, rows: count, stored }] of pieces.entries()) {
          expect(firstLine).toBe(line)
          line += count
          expect(count).toBeLessThanOrEqual(maxRows)
          expect(stored.length).toBeLessThanOrEqual(maxBytes)
          expect(count === maxRows || i === pieces.length - 1 || stored.length > maxBytes - 60).toBe(true)
        }
      },
    ),
    { numRuns: 500 },
  )
})

it('counts blank lines, and keeps them', async () => {
  const pieces = await splitCsv(
    inChunks(Buffer.from('\nh\na\n\nb\nc\n'), 3),
    { maxRows: 2, maxBytes: 1_000, hasHeader: true },
    collect,
  )

  expect(pieces.map(({ firstLine, stored }) => [firstLine, String(stored)])).toEqual([
    [3, 'h\na\n\n'],
    [5, 'h\nb\nc\n'],
  ])
})

it.each([
  ['a row that no part can hold', Buffer.from(`h\na\n${'x'.repeat(200)}\n`)],
  ['a row without an end', Buffer.from(`h\n"${'x'.repeat(17 * 1024 * 1024)}`)],
])('refuses %s', async (_name, bytes) => {
  await expect(splitCsv(inChunks(bytes, 65_536), { maxRows: 10, maxBytes: 100, hasHeader: true }, collect)).rejects.toMatchObject(
    {
      code: 'row_too_large',
    },
  )
})

it.each<[string, string, (bytes: AsyncIterable<Buffer>) => Promise<Buffer>]>([
  ['a part cannot be saved', 'no disk', async () => Promise.reject(new Error('no disk'))],
  ['a row is too long', 'Row 3', collect],
])('closes what it reads when %s', async (_name, message, save) => {
  let isClosed = false
  async function* source(): AsyncIterable<Buffer> {
    try {
      for (const line of ['h\n', 'a\n', `${'x'.repeat(200)}\n`, 'b\n']) yield Buffer.from(line)
    } finally {
      isClosed = true
    }
  }

  await expect(splitCsv(source(), { maxRows: 1, maxBytes: 100, hasHeader: true }, save)).rejects.toThrow(message)

  expect(isClosed).toBe(true)
})
