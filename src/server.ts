import { once } from 'node:events'
import type { Server } from 'node:http'
import { createApp } from './app.js'
import { describeProblems, parseConfig, readEnvironment } from './config.js'
import { openDatabaseServer } from './db/database-server.js'
import { createDeps, type Deps } from './deps.js'
import { createHttpServer } from './http/server.js'
import { JOB_KINDS, jobHandlers, listenToHubSpot, sweep } from './jobs.js'
import { createLog, describeError } from './log.js'

/** What sysexits(3) calls EX_CONFIG: starting again will not help, somebody must change something. */
const EXIT_CONFIG = 78
const SWEEP_EVERY_MS = 10_000
const GRACE_MS = 25_000

await main()

async function main(): Promise<void> {
  const parsed = parseConfig(readEnvironment())
  if ('problems' in parsed) return end(EXIT_CONFIG, describeProblems(parsed.problems))
  const { config } = parsed
  const log = createLog(config.logLevel)
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event)
      process.exit(1)
    })
  }
  // Until it serves there is nothing to drain.
  let onSignal = (_signal: string) => process.exit(1)
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => onSignal(signal))

  const database = await openDatabaseServer({ ...config, role: 'app', log: (message) => log.info({}, message) }).catch(
    (error: unknown) => {
      const { code, message } = describeError(error)
      const isSetting = String(code).startsWith('data_dir_') || code === 'postgres_unavailable'
      end(isSetting ? EXIT_CONFIG : 1, `Importal cannot start: ${message}\n`)
    },
  )
  if (!database) return
  void database.lost.then((error) => {
    log.fatal({ err: error }, 'the embedded Postgres is gone')
    process.exit(1)
  })

  const deps = await createDeps(config, database.url)
  const missingKeys = await describeMissingKeys(deps)
  if (missingKeys !== undefined) {
    await database.stop()
    return end(EXIT_CONFIG, missingKeys)
  }
  await deps.queue.start(JOB_KINDS)
  const server = createHttpServer(createApp(deps), config.publicUrl)
  const listening = await listen(server, config.port)
  if (listening !== undefined) {
    await database.stop()
    return end(EXIT_CONFIG, `Importal cannot start: PORT ${config.port} cannot be used (${listening}).\n`)
  }
  // Only now: a process that cannot serve must not have claimed anything.
  if (config.role !== 'web') await deps.queue.work(jobHandlers(deps))
  const sweeping = config.role === 'web' ? [] : [keepDoing(deps, sweep), keepDoing(deps, listenToHubSpot)]
  log.info(
    { port: config.port, publicUrl: config.publicUrl, role: config.role, embeddedPostgres: database.isEmbedded },
    'Importal is ready',
  )

  const signal = await new Promise<string>((resolve) => {
    onSignal = resolve as typeof onSignal
  })
  log.info({ signal }, 'draining')
  deps.drain()
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const late = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await Promise.all([deps.stopWork(GRACE_MS), ...sweeping.map((stop) => stop()), closed])
  clearTimeout(late)
  await deps.close()
  await database.stop()
  log.info({}, 'stopped')
  process.exit(0)
}

/** Does it at once and then every ten seconds, one after the other; gives a function that stops it. */
function keepDoing(deps: Deps, act: (deps: Deps) => Promise<void>): () => Promise<void> {
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
async function describeMissingKeys({ dataKeys, config }: Deps): Promise<string | undefined> {
  const inUse = Object.entries(await dataKeys.countByKey())
  const missing = inUse.filter(([id]) => !config.encryptionKeys.some((key) => key.id === id))
  if (missing.length === 0) return undefined
  const lines = missing.map(
    ([id, count]) => `  key "${id}" still wraps the data keys of ${count} portal${count === 1 ? '' : 's'}`,
  )
  return `Importal cannot start: ENCRYPTION_KEYS lacks what is still in use.\n\n${lines.join('\n')}\n\nPut it back behind the current key, run: npm run -s importal -- rotate-encryption, and drop it when that says so.\n`
}

/** Resolves to why it cannot listen, or undefined. */
async function listen(server: Server, port: number): Promise<string | undefined> {
  server.listen(port)
  return once(server, 'listening').then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code ?? 'unknown',
  )
}

function end(code: number, message: string): void {
  process.stderr.write(message)
  process.exitCode = code
  // Pools and timers may be open by now: nothing of them is wanted any more.
  setImmediate(() => process.exit(code))
}
