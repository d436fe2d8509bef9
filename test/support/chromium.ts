import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { describe, expect, onTestFinished } from 'vitest'
import { PORTAL, type TestApp } from './app.js'

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
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

// A machine without a browser says so in the closing line, as skipped; continuous integration installs one.
export const describeWithBrowser = describe.skipIf(CHROMIUM === undefined)

/** A Chromium that ends with the test. */
export async function openChromium(): Promise<Browser> {
  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  return browser
}

/** One that whoever asks for it closes. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS })
}

/** A page whose browser is signed in to a portal, as its own session. */
export async function openSignedIn(
  browser: Browser,
  app: TestApp,
  options: BrowserContextOptions = {},
  portalId = PORTAL,
): Promise<Page> {
  app.hubspot.control.portal(portalId)
  const page = await (await browser.newContext(options)).newPage()
  await page.goto(`${app.url}/oauth/install?portalId=${portalId}`)
  return page
}

/** What looks may change: the rules that are tried again in other colours and widths. */
const OF_LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable']

/** What axe finds wrong with a page, and whether something sticks out sideways. The page must let scripts be run in it. */
export async function findUnsound(page: Page, isLooksOnly = false): Promise<string[]> {
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(await readAxe())
  const only = isLooksOnly ? { type: 'rule', values: OF_LOOKS } : { type: 'tag', values: WCAG }
  const violations = await page.evaluate(async (runOnly) => {
    const { axe } = globalThis as unknown as {
      axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    const { violations: found } = await axe.run({ runOnly, resultTypes: ['violations'] })
    return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  }, only)
  const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  const found = overflow === 0 ? violations : [...violations, `wider than the window by ${overflow}`]
  return found.map((one) => `${new URL(page.url()).pathname} ${one}`)
}

let axe: Promise<string> | undefined
const readAxe = (): Promise<string> => {
  axe ??= readFile(AXE, 'utf8')
  return axe
}

/** Nothing of that. */
export async function expectSound(page: Page): Promise<void> {
  expect(await findUnsound(page)).toEqual([])
}

/** What a page's policy forbids, as the browser tells it; none may. */
export function collectForbidden(page: Page): string[] {
  const forbidden: string[] = []
  page.on('console', (message) => {
    if (/content security policy|refused to/i.test(message.text())) forbidden.push(message.text())
  })
  page.on('pageerror', (error) => forbidden.push(String(error)))
  return forbidden
}
