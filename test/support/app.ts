import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import { createApp } from '../../src/app.js'
import { type Config, parseConfig } from '../../src/config.js'
import { createDeps, type Deps } from '../../src/deps.js'
import { createHttpServer } from '../../src/http/server.js'
import { JOB_KINDS, jobHandlers, listenToHubSpot, sweep, sweepFiles } from '../../src/jobs.js'
import { createLog } from '../../src/log.js'
import { createSimulator, type Simulator } from '../../src/simulator/simulator.js'
import { startDeliveries } from '../../src/webhooks/deliver.js'
import { recordHandedOut, secretsOfEndpoints, secretsOfEnvironment, secretsOfHubSpot, secretsOfKeys } from './canaries.js'
import { watchContract } from './contract.js'
import { expectNoLeaks } from './leaks.js'
import { freePort } from './port.js'
import { createTestDatabase, dumpTables } from './postgres.js'

export const PORTAL = '111111'
export const OTHER_PORTAL = '222222'

export type TestApp = Awaited<ReturnType<typeof startApp>>

type Options = { env?: Record<string, string>; install?: boolean; work?: boolean }

/**
 * A whole Importal on ports of its own, on a database of its own, against a simulated HubSpot of its own; with a portal
 * installed and a partner unless told otherwise. Everything ends with the test, which fails if a secret of any kind is in
 * the app's log, at its most talkative, or in a table, or if an answer is not what the API's description says.
 */
export async function testApp(options: Options = {}): Promise<TestApp> {
  const app = await startApp(options)
  onTestFinished(app.close)
  return app
}

/** The same for several tests; whoever starts it calls `close()`. */
export async function startApp({ env = {}, install = true, work = true }: Options = {}) {
  const database = await createTestDatabase()
  const hubspot = await createSimulator({ clientId: 'test-client', clientSecret: 'test-secret' })
  hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60 })
  const folder = await mkdtemp(join(tmpdir(), 'importal-app-'))
  const url = `http://localhost:${await freePort()}`
  const variables = { ...testEnvironment(url, hubspot.url, folder), ...env }
  const config = testConfig(variables)
  const logged: string[] = []
  const deps = await createDeps(config, database.url, createLog('trace', { write: (line) => void logged.push(line) }))
  await deps.queue.start(JOB_KINDS)
  const { server: http } = createHttpServer(createApp(deps), config.publicUrl)
  const handedOut = recordHandedOut(http)
  const brokenPromises = watchContract(http)
  await once(http.listen(new URL(url).port), 'listening')
  const deliveries: { stop: () => Promise<void> }[] = []
  const startWork = async () => {
    await deps.queue.work(jobHandlers(deps.forJobs))
    deliveries.push(startDeliveries(deps.forJobs))
  }
  if (work) await startWork()
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  // One after the other: tests of a file may run at once.
  let asked: Promise<unknown> = Promise.resolve()
  const query = async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> => {
    const answer = asked.then(() => client.query<Row>(sql, values))
    asked = answer.catch(() => undefined)
    return (await answer).rows
  }
  const keys: string[] = []
  const endpointSecrets: string[] = []
  const app = {
    url,
    config,
    deps,
    hubspot,
    databaseUrl: database.url,
    filesFolder: join(folder, 'files'),
    startWork,
    sweep: async () => {
      for (const act of [sweep, sweepFiles, listenToHubSpot])
        await act(deps.forJobs).catch((error: unknown) => deps.log.error({ err: error }, 'sweep failed'))
    },
    query,
    /** Looked for as all others are. */
    noteEndpointSecret: (secret: string) => void endpointSecrets.push(secret),
    /** What the app has logged, line by line. */
    logged,
    /** Every secret that the app has had to do with, by name. */
    canaries: () => ({
      ...secretsOfEnvironment({ ...variables, DATABASE_URL: database.url }),
      ...secretsOfHubSpot(hubspot),
      ...secretsOfKeys(keys),
      ...secretsOfEndpoints(endpointSecrets),
      ...handedOut(),
    }),
    /** Where none of them may be. */
    places: async () => ({ log: logged.join(''), ...(await dumpTables(query)) }),
    /** Every stored byte's file, those being written included. */
    storedFiles: async () => listFiles(join(folder, 'files')),
    install: (portalId = PORTAL) => installPortal(url, hubspot, portalId),
    createKey: async (partner = 'Partner', portalId = PORTAL) => {
      const key = await createKey(deps, partner, portalId)
      keys.push(key)
      return key
    },
    close: async () => {
      http.closeAllConnections()
      http.close()
      await Promise.all([deps.stopWork(5_000), ...deliveries.map(({ stop }) => stop())])
      await deps.close()
      const places = await app.places()
      await client.end()
      await hubspot.close()
      await database.drop()
      await rm(folder, { recursive: true, force: true })
      expectNoLeaks(app.canaries(), places)
      const broken = brokenPromises()
      if (broken.length > 0) throw new Error(`answers that are not as described:\n${broken.join('\n')}`)
    },
  }
  const key = install ? await app.install().then(() => app.createKey()) : ''
  return { ...app, key }
}

/** Everything the environment must say, for an app at `url`. */
export function testEnvironment(url: string, hubspotUrl: string, folder: string): Record<string, string> {
  return {
    PORT: new URL(url).port,
    PUBLIC_URL: url,
    DATA_DIR: folder,
    FILES_URL: pathToFileURL(join(folder, 'files')).href,
    HUBSPOT_CLIENT_ID: 'test-client',
    HUBSPOT_CLIENT_SECRET: 'test-secret',
    HUBSPOT_API_URL: hubspotUrl,
    HUBSPOT_APP_URL: hubspotUrl,
    ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
    SESSION_SECRET: randomBytes(32).toString('base64'),
    LOG_LEVEL: 'silent',
    // Tests have one key and no patience.
    REQUESTS_PER_MINUTE: '1000000',
  }
}

function testConfig(env: Record<string, string>): Config {
  const parsed = parseConfig(env)
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  return parsed.config
}

/** Installs as a browser does: every redirect followed, the cookie kept. Resolves to the last answer and the cookies. */
export async function installPortal(
  url: string,
  hubspot: Simulator,
  portalId: string,
): Promise<{ status: number; location: string; cookie: string }> {
  hubspot.control.portal(portalId)
  const begun = await fetch(`${url}/oauth/install?portalId=${portalId}`, { redirect: 'manual' })
  const consent = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' })
  const done = await fetch(consent.headers.get('location') ?? '', { redirect: 'manual', headers: { cookie: cookieOf(begun) } })
  return { status: done.status, location: done.headers.get('location') ?? '', cookie: cookieOf(done) }
}

/** What a browser would send back of an answer's cookies. */
export function cookieOf(res: Response): string {
  return res.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .filter((pair) => !pair?.endsWith('='))
    .join('; ')
}

async function createKey({ partners }: Deps, partner: string, portalId: string): Promise<string> {
  const made = await partners.createKey({ partner, portalId, cidrs: [], expiresAt: null })
  if (!made) throw new Error(`portal ${portalId} is not connected`)
  return made.key.reveal()
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

/**
 * Waits for a condition, looking again every few milliseconds, and less often the longer it takes: many wait at once, for
 * what their looking would hold up. Fails with the last value after a minute: a busy machine takes its time.
 */
export async function until<T>(look: () => Promise<T> | T, isMet: (value: T) => boolean, timeoutMs = 60_000): Promise<T> {
  const start = performance.now()
  for (;;) {
    const value = await look()
    if (isMet(value)) return value
    const waitedMs = performance.now() - start
    if (waitedMs > timeoutMs) throw new Error(`still ${JSON.stringify(value)} after ${timeoutMs} ms`)
    await sleep(Math.min(20 + waitedMs / 20, 100))
  }
}
