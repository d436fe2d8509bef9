// Reads every row of a workbook with what was built, and tells how long that took and how much memory.
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { openWorkbook } from '../dist/intake/xlsx/workbook.js'

const [path] = process.argv.slice(2)
const { size } = await stat(path)
const start = performance.now()
const workbook = await openWorkbook({ size, read: (from, to) => createReadStream(path, { start: from, end: to - 1 }) })
const [sheet] = workbook.sheets
let rows = 0
let cells = 0
let firstMs = 0
for await (const batch of workbook.readRows(sheet)) {
  firstMs ||= performance.now() - start
  rows += batch.length
  for (const row of batch) cells += row.cells.length
}
const seconds = (performance.now() - start) / 1_000
const { userCPUTime, systemCPUTime } = process.resourceUsage()
const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6
// Not `maxRSS` of the same call: Linux begins that at what the process that started this one held.
const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile('/proc/self/status', 'utf8'))
process.stdout.write(JSON.stringify({ rows, cells, firstMs, seconds, cpuSeconds, peakMb: (Number(kibibytes) * 1024) / 1e6 }))
