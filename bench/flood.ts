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
import { rowsIn, upload } from './upload.js'

const [SLOW, ENDLESS] = [2_000, 50]
const [CALM_SECONDS, FLOOD_SECONDS] = [20, 60]
const HONEST = { bytes: 10_000, everyMs: 100 }
const MAX_RATIO = 2
const PORTAL = '111111'
const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url))
const SENDERS = fileURLToPath(new URL('flood-senders.ts', import.meta.url))
/** Until all are connected. */
const BEGIN_MS = 5_000

type Honest = { times: number[]; refused: number }

/** Whether an honest partner notices connections that hardly send, and files that never end. */
export async function runFlood(): Promise<void> {
  await report(
    'flood',
    await withPlace(measureFlood),
    `${SLOW} connections that send a byte every two seconds, half of them of a head and half of a body, and ${ENDLESS} files without an end at 64 KiB/s each, begun anew whenever they are cut off`,
  )
}

async function measureFlood({ hubspot, databaseUrl, folder }: Place): Promise<Measurement[]> {
  const url = `http://localhost:${await freePort()}`
  const env = { ...testEnvironment(url, hubspot.url, folder), DATABASE_URL: databaseUrl, LOG_LEVEL: 'error' }
  const server = start([...(await serverFlags()), SERVER], env)
  let flood: ChildProcess | undefined
  try {
    while (!(await isReady(url))) await sleep(100)
    hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60 })
    await installPortal(url, hubspot, PORTAL)
    const [good, bad] = await makeKeys(env, databaseUrl)
    await sendHonestly(url, good, CALM_SECONDS)
    const calm = await sendHonestly(url, good, CALM_SECONDS)
    flood = start([...process.execArgv, SENDERS], { TARGET: `${url}/v1/portals/${PORTAL}/imports`, KEY: bad, SLOW, ENDLESS })
    await sleep(BEGIN_MS)
    const flooded = await sendHonestly(url, good, FLOOD_SECONDS)
    return describe(calm, flooded)
  } finally {
    if (flood) await kill(flood, 'SIGTERM')
    await kill(server, 'SIGTERM')
  }
}

/** In processes of their own: whoever measures has enough to do. */
function start(args: string[], env: Record<string, string | number>): ChildProcess {
  const texts = Object.entries({ PATH: process.env.PATH ?? '', ...env }).map(([name, value]) => [name, String(value)])
  return spawn(process.execPath, args, { env: Object.fromEntries(texts), stdio: ['ignore', 'ignore', 'inherit'] })
}

function describe(calm: Honest, flooded: Honest): Measurement[] {
  const [before, during] = [p99(calm.times), p99(flooded.times)]
  return [
    {
      what: `an honest partner’s ${HONEST.bytes / 1_000} KB imports, ten a second: accepted`,
      goal: 'all',
      measured: `${flooded.times.length} of ${flooded.times.length + flooded.refused}`,
      isMet: flooded.refused === 0,
    },
    {
      what: 'the same: p99 to the 202, beside that of calm times in the same run',
      goal: `≤ ${MAX_RATIO} ×`,
      measured: `${(during / before).toFixed(2)} × (${during.toFixed(0)} ms, ${before.toFixed(0)} ms)`,
      isMet: during <= MAX_RATIO * before,
    },
  ]
}

function p99(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.POSITIVE_INFINITY
}

async function makeKeys(env: Record<string, string>, databaseUrl: string): Promise<[good: string, bad: string]> {
  const parsed = parseConfig(env)
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  const deps = await createDeps(parsed.config, databaseUrl)
  const make = async (partner: string) => {
    const made = await deps.partners.createKey({ partner, portalId: PORTAL, cidrs: [], expiresAt: null })
    if (!made) throw new Error('no key')
    return made.key.reveal()
  }
  const keys: [string, string] = [await make('Honest'), await make('Flood')]
  await deps.close()
  return keys
}

async function sendHonestly(url: string, key: string, seconds: number): Promise<Honest> {
  const agent = new Agent({ keepAlive: true })
  const sent: Honest = { times: [], refused: 0 }
  const running: Promise<void>[] = []
  const startedAt = performance.now()
  for (let n = 0; n < (seconds * 1_000) / HONEST.everyMs; n++) {
    const due = startedAt + n * HONEST.everyMs
    await sleep(Math.max(0, due - performance.now()))
    const name = `honest ${startedAt} ${n}`
    const sending = upload({ url: `${url}/v1/portals/${PORTAL}/imports`, key, rows: rowsIn(HONEST.bytes), name, agent })
    running.push(
      sending.then(
        () => void sent.times.push(performance.now() - due),
        () => {
          sent.refused += 1
        },
      ),
    )
  }
  await Promise.all(running)
  agent.destroy()
  return sent
}
