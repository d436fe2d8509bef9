import { Client as Client14 } from '@hubspot/api-client'
import { Client as Client12 } from 'hubspot-sdk-12'
import { Client as Client13 } from 'hubspot-sdk-13'
import { describe, expect, it } from 'vitest'
import { PORTAL, testApp, until } from './support/app.js'
import { contactsCsv, contactsRequest } from './support/requests.js'

/** What a call came to: its status, and what its answer or its error is made of. */
type Outcome = { call: string; status: number; form: unknown }

/** HubSpot's SDK in three versions, none of them changed. Their types differ, their calls do not. */
const SDKS = { '12': Client12, '13': Client13, '14': Client14 } as unknown as Record<string, typeof Client14>

// Neither is required of an answer, and we tell neither: the request is the sender's own, the source is always the API.
const UNTOLD = ['importRequestJson', 'importSource']
/** Whatever the time of day or the counting on the other side makes of it. */
const BY_CHANCE = ['message', 'correlationId', 'errors', 'subCategory', 'context', 'links', 'paging']

/** Names and types, down to the last field; of lists the first entry. */
function formOf(value: unknown): unknown {
  if (value instanceof Date) return 'date'
  if (Array.isArray(value)) return value.slice(0, 1).map(formOf)
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  const fields = Object.entries(value).filter(([name, field]) => field !== undefined && ![...UNTOLD, ...BY_CHANCE].includes(name))
  return Object.fromEntries(fields.map(([name, field]) => [name, formOf(field)]).toSorted())
}

const file = (text: string) => ({ data: Buffer.from(text), name: 'contacts.csv' })
const request = JSON.stringify(contactsRequest())

/** The same calls, whoever answers them. `bad` has a token that nobody knows. */
async function walk(version: string, good: Client14, bad: Client14): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const imports = good.crm.imports
  async function note<T>(call: string, answer: Promise<T>): Promise<T | undefined> {
    return answer.then(
      (told) => {
        outcomes.push({ call, status: 200, form: formOf(told) })
        return told
      },
      (error: { code: number; body: { category?: string; status?: string } }) => {
        outcomes.push({ call, status: error.code, form: { status: error.body?.status, category: error.body?.category } })
        return undefined
      },
    )
  }

  const made = await note('create', imports.coreApi.create(file(contactsCsv(3, 2)), request))
  const id = made?.id as unknown as number
  await until(
    () => imports.coreApi.getById(id),
    ({ state }) => state === 'DONE',
  )
  await note('get', imports.coreApi.getById(id))
  await note('list', imports.coreApi.getPage(undefined, undefined, 10))
  await note('errors', imports.publicImportsApi.getErrors(id, undefined, 10))
  // Version 12 cannot ask for the messages.
  if (version !== '12') await note('errors with messages', imports.publicImportsApi.getErrors(id, undefined, 10, true))
  await note('get what is not there', imports.coreApi.getById(999_999_999))
  await note('cancel what is not there', imports.coreApi.cancel(999_999_999))
  await note('errors of what is not there', imports.publicImportsApi.getErrors(999_999_999))
  await note('create without a mapping', imports.coreApi.create(file(contactsCsv(1)), '{"name":"x"}'))
  await note('create what is no JSON', imports.coreApi.create(file(contactsCsv(1)), '{'))
  await note('list with a wrong token', bad.crm.imports.coreApi.getPage())
  await note('create with a wrong token', bad.crm.imports.coreApi.create(file(contactsCsv(1)), request))
  const running = await imports.coreApi.create(file(contactsCsv(50)), request)
  await note('cancel', imports.coreApi.cancel(running.id as unknown as number))
  return outcomes
}

describe('an unmodified SDK of HubSpot', () => {
  it.each(Object.keys(SDKS))('of version %s has the same from Importal as from HubSpot, call for call', async (version) => {
    const app = await testApp()
    app.hubspot.control.settings({ startedMs: 200, processingMs: 500 })
    const Sdk = SDKS[version] ?? Client14
    const open = (accessToken: string, basePath: string) => new Sdk({ accessToken, basePath, numberOfApiCallRetries: 0 })
    const token = (await app.deps.accessToken(PORTAL, 'track')).accessToken.reveal()
    const ours = `${app.url}/hubspot/${PORTAL}`

    const there = await walk(version, open(token, app.hubspot.url), open('pat-na1-unknown', app.hubspot.url))
    const here = await walk(version, open(app.key, ours), open('pat-na1-unknown', ours))

    expect(here).toEqual(there)
    expect(here.map(({ status }) => status)).toEqual([
      200,
      200,
      200,
      200,
      ...(version === '12' ? [] : [200]),
      404,
      404,
      404,
      400,
      400,
      401,
      401,
      200,
    ])
  })
})
