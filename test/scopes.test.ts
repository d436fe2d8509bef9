import { describe, expect, it, onTestFinished } from 'vitest'
import { VARIABLES } from '../src/config.js'
import { AppError } from '../src/errors.js'
import { createHubSpot } from '../src/hubspot/hubspot.js'
import { findScopeUse, SCOPES } from '../src/hubspot/scopes.js'
import { checkScopes, describeScopes, type ScopeCheck } from '../src/portals/check-scopes.js'
import { type Secret, secret } from '../src/secret.js'
import { createSimulator } from '../src/simulator/simulator.js'
import { PORTAL } from './support/app.js'
import { kill, runScript, testPlace } from './support/process.js'

const TABLE = Object.keys(SCOPES)
const DEFAULTS = [
  ...VARIABLES.HUBSPOT_SCOPES.schema.parse(undefined),
  ...VARIABLES.HUBSPOT_OPTIONAL_SCOPES.schema.parse(undefined),
]

/** A portal that granted these scopes and no others, and what calls HubSpot in its name. */
async function portalWith(scopes: string[]) {
  const simulator = await createSimulator({ clientId: 'client', clientSecret: 'secret' })
  onTestFinished(() => simulator.close())
  simulator.control.settings({ grantScopes: scopes })
  const redirectUri = 'http://localhost:9/oauth/callback'
  const code = simulator.control.install(PORTAL, { redirectUri })
  const form = { grant_type: 'authorization_code', client_id: 'client', client_secret: 'secret', redirect_uri: redirectUri, code }
  const answer = await fetch(`${simulator.url}/oauth/2026-03/token`, { method: 'POST', body: new URLSearchParams(form) })
  const { access_token: accessToken } = (await answer.json()) as { access_token: string }
  const hubspot = createHubSpot({ apiUrl: simulator.url, apiVersion: '2026-03', clientSecret: secret('secret') })
  return { simulator, accessToken: secret(accessToken), hubspot }
}

/** What the call behind a scope came to: undefined when HubSpot answered it. */
async function refusalOf(scope: string, { hubspot, accessToken }: Awaited<ReturnType<typeof portalWith>>) {
  const error = await findScopeUse(scope)
    ?.call(hubspot, accessToken)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  return error instanceof AppError ? { code: error.code, scopes: error.options.context?.scopes } : error
}

describe('the scopes that an installation is asked for', () => {
  it('are those of the table, each with a purpose in words and a call that needs it', () => {
    expect(DEFAULTS.toSorted()).toEqual(TABLE.toSorted())
    for (const { purpose } of Object.values(SCOPES)) expect(purpose).toMatch(/^To .{10,}[^.]$/)
  })

  it.each(TABLE)('%s: without it HubSpot refuses exactly its call, and the refusal names it', async (scope) => {
    const portal = await portalWith(TABLE.filter((granted) => granted !== scope))

    const refusals = await Promise.all(TABLE.map(async (one) => [one, await refusalOf(one, portal)] as const))

    const refused = refusals.filter(([, refusal]) => refusal !== undefined)
    expect(refused).toEqual([[scope, { code: 'scope_missing', scopes: [scope] }]])
  })

  it('open every call of the table when all are granted', async () => {
    const portal = await portalWith(TABLE)

    const refusals = await Promise.all(TABLE.map((scope) => refusalOf(scope, portal)))

    expect(refusals).toEqual(TABLE.map(() => undefined))
    const paths = portal.simulator.control.requests().flatMap(({ path, status }) => (status === 200 ? [path] : []))
    expect(new Set(paths).size).toBe(TABLE.length + 1) // and the token’s
  })
})

describe('what HubSpot says about an account’s objects', () => {
  it('is which properties an object has, of what kind, and which cannot be written', async () => {
    const { hubspot, accessToken } = await portalWith(TABLE)

    const answer = await hubspot.listProperties(accessToken, 'contacts')

    const named = (name: string) => answer?.properties.find((property) => property.name === name)
    expect(named('email')).toMatchObject({
      label: 'Email',
      type: 'string',
      fieldType: 'text',
      hasUniqueValue: true,
      readOnly: false,
    })
    expect(named('hs_email_domain')).toMatchObject({ calculated: true, readOnly: true })
    expect(named('lifecyclestage')?.options).toContainEqual({ label: 'Lead', value: 'lead' })
    expect(await hubspot.listProperties(accessToken, '0-1')).toEqual(answer)
  })

  it('is not sent again where what is known still holds, and is once it has changed', async () => {
    const { simulator, hubspot, accessToken } = await portalWith(TABLE)
    const known = await hubspot.listProperties(accessToken, 'contacts')

    const same = await hubspot.listProperties(accessToken, 'contacts', known?.etag)
    const properties = [{ name: 'email', label: 'E-mail', type: 'string' as const, fieldType: 'text' }]
    simulator.control.portal(PORTAL, { properties: { '0-1': properties } })
    const changed = await hubspot.listProperties(accessToken, 'contacts', known?.etag)

    expect(same).toBeUndefined()
    expect(simulator.control.requests().map(({ status }) => status)).toContain(304)
    expect(changed?.properties).toMatchObject([{ name: 'email', label: 'E-mail' }])
    expect(changed?.etag).not.toBe(known?.etag)
  })

  it('may leave out or add anything but a property’s name', async () => {
    const { simulator, hubspot, accessToken } = await portalWith(TABLE)
    const results = [
      { name: 'bare' },
      { name: 'odd', label: 7, type: 'json', options: null, modificationMetadata: [], extra: {} },
    ]
    simulator.control.fault({ on: 'properties', do: { status: 200, body: { results } } })

    const properties = (await hubspot.listProperties(accessToken, 'contacts'))?.properties

    const unsaid = { label: '', hasUniqueValue: false, archived: false, calculated: false, readOnly: false, options: [] }
    expect(properties).toMatchObject([
      { name: 'bare', type: '', ...unsaid },
      { name: 'odd', type: 'json', ...unsaid },
    ])
  })

  it('is which object types the account made itself', async () => {
    const { simulator, hubspot, accessToken } = await portalWith(TABLE)
    const none = await hubspot.listCustomTypes(accessToken)
    simulator.control.portal(PORTAL, { properties: { '2-77': [] } })

    const made = await hubspot.listCustomTypes(accessToken)

    expect(none).toEqual([])
    expect(made).toMatchObject([{ objectTypeId: '2-77', name: expect.any(String), label: expect.any(String) }])
  })

  it.each(['properties', 'schemas'] as const)('is not guessed from an answer that is no list: %s', async (on) => {
    const { simulator, hubspot, accessToken } = await portalWith(TABLE)
    simulator.control.fault({ on, times: 0, do: { garbage: 'html' } })

    const answer = on === 'schemas' ? hubspot.listCustomTypes(accessToken) : hubspot.listProperties(accessToken, 'contacts')

    await expect(answer).rejects.toMatchObject({ code: 'hubspot_unavailable' })
  })
})

describe('portals check', () => {
  const PUBLIC_URL = 'https://importal.example.com'

  /** Checks a portal that granted these scopes, of an app that asks for those. */
  async function check(granted: string[], asked: Partial<Record<'scopes' | 'optionalScopes', string[]>> = {}) {
    const { simulator, hubspot, accessToken } = await portalWith(granted)
    const hubspotConfig = { scopes: ['oauth', 'crm.import', 'tickets'], optionalScopes: ['crm.schemas.custom.read'], ...asked }
    const deps = {
      config: { publicUrl: PUBLIC_URL, hubspot: hubspotConfig },
      hubspot,
      accessToken: { use: <T>(_portalId: string, _purpose: string, call: (token: Secret) => Promise<T>) => call(accessToken) },
    }
    return { simulator, run: () => checkScopes(deps, PORTAL) }
  }

  it('tries every scope that is asked for and says what each is for', async () => {
    const { simulator, run } = await check(TABLE)

    const checks = await run()

    expect(checks.map(({ scope, isRequired, ok }) => [scope, isRequired, ok])).toEqual([
      ['oauth', true, true],
      ['crm.import', true, true],
      ['tickets', true, true],
      ['crm.schemas.custom.read', false, true],
    ])
    expect(simulator.control.requests().filter(({ method }) => method === 'GET')).toHaveLength(4)
    expect(describeScopes(checks)).toContain(`✓ tickets: works\n    ${SCOPES.tickets.purpose}\n`)
  })

  it('says of a missing one where to connect the portal again, and of an optional one that it is optional', async () => {
    const { run } = await check(['oauth', 'crm.import'])

    const checks = await run()

    const link = `${PUBLIC_URL}/oauth/install?portalId=${PORTAL}`
    expect(checks.filter(({ ok }) => !ok)).toMatchObject([
      { scope: 'tickets', isRequired: true, found: 'not granted', fix: `Connect the portal again: ${link}` },
      { scope: 'crm.schemas.custom.read', isRequired: false, found: 'not granted', fix: expect.stringContaining(link) },
    ])
    expect(describeScopes(checks)).toMatch(
      /✗ tickets: not granted\n.+\n {4}→ Connect[\s\S]*✗ crm\.schemas\.custom\.read \(optional\)/,
    )
  })

  it('does not take an answer that HubSpot owes for a missing permission', async () => {
    const { simulator, run } = await check(TABLE)
    simulator.control.fault({ on: 'list', times: 0, do: { status: 502 } })

    const checks = await run()

    expect(checks.filter(({ ok }) => !ok)).toMatchObject([
      { scope: 'crm.import', found: 'HubSpot did not answer', fix: expect.stringContaining('try again') },
    ])
  })

  it('says of a scope that no call needs that it should not be asked for', async () => {
    const { run } = await check(TABLE, { optionalScopes: ['crm.objects.contacts.write'] })

    const checks = await run()

    expect(checks.at(-1)).toMatchObject({ scope: 'crm.objects.contacts.write', ok: true, found: 'not needed' })
  })

  it('ends with 1 when a required scope is missing, and with a sentence when the portal is not connected', async () => {
    const place = await testPlace({ HUBSPOT_SCOPES: 'oauth crm.import', HUBSPOT_OPTIONAL_SCOPES: 'tickets' })
    const app = await place.start()
    await place.prepare()
    await kill(app, 'SIGTERM')

    const complete = await place.cli('portals', 'check', PORTAL, '--json')
    const grown = { ...place.env, HUBSPOT_SCOPES: 'oauth crm.import crm.schemas.deals.read' }
    const lacking = await runScript('src/cli.ts', ['portals', 'check', PORTAL], grown)
    const unknown = await place.cli('portals', 'check', '987', '--json')

    expect([complete.code, complete.stderr]).toEqual([0, ''])
    expect((JSON.parse(complete.stdout) as ScopeCheck[]).map(({ scope, ok }) => [scope, ok])).toEqual([
      ['oauth', true],
      ['crm.import', true],
      ['tickets', true],
    ])
    expect(lacking.code).toBe(1)
    expect(lacking.stdout).toContain('✗ crm.schemas.deals.read: not granted')
    expect([unknown.code, unknown.stdout]).toEqual([1, ''])
    expect(unknown.stderr).toContain('Portal 987 is not connected')
  }, 90_000)
})
