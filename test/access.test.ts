import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from './support/app.js'
import { openBrowser } from './support/browser.js'
import { runScript, testPlace } from './support/process.js'
import { ask, untilState, uploadFile } from './support/requests.js'

const SLOW_MS = 120_000
const expire = (app: TestApp) => app.query(`UPDATE "PortalToken" SET "expiresAt" = now() + interval '1 minute'`)
const refreshes = (app: TestApp) =>
  app.hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'refresh_token').length
const status = async (app: TestApp, portalId = PORTAL) => (await app.deps.portals.find(portalId))?.status
const creates = (app: TestApp) =>
  app.hubspot.control.requests().filter(({ method, path }) => method === 'POST' && path.endsWith('/imports/2026-03')).length
const isDue = (app: TestApp) => app.query(`UPDATE "Portal" SET "checkAt" = now() - interval '1 second'`)
const checksAreOver = (app: TestApp) =>
  until(
    () => app.query(`SELECT 1 FROM pgboss.job WHERE name = 'check-access' AND state IN ('created', 'retry', 'active')`),
    (jobs) => jobs.length === 0,
  )
/** Time has come for a check, and it was made. */
async function check(app: TestApp): Promise<void> {
  await isDue(app)
  await app.sweep()
  await checksAreOver(app)
}
const dataKey = async (app: TestApp) =>
  (await app.query<{ dataKey: string | null }>('SELECT "dataKey" FROM "Portal"'))[0]?.dataKey
const nudge = (app: TestApp) => app.query(`UPDATE "Import" SET "nextAttemptAt" = now() - interval '1 minute'`).then(app.sweep)

describe('a client secret that HubSpot does not take any more', () => {
  it('parks no portal: an alarm for the operator and in the metrics, until it is right again', async () => {
    const app = await testApp()
    app.hubspot.control.rotateClientSecret('another')
    await expire(app)
    const { body } = await uploadFile(app)
    await until(
      () => app.deps.alarms.list(),
      (alarms) => alarms.length === 1,
    )
    // Not only whoever looked into the file was refused, but the import as well: nobody asks with the wrong secret any more.
    await until(
      () => app.query(`SELECT 1 FROM "Import" WHERE "state" = 'accepted' AND "nextAttemptAt" > now()`),
      ({ length }) => length === 1,
    )
    const browser = openBrowser(app)

    const [state, [alarm], metrics] = [
      (await ask(app, body.links.self)).body.state,
      await app.deps.alarms.list(),
      await fetch(`${app.url}/metrics`).then((res) => res.text()),
    ]
    expect(['accepted', 'submitting']).toContain(state)
    expect([await status(app), alarm?.kind, alarm?.detail]).toEqual([
      'connected',
      'credentials_refused',
      { httpStatus: 400, status: 'BAD_CLIENT_SECRET', error: 'invalid_client' },
    ])
    expect(metrics).toMatch(/^importal_alarms\{kind="credentials_refused"\} [1-9]/m)
    expect(metrics).toMatch(/^importal_token_refreshes_total\{outcome="oauth_misconfigured"\} [1-9]/m)
    expect(metrics).toMatch(/^importal_portals\{status="connected"\} 1$/m)

    app.hubspot.control.rotateClientSecret('test-secret')
    await browser.install()
    expect(await app.deps.alarms.list()).toEqual([])
    await nudge(app)
    await untilState(app, body, 'done')
    expect((await fetch(`${app.url}/metrics`).then((res) => res.text())).includes('importal_alarms{')).toBe(false)
  })

  it('is said to an admin in words that name no setting', async () => {
    const app = await testApp()
    const browser = openBrowser(app)
    await browser.install()
    await app.deps.alarms.raise('credentials_refused', {})

    const page = await browser.go('/settings')

    expect(page.text).toContain('Imports are waiting.')
    expect(page.text).not.toContain('HUBSPOT_')
  })

  it(
    'is said on the command line, beside the answer',
    async () => {
      const place = await testPlace()
      const app = await place.start()
      await place.prepare()
      place.hubspot.control.rotateClientSecret('another')
      const failed = await fetch(`${place.url}/oauth/install`, { redirect: 'manual' })
        .then(async (begun) => ({
          cookie: begun.headers
            .getSetCookie()
            .map((line) => line.split(';')[0])
            .join('; '),
          consent: await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' }),
        }))
        .then(({ cookie, consent }) => fetch(consent.headers.get('location') ?? '', { redirect: 'manual', headers: { cookie } }))

      const listed = await place.cli('portals', 'list', '--json')
      const doctor = await runScript('src/cli.ts', ['doctor'], place.env)

      expect(failed.status).toBe(502)
      expect(listed.stderr).toContain('HubSpot refuses our client id or client secret')
      expect((JSON.parse(listed.stdout) as unknown[]).length).toBe(1)
      expect([doctor.code, doctor.stdout]).toEqual([
        1,
        expect.stringMatching(/✗ credentials_refused: HubSpot refuses.*\n\s+→ .*HUBSPOT_CLIENT_SECRET/),
      ])
      expect(app.exitCode).toBeNull()
    },
    SLOW_MS,
  )
})

describe('a mistake of the operator’s that nobody meets but a check', () => {
  it.each([
    ['a client secret that HubSpot refuses', 'credentials_refused', { rotate: true }],
    ['a token endpoint that HubSpot does not know', 'api_path_unknown', { rotate: false }],
  ])('is an alarm as well: %s', async (_name, kind, { rotate }) => {
    const app = await testApp()
    if (rotate) app.hubspot.control.rotateClientSecret('another')
    else app.hubspot.control.fault({ on: 'introspect', times: 0, do: { status: 404 } })

    await check(app)

    expect((await app.deps.alarms.list()).map((alarm) => alarm.kind)).toEqual([kind])
    expect(await status(app)).toBe('connected')
  })
})

describe('BAD_REFRESH_TOKEN', () => {
  it('is not believed by whoever lost a race: the tokens that were stored meanwhile are used', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.uninstall(PORTAL)
    app.hubspot.control.fault({ on: 'token', do: { slowMs: 1_500 } })
    await expire(app)

    const asking = app.deps.accessToken(PORTAL, 'submit')
    await until(
      () => refreshes(app),
      (count) => count === 1,
    )
    await app.install()

    const { version } = await asking
    expect([version, await status(app)]).toEqual([2, 'connected'])
    expect(await app.deps.audit.findNewest(PORTAL, 'portal_reconnect_needed')).toBeUndefined()
  })
})

describe('a portal that uninstalled the app', () => {
  it('holds its imports, uploads included, and goes on by itself once it is connected again', async () => {
    const app = await testApp()
    app.hubspot.control.uninstall(PORTAL)
    const first = await uploadFile(app)
    await untilState(app, first.body, 'held')
    const second = await uploadFile(app)

    expect(second.body).toMatchObject({ state: 'held', reason: 'reconnect' })
    expect(await status(app)).toBe('reconnect')
    const browser = openBrowser(app)
    await browser.install()
    await untilState(app, first.body, 'done')
    await untilState(app, second.body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(2)
  })

  it('is noticed though nothing is asked of it, and its tokens are destroyed once HubSpot has said so twice', async () => {
    const app = await testApp()
    app.hubspot.control.uninstall(PORTAL)

    await check(app)
    const [noticed, still] = [await status(app), await dataKey(app)]
    await check(app)

    expect([noticed, typeof still]).toEqual(['reconnect', 'string'])
    expect([await status(app), await dataKey(app)]).toEqual(['reconnect', null])
    expect(await app.query('SELECT 1 FROM "PortalToken"')).toEqual([])
    expect((await uploadFile(app)).body).toMatchObject({ state: 'held', reason: 'reconnect' })
  })

  it('has its next check within seconds, so that its tokens are gone within the minute', async () => {
    const app = await testApp()
    app.hubspot.control.uninstall(PORTAL)

    await check(app)

    const [row] = await app.query<{ seconds: number }>(
      `SELECT extract(epoch FROM "checkAt" - now())::float8 AS seconds FROM "Portal"`,
    )
    expect(row?.seconds).toBeLessThanOrEqual(5)
  })

  it('is disconnected for good when nobody connects it for thirty days', async () => {
    const app = await testApp()
    app.hubspot.control.uninstall(PORTAL)
    await check(app)
    const { body } = await uploadFile(app)
    await app.query(`UPDATE "Portal" SET "reconnectSince" = now() - interval '30 days 1 minute'`)

    await check(app)

    await until(
      () => app.deps.portals.find(PORTAL),
      (portal) => portal?.erasedAt instanceof Date,
    )
    expect(await app.query(`SELECT "state", "problem"->>'code' AS code FROM "Import" WHERE "id" = $1`, [body.id])).toEqual([
      { state: 'canceled', code: 'portal_disconnected' },
    ])
    expect(await app.storedFiles()).toEqual([])
  })

  it(
    'S23: together with all the others, loses nothing: each resumes with its own consent',
    async () => {
      const app = await testApp({ install: false })
      const portals = ['700001', '700002', '700003', '700004', '700005']
      const uploads = []
      for (const portalId of portals) await app.install(portalId)
      for (const portalId of portals) app.hubspot.control.uninstall(portalId)
      for (const portalId of portals) {
        const key = await app.createKey('Partner', portalId)
        uploads.push({ key, portalId, body: (await uploadFile(app, { key, portalId })).body })
      }
      for (const { key, portalId, body } of uploads) {
        const held = await untilState({ ...app, key }, { id: body.id, portalId }, 'held')
        expect(held.reason).toBe('reconnect')
      }

      for (const portalId of portals) await app.install(portalId)

      for (const { key, portalId, body } of uploads) await untilState({ ...app, key }, { id: body.id, portalId }, 'done')
      expect(
        app.hubspot.control
          .imports()
          .map(({ portalId }) => portalId)
          .sort(),
      ).toEqual(portals)
    },
    SLOW_MS,
  )
})

describe('a portal that HubSpot wrongly refused', () => {
  it('is connected again by itself as soon as HubSpot takes its tokens, and its imports go on', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'token', do: { status: 400, body: { status: 'BAD_REFRESH_TOKEN', error: 'invalid_grant' } } })
    await expire(app)
    const { body } = await uploadFile(app)
    await untilState(app, body, 'held')
    const parked = await status(app)

    await check(app)

    await untilState(app, body, 'done')
    expect([parked, await status(app)]).toEqual(['reconnect', 'connected'])
  })

  it('keeps its tokens while introspection and refresh do not both call them dead', async () => {
    const app = await testApp({ work: true })
    app.hubspot.control.fault({
      on: 'token',
      times: 0,
      do: { status: 400, body: { status: 'BAD_REFRESH_TOKEN', error: 'invalid_grant' } },
    })
    await expire(app)
    await expect(app.deps.accessToken(PORTAL, 'submit')).rejects.toMatchObject({ code: 'portal_disconnected' })

    await check(app)

    expect([await status(app), typeof (await dataKey(app))]).toEqual(['reconnect', 'string'])
  })
})

describe('a 401', () => {
  it('H3: that is not for expiry asks whether the app is still there, and refreshes once', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: { status: 401 } })

    const { body } = await uploadFile(app)

    await untilState(app, body, 'done')
    expect([refreshes(app), creates(app), await status(app)]).toEqual([1, 2, 'connected'])
  })

  it('H3: again and again ends in a wait for a reconnect, with one refresh and no storm', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', times: 0, do: { status: 401 } })

    const { body } = await uploadFile(app)
    const held = await untilState(app, body, 'held')
    await app.sweep()
    await app.sweep()

    expect([held.reason, await status(app)]).toEqual(['reconnect', 'reconnect'])
    expect([refreshes(app), creates(app)]).toEqual([1, 2])
  })

  it('H3: of an app that HubSpot no longer knows means a reconnect without any refresh', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: { status: 401 } })
    app.hubspot.control.fault({ on: 'introspect', do: { status: 200, body: { active: false } } })

    const { body } = await uploadFile(app)

    expect((await untilState(app, body, 'held')).reason).toBe('reconnect')
    expect(refreshes(app)).toBe(0)
  })

  it('H2: for expiry refreshes once per version, whoever was refused', async () => {
    const app = await testApp()
    const uploads = [await uploadFile(app), await uploadFile(app), await uploadFile(app)]
    app.hubspot.control.expireTokens(PORTAL)

    for (const { body } of uploads) await untilState(app, body, 'done')

    expect(refreshes(app)).toBe(1)
    expect(app.hubspot.control.imports()).toHaveLength(3)
  })
})

describe('a 403 for a scope', () => {
  const refusal = {
    status: 403,
    body: {
      category: 'MISSING_SCOPES',
      message: 'No.',
      errors: [{ context: { requiredGranularScopes: ['crm.objects.x.write'] } }],
    },
  }

  it('H4: holds the import, names the scope to partner and admin, and lets it go on after a new consent', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: refusal })
    const browser = openBrowser(app)

    const { body } = await uploadFile(app)
    const held = await untilState(app, body, 'held')
    await browser.install(OTHER_PORTAL)
    const [elsewhere, missing] = [await browser.go('/settings'), (await app.deps.portals.find(PORTAL))?.missingScopes]

    expect(held).toMatchObject({
      reason: 'scope',
      problem: { code: 'scope_missing', detail: 'No. Missing: crm.objects.x.write.' },
    })
    expect(missing).toEqual(['crm.objects.x.write'])
    expect(elsewhere.text).not.toContain('crm.objects.x.write')
    await browser.install(PORTAL)
    const done = await untilState(app, body, 'done')
    expect([done.problem, (await app.deps.portals.find(PORTAL))?.missingScopes]).toEqual([null, []])
  })

  it('is shown on the settings page with what it is for, until the portal is connected again', async () => {
    const app = await testApp({ work: false })
    const browser = openBrowser(app)
    await browser.install()
    await app.deps.portals.recordMissingScopes(PORTAL, ['tickets'])

    const before = await browser.go('/settings')
    const listed = await browser.go(`/settings/${PORTAL}/connection`)
    await browser.install()
    const after = await browser.go('/settings')

    expect(before.text).toContain('New permissions are needed')
    expect(listed.text).toMatch(/<code>tickets<\/code><\/td><td class="wide">To see which .+Not allowed yet/)
    expect(after.text).not.toContain('permissions are needed')
  })
})

describe('H5: an address of the API that HubSpot does not know', () => {
  it('holds imports and is an alarm; what HubSpot takes ends it', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: { status: 404 } })
    const { body } = await uploadFile(app)
    const held = await untilState(app, body, 'held')
    const raised = await until(
      () => app.deps.alarms.list(),
      (alarms) => alarms.length > 0,
    )

    await nudge(app)
    await untilState(app, body, 'done')

    expect([held.reason, raised.map(({ kind }) => kind)]).toEqual(['busy', ['api_path_unknown']])
    expect(await app.deps.alarms.list()).toEqual([])
  })
})

describe('H12: a portal that HubSpot is moving', () => {
  it('is left alone as a whole: uploads are accepted and wait, and all go on when it is over', async () => {
    const app = await testApp()
    await app.install(OTHER_PORTAL)
    const other = await app.createKey('Partner', OTHER_PORTAL)
    app.hubspot.control.fault({
      on: 'create',
      portalId: PORTAL,
      times: 0,
      do: { status: 477, headers: { 'retry-after': '3600' } },
    })
    const first = await uploadFile(app)
    expect((await untilState(app, first.body, 'held')).reason).toBe('migration')
    const asked = creates(app)

    const second = await uploadFile(app)
    const elsewhere = await uploadFile(app, { key: other, portalId: OTHER_PORTAL })
    await untilState({ ...app, key: other }, elsewhere.body, 'done')
    await app.sweep()

    expect(second.body).toMatchObject({ state: 'held', reason: 'migration' })
    expect(creates(app)).toBe(asked + 1)
    await expect(app.deps.accessToken(PORTAL, 'track')).rejects.toMatchObject({ code: 'hubspot_migrating' })
    app.hubspot.control.clearFaults()
    await app.query(`UPDATE "Portal" SET "pausedUntil" = now()`)
    await nudge(app)
    await untilState(app, first.body, 'done')
    await untilState(app, second.body, 'done')
  })
})

describe('S14: a portal that is installed again while an import is on its way', () => {
  it('goes on under the new tokens, once', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: { slowMs: 1_500 } })
    const { body } = await uploadFile(app)
    await until(
      () => creates(app),
      (count) => count === 1,
    )

    await app.install()

    await untilState(app, body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(1)
    expect((await app.deps.tokens.read(PORTAL, 'check')).version).toBe(2)
  })

  it('with fewer scopes than are required keeps the installation it had', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ grantScopes: ['oauth', 'crm.import'] })
    const browser = openBrowser(app)

    const res = await browser.install()
    const { body } = await uploadFile(app)

    expect([res.status, browser.isSignedIn()]).toEqual([403, false])
    await untilState(app, body, 'done')
    expect((await app.deps.tokens.read(PORTAL, 'check')).version).toBe(1)
  })
})
