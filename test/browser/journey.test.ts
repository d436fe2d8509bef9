import type { Locator, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { CONNECTION, DISCONNECT } from '../../src/settings/connection/words.js'
import { CHECK, CHOOSE, MAPPING } from '../../src/settings/import/words.js'
import { DETAIL, FIX, HISTORY } from '../../src/settings/imports/words.js'
import { OVERVIEW } from '../../src/settings/overview/words.js'
import { NEW_KEY, PARTNERS } from '../../src/settings/partners/words.js'
import { HOME } from '../../src/settings/public/words.js'
import { LANGUAGES, type Language } from '../../src/words/language.js'
import { SHELL } from '../../src/words/shell.js'
import { STATES } from '../../src/words/states.js'
import { PORTAL, type TestApp, testApp } from '../support/app.js'
import { collectForbidden, describeWithBrowser, openChromium } from '../support/chromium.js'

const SLOW_MS = 150_000
/** As a German Excel saves CSV; one address is wrong, and one column is nobody's. */
const FILE = {
  name: 'kunden.csv',
  mimeType: 'text/csv',
  buffer: Buffer.from(
    'E-Mail;Vorname;Nachname;Kundenwert XY\r\nanna@example.com;Anna;M\xfcller;12\r\nkaputt;Ben;Gro\xdf;13\r\n',
    'latin1',
  ),
}

type Act = {
  press: (target: Locator) => Promise<void>
  choose: (target: Locator, value: string) => Promise<void>
  write: (target: Locator, text: string) => Promise<void>
}

/** How somebody with a mouse does things. */
function byMouse(): Act {
  return {
    press: (target) => target.click(),
    choose: async (target, value) => void (await target.selectOption(value)),
    write: (target, text) => target.fill(text),
  }
}

/** How somebody does the same with a keyboard alone: everything is reached by Tab. */
function byKeyboard(page: Page): Act {
  const reach = async (target: Locator) => {
    for (let presses = 0; presses < 200; presses++) {
      if (await target.evaluate((element) => element.matches(':focus'))) return
      await page.keyboard.press('Tab')
    }
    throw new Error(`not reached by Tab: ${target}`)
  }
  return {
    press: async (target) => {
      await reach(target)
      await page.keyboard.press('Enter')
    },
    choose: async (target, value) => {
      await reach(target)
      const label = await target.locator(`option[value="${value}"]`).first().innerText()
      await page.keyboard.type(label)
    },
    write: async (target, text) => {
      await reach(target)
      await page.keyboard.press('ControlOrMeta+a')
      await page.keyboard.type(text)
    },
  }
}

/** Waits for an import to be done: the page says so by itself, or, without scripts, when it is loaded again. */
async function untilDone(page: Page, language: Language, hasScripts: boolean): Promise<void> {
  const done = page.locator('main .status.good', { hasText: STATES[language].state.done ?? '' }).first()
  if (hasScripts) return done.waitFor({ timeout: 30_000 })
  for (let loads = 0; loads < 200; loads++) {
    if (await done.isVisible()) return
    await page.reload()
  }
  throw new Error('the import is not done')
}

/** The whole of what a portal's admin does, from the first page to the last. */
async function travel(app: TestApp, page: Page, language: Language, act: Act, hasScripts: boolean): Promise<void> {
  const link = (name: string) => page.getByRole('link', { name, exact: true }).first()
  const button = (name: string) => page.getByRole('button', { name, exact: true }).first()
  const heading = (name: string) => page.getByRole('heading', { name, exact: true }).first()
  app.hubspot.control.portal(PORTAL)

  await page.goto(app.url)
  await act.press(link(HOME[language].connect))
  await page.getByRole('radio', { name: new RegExp(PORTAL) }).check()
  await page.getByRole('button', { name: /allow|connect/i }).click()
  await page.waitForURL(`${app.url}/settings`)
  await heading(OVERVIEW[language].welcome).waitFor()

  await act.press(page.locator('main').getByRole('link', { name: OVERVIEW[language].stepImport, exact: true }))
  await page.getByLabel(CHOOSE[language].file).setInputFiles(FILE)
  await act.press(button(CHOOSE[language].upload))

  await heading(MAPPING[language].understood).waitFor()
  expect(await page.getByText('WINDOWS-1252').isVisible()).toBe(true)
  expect(await page.getByText(MAPPING[language].delimiters[';'] ?? '', { exact: true }).isVisible()).toBe(true)
  expect(await page.getByRole('cell', { name: 'Müller' }).first().isVisible()).toBe(true)
  expect(await page.locator('#column-0').inputValue()).toBe('email')
  expect(await page.locator('#column-3').inputValue()).toBe('')
  await act.choose(page.locator('#column-3'), 'city')
  expect(await page.locator('#column-3').inputValue()).toBe('city')
  await act.press(button(MAPPING[language].check))

  await heading(CHECK[language].wrong).waitFor()
  expect(await page.getByRole('cell', { name: 'kaputt' }).isVisible()).toBe(true)
  await act.write(page.getByLabel(CHECK[language].templateName), 'Kundenliste')
  await act.press(button(CHECK[language].save))
  await page.getByText(CHECK[language].saved).waitFor()
  await act.press(button(CHECK[language].start))
  await untilDone(page, language, hasScripts)

  // The wrong row is corrected and imported alone, in two presses.
  await act.press(link(DETAIL[language].fix))
  await act.write(page.getByLabel(FIX[language].cell('E-Mail', '3')), 'ben@example.com')
  await act.press(button(FIX[language].send))
  await page.getByText(DETAIL[language].correctionOf).waitFor()
  await untilDone(page, language, hasScripts)
  expect(await app.query('SELECT sum("created")::int AS created, sum("failed")::int AS failed FROM "ImportDay"')).toEqual([
    { created: 2, failed: 1 },
  ])

  await act.press(link(SHELL[language].partners))
  await act.write(page.getByLabel(PARTNERS[language].name, { exact: true }), 'Muster GmbH')
  await act.press(button(PARTNERS[language].connectButton))
  await page.getByText(NEW_KEY[language].once).waitFor()
  const key = await page.locator('#key').innerText()
  expect((await fetch(`${app.url}/v1/portals`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200)
  await act.press(link(NEW_KEY[language].back))
  await heading('Muster GmbH').waitFor()
  expect(await page.content()).not.toContain(key)

  await act.press(link(SHELL[language].history))
  await act.write(page.getByLabel(HISTORY[language].search), 'kunden')
  await act.press(button(HISTORY[language].show))
  await link('kunden.csv').waitFor()
  await act.press(link(SHELL[language].overview))
  await page.getByRole('img', { name: OVERVIEW[language].chartSummary('2', '0', '1') }).waitFor()

  await act.press(link(SHELL[language].connection))
  await heading(CONNECTION[language].trail).waitFor()
  await act.press(link(CONNECTION[language].disconnect))
  await page.getByText(DISCONNECT[language].final).waitFor()
}

const WAYS = LANGUAGES.flatMap((language) => [
  { language, hasScripts: true, hand: 'the mouse' },
  { language, hasScripts: false, hand: 'the mouse' },
])

describeWithBrowser('a portal’s admin', () => {
  it.each([...WAYS, { language: 'de' as const, hasScripts: true, hand: 'the keyboard' }])(
    'installs, imports a file, corrects a row and lets a partner in: $language, scripts $hasScripts, by $hand',
    async ({ language, hasScripts, hand }) => {
      const app = await testApp({ install: false })
      app.hubspot.control.settings({ autoApprove: false })
      const context = await (await openChromium()).newContext({
        locale: language === 'de' ? 'de-DE' : 'en-GB',
        javaScriptEnabled: hasScripts,
        viewport: { width: 1280, height: 900 },
      })
      const page = await context.newPage()
      page.setDefaultTimeout(20_000)
      const forbidden = collectForbidden(page)

      await travel(app, page, language, hand === 'the keyboard' ? byKeyboard(page) : byMouse(), hasScripts)

      expect(forbidden).toEqual([])
      expect(await page.locator('html').getAttribute('lang')).toBe(language)
    },
    SLOW_MS,
  )
})
