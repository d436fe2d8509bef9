// Run as a process of its own: reads one file as an upload is read, and tells what came of it and what it took. Texts are
// made up a chunk at a time, so that nothing but the reading needs memory.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { AppError } from '../../src/errors.js'
import { textTable } from '../../src/imports/preflight/text-table.js'
import { createCsvCheck } from '../../src/intake/cells/csv-check.js'
import { createFindings } from '../../src/intake/finding.js'
import { inspect } from '../../src/intake/inspect.js'
import { unpack } from '../../src/intake/unpack.js'
import { openWorkbook } from '../../src/intake/xlsx/workbook.js'
import { readPeak } from './memory.js'

const MIB = 1024 * 1024
const CHUNK_BYTES = 64 * 1024
const HEADER = 'Email,Name\n'

type Source = () => AsyncIterable<Buffer>

/** A beginning, the same over and over to so many bytes in all (the last of them `x`), and an end. */
function repeated(start: string, piece: string, bytes: number, end: string | Buffer): Source {
  const chunk = Buffer.from(piece.repeat(Math.floor(CHUNK_BYTES / Buffer.byteLength(piece))))
  return async function* read() {
    yield Buffer.from(start)
    for (let left = bytes - start.length; left > 0; left -= chunk.length)
      yield left >= chunk.length ? chunk : piece.length === 1 ? chunk.subarray(0, left) : Buffer.alloc(left, 'x')
    yield Buffer.from(end)
  }
}

const TEXTS: Record<string, Source> = {
  'one cell of 512 MiB': repeated(`${HEADER}a@example.com,`, 'x', 512 * MIB, '\nb@example.com,B\n'),
  'one quoted cell of 512 MiB': repeated(`${HEADER}a@example.com,"`, 'x,\n', 512 * MIB, '"\nb@example.com,B\n'),
  'a quote that never closes in 256 MiB': repeated(`${HEADER}a@example.com,"`, 'x,\n', 256 * MIB, '\n'),
  'a byte that is no UTF-8 at 500 M': repeated(HEADER, 'a@example.com,Jörg\n', 500_000_000, Buffer.from([0xff, 0x0a])),
  'a NUL at 500 M': repeated(HEADER, 'a@example.com,A\n', 500_000_000, '\0\n'),
  'a row of 256 MiB without an end': repeated(HEADER, 'x', 256 * MIB, ''),
  'nothing but quotes, 64 MiB': repeated(HEADER, '"', 64 * MIB, ''),
  'nothing but commas, 64 MiB': repeated(HEADER, ',', 64 * MIB, ''),
  'nothing but line ends, 64 MiB': repeated(HEADER, '\n', 64 * MIB, ''),
}

/** The text's findings, by code. @throws {AppError} what it would be refused with */
async function scanText(name: string, source: Source): Promise<string[]> {
  const { name: unpacked, bytes } = unpack(name, source(), 1024 * MIB)
  const inspection = inspect(unpacked)
  let length = 0
  for await (const chunk of inspection.watch(bytes)) length += chunk.length
  const text = inspection.result()
  if (text.kind !== 'text') throw new Error('no text')
  const findings = createFindings()
  const csvCheck = createCsvCheck({ maxThreads: 1 })
  // Checked in this thread, whatever its size: what a thread takes by itself is none of the file's.
  const here: typeof csvCheck.check = (plan, read, _bytes, into) => csvCheck.check(plan, read, 0, into)
  const table = textTable(
    { files: { read: source } as never, csvCheck: { check: here } },
    { entry: { fileImportPage: { hasHeader: true } } as never, findings },
    { name, stored: { storeKey: '', bytes: length, sha256: '' }, text },
  )
  await table.check({ file: name, columns: [], dateFormat: 'DAY_MONTH_YEAR' })
  return Object.keys(findings.counts().byCode)
}

async function scanWorkbook(path: string): Promise<string[]> {
  const { size } = await stat(path)
  const workbook = await openWorkbook({ size, read: (start, end) => createReadStream(path, { start, end: end - 1 }) })
  for (const sheet of workbook.sheets) for await (const _ of workbook.readRows(sheet));
  return []
}

async function scan(what: string): Promise<string[]> {
  const text = TEXTS[what]
  if (text) return scanText('made-up.csv', text)
  if (what.endsWith('.gz')) return scanText(what, () => createReadStream(what) as AsyncIterable<Buffer>)
  return what === 'nothing' ? [] : scanWorkbook(what)
}

const [what = 'nothing'] = process.argv.slice(2)
const before = process.cpuUsage()
const outcome = await scan(what).then(
  (codes) => ({ codes }),
  (error: unknown) => {
    if (!(error instanceof AppError)) throw error
    return { problem: error.code, detail: error.options.detail }
  },
)
const { user, system } = process.cpuUsage(before)
process.stdout.write(JSON.stringify({ ...outcome, cpuSeconds: (user + system) / 1e6, peakMb: await readPeak(process.pid) }))
