import { describe, expect, it } from 'vitest'
import { createOwnerCache } from '../src/portals/owner-cache.js'
import type { Fault } from '../src/simulator/faults.js'
import { PORTAL, type TestApp, testApp } from './support/app.js'
import { contactsRequest, fileEntry, uploadFile } from './support/requests.js'

type Told = { isAcceptable: boolean; codes: Record<string, number>; results: { code: string; line: number; fix: string }[] }

const ANNA = { id: '7001', email: 'Anna@acme.example', firstName: 'Anna', lastName: 'Müller' }
const BEN = { id: '7002', email: 'ben@acme.example', firstName: 'Ben', lastName: 'Okafor' }
const OTHER_BEN = { id: '7003', email: 'b.okafor@acme.example', firstName: 'Ben', lastName: 'Okafor' }
const KNOWN = ['anna@ACME.example', '7001', ' anna  müller ', 'ben@acme.example', '']
const UNKNOWN = ['carl@acme.example', '9001', 'Anna', 'Carl Müller']

async function appWithOwners(): Promise<TestApp> {
  const app = await testApp({ work: false })
  app.hubspot.control.portal(PORTAL, { owners: [ANNA, BEN, OTHER_BEN] })
  return app
}

/** What is told of contacts who belong to these owners. */
async function validate(app: TestApp, owners: string[], propertyName = 'hubspot_owner_id'): Promise<Told> {
  const mappings = [
    { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
    { columnObjectTypeId: '0-1', columnName: 'Owner', propertyName },
  ]
  const file = `Email,Owner\n${owners.map((owner, i) => `p${i}@example.com,${owner}\n`).join('')}`
  const entry = fileEntry('contacts.csv', { fileImportPage: { hasHeader: true, columnMappings: mappings } })
  const { status, body } = await uploadFile(app, {
    request: contactsRequest({ files: [entry] }),
    file,
    query: '?validateOnly=true',
  })
  expect(status).toBe(200)
  return body as unknown as Told
}

const asked = (app: TestApp) => app.hubspot.control.requests().filter(({ path }) => path.includes('/owners/')).length

describe('an owner in a file', () => {
  it('is known by name, e-mail address and id, and told where the account has no such owner', async () => {
    const app = await appWithOwners()

    const { codes, results } = await validate(app, [...KNOWN, ...UNKNOWN])

    expect(codes).toEqual({ COULD_NOT_FIND_OWNER: UNKNOWN.length })
    expect(results.map(({ line }) => line)).toEqual(UNKNOWN.map((_owner, i) => KNOWN.length + i + 2))
    // Who works there is none of a partner’s business.
    expect(JSON.stringify(results)).not.toMatch(/anna@|okafor/i)
  })

  it('is told where several have the name', async () => {
    const { codes } = await validate(await appWithOwners(), ['Ben Okafor'])

    expect(codes).toEqual({ MULTIPLE_OWNERS_FOUND: 1 })
  })

  it('is known to any property of users, several of them where it has checkboxes', async () => {
    const app = await appWithOwners()
    const user = { label: 'User', type: 'enumeration' as const, externalOptions: true, referencedObjectType: 'OWNER' as const }
    const properties = [
      { name: 'email', label: 'Email', type: 'string' as const, fieldType: 'text' },
      { ...user, name: 'helper', fieldType: 'select' },
      { ...user, name: 'helpers', fieldType: 'checkbox' },
    ]
    app.hubspot.control.portal(PORTAL, { properties: { '0-1': properties } })
    const cells = ['7001', 'nobody@acme.example', '7001;ben@acme.example', '7001;9001']

    const lines = async (name: string) => (await validate(app, cells, name)).results.map(({ line }) => line)

    expect(await lines('helper')).toEqual([3, 4, 5])
    expect(await lines('helpers')).toEqual([3, 5])
  })

  it('is looked up among all, however many pages of them HubSpot has', async () => {
    const app = await testApp({ work: false })
    const owners = Array.from({ length: 1_001 }, (_, i) => ({ ...ANNA, id: String(i + 1), email: `u${i}@acme.example` }))
    app.hubspot.control.portal(PORTAL, { owners })

    const { codes } = await validate(app, ['u0@acme.example', 'u1000@acme.example', 'u1001@acme.example'])

    expect([codes, asked(app)]).toEqual([{ COULD_NOT_FIND_OWNER: 1 }, 3])
  })

  it('is checked by form alone without the permission, which HubSpot is not asked for, and nothing is said of that', async () => {
    const app = await testApp({ work: false, install: false })
    app.hubspot.control.settings({ grantScopes: app.config.hubspot.scopes.slice() })
    await app.install()
    const key = await app.createKey()

    const { codes } = await validate({ ...app, key }, [...KNOWN, ...UNKNOWN, '??'])

    expect([codes, asked(app)]).toEqual([{ COULD_NOT_FIND_OWNER: 1 }, 0])
    expect((await app.deps.portals.find(PORTAL))?.missingScopes).toEqual([])
  })

  it.each<[what: string, fault: Fault]>([
    ['refuses', { status: 403, body: { category: 'MISSING_SCOPES' } }],
    ['fails', { status: 500 }],
    ['breaks off', { reset: 'at-once' }],
    ['answers nonsense', { garbage: 'html' }],
    ['names nobody', { scramble: 'empty' }],
  ])('is checked by form alone when HubSpot %s', async (_what, fault) => {
    const app = await appWithOwners()
    app.hubspot.control.fault({ on: 'owners', times: 0, do: fault })

    const { isAcceptable, codes } = await validate(app, UNKNOWN)

    expect([isAcceptable, codes]).toEqual([true, {}])
  })
})

describe('a portal’s owners', () => {
  it('are asked for only where a column is of owners, and once in ten minutes', async () => {
    const app = await appWithOwners()

    await uploadFile(app, { query: '?validateOnly=true' })
    const before = asked(app)
    await validate(app, KNOWN)
    await validate(app, KNOWN)

    expect([before, asked(app)]).toEqual([0, 1])
  })

  it('are not known where there are more than are kept', async () => {
    const app = await testApp({ work: false })
    const owners = Array.from({ length: 10_001 }, (_, i) => ({ ...ANNA, id: String(i + 1) }))
    app.hubspot.control.portal(PORTAL, { owners })

    expect(await createOwnerCache(app.deps).find(PORTAL)).toBeUndefined()
    app.hubspot.control.portal(PORTAL, { owners: owners.slice(1) })
    expect(await createOwnerCache(app.deps).find(PORTAL)).toHaveLength(10_000)
  })
})
