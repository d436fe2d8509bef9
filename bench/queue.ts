import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseConfig } from '../src/config.js'
import { createOAuth } from '../src/hubspot/oauth.js'
import { testEnvironment } from '../test/support/app.js'
import { freePort } from '../test/support/port.js'
import { isReady, kill } from '../test/support/process.js'
import { contactsCsv, contactsRequest } from '../test/support/requests.js'
import { connectPortals } from '../test/tokens/support/portals.js'
import { type Place, withPlace } from './place.js'
import { type Measurement, report } from './report.js'
import { serverFlags } from './stack.js'

const QUEUE = { imports: 10_000, portals: 1_000, hubspotMs: 50, minPerSecond: 60, maxSeconds: 900 }

/** Goal P9: one worker empties a queue of small imports, and starves no portal. */
export async function runQueue(): Promise<void> {
  const measurements = await withPlace(measureQueue)
  await report('queue', measurements, 'one worker process, the simulated HubSpot in the process that measures')
}

async function measureQueue(place: Place): Promise<Measurement[]> {
  const { hubspot, query } = place
  const env = {
    ...testEnvironment(`http://localhost:${await freePort()}`, hubspot.url, place.folder),
    DATABASE_URL: place.databaseUrl,
    ROLE: 'worker',
    LOG_LEVEL: 'error',
  }
  const parsed = parseConfig(env)
  const [key] = 'problems' in parsed ? [] : parsed.config.encryptionKeys
  if ('problems' in parsed || !key) throw new Error('no settings')
  const { config } = parsed
  const portalIds = await connectPortals({ ...place, config, deps: { oauth: createOAuth(config) } }, key, QUEUE.portals)
  await queueImports(place, portalIds)
  hubspot.control.settings({ startedMs: 0, processingMs: QUEUE.hubspotMs })
  hubspot.control.fault({ on: 'any', times: 0, do: { slowMs: QUEUE.hubspotMs } })

  const worker = await startWorker(env)
  const start = performance.now()
  const count = async () =>
    (await query<{ count: number }>(`SELECT count(*)::int AS count FROM "Import" WHERE "state" = 'done'`))[0]?.count ?? 0
  while ((await count()) < QUEUE.imports && performance.now() - start < QUEUE.maxSeconds * 1_000) await sleep(500)
  const seconds = (performance.now() - start) / 1_000
  const done = await count()
  await kill(worker, 'SIGTERM')

  const [spread] = await query<{ first: number; last: number }>(`
    WITH ends AS (
      SELECT "portalId", min("finishedAt") AS first, max("finishedAt") AS last FROM "Import" GROUP BY 1
    ), began AS (SELECT min("startedAt") AS at FROM "Import")
    SELECT extract(epoch FROM max(ends.first) - began.at)::float8 AS first, extract(epoch FROM min(ends.last) - began.at)::float8 AS last
    FROM ends, began GROUP BY began.at`)
  const created = hubspot.control.imports().length
  const what = `${QUEUE.imports} small imports over ${QUEUE.portals} portals, HubSpot answering in ${QUEUE.hubspotMs} ms`
  return [
    {
      what: `${what}: imports finished`,
      goal: `≥ ${QUEUE.minPerSecond}/s`,
      measured: `${(done / seconds).toFixed(0)}/s`,
      isMet: done === QUEUE.imports && done / seconds >= QUEUE.minPerSecond,
    },
    { what: 'imports made at HubSpot', goal: String(QUEUE.imports), measured: String(created), isMet: created === QUEUE.imports },
    {
      what: 'the portal that waited longest for its first import, of the whole time',
      goal: '≤ 50 %',
      measured: `${spread?.first.toFixed(0)} s of ${seconds.toFixed(0)} s`,
      isMet: (spread?.first ?? Number.POSITIVE_INFINITY) <= seconds / 2,
    },
  ]
}

/** What as many uploads would have left, without the uploads: they are not what is measured. */
async function queueImports({ folder, query }: Place, portalIds: string[]): Promise<void> {
  const csv = contactsCsv(20)
  const storeKeys = Array.from({ length: QUEUE.imports }, () => randomUUID().replaceAll('-', ''))
  for (const storeKey of storeKeys) {
    const at = join(folder, 'files', storeKey.slice(-2))
    await mkdir(at, { recursive: true })
    await writeFile(join(at, storeKey), csv)
  }
  await query(`INSERT INTO "Partner" ("id", "name") VALUES ('prt_bench', 'Bench')`)
  await query(`INSERT INTO "Turn" ("portalId", "partnerId", "lastAt") SELECT unnest($1::text[]), 'prt_bench', '-infinity'`, [
    portalIds,
  ])
  await query(
    `WITH made AS (
       INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "rows")
       SELECT 'imp_' || k, ($2::text[])[1 + n % $3], 'prt_bench', 'Bench', $4::jsonb, 20 FROM unnest($1::text[]) WITH ORDINALITY AS s(k, n)
     ), part AS (
       INSERT INTO "ImportPart" ("id", "importId", "position") SELECT 'par_' || k, 'imp_' || k, 0 FROM unnest($1::text[]) AS s(k)
     )
     INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256", "rows", "storeKey")
     SELECT 'fil_' || k, 'imp_' || k, 0, 'contacts.csv', 'CSV', $5, $6, 20, k FROM unnest($1::text[]) AS s(k)`,
    [
      storeKeys,
      portalIds,
      portalIds.length,
      JSON.stringify(contactsRequest()),
      Buffer.byteLength(csv),
      createHash('sha256').update(csv).digest('hex'),
    ],
  )
}

async function startWorker(env: Record<string, string>): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('../dist/server.js', import.meta.url))
  const child = spawn(process.execPath, [...(await serverFlags()), script], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  while (!(await isReady(env.PUBLIC_URL ?? ''))) {
    if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}`)
    await sleep(50)
  }
  return child
}
