import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import wabt from 'wabt'
import { SCAN_BYTES } from '../../src/intake/kernel/scan-bytes.js'
import { createStructureScan, type Structure } from '../../src/intake/structure.js'

/** The same, a character at a time and as plainly as possible. */
function readPlainly(text: string, delimiter: string): Structure {
  const found: Structure = {
    records: 0,
    blank: 0,
    columns: 0,
    ragged: { count: 0, some: [] },
    stray: { count: 0, firstLine: 0 },
    isUnclosed: false,
    lineEnds: { lf: 0, crlf: 0, cr: 0 },
  }
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start'
  let columns = 1
  let isBlank = true
  const stray = () => {
    found.stray.count += 1
    if (found.stray.count === 1) found.stray.firstLine = found.records + 1
  }
  const end = () => {
    found.records += 1
    if (isBlank) found.blank += 1
    else if (found.columns === 0) found.columns = columns
    else if (columns !== found.columns) {
      found.ragged.count += 1
      if (found.ragged.count <= 1_000) found.ragged.some.push({ line: found.records, columns })
    }
    state = 'start'
    columns = 1
    isBlank = true
  }
  for (let at = 0; at < text.length; at++) {
    const one = text[at]
    if (state === 'quoted') {
      if (one === '"') state = 'closed'
    } else if (one === '\n' || one === '\r') {
      if (one === '\r' && text[at + 1] === '\n') {
        at += 1
        found.lineEnds.crlf += 1
      } else found.lineEnds[one === '\n' ? 'lf' : 'cr'] += 1
      end()
    } else {
      isBlank = false
      if (one === '"') {
        if (state === 'plain') stray()
        else state = 'quoted'
      } else if (one === delimiter) {
        columns += 1
        state = 'start'
      } else {
        if (state === 'closed') stray()
        state = 'plain'
      }
    }
  }
  found.isUnclosed = state === 'quoted'
  if (!isBlank) end()
  return found
}

function scan(bytes: Buffer, delimiter: string, sizes: number[]): Structure {
  const structure = createStructureScan(delimiter)
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length
    structure.push(bytes.subarray(at, at + size))
    at += size
  }
  return structure.end()
}

const tokens = fc.constantFrom('a', 'bc', ',', ';', '"', '""', '\n', '\r', '\r\n', ',"', '",', '"\n', 'x'.repeat(40), '"q,q\n"')
const tidy = fc.constantFrom('a', 'bc', ',', ',', '\n', '\r\n', ',"a,b"', ',"a ""b"""', 'x'.repeat(70))

it.each([
  ['of any kind', tokens],
  ['that is well formed for the most part', tidy],
])('reads text %s like a reader that looks at every character, however its bytes are cut', (_, alphabet) => {
  fc.assert(
    fc.property(
      fc.array(alphabet, { maxLength: 200 }),
      fc.constantFrom(',', ';', '\t'),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
      (parts, delimiter, sizes) => {
        const text = parts.join('')

        const found = scan(Buffer.from(text), delimiter, sizes)

        expect(found).toEqual(readPlainly(text, delimiter))
      },
    ),
    { numRuns: 2_000 },
  )
})

it('names the first thousand records that are longer or shorter than the header, and counts them all', () => {
  const text = `a,b,c\n${'1,2\n'.repeat(1_500)}1,2,3\n1,2,3,4\n`

  const { ragged, records, columns } = scan(Buffer.from(text), ',', [64 * 1024])

  expect({ records, columns, count: ragged.count, named: ragged.some.length }).toEqual({
    records: 1_503,
    columns: 3,
    count: 1_501,
    named: 1_000,
  })
  expect(ragged.some.at(0)).toEqual({ line: 2, columns: 2 })
  expect(ragged.some.at(-1)).toEqual({ line: 1_001, columns: 2 })
})

it('runs what its source says', async () => {
  const source = await readFile(new URL('../../src/intake/kernel/scan.wat', import.meta.url), 'utf8')
  const assembler = await wabt()

  const { buffer } = assembler.parseWat('scan.wat', source, { simd: true }).toBinary({})

  expect(Buffer.from(buffer).toString('base64')).toBe(SCAN_BYTES)
})
