import { type ChildProcess, spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseConfig } from '../src/config.js'
import { createDeps } from '../src/deps.js'
import { installPortal, testEnvironment } from '../test/support/app.js'
import { freePort } from '../test/support/port.js'
import { isReady, kill } from '../test/support/process.js'
import { type Place, withPlace } from './place.js'
import { type Measurement, report } from './report.js'
import { serverFlags } from './stack.js'
import { RefusedError, rowsIn, upload } from './upload.js'

const BYTES = 500_000
const [WARM_SECONDS, CALM_SECONDS, LOAD_SECONDS] = [4, 15, 20]
/** So many at once are as many as can be worked on: more would only wait. */
const CALM_AT_ONCE = 8
const PARTNERS = 10
const LOAD = 10
const MIN_SHARE = 0.9
const MAX_REFUSAL_MS = 50
const PORTAL = '111111'
const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url))

/** What became of uploads: milliseconds until each was accepted, and until each was refused, or broke off. */
type Sent = { accepted: number[]; refused: number[]; broken: number; seconds: number }

/** Whether ten times as many uploads as can be taken leave as many taken as ever, and are refused at once. */
export async function runShed(): Promise<void> {
  await report(
    'shed',
    await withPlace(measureShed),
    `uploads of ${BYTES / 1e6} MB by ${PARTNERS} partners that ask before they send (Expect: 100-continue), the same machine for all`,
  )
}

async function measureShed({ hubspot, databaseUrl, folder }: Place): Promise<Measurement[]> {
  const url = `http://localhost:${await freePort()}`
  const env = { ...testEnvironment(url, hubspot.url, folder), DATABASE_URL: databaseUrl, LOG_LEVEL: 'error' }
  const server = start([...(await serverFlags()), SERVER], env)
  try {
    while (!(await isReady(url))) await sleep(100)
    hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60 })
    await installPortal(url, hubspot, PORTAL)
    const keys = await makeKeys(env, databaseUrl)
    await sendInTurn(url, keys, WARM_SECONDS)
    const calm = await sendInTurn(url, keys, CALM_SECONDS)
    const most = calm.accepted.length / calm.seconds
    const loaded = await sendSteadily(url, keys, most * LOAD)
    const rate = loaded.accepted.length / loaded.seconds
    const told = p99(loaded.refused)
    return [
      { what: 'uploads a second, as many as are taken', goal: '', measured: most.toFixed(1) },
      {
        what: `${LOAD} times as many: taken a second`,
        goal: `≥ ${MIN_SHARE * 100} %`,
        measured: `${rate.toFixed(1)}, ${((rate / most) * 100).toFixed(0)} %; ${loaded.refused.length} refused, ${loaded.broken} broken off`,
        isMet: rate >= MIN_SHARE * most && loaded.broken === 0,
      },
      {
        what: 'the same: p99 to a refusal',
        goal: `≤ ${MAX_REFUSAL_MS} ms`,
        measured: `${told.toFixed(0)} ms, p50 ${middle(loaded.refused).toFixed(0)} ms`,
        isMet: told <= MAX_REFUSAL_MS,
      },
      {
        what: 'the same: p99 to a 202',
        goal: '',
        measured: `${p99(loaded.accepted).toFixed(0)} ms, beside ${p99(calm.accepted).toFixed(0)} ms`,
      },
    ]
  } finally {
    await kill(server, 'SIGTERM')
  }
}

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, args, { env: { PATH: process.env.PATH ?? '', ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
}

async function makeKeys(env: Record<string, string>, databaseUrl: string): Promise<string[]> {
  const parsed = parseConfig(env)
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  const deps = await createDeps(parsed.config, databaseUrl)
  const keys: string[] = []
  for (let n = 0; n < PARTNERS; n++) {
    const made = await deps.partners.createKey({ partner: `Bench ${n}`, portalId: PORTAL, cidrs: [], expiresAt: null })
    keys.push(made?.key.reveal() ?? '')
  }
  await deps.close()
  return keys
}

/** A few senders, each of which begins when its last one was answered. */
async function sendInTurn(url: string, keys: string[], seconds: number): Promise<Sent> {
  const sent = nothing()
  const agent = new Agent({ keepAlive: true })
  const startedAt = performance.now()
  const end = startedAt + seconds * 1_000
  await Promise.all(
    Array.from({ length: CALM_AT_ONCE }, async (_, n) => {
      for (let i = 0; performance.now() < end; i++)
        await send(sent, url, keys[n % keys.length] ?? '', `calm ${seconds} ${n} ${i}`, agent)
    }),
  )
  agent.destroy()
  return { ...sent, seconds: (performance.now() - startedAt) / 1_000 }
}

/** So many begin each second, whatever becomes of them; who is still not answered at the end is waited for, and counts. */
async function sendSteadily(url: string, keys: string[], perSecond: number): Promise<Sent> {
  const sent = nothing()
  const agent = new Agent({ keepAlive: true })
  const running: Promise<void>[] = []
  const startedAt = performance.now()
  for (let n = 0; n < perSecond * LOAD_SECONDS; n++) {
    await sleep(Math.max(0, startedAt + (n * 1_000) / perSecond - performance.now()))
    running.push(send(sent, url, keys[n % keys.length] ?? '', `load ${n}`, agent))
  }
  await Promise.all(running)
  agent.destroy()
  return { ...sent, seconds: (performance.now() - startedAt) / 1_000 }
}

function nothing(): Omit<Sent, 'seconds'> {
  return { accepted: [], refused: [], broken: 0 }
}

async function send(sent: Omit<Sent, 'seconds'>, url: string, key: string, name: string, agent: Agent): Promise<void> {
  const startedAt = performance.now()
  const target = `${url}/v1/portals/${PORTAL}/imports`
  await upload({ url: target, key, rows: rowsIn(BYTES), name, agent, asksFirst: true }).then(
    () => void sent.accepted.push(performance.now() - startedAt),
    (error: unknown) => {
      if (error instanceof RefusedError) sent.refused.push(performance.now() - startedAt)
      else sent.broken += 1
    },
  )
}

function p99(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
}

function middle(times: number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}
