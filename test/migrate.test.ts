import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest'
import { applyMigrations } from '../src/db/migrate.js'
import { createDatabase } from './support/postgres.js'

let connectionString: string
let dir: string

beforeEach(async () => {
  const database = await createDatabase(inject('postgresUrl'))
  connectionString = database.url
  dir = await mkdtemp(join(tmpdir(), 'importal-migrations-'))
  onTestFinished(async () => {
    await database.drop()
    await rm(dir, { recursive: true })
  })
})

describe('applyMigrations', () => {
  it('applies what is missing in the order of the names, and a second time nothing', async () => {
    await write('2_fill', 'INSERT INTO fruit VALUES (1);')
    await write('1_make', 'CREATE TABLE fruit (id int); -- a comment to the end')

    const first = await applyMigrations({ connectionString, dir })
    const second = await applyMigrations({ connectionString, dir })

    expect([first, second]).toEqual([['1_make', '2_fill'], []])
    expect(await query('SELECT id FROM fruit')).toEqual([{ id: 1 }])
  })

  it('applies once when several processes start at once', async () => {
    await write('1_make', 'CREATE TABLE fruit (id int); INSERT INTO fruit VALUES (1); SELECT pg_sleep(0.2)')

    const applied = await Promise.all([1, 2, 3, 4].map(() => applyMigrations({ connectionString, dir })))

    expect(applied.flat()).toEqual(['1_make'])
    expect(await query('SELECT count(*)::int FROM fruit')).toEqual([{ count: 1 }])
  })

  it('names a migration that fails, undoes it, keeps what came before, and refuses to go on until it is resolved', async () => {
    await write('1_make', 'CREATE TABLE fruit (id int);')
    await write('2_broken', 'INSERT INTO fruit VALUES (1);\nINSERT INTO vegetable VALUES (1);')

    await expect(applyMigrations({ connectionString, dir })).rejects.toThrow(
      'Migration 2_broken failed: relation "vegetable" does not exist (line 2)',
    )
    await write('2_broken', 'INSERT INTO fruit VALUES (2);')
    await expect(applyMigrations({ connectionString, dir })).rejects.toThrow('npx prisma migrate resolve --rolled-back 2_broken')

    await query(`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '2_broken'`)
    expect(await applyMigrations({ connectionString, dir })).toEqual(['2_broken'])
    expect(await query('SELECT id FROM fruit')).toEqual([{ id: 2 }])
  })

  it('says so when a migration was edited after it was applied, and does not run it again', async () => {
    await write('1_make', 'CREATE TABLE fruit (id int);')
    await applyMigrations({ connectionString, dir })
    await write('1_make', 'CREATE TABLE vegetable (id int);')
    const said: string[] = []

    const applied = await applyMigrations({ connectionString, dir, log: (message) => said.push(message) })

    expect(applied).toEqual([])
    expect(said).toEqual(['Migration 1_make was edited after it was applied; the edit has no effect.'])
  })

  it('leaves nothing behind when the connection is cut in the middle, and starts over', async () => {
    await write('1_cut', 'CREATE TABLE fruit (id int); SELECT pg_terminate_backend(pg_backend_pid())')
    await expect(applyMigrations({ connectionString, dir })).rejects.toThrow('Migration 1_cut failed')
    await write('1_cut', 'CREATE TABLE fruit (id int);')

    const applied = await applyMigrations({ connectionString, dir })

    expect(applied).toEqual(['1_cut'])
  })
})

async function write(name: string, sql: string): Promise<void> {
  await mkdir(join(dir, name), { recursive: true })
  await writeFile(join(dir, name, 'migration.sql'), sql)
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const { rows } = await client.query(sql).finally(() => client.end())
  return rows
}
