import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp, createWaitingApp } from './app.js'
import { type Config, describeProblems, parseConfig, readEnvironment } from './config.js'
import { type DatabaseServer, openDatabaseServer } from './db/database-server.js'
import { checkDurability, DURABILITY_FIX } from './db/durability.js'
import { describeOutage, outlast } from './db/outage.js'
import { createDeps, type Deps, type JobDeps } from './deps.js'
import { createHttpServer } from './http/server.js'
import { createViews } from './http/views.js'
import { JOB_KINDS, jobHandlers, listenToHubSpot, sweep, sweepFiles } from './jobs.js'
import { createLog, describeError, type Log } from './log.js'
import { startDeliveries } from './webhooks/deliver.js'

/** What sysexits(3) calls EX_CONFIG: starting again will not help, somebody must change something. */
const EXIT_CONFIG = 78
const SWEEP_EVERY_MS = 10_000
const GRACE_MS = 25_000
/** Still served in full, while whoever watches /readyz learns that nothing more is to be sent here. */
const NOTICE_MS = 1_000

/** Why this process cannot serve, now or later. */
type Refusal = { exitCode: number; message: string }

await main()

async function main(): Promise<void> {
  const parsed = parseConfig(readEnvironment())
  if ('problems' in parsed) return end({ exitCode: EXIT_CONFIG, message: describeProblems(parsed.problems) })
  const { config } = parsed
  const log = createLog(config.logLevel)
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event)
      process.exit(1)
    })
  }
  // Until it serves there is nothing to drain.
  let onSignal = (_signal: string) => process.exit(0)
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => onSignal(signal))

  const { server, serve } = createHttpServer(createWaitingApp({ config, log, render: createViews() }), config.publicUrl)
  const unusable = await listen(server, config.port)
  if (unusable !== undefined) return end(refuse(`Importal cannot start: PORT ${config.port} cannot be used (${unusable}).\n`))
  const opened = await open(config, log)
  if ('exitCode' in opened) return end(opened)
  const { database, deps } = opened
  const signaled = new Promise<string>((resolve) => {
    onSignal = resolve as typeof onSignal
  })
  serve(createApp(deps))
  // Only now: a process that cannot serve must not have claimed anything.
  const background = await startBackground(deps)
  log.info(
    { port: config.port, publicUrl: config.publicUrl, role: config.role, embeddedPostgres: database.isEmbedded },
    'Importal is ready',
  )

  const signal = await signaled
  log.info({ signal }, 'draining')
  deps.drain()
  await Promise.all([background.stop(), sleep(NOTICE_MS).then(() => close(server))])
  await deps.close()
  await database.stop()
  log.info({}, 'stopped')
  process.exit(0)
}

/** All that serving needs, as soon as the database is there; or why there is no use in waiting for it. */
async function open(config: Config, log: Log): Promise<{ database: DatabaseServer; deps: Deps } | Refusal> {
  const tell = (error: unknown) => log.warn({ err: error }, `waiting for the database: ${describeOutage(error)}`)
  const options = { ...config, role: 'app', log: (message: string) => log.info({}, message) } as const
  const database = await outlast(() => openDatabaseServer(options), tell).catch(toRefusal)
  if ('exitCode' in database) return database
  void database.lost.then((error) => {
    log.fatal({ err: error }, 'the embedded Postgres is gone')
    process.exit(1)
  })

  const deps = await createDeps(config, database.url, log)
  const wrong = await outlast(() => findObstacle(deps, database.url), tell)
  if (wrong !== undefined) {
    await database.stop()
    return refuse(wrong)
  }
  await outlast(() => deps.queue.start(JOB_KINDS), tell)
  return { database, deps }
}

function refuse(message: string): Refusal {
  return { exitCode: EXIT_CONFIG, message }
}

function toRefusal(error: unknown): Refusal {
  const { code, message } = describeError(error)
  const isSetting = String(code).startsWith('data_dir_') || code === 'postgres_unavailable'
  return { exitCode: isSetting ? EXIT_CONFIG : 1, message: `Importal cannot start: ${message}\n` }
}

async function findObstacle(deps: Deps, databaseUrl: string): Promise<string | undefined> {
  return (await describeUnsafeSettings(databaseUrl)) ?? (await describeMissingKeys(deps)) ?? (await describeOtherFolder(deps))
}

/** A database that calls committed what a crash undoes would make every 202 a lie. */
async function describeUnsafeSettings(databaseUrl: string): Promise<string | undefined> {
  const { unsafe } = await checkDurability(databaseUrl)
  if (unsafe.length === 0) return undefined
  return `Importal cannot start: Postgres runs with ${unsafe.join(', ')} off, for the server, this database, this user or in DATABASE_URL.\n\n${DURABILITY_FIX}\n`
}

/** Jobs and sweeps, unless this process only serves; `stop` lets what runs end. */
async function startBackground({ config, queue, forJobs, stopWork }: Deps): Promise<{ stop: () => Promise<unknown> }> {
  const isWorker = config.role !== 'web'
  if (isWorker) await queue.work(jobHandlers(forJobs))
  const stops = isWorker
    ? [...[sweep, sweepFiles, listenToHubSpot].map((act) => keepDoing(forJobs, act)), startDeliveries(forJobs).stop]
    : []
  return { stop: () => Promise.all([stopWork(GRACE_MS), ...stops.map((stop) => stop())]) }
}

/** Takes no more requests, and lets those that run end, within the time there is. */
async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const late = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await closed
  clearTimeout(late)
}

/** Does it at once and then every ten seconds, one after the other; gives a function that stops it. */
function keepDoing(deps: JobDeps, act: (deps: JobDeps) => Promise<void>): () => Promise<void> {
  let isStopped = false
  let running: Promise<void> = Promise.resolve()
  const run = () => {
    if (isStopped) return
    running = act(deps)
      .catch((error: unknown) => deps.log.error({ err: error }, `${act.name} failed`))
      .finally(() => setTimeout(run, SWEEP_EVERY_MS).unref())
  }
  run()
  return () => {
    isStopped = true
    return running
  }
}

/** An encryption key that is still needed is not to be dropped unnoticed: its portals could never be opened again. */
async function describeMissingKeys({ dataKeys, endpoints, config }: Deps): Promise<string | undefined> {
  const [portals, secrets] = [await dataKeys.countByKey(), await endpoints.countByKey()]
  const missing = Object.keys({ ...portals, ...secrets }).filter((id) => !config.encryptionKeys.some((key) => key.id === id))
  if (missing.length === 0) return undefined
  const kinds = (id: string) =>
    [countOf('the data keys', portals[id], 'portal'), countOf('the secrets', secrets[id], 'endpoint')].filter(Boolean)
  const lines = missing.map((id) => `  key "${id}" still wraps ${kinds(id).join(' and ')}`)
  return `Importal cannot start: ENCRYPTION_KEYS lacks what is still in use.\n\n${lines.join('\n')}\n\nPut it back behind the current key, run: npm run -s importal -- rotate-encryption, and drop it when that says so.\n`
}

function countOf(what: string, count: number | undefined, of: string): string {
  return count ? `${what} of ${count} ${of}${count === 1 ? '' : 's'}` : ''
}

/** What one process stores in a folder of its own, another one would never find. */
async function describeOtherFolder({ files, sharedFolder, config }: Deps): Promise<string | undefined> {
  const { storeId, idFile } = await files.identify()
  const known = await sharedFolder.claim(storeId)
  if (known === storeId) return undefined
  return `Importal cannot start: the files of this database are not in FILES_URL ${config.filesUrl}.\n\nAll processes on one database must share one folder. If this is the right one, and its files were moved or restored without their id, write ${known} into ${idFile}\n`
}

/** Resolves to why it cannot listen, or undefined. */
async function listen(server: Server, port: number): Promise<string | undefined> {
  server.listen(port)
  return once(server, 'listening').then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code ?? 'unknown',
  )
}

function end({ exitCode, message }: Refusal): void {
  process.stderr.write(message)
  process.exitCode = exitCode
  // Pools and timers may be open by now: nothing of them is wanted any more.
  setImmediate(() => process.exit(exitCode))
}
