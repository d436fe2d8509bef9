import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { PORTAL, testApp } from '../support/app.js'
import { contactsRequest, untilState, uploadFile } from '../support/requests.js'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const SLOW_MS = 90_000

// A machine without a browser says so in the closing line, as skipped; continuous integration installs one.
const describeWithBrowser = describe.skipIf(CHROMIUM === undefined)

async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS })
  onTestFinished(() => browser.close())
  return browser
}

/** Nothing that axe finds wrong, nothing that sticks out sideways, nothing the page's own policy forbids. */
async function expectSound(page: Page): Promise<void> {
  // Injected as the test's own, not as the page's: the page allows no scripts.
  await page.evaluate(await import('node:fs/promises').then(({ readFile }) => readFile(AXE, 'utf8')))
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  })
  expect(violations).toEqual([])
  const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  expect(overflow).toBe(0)
}

describeWithBrowser('in a real browser', () => {
  it(
    'an admin consents at HubSpot, lands on the settings page signed in, sees the imports, and signs out',
    async () => {
      const app = await testApp()
      app.hubspot.control.settings({ autoApprove: false })
      const { body } = await uploadFile(app, { request: contactsRequest({ name: 'A <b>bold</b> name' }) })
      await untilState(app, body, 'done')
      const page = await (await openBrowser()).newPage()

      await page.goto(app.url)
      await page.getByRole('link', { name: /connect/i }).click()
      await page.getByRole('radio', { name: new RegExp(PORTAL) }).check()
      await page.getByRole('button', { name: /allow|connect/i }).click()
      await page.waitForURL(`${app.url}/settings`)

      expect(await page.getByText('Connected').first().isVisible()).toBe(true)
      expect(await page.getByText(PORTAL).first().isVisible()).toBe(true)
      expect(await page.getByRole('cell', { name: 'A <b>bold</b> name' }).isVisible()).toBe(true)
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.goto(`${app.url}/settings`)
      expect(await page.getByRole('heading', { name: 'Please sign in' }).isVisible()).toBe(true)
    },
    SLOW_MS,
  )

  it(
    'an admin who turns the request down is told that nothing was installed',
    async () => {
      const app = await testApp({ install: false })
      app.hubspot.control.settings({ autoApprove: false })
      const page = await (await openBrowser()).newPage()

      await page.goto(`${app.url}/oauth/install`)
      await page.getByRole('button', { name: /cancel|deny/i }).click()

      await page.getByRole('heading', { name: 'Importal was not installed' }).waitFor()
      expect(await app.query('SELECT 1 FROM "Portal"')).toEqual([])
    },
    SLOW_MS,
  )

  it(
    'an admin reads what disconnecting means, does it, and gets an accessible receipt',
    async () => {
      const app = await testApp()
      const { body } = await uploadFile(app)
      await untilState(app, body, 'done')
      const page = await (await openBrowser()).newPage({ viewport: { width: 320, height: 800 }, bypassCSP: true })
      await page.goto(`${app.url}/oauth/install?portalId=${PORTAL}`)

      await page.goto(`${app.url}/settings`)
      await page.getByRole('link', { name: /disconnect/i }).click()
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
    'an admin is told of waiting imports, a lost connection and missing permissions, accessibly',
    async () => {
      const app = await testApp({ work: false })
      const browser = await openBrowser()
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ viewport: { width: 320, height: 800 }, colorScheme, bypassCSP: true })
        await page.goto(`${app.url}/oauth/install?portalId=${PORTAL}`)
        await app.deps.alarms.raise('credentials_refused', {})
        await app.deps.portals.recordMissingScopes(PORTAL, ['tickets'])
        await app.query(`UPDATE "Portal" SET "status" = 'reconnect'`)

        await page.goto(`${app.url}/settings`)

        for (const text of ['Imports are waiting.', 'HubSpot no longer lets us in.', 'A new permission is needed'])
          expect(await page.getByText(text).isVisible()).toBe(true)
        await expectSound(page)
        await page.close()
      }
    },
    SLOW_MS,
  )

  it(
    'every page is accessible and fits, from 320 to 1280 pixels, light and dark',
    async () => {
      const app = await testApp()
      await uploadFile(app, {
        request: contactsRequest({ name: 'An import with a rather long name, as partners’ systems like to give them' }),
      })
      const browser = await openBrowser()

      for (const colorScheme of ['light', 'dark'] as const) {
        for (const width of [320, 1280]) {
          const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme, bypassCSP: true })
          await page.goto(`${app.url}/oauth/install?portalId=${PORTAL}`)
          for (const path of [
            '/settings',
            '/settings/disconnect',
            '/',
            '/problems/upload_too_large',
            '/nowhere',
            '/oauth/callback',
            '/oauth/callback?code=x&state=y',
          ]) {
            await page.goto(app.url + path)
            await expectSound(page)
          }
          await page.close()
        }
      }
    },
    SLOW_MS,
  )
})
