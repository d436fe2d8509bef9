import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { LANGUAGES } from '../../src/words/language.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from '../support/app.js'
import {
  collectForbidden,
  describeWithBrowser,
  expectSound,
  findUnsound,
  openChromium,
  openSignedIn,
} from '../support/chromium.js'
import { startReceiver } from '../support/receiver.js'
import { contactsRequest, untilState, uploadFile } from '../support/requests.js'

const SLOW_MS = 170_000
const LONG_NAME = `An import with a rather long name, as partners’ systems like to give them, ${'x'.repeat(80)}`

/** A portal in which there is something of everything: imports in every state, partners, a template, drafts, events. */
async function furnish(app: TestApp, page: Page): Promise<{ importId: string; draft: string; endpoint: string }> {
  const receiver = await startReceiver((res, nth) => res.writeHead(nth === 1 ? 200 : 500).end('<b>not today</b>'))
  await page.goto(`${app.url}/settings/${PORTAL}/notifications`)
  await page.locator('#url').fill(receiver.url)
  await page.locator('form[action$="/notifications"] button').click()
  app.noteEndpointSecret(await page.locator('#key').innerText())
  await page.locator('a.button').click()
  const endpoint = new URL(page.url()).pathname
  const { body } = await uploadFile(app, {
    request: contactsRequest({ name: LONG_NAME }),
    file: 'Email,First,Last\na@b.co,A,B\nwrong,B,C\n',
  })
  await untilState(app, body, 'done')
  const base = `${app.url}/settings/${PORTAL}`
  await page.goto(`${base}/import`)
  await page
    .locator('#files')
    .setInputFiles({ name: 'x.csv', mimeType: 'text/csv', buffer: Buffer.from('Email;Town;?\nx@y.co;Z;1\nnobody;Z;2\n') })
  await page.locator('form[enctype] button').click()
  const draft = new URL(page.url()).pathname
  await page.locator('form button[data-wait]').click()
  await page.locator('#templateName').fill('A template of mine')
  await page.locator('#template button').click()
  await page.goto(`${base}/partners`)
  await page.locator('#name').fill('Muster & Söhne')
  await page.locator('form[action$="/partners"] button').click()
  // One of each state: how they come about is tested elsewhere.
  await app.query(
    `
    INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "reason", "problem", "createdAt")
    SELECT 'imp_' || md5(s.state || coalesce(s.reason, '')), i."portalId", i."partnerId", 'An import that is ' || s.state, i."request", s.state, s.reason, s.problem::jsonb, now()
    FROM "Import" i, (VALUES ('accepted', NULL, NULL), ('submitting', NULL, NULL), ('submitted', NULL, NULL), ('processing', NULL, NULL),
      ('canceled', NULL, NULL), ('held', 'reconnect', NULL), ('held', 'scope', NULL), ('held', 'quota', NULL), ('held', 'migration', NULL), ('held', 'busy', NULL),
      ('ambiguous', NULL, NULL), ('needs_review', NULL, '{"code":"hubspot_import_lost","detail":"It is gone.","correlationId":"abc"}'),
      ('failed', NULL, '{"code":"hubspot_refused","detail":"No.","correlationId":null}')) s(state, reason, problem)
    WHERE i."id" = $1`,
    [body.id],
  )
  return { importId: String(body.id), draft, endpoint }
}

describeWithBrowser('every page', () => {
  it.each(LANGUAGES)(
    'is accessible and fits, from 320 to 1280 pixels, light and dark: %s',
    async (language) => {
      const app = await testApp({ env: { WEBHOOKS_ANYWHERE: 'true' } })
      const options = { bypassCSP: true, colorScheme: 'light', locale: language, viewport: { width: 320, height: 900 } } as const
      const page = await openSignedIn(await openChromium(), app, options)
      const unsound: string[] = []
      const look = async (path: string) => {
        await page.setViewportSize({ width: 320, height: 900 })
        await page.emulateMedia({ colorScheme: 'light' })
        await page.goto(app.url + path)
        unsound.push(...(await findUnsound(page)))
        await page.emulateMedia({ colorScheme: 'dark' })
        unsound.push(...(await findUnsound(page, true)))
        await page.setViewportSize({ width: 1280, height: 900 })
        unsound.push(...(await findUnsound(page, true)))
        await page.emulateMedia({ colorScheme: 'light' })
        unsound.push(...(await findUnsound(page, true)))
      }
      const base = `/settings/${PORTAL}`
      const lists = [base, `${base}/imports`, `${base}/templates`, `${base}/partners`, `${base}/notifications`]
      for (const path of lists) await look(path)
      const { importId, draft, endpoint } = await furnish(app, page)
      await app.deps.alarms.raise('credentials_refused', {})
      await app.deps.portals.recordMissingScopes(PORTAL, ['crm.schemas.custom.read'])
      const states = await app.query<{ id: string }>(`SELECT "id" FROM "Import" WHERE "id" <> $1`, [importId])

      for (const path of [
        ...[
          '/',
          '/sign-in',
          '/permissions',
          '/guide',
          '/privacy',
          '/terms',
          '/support',
          '/problems/upload_too_large',
          '/nowhere',
        ],
        ...['/oauth/callback', '/oauth/callback?code=x&state=y'],
        ...lists,
        ...[
          `${base}/import`,
          draft,
          endpoint,
          `${endpoint}?tested=1&saved=1&replayed=3`,
          `${draft}/check`,
          `${base}/connection`,
          `${base}/disconnect`,
          `${base}/imports?text=nothing`,
        ],
        ...[`${base}/imports/${importId}`, `${base}/imports/${importId}/fix`],
        ...states.map(({ id }) => `${base}/imports/${id}`),
      ])
        await look(path)

      expect([...new Set(unsound)]).toEqual([])
    },
    SLOW_MS,
  )

  it(
    'asks nobody else for anything, breaks no policy of its own, and is small',
    async () => {
      const app = await testApp({ env: { WEBHOOKS_ANYWHERE: 'true' } })
      const page = await openSignedIn(await openChromium(), app)
      const { importId, draft } = await furnish(app, page)
      const forbidden = collectForbidden(page)
      const asked: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      const base = `/settings/${PORTAL}`
      const sizes: Record<string, number> = {}

      for (const path of [
        '/',
        '/guide',
        base,
        `${base}/import`,
        draft,
        `${draft}/check`,
        `${base}/imports`,
        `${base}/imports/${importId}`,
        `${base}/partners`,
        `${base}/connection`,
      ]) {
        asked.length = 0
        await page.goto(app.url + path, { waitUntil: 'load' })
        sizes[path] = await compressedSize(
          asked.filter((url) => !url.startsWith('data:') && !/\/live$|\.png$/.test(url)),
          page,
        )
        expect(asked.filter((url) => !url.startsWith(app.url) && !url.startsWith('data:'))).toEqual([])
      }

      expect(forbidden).toEqual([])
      expect(Object.entries(sizes).filter(([, bytes]) => bytes > 60_000)).toEqual([])
    },
    SLOW_MS,
  )
})

/** What answers would take up as gzip. */
async function compressedSize(urls: string[], page: Page): Promise<number> {
  const { gzipSync } = await import('node:zlib')
  let bytes = 0
  for (const url of new Set(urls)) bytes += gzipSync(await (await page.context().request.get(url)).body()).length
  return bytes
}

describeWithBrowser('in a real browser', () => {
  it(
    'an admin who turns the request down is told that nothing was installed',
    async () => {
      const app = await testApp({ install: false })
      app.hubspot.control.settings({ autoApprove: false })
      const page = await (await openChromium()).newPage()

      await page.goto(`${app.url}/oauth/install`)
      await page.getByRole('button', { name: /cancel|deny/i }).click()

      await page.getByRole('heading', { name: 'Importal was not installed' }).waitFor()
      expect(await app.query('SELECT 1 FROM "Portal"')).toEqual([])
    },
    SLOW_MS,
  )

  it(
    'an admin reads what disconnecting means, does it, and gets an accessible receipt that comes by itself',
    async () => {
      const app = await testApp()
      const { body } = await uploadFile(app)
      await untilState(app, body, 'done')
      const page = await openSignedIn(await openChromium(), app, { viewport: { width: 320, height: 800 }, bypassCSP: true })

      await page.goto(`${app.url}/settings/${PORTAL}/connection`)
      await page.getByRole('link', { name: /disconnect…/i }).click()
      expect(await page.getByText('This cannot be undone').isVisible()).toBe(true)
      await page.getByRole('button', { name: 'Disconnect and delete' }).click()

      await page.getByRole('heading', { name: 'Receipt' }).waitFor()
      await expectSound(page)
      expect(app.hubspot.control.uninstalls()).toHaveLength(1)
      expect(await app.storedFiles()).toEqual([])
    },
    SLOW_MS,
  )

  it(
    'an admin of two accounts switches between them, and signs out of all devices at once',
    async () => {
      const app = await testApp()
      const browser = await openChromium()
      const page = await openSignedIn(browser, app)
      const elsewhere = await openSignedIn(browser, app)
      app.hubspot.control.portal(OTHER_PORTAL)
      await page.goto(`${app.url}/oauth/install?portalId=${OTHER_PORTAL}`)

      expect(await page.locator('main').getByText(`Hub ID ${OTHER_PORTAL}`).isVisible()).toBe(true)
      await page.locator('.account summary').click()
      await page.locator(`.account a[href="/settings/${PORTAL}"]`).click()
      expect(await page.locator('main').getByText(`Hub ID ${PORTAL}`).isVisible()).toBe(true)

      await page.locator('.account summary').click()
      await page.getByRole('button', { name: 'Sign out on all devices' }).click()
      await elsewhere.goto(`${app.url}/settings`)
      expect(await elsewhere.getByRole('heading', { name: 'Please sign in' }).isVisible()).toBe(true)
    },
    SLOW_MS,
  )

  it(
    'an admin’s choice of language and colours stays, on every page',
    async () => {
      const app = await testApp()
      const page = await openSignedIn(await openChromium(), app, { locale: 'en-GB' })
      await page.getByLabel('Language').selectOption('de')
      await page.getByLabel('Colours').selectOption('dark')
      await page.getByRole('button', { name: 'Apply' }).click()

      expect(await page.getByRole('heading', { name: 'Übersicht' }).isVisible()).toBe(true)
      await page.goto(`${app.url}/nowhere`)
      expect(await page.locator('html').getAttribute('lang')).toBe('de')
      expect(
        await page.evaluate(
          'getComputedStyle(document.body).colorScheme || getComputedStyle(document.documentElement).colorScheme',
        ),
      ).toBe('dark')
    },
    SLOW_MS,
  )
})
