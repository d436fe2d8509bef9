import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { VARIABLES } from '../src/config.js'
import { parseProject } from '../src/hubspot/developer-project.js'
import { runScript } from './support/process.js'

const ADDRESS = 'https://importal.example.com'
const SUPPORT = ['--support-email', 'support@importal.example.com']
const FILES = ['hsproject.json', 'src/app/app-hsmeta.json', 'src/app/webhooks/webhooks-hsmeta.json']

type AppFile = {
  uid: string
  type: string
  config: {
    name: string
    description: string
    distribution: string
    auth: { type: string; redirectUrls: string[]; requiredScopes: string[]; optionalScopes: string[] }
    permittedUrls: Record<'fetch' | 'iframe' | 'img', string[]>
    support?: Record<string, string>
  }
}
type WebhooksFile = { uid: string; type: string; config: { settings: { targetUrl: string }; subscriptions: object } }

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'importal-project-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Runs the command as an operator would who has nothing but the code. */
function run(folder: string, args: string[], env: Record<string, string> = {}) {
  return runScript('src/cli.ts', ['hubspot-project', '--out', folder, ...args], env)
}

/** Every file below a folder, by its path. */
function readFolder(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).toSorted()
  return Object.fromEntries(paths.map((path) => [relative(folder, path).split(sep).join('/'), readFileSync(path, 'utf8')]))
}

const appOf = (folder: string) => JSON.parse(readFolder(folder)['src/app/app-hsmeta.json'] ?? '') as AppFile

describe('the developer project in hubspot/', () => {
  const app = appOf('hubspot')
  const webhooks = JSON.parse(readFolder('hubspot')[FILES[2] ?? ''] ?? '') as WebhooksFile
  const { auth, permittedUrls, name, description } = app.config

  it('is what the command writes, byte for byte', async () => {
    const folder = newFolder()

    const { code } = await run(folder, ['--url', ADDRESS, ...SUPPORT])

    expect(code).toBe(0)
    expect(Object.keys(readFolder(folder))).toEqual(FILES)
    expect(readFolder(folder)).toEqual(readFolder('hubspot'))
  })

  it('asks for the scopes that the code asks for by default, oauth among them', () => {
    expect(auth.requiredScopes).toEqual(VARIABLES.HUBSPOT_SCOPES.schema.parse(undefined))
    expect(auth.optionalScopes).toEqual(VARIABLES.HUBSPOT_OPTIONAL_SCOPES.schema.parse(undefined))
    expect(auth.requiredScopes).toContain('oauth')
  })

  it('is an OAuth app for the marketplace, on a pinned version of the platform', () => {
    expect(app).toMatchObject({ type: 'app', config: { distribution: 'marketplace', auth: { type: 'oauth' } } })
    expect(JSON.parse(readFolder('hubspot')['hsproject.json'] ?? '')).toMatchObject({ srcDir: 'src', platformVersion: '2026.03' })
  })

  it('has ids and names that HubSpot takes, and a name that is not HubSpot’s', () => {
    expect(app.uid).not.toBe(webhooks.uid)
    for (const uid of [app.uid, webhooks.uid]) expect(uid).toMatch(/^[A-Za-z0-9_.-]{1,64}$/)
    expect(name).toMatch(/^\S(.{0,198}\S)?$/)
    expect(name).not.toMatch(/hub/i)
    expect(description.length).toBeLessThanOrEqual(8192)
  })

  it('sends browsers and events to the routes of the app, and nowhere else', () => {
    expect(auth.redirectUrls).toEqual([`${ADDRESS}/oauth/callback`, 'http://localhost:3000/oauth/callback'])
    expect(permittedUrls).toEqual({ fetch: [ADDRESS], iframe: [], img: [] })
    expect(webhooks).toMatchObject({ type: 'webhooks', config: { settings: { targetUrl: `${ADDRESS}/hubspot/webhooks` } } })
    expect(webhooks.config.subscriptions).toEqual({
      hubEvents: [{ subscriptionType: 'contact.privacyDeletion', active: true }],
    })
  })
})

describe('hubspot-project', () => {
  it('needs nothing to be configured, and says what to do next', async () => {
    const { code, stdout, stderr } = await run(newFolder(), ['--url', `${ADDRESS}/`])

    expect([code, stderr]).toEqual([0, ''])
    for (const said of [
      'hs project upload',
      `PUBLIC_URL=${ADDRESS}\n`,
      'HUBSPOT_CLIENT_SECRET',
      `${ADDRESS}/oauth/install`,
      '--support-email',
    ])
      expect(stdout).toContain(said)
  })

  it('takes scopes, distribution and support contacts from whoever runs it', async () => {
    const folder = newFolder()
    const pages = [
      '--documentation-url',
      `${ADDRESS}/guide`,
      '--support-url',
      `${ADDRESS}/help`,
      '--support-phone',
      '+4930123456',
    ]

    const { code, stdout } = await run(folder, ['--url', ADDRESS, '--distribution', 'private', ...SUPPORT, ...pages, '--json'], {
      HUBSPOT_SCOPES: 'crm.import oauth oauth',
      HUBSPOT_OPTIONAL_SCOPES: 'tickets oauth',
    })

    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      folder,
      url: ADDRESS,
      scopes: ['crm.import', 'oauth'],
      optionalScopes: ['tickets'],
    })
    expect(appOf(folder).config).toMatchObject({
      distribution: 'private',
      auth: { requiredScopes: ['crm.import', 'oauth'], optionalScopes: ['tickets'] },
      support: {
        supportEmail: 'support@importal.example.com',
        documentationUrl: `${ADDRESS}/guide`,
        supportUrl: `${ADDRESS}/help`,
        supportPhone: '+4930123456',
      },
    })
  })

  it('warns of a scope that no call needs', async () => {
    const { stdout } = await run(newFolder(), ['--url', ADDRESS], { HUBSPOT_OPTIONAL_SCOPES: 'crm.objects.contacts.write' })

    expect(stdout).toMatch(/! No call needs crm\.objects\.contacts\.write/)
  })

  it('names a wrong HUBSPOT_SCOPES as a start does, and writes nothing', async () => {
    const folder = newFolder()

    const { code, stdout, stderr } = await run(folder, ['--url', ADDRESS], { HUBSPOT_SCOPES: 'contacts' })

    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toContain('HUBSPOT_SCOPES must hold oauth and crm.import')
    expect(stderr).not.toContain('HUBSPOT_CLIENT_ID')
    expect(readFolder(folder)).toEqual({})
  })

  it('refuses wrong options in a sentence each, and writes nothing', async () => {
    const folder = newFolder()

    const { code, stdout, stderr } = await run(folder, [
      '--url',
      'http://importal.example.com',
      '--support-email',
      'me',
      '--json',
    ])

    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^--url must be https:.*\.\n--support-email must .*\.\n$/)
    expect(readFolder(folder)).toEqual({})
  })

  it.each<[string, Record<string, string>]>([
    ['no address', {}],
    ['http', { url: 'http://importal.example.com' }],
    ['a path', { url: `${ADDRESS}/importal` }],
    ['a query', { url: `${ADDRESS}?a=b` }],
    ['a password', { url: 'https://:secret@importal.example.com' }],
    ['an IP address', { url: 'https://192.0.2.7' }],
    ['an IP address as one number', { url: 'https://3221225991' }],
    ['an IPv6 address', { url: 'https://[2001:db8::7]' }],
    ['localhost', { url: 'https://localhost:3000' }],
    ['localhost with a dot', { url: 'https://localhost.' }],
    ['a name of localhost’s', { url: 'https://importal.localhost' }],
    ['a host without https://', { url: 'importal.example.com' }],
    ['251 characters with the path', { url: `https://aa.${'a.'.repeat(108)}example` }],
    ['what is no e-mail address', { 'support-email': 'me', url: ADDRESS }],
    ['a page of this machine', { 'support-url': 'http://localhost/help', url: ADDRESS }],
    ['a page of 251 characters', { 'documentation-url': `${ADDRESS}/${'a'.repeat(250 - ADDRESS.length)}`, url: ADDRESS }],
    ['what is no phone number', { 'support-phone': 'call me', url: ADDRESS }],
    ['an unknown distribution', { distribution: 'everywhere', url: ADDRESS }],
  ])('refuses %s', (_, options) => {
    const parsed = parseProject(options, { scopes: ['oauth'], optionalScopes: [] })

    const [option = 'url'] = Object.keys(options)
    expect(parsed).toEqual({ problems: [expect.stringMatching(new RegExp(`^--${option} .*\\.$`))] })
  })

  it('takes an address of exactly 250 characters with the path', () => {
    const url = `https://${'a.'.repeat(109)}example`

    expect(parseProject({ url }, { scopes: ['oauth'], optionalScopes: [] })).toMatchObject({ project: { url } })
  })

  it('overwrites its own three files and leaves everything else alone', async () => {
    const folder = newFolder()
    await run(folder, ['--url', 'https://old.example.com'])
    writeFileSync(join(folder, 'src/app/logo.txt'), 'mine')

    await run(folder, ['--url', ADDRESS, ...SUPPORT])

    expect(readFolder(folder)).toEqual({ ...readFolder('hubspot'), 'src/app/logo.txt': 'mine' })
  })

  it.each([`{"name":"another"}`, 'no JSON'])('writes nothing over somebody else’s project: %s', async (text) => {
    const folder = newFolder()
    writeFileSync(join(folder, 'hsproject.json'), text)

    const { code, stderr } = await run(folder, ['--url', ADDRESS])

    expect(code).toBe(1)
    expect(stderr).toMatch(/hsproject\.json is not Importal’s: choose another --out\./)
    expect(readFolder(folder)).toEqual({ 'hsproject.json': text })
  })

  it('says so when it cannot write there', async () => {
    const { code, stderr } = await run(join('README.md', 'project'), ['--url', ADDRESS])

    expect(code).toBe(1)
    expect(stderr).toMatch(/^The project cannot be written: .*README\.md/)
  })
})
