import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Fault, Operation } from '../src/simulator/faults.js'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { openBrowser } from './support/browser.js'
import { findLeaks } from './support/leaks.js'
import { ask, uploadFile } from './support/requests.js'

/** A body of HubSpot's that repeats the app's secret, and what it was sent, wherever it has a text. */
function quoting(app: TestApp, sent: string[], more: Record<string, unknown> = {}): Record<string, unknown> {
  const secrets = [...sent, app.config.hubspot.clientSecret.reveal()]
  const said = secrets.join(' ')
  const errors = secrets.map((one) => ({ message: one, code: one, context: { requiredGranularScopes: [one], [one]: [one] } }))
  return {
    status: said,
    error: said,
    error_description: said,
    message: said,
    correlationId: said,
    category: said,
    errorType: said,
    policyName: said,
    state: said,
    importName: said,
    id: '50',
    hub_domain: said,
    scopes: secrets,
    uiDomain: said,
    timeZone: said,
    accountType: said,
    errors,
    ...more,
  }
}

const strike = (app: TestApp, on: Operation, fault: Fault, times = 0) => app.hubspot.control.fault({ on, times, do: fault })

const CREATES: [what: string, status: number, more?: Record<string, unknown>][] = [
  ['the file', 400],
  ['the token', 401],
  ['an expired token', 401, { category: 'EXPIRED_AUTHENTICATION' }],
  ['missing permissions', 403, { category: 'MISSING_SCOPES' }],
  ['its own address', 404],
  ['a limit of seconds', 429, { policyName: 'TEN_SECONDLY_ROLLING' }],
  ['a limit of the day', 429, { policyName: 'DAILY' }],
  ['a move', 477],
  ['itself', 500],
  ['success', 200],
]

describe('what HubSpot repeats of our secrets', () => {
  it.each(CREATES)('is taken out of an answer to an import about %s (%d)', async (_what, status, more) => {
    const app = await testApp()
    strike(app, 'create', { status, body: quoting(app, app.hubspot.control.issued().accessTokens, more) })
    strike(app, 'get', { status: 200, body: quoting(app, app.hubspot.control.issued().accessTokens) })

    const { body } = await uploadFile(app)
    const said = () => app.query<{ type: string }>('SELECT "type" FROM "ImportEvent"')
    await until(said, (events) => events.length > 2)

    const view = await ask(app, `/v1/portals/${PORTAL}/imports/${body.id}`)
    expect(findLeaks(app.canaries(), { ...(await app.places()), view: JSON.stringify(view) })).toEqual([])
  })

  it.each(['token', 'introspect', 'account'] as const)('is taken out of an answer to an install: %s', async (on) => {
    const app = await testApp()
    for (const status of [400, 401, 403, 477, 500, 200]) {
      const [code = '', token = '', renewal = ''] = Array.from({ length: 3 }, () => randomBytes(24).toString('base64url'))
      app.hubspot.control.clearFaults()
      app.hubspot.control.planSecrets({ codes: [code], accessTokens: [token], refreshTokens: [renewal] })
      strike(app, on, { status, body: quoting(app, [on === 'token' ? code : token], { active: true, hub_id: PORTAL }) })
      const page = await openBrowser(app).install()

      expect(findLeaks(secretsButCookies(app), { ...(await app.places()), page: page.text })).toEqual([])
    }
  })

  it('is taken out of an answer to a refresh, and of the alarm it raises', async () => {
    const app = await testApp()
    const bodies = [{ status: 'BAD_CLIENT_SECRET' }, { error: 'invalid_client' }, { error: 'invalid_grant' }, {}]
    for (const more of bodies) {
      app.hubspot.control.clearFaults()
      strike(app, 'token', { status: 400, body: quoting(app, app.hubspot.control.issued().refreshTokens, more) })
      const { version } = await app.deps.tokens.read(PORTAL, 'check')
      await expect(app.deps.accessToken.renewed(PORTAL, 'check', version)).rejects.toThrow()

      expect(findLeaks(app.canaries(), { ...(await app.places()), metrics: await metrics(app) })).toEqual([])
    }
  })
})

function secretsButCookies(app: TestApp) {
  return Object.fromEntries(Object.entries(app.canaries()).filter(([name]) => !name.startsWith('cookie')))
}

async function metrics({ url }: TestApp): Promise<string> {
  return (await fetch(`${url}/metrics`)).text()
}
