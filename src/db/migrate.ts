import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'

// The lock, the table and the checksum are those of Prisma's schema engine, so that its command line accepts what was done here.
const MIGRATION_LOCK = 72_707_369
const LOCK_TIMEOUT = '120s'
const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`

type Options = { connectionString: string; dir: string; log?: (message: string) => void }
type Migration = { name: string; sql: string; checksum: string }
type Row = { migration_name: string; checksum: string; finished_at: Date | null }

/**
 * Applies the migrations in `dir` that the database does not have yet, and gives their names.
 *
 * Processes that start together take turns. A migration and its record are one transaction: a start that is killed leaves
 * both or neither. One that fails is recorded as failed, and no later start goes past it. `log` is told of a migration that
 * was edited after it was applied.
 *
 * @throws an error that names the migration, and for one that failed earlier the way out
 */
export async function applyMigrations({ connectionString, dir, log = () => {} }: Options): Promise<string[]> {
  const migrations = await readMigrations(dir)
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {}) // a connection lost between two queries is reported by the second
  await client.connect()
  try {
    await takeTurn(client)
    await client.query(TABLE)
    const known = await knownChecksums(client)
    const missing = migrations.filter(({ name }) => !known.has(name))
    for (const { name, checksum } of migrations) {
      if (known.has(name) && known.get(name) !== checksum)
        log(`Migration ${name} was edited after it was applied; the edit has no effect.`)
    }
    for (const migration of missing) await apply(client, migration)
    return missing.map(({ name }) => name)
  } finally {
    await client.end() // which also lets the lock go
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const entries = await readdir(dir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(dir, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

async function takeTurn(client: pg.Client): Promise<void> {
  await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`)
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === '55P03')) throw error
    throw new Error(`Another process has been migrating this database for ${LOCK_TIMEOUT}: start again when it is done.`, {
      cause: error,
    })
  }
  // The migrations themselves take as long as they take.
  await client.query('SET lock_timeout = 0; SET statement_timeout = 0')
}

async function knownChecksums(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<Row>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  )
  const failed = rows.find((row) => !row.finished_at)?.migration_name
  if (failed) {
    throw new Error(
      `Migration ${failed} failed on an earlier start, and nothing was applied since. Put right what stopped it (column "logs" of _prisma_migrations says what), then run: npx prisma migrate resolve --rolled-back ${failed}`,
    )
  }
  return new Map(rows.map((row) => [row.migration_name, row.checksum]))
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const literals = [randomUUID(), checksum, name].map((value) => client.escapeLiteral(value)).join(', ')
  const record = `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES (${literals}, clock_timestamp(), 1)`
  try {
    // Sent as one simple query, which Postgres runs as one transaction.
    await client.query(`${sql}\n;${record}`)
  } catch (error) {
    const reason = describe(error, sql)
    await client.query('ROLLBACK').catch(() => undefined)
    await client
      .query('INSERT INTO _prisma_migrations (id, checksum, migration_name, logs) VALUES ($1, $2, $3, $4)', [
        randomUUID(),
        checksum,
        name,
        reason,
      ])
      .catch(() => undefined) // with no connection nothing was applied either, and the next start tries again
    throw new Error(`Migration ${name} failed: ${reason}`, { cause: error })
  }
}

function describe(error: unknown, sql: string): string {
  if (!(error instanceof pg.DatabaseError) || !error.position) return String(error)
  return `${error.message} (line ${sql.slice(0, Number(error.position) - 1).split('\n').length})`
}
