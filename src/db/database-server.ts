import { fileURLToPath } from 'node:url'
import type { Secret } from '../secret.js'
import { type Role, startEmbeddedPostgres } from './embedded-postgres.js'
import { applyMigrations } from './migrate.js'

/** The Postgres in use. `lost` settles when it was ours and is gone. */
export type DatabaseServer = { url: string; isEmbedded: boolean; lost: Promise<Error>; stop(): Promise<void> }

export const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

type Options = { databaseUrl: Secret | undefined; dataDir: string; role: Role; log: (message: string) => void }

/** Finds the configured Postgres, or starts the embedded one in the data folder, and brings its tables up to date. */
export async function openDatabaseServer({ databaseUrl, dataDir, role, log }: Options): Promise<DatabaseServer> {
  const server = databaseUrl === undefined ? await embedded(dataDir, role, log) : external(databaseUrl.reveal())
  try {
    await applyMigrations({ connectionString: server.url, dir: MIGRATIONS, log })
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

async function embedded(dataDir: string, role: Role, log: (message: string) => void): Promise<DatabaseServer> {
  const { url, lost, stop } = await startEmbeddedPostgres({ dir: dataDir, role, log })
  return { url, lost, stop, isEmbedded: true }
}

function external(url: string): DatabaseServer {
  return { url, isEmbedded: false, lost: new Promise(() => undefined), stop: async () => undefined }
}
