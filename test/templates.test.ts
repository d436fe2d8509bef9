import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { contactsCsv, fileEntry, untilState, uploadFile } from './support/requests.js'

type Body = Record<string, unknown> & { id: string; version: number; results: Record<string, unknown>[] }

const entry = fileEntry('x.csv') as { fileImportPage: { columnMappings: Record<string, unknown>[] } }
const mapping = { importOperations: { '0-1': 'UPSERT' }, columnMappings: entry.fileImportPage.columnMappings }

async function call(app: TestApp, method: string, path: string, body?: unknown, key = app.key, portalId = PORTAL) {
  const res = await fetch(`${app.url}/v1/portals/${portalId}/templates${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: res.status, body: (await res.json()) as Body }
}

const create = (app: TestApp, change: object = {}) => call(app, 'POST', '', { name: 'Weekly', mapping, ...change })

describe('/v1/portals/:portalId/templates', () => {
  it('keeps every version of a mapping, and gives the newest', async () => {
    const app = await testApp()

    const made = await create(app)
    const changed = await call(app, 'PUT', `/${made.body.id}`, {
      name: 'Weekly',
      mapping: { ...mapping, dateFormat: 'DAY_MONTH_YEAR' },
    })
    const newest = await call(app, 'GET', `/${made.body.id}`)
    const first = await call(app, 'GET', `/${made.body.id}?version=1`)
    const list = await call(app, 'GET', '')

    expect(made).toMatchObject({ status: 201, body: { name: 'Weekly', version: 1, isOwn: true, portalId: PORTAL } })
    expect(changed).toMatchObject({ status: 200, body: { id: made.body.id, version: 2 } })
    expect(newest.body).toEqual(changed.body)
    expect(first.body).toEqual(made.body)
    expect(list.body.results).toEqual([changed.body])
  })

  it('has room for eight mebibytes of a partner’s templates, all of which are listed at once', async () => {
    const app = await testApp({ work: false })
    const columns = Array.from({ length: 900 }, (_, i) => ({
      columnObjectTypeId: '0-1',
      columnName: `${i} ${'x'.repeat(900)}`,
      propertyName: `p${i}`,
    }))
    const large = { ...mapping, columnMappings: columns }

    const statuses = []
    for (let n = 0; n < 11; n++) statuses.push((await create(app, { name: `Large ${n}`, mapping: large })).status)
    const small = await create(app, { name: 'Small' })

    expect(statuses.slice(0, 6)).toEqual(Array(6).fill(201))
    expect(statuses.at(-1)).toBe(422)
    expect([201, 422]).toContain(small.status)
    const [kept] = await app.query<{ bytes: number }>('SELECT sum(octet_length("mapping"::text))::int AS bytes FROM "Template"')
    expect(kept?.bytes).toBeLessThanOrEqual(9 * 1024 * 1024)
  })

  it('gives a name once, and again when its template was deleted', async () => {
    const app = await testApp()
    const made = await create(app)

    const twin = await create(app)
    const other = await create(app, { name: 'Other' })
    const renamed = await call(app, 'PUT', `/${other.body.id}`, { name: 'Weekly', mapping })
    const deleted = await call(app, 'DELETE', `/${made.body.id}`)
    const again = await create(app)

    expect(twin).toMatchObject({ status: 409, body: { code: 'template_name_taken' } })
    expect(renamed).toMatchObject({ status: 409, body: { code: 'template_name_taken' } })
    expect(deleted.status).toBe(200)
    expect(again.status).toBe(201)
    expect(await call(app, 'GET', `/${made.body.id}`)).toMatchObject({ status: 404, body: { code: 'template_not_found' } })
  })

  it('makes one version after the other of changes at the same time', async () => {
    const app = await testApp()
    const made = await create(app)

    const changes = await Promise.all(
      Array.from({ length: 8 }, () => call(app, 'PUT', `/${made.body.id}`, { name: 'Weekly', mapping })),
    )

    expect(changes.map(({ body: { version } }) => version).sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('hides another partner’s, and another portal’s, like a missing one', async () => {
    const app = await testApp()
    const other = await app.createKey('Other')
    const made = await create(app)

    for (const [method, body] of [['GET'], ['PUT', { name: 'Mine', mapping }], ['DELETE']] as const)
      expect(await call(app, method, `/${made.body.id}`, body, other)).toMatchObject({
        status: 404,
        body: { code: 'template_not_found' },
      })
    expect((await call(app, 'GET', '', undefined, other)).body.results).toEqual([])
    expect(await call(app, 'GET', '', undefined, app.key, OTHER_PORTAL)).toMatchObject({
      status: 404,
      body: { code: 'portal_not_found' },
    })
    expect(await uploadFile(app, { request: null, key: other, query: `?template=${made.body.id}` })).toMatchObject({
      status: 404,
      body: { code: 'template_not_found' },
    })
  })

  it.each<[string, unknown, number, string]>([
    ['no JSON', '{', 400, 'json_invalid'],
    ['a key twice', '{"name":"a","name":"b"}', 422, 'duplicate_key'],
    ['no mapping', { name: 'x' }, 422, 'body_invalid'],
    ['an empty name', { name: ' ', mapping }, 422, 'body_invalid'],
    [
      'a property twice',
      { name: 'x', mapping: { columnMappings: [...mapping.columnMappings, ...mapping.columnMappings] } },
      422,
      'body_invalid',
    ],
    [
      'a column’s key that HubSpot has not',
      { name: 'x', mapping: { columnMappings: mapping.columnMappings.map((column) => ({ ...column, propertyname: 'x' })) } },
      422,
      'body_invalid',
    ],
    [
      'an operation on what no column maps',
      { name: 'x', mapping: { ...mapping, importOperations: { '0-2': 'UPSERT' } } },
      422,
      'body_invalid',
    ],
    ['what is none of a template’s', { name: 'x', mapping, partnerId: 'prt_x' }, 422, 'body_invalid'],
    ['2 MB', `"${'x'.repeat(2_000_000)}"`, 413, 'body_too_large'],
  ])('refuses %s', async (_name, body, status, code) => {
    const app = await testApp()

    expect(await call(app, 'POST', '', body)).toMatchObject({ status, body: { code } })
  })

  it('refuses what is not JSON by its type', async () => {
    const app = await testApp()

    const res = await fetch(`${app.url}/v1/portals/${PORTAL}/templates`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}`, 'content-type': 'text/plain' },
      body: JSON.stringify({ name: 'x', mapping }),
    })

    expect(await res.json()).toMatchObject({ status: 415, code: 'media_type_unsupported' })
  })
})

describe('an upload with a template', () => {
  it('needs no importRequest', async () => {
    const app = await testApp()
    const { body: template } = await create(app)

    const res = await uploadFile(app, {
      request: null,
      file: contactsCsv(4),
      fileName: 'week 48.csv',
      query: `?template=${template.id}`,
    })

    expect(res).toMatchObject({
      status: 202,
      body: { name: 'Weekly: week 48.csv', files: [{ rows: 4 }], findings: { warnings: 0 } },
    })
    expect(await untilState(app, res.body, 'done', 'failed')).toMatchObject({ state: 'done', counters: { CREATED_OBJECTS: 4 } })
  })

  it('can ask for a version, and says when there is none', async () => {
    const app = await testApp()
    const { body: template } = await create(app)
    await call(app, 'PUT', `/${template.id}`, {
      name: 'Weekly',
      mapping: { ...mapping, columnMappings: mapping.columnMappings.slice(0, 1) },
    })

    const first = await uploadFile(app, { request: null, query: `?template=${template.id}@1` })
    const third = await uploadFile(app, { request: null, query: `?template=${template.id}@3` })

    expect(first).toMatchObject({ status: 202, body: { findings: { warnings: 0 } } })
    expect(third).toMatchObject({ status: 404, body: { code: 'template_not_found' } })
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('tells what has changed since: the file’s columns, and the portal’s properties', async () => {
    const app = await testApp()
    const { body: template } = await create(app, {
      mapping: {
        ...mapping,
        columnMappings: [
          ...mapping.columnMappings.slice(0, 2),
          { columnObjectTypeId: '0-1', columnName: 'Stage', propertyName: 'lifecyclestage' },
        ],
      },
    })
    // As if the portal's admin had changed the property's options meanwhile.
    await app.query(`UPDATE "Template" SET "properties" = "properties" || '{"0-1/lifecyclestage": "enumeration select before"}'`)

    const res = await uploadFile(app, {
      request: null,
      file: 'Email,First,Stage,City\na@b.co,A,lead,B\n',
      query: `?template=${template.id}&validateOnly=true`,
    })

    const { codes, results } = res.body as unknown as {
      codes: Record<string, number>
      results: { code: string; message: string }[]
    }
    expect(Object.keys(codes).sort()).toEqual(['COLUMN_NOT_MAPPED', 'TEMPLATE_HEADER_CHANGED', 'TEMPLATE_PROPERTIES_CHANGED'])
    expect(results.find(({ code }) => code === 'TEMPLATE_HEADER_CHANGED')?.message).toContain('new: City')
    expect(results.find(({ code }) => code === 'TEMPLATE_PROPERTIES_CHANGED')?.message).toContain('0-1/lifecyclestage')
  })

  it('takes either a template or an importRequest', async () => {
    const app = await testApp()
    const { body: template } = await create(app)

    expect(await uploadFile(app, { query: `?template=${template.id}` })).toMatchObject({
      status: 422,
      body: { code: 'import_request_invalid' },
    })
    expect(await uploadFile(app, { request: null, query: '?template=tpl_x' })).toMatchObject({
      status: 400,
      body: { code: 'query_invalid' },
    })
  })
})
