import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { EncryptionKey } from '../../src/config.js'
import { installPortal, PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { createTestDatabase } from '../support/postgres.js'
import { kill, runScript, spawnScript, testPlace } from '../support/process.js'
import { type Caller, environmentOf, startCallers } from './support/callers.js'
import { connectPortals } from './support/portals.js'
import { refreshCalls } from './support/stored-tokens.js'
import type { Outcome } from './support/token-caller.js'

const WHOLE_TEST_MS = 120_000
const ROTATE = ['rotate-encryption', '--json']

const newKey = (id: string) => `${id}:${randomBytes(32).toString('base64')}`
const rotate = (app: TestApp) => runScript('src/cli.ts', ROTATE, environmentOf(app))
const failures = (outcomes: Outcome[]) => outcomes.map(({ failed }) => failed).filter((failed) => Object.keys(failed).length > 0)

/** An app that has just been given a new encryption key in front of the old one, which wraps all there is. */
async function appWithOldKey(portals: number) {
  const app = await testApp({ work: false, install: false, env: { ENCRYPTION_KEYS: `${newKey('new')},${newKey('old')}` } })
  app.hubspot.control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse: true })
  const [, old] = app.config.encryptionKeys as [EncryptionKey, EncryptionKey]
  return { app, portalIds: await connectPortals(app, old, portals) }
}

/** Calls for some portals' tokens after the others', half of which have expired, for as long as `isOver` says no. */
async function callMeanwhile(app: TestApp, callers: Caller[], portalIds: string[], isOver: () => boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  while (!isOver()) {
    const some = Array.from({ length: 30 }, () => portalIds[Math.floor(Math.random() * portalIds.length)] ?? '')
    await app.query(`UPDATE "PortalToken" SET "expiresAt" = now() WHERE "portalId" = ANY($1)`, [some.slice(0, 15)])
    outcomes.push(...(await Promise.all(callers.map((caller) => caller.call({ portalIds: some, callsEach: 2 })))))
  }
  return outcomes
}

/** Keeps one portal's row locked until it is let go, or the test ends. */
async function lockPortal({ databaseUrl }: TestApp, portalId: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  let isOpen = true
  const letGo = async () => {
    if (isOpen) await client.end()
    isOpen = false
  }
  onTestFinished(letGo)
  await client.query('BEGIN')
  await client.query('SELECT 1 FROM "Portal" WHERE "id" = $1 FOR UPDATE', [portalId])
  return letGo
}

describe('rotate-encryption', () => {
  it(
    'fails no caller while tokens are read and refreshed, and leaves nothing under the old key',
    async () => {
      const { app, portalIds } = await appWithOldKey(1_000)
      const callers = await startCallers(app, 3)

      let isOver = false
      const rotation = rotate(app).finally(() => {
        isOver = true
      })
      const outcomes = await callMeanwhile(app, callers, portalIds, () => isOver)

      const { code, stdout } = await rotation
      const done = JSON.parse(stdout) as { rewrapped: number }
      expect([code, done]).toEqual([0, { rewrapped: done.rewrapped, resealed: 0, failed: [], inUse: { new: 1_000 } }])
      expect(failures(outcomes)).toEqual([])
      expect(done.rewrapped).toBeGreaterThan(0)
      expect(refreshCalls(app).length).toBeGreaterThan(0)
      expect(refreshCalls(app).filter(({ outcome }) => outcome !== 'granted')).toEqual([])
      const { ENCRYPTION_KEYS = '' } = environmentOf(app)
      const later = await startCallers(app, 1, { ENCRYPTION_KEYS: ENCRYPTION_KEYS.split(',')[0] ?? '' })
      expect(failures(await Promise.all(later.map((caller) => caller.call({ portalIds, callsEach: 1 }))))).toEqual([])
    },
    WHOLE_TEST_MS,
  )

  it('that was killed in the middle has harmed nothing, and goes on when it is run again', async () => {
    const { app, portalIds } = await appWithOldKey(300)
    const callers = await startCallers(app, 1)
    const letGo = await lockPortal(app, portalIds[150] ?? '')
    const waiters = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`

    const command = spawnScript('src/cli.ts', ROTATE, environmentOf(app))
    await until(
      () => app.query(waiters),
      ({ length }) => length > 0,
    )
    await kill(command, 'SIGKILL')
    await letGo()

    const { old = 0 } = await app.deps.dataKeys.countByKey()
    expect(old).toBeGreaterThan(0)
    expect(old).toBeLessThan(300)
    const outcomes = await Promise.all(callers.map((caller) => caller.call({ portalIds, callsEach: 1 })))
    expect(failures(outcomes)).toEqual([])
    expect(JSON.parse((await rotate(app)).stdout)).toMatchObject({ failed: [], inUse: { new: 300 } })
  })

  it('names a portal whose data key is corrupt; only that one must be connected again', async () => {
    const { app, portalIds } = await appWithOldKey(30)
    const [corrupt = '', ...others] = portalIds
    await app.query(`UPDATE "Portal" SET "dataKey" = reverse("dataKey") WHERE "id" = $1`, [corrupt])
    const [caller] = await startCallers(app, 1)

    const { stdout } = await rotate(app)
    const outcome = await caller?.call({ portalIds, callsEach: 1 })

    expect(JSON.parse(stdout)).toEqual({ rewrapped: 29, resealed: 0, failed: [corrupt], inUse: { new: 29, old: 1 } })
    expect([outcome?.tokens.length, outcome?.failed]).toEqual([29, { portal_disconnected: 1 }])
    const portals = await app.deps.portals.list()
    expect(portals.filter(({ status }) => status === 'reconnect').map(({ id }) => id)).toEqual([corrupt])
    expect(portals.filter(({ status }) => status === 'connected')).toHaveLength(others.length)
  })
})

describe('an encryption key that is still in use', () => {
  it(
    'cannot be dropped: the start is refused and says how many portals and endpoints need it, until rotate-encryption was run',
    async () => {
      const [older, newer] = [newKey('old'), newKey('new')]
      const database = await createTestDatabase()
      onTestFinished(database.drop)
      const place = await testPlace({ DATABASE_URL: database.url, ENCRYPTION_KEYS: older })
      const app = await place.start()
      await installPortal(place.url, place.hubspot, PORTAL)
      const { key } = JSON.parse((await place.cli('keys', 'create', '--partner', 'P', '--portal', PORTAL, '--json')).stdout) as {
        key: string
      }
      await fetch(`${place.url}/v1/endpoints`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: '{}',
      })
      await kill(app, 'SIGTERM')

      place.env.ENCRYPTION_KEYS = newer
      const refused = await runScript('src/server.ts', [], place.env)
      place.env.ENCRYPTION_KEYS = `${newer},${older}`
      const rotated = await place.cli(...ROTATE)
      place.env.ENCRYPTION_KEYS = newer
      await place.start()

      expect([refused.code, refused.stderr]).toEqual([
        78,
        expect.stringContaining('key "old" still wraps the data keys of 1 portal and the secrets of 1 endpoint\n'),
      ])
      for (const key of [older, newer]) expect(refused.stdout + refused.stderr).not.toContain(key.split(':')[1])
      expect(JSON.parse(rotated.stdout)).toEqual({ rewrapped: 1, resealed: 1, failed: [], inUse: { new: 2 } })
      expect((await place.cli('portals', 'check', PORTAL)).code).toBe(0)
    },
    WHOLE_TEST_MS,
  )
})
