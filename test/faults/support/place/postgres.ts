import { openCluster, urlOf } from '../../../../src/db/postgres-cluster.js'
import { forgetDeadServer, type PostgresServer, startServer } from '../../../../src/db/postgres-server.js'
import { until } from '../../../support/app.js'

const RESTART_MS = 60_000

export type CrashablePostgres = Awaited<ReturnType<typeof startPostgres>>

/** A Postgres server in `dir` that can be killed and started again on the same data; each start has another port. */
export async function startPostgres(dir: string) {
  const cluster = await openCluster(dir)
  let server: PostgresServer | undefined

  /** The processes of a server that was killed may hold its memory for a moment longer. */
  async function start(): Promise<void> {
    const started = await until(
      async () => {
        await forgetDeadServer(cluster)
        return startServer(cluster, () => undefined)
      },
      (result) => !('taken' in result),
      RESTART_MS,
    )
    if (!('taken' in started)) server = started
  }

  await start()
  return {
    start,
    port: () => server?.port ?? 0,
    /** The address of the server, or of whoever stands in front of it on another port. */
    urlAt: (port: number) => urlOf(cluster, port),
    /** As when the machine kills it: nothing is shut down, nothing flushed. */
    async kill(): Promise<void> {
      if (!server) return
      process.kill(server.pid, 'SIGKILL')
      await server.ended
      server = undefined
    },
    async stop(): Promise<void> {
      await server?.stop()
    },
  }
}
