import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { readPeak, resetPeak } from '../test/support/memory.js'
import { type Measurement, report } from './report.js'
import { type Stack, startStack } from './stack.js'
import { rowsIn, upload } from './upload.js'

const MIB = 2 ** 20
/** With every cell checked, in a thread of its own. */
const LARGE = { bytes: 512 * MIB, rounds: 3, maxPeakMb: 250 }
// HubSpot runs three imports of a portal at a time: with ten portals none of the fifty waits long for its turn.
const CROWD = { bytes: 50 * MIB, uploads: 50, portals: 10, maxPeakMb: 300 }
const SMALL = { bytes: 10 * 1024, warmUps: 30, requests: 200, maxP50Ms: 15 }
const TAKEN = ['submitted', 'processing', 'done']
const TAKEN_WITHIN_MS = 10 * 60_000
const LOOK_AGAIN_MS = 200

/** Goals P3 and P4: how much memory uploads take, and how fast a small one is accepted. */
export async function runFoundation(): Promise<void> {
  const latency = await withStack(1, measureLatency)
  const memory = await withStack(CROWD.portals, async (stack) => {
    const idle = await readPeak(stack.appPid)
    const large = await measureLarge(stack)
    const crowd = await measureCrowd(stack)
    const sinceStart = Math.max(idle, large.peak, crowd.peak)
    return [
      ...large.measurements,
      ...crowd.measurements,
      { what: 'peak RSS of the app, from its start until it is ready', goal: '', measured: mb(idle) },
      { what: 'peak RSS of the app over the whole run', goal: '', measured: mb(sinceStart) },
    ]
  })
  await report('foundation', [...memory, ...latency])
}

async function withStack<T>(portals: number, measure: (stack: Stack) => Promise<T>): Promise<T> {
  const stack = await startStack(Array.from({ length: portals }, (_, i) => String(910_000 + i)))
  try {
    return await measure(stack)
  } finally {
    await stack.stop()
  }
}

/** One upload as large as is allowed, a few times, each beside the same for the bare server. */
async function measureLarge(stack: Stack) {
  const rows = rowsIn(LARGE.bytes)
  const accepted: number[] = []
  const taken: number[] = []
  const bare: number[] = []
  await resetPeak(stack.appPid)
  for (let round = 0; round < LARGE.rounds; round++) {
    bare.push(await seconds(() => uploadBare(stack, rows)))
    const times = await importAll(stack, 1, rows)
    accepted.push(times.accepted)
    taken.push(times.taken)
    progress(`512 MB: ${times.accepted.toFixed(2)} s to 202, bare server ${bare.at(-1)?.toFixed(2)} s`)
  }
  const peak = await readPeak(stack.appPid)
  const measurements: Measurement[] = [
    atMost('peak RSS of the app, one upload of 512 MB', peak, LARGE.maxPeakMb),
    ...timings('one upload of 512 MB', { accepted, taken, bare }),
  ]
  return { peak, measurements }
}

/** Many uploads at once. */
async function measureCrowd(stack: Stack) {
  const rows = rowsIn(CROWD.bytes)
  const bare = await seconds(() => Promise.all(Array.from({ length: CROWD.uploads }, () => uploadBare(stack, rows))))
  await resetPeak(stack.appPid)
  const { accepted, taken } = await importAll(stack, CROWD.uploads, rows)
  const peak = await readPeak(stack.appPid)
  const measurements: Measurement[] = [
    atMost('peak RSS of the app, 50 uploads of 50 MB at once', peak, CROWD.maxPeakMb),
    ...timings('50 uploads of 50 MB at once', { accepted: [accepted], taken: [taken], bare: [bare] }),
  ]
  return { peak, measurements }
}

/** One after the other on one connection; what is accepted is submitted meanwhile. */
async function measureLatency(stack: Stack): Promise<Measurement[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const url = importsUrl(stack, 0)
  const rows = rowsIn(SMALL.bytes)
  const times: number[] = []
  for (let i = 0; i < SMALL.warmUps + SMALL.requests; i++) {
    times.push(1_000 * (await seconds(() => upload({ url, key: stack.key, rows, name: `small-${i}`, agent }))))
  }
  agent.destroy()
  const sorted = times.slice(SMALL.warmUps).sort((a, b) => a - b)
  const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  const what = (name: string) => `10 KB file to 202, ${name} of ${SMALL.requests} on one connection`
  return [
    {
      what: what('p50'),
      goal: `≤ ${SMALL.maxP50Ms} ms`,
      measured: ms(percentile(0.5)),
      isMet: percentile(0.5) <= SMALL.maxP50Ms,
    },
    { what: what('p95'), goal: '', measured: ms(percentile(0.95)) },
    { what: what('p99'), goal: '', measured: ms(percentile(0.99)) },
  ]
}

/** Uploads at once, spread over the portals: the seconds until all are accepted, and until HubSpot has all of them. */
async function importAll(stack: Stack, count: number, rows: number): Promise<{ accepted: number; taken: number }> {
  const start = performance.now()
  const secondsSinceStart = () => (performance.now() - start) / 1_000
  const uploads = Array.from({ length: count }, (_, i) =>
    upload({ url: importsUrl(stack, i), key: stack.key, rows, name: `contacts-${i}` }),
  )
  const answers = await Promise.all(uploads)
  const accepted = secondsSinceStart()
  for (const { links } of answers) await untilTaken((links as { self: string }).self, stack.key)
  return { accepted, taken: secondsSinceStart() }
}

async function uploadBare({ bareUrl }: Stack, rows: number): Promise<unknown> {
  return upload({ url: bareUrl, key: 'none', rows, name: 'contacts' })
}

function importsUrl({ appUrl, portals }: Stack, i: number): string {
  return `${appUrl}/v1/portals/${portals[i % portals.length]}/imports`
}

async function untilTaken(url: string, key: string): Promise<void> {
  let state = 'unknown'
  for (const until = performance.now() + TAKEN_WITHIN_MS; performance.now() < until; await sleep(LOOK_AGAIN_MS)) {
    const res = await fetch(url, { headers: { authorization: `Bearer ${key}` } })
    state = ((await res.json()) as { state: string }).state
    if (TAKEN.includes(state)) return
    if (['failed', 'needs_review', 'canceled'].includes(state)) break
  }
  throw new Error(`an import is ${state}, not taken by HubSpot`)
}

function timings(what: string, times: { accepted: number[]; taken: number[]; bare: number[] }): Measurement[] {
  const [accepted, taken, bare] = [median(times.accepted), median(times.taken), median(times.bare)]
  const share = (accepted / bare).toFixed(2)
  return [
    {
      what: `${what}, until 202`,
      goal: '',
      measured: `${accepted.toFixed(1)} s, ${share} × the bare server’s ${bare.toFixed(1)} s`,
    },
    { what: `${what}, until HubSpot has it`, goal: '', measured: `${taken.toFixed(1)} s` },
  ]
}

function atMost(what: string, measured: number, goal: number): Measurement {
  return { what, goal: `≤ ${goal} MB`, measured: mb(measured), isMet: measured <= goal }
}

async function seconds(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  return (performance.now() - start) / 1_000
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function mb(megabytes: number): string {
  return `${megabytes.toFixed(0)} MB`
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(1)} ms`
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}
