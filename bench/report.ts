import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import { serverFlags } from './stack.js'

/** A line of the table: `isMet` is undefined for what is only told, not aimed at. */
export type Measurement = { what: string; goal: string; measured: string; isMet?: boolean }

/** What else the machine was busy with: two cores at a load of 4 take about twice as long. */
const LOAD_BEFORE = loadavg()[0]?.toFixed(1)
const FILE = new URL('../docs/performance.md', import.meta.url)
const INTRODUCTION = `# Performance

What \`npm run bench -- GROUP\` measured last, one section per group, written by it. Everything runs on one machine, over
loopback, the client too; peers are measured in the same run, and ratios say more than seconds do.
`

/**
 * Prints a group's table and makes it the group's section of docs/performance.md. `what` says what was measured, when that
 * is not the app as it is started.
 */
export async function report(group: string, measurements: Measurement[], what?: string): Promise<void> {
  const table = toTable(measurements)
  const missed = measurements.filter(({ isMet }) => isMet === false)
  const verdict = missed.length > 0 ? `Missed: ${missed.map(({ what }) => what).join('; ')}.` : 'Every goal is met.'
  const command = ['node', ...(await serverFlags()), 'dist/server.js'].join(' ')
  const setting = `\`npm run bench -- ${group}\`: ${describeMachine()}; ${what ?? `the app as \`${command}\``}.`
  const section = `## ${group}\n\n${setting}\n\n${table}\n\n${verdict}\n`
  process.stdout.write(`\n${section}`)

  const text = await readFile(FILE, 'utf8').catch(() => INTRODUCTION)
  const [introduction = '', ...sections] = text.split(/^(?=## )/m).map((part) => `${part.trim()}\n`)
  const at = sections.findIndex((one) => one.startsWith(`## ${group}\n`))
  sections.splice(at < 0 ? sections.length : at, at < 0 ? 0 : 1, section)
  await writeFile(FILE, [introduction, ...sections].join('\n'))
}

function describeMachine(): string {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores, ${memory} GiB of memory, Node ${process.versions.node} on ${process.platform}, load ${LOAD_BEFORE} before the start`
}

function toTable(measurements: Measurement[]): string {
  const mark = (isMet: boolean | undefined) => (isMet === undefined ? '' : isMet ? 'yes' : '**no**')
  const rows = measurements.map(({ what, goal, measured, isMet }) => `| ${what} | ${goal} | ${measured} | ${mark(isMet)} |`)
  return ['| what | goal | measured | met |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
