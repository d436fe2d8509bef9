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
  await run(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  return { name, url: url.href, drop: () => run(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`) }
}

async function run(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}
