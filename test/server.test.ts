import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { PORTAL } from './support/app.js'
import { kill, runScript, testPlace } from './support/process.js'
import { ask, untilState, uploadFile } from './support/requests.js'

const SLOW_MS = 90_000

describe('npm start', () => {
  it('names everything that is wrong with the environment at once, prints no secret, and exits with 78', async () => {
    const run = await runScript('src/server.ts', [], { PORT: 'web', SESSION_SECRET: 'canary', ENCRYPTION_KEYS: 'canary' })

    expect(run.code).toBe(78)
    for (const name of ['PORT', 'HUBSPOT_CLIENT_ID', 'HUBSPOT_CLIENT_SECRET', 'ENCRYPTION_KEYS', 'SESSION_SECRET'])
      expect(run.stderr).toContain(name)
    expect(run.stdout + run.stderr).not.toContain('canary')
  })

  it(
    'refuses a second app on the same DATA_DIR, and says what to do',
    async () => {
      const place = await testPlace()
      await place.start()

      const second = await runScript('src/server.ts', [], { ...place.env, PORT: String(Number(place.env.PORT) + 1) })

      expect(second.code).toBe(78)
      expect(second.stderr).toMatch(/Another Importal already runs.*DATA_DIR/s)
    },
    SLOW_MS,
  )

  it(
    'says so when the port is taken, and leaves no Postgres behind',
    async () => {
      const place = await testPlace()
      const squatter = createServer().listen(Number(place.env.PORT))
      await once(squatter, 'listening')

      const refused = await runScript('src/server.ts', [], place.env)
      squatter.close()
      await once(squatter, 'close')

      expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining('PORT')])
      await place.start()
    },
    SLOW_MS,
  )

  it(
    'drains on SIGTERM: an upload under way is still answered, then it exits with 0 and can be started again',
    async () => {
      const place = await testPlace()
      const app = await place.start()
      const key = await place.prepare()

      const upload = uploadFile({ url: place.url, key })
      const code = await upload.then(() => kill(app, 'SIGTERM'))

      expect(code).toBe(0)
      await place.start()
      await untilState({ url: place.url, key }, (await upload).body, 'done')
      expect(place.hubspot.control.imports()).toHaveLength(1)
    },
    SLOW_MS,
  )
})

describe('the command line', () => {
  it(
    'works whether or not the server runs, and prints JSON and nothing else when asked to',
    async () => {
      const place = await testPlace()
      const app = await place.start()
      const key = await place.prepare()

      const whileRunning = await place.cli('portals', 'list', '--json')
      await kill(app, 'SIGTERM')
      const whileStopped = await place.cli('keys', 'list', '--json')
      const keys = JSON.parse(whileStopped.stdout) as { id: string; lastFour: string; partner: string }[]
      const revoked = await place.cli('keys', 'revoke', keys[0]?.id ?? '')
      await place.start()

      expect(JSON.parse(whileRunning.stdout)).toMatchObject([{ id: PORTAL, status: 'connected' }])
      expect(keys).toMatchObject([{ partner: 'Partner', lastFour: key.slice(-4) }])
      expect(whileStopped.stdout).not.toContain(key)
      expect(revoked.code).toBe(0)
      expect((await ask<{ code: string }>({ url: place.url, key }, '/v1/me')).body.code).toBe('key_invalid')
    },
    SLOW_MS,
  )

  it(
    'explains what it cannot do, on stderr, with a code other than 0',
    async () => {
      const place = await testPlace()

      const unknownPortal = await place.cli('keys', 'create', '--partner', 'P', '--portal', '987', '--json')
      const noSuchKey = await place.cli('keys', 'revoke', 'key_1')
      const nonsense = await place.cli('keys', 'destroy')
      const badRange = await place.cli('keys', 'create', '--partner', 'P', '--portal', PORTAL, '--cidr', '1.2.3.4/99')

      for (const run of [unknownPortal, noSuchKey, nonsense, badRange]) expect([run.stdout, run.code === 0]).toEqual(['', false])
      expect(unknownPortal.stderr).toContain('987')
      expect(nonsense.stderr).toContain('Usage')
      expect(badRange.stderr).toContain('--cidr')
    },
    SLOW_MS,
  )

  it(
    'doctor finds everything in order, or says what to do',
    async () => {
      const place = await testPlace()

      const healthy = await place.cli('doctor', '--json')
      const sick = await runScript('src/cli.ts', ['doctor'], {
        ...place.env,
        HUBSPOT_API_URL: 'http://localhost:1',
        PUBLIC_URL: 'http://example.com',
        AMBIGUOUS_WINDOW_SECONDS: '60',
      })
      const unset = await runScript('src/cli.ts', ['doctor'], {})

      expect(healthy.code).toBe(0)
      expect((JSON.parse(healthy.stdout) as { ok: boolean }[]).every(({ ok }) => ok)).toBe(true)
      expect(sick.code).toBe(1)
      expect(sick.stdout).toMatch(/✗ PUBLIC_URL[\s\S]*✗ AMBIGUOUS_WINDOW_SECONDS[\s\S]*✗ HubSpot/)
      expect(unset.stdout).toContain('✗ HUBSPOT_CLIENT_ID')
    },
    SLOW_MS,
  )
})
