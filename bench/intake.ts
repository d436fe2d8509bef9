import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'csv-parse/sync'
import type { Property } from '../src/hubspot/answers.js'
import { readColumns } from '../src/intake/cells/columns.js'
import { createCsvCheck } from '../src/intake/cells/csv-check.js'
import { createFindings } from '../src/intake/finding.js'
import { createStructureScan } from '../src/intake/structure.js'
import { DEFAULT_PROPERTIES } from '../src/simulator/properties.js'
import { readPeak, resetPeak } from '../test/support/memory.js'
import { type Measurement, report } from './report.js'
import { type Stack, startStack } from './stack.js'
import { rowsIn, rowsOf, type Table, upload } from './upload.js'
import { measureXlsx } from './xlsx.js'

const MIB = 2 ** 20
const SCAN = { bytes: 512 * MIB, sliceBytes: 64 * 1024, minMbPerSecond: 800 }
const CELLS = { bytes: 256 * MIB, minMbPerSecond: 60 }
const WHOLE = { bytes: 512 * MIB, maxPeakMb: 250, maxP99Ms: 50, everyMs: 5 }
const PEER_BYTES = 16 * MIB

/** Twelve columns of most kinds that a property can be of. */
const TWELVE: Table = {
  prefix: 'person',
  cells: [
    ['email', '@example.com'],
    ['firstname', 'Anna'],
    ['lastname', 'Müller'],
    ['phone', '+49 89 1234567'],
    ['date_of_birth', '31.12.1990'],
    ['numemployees', '1250'],
    ['lifecyclestage', 'Customer'],
    ['hs_email_optout', 'No'],
    ['website', 'https://example.com/a'],
    ['address', '"Street 1, House 2"'],
    ['zip', '80331'],
    ['city', 'Munich'],
  ],
  rowBytes: 160,
}

/** Goal P6, and what the issue of intake asks for: how fast files are looked at, and what that costs everybody else. */
export async function runIntake(): Promise<void> {
  const measurements = [...measureScan(), ...(await measureCells()), ...(await measureXlsx()), ...(await measureWhole())]
  await report(
    'intake',
    measurements,
    'pieces in the process that measures, workbooks in one of their own, the rest in the app as it is started',
  )
}

function measureScan(): Measurement[] {
  const slice = Buffer.concat([...rowsOf(TWELVE, Math.ceil(SCAN.sliceBytes / TWELVE.rowBytes))]).subarray(0, SCAN.sliceBytes)
  const times = SCAN.bytes / slice.length
  const scan = createStructureScan(',')
  const alone = cpuMbPerSecond(SCAN.bytes, () => {
    for (let i = 0; i < times; i++) scan.push(slice)
  })
  const [again, hash] = [createStructureScan(','), createHash('sha256')]
  const together = cpuMbPerSecond(SCAN.bytes, () => {
    for (let i = 0; i < times; i++) {
      again.push(slice)
      hash.update(slice)
      isUtf8(slice)
    }
  })
  const peerTimes = PEER_BYTES / slice.length
  const peer = cpuMbPerSecond(PEER_BYTES, () => {
    for (let i = 0; i < peerTimes; i++) parse(slice.subarray(0, slice.lastIndexOf(0x0a) + 1), { relax_column_count: true })
  })
  return [
    atLeast('structure scan + SHA-256 + UTF-8 check, 12 columns', together, SCAN.minMbPerSecond),
    { what: 'the structure scan alone', goal: '', measured: mbPerSecond(alone) },
    { what: 'csv-parse in the same run', goal: '', measured: mbPerSecond(peer) },
  ]
}

async function measureCells(): Promise<Measurement[]> {
  const header = TWELVE.cells.map(([property]) => property)
  const mappings = header.map((name) => ({ columnName: name, propertyName: name, columnObjectTypeId: '0-1' }))
  const properties = { '0-1': DEFAULT_PROPERTIES['0-1']?.map(toProperty) }
  const findings = createFindings()
  const columns = readColumns({ file: 'f.csv', mappings, properties, operations: {}, findings })
  const plan = { file: 'f.csv', columns, dateFormat: 'DAY_MONTH_YEAR', hasHeader: true } as const
  async function* source(): AsyncIterable<Buffer> {
    yield Buffer.from(`${header.join(',')}\n`)
    yield* rowsOf(TWELVE, rowsIn(CELLS.bytes, TWELVE))
  }
  const before = process.cpuUsage()
  await createCsvCheck({ maxThreads: 1 }).check(plan, source(), 0, findings)
  const { user, system } = process.cpuUsage(before)
  const found = findings.counts().warnings
  return [atLeast(`all checks of 12 columns, ${found} findings`, CELLS.bytes / (user + system), CELLS.minMbPerSecond)]
}

/** One upload with every check, while somebody else asks for small things all the time. */
async function measureWhole(): Promise<Measurement[]> {
  const stack = await startStack(['910000'])
  try {
    const url = `${stack.appUrl}/v1/portals/910000/imports`
    await upload({ url, key: stack.key, rows: 100, name: 'warm', table: TWELVE })
    await resetPeak(stack.appPid)
    const start = performance.now()
    let isOver = false
    const asking = askMeanwhile(stack, () => isOver)
    await upload({ url, key: stack.key, rows: rowsIn(WHOLE.bytes, TWELVE), name: 'large', table: TWELVE }).finally(() => {
      isOver = true
    })
    const seconds = (performance.now() - start) / 1_000
    const times = (await asking).sort((a, b) => a - b)
    const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? Number.NaN
    const peak = await readPeak(stack.appPid)
    return [
      {
        what: '512 MB CSV with all checks: peak RSS of the app',
        goal: `≤ ${WHOLE.maxPeakMb} MB`,
        measured: `${peak.toFixed(0)} MB`,
        isMet: peak <= WHOLE.maxPeakMb,
      },
      {
        what: `the same: p99 of ${times.length} other requests meanwhile`,
        goal: `≤ ${WHOLE.maxP99Ms} ms`,
        measured: `${p99.toFixed(1)} ms`,
        isMet: p99 <= WHOLE.maxP99Ms,
      },
      { what: 'the same: seconds to the 202', goal: '', measured: seconds.toFixed(1) },
    ]
  } finally {
    await stack.stop()
  }
}

async function askMeanwhile({ appUrl }: Stack, isOver: () => boolean): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  while (!isOver()) {
    const start = performance.now()
    await new Promise<void>((resolve, reject) => {
      get(`${appUrl}/livez`, { agent }, (res) => res.resume().once('end', resolve)).once('error', reject)
    })
    times.push(performance.now() - start)
    await sleep(WHOLE.everyMs)
  }
  agent.destroy()
  return times
}

function toProperty({
  options = [],
  readOnly = false,
  hasUniqueValue = false,
  calculated = false,
  ...property
}: (typeof DEFAULT_PROPERTIES)[string][number]): Property {
  return {
    ...property,
    options,
    readOnly,
    hasUniqueValue,
    calculated,
    archived: false,
    isOwner: property.referencedObjectType === 'OWNER',
  }
}

/** By processor time: what one core does, whoever else is on it. */
function cpuMbPerSecond(bytes: number, act: () => void): number {
  const before = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(before)
  return bytes / (user + system)
}

function atLeast(what: string, measured: number, goal: number): Measurement {
  return { what, goal: `≥ ${goal} MB/s`, measured: mbPerSecond(measured), isMet: measured >= goal }
}

function mbPerSecond(value: number): string {
  return `${value.toFixed(0)} MB/s of processor time`
}
