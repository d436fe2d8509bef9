import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
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

const READ = { connections: 64, warmMs: 2_000, runMs: 6_000, rounds: 3, minShare: 0.4 }
const SEND = { bytes: 1_000_000, perSecond: 50, seconds: 15, maxP99Ms: 150 }
/** Rates beside that of the goal, to see where it begins to be missed. */
const LOWER = [10, 25]
const CALM_MS = 10_000
const PORTAL = '111111'
const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url))
const BARE = fileURLToPath(new URL('bare-query.ts', import.meta.url))

/** What the partner API takes: reading an import, against a bare server in turns, and uploads at a steady rate. */
export async function runApi(): Promise<void> {
  await report(
    'api',
    await withPlace(measureApi),
    `the app in its own process, ${READ.connections} connections that read, and uploads that begin ${SEND.perSecond} times a second, however the ones before stand`,
  )
}

async function measureApi(place: Place): Promise<Measurement[]> {
  const { hubspot, databaseUrl, folder, query } = place
  const url = `http://localhost:${await freePort()}`
  const bareUrl = `http://localhost:${await freePort()}`
  const env = { ...testEnvironment(url, hubspot.url, folder), DATABASE_URL: databaseUrl, LOG_LEVEL: 'error' }
  const server = start([...(await serverFlags()), SERVER], env)
  const bare = start([BARE], { PORT: new URL(bareUrl).port, DATABASE_URL: databaseUrl })
  try {
    while (!(await isReady(url))) await sleep(100)
    hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60 })
    await installPortal(url, hubspot, PORTAL)
    const key = await makeKey(env, databaseUrl)
    for (let n = 0; n < READ.connections; n++)
      await upload({ url: `${url}/v1/portals/${PORTAL}/imports`, key, rows: 10, name: `contacts ${n}` })
    while ((await query(`SELECT 1 FROM "Import" WHERE "state" <> 'done'`)).length > 0) await sleep(100)
    const ids = (await query<{ id: string }>('SELECT "id" FROM "Import"')).map(({ id }) => id)
    const measured = await measureReads(url, bareUrl, key, ids)
    for (const perSecond of [...LOWER, SEND.perSecond]) {
      measured.push(await measureUploads(url, key, perSecond))
      await sleep(CALM_MS)
    }
    return measured
  } finally {
    await Promise.all([kill(server, 'SIGTERM'), kill(bare, 'SIGTERM')])
  }
}

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, args, { env: { PATH: process.env.PATH ?? '', ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
}

async function makeKey(env: Record<string, string>, databaseUrl: string): Promise<string> {
  const parsed = parseConfig(env)
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  const deps = await createDeps(parsed.config, databaseUrl)
  const made = await deps.partners.createKey({ partner: 'Bench', portalId: PORTAL, cidrs: [], expiresAt: null })
  await deps.close()
  if (!made) throw new Error('no key')
  return made.key.reveal()
}

async function measureReads(url: string, bareUrl: string, key: string, ids: string[]): Promise<Measurement[]> {
  const ours = ids.map((id) => `${url}/v1/portals/${PORTAL}/imports/${id}`)
  const theirs = ids.map((id) => `${bareUrl}/${id}`)
  const headers = { authorization: `Bearer ${key}` }
  await read(ours, headers, READ.warmMs)
  await read(theirs, {}, READ.warmMs)
  const rates = { ours: 0, bare: 0 }
  // In turns, so that whatever else the machine does touches both.
  for (let round = 0; round < READ.rounds; round++) {
    rates.bare += (await read(theirs, {}, READ.runMs)) / READ.rounds
    rates.ours += (await read(ours, headers, READ.runMs)) / READ.rounds
  }
  const share = rates.ours / rates.bare
  return [
    {
      what: 'GET …/imports/{id} with its key’s check: requests a second',
      goal: `≥ ${READ.minShare * 100} % of a bare http + pg server’s with one query`,
      measured: `${Math.round(rates.ours)}, ${(share * 100).toFixed(0)} % of ${Math.round(rates.bare)}`,
      isMet: share >= READ.minShare,
    },
  ]
}

/** Requests a second: each connection asks for an import of its own, again and again. */
async function read(urls: string[], headers: Record<string, string>, ms: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: READ.connections })
  const startedAt = performance.now()
  const end = startedAt + ms
  let count = 0
  await Promise.all(
    urls.map(async (url) => {
      while (performance.now() < end) {
        const [res] = (await once(get(url, { agent, headers }), 'response')) as [IncomingMessage]
        if (res.statusCode !== 200) throw new Error(`${url} answered ${res.statusCode}`)
        await once(res.resume(), 'end')
        count += 1
      }
    }),
  )
  agent.destroy()
  return count / ((performance.now() - startedAt) / 1_000)
}

async function measureUploads(url: string, key: string, perSecond: number): Promise<Measurement> {
  const agent = new Agent({ keepAlive: true })
  const times: number[] = []
  let failed = 0
  const running: Promise<void>[] = []
  const target = `${url}/v1/portals/${PORTAL}/imports`
  const startedAt = performance.now()
  for (let n = 0; n < perSecond * SEND.seconds; n++) {
    const due = startedAt + (n * 1_000) / perSecond
    await sleep(Math.max(0, due - performance.now()))
    running.push(
      upload({ url: target, key, rows: rowsIn(SEND.bytes), name: `contacts ${perSecond} ${n}`, agent }).then(
        // From when it was due: a client that is late itself has waited as well.
        () => void times.push(performance.now() - due),
        () => {
          failed += 1
        },
      ),
    )
  }
  await Promise.all(running)
  agent.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.POSITIVE_INFINITY
  const isGoal = perSecond === SEND.perSecond
  return {
    what: `${SEND.bytes / 1e6} MB with all checks to 202, ${perSecond} a second for ${SEND.seconds} s: p99`,
    goal: isGoal ? `< ${SEND.maxP99Ms} ms` : '',
    measured: `${at(0.99).toFixed(0)} ms, p50 ${at(0.5).toFixed(0)} ms, p95 ${at(0.95).toFixed(0)} ms; ${failed} of ${times.length + failed} refused`,
    ...(isGoal ? { isMet: failed === 0 && at(0.99) < SEND.maxP99Ms } : {}),
  }
}
