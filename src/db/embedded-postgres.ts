import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { embeddedPostgresError } from './postgres-binaries.js'
import { type Cluster, openCluster, urlOf } from './postgres-cluster.js'
import { endServer, forgetDeadServer, type PostgresServer, readServerFile, startServer } from './postgres-server.js'

// Any constant of ours; Prisma's migrations hold another.
const OWNER_LOCK = 1_230_786_380
const GIVE_UP_MS = 30_000
const LOOK_AGAIN_MS = 50
// A killed owner's connection may be seen for a moment longer than its owner.
const CERTAIN_MS = 1_000
// A server without an owner is one that has just started, or one whose watchdog is about to end it.
const ORPHAN_MS = 3_000

export type Role = 'app' | 'cli'

export type EmbeddedPostgres = {
  url: string
  pid: number
  /** True when the server is a running app's, which `stop()` leaves alone. */
  attached: boolean
  stop(): Promise<void>
  /** Settles when our server is lost without `stop()`: the app cannot go on. Never, when attached. */
  lost: Promise<Error>
}

type Options = { dir: string; role: Role; log?: (message: string) => void }

/** What is found on a cluster: no server of ours; one that starts or ends; one with, or for now without, an owner. */
type Sight = { is: 'absent' | 'changing' | 'owned by app' | 'owned by cli' | 'unowned'; pid: number; url: string }

/**
 * A real Postgres server in `dir`, for as long as this process lives.
 *
 * One process owns a folder: the one that holds an advisory lock in the very server it started, so that no lock is ever
 * stale. A second app is refused; a command joins a running app; each waits for a command that is at work. However the
 * owner dies, a watchdog ends the server, and the next start does if the watchdog died too.
 *
 * @throws `data_dir_in_use`, `data_dir_unreachable`, `data_dir_version`, `postgres_unavailable`, `postgres_failed`
 */
export async function startEmbeddedPostgres({ dir, role, log = () => {} }: Options): Promise<EmbeddedPostgres> {
  const cluster = await openCluster(dir)
  const startedAt = performance.now()
  let problem = ''
  let seen: (Sight & { since: number }) | undefined

  while (performance.now() - startedAt < GIVE_UP_MS) {
    const sight = await look(cluster)
    const since = seen?.is === sight.is && seen.pid === sight.pid ? seen.since : performance.now()
    seen = { ...sight, since }
    const forMs = performance.now() - since

    if (sight.is === 'absent') {
      const started = await startOwned(cluster, role, log)
      if ('stop' in started) return started
      problem = started.taken
    }
    if (sight.is === 'owned by app' && role === 'cli') return attachedTo(sight)
    if (sight.is === 'owned by app' && forMs > CERTAIN_MS) throw inUse(cluster, 'Another Importal already runs')
    if (sight.is === 'unowned' && forMs > ORPHAN_MS) await endOrphan(cluster, sight)
    await sleep(LOOK_AGAIN_MS)
  }

  if (seen?.is === 'owned by cli') throw inUse(cluster, 'An Importal command is still at work')
  throw embeddedPostgresError(
    'postgres_failed',
    `Postgres did not come up on ${cluster.data} within ${GIVE_UP_MS / 1000} s.\n${problem}`.trim(),
  )
}

async function look(cluster: Cluster): Promise<Sight> {
  const file = await readServerFile(cluster)
  const nothing = { is: 'absent', pid: 0, url: '' } as const
  if (!file) return nothing

  const sight = { pid: file.pid, url: urlOf(cluster, file.port) }
  let client: pg.Client | undefined
  try {
    client = await connect(sight.url, 'importal-look')
    const owner = await ownerName(client)
    if (owner === undefined) return { ...sight, is: 'unowned' }
    return { ...sight, is: owner === 'importal-cli' ? 'owned by cli' : 'owned by app' }
  } catch (error) {
    // 57P01 to 57P03: it shuts down or starts up. Anything else, a refused password too, is no server of ours.
    return String((error as { code?: unknown }).code).startsWith('57P') ? { ...sight, is: 'changing' } : nothing
  } finally {
    await client?.end().catch(() => undefined)
  }
}

async function startOwned(
  cluster: Cluster,
  role: Role,
  log: (message: string) => void,
): Promise<EmbeddedPostgres | { taken: string }> {
  await forgetDeadServer(cluster)
  const server = await startServer(cluster, log)
  if ('taken' in server) return server

  const url = urlOf(cluster, server.port)
  const owner = await takeLock(url, role).catch(() => undefined)
  if (owner) return owned(server, url, owner, () => takeLock(url, role))
  await server.stop()
  return { taken: 'Another process ended the server that this one had started.' }
}

function owned(
  server: PostgresServer,
  url: string,
  lock: pg.Client,
  takeAgain: () => Promise<pg.Client | undefined>,
): EmbeddedPostgres {
  let isStopping = false
  let stopped: Promise<void> | undefined
  const lost = Promise.withResolvers<Error>()
  const loseBecause = (reason: string) => {
    if (!isStopping) lost.resolve(embeddedPostgresError('postgres_failed', reason))
  }
  void server.ended.then((said) => loseBecause(`The embedded Postgres server ended by itself:\n${said.trim()}`))

  // Postgres closes every connection when one of its processes crashes, and goes on: so do we, if the lock is still to be had.
  const keep = (client: pg.Client) => {
    client.once('end', async () => {
      if (isStopping) return
      const again = await retry(takeAgain, 10_000, () => isStopping)
      if (again) keep(again)
      else loseBecause('The embedded Postgres server no longer answers.')
    })
  }
  keep(lock)

  // The lock is let go by the server's end, not before: nobody must take the server for an orphan meanwhile.
  const stop = () => {
    isStopping = true
    stopped ??= server.stop()
    return stopped
  }
  return { url, pid: server.pid, attached: false, stop, lost: lost.promise }
}

function attachedTo({ url, pid }: Sight): EmbeddedPostgres {
  return { url, pid, attached: true, stop: async () => {}, lost: new Promise(() => {}) }
}

/** Its owner is dead. Whoever gets the lock ends it; the others see it end. */
async function endOrphan(cluster: Cluster, { pid, url }: Sight): Promise<void> {
  const client = await takeLock(url, 'cli').catch(() => undefined) // as a command: an app waits for it and is not refused
  if (!client) return
  await endServer(cluster, pid)
  await client.end().catch(() => undefined)
}

async function takeLock(url: string, role: Role): Promise<pg.Client | undefined> {
  const socket = new Socket()
  const client = await connect(url, `importal-${role}`, socket)
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [OWNER_LOCK])
  if (!rows[0]?.taken) return void (await client.end())
  socket.unref() // holding it must not keep a process that is done from ending
  return client
}

async function ownerName(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = $1 AND objsubid = 1`,
    [OWNER_LOCK],
  )
  return rows[0]?.name
}

async function connect(url: string, name: string, stream = new Socket()): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    stream: () => stream,
  })
  client.on('error', () => {}) // the end of the connection is what counts, and is told apart
  await client.connect()
  return client
}

async function retry<T>(attempt: () => Promise<T | undefined>, forMs: number, isMoot: () => boolean): Promise<T | undefined> {
  for (const from = performance.now(); performance.now() - from < forMs && !isMoot(); ) {
    const result = await attempt().catch(() => undefined)
    if (result) return result
    await sleep(LOOK_AGAIN_MS, undefined, { ref: false })
  }
  return undefined
}

function inUse({ dir }: Cluster, who: string) {
  return embeddedPostgresError(
    'data_dir_in_use',
    `${who} on DATA_DIR ${dir}: stop it, or give this one another DATA_DIR or a DATABASE_URL.`,
  )
}
