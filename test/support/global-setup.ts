import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.js'
import { applyMigrations } from '../../src/db/migrate.js'
import { createDatabase } from './postgres.js'

/** One Postgres server for the run, and in it a migrated database that every test file's own is cloned from. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = process.env.TEST_DATABASE_URL
    ? { url: process.env.TEST_DATABASE_URL, stop: async () => {} }
    : await startServerInTemporaryFolder()
  const template = await createDatabase(server.url)
  await prepareTemplate(template.url)

  project.provide('postgresUrl', server.url)
  project.provide('templateDatabase', template.name)
  return async () => {
    await template.drop()
    await server.stop()
  }
}

/** What every test database holds from the start. */
async function prepareTemplate(url: string): Promise<void> {
  await applyMigrations({ connectionString: url, dir: 'prisma/migrations', log: console.warn })
}

async function startServerInTemporaryFolder(): Promise<{ url: string; stop(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'importal-test-'))
  await chmod(dir, 0o711) // for root's sake: Postgres then runs as another account, which must get through
  const { url, stop } = await startEmbeddedPostgres({ dir, role: 'app' })
  return { url, stop: () => stop().then(() => rm(dir, { recursive: true, force: true })) }
}
