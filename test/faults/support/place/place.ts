import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openDatabase } from '../../../../src/db/prisma.js'
import { createPartnerStore } from '../../../../src/partners/partner-store.js'
import { createSimulator } from '../../../../src/simulator/simulator.js'
import { installPortal, testEnvironment, until } from '../../../support/app.js'
import { secretsOfEnvironment, secretsOfHubSpot, secretsOfKeys } from '../../../support/canaries.js'
import type { Canaries, Places } from '../../../support/leaks.js'
import { freePort } from '../../../support/port.js'
import { createFaultProxy } from '../fault-proxy.js'
import { type App, createApp } from './app.js'
import { startPostgres } from './postgres.js'

/** Short, so that a run need not wait for it; HubSpot's list, and whatever it makes late, lag less. */
export const WINDOW_SECONDS = 8

export type Partner = { name: string; portalId: string; key: string }
export type Place = Awaited<ReturnType<typeof createPlace>>

/** Everything that happens to an import's state and epoch, as Postgres itself records it. */
export const RECORD_CHANGES = `
  CREATE SCHEMA proof;
  CREATE TABLE proof.change (
    id bigserial PRIMARY KEY, "importId" text, "from" text, "to" text, epoch int, at timestamptz DEFAULT clock_timestamp());
  CREATE FUNCTION proof.record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO proof.change ("importId", "from", "to", epoch) VALUES (NEW."id", NULL, NEW."state", NEW."leaseEpoch");
    ELSIF OLD."state" <> NEW."state" OR OLD."leaseEpoch" <> NEW."leaseEpoch" THEN
      INSERT INTO proof.change ("importId", "from", "to", epoch) VALUES (NEW."id", OLD."state", NEW."state", NEW."leaseEpoch");
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER record AFTER INSERT OR UPDATE ON "Import" FOR EACH ROW EXECUTE FUNCTION proof.record()`

type Size = { apps: number; portals: number; partnersEach: number; script?: string }

/**
 * Several app processes on one Postgres, one folder of files and one simulated HubSpot. They reach Postgres and HubSpot
 * through proxies that can be told to fail, and can be killed themselves, as Postgres can. Whoever makes it closes it.
 */
export async function createPlace({ apps: count, portals, partnersEach, script = 'src/server.ts' }: Size) {
  const folder = await mkdtemp(join(tmpdir(), 'importal-faults-'))
  await chmod(folder, 0o711) // root's Postgres runs as another account, which must get through
  const ledgers = join(folder, 'ledgers')
  await mkdir(ledgers)
  const postgres = await startPostgres(join(folder, 'data'))
  const hubspot = await createSimulator({ clientId: 'test-client', clientSecret: 'test-secret' })
  hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60, keepTextBytes: 0 })
  const database = await createFaultProxy(postgres.port)
  const api = await createFaultProxy(() => Number(new URL(hubspot.url).port))
  const common: Record<string, string> = {
    ...testEnvironment(`http://localhost:${await freePort()}`, `http://127.0.0.1:${api.port}`, folder),
    HUBSPOT_APP_URL: hubspot.url,
    DATABASE_URL: postgres.urlAt(database.port),
    AMBIGUOUS_WINDOW_SECONDS: String(WINDOW_SECONDS),
    LOG_LEVEL: 'warn',
    LEDGER_FOLDER: ledgers,
  }
  const apps: App[] = []
  for (let i = 1; i <= count; i++) {
    const url = `http://localhost:${await freePort()}`
    apps.push(createApp({ name: `app${i}`, script, url, env: { ...common, PORT: new URL(url).port, PUBLIC_URL: url } }))
  }

  /** Asks Postgres itself, past the proxy; one that was just killed is waited for. */
  async function query<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const ask = async () => {
      const client = new pg.Client({ connectionString: postgres.urlAt(postgres.port()) })
      client.on('error', () => undefined)
      await client.connect()
      const result = await client.query<Row>(sql, values).finally(() => client.end())
      return result.rows ?? [] // of several statements there are none
    }
    const rows = await until(
      () => ask().catch((error: NodeJS.ErrnoException) => (isPassing(error) ? undefined : Promise.reject(error))),
      (found) => found !== undefined,
      60_000,
    )
    return rows ?? []
  }

  /** Connects the portals, and makes a key for each of their partners. */
  async function prepare(): Promise<Partner[]> {
    const [first] = apps
    await first?.start()
    await query(RECORD_CHANGES)
    const portalIds = Array.from({ length: portals }, (_, i) => String(700_001 + i))
    for (const portalId of portalIds) {
      hubspot.control.portal(portalId, { importsPerDay: 1_000_000 })
      await installPortal(first?.url ?? '', hubspot, portalId)
    }
    const prisma = openDatabase(postgres.urlAt(postgres.port()))
    const store = createPartnerStore(prisma)
    const made: Partner[] = []
    for (const portalId of portalIds) {
      for (let i = 1; i <= partnersEach; i++) {
        const partner = `Partner ${i}`
        const key = await store.createKey({ partner, portalId, cidrs: [], expiresAt: null })
        made.push({ name: partner, portalId, key: key?.key.reveal() ?? '' })
      }
    }
    await prisma.$disconnect()
    await Promise.all(apps.map((app) => app.start()))
    return made
  }

  const partners = await prepare()
  return {
    apps,
    partners,
    postgres,
    database,
    api,
    hubspot,
    ledgers,
    query,
    /** Nothing is wrong any more, and everything runs. */
    async heal(): Promise<void> {
      hubspot.control.clearFaults()
      hubspot.control.settings({ listLagMs: 0 })
      for (const proxy of [database, api]) proxy.heal()
      if (postgres.port() === 0) await postgres.start()
      for (const app of apps) app.wake()
      await Promise.all(apps.map((app) => app.start()))
    },
    /** Every stored file, by its key, with its age. */
    async storedFiles(): Promise<{ storeKey: string; ageMs: number }[]> {
      const entries = await readdir(join(folder, 'files'), { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('unfinished'))
      return Promise.all(
        files.map(async ({ parentPath, name }) => ({
          storeKey: name,
          ageMs: Date.now() - (await stat(join(parentPath, name))).mtimeMs,
        })),
      )
    },
    canaries: (): Canaries => ({
      ...secretsOfEnvironment(common),
      ...secretsOfHubSpot(hubspot),
      ...secretsOfKeys(partners.map(({ key }) => key)),
    }),
    outputs: (): Places =>
      Object.fromEntries(
        apps.flatMap(({ name, output }) => Object.entries(output).map(([of, text]) => [`${of} of ${name}`, text])),
      ),
    async close(): Promise<void> {
      await Promise.all(apps.map((app) => app.kill()))
      for (const proxy of [database, api]) await proxy.close()
      await hubspot.close()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What Postgres, or the system, says while the server is dead, dying or starting. */
function isPassing({ code, message }: NodeJS.ErrnoException): boolean {
  return /^(57P|08|ECONN|EADDR|EPIPE)/.test(code ?? '') || /terminated/.test(message)
}
