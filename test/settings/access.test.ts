import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.js'
import { type Admin, listRoutes, openAdmin, prepareDraft } from '../support/admin.js'
import { OTHER_PORTAL, PORTAL, startApp, type TestApp, testApp } from '../support/app.js'
import { openBrowser } from '../support/browser.js'
import { untilState, uploadFile } from '../support/requests.js'

let app: TestApp
let admin: Admin
let neighbour: Admin
let ids: Record<string, string>
let routes: { method: string; path: string }[]

beforeAll(async () => {
  app = await startApp()
  admin = await openAdmin(app)
  neighbour = await openAdmin(app, OTHER_PORTAL)
  await app.deps.partners.findPagePartner(OTHER_PORTAL)
  const { body } = await uploadFile(app)
  await untilState(app, body, 'done')
  const draft = await prepareDraft(admin, 'email,firstname\na@example.com,A\n')
  await admin.send(`${draft}/template`, { templateName: 'Mine' })
  await admin.send('/partners', { name: 'Muster', rowsPerDay: '' })
  const [own] = await app.query<{ id: string; key: string }>(
    `SELECT a."id", k."id" AS key FROM "Partner" a JOIN "ApiKey" k ON k."partnerId" = a."id" WHERE a."portalId" = $1 AND NOT a."isPage"`,
    [PORTAL],
  )
  const [template] = await app.query<{ id: string }>('SELECT "id" FROM "Template"')
  ids = {
    ':portalId': PORTAL,
    ':importId': String(body.id),
    ':draftId': draft.replace('/import/', ''),
    ':partnerId': own?.id ?? '',
    ':keyId': own?.key ?? '',
    ':templateId': template?.id ?? '',
  }
  routes = listRoutes(createApp(app.deps)).filter(({ path }) => /^\/settings/.test(path))
})
afterAll(() => app.close())

const fill = (path: string) => path.replaceAll(/:\w+/g, (name) => ids[name] ?? name)
const posts = () => routes.filter(({ method }) => method === 'POST').map(({ path }) => fill(path))
const gets = () =>
  routes.filter(({ method, path }) => method === 'GET' && path.includes(':portalId')).map(({ path }) => fill(path))

/** Everything that a form could change. */
const everything = async () => {
  const tables = ['Import', 'Draft', 'Template', 'Partner', 'ApiKey', 'Grant', 'Portal', 'Session']
  const rows = tables.map((table) => app.query(`SELECT * FROM "${table}" ORDER BY 1, 2`))
  // When a session was last seen is no change.
  return JSON.stringify(await Promise.all(rows)).replaceAll(/"(lastSeenAt|lastUsedAt)":"[^"]+"/g, '')
}

describe('every form of the settings pages', () => {
  it('D7.130: is refused without its token, with another session’s, from another site and from another origin', async () => {
    const before = await everything()

    const answers: [string, number][] = []
    for (const path of posts())
      for (const [token, headers] of [
        ['', {}],
        [neighbour.formToken, {}],
        [admin.formToken, { 'sec-fetch-site': 'cross-site' }],
        [admin.formToken, { origin: 'https://evil.example' }],
      ] as const) {
        const body = new URLSearchParams({ formToken: token })
        answers.push([path, (await admin.go(path, { method: 'POST', body, headers })).status])
        const file = new FormData()
        file.append('formToken', token)
        file.append('files', new Blob(['a,b\n1,2\n']), 'a.csv')
        const sent = await fetch(app.url + path, { method: 'POST', body: file, headers: { cookie: admin.cookie(), ...headers } })
        answers.push([path, sent.status])
      }

    expect(posts().length).toBeGreaterThan(15)
    expect(answers.filter(([, status]) => ![403, 415].includes(status))).toEqual([])
    expect(await everything()).toBe(before)
  })

  it('T12: does nothing for who is signed in to another portal, or to none, whatever ids it names', async () => {
    const before = await everything()

    const answers: [string, number][] = []
    for (const path of posts().filter((one) => one.includes(PORTAL)))
      for (const stranger of [neighbour, openBrowser(app)]) {
        const body = new URLSearchParams({ formToken: neighbour.formToken })
        answers.push([path, (await stranger.go(path, { method: 'POST', body })).status])
        // The neighbour's own portal, with what belongs to this one.
        const foreign = path.replace(`/settings/${PORTAL}`, neighbour.base)
        if (foreign.includes('_')) answers.push([foreign, (await stranger.go(foreign, { method: 'POST', body })).status])
      }

    expect(answers.filter(([, status]) => ![400, 403, 404, 415].includes(status))).toEqual([])
    expect(await everything()).toBe(before)
  })

  it.each([
    ['role', 'owner'],
    ['portalId', OTHER_PORTAL],
    ['tenantId', '1'],
    ['partnerId', 'prt_00000000000000000000000000000000'],
  ])('D7.132: takes no field of which it knows nothing: %s', async (name, value) => {
    const before = await everything()

    for (const path of posts().filter(
      (one) => one.includes(PORTAL) && !one.endsWith('/import') && !one.endsWith('/corrections'),
    )) {
      const res = await admin.send(path.slice(admin.base.length), { [name]: value })
      expect([path, res.status]).toEqual([path, 400])
    }
    expect(await everything()).toBe(before)
  })

  it('D7.132: takes no list for a single value', async () => {
    expect((await admin.send('/connection/retention', { days: ['5', '6'], was: '30' })).status).toBe(400)
    expect((await admin.send('/partners', { name: ['A', 'B'], rowsPerDay: '' })).status).toBe(400)
    expect((await admin.send(`/import/${ids[':draftId']}`, { name: ['A', 'B'] })).status).toBe(400)
  })
})

describe('every page of the settings', () => {
  it('D7.131: sends to the sign-in who has no session, one that is forged, and one that has ended', async () => {
    const ended = await openAdmin(app)
    await app.query(
      `UPDATE "Session" SET "expiresAt" = now() - interval '1 second' WHERE "idHash" = (SELECT "idHash" FROM "Session" ORDER BY "createdAt" DESC LIMIT 1)`,
    )
    const idle = await openAdmin(app)
    await app.query(
      `UPDATE "Session" SET "lastSeenAt" = now() - interval '13 hours' WHERE "idHash" = (SELECT "idHash" FROM "Session" ORDER BY "createdAt" DESC LIMIT 1)`,
    )
    const forged = { cookie: `${admin.cookie().slice(0, -2)}xx` }

    for (const path of gets()) {
      const wanted = [302, `/sign-in?portalId=${PORTAL}`]
      for (const res of [
        await openBrowser(app).go(path),
        await openBrowser(app).go(path, { headers: forged }),
        await ended.go(path),
        await idle.go(path),
      ])
        expect([path, res.status, res.location]).toEqual([path, ...wanted])
    }
  })

  it('T12: is answered like a missing one to the admin of another portal', async () => {
    const missing = await neighbour.go('/settings/987654321')
    for (const path of gets()) {
      const res = await neighbour.go(path)
      expect([path, res.status]).toEqual([path, 404])
      expect(comparable(res.text)).toBe(comparable(missing.text))
      const foreign = path.replace(`/settings/${PORTAL}`, neighbour.base)
      if (foreign.includes('_')) expect([foreign, (await neighbour.go(foreign)).status]).toEqual([foreign, 404])
    }
  })

  it('T22: is in no frame, no cache, and tells no other site where one was', async () => {
    for (const path of [
      ...gets().filter((one) => !/live$|errors.csv$/.test(one)),
      '/',
      '/sign-in',
      '/operator/enter',
      '/privacy',
    ]) {
      const { headers } = await admin.go(path)
      expect([path, headers.get('x-frame-options'), headers.get('cache-control'), headers.get('referrer-policy')]).toEqual([
        path,
        'SAMEORIGIN',
        'no-store',
        'same-origin',
      ])
      expect(headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'.*script-src 'nonce-[^']+'/)
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*/)
    }
  })
})

describe('a session', () => {
  it('keeps the accounts of one person together, and of another person none', async () => {
    const own = await testApp({ work: false })
    const browser = openBrowser(own)
    await browser.install()
    await browser.install(OTHER_PORTAL)
    expect((await browser.go(`/settings/${PORTAL}`)).status).toBe(200)

    await own.query(`UPDATE "Session" SET "userId" = '999'`)
    await browser.install(OTHER_PORTAL)

    expect((await browser.go(`/settings/${OTHER_PORTAL}`)).status).toBe(200)
    expect((await browser.go(`/settings/${PORTAL}`)).status).toBe(404)
  })

  it('is another one after every sign-in, and the one before is worth nothing', async () => {
    const own = await testApp({ work: false })
    const browser = openBrowser(own)
    await browser.install()
    const before = browser.cookies.get('importal') ?? ''
    await browser.install()

    expect(browser.cookies.get('importal')).not.toBe(before)
    const former = await openBrowser(own).go('/settings', { headers: { cookie: `importal=${before}` } })
    expect(former.location).toBe('/sign-in')
  })

  it('goes by a cookie that is for this host alone, where there is https', async () => {
    const own = await testApp({ install: false, work: false, env: { PUBLIC_URL: 'https://importal.example.com' } })
    const res = await fetch(`${own.url}/oauth/install`, { redirect: 'manual' })

    expect(res.headers.get('set-cookie')).toMatch(
      /^__Host-importal-install=.+; Path=\/; HttpOnly; Secure; SameSite=None$|^__Host-importal-install=.+Secure/,
    )
    expect(res.headers.get('set-cookie')).not.toContain('Domain=')
  })
})

describe('the operator', () => {
  it('enters by a link that is good once, and sees all portals and what a marketplace asks', async () => {
    const ticket = (await app.deps.operatorSessions.issueTicket()).reveal()
    const browser = openBrowser(app)

    const looked = await browser.go(`/operator/enter?ticket=${ticket}`)
    const entered = await browser.go('/operator/enter', { method: 'POST', body: new URLSearchParams({ ticket }) })
    await app.deps.callTally.flush()
    await app.deps.forJobs.callTally.flush()
    const page = await browser.go('/operator')

    expect([looked.status, entered.status, entered.location]).toEqual([200, 303, '/operator'])
    expect(page.text).toContain(PORTAL)
    expect(page.text).toContain(OTHER_PORTAL)
    expect(page.text).toMatch(/2 of the 3 that a listing needs/)
    expect(page.text).toMatch(/<dt>Permissions that were not used in 30 days<\/dt><dd>.*crm.schemas.custom.read/)
    const again = await openBrowser(app).go('/operator/enter', { method: 'POST', body: new URLSearchParams({ ticket }) })
    expect(again.status).toBe(403)
    expect(app.logged.join('')).not.toContain(ticket)
  })

  it.each([
    ['nothing', ''],
    ['a letter', 'x'],
    ['much', 'a'.repeat(1_000)],
  ])('is not let in by %s', async (_name, ticket) => {
    const browser = openBrowser(app)
    const res = await browser.go('/operator/enter', { method: 'POST', body: new URLSearchParams({ ticket }) })

    expect(res.status).toBe(403)
    expect((await browser.go('/operator')).status).toBe(404)
  })

  it('is not let in by a link that is older than ten minutes, nor by a session of an admin', async () => {
    const ticket = (await app.deps.operatorSessions.issueTicket()).reveal()
    await app.query(`UPDATE "OperatorSession" SET "expiresAt" = now() - interval '1 second' WHERE "isTicket"`)

    expect((await openBrowser(app).go('/operator/enter', { method: 'POST', body: new URLSearchParams({ ticket }) })).status).toBe(
      403,
    )
    expect((await admin.go('/operator')).status).toBe(404)
  })
})

function comparable(text: string): string {
  return text.replaceAll(/nonce="[^"]+"|name="back" value="[^"]+"|<code>[0-9a-f-]{36}<\/code>/g, '')
}
