import { expect, it } from 'vitest'
import { testApp } from '../support/app.js'
import { collectForbidden, describeWithBrowser, findUnsound, openChromium } from '../support/chromium.js'

describeWithBrowser('the reference', () => {
  it('is explored without anything from elsewhere and within its policy', async () => {
    const app = await testApp({ work: false, install: false })
    const browser = await openChromium()
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    const forbidden = collectForbidden(page)
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))

    await page.goto(`${app.url}/docs`)
    await page.getByText('Upload a file and start a HubSpot import with it').first().waitFor()
    for (const heading of await page.locator('section[id]').all()) await heading.scrollIntoViewIfNeeded()

    expect(asked.filter((url) => !url.startsWith(app.url) && !/^(data|blob):/.test(url))).toEqual([])
    expect(forbidden).toEqual([])
  })

  it('is there without scripts: every call, accessible, at 320 and 1280 pixels, light and dark', async () => {
    const app = await testApp({ work: false, install: false })
    const browser = await openChromium()
    const page = await browser.newPage({ viewport: { width: 320, height: 900 }, bypassCSP: true })
    const unsound: string[] = []

    await page.goto(`${app.url}/docs/plain`)
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [320, 1280]) {
        await page.setViewportSize({ width, height: 900 })
        await page.emulateMedia({ colorScheme })
        unsound.push(...(await findUnsound(page, colorScheme === 'dark' || width > 320)))
      }

    expect(unsound).toEqual([])
    expect(await page.locator('h3[id]').count()).toBeGreaterThan(20)
  })
})
