import { describe, expect, it } from 'vitest'
import { createJournal } from '../src/hubspot/journal.js'
import { followJournal } from '../src/notices/journal.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { storePortal } from './support/rows.js'

const SCOPES = ['read', 'subscriptions.read', 'subscriptions.write'].map((name) => `developer.webhooks_journal.${name}`).join(' ')
const APP_ID = '1234567'

/** An app that knows one portal and follows the journal when it is told to. */
async function journalApp() {
  const app = await testApp({ install: false, work: false, env: { HUBSPOT_JOURNAL_SCOPES: SCOPES } })
  await storePortal(app, PORTAL)
  const confirmed: string[] = []
  const said: string[] = []
  const say = (level: string) => (fields: object, message: string) =>
    void said.push(`${level} ${message} ${JSON.stringify(fields)}`)
  const log = { fatal: say('fatal'), error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') }
  const deps = {
    ...app.deps,
    log,
    confirmUninstall: async (portalId: string) => {
      confirmed.push(portalId)
    },
  }
  return { app, confirmed, said, deps, follow: (change: Partial<typeof deps> = {}) => followJournal({ ...deps, ...change }) }
}

/** An uninstall as the journal tells it. */
function uninstall(change: Record<string, unknown> = {}) {
  return {
    type: 'APP_LIFECYCLE_EVENT',
    action: 'APP_UNINSTALL',
    portalId: Number(PORTAL),
    occurredAt: '2026-11-25T00:00:00Z',
    eventTypeId: '4-1916193',
    properties: { hs_app_id: APP_ID },
    ...change,
  }
}

const position = async (app: TestApp) =>
  (await app.query<{ offset: string | null }>('SELECT "offset" FROM "JournalPosition"'))[0]?.offset ?? null
const lastOffset = (app: TestApp) => app.hubspot.control.journal().at(-1)?.offset
const asked = (app: TestApp, path: RegExp) => app.hubspot.control.requests().filter((call) => path.test(call.path)).length
const tokenCalls = (app: TestApp) =>
  app.hubspot.control.tokenCalls().filter(({ grantType }) => grantType === 'client_credentials').length
const answerEntry = (app: TestApp, url: string) =>
  app.hubspot.control.fault({
    on: 'journal',
    do: { status: 200, body: { currentOffset: 'planted', expiresAt: '2026-11-26', url } },
  })

describe('HubSpot’s journal', () => {
  it('is not asked for when no scopes are configured for it', async () => {
    const app = await testApp({ install: false, work: false })

    await app.sweep()

    expect(app.hubspot.control.requests()).toEqual([])
    expect(await app.query('SELECT 1 FROM "JournalPosition"')).toEqual([])
  })

  it('is followed by the sweep: a portal that uninstalled the app is disconnected for good, once HubSpot itself says so', async () => {
    const { app } = await journalApp()
    await app.sweep()
    await app.install()

    app.hubspot.control.appendJournal(uninstall())
    await app.sweep()
    const stillThere = await app.deps.portals.find(PORTAL)
    app.hubspot.control.uninstall(PORTAL)
    await app.sweep()

    expect(stillThere?.status).toBe('connected')
    expect((await app.deps.portals.find(PORTAL))?.status).toBe('disconnected')
    expect(await position(app)).toBe(lastOffset(app))
    const [ended] = await app.query(`SELECT "actor", "portalId" FROM "AuditEvent" WHERE "action" = 'portal_disconnected'`)
    expect(ended).toEqual({ actor: 'hubspot', portalId: PORTAL })
  })

  it('is not held up by a portal whose tokens cannot be opened', async () => {
    const { app } = await journalApp()
    await app.sweep()
    await app.install()
    await app.query(`UPDATE "Portal" SET "dataKey" = substr("dataKey", 1, length("dataKey") - 4) || 'AAAA'`)
    await app.install(OTHER_PORTAL)
    app.hubspot.control.uninstall(PORTAL)
    app.hubspot.control.uninstall(OTHER_PORTAL)

    await app.sweep()

    expect((await app.deps.portals.list()).map(({ status }) => status)).toEqual(['disconnected', 'disconnected'])
    expect(await position(app)).toBe(lastOffset(app))
  })

  it('has the uninstall of a portal that we know confirmed, once', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())

    await follow()
    await follow()

    expect(confirmed).toEqual([PORTAL])
    expect(await position(app)).toBe(lastOffset(app))
  })

  it('is subscribed to once a day, and read with one token', async () => {
    const { app, follow } = await journalApp()

    await follow()
    await follow()

    expect(asked(app, /subscriptions/)).toBe(2)
    expect(tokenCalls(app)).toBe(1)
    await app.query(`UPDATE "JournalPosition" SET "subscribedAt" = now() - interval '25 hours'`)
    await follow()
    expect(asked(app, /subscriptions/)).toBe(4)
  })

  it('is read with a new token five minutes before the old one’s end', async () => {
    const { app, follow } = await journalApp()
    app.hubspot.control.settings({ tokenLifetimeSeconds: 300 })

    await follow()
    const before = tokenCalls(app)
    await follow()

    expect(tokenCalls(app)).toBeGreaterThan(before)
  })

  it('is read with a new token when HubSpot refuses the old one', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    await follow()
    app.hubspot.control.appendJournal(uninstall())
    app.hubspot.control.fault({ on: 'journal', do: { status: 401 } })

    await follow()
    await follow()

    expect(confirmed).toEqual([PORTAL, PORTAL])
    expect(tokenCalls(app)).toBe(2)
  })

  it.each([
    ['an install', { action: 'APP_INSTALL' }],
    ['a portal that is not ours', { portalId: 999_999 }],
    ['a portal that cannot be one', { portalId: { id: 1 } }],
    ['no portal', { portalId: undefined }],
    ['another app', { properties: { hs_app_id: '999' } }],
  ])('is passed over where it tells of %s', async (_name, change) => {
    const { app, confirmed, follow } = await journalApp()
    await app.query('UPDATE "Portal" SET "appId" = $1', [APP_ID])
    app.hubspot.control.appendJournal(uninstall(change))
    app.hubspot.control.appendJournal({ odd: true })

    await follow()

    expect(confirmed).toEqual([])
    expect(await position(app)).toBe(lastOffset(app))
  })

  it('is not left behind while a confirmation fails', async () => {
    const { app, confirmed, said, follow } = await journalApp()
    app.hubspot.control.appendJournal({})
    const first = lastOffset(app)
    app.hubspot.control.appendJournal(uninstall())
    const failing = async () => {
      throw new Error('HubSpot does not answer')
    }

    await follow({ confirmUninstall: failing })

    expect(await position(app)).toBe(first)
    expect(said).toEqual([expect.stringMatching(/^warn HubSpot’s journal could not be read/)])
    await follow()
    expect(confirmed).toEqual([PORTAL])
    expect(await position(app)).toBe(lastOffset(app))
  })

  it('has every other uninstall of an entry confirmed where one of them fails', async () => {
    const { app, follow } = await journalApp()
    await storePortal(app, OTHER_PORTAL)
    app.hubspot.control.appendJournal({})
    const journalEvents = [uninstall(), uninstall(), uninstall({ portalId: OTHER_PORTAL })]
    app.hubspot.control.fault({ on: 'journal', after: 1, do: { status: 200, body: { journalEvents } } })
    const tried: string[] = []
    const failingForOne = async (portalId: string) => {
      tried.push(portalId)
      if (portalId === PORTAL) throw new Error('HubSpot does not answer')
    }

    await follow({ confirmUninstall: failingForOne })

    expect(tried).toEqual([PORTAL, OTHER_PORTAL])
    expect(await position(app)).toBeNull()
  })

  it.each([
    ['401', { status: 401 }],
    ['429', { status: 429 }],
    ['500', { status: 500 }],
    ['a page', { garbage: 'html' as const }],
    ['half of an answer', { garbage: 'truncated' as const }],
    ['no answer', { reset: 'at-once' as const }],
  ])('is read again when HubSpot answers with %s', async (_name, fault) => {
    const { app, confirmed, said, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    app.hubspot.control.fault({ on: 'journal', do: fault })

    await follow()

    expect(confirmed).toEqual([])
    expect(said).toHaveLength(1)
    await follow()
    expect(confirmed).toEqual([PORTAL])
  })

  it('is read from the earliest again when HubSpot has forgotten the position', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    await follow()
    await app.query(`UPDATE "JournalPosition" SET "offset" = 'long ago/?'`)

    await follow()

    expect(confirmed).toEqual([PORTAL, PORTAL])
    expect(await position(app)).toBe(lastOffset(app))
  })

  it.each([
    ['unencrypted and from elsewhere', 'http://127.0.0.1:9/batch'],
    ['no web address', 'file:///etc/passwd'],
    ['no address', 'batch'],
  ])('is not read from an address that is %s', async (_name, url) => {
    const { app, said, follow } = await journalApp()
    answerEntry(app, url)

    await follow()

    expect(await position(app)).toBe('planted')
    expect(said).toEqual(['warn a part of HubSpot’s journal cannot be read, and is left out {}'])
  })

  it('is not read where a redirect leads', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    const elsewhere = `${app.hubspot.url}/elsewhere`
    app.hubspot.control.fault({ on: 'journal', after: 1, do: { status: 302, headers: { location: elsewhere } } })

    await follow()

    expect(confirmed).toEqual([])
    expect(asked(app, /elsewhere/)).toBe(0)
    expect(await position(app)).toBeNull()
  })

  it('is not read when it is too long for memory', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    app.hubspot.control.fault({ on: 'journal', after: 1, do: { garbage: 'huge' } })

    await follow()

    expect(confirmed).toEqual([])
    expect(await position(app)).toBeNull()
  })

  it('is warned of once when the app has not got its scopes, and read as soon as it has', async () => {
    const { app, confirmed, said, follow } = await journalApp()
    app.hubspot.control.settings({ journalScopes: [] })
    app.hubspot.control.fault({ on: 'subscribe', times: 2, do: { status: 403 } })

    await follow()
    await follow()
    app.hubspot.control.settings({ journalScopes: SCOPES.split(' ') })
    await follow()
    await follow()

    expect(said).toEqual([expect.stringMatching(/^warn .*"scope_missing"/)])
    app.hubspot.control.appendJournal(uninstall())
    await follow()
    expect(confirmed).toEqual([PORTAL])
  })

  it('never has a secret, a token or an address in what is said', async () => {
    const { app, said, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    for (const after of [0, 1]) {
      app.hubspot.control.fault({ on: 'journal', after, do: { status: 500 } })
      await follow()
    }
    app.hubspot.control.fault({ on: 'token', do: { status: 400, body: { error: 'invalid_client', message: 'test-secret' } } })
    await follow({ journal: createJournal(app.config) })

    // The last one twice: it is an alarm of the operator’s as well.
    expect(said).toHaveLength(4)
    expect(said.join()).not.toMatch(/test-secret|Bearer|batches|http/)
  })
})

describe('of several processes', () => {
  it('one at a time reads the journal', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    app.hubspot.control.fault({ on: 'journal', times: 0, do: { slowMs: 100 } })

    await Promise.all([follow(), follow(), follow()])

    expect(confirmed).toEqual([PORTAL])
    expect(asked(app, /earliest/)).toBe(1)
  })

  it('one that died keeps the others from it for no longer than its lease', async () => {
    const { app, confirmed, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    await app.query(`INSERT INTO "JournalPosition" ("id", "readAt") VALUES (1, now() + interval '1 minute')`)

    await follow()

    expect(confirmed).toEqual([])
    await app.query(`UPDATE "JournalPosition" SET "readAt" = now() - interval '1 second'`)
    await follow()
    expect(confirmed).toEqual([PORTAL])
  })

  it('one that was overtaken moves the position no more', async () => {
    const { app, follow } = await journalApp()
    app.hubspot.control.appendJournal(uninstall())
    const overtake = async () => {
      await app.query(`UPDATE "JournalPosition" SET "offset" = 'further on', "readAt" = now() + interval '1 minute'`)
    }

    await follow({ confirmUninstall: overtake })

    expect(await position(app)).toBe('further on')
    expect(await app.query('SELECT 1 FROM "JournalPosition" WHERE "readAt" > now()')).toHaveLength(1)
  })
})
