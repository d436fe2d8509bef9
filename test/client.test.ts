import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { openAsBlob } from 'node:fs'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import type { z } from 'zod'
import { type Access, ApiProblem, createClient, type Upload } from '../src/client/client.js'
import { readBlocks } from '../src/client/event-stream.js'
import type { createImport, findImport, listImportErrors, listImports, validateImport } from '../src/imports/schema.js'
import type { listPortals, showMe } from '../src/partners/schema.js'
import { createFaultProxy } from './faults/support/fault-proxy.js'
import { PORTAL, startApp, type TestApp, testApp } from './support/app.js'
import { freePort } from './support/port.js'
import { contactsCsv, contactsRequest } from './support/requests.js'

const MEBIBYTE = 1024 * 1024

type Client = ReturnType<typeof createClient>

function clientOf(app: TestApp, access: Partial<Access> = {}): Client {
  return createClient({ baseUrl: app.url, key: app.key, ...access })
}

function contacts(good = 3, bad = 0): Upload & { validateOnly?: false } {
  return { files: [{ name: 'contacts.csv', content: new Blob([contactsCsv(good, bad)]) }], importRequest: contactsRequest() }
}

/** An app behind a proxy that can lose what passes it. */
async function behindProxy(app: TestApp, access: Partial<Access> = {}) {
  const proxy = await createFaultProxy(() => Number(new URL(app.url).port))
  onTestFinished(proxy.close)
  return { proxy, client: clientOf(app, { baseUrl: `http://localhost:${proxy.port}`, ...access }) }
}

const problemOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable('it went well'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(ApiProblem)
      return error as ApiProblem
    },
  )

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const listed: T[] = []
  for await (const one of list) listed.push(one)
  return listed
}

describe('what the client’s types say', () => {
  it('is what the API answers', () => {
    type Answer<Endpoint extends { reply: { schema: z.ZodType } }> = z.output<Endpoint['reply']['schema']>
    type Given<Name extends keyof Client> = Client[Name] extends (...args: never[]) => infer Result ? Awaited<Result> : never
    type Page<Name extends 'listImports' | 'errors'> = Given<Name> extends AsyncIterable<infer One> ? One : never

    expectTypeOf<Given<'getImport'>>().toEqualTypeOf<Answer<typeof findImport>>()
    expectTypeOf<Given<'createImport'>>().toEqualTypeOf<Answer<typeof createImport>>()
    expectTypeOf<Given<'me'>>().toEqualTypeOf<Answer<typeof showMe>>()
    expectTypeOf<Given<'portals'>>().toEqualTypeOf<Answer<typeof listPortals>['results']>()
    expectTypeOf<Page<'listImports'>>().toEqualTypeOf<Omit<Answer<typeof listImports>, 'paging'>>()
    expectTypeOf<Page<'errors'>>().toEqualTypeOf<Omit<Answer<typeof listImportErrors>, 'paging'>>()
    type Report = Awaited<ReturnType<typeof validate>>
    expectTypeOf<Report>().toEqualTypeOf<Answer<typeof validateImport>>()
  })
})

function validate(client: Client) {
  return client.createImport(PORTAL, { ...contacts(), validateOnly: true })
}

describe('a client', () => {
  let app: TestApp
  let client: Client
  beforeAll(async () => {
    app = await startApp()
    client = clientOf(app)
  })
  afterAll(() => app.close())

  it('imports a file, tells what happens to it, and then what HubSpot says of the rows', async () => {
    const made = await client.createImport(PORTAL, contacts(3, 2))
    const seen = await all(client.watch(PORTAL, made.id))
    const pages = await all(client.errors(PORTAL, made.id, { origin: 'hubspot', limit: 1 }))
    const csv = await new Response(await client.errorsCsv(PORTAL, made.id)).text()

    expect(seen.slice(0, -1).map(({ event }) => event?.type)).toEqual(
      expect.arrayContaining(['accepted', 'submitting', 'submitted', 'done']),
    )
    expect(seen.at(-1)?.import).toEqual(await client.getImport(PORTAL, made.id))
    expect(seen.at(-1)?.import).toMatchObject({ id: made.id, state: 'done', counters: { ERRORS: 2 } })
    expect(pages.map(({ results }) => results.map(({ code, line }) => [code, line]))).toEqual([
      [['INVALID_EMAIL', 5]],
      [['INVALID_EMAIL', 6]],
    ])
    expect(csv).toContain('p4 at example')
  })

  it('knows who it is, and gives imports page by page, the newest first', async () => {
    const made: string[] = []
    for (let sent = 0; sent < 3; sent += 1) made.unshift((await client.createImport(PORTAL, contacts(sent + 10))).id)

    const listed = await all(client.listImports(PORTAL, { limit: 2 }))

    expect((await client.me()).partner.name).toBe('Partner')
    expect(await client.portals()).toMatchObject([{ id: PORTAL }])
    expect(listed.flatMap(({ results }) => results.map(({ id }) => id)).slice(0, 3)).toEqual(made)
    expect(listed.length).toBeGreaterThan(1)
  })

  it('waits for HubSpot’s answer when it is asked to', async () => {
    const made = await client.createImport(PORTAL, { ...contacts(4), wait: 60 })

    expect(['accepted', 'submitting']).not.toContain(made.state)
  })

  it('is told what is wrong with a file that stays where it is', async () => {
    const report = await client.createImport(PORTAL, { ...contacts(1, 2), validateOnly: true })

    expect(report).toMatchObject({ isAcceptable: true, codes: { INVALID_EMAIL: 2 } })
    expect(report.results).toMatchObject([{ line: 3 }, { line: 4 }])
  })

  it('throws what was refused as one kind of error, with all that was said', async () => {
    const problem = await problemOf(client.createImport(PORTAL, { ...contacts(1, 1), strict: true }))

    expect(problem).toMatchObject({
      status: 422,
      code: 'findings_refused',
      errors: [{ file: 'contacts.csv', row: 3, column: 'Email' }],
    })
    expect([problem.message, problem.type]).toEqual([problem.detail, `${app.url}/problems/findings_refused`])
    expect(problem.requestId).toMatch(/./)
    expect(await problemOf(client.getImport(PORTAL, `imp_${'0'.repeat(32)}`))).toMatchObject({ code: 'import_not_found' })
  })

  it('hears why a large file is refused while it is still being sent', async () => {
    const large = { name: 'contacts.csv', content: new Blob(Array<string>(64).fill('x'.repeat(1024 * 1024))) }

    const noRequest = await problemOf(client.createImport(PORTAL, { files: [large], importRequest: '{' }))
    const noKey = await problemOf(clientOf(app, { key: 'wrong' }).createImport(PORTAL, { files: [large] }))

    expect([noRequest.code, noKey.code]).toEqual(['json_invalid', 'key_invalid'])
  })

  it('sends what a file is called as it is, as far as a file may be called so', async () => {
    const name = 'Größe "M"; a=b.csv'
    const made = await client.createImport(PORTAL, { files: [{ name, content: new Blob([contactsCsv(7)]) }] })

    expect(made.files).toMatchObject([{ bytes: contactsCsv(7).length }])
    expect(made.files[0]?.name).toContain('Größe')
  })

  it('stops an import', async () => {
    app.hubspot.control.settings({ processingMs: 600_000 })
    onTestFinished(() => void app.hubspot.control.settings({ processingMs: 60 }))
    const made = await client.createImport(PORTAL, contacts(5))

    await client.cancel(PORTAL, made.id)

    expect((await all(client.watch(PORTAL, made.id))).at(-1)?.import?.state).toBe('canceled')
  })

  it('says when an answer is not Importal’s, and follows it nowhere', async () => {
    const onRetry = () => expect.unreachable('it would be the same')
    const elsewhere = clientOf(app, { baseUrl: app.hubspot.url, key: 'any', onRetry })
    const moved = await serve((_req, res) => res.writeHead(301, { location: app.url }).end())

    expect(await problemOf(elsewhere.me())).toMatchObject({ code: 'unexpected_answer' })
    expect(await problemOf(clientOf(app, { baseUrl: moved, onRetry }).me())).toMatchObject({ code: 'unexpected_answer' })
  })

  it('ends with its signal’s reason, whatever it is doing', async () => {
    app.hubspot.control.settings({ processingMs: 600_000 })
    onTestFinished(() => void app.hubspot.control.settings({ processingMs: 60 }))
    const made = await client.createImport(PORTAL, contacts(6))
    const stop = new AbortController()
    const reason = new Error('enough')

    const watching = (async () => {
      for await (const { event } of client.watch(PORTAL, made.id, { signal: stop.signal }))
        if (event?.type === 'submitted') stop.abort(reason)
    })()

    await expect(watching).rejects.toBe(reason)
    await expect(client.me({ signal: stop.signal })).rejects.toBe(reason)
    await client.cancel(PORTAL, made.id)
  })

  it('shows its key nowhere, not even one that cannot be sent', async () => {
    const broken = 'imp_live_secret\nsecret'
    const problem = await problemOf(clientOf(app, { key: 'imp_live_wrong' }).me())

    expect(() => clientOf(app, { key: broken })).toThrow(expect.not.stringContaining('secret') as Error)
    expect(() => clientOf(app, { baseUrl: 'http://me:secret@localhost' })).toThrow(expect.not.stringContaining('secret') as Error)
    expect(inspect(problem, { depth: 10 })).not.toContain('imp_live_wrong')
    expect(inspect(client, { depth: 10 })).not.toContain(app.key)
  })
})

describe('a connection that is lost', () => {
  it('goes on after the last event, none lost and none told twice', async () => {
    const app = await testApp({ work: false })
    const { proxy, client } = await behindProxy(app)
    const made = await client.createImport(PORTAL, contacts())
    const told: string[] = []

    for await (const { event, import: ended } of client.watch(PORTAL, made.id)) {
      if (event) told.push(event.id)
      if (ended) expect(ended.state).toBe('done')
      if (told.length === 1) await app.startWork()
      if (event) proxy.cutAll()
    }

    const events = await app.query<{ id: string }>('SELECT "id"::text FROM "ImportEvent" e ORDER BY e."id"')
    expect(told).toEqual(events.map(({ id }) => id))
    expect(told.length).toBeGreaterThan(3)
  })

  it('makes one import of an upload whose answer did not come, sent again with the same key', async () => {
    const app = await testApp({ work: false })
    const lost: string[] = []
    const { proxy, client } = await behindProxy(app, { onRetry: ({ code }) => lost.push(code) })
    proxy.trouble({ cut: 'down', afterBytes: 0 }, { matching: /^POST/, times: 2 })

    const made = await client.createImport(PORTAL, contacts())

    expect(lost).toEqual(['connection_lost', 'connection_lost'])
    expect(await app.query('SELECT "id" FROM "Import"')).toEqual([{ id: made.id }])
    expect(await app.query('SELECT 1 FROM "IdempotencyKey"')).toHaveLength(1)
  })

  it('is made anew for what only reads, and not for what cannot be repeated', async () => {
    const app = await testApp({ work: false })
    const lost: string[] = []
    const { proxy, client } = await behindProxy(app, { onRetry: ({ code }) => lost.push(code) })
    proxy.trouble({ cut: 'down', afterBytes: 20 }, { matching: /^GET/, times: 1 })
    proxy.trouble({ cut: 'down', afterBytes: 0 }, { matching: /^POST/, times: 1 })

    const canceling = await problemOf(client.cancel(PORTAL, `imp_${'0'.repeat(32)}`))
    const me = await client.me()

    expect([canceling.code, canceling.status]).toEqual(['connection_lost', 0])
    expect([me.partner.name, lost]).toEqual(['Partner', ['connection_lost']])
  })

  it('is given up after so many tries', async () => {
    const waits: number[] = []
    const baseUrl = `http://localhost:${await freePort()}`
    const client = createClient({ baseUrl, key: 'any', maxRetries: 2, onRetry: (_problem, waitMs) => waits.push(waitMs) })

    const problem = await problemOf(client.me())

    expect([problem.code, waits.length]).toEqual(['connection_lost', 2])
    expect(problem.message).toContain('ECONNREFUSED')
  })

  it('is not blamed for a file that has changed since it was opened', async () => {
    const app = await testApp({ work: false })
    const folder = await mkdtemp(join(tmpdir(), 'importal-client-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'contacts.csv')
    await writeFile(path, contactsCsv(3))
    const content = await openAsBlob(path)
    await writeFile(path, contactsCsv(30))

    const problem = await problemOf(clientOf(app).createImport(PORTAL, { files: [{ name: 'contacts.csv', content }] }))

    expect(problem.code).toBe('file_unreadable')
  })
})

describe('a server that is busy', () => {
  it('is asked again when it said, and not before', async () => {
    const app = await testApp({ work: false })
    const uploads = Array.from({ length: 200 }, () => openUpload(app))
    await Promise.all(uploads.map(({ isHeld }) => isHeld))
    const met: { code: string; waitMs: number; at: number }[] = []
    const client = clientOf(app, {
      onRetry: ({ code }, waitMs) => {
        met.push({ code, waitMs, at: performance.now() })
        for (const { destroy } of uploads) destroy()
      },
    })

    const made = await client.createImport(PORTAL, contacts())

    expect(made.state).toBe('accepted')
    expect(met.map(({ code }) => code)).toEqual(['too_many_uploads'])
    expect(met[0]?.waitMs).toBe(2_000)
    expect(performance.now() - (met[0]?.at ?? 0)).toBeGreaterThanOrEqual(1_990)
  })

  it('is left alone when it wants more than a minute, which is told', async () => {
    const app = await testApp({ work: false })
    const made = await clientOf(app).createImport(PORTAL, contacts())
    await app.query(
      `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request")
       SELECT 'imp_' || md5(n::text), "portalId", "partnerId", "name", "request" FROM "Import", generate_series(1, 20000) n WHERE "id" = $1`,
      [made.id],
    )

    const problem = await problemOf(clientOf(app).createImport(PORTAL, contacts(4)))

    expect(problem).toMatchObject({ status: 429, code: 'too_many_waiting', retryAfterSeconds: 300 })
  })
})

describe('a large file', () => {
  it('is sent from the disk, and never in memory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'importal-client-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'large.csv')
    await writeFile(path, '')
    await truncate(path, 512 * MEBIBYTE)
    let received = 0
    const url = await serve((req, res) => {
      req.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      req.on('end', () => res.writeHead(202).end('{}'))
    })
    const sending = `
      import { openAsBlob } from 'node:fs'
      import { createClient } from './src/client/client.js'
      const client = createClient({ baseUrl: '${url}', key: 'any' })
      await client.createImport('1', { files: [{ name: 'large.csv', content: await openAsBlob('${path}') }] })
      const { readPeak } = await import('./test/support/memory.js')
      console.log(await readPeak(process.pid))`
    const args = ['--import', './test/support/typescript.mjs', '--input-type=module', '--eval', sending]

    const { stdout } = await promisify(execFile)(process.execPath, args)

    expect(received).toBeGreaterThan(512 * MEBIBYTE)
    // NaN where only Linux would tell.
    expect(Number(stdout)).not.toBeGreaterThan(256)
  })
})

describe('readBlocks', () => {
  const NEVER = () => expect.unreachable('it was not silent')

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('reads events with %s, cut anywhere', async (_name, eol) => {
    const lines = [
      'retry: 5',
      '',
      ': hm',
      '',
      'id: 7',
      'event: done',
      'data: {"a":',
      'data: "ü"}',
      '',
      'id:8',
      'data',
      '',
      '',
      'id: 9',
    ]
    const bytes = new TextEncoder().encode(lines.join(eol))
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })

    const blocks = await all(readBlocks(body, 60_000, NEVER))

    expect(blocks.filter((block) => Object.keys(block).length > 0)).toEqual([
      { retryMs: 5 },
      { id: '7', data: '{"a":\n"ü"}' },
      { id: '8', data: '' },
    ])
  })

  it('gives a stream up that says nothing', async () => {
    let stop: (reason: Error) => void = NEVER
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stop = (reason) => controller.error(reason)
      },
    })

    await expect(all(readBlocks(body, 20, (reason) => stop(reason)))).rejects.toThrow('nothing within 20 ms')
  })
})

/** A server that answers as it is told; it ends with the test. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An upload that stays open; `isHeld` once the server has begun to read it. */
function openUpload(app: TestApp): { isHeld: Promise<unknown>; destroy: () => void } {
  const sending = httpRequest(`${app.url}/v1/portals/${PORTAL}/imports`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${app.key}`,
      'content-type': 'multipart/form-data; boundary=b',
      // Answered with `100 Continue` when it is this upload's turn.
      expect: '100-continue',
    },
  })
  sending.on('error', () => undefined)
  const isHeld = new Promise((resolve) => sending.once('continue', resolve))
  sending.flushHeaders()
  return { isHeld, destroy: () => void sending.destroy() }
}
