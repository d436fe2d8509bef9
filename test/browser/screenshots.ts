// `npm run screenshots`: every page and state, written to docs/screenshots for whoever reads about them, and to be looked at.
import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { it } from 'vitest'
import type { Language } from '../../src/words/language.js'
import { PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { describeWithBrowser, openChromium } from '../support/chromium.js'

const FOLDER = fileURLToPath(new URL('../../docs/screenshots', import.meta.url))
const SLOW_MS = 170_000
const FILE = {
  name: 'kunden-november.csv',
  mimeType: 'text/csv',
  buffer: Buffer.from(
    [
      'E-Mail;Vorname;Nachname;Firma;Geburtstag;Notiz XY',
      'anna.berg@example.com;Anna;Berg;Beispiel GmbH;31.12.1990;x',
      'jonas.müller@example;Jonas;Müller;Muster AG;1.2.1985;y',
      'lea.weiß@example.com;Lea;Weiß;Beispiel GmbH;24.07.1979;z',
      'paul.klein@example.com;Paul;Klein;Klein & Sohn;17.13.2001;x',
      'mia.groß@example.com;Mia;Groß;Muster AG;05.05.1999;y',
    ].join('\r\n'),
    'latin1',
  ),
}

const LOOKS = [
  { language: 'en', theme: 'light', width: 1280 },
  { language: 'de', theme: 'light', width: 1280 },
  { language: 'de', theme: 'dark', width: 320 },
] as const

describeWithBrowser('screenshots', () => {
  it.each(LOOKS)(
    'in $language, $theme, $width pixels wide',
    async ({ language, theme, width }) => {
      const app = await testApp({ install: false })
      app.hubspot.control.settings({ autoApprove: false })
      app.hubspot.control.portal(PORTAL)
      const folder = `${FOLDER}/${language}-${theme}-${width}`
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder, { recursive: true })
      const context = await (await openChromium()).newContext({
        locale: language === 'de' ? 'de-DE' : 'en-GB',
        colorScheme: theme,
        viewport: { width, height: 800 },
      })
      const page = await context.newPage()
      page.setDefaultTimeout(20_000)
      await walk(app, page, language, (name) => page.screenshot({ path: `${folder}/${name}.png`, fullPage: name !== 'guide' }))
    },
    SLOW_MS,
  )
})

async function walk(app: TestApp, page: Page, _language: Language, take: (name: string) => Promise<unknown>): Promise<void> {
  const base = `${app.url}/settings/${PORTAL}`
  const at = async (name: string, url: string) => {
    await page.goto(url)
    await take(name)
  }
  await at('home', app.url)
  await at('permissions', `${app.url}/permissions`)
  await at('sign-in', `${app.url}/sign-in`)
  await at('guide', `${app.url}/guide`)
  await at('problem', `${app.url}/problems/quotes_unbalanced`)
  await at('error', `${app.url}/nowhere`)
  await at('consent', `${app.url}/oauth/install?portalId=${PORTAL}`)
  const radio = page.getByRole('radio', { name: new RegExp(PORTAL) })
  if (await radio.isVisible()) await radio.check()
  await page.getByRole('button', { name: /allow|connect/i }).click()
  await page.waitForURL(`${app.url}/settings`)
  await take('overview-empty')
  await at('history-empty', `${base}/imports`)
  await at('import-choose', `${base}/import`)
  await page.locator('#files').setInputFiles(FILE)
  await page.locator('form[enctype] button').click()
  await page.locator('#columns').waitFor()
  await take('import-columns')
  await page.locator('form button[data-wait]').click()
  await page.locator('#template').waitFor()
  await page.locator('#templateName').fill('Kundenliste')
  await page.locator('#template button').click()
  await page.waitForURL(/saved=1/)
  await take('import-check')
  app.hubspot.control.settings({ processingMs: 60_000 })
  await page.locator('form[action$="/start"] button').click()
  await until(
    () => page.locator('progress').count(),
    (count) => count > 0,
  )
  await take('import-running')
  await at('overview-running', base)
  const [running] = await app.query<{ id: string }>('SELECT "id" FROM "Import"')
  await page.goto(`${base}/imports/${running?.id}`)
  await page.locator('form[action$="/cancel"] button').click()
  await until(
    () => app.query<{ state: string }>('SELECT "state" FROM "Import"'),
    ([row]) => row?.state === 'canceled',
  )
  await page.reload()
  await take('import-canceled')
  app.hubspot.control.settings({ processingMs: 60 })
  await page.locator('form[action$="/again"] button').click()
  await page.locator('form button[data-wait]').click()
  await page.locator('form[action$="/start"] button').click()
  await page.locator('.status.good').first().waitFor()
  await page.reload()
  await take('import-done')
  await page.locator('a[href$="/fix"]').click()
  await take('import-fix')
  await app.query(`INSERT INTO "ImportDay" SELECT "portalId", current_date - n, "id", 3, (n * 37) % 400, (n * 91) % 300, (n * 13) % 40
    FROM "Partner", generate_series(1, 29) n WHERE "isPage"`)
  await at('overview', base)
  await at('history', `${base}/imports`)
  await at('templates', `${base}/templates`)
  await page.goto(`${base}/partners`)
  await page.locator('#name').fill('Muster GmbH')
  await page.locator('input[value="0-1"]').last().check()
  await page.locator('form[action$="/partners"] button').click()
  await page.locator('#key').waitFor()
  // What is shown in a picture is no key.
  await page.evaluate(`document.getElementById('key').textContent = 'imp_live_EXAMPLE_shown_once'`)
  await take('partner-key')
  await app.query(
    `INSERT INTO "KeyDay" SELECT "id", current_date - n, (n * 7) % 50 + 1 FROM "ApiKey", generate_series(0, 29) n WHERE n % 3 > 0`,
  )
  await at('partners', `${base}/partners`)
  await at('notifications-empty', `${base}/notifications`)
  await page.locator('#url').fill('https://hooks.example.com/importal')
  await page.locator('input[value="import.completed"]').check()
  await page.locator('form[action$="/notifications"] button').click()
  // What is shown in a picture is no secret.
  await page.evaluate(`document.getElementById('key').textContent = 'whsec_EXAMPLE_shown_once'`)
  await take('notification-secret')
  await app.query(`INSERT INTO "WebhookDelivery" ("id", "endpointId", "type", "payload", "attempts", "deliveredAt", "nextAttemptAt")
    SELECT 'msg_' || md5(n::text), "id", 'import.completed', '{"type": "import.completed"}', n, CASE n WHEN 1 THEN now() END, CASE n WHEN 2 THEN now() + interval '5 minutes' END
    FROM "WebhookEndpoint", generate_series(1, 2) n`)
  await at('notifications', `${base}/notifications`)
  await page.locator('h2 a').click()
  await take('notification-log')
  await at('connection', `${base}/connection`)
  await app.query(`INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "reason", "problem")
    SELECT 'imp_' || md5(s.state), i."portalId", i."partnerId", 'Kunden', i."request", s.state, s.reason, s.problem::jsonb
    FROM (SELECT * FROM "Import" LIMIT 1) i, (VALUES ('held', 'quota', NULL), ('failed', NULL, '{"code":"hubspot_refused","detail":"The file has more columns than mappings.","correlationId":"5f2c"}')) s(state, reason, problem)`)
  for (const state of ['held', 'failed']) {
    const [row] = await app.query<{ id: string }>('SELECT "id" FROM "Import" WHERE "state" = $1', [state])
    await at(`import-${state}`, `${base}/imports/${row?.id}`)
  }
  await app.query(`UPDATE "Portal" SET "status" = 'reconnect', "missingScopes" = '{tickets}'`)
  await at('overview-attention', base)
  await app.query(`UPDATE "Portal" SET "status" = 'connected'`)
  const ticket = (await app.deps.operatorSessions.issueTicket()).reveal()
  await page.goto(`${app.url}/operator/enter?ticket=${ticket}`)
  await page.locator('main button').click()
  await take('operator')
  await at('disconnect', `${base}/disconnect`)
  await page.locator('button.danger').click()
  await page.locator('#receipt').waitFor()
  await take('disconnected')
}
