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
const readApi = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as OpenApi

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
    expect(JSON.parse(source), 'run: npm run api').toEqual(await readApi('docs/openapi.json'))
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

/** The fields of a schema that has a name, or of one of its fields, which may be null as well; to be changed. */
function fieldsOf(api: OpenApi, schema: string, field?: string): Record<string, Schema> {
  const { properties } = api.components.schemas[schema] as { properties: Record<string, Schema> }
  if (field === undefined) return properties
  const [choice] = (properties[field]?.anyOf ?? []) as { properties: Record<string, Schema> }[]
  return choice?.properties ?? {}
}

const valuesOf = (schema: Schema | undefined) => (schema?.enum ?? []) as string[]
const setType = (api: OpenApi, field: string, type: unknown) => Object.assign(fieldsOf(api, 'Import')[field] ?? {}, { type })
const limitOf = (api: OpenApi): Schema => parametersOf(api).find(({ name }) => name === 'limit')?.schema ?? {}

function uploadOf(api: OpenApi) {
  return api.paths['/v1/portals/{portalId}/imports']?.post as unknown as {
    parameters: Parameter[]
    requestBody: { content: Record<string, { schema: { properties: Record<string, Schema> } }> }
  }
}

const sheetOf = (api: OpenApi): Schema => uploadOf(api).parameters.find(({ name }) => name === 'sheet')?.schema ?? {}

function importRequestOf(api: OpenApi): Schema {
  return uploadOf(api).requestBody.content['multipart/form-data']?.schema.properties.importRequest ?? {}
}

describe('a change of the API', () => {
  const older = describeApi()
  const changed = (change: (api: OpenApi & { paths: Record<string, Record<string, Schema>> }) => void) => {
    const api = structuredClone(older) as never
    change(api)
    return findBreakages(older, api)
  }
  const imports = '/v1/portals/{portalId}/imports'

  it('breaks nothing that was published', async () => {
    expect(findBreakages(await readApi('docs/openapi-1.0.0.json'), older)).toEqual([])
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
    ['a field within what may be null', (api) => void delete fieldsOf(api, 'Import', 'problem').code, 'problem.code is gone'],
    [
      'another type within what may be null',
      (api) => void Object.assign(fieldsOf(api, 'Import', 'queue').position ?? {}, { type: 'string' }),
      'queue.position is string, not number',
    ],
    ['a null that could not come', (api) => void setType(api, 'name', ['string', 'null']), 'is null or string, not string'],
    [
      'a bound of what is sent that is narrower',
      (api) => void Object.assign(limitOf(api), { maximum: 1 }),
      '?limit has the maximum 1, not 100',
    ],
    ['a shorter text', (api) => void Object.assign(sheetOf(api), { maxLength: 10 }), '?sheet has the maxLength 10, not 255'],
    ['a longer text', (api) => void Object.assign(sheetOf(api), { minLength: 2 }), '?sheet has the minLength 2, not 1'],
    ['a pattern of what is sent', (api) => void Object.assign(sheetOf(api), { pattern: '^x' }), '?sheet has the pattern ^x'],
    [
      'a pattern of what is answered that is gone',
      (api) => void delete fieldsOf(api, 'Import').id?.pattern,
      'id has the pattern of none',
    ],
    [
      'a value of an answer that never comes any more',
      (api) => void valuesOf(fieldsOf(api, 'Import').state).pop(),
      'state is never needs_review',
    ],
    ['an event that is gone', (api) => void valuesOf(fieldsOf(api, 'WebhookMessage').type).shift(), 'is never import.accepted'],
    [
      'a field of a message that is gone',
      (api) => void delete fieldsOf(api, 'WebhookMessage').data,
      'POST message application/json.data is gone',
    ],
    ['messages that are gone', (api) => void delete api.webhooks, 'POST message is gone'],
    ['a field of every problem', (api) => void delete fieldsOf(api, 'Problem').code, 'problem+json.code is gone'],
    ['a problem’s code', (api) => void valuesOf(fieldsOf(api, 'Problem').code).pop(), 'code is never internal'],
    [
      'a field that is not let in any more',
      (api) => void Object.assign(importRequestOf(api), { additionalProperties: false }),
      'importRequest takes no other fields',
    ],
  ])('that breaks is found: %s', (_, change, message) => {
    expect(changed(change).join('\n')).toContain(message)
  })

  it.each<[string, Parameters<typeof changed>[0]]>([
    ['a new field of an answer', (api) => void Object.assign(fieldsOf(api, 'Import', 'problem'), { hint: { type: 'string' } })],
    ['a wider bound of what is sent', (api) => void Object.assign(limitOf(api), { minimum: 0, maximum: 1_000 })],
    ['no bound of what is sent', (api) => void delete sheetOf(api).maxLength],
    ['a new call', (api) => void Object.assign(api.paths[imports] ?? {}, { trace: api.paths[imports]?.get })],
    [
      'a new choice of what is sent',
      (api) => void valuesOf(parametersOf(api).find(({ name }) => name === 'state')?.schema).push('new'),
    ],
    ['a new problem', (api) => void valuesOf(fieldsOf(api, 'Problem').code).push('new')],
    ['an event that is new', (api) => void valuesOf(fieldsOf(api, 'WebhookMessage').type).push('import.new')],
    ['null where it may be left out', (api) => void Object.assign(limitOf(api), { type: ['integer', 'null'] })],
    ['a field that is never null any more', (api) => void setType(api, 'partnerId', 'string')],
    ['a narrower answer', (api) => void Object.assign(fieldsOf(api, 'Import').name ?? {}, { maxLength: 200 })],
  ])('that breaks nothing is let through: %s', (_, change) => {
    expect(changed(change)).toEqual([])
  })

  it('is found in a schema that has itself in it', () => {
    const api = (type: string) => {
      const tree = {
        type: 'object',
        properties: { name: { type }, under: { type: 'array', items: { $ref: '#/components/schemas/Import' } } },
      }
      const all = structuredClone(older)
      all.components.schemas.Import = tree
      return all
    }

    expect(findBreakages(api('string'), api('string'))).toEqual([])
    expect(findBreakages(api('string'), api('number')).join('\n')).toContain('name is number, not string')
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
