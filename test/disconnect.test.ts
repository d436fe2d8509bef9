import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { disconnectPortal } from '../src/imports/departure/disconnect.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from './support/app.js'
import { openBrowser } from './support/browser.js'
import { kill, testPlace } from './support/process.js'
import { ask, contactsCsv, contactsRequest, untilState, uploadFile } from './support/requests.js'

const SLOW_MS = 120_000
const by = { actor: 'operator', why: 'a test' } as const

const portalRow = async (app: TestApp, portalId = PORTAL) =>
  (
    await app.query<{ status: string; dataKey: string | null; erasedAt: Date | null }>(
      'SELECT "status", "dataKey", "erasedAt" FROM "Portal" WHERE "id" = $1',
      [portalId],
    )
  )[0]
const untilErased = (app: TestApp, portalId = PORTAL) =>
  until(
    () => portalRow(app, portalId),
    (row) => row?.erasedAt instanceof Date,
    60_000,
  )
const importRows = (app: TestApp) =>
  app.query<{ state: string; code: string | null }>(`SELECT "state", "problem"->>'code' AS code FROM "Import" ORDER BY "id"`)
const actions = async (app: TestApp) =>
  (await app.query<{ action: string }>('SELECT "action" FROM "AuditEvent" ORDER BY "id"')).map(({ action }) => action)
const creates = (app: TestApp) =>
  app.hubspot.control.requests().filter(({ method, path }) => method === 'POST' && path.endsWith('/imports/2026-03')).length

describe('a disconnected portal', () => {
  it('is left at HubSpot, its tokens destroyed, its grants ended, its files and row errors deleted, with a receipt', async () => {
    const app = await testApp()
    const other = await app.install(OTHER_PORTAL).then(() => app.createKey('Partner', OTHER_PORTAL))
    const { body } = await uploadFile(app, { file: contactsCsv(3, 2) })
    await untilState(app, body, 'done')
    const kept = await uploadFile(app, { key: other, portalId: OTHER_PORTAL })
    await untilState({ ...app, key: other }, kept.body, 'done')

    await disconnectPortal(app.deps, PORTAL, by)
    await untilErased(app)

    expect(app.hubspot.control.uninstalls()).toMatchObject([{ portalId: PORTAL }])
    expect(await portalRow(app)).toMatchObject({ status: 'disconnected', dataKey: null })
    await expect(app.deps.tokens.read(PORTAL, 'disconnect')).rejects.toMatchObject({ code: 'portal_disconnected' })
    expect(await app.query('SELECT 1 FROM "PortalToken" WHERE "portalId" = $1', [PORTAL])).toEqual([])
    expect(await app.query('SELECT "portalId" FROM "Grant" WHERE "endedAt" IS NULL')).toEqual([{ portalId: OTHER_PORTAL }])
    expect(await app.query('SELECT 1 FROM "RowError"')).toEqual([])
    expect(await app.storedFiles()).toHaveLength(1)
    const receipt = await app.deps.audit.findNewest(PORTAL, 'portal_erased')
    expect(receipt?.detail).toEqual({
      toldHubSpot: 'uninstalled',
      importsCanceled: 0,
      importsLeftOpen: 0,
      files: 1,
      bytes: expect.any(Number),
      // Two that we found, and two of HubSpot's.
      rowErrors: 4,
      templates: 0,
    })
    expect((await app.deps.portals.find(OTHER_PORTAL))?.status).toBe('connected')
  })

  it('answers like a missing one from that moment on, to whoever had a key for it', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)

    await disconnectPortal(app.deps, PORTAL, by)

    for (const path of [`/v1/portals/${PORTAL}/imports`, body.links.self, body.links.errors]) {
      const { status, body: problem } = await ask<{ code: string }>(app, path)
      expect([status, problem.code]).toEqual([404, 'portal_not_found'])
    }
    expect((await uploadFile(app)).status).toBe(404)
    expect((await ask<{ results: unknown[] }>(app, '/v1/portals')).body.results).toEqual([])
    await expect(app.deps.accessToken(PORTAL, 'submit')).rejects.toMatchObject({ code: 'portal_not_found' })
  })

  it('is disconnected once, however often that is asked for', async () => {
    const app = await testApp()

    const answers = await Promise.all(Array.from({ length: 5 }, () => disconnectPortal(app.deps, PORTAL, by)))
    await untilErased(app)

    expect(answers.filter((isEnded) => isEnded)).toHaveLength(1)
    expect(app.hubspot.control.uninstalls()).toHaveLength(1)
    expect((await actions(app)).filter((action) => action === 'portal_erased')).toHaveLength(1)
  })

  it('may be installed again afterwards: the same row, a new version, and no partner let in again', async () => {
    const app = await testApp()
    await disconnectPortal(app.deps, PORTAL, by)
    await untilErased(app)

    await app.install()

    expect(await app.query('SELECT "status", "tokenVersion", "erasedAt", "disconnectedAt" FROM "Portal"')).toEqual([
      { status: 'connected', tokenVersion: 2, erasedAt: null, disconnectedAt: null },
    ])
    expect((await uploadFile(app)).status).toBe(404)
    const { body } = await uploadFile(app, { key: await app.createKey() })
    await untilState({ ...app, key: await app.createKey() }, body, 'done')
  })

  it('cannot be installed again while what was kept of it is still being deleted', async () => {
    const app = await testApp({ work: false })
    await disconnectPortal(app.deps, PORTAL, by)

    const browser = openBrowser(app)
    const res = await browser.install()

    expect([res.status, browser.isSignedIn()]).toEqual([409, false])
    expect(res.text).toContain('portal_disconnecting')
    expect(await portalRow(app)).toMatchObject({ status: 'disconnected' })
  })
})

describe('S13: disconnecting while an import is', () => {
  it('RECEIVING refuses it, and keeps nothing', async () => {
    const app = await testApp({ work: false })
    const body = new ReadableStream({
      async start(controller) {
        const part = (head: string, content: string) => `--b\r\ncontent-disposition: form-data; ${head}\r\n\r\n${content}\r\n`
        controller.enqueue(Buffer.from(part('name="importRequest"', JSON.stringify(contactsRequest()))))
        controller.enqueue(Buffer.from(part('name="files"; filename="contacts.csv"', contactsCsv(20_000)).slice(0, -2)))
        await until(app.storedFiles, (files) => files.length === 1)
        await disconnectPortal(app.deps, PORTAL, by)
        controller.enqueue(Buffer.from('\r\n--b--\r\n'))
        controller.close()
      },
    })

    const res = await fetch(`${app.url}/v1/portals/${PORTAL}/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}`, 'content-type': 'multipart/form-data; boundary=b' },
      body,
      duplex: 'half',
    } as RequestInit)

    expect([res.status, ((await res.json()) as { code: string }).code]).toEqual([404, 'portal_not_found'])
    expect([await importRows(app), await app.storedFiles()]).toEqual([[], []])
  })

  it.each([
    ['READY', 'accepted', null],
    ['HELD', 'held', 'reconnect'],
    ['HELD for a scope', 'held', 'scope'],
  ])('%s cancels it, and says why', async (_name, state, reason) => {
    const app = await testApp({ work: false })
    await uploadFile(app)
    await app.query('UPDATE "Import" SET "state" = $1, "reason" = $2', [state, reason])

    await disconnectPortal(app.deps, PORTAL, by)

    expect(await importRows(app)).toEqual([{ state: 'canceled', code: 'portal_disconnected' }])
    await app.startWork()
    await untilErased(app)
    expect([creates(app), await app.storedFiles()]).toEqual([0, []])
  })

  it(
    'SUBMITTING, its last bytes not let go, cancels it: HubSpot never gets it',
    async () => {
      const app = await testApp()
      app.hubspot.control.fault({ on: 'create', do: { readBytesPerSecond: 0 } })
      await uploadFile(app, { file: contactsCsv(600_000) })
      await until(
        () => importRows(app),
        ([row]) => row?.state === 'submitting',
      )

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      expect(await importRows(app)).toEqual([{ state: 'canceled', code: 'portal_disconnected' }])
      expect([app.hubspot.control.imports(), await app.storedFiles()]).toEqual([[], []])
    },
    SLOW_MS,
  )

  it(
    'SUBMITTING, its last bytes out, waits for the answer before HubSpot is left',
    async () => {
      const app = await testApp()
      app.hubspot.control.settings({ processingMs: 60_000 })
      app.hubspot.control.fault({ on: 'create', do: { slowMs: 2_000 } })
      await uploadFile(app)
      await until(
        () => app.query('SELECT 1 FROM "ImportPart" WHERE "committedAt" IS NOT NULL'),
        (rows) => rows.length === 1,
      )

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      const [made] = app.hubspot.control.imports()
      expect(await importRows(app)).toEqual([{ state: 'needs_review', code: 'portal_disconnected' }])
      expect(await app.query('SELECT "hubspotImportId" FROM "ImportPart"')).toEqual([{ hubspotImportId: made?.id }])
      const calls = app.hubspot.control.requests().map(({ method, path }) => `${method} ${path}`)
      const [create, left] = [
        calls.findIndex((call) => call.startsWith('POST /crm/imports')),
        calls.findIndex((call) => call.startsWith('DELETE')),
      ]
      expect(create).toBeLessThan(left)
    },
    SLOW_MS,
  )

  it(
    'AMBIGUOUS looks once in HubSpot’s list, and leaves it to a person',
    async () => {
      const app = await testApp()
      app.hubspot.control.settings({ processingMs: 60_000, listLagMs: 3_000 })
      app.hubspot.control.fault({ on: 'create', do: { reset: 'after-create' } })
      await uploadFile(app)
      await until(
        () => importRows(app),
        ([row]) => row?.state === 'ambiguous',
      )
      app.hubspot.control.settings({ listLagMs: 0 })

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      expect(await importRows(app)).toEqual([{ state: 'needs_review', code: 'portal_disconnected' }])
      expect(await app.query('SELECT "hubspotImportId" FROM "ImportPart"')).toEqual([
        { hubspotImportId: app.hubspot.control.imports()[0]?.id },
      ])
      expect(app.hubspot.control.imports()).toHaveLength(1)
    },
    SLOW_MS,
  )

  it(
    'PROCESSING stops following it',
    async () => {
      const app = await testApp()
      app.hubspot.control.settings({ processingMs: 60_000 })
      const { body } = await uploadFile(app)
      await untilState(app, body, 'submitted', 'processing')

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)
      const before = app.hubspot.control.requests().length
      await app.query(`UPDATE "Import" SET "pollAt" = now() - interval '1 hour', "updatedAt" = now() - interval '1 hour'`)
      await app.sweep()
      await until(
        () =>
          app.query(
            `SELECT 1 FROM pgboss.job WHERE state IN ('created', 'active') AND start_after <= now() AND name <> '__pgboss__maintenance'`,
          ),
        (jobs) => jobs.length === 0,
      )

      expect(await importRows(app)).toEqual([{ state: 'needs_review', code: 'portal_disconnected' }])
      expect(app.hubspot.control.requests()).toHaveLength(before)
    },
    SLOW_MS,
  )
})

describe('H31: when HubSpot cannot be told', () => {
  it.each([
    ['answers with errors', { status: 503 }],
    ['does not answer', { reset: 'at-once' as const }],
  ])(
    'because it %s, everything is deleted all the same, and the receipt says so',
    async (_name, fault) => {
      const app = await testApp()
      for (const on of ['uninstall', 'revoke', 'token'] as const) app.hubspot.control.fault({ on, times: 0, do: fault })

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      expect((await app.deps.audit.findNewest(PORTAL, 'portal_erased'))?.detail).toMatchObject({
        toldHubSpot: 'could not be reached',
      })
      expect(await portalRow(app)).toMatchObject({ dataKey: null })
      expect(await app.query('SELECT 1 FROM "PortalToken"')).toEqual([])
    },
    SLOW_MS,
  )

  it('because its answer to a revocation is an error, the app is uninstalled all the same', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'revoke', times: 0, do: { status: 500 } })

    await disconnectPortal(app.deps, PORTAL, by)
    await untilErased(app)

    expect((await app.deps.audit.findNewest(PORTAL, 'portal_erased'))?.detail).toMatchObject({ toldHubSpot: 'uninstalled' })
  })

  it('because the admin had removed the app there already, that is what the receipt says', async () => {
    const app = await testApp()
    app.hubspot.control.uninstall(PORTAL)

    await disconnectPortal(app.deps, PORTAL, by)
    await untilErased(app)

    expect((await app.deps.audit.findNewest(PORTAL, 'portal_erased'))?.detail).toMatchObject({ toldHubSpot: 'was gone already' })
  })

  it('for so long that whoever was about it hangs or died, the sweep destroys the tokens within the minute', async () => {
    const app = await testApp({ work: false })
    await disconnectPortal(app.deps, PORTAL, by)
    await app.query(`UPDATE "Portal" SET "disconnectedAt" = now() - interval '39 seconds'`)
    await app.sweep()
    const before = await portalRow(app)
    await app.query(`UPDATE "Portal" SET "disconnectedAt" = now() - interval '41 seconds'`)

    await app.sweep()

    expect([before?.dataKey === null, (await portalRow(app))?.dataKey]).toEqual([false, null])
  })
})

describe('H31 in the receipt', () => {
  it(
    'is not taken for an app that was gone already when the tokens went before HubSpot could be told',
    async () => {
      const app = await testApp({ work: false })
      await disconnectPortal(app.deps, PORTAL, by)
      await app.query(`UPDATE "Portal" SET "disconnectedAt" = now() - interval '41 seconds'`)
      await app.sweep()

      await app.startWork()
      await untilErased(app)

      expect((await app.deps.audit.findNewest(PORTAL, 'portal_erased'))?.detail).toMatchObject({
        toldHubSpot: 'could not be reached',
      })
    },
    SLOW_MS,
  )

  it(
    'is not taken for it either when the stored tokens cannot be opened: they are destroyed all the same',
    async () => {
      const app = await testApp()
      await app.query(`UPDATE "Portal" SET "dataKey" = substr("dataKey", 1, length("dataKey") - 4) || 'AAAA'`)

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      expect((await app.deps.audit.findNewest(PORTAL, 'portal_erased'))?.detail).toMatchObject({
        toldHubSpot: 'could not be reached',
      })
      expect([(await portalRow(app))?.dataKey, await app.query('SELECT 1 FROM "PortalToken"')]).toEqual([null, []])
    },
    SLOW_MS,
  )

  it(
    'of a HubSpot that rotates, is told with the newest token when the first try fails',
    async () => {
      const app = await testApp()
      app.hubspot.control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse: true })
      await app.query('UPDATE "PortalToken" SET "expiresAt" = now()')
      app.hubspot.control.fault({ on: 'uninstall', do: { status: 503 } })

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      expect(app.hubspot.control.uninstalls()).toHaveLength(1)
    },
    SLOW_MS,
  )

  it(
    'is given within the minute though HubSpot hangs, files and row errors deleted',
    async () => {
      const app = await testApp()
      for (const on of ['uninstall', 'revoke', 'token'] as const)
        app.hubspot.control.fault({ on, times: 0, do: { hang: 'before-create' } })
      await uploadFile(app)

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)

      const [row] = await app.query<{ seconds: number }>(
        `SELECT extract(epoch FROM "erasedAt" - "disconnectedAt")::float8 AS seconds FROM "Portal"`,
      )
      // The promise itself is a minute, by the database's clock.
      expect(row?.seconds).toBeLessThan(60)
      expect(await app.storedFiles()).toEqual([])
    },
    SLOW_MS,
  )
})

describe('a HubSpot that answers only when the time is up', () => {
  it(
    'is not asked again with the tokens that were destroyed: they may be those of a new installation by then',
    async () => {
      const app = await testApp({ work: false })
      app.hubspot.control.fault({ on: 'uninstall', do: { hang: 'before-create' } })
      await disconnectPortal(app.deps, PORTAL, by)
      await app.query(`UPDATE "Portal" SET "disconnectedAt" = now() - interval '36 seconds'`)
      await app.startWork()
      await untilErased(app)
      await app.install()

      await until(
        () => app.logged.some((line) => line.includes('"HubSpot could not be told of a disconnection"')),
        (isTold) => isTold,
        30_000,
      )
      // What is tried is that nothing more comes: the next try would have been a second later.
      await delay(2_000)

      const late = app.hubspot.control.requests().filter(({ method, path }) => method === 'DELETE' || path.endsWith('/revoke'))
      expect(late).toHaveLength(1)
      expect((await app.deps.portals.find(PORTAL))?.status).toBe('connected')
    },
    SLOW_MS,
  )
})

describe('a disconnection of a connection that was replaced meanwhile', () => {
  it('does nothing to the new one', async () => {
    const app = await testApp({ work: false })
    const { version } = await app.deps.tokens.read(PORTAL, 'check')
    await app.install()

    const isEnded = await disconnectPortal(app.deps, PORTAL, { ...by, tokenVersion: version })

    expect([isEnded, (await portalRow(app))?.status]).toEqual([false, 'connected'])
    expect(await app.query('SELECT 1 FROM "Grant" WHERE "endedAt" IS NULL')).toHaveLength(1)
  })

  it(
    'leaves nobody signed in who was so for the receipt of the one before',
    async () => {
      const app = await testApp()
      const former = openBrowser(app)
      await former.install()
      const page = await former.go(`/settings/${PORTAL}/disconnect`)
      await former.post(`/settings/${PORTAL}/disconnect`, page)
      await untilErased(app)

      await openBrowser(app).install()

      expect((await former.go('/settings')).location).toBe('/sign-in')
      expect((await former.post(`/settings/${PORTAL}/disconnect`, page)).status).toBe(403)
      expect((await portalRow(app))?.status).toBe('connected')
    },
    SLOW_MS,
  )
})

describe('a portal with very many waiting imports', () => {
  it(
    'is disconnected as well, and holds up nobody’s sweep',
    async () => {
      const app = await testApp({ work: false })
      const { body } = await uploadFile(app)
      await app.query(
        `WITH made AS (
         INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "reason")
         SELECT 'imp_' || lpad(to_hex(n), 32, '0'), "portalId", "partnerId", "name", "request", 'held', 'reconnect'
         FROM "Import", generate_series(1, 20000) n WHERE "id" = $1 RETURNING "id")
       INSERT INTO "ImportPart" ("id", "importId", "position") SELECT 'par_' || "id", "id", 0 FROM made`,
        [body.id],
      )

      await disconnectPortal(app.deps, PORTAL, by)

      expect(await app.query(`SELECT "state", count(*)::int FROM "Import" GROUP BY 1`)).toEqual([
        { state: 'canceled', count: 20_001 },
      ])
      expect(await app.query(`SELECT 1 FROM "ImportEvent" WHERE "type" = 'canceled'`)).toHaveLength(20_001)
    },
    SLOW_MS,
  )
})

describe('row errors that come after the end', () => {
  it(
    'are not kept',
    async () => {
      const app = await testApp()
      app.hubspot.control.fault({ on: 'errors', do: { slowMs: 3_000 } })
      await uploadFile(app, { file: contactsCsv(3, 2) })
      await until(
        () => app.hubspot.control.requests().filter(({ path }) => path.endsWith('/errors')),
        (calls) => calls.length === 1,
      )

      await disconnectPortal(app.deps, PORTAL, by)
      await untilErased(app)
      await until(
        () => app.hubspot.control.requests().filter(({ path, status }) => path.endsWith('/errors') && status === 200),
        (calls) => calls.length === 1,
      )
      await until(
        () => app.query(`SELECT 1 FROM pgboss.job WHERE name = 'track-portal' AND state = 'active'`),
        (jobs) => jobs.length === 0,
      )

      expect(await app.query('SELECT 1 FROM "RowError"')).toEqual([])
    },
    SLOW_MS,
  )
})

describe('a disconnection whose process is killed', () => {
  it(
    'anywhere is finished by the next one, and the receipt tells the whole of it',
    async () => {
      const place = await testPlace()
      const server = await place.start()
      const key = await place.prepare()
      const { body } = await uploadFile({ url: place.url, key }, { file: contactsCsv(3, 2) })
      await untilState({ url: place.url, key }, body, 'done')
      place.hubspot.control.fault({ on: 'uninstall', do: { hang: 'before-create' } })
      const disconnecting = place.cli('portals', 'disconnect', PORTAL, '--json')
      await until(
        () => place.hubspot.control.requests().some(({ method }) => method === 'DELETE'),
        (told) => told,
      )
      // With it goes the database, and with that the command.
      await kill(server, 'SIGKILL')
      const cut = await disconnecting
      await place.start()

      const { code, stdout, stderr } = await place.cli('portals', 'disconnect', PORTAL, '--json')

      expect(cut.code).toBe(1)

      expect([code, stderr]).toEqual([0, ''])
      expect(JSON.parse(stdout)).toMatchObject({ portalId: PORTAL, by: 'operator', files: 1, rowErrors: 4, grantsEnded: 1 })
      expect((JSON.parse((await place.cli('audit', 'verify', '--json')).stdout) as { broken: unknown }).broken).toBeNull()
    },
    SLOW_MS,
  )
})

describe('GET and POST /settings/:portalId/disconnect', () => {
  it(
    'shows what will happen, disconnects at the press of the button, and shows the receipt',
    async () => {
      const app = await testApp()
      const { body } = await uploadFile(app)
      await untilState(app, body, 'done')
      const browser = openBrowser(app)
      await browser.install()
      const another = openBrowser(app)
      await another.install()

      const page = await browser.go(`/settings/${PORTAL}/disconnect`)
      const done = await browser.post(`/settings/${PORTAL}/disconnect`, page)
      const receipt = await browser.go(done.location)

      expect(page.text).toContain('This cannot be undone')
      expect([done.status, done.location]).toEqual([303, `/settings/${PORTAL}`])
      expect(receipt.text).toContain('<h1>This account is disconnected</h1>')
      expect(receipt.text).toContain('Importal was uninstalled there')
      expect((await another.go('/settings')).location).toBe('/sign-in')
      const begun = await app.deps.audit.findNewest(PORTAL, 'portal_disconnected')
      expect(begun).toMatchObject({ actor: 'admin', detail: { grantsEnded: 1 } })
    },
    SLOW_MS,
  )

  it('is refused without the form’s token, from another site, and to who is not signed in', async () => {
    const app = await testApp({ work: false })
    const browser = openBrowser(app)
    await browser.install()
    const page = await browser.go(`/settings/${PORTAL}/disconnect`)

    const answers = [
      await browser.go(`/settings/${PORTAL}/disconnect`, { method: 'POST', body: new URLSearchParams() }),
      await browser.post(`/settings/${PORTAL}/disconnect`, page, { 'sec-fetch-site': 'cross-site' }),
      await browser.post(`/settings/${PORTAL}/disconnect`, page, { origin: 'https://evil.example' }),
      await openBrowser(app).post(`/settings/${PORTAL}/disconnect`, page),
    ]

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    expect((await openBrowser(app).go(`/settings/${PORTAL}/disconnect`)).location).toBe(`/sign-in?portalId=${PORTAL}`)
    expect((await browser.go(`/settings/${PORTAL}/disconnect`, { method: 'PUT' })).status).toBe(405)
    expect(await portalRow(app)).toMatchObject({ status: 'connected' })
  })
})
