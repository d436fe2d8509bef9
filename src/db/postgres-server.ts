import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readlink, realpath, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { embeddedPostgresError } from './postgres-binaries.js'
import { type Cluster, clusterEnvironment, isAlive } from './postgres-cluster.js'

const READY_MS = 120_000
const FAST_SHUTDOWN_MS = 10_000
const KEPT_LOG_CHARS = 4_000

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  // LOG and above: a failed statement, which may quote a partner's data, is not among them.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
}

// What Postgres says when another server has the folder or the port: looking again is right, failing is not.
const TAKEN = /lock file "postmaster.pid"|pre-existing shared memory|could not create any TCP\/IP sockets/

// Fast shutdown once our end of the pipe is gone, whatever ended us; crash recovery repairs what the second signal cuts off.
const WATCHDOG = `while read -r _; do :; done
kill -INT "$0" || exit 0
n=0; while kill -0 "$0" && [ $n -lt ${FAST_SHUTDOWN_MS / 1000} ]; do sleep 1; n=$((n + 1)); done
kill -QUIT "$0"`

export type PostgresServer = {
  pid: number
  port: number
  /** Settles when the process is gone, with the end of what it said. */
  ended: Promise<string>
  stop(): Promise<void>
}

/** Starts a server on the cluster, or says why not when another process has its folder or has just taken the port. */
export async function startServer(cluster: Cluster, log: (message: string) => void): Promise<PostgresServer | { taken: string }> {
  const port = await freePort()
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // Detached: Ctrl-C reaches every process of a terminal, and Postgres must outlive the app's draining.
  const child = spawn(cluster.binaries.postgres, ['-D', cluster.data, '-p', String(port), ...settings], {
    ...(cluster.account && { uid: cluster.account.uid, gid: cluster.account.gid }),
    cwd: cluster.data,
    env: clusterEnvironment,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    windowsHide: true,
  })
  const said = watchLog(child)
  const ended = new Promise<string>((settle) => {
    child.once('error', (error) => settle(String(error)))
    child.once('close', () => settle(said.text()))
  })
  const { pid } = child
  if (pid === undefined) throw embeddedPostgresError('postgres_failed', `Postgres could not be started: ${await ended}`)

  const watchdog = startWatchdog(cluster, pid, log)
  void ended.then(() => watchdog.kill('SIGKILL'))
  const stop = () => stopServer(cluster, pid, () => ended)
  const isReady = await Promise.race([said.ready, ended.then(() => false)])
  if (isReady) {
    unrefAll(child, watchdog)
    return { pid, port, ended, stop }
  }

  await stop()
  const reason = await ended
  if (TAKEN.test(reason)) return { taken: reason.trim() }
  throw embeddedPostgresError('postgres_failed', `Postgres did not start on ${cluster.data}:\n${reason.trim()}`)
}

/** Reads what a running (or killed) server wrote about itself; undefined when there is none. */
export async function readServerFile(cluster: Cluster): Promise<{ pid: number; port: number } | undefined> {
  const text = await readFile(join(cluster.data, 'postmaster.pid'), 'utf8').catch(() => '')
  const [pid, , , port] = text.split('\n').map(Number)
  return pid && port ? { pid, port } : undefined
}

/** Ends a server that is not our child, and waits until its folder is free. */
export async function endServer(cluster: Cluster, pid: number): Promise<void> {
  const isThere = async () => isAlive(pid) && (await readServerFile(cluster))?.pid === pid
  await stopServer(cluster, pid, async () => {
    while (await isThere()) await sleep(20)
  })
}

/**
 * Removes the pid file of a server that is gone when its number now belongs to some other process of ours, as after a
 * container's restart; Postgres would wait for that process for ever. Only Linux tells which folder a process lives in.
 */
export async function forgetDeadServer(cluster: Cluster): Promise<void> {
  const file = join(cluster.data, 'postmaster.pid')
  const found = await readServerFile(cluster)
  if (process.platform !== 'linux' || !found) return

  const home = await readlink(`/proc/${found.pid}/cwd`).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? '' : undefined,
  )
  if (home === undefined || home === (await realpath(cluster.data))) return

  // Postgres still guards the folder by its shared memory, should a server have appeared in this very moment.
  await rename(file, `${file}.dead`).catch(() => undefined)
  await rm(`${file}.dead`, { force: true })
}

async function stopServer({ binaries, data }: Cluster, pid: number, ended: () => Promise<unknown>): Promise<void> {
  const signal = (name: 'INT' | 'QUIT') => {
    if (process.platform === 'win32') return void spawn(binaries.pgCtl, ['kill', name, String(pid)], { stdio: 'ignore' })
    try {
      process.kill(pid, `SIG${name}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
      throw embeddedPostgresError(
        'postgres_failed',
        `The Postgres server on ${data} (process ${pid}) is another account's.`,
        error,
      )
    }
  }

  signal('INT')
  const timer = setInterval(() => signal('QUIT'), FAST_SHUTDOWN_MS)
  await ended().finally(() => clearInterval(timer))
}

function watchLog(child: ChildProcess): { text(): string; ready: Promise<boolean> } {
  let text = ''
  const ready = new Promise<boolean>((settle) => {
    const timer = setTimeout(() => settle(false), READY_MS).unref()
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-KEPT_LOG_CHARS)
      if (!text.includes('ready to accept connections')) return
      clearTimeout(timer)
      settle(true)
    })
  })
  return { text: () => text, ready }
}

/** Watches our life through a pipe, which the system closes however we die. */
function startWatchdog({ binaries }: Cluster, pid: number, log: (message: string) => void): ChildProcess {
  const options: SpawnOptions = {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: clusterEnvironment,
    cwd: '/',
    detached: true,
    windowsHide: true,
  }
  const onWindows = `process.stdin.resume().on('end', () => require('node:child_process').spawn(${JSON.stringify(binaries.pgCtl)}, ['kill', 'INT', '${pid}']))`
  const watchdog =
    process.platform === 'win32'
      ? spawn(process.execPath, ['-e', onWindows], options)
      : spawn('/bin/sh', ['-c', WATCHDOG, String(pid)], options)
  watchdog.on('error', (error) =>
    log(`No watchdog for the embedded Postgres server: should Importal be killed, it stays. ${error.message}`),
  )
  return watchdog
}

/** Neither process keeps ours alive: when we have nothing left to do, we end, and the watchdog ends the server. */
function unrefAll(child: ChildProcess, watchdog: ChildProcess): void {
  for (const handle of [child, child.stderr, watchdog, watchdog.stdin]) (handle as { unref?(): void } | null)?.unref?.()
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address && typeof address === 'object') return address.port
  throw new Error('the system named no free port')
}
