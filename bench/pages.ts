import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { testEnvironment } from '../test/support/app.js'
import { openBrowser } from '../test/support/browser.js'
import { freePort } from '../test/support/port.js'
import { isReady, kill } from '../test/support/process.js'
import { type Place, withPlace } from './place.js'
import { type Measurement, report } from './report.js'
import { serverFlags } from './stack.js'

const PAGES = { imports: 100_000, requests: 200, maxP95Ms: 50 }
const PORTAL = '111111'
const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url))

/** How long the settings pages take where a hundred thousand imports lie in the history. */
export async function runPages(): Promise<void> {
  await report(
    'pages',
    await withPlace(measurePages),
    `the app with ${PAGES.imports} imports in one account, each page asked for ${PAGES.requests} times, one after the other`,
  )
}

async function measurePages({ hubspot, databaseUrl, folder, query }: Place): Promise<Measurement[]> {
  const url = `http://localhost:${await freePort()}`
  const env = { ...testEnvironment(url, hubspot.url, folder), DATABASE_URL: databaseUrl, LOG_LEVEL: 'error' }
  const server = spawn(process.execPath, [...(await serverFlags()), SERVER], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    while (!(await isReady(url))) await sleep(100)
    hubspot.control.settings({ autoApprove: true })
    const browser = openBrowser({ url, hubspot })
    await browser.install(PORTAL)
    const base = `/settings/${PORTAL}`
    await browser.go(`${base}/templates`) // makes the partner that stands for the page
    await fill(query)
    const [{ id } = { id: '' }] = await query<{ id: string }>('SELECT "id" FROM "Import" ORDER BY "id" DESC OFFSET 50000 LIMIT 1')
    const paths: Record<string, string> = {
      overview: base,
      'history, newest': `${base}/imports`,
      'history, half way': `${base}/imports?after=${id}`,
      'history, words that are rare': `${base}/imports?text=nummer%2077777`,
      'history, words that are everywhere': `${base}/imports?text=kundenliste`,
      'history, words that are nowhere': `${base}/imports?text=nirgends`,
      'history, a state that is rare': `${base}/imports?state=needs_review`,
      'history, objects and days': `${base}/imports?objectType=0-2&from=2026-01-05&to=2026-02-01`,
      'an import': `${base}/imports/${id}`,
      partners: `${base}/partners`,
      connection: `${base}/connection`,
    }
    const measured: Measurement[] = []
    for (const [name, path] of Object.entries(paths)) measured.push(await measure(name, () => browser.go(path)))
    return measured
  } finally {
    await kill(server, 'SIGTERM')
  }
}

async function measure(what: string, ask: () => Promise<{ status: number }>): Promise<Measurement> {
  const times: number[] = []
  for (let n = 0; n < PAGES.requests + 10; n++) {
    const start = performance.now()
    const { status } = await ask()
    if (status !== 200) throw new Error(`${what} answered ${status}`)
    if (n >= 10) times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(times.length * share)] ?? 0
  return {
    what,
    goal: `p95 < ${PAGES.maxP95Ms} ms`,
    measured: `p95 ${at(0.95).toFixed(1)} ms, median ${at(0.5).toFixed(1)} ms`,
    isMet: at(0.95) < PAGES.maxP95Ms,
  }
}

/** Imports of half a year, some of them under way. */
async function fill(query: Place['query']): Promise<void> {
  await query(
    `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "objectTypes", "rows", "createdAt", "finishedAt")
     SELECT 'imp_' || lpad(to_hex((extract(epoch FROM '2026-01-01'::timestamptz + n * interval '2.6 minutes') * 1000)::bigint), 12, '0') || lpad(to_hex(n), 20, '0'), p."portalId", p."id", 'Kundenliste Nummer ' || n, '{"name":"x","files":[]}',
       CASE WHEN n > $1 - 5 THEN 'processing' WHEN n % 5000 = 0 THEN 'needs_review' WHEN n % 100 = 0 THEN 'failed' ELSE 'done' END,
       CASE WHEN n % 3 = 0 THEN '{0-2}'::text[] ELSE '{0-1}' END, 100,
       '2026-01-01'::timestamptz + n * interval '2.6 minutes', CASE WHEN n <= $1 - 5 THEN '2026-01-01'::timestamptz + n * interval '2.6 minutes' END
     FROM "Partner" p, generate_series(1, $1::int) n WHERE p."isPage"`,
    [PAGES.imports],
  )
  await query(`INSERT INTO "ImportPart" ("id", "importId", "position", "hubspotImportId", "state", "counters")
    SELECT 'par_' || "id", "id", 0, right("id", 8), 'DONE', '{"TOTAL_ROWS":100,"CREATED_OBJECTS":60,"UPDATED_OBJECTS":35,"ERRORS":5}' FROM "Import"`)
  await query(`INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256", "rows")
    SELECT 'fil_' || "id", "id", 0, 'kunden.csv', 'CSV', 10000, md5("id"), 100 FROM "Import"`)
  await query(
    `INSERT INTO "ImportEvent" ("importId", "type") SELECT i."id", t FROM "Import" i, unnest(ARRAY['accepted', 'submitting', 'submitted', 'done']) t`,
  )
  await query(`INSERT INTO "ImportDay" ("portalId", "day", "partnerId", "imports", "created", "updated", "failed")
    SELECT "portalId", current_date - n, "id", 500, 30000, 17500, 2500 FROM "Partner", generate_series(0, 29) n WHERE "isPage"`)
  await query('VACUUM ANALYZE')
}
