import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { convertText } from '../../src/intake/convert.js'
import { inspect, type Text } from '../../src/intake/inspect.js'
import { collect, type Dialect, inChunks, writeTable } from '../support/tables.js'

async function look(bytes: Buffer, size: number): Promise<Text> {
  const inspection = inspect('table.csv')
  await collect(inspection.watch(inChunks(bytes, size)))
  const found = inspection.result()
  if (found.kind !== 'text') throw new Error('no text')
  return found
}

const letter = fc.constantFrom(...'abcXYZ019 äöüßéñ€"\',;|.@-_/'.split(''), '\t')
const cell = fc.string({ unit: letter, maxLength: 12 }).map((text) => text.replace(/^=/, ''))
const longCell = fc.constantFrom('x'.repeat(70_000), 'line one\nline two', 'a\r\nb', '"', '""', '" q', 'ü'.repeat(66_000))
const dialect: fc.Arbitrary<Dialect> = fc.record({
  encoding: fc.constantFrom('utf-8', 'utf-8 with a mark', 'utf-16le', 'utf-16be', 'utf-16le without a mark', 'windows-1252'),
  delimiter: fc.constantFrom(',', ';', '\t', '|'),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  quotesAll: fc.boolean(),
  endsWithLine: fc.boolean(),
})
/** Its header says what the columns are, as people's do: mostly Latin letters. */
const table = fc.integer({ min: 2, max: 6 }).chain((width) =>
  fc
    .array(
      fc.array(fc.oneof({ weight: 30, arbitrary: cell }, { weight: 1, arbitrary: longCell }), {
        minLength: width,
        maxLength: width,
      }),
      {
        minLength: 1,
        maxLength: 12,
      },
    )
    .map((rows) => [
      Array.from({ length: width }, (_, i) => `Column number ${i}`),
      ...rows.map((row) => ['row', ...row.slice(1)]),
    ]),
)

/** What no UTF-8 looks like: "ß€" alone, in Windows-1252, are the very bytes of an African digit. */
function inGerman([header = [], ...rows]: string[][]): string[][] {
  return [['Größe', ...header.slice(1)], ...rows.map((row) => row.map((value) => value.replace(/(?<=[^\0-\x7f])€/g, '')))]
}

describe('a table in any dialect and encoding', () => {
  it('comes back cell for cell, and is known for what it is', async () => {
    await fc.assert(
      fc.asyncProperty(table, dialect, fc.integer({ min: 1, max: 70_000 }), async (drawn, written, size) => {
        const rows = written.encoding === 'windows-1252' ? inGerman(drawn) : drawn
        const bytes = writeTable(rows, written)
        const text = await look(bytes, size)

        const { bytes: converted } = convertText(inChunks(bytes, size), text)
        const result = await collect(converted)

        expect(text.delimiter).toBe(written.delimiter)
        expect(parse(result, { relax_column_count: true, skip_empty_lines: true })).toEqual(rows)
        expect(result.includes('\r\n') && !rows.flat().some((value) => value.includes('\r\n'))).toBe(false)
      }),
      { numRuns: 300 },
    )
  })
})

describe('bytes of any kind', () => {
  it('are read or refused, and never break the reader', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.integer({ min: 1, max: 999 }), async (some, size) => {
        const bytes = Buffer.from(some)
        const text = await look(bytes, size).catch((error: unknown) => error)

        if (text instanceof Error) return void expect(text).toMatchObject({ name: 'AppError' })
        const result = await collect(convertText(inChunks(bytes, size), text as Text).bytes).catch((error: unknown) => error)
        expect(result instanceof Error ? result.name : 'read').toMatch(/^(AppError|read)$/)
      }),
      { numRuns: 2_000 },
    )
  })
})
