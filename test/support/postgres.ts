import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be added to
  export interface ProvidedContext {
    postgresUrl: string
    templateDatabase: string
  }
}

type Query = <Row extends object>(sql: string) => Promise<Row[]>

export type TestDatabase = { name: string; url: string; drop(): Promise<void> }

/** A migrated database of the test file's own, cloned in some 60 ms. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(inject('postgresUrl'), inject('templateDatabase'))
}

/** A new database on the server at `serverUrl`: a clone of `template`, or an empty one. */
export async function createDatabase(serverUrl: string, template = 'template0'): Promise<TestDatabase> {
  const name = `importal_test_${randomUUID().replaceAll('-', '')}`
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  await runSql(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  return { name, url: url.href, drop: () => runSql(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`) }
}

/** Every row of every table as text, by table; the queue's tables and the migrator's included. */
export async function dumpTables(query: Query): Promise<Record<string, string>> {
  const tables = await query<{ name: string }>(`
    SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`)
  const selects = tables.map(({ name }) => `SELECT $q$${name}$q$ AS name, t::text AS row FROM ${name} t`)
  const dump = Object.fromEntries(tables.map(({ name }): [string, string[]] => [name, []]))
  for (const { name, row } of await query<{ name: string; row: string }>(selects.join(' UNION ALL '))) dump[name]?.push(row)
  return Object.fromEntries(Object.entries(dump).map(([name, rows]) => [`table ${name}`, rows.join('\n')]))
}

type Cuttable = { databaseUrl: string; query: (sql: string) => Promise<{ pid?: number }[]> }

/** Shuts an app's database to everybody but the test's own connection, or opens it again. */
export async function cutDatabase(app: Cuttable, isCut: boolean): Promise<void> {
  const name = new URL(app.databaseUrl).pathname.slice(1)
  const [own] = await app.query('SELECT pg_backend_pid() AS pid')
  const server = new pg.Client({ connectionString: inject('postgresUrl') })
  await server.connect()
  await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${!isCut}`)
  if (isCut)
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2', [
      name,
      own?.pid,
    ])
  await server.end()
}

/** Does it over a connection of its own. */
export async function runSql(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}
