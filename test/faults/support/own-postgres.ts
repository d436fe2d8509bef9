import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { clusterEnvironment, openCluster, urlOf } from '../../../src/db/postgres-cluster.js'
import { freePort } from '../../support/port.js'

export type OwnPostgres = Awaited<ReturnType<typeof makePostgres>>

/**
 * A Postgres server to be stopped, killed and paused, always on the same port; not yet started. Whoever makes it calls
 * `remove()`.
 */
export async function makePostgres() {
  const folder = await mkdtemp(join(tmpdir(), 'importal-own-'))
  await chmod(folder, 0o711) // root's Postgres runs as another account, which must get through
  const cluster = await openCluster(folder)
  const port = await freePort()
  let child: ChildProcess | undefined
  let stopped: Promise<unknown> = Promise.resolve()

  const own = {
    url: urlOf(cluster, port),
    /** Starts it, with these settings beside its own, and waits until it takes connections; fine when it runs. */
    async start(settings: Record<string, string> = {}): Promise<void> {
      // Whoever is answered that it is away may want it back before it has quite ended.
      await stopped
      if (child && child.exitCode === null && child.signalCode === null) return
      const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', shared_buffers: '16MB', ...settings }
      const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      child = spawn(cluster.binaries.postgres, ['-D', cluster.data, '-p', String(port), ...options], {
        ...(cluster.account && { uid: cluster.account.uid, gid: cluster.account.gid }),
        cwd: cluster.data,
        env: clusterEnvironment,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      await untilReady(child)
    },
    /** SIGINT: a stop that ends every connection; SIGQUIT: one as in a crash, repaired by the next start. */
    async stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      stopped = once(child, 'exit')
      child.kill(signal)
      await stopped
    },
    /** Stops or continues all of its processes: connections stay open, and nothing is answered. */
    async signalAll(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
      const { stdout } = await promisify(execFile)('pgrep', ['-P', String(child?.pid)])
      for (const pid of [String(child?.pid), ...stdout.trim().split('\n')]) process.kill(Number(pid), signal)
    },
    async remove(): Promise<void> {
      await own.stop('SIGQUIT')
      await rm(folder, { recursive: true, force: true })
    },
  }
  return own
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said = (said + chunk).slice(-2_000)
      if (said.includes('ready to accept connections')) resolve()
    })
    child.once('exit', () => reject(new Error(said)))
  })
}
