import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { until } from './support/app.js'
import { secretsOfKeys } from './support/canaries.js'
import { type Canaries, expectNoLeaks, findLeaks, numbered, type Places } from './support/leaks.js'
import { createTestDatabase, dumpTables } from './support/postgres.js'
import { kill, testPlace } from './support/process.js'
import { createRecorder } from './support/recorder.js'
import {
  type Day,
  failAtHubSpot,
  installInAllShapes,
  type Keys,
  makeKeys,
  runCommands,
  sendWebhooks,
  upload,
  visitPages,
} from './support/traffic.js'

const SLOW_MS = 240_000

type Planted = ReturnType<typeof plant>

const fresh = () => randomBytes(24).toString('base64url')
const several = (count: number) => Array.from({ length: count }, fresh)

/** What is planted from outside; the rest is made by the app, and looked for as it was handed out. */
function plant() {
  return {
    clientSecret: fresh(),
    sessionSecret: fresh() + fresh(),
    encryptionKeys: [randomBytes(32), randomBytes(32)] as const,
    password: fresh(),
    issued: { codes: several(5), accessTokens: several(7), refreshTokens: several(6), appTokens: several(1) },
    rows: { cell: fresh(), badCell: fresh(), refusedCell: fresh(), field: fresh(), brokenJson: fresh() },
  }
}

describe('a day of traffic', () => {
  it(
    'leaves none of forty secrets in a log, a table, a job, an answer, a page, a file’s name or a query',
    async () => {
      const planted = plant()
      const database = await openDatabaseFor(planted)
      const place = await startPlace(planted, database.url)
      const day: Day = { place, recorder: createRecorder(place.url), rows: planted.rows }
      const app = await place.start()

      const browsers = await installInAllShapes(day)
      const keys = await makeKeys(day)
      await upload(day, keys)
      await failAtHubSpot(day, keys)
      const signature = await sendWebhooks(day)
      await visitPages(day, browsers)
      await runCommands(day)
      await until(place.hubspot.control.issued, ({ appTokens }) => appTokens.length > 0)
      const tables = await database.dump()
      await kill(app, 'SIGTERM')

      const canaries = collect(planted, keys, day.recorder, signature)
      expect(Object.keys(canaries)).toHaveLength(40)
      expectAllIssued(day, planted)
      expectAllAnswers(day)
      const kinds: Record<string, Places> = {
        'logs and commands': place.outputs(),
        'tables, jobs and running queries': tables,
        'answers and pages': day.recorder.answers,
        'names of files': { 'the data folder': (await readdir(place.folder, { recursive: true })).join('\n') },
      }
      expectMeantPlaces(canaries, Object.assign({}, ...Object.values(kinds)))
      for (const [kind, places] of Object.entries(kinds)) {
        const { canaries: sought, places: searched, bytes, hits } = expectNoLeaks(canaries, withoutMeant(places, planted))
        process.stdout.write(`${kind}: ${sought} canaries searched for in ${searched} places, ${bytes} bytes: ${hits} hits\n`)
      }
    },
    SLOW_MS,
  )
})

/** A database with a role of its own, whose password is looked for. */
async function openDatabaseFor({ password }: Planted) {
  const database = await createTestDatabase()
  const admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
  const query = async <Row extends object>(sql: string) => (await admin.query<Row>(sql)).rows
  const role = `canary_${randomBytes(8).toString('hex')}`
  await query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}' IN ROLE CURRENT_USER`)
  onTestFinished(async () => {
    await query(`REASSIGN OWNED BY ${role} TO CURRENT_USER`)
    await query(`DROP OWNED BY ${role}`)
    await query(`DROP ROLE ${role}`)
    await admin.end()
    await database.drop()
  })
  return {
    url: Object.assign(new URL(database.url), { username: role, password }).href,
    dump: async (): Promise<Places> => {
      const running = await query<{ query: string }>(`SELECT query FROM pg_stat_activity WHERE usename = '${role}'`)
      return { ...(await dumpTables(query)), 'running queries': running.map((one) => one.query).join('\n') }
    },
  }
}

async function startPlace(planted: Planted, databaseUrl: string): Promise<Day['place']> {
  const place = await testPlace({
    DATABASE_URL: databaseUrl,
    HUBSPOT_CLIENT_SECRET: planted.clientSecret,
    SESSION_SECRET: planted.sessionSecret,
    ENCRYPTION_KEYS: planted.encryptionKeys.map((key, i) => `k${i}:${key.toString('base64')}`).join(),
    HUBSPOT_JOURNAL_SCOPES: 'developer.webhooks_journal.read',
    AMBIGUOUS_WINDOW_SECONDS: '1',
  })
  place.hubspot.control.settings({ rotateRefreshTokens: true })
  place.hubspot.control.planSecrets(planted.issued)
  return place
}

/** All forty, by name. */
function collect(planted: Planted, keys: Keys, { handedOut }: Day['recorder'], signature: string): Canaries {
  const { codes, accessTokens, refreshTokens, appTokens } = planted.issued
  const { cookies, states, formTokens } = handedOut
  const [key = '', oldKey = ''] = planted.encryptionKeys
  return {
    'client secret': planted.clientSecret,
    'session secret': planted.sessionSecret,
    'encryption key': key,
    'old encryption key': oldKey,
    'database password': planted.password,
    'app token': appTokens[0] ?? '',
    'webhook’s signature': signature,
    'form token': formTokens[0] ?? '',
    ...numbered('code', codes),
    ...numbered('access token', accessTokens),
    ...numbered('refresh token', refreshTokens),
    ...secretsOfKeys(Object.values(keys)),
    // What binds an install to the first browser, that browser's session, and what binds an install to the second one.
    ...numbered('cookie', cookies.slice(0, 3)),
    ...numbered('install’s state', states.slice(0, 2)),
    ...planted.rows,
  }
}

/** A secret that never came into the world is easily kept. */
function expectAllIssued({ place }: Day, { issued }: Planted): void {
  const all = place.hubspot.control.issued()
  for (const kind of Object.keys(issued) as (keyof typeof issued)[])
    expect(all[kind].slice(0, issued[kind].length)).toEqual(issued[kind])
}

/** Successes and failures of every kind: a day on which nothing happened would leave nothing. */
function expectAllAnswers({ recorder }: Day): void {
  const statuses = Object.values(recorder.answers).map((answer) => Number(String(answer).split(' ')[1]))

  expect([...new Set(statuses)].sort()).toEqual([200, 202, 302, 303, 400, 401, 403, 404, 405, 415, 422, 502])
}

/** What a partner sends is kept for its import, and shown to that partner: in these places, and in no other. */
const MEANT: Record<string, 'badCell' | 'field'> = {
  'table "Import"': 'field',
  'table "RowError"': 'badCell',
  'row errors': 'badCell',
}

const meantIn = (place: string) => MEANT[place.replace(/^answer \d+: /, '')]

function withoutMeant(places: Places, { rows }: Planted): Places {
  return Object.fromEntries(
    Object.entries(places).map(([place, content]) => {
      const meant = meantIn(place)
      return [place, meant ? String(content).replaceAll(rows[meant], '(meant)') : content]
    }),
  )
}

/** They are found where they are meant to be: the search does see them. */
function expectMeantPlaces(canaries: Canaries, places: Places): void {
  const found = findLeaks(canaries, places).map(({ canary, place }) => [place.replace(/^answer \d+: /, ''), canary])

  expect(Object.fromEntries(found)).toEqual(MEANT)
}
