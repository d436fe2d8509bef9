import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PORTAL, until } from '../support/app.js'
import { createDatabase, runSql } from '../support/postgres.js'
import { isReady, kill, runScript, testPlace } from '../support/process.js'
import { contactsCsv, contactsRequest, untilState, uploadFile } from '../support/requests.js'
import { passLeases } from './support/leases.js'
import { makePostgres, type OwnPostgres } from './support/own-postgres.js'

const SLOW_MS = 240_000
const AWAY = { status: 503, retryAfter: expect.stringMatching(/^\d+$/) as string, code: 'database_unavailable' }

let postgres: OwnPostgres

beforeAll(async () => {
  postgres = await makePostgres()
  return () => postgres.remove()
})
beforeEach(() => postgres.start())

type Place = Awaited<ReturnType<typeof testPlace>>

/** A place whose app uses a database of its own on the server that the tests stop and start. */
async function ownPlace() {
  const { name, url } = await createDatabase(postgres.url)
  return { ...(await testPlace({ DATABASE_URL: url })), databaseName: name }
}

async function ask(url: string, init: RequestInit = {}) {
  const res = await fetch(url, init)
  const text = await res.text()
  const isJson = res.headers.get('content-type')?.includes('json') && text !== ''
  const code = isJson ? (JSON.parse(text) as { code?: unknown }).code : undefined
  return { status: res.status, retryAfter: res.headers.get('retry-after'), code, text }
}

/** Waits until the app has written something. */
function untilSaid(place: Place, words: RegExp): Promise<boolean> {
  return until(
    () => Object.values(place.outputs()).some((text) => words.test(String(text))),
    (isSaid) => isSaid,
  )
}

function untilReady({ url }: Place): Promise<unknown> {
  return until(
    () => isReady(url),
    (ready) => ready,
  )
}

/** Uploads one half of a file, does something, and uploads the other half. */
async function uploadInHalves({ url }: Place, key: string, between: () => Promise<void>) {
  const boundary = randomUUID()
  const part = (disposition: string, content: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`
  const file = contactsCsv(2_000)
  const text =
    part('name="importRequest"', JSON.stringify(contactsRequest())) + part('name="files"; filename="contacts.csv"', file)
  const whole = Buffer.from(`${text}--${boundary}--\r\n`)
  async function* halves() {
    yield whole.subarray(0, whole.length / 2)
    await between()
    yield whole.subarray(whole.length / 2)
  }
  return ask(`${url}/v1/portals/${PORTAL}/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: ReadableStream.from(halves()),
    duplex: 'half',
  })
}

/** The imports that HubSpot has, by our ids. */
function idsAtHubSpot({ hubspot }: Place): string[] {
  return hubspot.control.imports().map(({ name }) => /\[(imp_\w+)\]/.exec(name)?.[1] ?? '')
}

describe('a Postgres whose settings lie is refused at the start, with what is off and what to do', () => {
  it.each([
    ['for the database', (name: string) => `ALTER DATABASE ${name} SET synchronous_commit = off`, ''],
    ['for the user', (name: string) => `ALTER ROLE importal IN DATABASE ${name} SET synchronous_commit = off`, ''],
    ['in the address', () => 'SELECT 1', '?options=-c%20synchronous_commit%3Doff'],
  ])(
    'synchronous_commit is off %s',
    async (_where, statement, query) => {
      const place = await ownPlace()
      await runSql(postgres.url, statement(place.databaseName))

      const refused = await runScript('src/server.ts', [], { ...place.env, DATABASE_URL: `${place.env.DATABASE_URL}${query}` })

      expect([refused.code, refused.stderr]).toEqual([78, expect.stringMatching(/with synchronous_commit off.*Turn .* on/s)])
    },
    SLOW_MS,
  )

  it(
    'fsync and full_page_writes are off for the server',
    async () => {
      const place = await ownPlace()
      await postgres.stop()
      await postgres.start({ fsync: 'off', full_page_writes: 'off' })

      const refused = await runScript('src/server.ts', [], place.env)
      await postgres.stop()

      expect([refused.code, refused.stderr]).toEqual([78, expect.stringMatching(/with fsync, full_page_writes off.*Turn .* on/s)])
    },
    SLOW_MS,
  )
})

describe('a Postgres that is not there at the start', () => {
  it(
    'is waited for: the app lives, is not ready and tells everybody to come back, and works once it is there',
    async () => {
      const place = await ownPlace()
      await postgres.stop()

      const app = place.launch()
      await untilSaid(place, /waiting for the database: the database does not answer/)
      const answers = await Promise.all([
        ask(`${place.url}/livez`),
        ask(`${place.url}/readyz`),
        ask(`${place.url}/v1/me`),
        ask(`${place.url}/`, { method: 'HEAD' }),
        ask(`${place.url}/oauth/install`, { headers: { accept: 'text/html' } }),
      ])
      await postgres.start()
      await untilReady(place)
      const key = await place.prepare()
      const { body } = await uploadFile({ url: place.url, key })

      const page = { ...AWAY, code: undefined }
      expect(answers).toMatchObject([{ status: 200 }, { status: 503 }, AWAY, page, page])
      expect(JSON.parse(answers[1]?.text ?? '')).toEqual({ status: 'not ready', problems: ['database'] })
      expect(answers[4]?.text).toContain('The database does not answer')
      await untilState({ url: place.url, key }, body, 'done')
      expect(app.exitCode).toBeNull()
    },
    SLOW_MS,
  )

  it(
    'is no reason to hesitate when the app is told to end',
    async () => {
      const place = await ownPlace()
      await postgres.stop()
      const app = place.launch()
      await untilSaid(place, /waiting for the database/)

      expect(await kill(app, 'SIGTERM')).toBe(0)
    },
    SLOW_MS,
  )

  it.each([
    ['an unknown database', /has no database of that name/, 'ALTER DATABASE $ RENAME TO $_', 'ALTER DATABASE $_ RENAME TO $'],
    ['a user who may not connect', /refuses the user/, 'ALTER ROLE importal NOLOGIN', 'ALTER ROLE importal LOGIN'],
  ])(
    '%s is said clearly, and waited for as well',
    async (_what, words, before, after) => {
      const place = await ownPlace()
      const admin = new pg.Client({ connectionString: postgres.url })
      await admin.connect()
      const alter = (sql: string) => admin.query(sql.replaceAll('$', place.databaseName))

      await alter(before)
      place.launch()
      await untilSaid(place, words)
      await alter(after)
      await admin.end()

      await untilReady(place)
    },
    SLOW_MS,
  )
})

describe('a Postgres that goes away', () => {
  it(
    'in the middle of an upload is told to its sender, who comes back; no 202 is given for it',
    async () => {
      const place = await ownPlace()
      await place.start()
      const key = await place.prepare()

      const cut = await uploadInHalves(place, key, () => postgres.stop('SIGQUIT'))
      const meanwhile = await ask(`${place.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })
      await postgres.start()
      await untilReady(place)
      const again = await uploadFile({ url: place.url, key })

      expect([cut, meanwhile]).toMatchObject([AWAY, AWAY])
      expect(again.status).toBe(202)
      await untilState({ url: place.url, key }, again.body, 'done')
      expect(idsAtHubSpot(place)).toEqual([again.body.id])
    },
    SLOW_MS,
  )

  it(
    'and comes back, as after a crash, again and again while files are sent: what was accepted is at HubSpot once',
    async () => {
      const place = await ownPlace()
      await place.start()
      const key = await place.prepare()
      const accepted: { id: string }[] = []
      const refused = new Set<number>()
      let isOver = false
      const send = async () => {
        while (!isOver) {
          const { status, body } = await uploadFile({ url: place.url, key })
          if (status === 202) accepted.push(body)
          else refused.add(status)
          if (status !== 202) await untilReady(place)
        }
      }

      const senders = [send(), send(), send()]
      for (let round = 0; round < 2; round++) {
        const wanted = accepted.length + 3
        await until(
          () => accepted.length,
          (count) => count >= wanted,
        )
        await postgres.stop('SIGQUIT')
        await postgres.start()
      }
      isOver = true
      await Promise.all(senders)
      await passLeases(place.env.DATABASE_URL)
      for (const made of accepted) await untilState({ url: place.url, key }, made, SLOW_MS, 'done')

      const made = idsAtHubSpot(place)
      expect([...refused].filter((status) => status !== 503)).toEqual([])
      expect(new Set(made).size).toBe(made.length)
      expect(accepted.filter(({ id }) => !made.includes(id))).toEqual([])
    },
    SLOW_MS,
  )

  it(
    'without a word, so that connections stay open and nothing is answered: requests end, and all goes on when it answers again',
    async () => {
      const place = await ownPlace()
      await place.start()
      const key = await place.prepare()
      const me = () => ask(`${place.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })

      await postgres.signalAll('SIGSTOP')
      const [live, ...hung] = await Promise.all([ask(`${place.url}/livez`), me(), me(), uploadFile({ url: place.url, key })])
      await postgres.signalAll('SIGCONT')

      expect(live.status).toBe(200)
      expect(hung.map(({ status }) => status)).toEqual([503, 503, 503])
      await untilReady(place)
      const { body } = await uploadFile({ url: place.url, key })
      await untilState({ url: place.url, key }, body, 'done')
    },
    SLOW_MS,
  )

  it(
    'because it has no connection left for this user: requests are told to come back, and all goes on when it has',
    async () => {
      const place = await ownPlace()
      const [user, password] = [`app_${randomBytes(4).toString('hex')}`, randomBytes(16).toString('hex')]
      await runSql(postgres.url, `CREATE ROLE ${user} LOGIN PASSWORD '${password}'`)
      await runSql(postgres.url, `ALTER DATABASE ${place.databaseName} OWNER TO ${user}`)
      const address = new URL(place.env.DATABASE_URL ?? '')
      place.env.DATABASE_URL = Object.assign(address, { username: user, password }).href
      await place.start()
      const key = await place.prepare()
      const me = () => ask(`${place.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })

      await runSql(postgres.url, `ALTER ROLE ${user} CONNECTION LIMIT 0`)
      await runSql(postgres.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${user}'`)
      const [first, second] = [await me(), await me()]
      await runSql(postgres.url, `ALTER ROLE ${user} CONNECTION LIMIT -1`)

      expect([first, second]).toMatchObject([AWAY, AWAY])
      await untilReady(place)
      const { body } = await uploadFile({ url: place.url, key })
      await untilState({ url: place.url, key }, body, 'done')
    },
    SLOW_MS,
  )
})
