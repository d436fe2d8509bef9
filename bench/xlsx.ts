import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { crc32, createDeflateRaw } from 'node:zlib'
import { workbookParts, writeZip, type ZipEntry } from '../test/support/xlsx-writer.js'
import type { Measurement } from './report.js'
import { serverFlags } from './stack.js'

const WORKBOOK = { rows: 1_000_000, minRowsPerSecond: 100_000, maxPeakMb: 150 }
const TEXTS_AT_ONCE = 500
const FIRST_DAY = 40_000

type Reading = { rows: number; cells: number; firstMs: number; seconds: number; cpuSeconds: number; peakMb: number }

/** How fast a large workbook is read, and in how much memory: in a process that does nothing else. */
export async function measureXlsx(): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'importal-xlsx-'))
  try {
    const path = join(folder, 'large.xlsx')
    const bytes = await writeWorkbook(path)
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...(await serverFlags()),
      new URL('read-workbook.mjs', import.meta.url).pathname,
      path,
    ])
    return describe(JSON.parse(stdout) as Reading, bytes)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function describe({ rows, cells, firstMs, seconds, cpuSeconds, peakMb }: Reading, bytes: number): Measurement[] {
  const what = `workbook of ${rows} rows, ${cells} cells, ${(bytes / 1e6).toFixed(0)} MB`
  const perSecond = rows / seconds
  return [
    {
      what: `${what}: rows read per second`,
      goal: `≥ ${WORKBOOK.minRowsPerSecond}`,
      measured: `${Math.round(perSecond)}, ${Math.round(rows / cpuSeconds)} per second of processor time`,
      isMet: rows === WORKBOOK.rows && perSecond >= WORKBOOK.minRowsPerSecond,
    },
    {
      what: 'the same: peak RSS',
      goal: `≤ ${WORKBOOK.maxPeakMb} MB`,
      measured: `${peakMb.toFixed(0)} MB`,
      isMet: peakMb <= WORKBOOK.maxPeakMb,
    },
    { what: 'the same, until its first row', goal: '', measured: `${(firstMs / 1_000).toFixed(1)} s` },
  ]
}

/** As a spreadsheet program saves contacts: every address differs, names come again, then two numbers and a date. */
async function writeWorkbook(path: string): Promise<number> {
  const names = Array.from({ length: 2_000 }, (_, i) => `Name ${i} of many`)
  const [before, after] = ['<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">', '</sst>']
  const text = (value: string) => `<si><t>${value}</t></si>`
  const strings = pieces(before + names.map(text).join(''), (i) => text(`person.number.${i}@example-${i % 97}.com`), after)
  const parts = workbookParts('<!-- rows -->', { formats: [14] })
  const [head = '', tail = ''] = (parts['xl/worksheets/sheet1.xml'] ?? '').split('<!-- rows -->')
  const sheet = pieces(head, (i) => rowXml(i + 1, names.length), tail)
  const entries = Object.entries(parts).map(([name, content]) => ({ name, content }))
  const large = new Map([
    ['xl/sharedStrings.xml', await deflate('xl/sharedStrings.xml', strings)],
    ['xl/worksheets/sheet1.xml', await deflate('xl/worksheets/sheet1.xml', sheet)],
  ])
  const file = writeZip(entries.map((entry) => large.get(entry.name) ?? entry))
  await writeFile(path, file)
  return file.length
}

function rowXml(line: number, names: number): string {
  const text = (column: string, index: number) => `<c r="${column}${line}" t="s"><v>${index}</v></c>`
  const number = (column: string, value: number) => `<c r="${column}${line}"><v>${value}</v></c>`
  const cells = [
    text('A', names + line - 1),
    text('B', (line * 7) % names),
    text('C', (line * 13) % names),
    number('D', line * 17),
    number('E', (line % 10_000) / 100),
    `<c r="F${line}" s="1"><v>${FIRST_DAY + (line % 5_000)}</v></c>`,
  ]
  return `<row r="${line}" spans="1:6" x14ac:dyDescent="0.25">${cells.join('')}</row>`
}

function* pieces(before: string, each: (i: number) => string, after: string): Generator<Buffer> {
  yield Buffer.from(before)
  for (let at = 0; at < WORKBOOK.rows; at += TEXTS_AT_ONCE)
    yield Buffer.from(Array.from({ length: TEXTS_AT_ONCE }, (_, i) => each(at + i)).join(''))
  yield Buffer.from(after)
}

/** An entry whose content never was in memory as a whole. */
async function deflate(name: string, content: Iterable<Buffer>): Promise<ZipEntry> {
  let [crc, bytes] = [0, 0]
  function* counted() {
    for (const piece of content) {
      crc = crc32(piece, crc)
      bytes += piece.length
      yield piece
    }
  }
  const raw = Buffer.concat(await Readable.from(counted()).pipe(createDeflateRaw()).toArray())
  return { name, content: '', raw, local: { crc, bytes }, central: { crc, bytes } }
}
