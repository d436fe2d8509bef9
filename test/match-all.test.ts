import { once } from 'node:events'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import type { Matches } from '../src/imports/tracking/match-all.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, testEnvironment, until } from './support/app.js'
import { openBrowser } from './support/browser.js'
import { createDatabase, createTestDatabase } from './support/postgres.js'
import { kill, runScript, spawnScript, testPlace } from './support/process.js'
import { ask, untilState, uploadFile } from './support/requests.js'

const SLOW_MS = 180_000
const KEYS = {
  ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 'k').toString('base64')}`,
  SESSION_SECRET: 'a secret of these tests, and of no others',
}

/** What a command of the same installation needs; the shortest window. */
function environmentOf(app: TestApp, change: Record<string, string> = {}): Record<string, string> {
  const env = testEnvironment(app.url, app.hubspot.url, app.config.dataDir)
  return { ...env, ...KEYS, DATABASE_URL: app.databaseUrl, AMBIGUOUS_WINDOW_SECONDS: '1', ...change }
}

async function reconcile(app: TestApp, ...args: string[]) {
  const run = await runScript('src/cli.ts', ['reconcile', ...args, '--json'], environmentOf(app))
  return { ...run, matches: JSON.parse(run.stdout || '{}') as Matches }
}

const heldBack = ({ query }: TestApp) =>
  query<{ id: string }>('SELECT "id" FROM "Portal" WHERE "matchingSince" IS NOT NULL').then((rows) => rows.map(({ id }) => id))

/** As in a backup from before it was sent. */
const forget = ({ query }: TestApp, id: string, state: string, more = '') =>
  query(
    `WITH part AS (UPDATE "ImportPart" SET "hubspotImportId" = NULL, "state" = NULL, "intentAt" = NULL, "committedAt" = NULL
                   WHERE "importId" = $1)
     UPDATE "Import" SET "state" = $2, "finishedAt" = NULL, "pollAt" = NULL ${more} WHERE "id" = $1`,
    [id, state],
  )

describe('a restore of an old backup', () => {
  it(
    'imports nothing twice after reconcile --all, and goes on with what comes',
    async () => {
      const database = await createTestDatabase()
      const place = await testPlace({ DATABASE_URL: database.url, AMBIGUOUS_WINDOW_SECONDS: '2', ROLE: 'web' })
      const receiving = await place.start()
      const app = { url: place.url, key: await place.prepare() }
      const [first, second] = [await uploadFile(app), await uploadFile(app)]
      await kill(receiving, 'SIGTERM')
      const backup = await createDatabase(inject('postgresUrl'), database.name)
      onTestFinished(() => backup.drop())
      place.env.ROLE = 'all'
      const sending = await place.start()
      const third = await uploadFile(app)
      for (const { body } of [first, second, third]) await untilState(app, body, 'done')
      await kill(sending, 'SIGTERM')
      await database.drop()

      place.env.DATABASE_URL = backup.url
      const { code, stdout } = await place.cli('reconcile', '--all', '--json')
      const matches = JSON.parse(stdout) as Matches
      await place.start()
      for (const { body } of [first, second]) await untilState(app, body, 'done')
      const fourth = await uploadFile(app)
      await untilState(app, fourth.body, 'done')

      expect(code).toBe(0)
      expect(matches).toMatchObject({ matched: [PORTAL], unfinished: [], canceled: [], different: [] })
      expect(matches.adopted.map(({ importId }) => importId).toSorted()).toEqual([first.body.id, second.body.id].toSorted())
      expect(matches.orphans).toMatchObject([{ portalId: PORTAL, importId: third.body.id, state: 'DONE' }])
      expect(place.hubspot.control.imports()).toHaveLength(4)
    },
    SLOW_MS,
  )
})

describe('reconcile --all', () => {
  it(
    'adopts what is unsent in every way, leaves alone and tells what was canceled or is another',
    async () => {
      const app = await testApp({ env: KEYS })
      const ids: string[] = []
      for (let i = 0; i < 6; i++) {
        const { body } = await uploadFile(app)
        await untilState(app, body, 'done')
        ids.push(body.id)
      }
      const [accepted = '', held = '', submitting = '', ambiguous = '', canceled = '', different = ''] = ids
      const at = (id: string) => app.hubspot.control.imports().find(({ name }) => name.includes(id))?.id ?? ''
      await app.deps.queue.stop(5_000)
      await forget(app, accepted, 'accepted')
      await forget(app, held, 'held', `, "reason" = 'reconnect'`)
      await forget(app, submitting, 'submitting', `, "leaseUntil" = now() - interval '1 hour'`)
      await forget(app, ambiguous, 'ambiguous')
      await forget(app, canceled, 'canceled')
      await app.query(`UPDATE "ImportPart" SET "hubspotImportId" = '7' WHERE "importId" = $1`, [different])

      const { code, matches } = await reconcile(app, '--all')

      expect([code, await heldBack(app)]).toEqual([0, []])
      expect(matches.adopted.map(({ importId, hubspotImportId }) => [importId, hubspotImportId]).toSorted()).toEqual(
        [accepted, held, submitting, ambiguous].map((id) => [id, at(id)]).toSorted(),
      )
      expect(matches.canceled).toEqual([{ portalId: PORTAL, importId: canceled, hubspotImportId: at(canceled) }])
      expect(matches.different).toMatchObject([{ importId: different, hubspotImportId: at(different), state: 'done' }])
      expect((await ask(app, `/v1/portals/${PORTAL}/imports/${canceled}`)).body.state).toBe('canceled')
      expect((await ask(app, `/v1/portals/${PORTAL}/imports/${accepted}`)).body.state).toBe('submitted')
    },
    SLOW_MS,
  )

  it(
    'waits for what HubSpot shows late, and says so; --no-wait does not',
    async () => {
      const app = await testApp({ env: KEYS })
      const { body } = await uploadFile(app)
      await untilState(app, body, 'done')
      await app.deps.queue.stop(5_000)
      await forget(app, body.id, 'accepted')
      app.hubspot.control.fault({ on: 'list', times: 2, do: { scramble: 'empty' } })

      const hasty = await reconcile(app, '--all', '--no-wait')
      const patient = await reconcile(app, '--all')

      expect([hasty.matches.matched, hasty.matches.adopted, hasty.stderr]).toEqual([[PORTAL], [], ''])
      expect(patient.stderr).toContain('1 account(s) are read again in 1 seconds')
      expect(patient.matches.adopted).toMatchObject([{ importId: body.id }])
    },
    SLOW_MS,
  )

  it(
    'holds back a portal whose list cannot be read, names it, and goes on with it when run again',
    async () => {
      const app = await testApp({ env: KEYS, work: false })
      await app.install(OTHER_PORTAL)
      app.hubspot.control.fault({ on: 'list', portalId: PORTAL, times: 0, do: { status: 503 } })

      const first = await reconcile(app, '--all')
      const [left, doctor] = [await heldBack(app), await runScript('src/cli.ts', ['doctor'], environmentOf(app))]
      app.hubspot.control.clearFaults()
      const second = await reconcile(app, '--unfinished')

      expect([first.code, first.matches.matched, left]).toEqual([1, [OTHER_PORTAL], [PORTAL]])
      expect(first.matches.unfinished).toEqual([{ portalId: PORTAL, why: 'HubSpot did not answer' }])
      expect(doctor.stdout).toContain(`nothing is submitted for portal ${PORTAL}`)
      expect([second.code, second.matches.matched, await heldBack(app)]).toEqual([0, [PORTAL], []])
    },
    SLOW_MS,
  )

  it(
    'keeps every portal held back when it is killed, those that wait for their admin too; the next run finishes it',
    async () => {
      const app = await testApp({ env: KEYS, work: false })
      await app.install(OTHER_PORTAL)
      await app.query(`UPDATE "Portal" SET "status" = 'reconnect' WHERE "id" = $1`, [OTHER_PORTAL])
      const command = spawnScript('src/cli.ts', ['reconcile', '--all'], environmentOf(app, { AMBIGUOUS_WINDOW_SECONDS: '900' }))
      const closed = once(command, 'close')
      let said = ''
      command.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
      })
      await until(
        () => said,
        (text) => text.includes('read again in 451 seconds'),
      )

      await kill(command, 'SIGKILL')
      await closed
      const left = await heldBack(app)
      await app.query(`UPDATE "Portal" SET "status" = 'connected'`)
      const next = await reconcile(app, '--all')

      expect(left.toSorted()).toEqual([PORTAL, OTHER_PORTAL])
      expect([next.code, next.matches.matched.toSorted()]).toEqual([0, [PORTAL, OTHER_PORTAL]])
    },
    SLOW_MS,
  )

  it('is over for a portal that is disconnected, whose unsent imports are canceled', async () => {
    const app = await testApp({ work: false })
    await app.deps.matching.begin()

    await app.deps.portals.beginDisconnect(PORTAL, { actor: 'operator', why: 'a test' })

    expect(await heldBack(app)).toEqual([])
  })

  it('asks for --all, or for --unfinished', async () => {
    const app = await testApp({ env: KEYS, work: false })

    const run = await runScript('src/cli.ts', ['reconcile'], environmentOf(app))

    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining('--all')])
    expect(await heldBack(app)).toEqual([])
  })
})

describe('GET /settings', () => {
  it('says that imports wait while a restored portal is matched', async () => {
    const app = await testApp({ work: false })
    const browser = openBrowser(app)
    await browser.install()

    await app.deps.matching.begin()

    expect((await browser.go('/settings')).text).toContain('restored from a backup')
  })
})
