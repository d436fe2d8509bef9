import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCellCheck } from '../../src/intake/cells/check-cells.js'
import { createFindings } from '../../src/intake/finding.js'
import { runScript } from '../support/process.js'
import { pack, sheetXml, workbookParts } from '../support/xlsx-writer.js'

type Told = { codes?: string[]; problem?: string; detail?: string; cpuSeconds: number; peakMb: number }

/** Beside what a process holds that has loaded the same and read nothing. */
const MAX_GROWTH_MB = (64 * 1024 * 1024) / 1e6
/** Of computing, whoever else computes beside it. */
const MAX_BOMB_SECONDS = 5
const MIB = 1024 * 1024

let folder = ''
let idleMb = 0

async function scan(what: string): Promise<Told> {
  const { code, stdout, stderr } = await runScript('test/support/scan-file.ts', [what], {})
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Told
}

/** So many times 16 MiB of the same, deflated, without an end. */
function inflating(piece: string, times: number): Buffer[] {
  const block = deflateRawSync(Buffer.alloc(16 * MIB, piece), { finishFlush: constants.Z_FULL_FLUSH })
  return Array<Buffer>(times).fill(block)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'importal-bounds-'))
  idleMb = (await scan('nothing')).peakMb
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a text that is nothing but one thing', () => {
  it.each<[what: string, outcome: Partial<Told>]>([
    ['one cell of 512 MiB', { codes: ['ROW_DATA_TOO_LARGE'] }],
    ['one quoted cell of 512 MiB', { codes: ['ROW_DATA_TOO_LARGE'] }],
    ['a quote that never closes in 256 MiB', { problem: 'quotes_unbalanced' }],
    ['a byte that is no UTF-8 at 500 M', { problem: 'encoding', detail: expect.stringContaining('byte 500000000 ') }],
    ['a NUL at 500 M', { problem: 'encoding', detail: expect.stringContaining('Byte 500000000 ') }],
    ['a row of 256 MiB without an end', { codes: ['INCORRECT_NUMBER_OF_COLUMNS', 'ROW_DATA_TOO_LARGE'] }],
    ['nothing but quotes, 64 MiB', { problem: 'quotes_unbalanced' }],
    ['nothing but commas, 64 MiB', { codes: ['INCORRECT_NUMBER_OF_COLUMNS', 'ROW_DATA_TOO_LARGE'] }],
    ['nothing but line ends, 64 MiB', { problem: 'no_rows' }],
  ])('is read in memory that stays flat: %s', async (what, outcome) => {
    const { peakMb, ...told } = await scan(what)

    expect(told).toMatchObject(outcome)
    expect(peakMb - idleMb).toBeLessThanOrEqual(MAX_GROWTH_MB)
  })
})

it('values beyond five million are not looked for a second time, and that is told once', () => {
  const findings = createFindings()
  const email = { columnName: 'Email', objectTypeId: '0-1', propertyName: 'email', property: null, isRequired: true }
  const columns = [{ ...email, identifies: 'unique value' as const }]
  const check = createCellCheck({ file: 'f.csv', columns, dateFormat: 'DAY_MONTH_YEAR' }, findings)
  const look = (line: number, value: string) =>
    check({ line, cell: () => value, size: () => value.length, first: () => value.charCodeAt(0) })

  for (let i = 1; i < 5_000_000; i++) look(i, `${i}@b.co`)
  look(5_000_000, '1@b.co')
  look(5_000_001, 'last@b.co')
  look(5_000_002, 'new@b.co')
  look(5_000_003, 'newer@b.co')

  expect(findings.kept().map(({ code, line }) => [code, line])).toEqual([
    ['DUPLICATE_ALTERNATE_ID', 5_000_000],
    ['DUPLICATES_NOT_LOOKED_FOR', 5_000_002],
  ])
})

describe('a bomb', () => {
  it.each<[what: string, name: string, make: () => Buffer]>([
    [
      'a gzip of 10 GiB',
      'bomb.csv.gz',
      () =>
        Buffer.concat([
          Buffer.from('1f8b0800000000000003', 'hex'),
          ...inflating('a,b\n', 640),
          Buffer.from([3, 0]),
          Buffer.alloc(8),
        ]),
    ],
    [
      'a sheet of 10 GiB',
      'bomb.xlsx',
      () => {
        const start = deflateRawSync(Buffer.from(sheetXml('').replace(/<\/sheetData>.*/s, '')), {
          finishFlush: constants.Z_FULL_FLUSH,
        })
        const raw = Buffer.concat([start, ...inflating('<!-- -->', 640), Buffer.from([3, 0])])
        return pack(workbookParts(''), (entry) =>
          entry.name === 'xl/worksheets/sheet1.xml'
            ? { ...entry, raw, local: { bytes: 0xfffffffe }, central: { bytes: 0xfffffffe } }
            : entry,
        )
      },
    ],
  ])('is refused in some seconds, in memory that stays flat: %s', async (_what, name, make) => {
    const path = join(folder, name)
    await writeFile(path, make())

    const { problem, cpuSeconds, peakMb } = await scan(path)

    expect(problem).toBe('archive_too_large')
    expect(cpuSeconds).toBeLessThanOrEqual(MAX_BOMB_SECONDS)
    expect(peakMb - idleMb).toBeLessThanOrEqual(MAX_GROWTH_MB)
  })
})
