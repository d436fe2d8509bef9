import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/db/embedded-postgres.js'
import { applyMigrations } from '../src/db/migrate.js'
import { createSimulator, type Simulator } from '../src/simulator/simulator.js'

export type Place = {
  folder: string
  databaseUrl: string
  hubspot: Simulator
  query: <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>
}

/** A folder, a Postgres with the app's tables, and a simulated HubSpot in the process that measures; all gone afterwards. */
export async function withPlace<T>(measure: (place: Place) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'importal-bench-'))
  // Postgres does not run as root: where root starts it, another account must get through to its data.
  await chmod(folder, 0o711)
  const database = await startEmbeddedPostgres({ dir: folder, role: 'app' })
  const hubspot = await createSimulator({ clientId: 'test-client', clientSecret: 'test-secret' })
  const client = new pg.Client({ connectionString: database.url })
  try {
    await applyMigrations({ connectionString: database.url, dir: 'prisma/migrations' })
    await client.connect()
    const query = async <Row extends object>(sql: string, values: unknown[] = []) => (await client.query<Row>(sql, values)).rows
    return await measure({ folder, databaseUrl: database.url, hubspot, query })
  } finally {
    await client.end()
    await hubspot.close()
    await database.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
