import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { findBreakages } from '../../src/reference/breakages.js'
import { curlOf, VARIABLES } from '../../src/reference/curl.js'
import { describeApi, type OpenApi, type Schema } from '../../src/reference/describe.js'
import { GROUPS, OPERATIONS } from '../../src/reference/operations.js'
import { QUICK_STARTS } from '../../src/reference/routes.js'
import { PORTAL, type TestApp, testApp } from '../support/app.js'
import { startReceiver } from '../support/receiver.js'
import { untilState, uploadFile } from '../support/requests.js'

const run = promisify(execFile)
const published = async () => JSON.parse(await readFile('docs/openapi.json', 'utf8')) as OpenApi

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 without a warning, and what docs/openapi.json says', async () => {
    const app = await testApp({ work: false, install: false })
    const res = await fetch(`${app.url}/openapi.json`)
    const source = await res.text()

    const problems = await lintFromString({
      source,
      absoluteRef: '/openapi.json',
      config: await createConfig({ extends: ['recommended'] }),
    })

    expect(problems.map(({ ruleId, message, location: [where] }) => `${ruleId} ${where?.pointer}: ${message}`)).toEqual([])
    expect(JSON.parse(source), 'run: npm run api').toEqual(await published())
  })

  it('is linted by something that finds mistakes', async () => {
    const api = describeApi()
    for (const operations of Object.values(api.paths))
      for (const operation of Object.values(operations)) operation.operationId = 'same'

    const config = await createConfig({ extends: ['recommended'] })
    expect((await lintFromString({ source: JSON.stringify(api), absoluteRef: '/openapi.json', config })).length).toBeGreaterThan(
      0,
    )
  })

  it('describes every call that the server answers, and no other', async () => {
    const app = await testApp({ work: false })
    const asked = async (method: string, path: string) =>
      (await fetch(app.url + path, { method, headers: { authorization: `Bearer ${app.key}` } })).headers.get('allow')

    for (const [path, operations] of Object.entries(describeApi().paths)) {
      const concrete = path
        .replaceAll('{portalId}', PORTAL)
        .replaceAll(
          /\{(\w+)\}/g,
          (_, name: string) =>
            `${{ importId: 'imp', templateId: 'tpl', endpointId: 'end', deliveryId: 'msg' }[name]}_${'0'.repeat(32)}`,
        )
      const allowed = (await asked('PATCH', concrete)) ?? ''
      expect(
        allowed
          .split(', ')
          .filter((method) => method !== 'HEAD')
          .toSorted(),
        path,
      ).toEqual(
        Object.keys(operations)
          .map((method) => method.toUpperCase())
          .toSorted(),
      )
    }
  })
})

type Parameter = { name: string; in: string; required?: boolean; schema: Schema }

const parametersOf = (api: OpenApi): Parameter[] =>
  (api.paths['/v1/portals/{portalId}/imports']?.get?.parameters ?? []) as Parameter[]

describe('a change of the API', () => {
  const older = describeApi()
  const changed = (change: (api: OpenApi & { paths: Record<string, Record<string, Schema>> }) => void) => {
    const api = structuredClone(older) as never
    change(api)
    return findBreakages(older, api)
  }
  const imports = '/v1/portals/{portalId}/imports'

  it('breaks nothing that was published', async () => {
    expect(findBreakages(await published(), older)).toEqual([])
  })

  it('that adds is none that breaks', () => {
    expect(
      changed((api) => {
        api.paths['/v1/new'] = api.paths[imports] as never
        const found = api.components.schemas.Import as { properties: Record<string, Schema> }
        found.properties.colour = { type: 'string' }
        const list = api.paths[imports]?.get as unknown as { parameters: Schema[] }
        list.parameters.push({ name: 'colour', in: 'query', schema: { type: 'string' } })
      }),
    ).toEqual([])
  })

  it.each<[string, Parameters<typeof changed>[0], string]>([
    ['a call that is gone', (api) => void delete api.paths[imports]?.get, 'is gone'],
    ['another name', (api) => void Object.assign(api.paths[imports]?.get ?? {}, { operationId: 'x' }), 'is called x'],
    [
      'a field of an answer that is gone',
      (api) => void delete (api.components.schemas.Import as { properties: Schema }).properties.state,
      'state is gone',
    ],
    [
      'a field that may be missing',
      (api) => void Object.assign(api.components.schemas.Import ?? {}, { required: ['id'] }),
      'may lack',
    ],
    [
      'another type',
      (api) =>
        void Object.assign((api.components.schemas.Import as { properties: Record<string, Schema> }).properties.name ?? {}, {
          type: 'number',
        }),
      'is number, not string',
    ],
    ['a parameter that is gone', (api) => void parametersOf(api).pop(), 'knows no'],
    [
      'a parameter that is needed now',
      (api) =>
        void parametersOf(api).push({
          name: 'x',
          in: 'query',
          required: true,
          schema: { type: 'string' },
        }),
      'needs x',
    ],
    [
      'a choice that is gone',
      (api) => void Object.assign(parametersOf(api).find(({ name }) => name === 'state')?.schema ?? {}, { enum: ['done'] }),
      'does not take held',
    ],
    ['a status that is gone', (api) => void delete api.paths[imports]?.post?.responses?.['202' as never], 'does not answer 202'],
    [
      'a body that must be sent',
      (api) => void Object.assign(api.paths[imports]?.get ?? {}, { requestBody: { content: { 'text/plain': { schema: {} } } } }),
      'needs a body',
    ],
    [
      'a field that must be sent',
      (api) => {
        const body = api.paths['/v1/endpoints']?.post?.requestBody as { content: Record<string, { schema: Schema }> } | undefined
        Object.assign(body?.content['application/json']?.schema ?? {}, { required: ['url'] })
      },
      'needs url',
    ],
  ])('that breaks is found: %s', (_, change, message) => {
    expect(changed(change).join('\n')).toContain(message)
  })
})

/** What the examples have in their variables: an own import, template, endpoint and message. */
async function furnish(app: TestApp): Promise<Record<string, string>> {
  const post = async (path: string, body: unknown) => {
    const res = await fetch(app.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await res.json()) as { id: string; secret?: string }
  }
  const { body: made } = await uploadFile(app, { file: 'Email,First,Last\nanna@example.com,A,B\nwrong,B,C\n' })
  await untilState(app, made, 'done')
  const template = await post(`/v1/portals/${PORTAL}/templates`, OPERATIONS.createTemplate?.example?.body)
  await fetch(`${app.url}/v1/portals/${PORTAL}/templates/${template.id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...(OPERATIONS.createTemplate?.example?.body as object), name: 'Another' }),
  })
  const endpoint = await post('/v1/endpoints', { url: (await startReceiver()).url })
  app.noteEndpointSecret(endpoint.secret ?? '')
  const delivery = await post(`/v1/endpoints/${endpoint.id}/test`, {})
  return {
    IMPORTAL_URL: app.url,
    IMPORTAL_KEY: app.key,
    PORTAL_ID: PORTAL,
    IMPORT_ID: String(made.id),
    TEMPLATE_ID: template.id,
    ENDPOINT_ID: endpoint.id,
    DELIVERY_ID: delivery.id,
  }
}

async function workFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'importal-examples-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'contacts.csv'), 'Email,First,Last\nanna@example.com,Anna,Muster\n')
  return folder
}

const isThere = (command: string) => spawnSync(command, ['--version']).status === 0

describe.skipIf(!isThere('curl'))('every call’s example', () => {
  it('works as it is pasted', async () => {
    const app = await testApp({ env: { WEBHOOKS_ANYWHERE: 'true' } })
    const env = await furnish(app)
    const cwd = await workFolder()
    // What deletes comes last; all else may come in any order.
    const names = Object.keys(OPERATIONS).toSorted((a, b) => Number(a.startsWith('delete')) - Number(b.startsWith('delete')))

    for (const name of names) {
      const operation = OPERATIONS[name]
      if (!operation) continue
      const command = curlOf(operation)
      expect(describeApi().paths[operation.path.replaceAll(/:(\w+)/g, '{$1}')]?.[operation.method]?.['x-codeSamples']).toEqual([
        { lang: 'Shell', label: 'curl', source: command },
      ])
      const { stdout } = await run('sh', ['-c', `${command} -w '\n%{http_code}'`], { cwd, env: { ...process.env, ...env } })
      const status = stdout.trimEnd().split('\n').at(-1)
      for (const [, secret = ''] of stdout.matchAll(/"secret":"([^"]+)"/g)) app.noteEndpointSecret(secret)
      expect([name, status, stdout.slice(0, 400)]).toEqual([name, String(operation.reply.status), expect.anything()])
    }
    expect(names.length).toBe(Object.values(GROUPS).flatMap(({ operations }) => Object.keys(operations)).length)
    expect(Object.values(VARIABLES).every((variable) => variable in env)).toBe(true)
  })
})

const RUNTIMES: Record<string, string> = { sh: 'curl', mjs: 'node', py: 'python3', php: 'php' }

describe('a quick start', () => {
  for (const { label, file } of QUICK_STARTS) {
    const extension = file.split('.').at(-1) ?? ''
    const runtime = RUNTIMES[extension] ?? ''
    it.skipIf(!isThere(runtime))(`works as it stands, where its runtime is: ${label}`, async () => {
      const app = await testApp()
      // The SDK is the project's own: a program finds it from where it lies.
      const program = join(process.cwd(), 'views/reference/quick-starts', file)
      const env = { ...process.env, IMPORTAL_URL: app.url, IMPORTAL_KEY: app.key, PORTAL_ID: PORTAL }

      const { stdout } = await run(extension === 'sh' ? 'sh' : runtime, [program], { cwd: await workFolder(), env })

      expect(stdout).toMatch(/imp_[0-9a-f]{32}|\d+ (STARTED|PROCESSING|DONE)/)
      expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(1)
    })
  }
})
