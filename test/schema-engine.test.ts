import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createDatabase, createTestDatabase, type TestDatabase } from './support/postgres.js'

const SCHEMA = 'prisma/schema.prisma'

describe('schema drift', () => {
  it('the migrations make exactly the schema that prisma/schema.prisma describes', async () => {
    const database = await emptyDatabase()

    const { code, output } = await prisma(database, diffWith(SCHEMA))

    expect(output).toContain('No difference detected')
    expect(code, output).toBe(0)
  })

  it('is seen: a schema that the migrations do not make ends with exit code 2', async () => {
    const database = await emptyDatabase()
    const folder = await mkdtemp(join(tmpdir(), 'importal-schema-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const drifted = join(folder, 'schema.prisma')
    await writeFile(drifted, `${await readFile(SCHEMA, 'utf8')}\nmodel Forgotten {\n  id Int @id\n}\n`)

    const { code, output } = await prisma(database, diffWith(drifted))

    expect(code, output).toBe(2)
    expect(output).toContain('Forgotten')
  })
})

describe('the schema engine that Prisma’s command line runs on', () => {
  it('migrate deploy applies the migrations', async () => {
    const database = await emptyDatabase()

    const { code, output } = await prisma(database, ['migrate', 'deploy'])

    expect(code, output).toBe(0)
    expect(await tablesOf(database)).toEqual(await tablesOf(await migratedDatabase()))
    expect(await tablesOf(database)).toContain('_prisma_migrations')
    expect((await tablesOf(database)).length).toBeGreaterThan(1)
  })

  it('migrate status accepts what the app’s own migrator did at the start', async () => {
    const { code, output } = await prisma(await migratedDatabase(), ['migrate', 'status'])

    expect(output).toContain('Database schema is up to date!')
    expect(code).toBe(0)
  })

  it('migrate deploy fails, and says why, where there is no server', async () => {
    const { code, output } = await prisma({ url: 'postgresql://nobody@127.0.0.1:1/none' }, ['migrate', 'deploy'])

    expect(code).toBe(1)
    expect(output).toContain('P1001')
  })
})

function diffWith(schema: string): string[] {
  return ['migrate', 'diff', '--from-migrations', 'prisma/migrations', '--to-schema', schema, '--exit-code']
}

async function prisma({ url }: { url: string }, args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, DATABASE_URL: url, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' }
  return new Promise((settle) => {
    execFile(process.execPath, ['node_modules/prisma/build/index.js', ...args], { env }, (error, stdout, stderr) => {
      settle({ code: error ? Number(error.code) : 0, output: stdout + stderr })
    })
  })
}

async function emptyDatabase(): Promise<TestDatabase> {
  return droppedAfterwards(await createDatabase(inject('postgresUrl')))
}

async function migratedDatabase(): Promise<TestDatabase> {
  return droppedAfterwards(await createTestDatabase())
}

function droppedAfterwards(database: TestDatabase): TestDatabase {
  onTestFinished(() => database.drop())
  return database
}

async function tablesOf({ url }: TestDatabase): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client
    .query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY name`,
    )
    .finally(() => client.end())
  return rows.map((row) => row.name)
}
