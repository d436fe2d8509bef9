import { describe, expect, it } from 'vitest'
import { createApp } from '../src/app.js'
import { OPERATIONS } from '../src/reference/operations.js'
import { listRoutes } from './support/admin.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { dumpTables } from './support/postgres.js'
import { contactsRequest, untilState, uploadFile } from './support/requests.js'
import { createTestKeyFor } from './support/test-key.js'

/** A call that is to be tried: a path with `:names`, and the answer that its owner gets. */
type Call = { method: string; path: string; query: string; body?: unknown; isUpload: boolean; status: number }
/** One key, and an object of each kind that is its partner's; the words that only they hold. */
type Tenant = { key: string; ids: Ids; words: string[] }
type Ids = Record<string, string>
type Answer = { status: number; type: string; text: string }

const UNKNOWN: Ids = {
  portalId: '999999',
  importId: `imp_${'0'.repeat(32)}`,
  templateId: `tpl_${'0'.repeat(32)}`,
  endpointId: `end_${'0'.repeat(32)}`,
  deliveryId: `msg_${'0'.repeat(32)}`,
  hubspotId: '999999999',
  version: '2026-03',
}
const FILE = 'Email,First,Last\nanna@example.com,A,B\nwrong,B,C\n'
/** What a key does to itself by being used, and the queue's own housekeeping. */
const OF_KEYS = /^table (pgboss\.|"?(ApiKey|KeyDay|CallDay|CallBudget|Turn)"?$)/

/** Every call of the partner API, and every one that stands in for HubSpot’s; what deletes comes last. */
function listCalls(app: TestApp): Call[] {
  const own = Object.values(OPERATIONS).map(({ method, path, example, upload, reply }) => ({
    method: method.toUpperCase(),
    path,
    query: example?.query ?? '',
    body: example?.body,
    isUpload: upload === 'required',
    status: reply.status,
  }))
  const compat = listRoutes(createApp(app.deps))
    .filter(({ path }) => path.startsWith('/hubspot/:portalId/'))
    .map(({ method, path }) => ({
      method,
      path: path.replace(':importId', ':hubspotId'),
      query: '',
      isUpload: method === 'POST' && !path.includes(':importId'),
      status: 200,
    }))
  return [...own, ...compat].toSorted((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'))
}

const namesIn = (path: string) => [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)

/** Tries a call with these ids; ids that were asked for, and those of the request, are left out of what was answered. */
async function attempt({ url }: TestApp, call: Call, key: string, ids: Ids): Promise<Answer> {
  const path = call.path.replaceAll(/:(\w+)/g, (_, name: string) => {
    if (ids[name] === undefined) throw new Error(`${call.path}: no test knows what :${name} is`)
    return ids[name]
  })
  const form = new FormData()
  // Ours take a file alone, and guess; corrections take nothing else.
  if (path.startsWith('/hubspot/')) form.append('importRequest', JSON.stringify(contactsRequest()))
  form.append('files', new Blob([FILE]), 'contacts.csv')
  const json = call.body === undefined ? undefined : JSON.stringify(call.body)
  const res = await fetch(`${url}${path}${call.query}`, {
    method: call.method,
    headers: { authorization: `Bearer ${key}`, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(call.isUpload ? { body: form } : json === undefined ? {} : { body: json }),
  })
  let text = (await res.text()).replaceAll(/"(requestId|correlationId)":"[^"]*"/g, '"$1":""')
  for (const name of namesIn(call.path)) text = text.replaceAll(ids[name] ?? '', `:${name}`)
  return { status: res.status, type: res.headers.get('content-type') ?? '', text }
}

/** An import that has ended, a template, an endpoint and a message of a key’s partner. */
async function furnish(app: TestApp, key: string, portalId: string, word: string): Promise<Tenant> {
  const post = async (path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const res = await fetch(app.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    const made = (await res.json()) as { id: string; secret?: string }
    if (made.secret !== undefined) app.noteEndpointSecret(made.secret)
    return made.id
  }
  const words = [`${word} import`, `${word} template`]
  const { body } = await uploadFile(app, { key, portalId, file: FILE, request: contactsRequest({ name: words[0] }) })
  const done = await untilState({ ...app, key }, { id: body.id, portalId }, 'done')
  const template = { ...(OPERATIONS.createTemplate?.example?.body as object), name: words[1] }
  const templateId = await post(`/v1/portals/${portalId}/templates`, template)
  const endpointId = await post('/v1/endpoints', { url: null })
  const deliveryId = await post(`/v1/endpoints/${endpointId}/test`, {})
  const hubspotId = done.parts[0]?.hubspotImportId ?? ''
  const ids = { portalId, importId: body.id, templateId, endpointId, deliveryId, hubspotId, version: '2026-03' }
  return { key, ids, words: [...words, body.id, templateId, endpointId, deliveryId] }
}

/** Everything that is stored, but for how often keys were used. */
async function readAll(app: TestApp): Promise<Record<string, string>> {
  const tables = await dumpTables(app.query)
  return Object.fromEntries(Object.entries(tables).filter(([name]) => !OF_KEYS.test(name)))
}

/**
 * Pairs of ids to ask with: those of an owner, all of them or one among the asker’s own, and in their place such as do not
 * exist. What the asker may use himself is no pair.
 */
function pairsOf(path: string, owner: Ids, asker: Ids): { some: string; owned: Ids; unknown: Ids }[] {
  const foreign = namesIn(path).filter((name) => owner[name] !== asker[name])
  const withIds = (names: string[], from: Ids) => ({
    ...asker,
    ...Object.fromEntries(names.map((name) => [name, from[name] ?? ''])),
  })
  const sets = foreign.length > 1 ? [foreign, ...foreign.map((name) => [name])] : [foreign]
  return sets
    .filter(({ length }) => length > 0)
    .map((names) => ({ some: names.join(' and '), owned: withIds(names, owner), unknown: withIds(names, UNKNOWN) }))
}

const STRANGERS: Record<string, (app: TestApp) => Promise<Tenant>> = {
  'another partner’s key of the same portal': async (app) =>
    furnish(app, await app.createKey('Neighbour'), PORTAL, 'neighbour’s'),
  'a key of another portal': async (app) => {
    await app.install(OTHER_PORTAL)
    return furnish(app, await app.createKey('Stranger', OTHER_PORTAL), OTHER_PORTAL, 'stranger’s')
  },
  'a test key of the same partner': async (app) => {
    const { key, portalId } = await createTestKeyFor(app, 'Partner')
    return furnish(app, key, portalId, 'test')
  },
}

describe('every call, with the ids of what somebody else has,', () => {
  it.each(Object.entries(STRANGERS))('answers %s as if they did not exist, and does nothing', async (_, open) => {
    const app = await testApp()
    const owner = await furnish(app, app.key, PORTAL, 'owner’s')
    const asker = await open(app)
    const before = await readAll(app)

    const wrong: string[] = []
    for (const call of listCalls(app))
      for (const { some, owned, unknown } of pairsOf(call.path, owner.ids, asker.ids)) {
        const [there, nowhere] = [await attempt(app, call, asker.key, owned), await attempt(app, call, asker.key, unknown)]
        const isAlike = there.status === 404 && JSON.stringify(there) === JSON.stringify(nowhere)
        const told = owner.words.filter((word) => there.text.includes(word))
        if (!isAlike || told.length > 0)
          wrong.push(`${call.method} ${call.path} with ${some}: ${JSON.stringify({ there, nowhere, told })}`)
      }

    expect(wrong).toEqual([])
    expect(await readAll(app)).toEqual(before)
  })

  it.each(Object.entries(STRANGERS))('tells %s, asked for its own, nothing of them', async (_, open) => {
    const app = await testApp()
    const owner = await furnish(app, app.key, PORTAL, 'owner’s')
    const asker = await open(app)

    const wrong: string[] = []
    for (const call of listCalls(app)) {
      const { status, text } = await attempt(app, call, asker.key, asker.ids)
      const told = owner.words.filter((word) => text.includes(word))
      for (const [, secret = ''] of text.matchAll(/"secret":"([^"]+)"/g)) app.noteEndpointSecret(secret)
      if (status !== call.status || told.length > 0) wrong.push(`${call.method} ${call.path}: ${status} ${told} ${text}`)
    }

    expect(wrong).toEqual([])
  })
})
