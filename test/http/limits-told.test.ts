import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AppError } from '../../src/errors.js'
import { createLimiter, subnetOf } from '../../src/http/rate.js'
import { createSeats } from '../../src/http/seats.js'
import { shedLoad } from '../../src/http/shed.js'
import { type Slowest, upload } from '../../src/http/upload.js'
import { PORTAL, testApp, until } from '../support/app.js'
import { BOUNDARY, expectNoFiles, file, form, openRaw, requestField, whole } from '../support/raw-http.js'
import { ask, uploadFile } from '../support/requests.js'

const MEBIBYTE = 1024 * 1024
const csvOf = (bytes: number) => `Email,First,Last\n${'a@example.com,A,B\n'.repeat(bytes / 18)}`

describe('a limit of requests', () => {
  it('lets in as many as a minute has, and as many again as time has passed for: for any times and numbers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 300 }),
        (perMinute, pauses) => {
          let nowMs = 0
          const limiter = createLimiter(perMinute, () => nowMs / 1_000)
          const letIn: number[] = []
          for (const pause of pauses) {
            nowMs += pause
            const { waitSeconds, left } = limiter.take('a')
            expect(left).toBeGreaterThanOrEqual(0)
            if (waitSeconds === 0) letIn.push(nowMs)
            // Whoever waits as long as he is told to is let in.
            else expect(createdLater(limiter, () => (nowMs += waitSeconds * 1_000))).toBe(0)
          }
          // In no minute more than twice the limit: all at once at its end, and what comes back meanwhile.
          for (const from of letIn)
            expect(letIn.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(perMinute * 2)
        },
      ),
    )
  })

  const createdLater = (limiter: ReturnType<typeof createLimiter>, pass: () => void) => {
    pass()
    return limiter.look('a').waitSeconds
  }

  it('forgets who came longest ago rather than grow without end', () => {
    const limiter = createLimiter(1, () => 0)
    for (let i = 0; i < 60_000; i++) limiter.take(String(i))

    expect(limiter.look('59999').waitSeconds).toBeGreaterThan(0)
    expect(limiter.look('0').waitSeconds).toBe(0)
  })

  it('counts a whole /64 of IPv6 as one, and IPv4 in IPv6 as IPv4', () => {
    expect([
      subnetOf('2001:db8:1:2:3:4:5:6'),
      subnetOf('2001:db8:1:2::1'),
      subnetOf('::ffff:192.0.2.1'),
      subnetOf('192.0.2.1'),
    ]).toEqual(['2001:db8:1:2::', '2001:db8:1:2::', '192.0.2.1', '192.0.2.1'])
  })

  it('is told with every answer, refuses what is beyond it, and holds for one key alone', async () => {
    const app = await testApp({ work: false, env: { REQUESTS_PER_MINUTE: '60' } })
    const other = await app.createKey('Other')
    const answers = [await ask<{ code?: string }>(app, '/v1/me')]
    while (answers.at(-1)?.status === 200 && answers.length < 1_000) answers.push(await ask(app, '/v1/me'))
    const [first, refused] = [answers[0], answers.at(-1)]

    expect(first?.headers.get('ratelimit-policy')).toBe('"key";q=60;w=60')
    expect(first?.headers.get('ratelimit')).toMatch(/^"key";r=59;t=[12]$/)
    expect(answers.length).toBeGreaterThan(60)
    expect([refused?.status, refused?.body.code]).toEqual([429, 'too_many_requests'])
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await ask(app, '/v1/me', other)).status).toBe(200)
  })

  it('keeps whoever guesses keys from the database, and lets the right key of another address in', async () => {
    const app = await testApp({ work: false, env: { REQUESTS_PER_MINUTE: '200', TRUST_PROXY: '1' } })
    const from = async (address: string, key: string) => {
      const res = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': address } })
      const told = ['ratelimit', 'ratelimit-policy', 'retry-after'].map((name) => res.headers.get(name))
      return { outcome: [res.status, ((await res.json()) as { code?: string }).code], told }
    }
    const wrong = `${app.key.slice(0, -3)}xyz`
    for (let i = 0; i < 10; i++) expect((await from('192.0.2.1', wrong)).outcome).toEqual([401, 'key_invalid'])

    const refused = await from('192.0.2.1', wrong)
    expect(refused.outcome).toEqual([429, 'too_many_requests'])
    expect(refused.told).toEqual([
      expect.stringMatching(/^"address";r=0;t=\d+$/),
      '"address";q=10;w=60',
      expect.stringMatching(/^[1-9]\d*$/),
    ])
    expect((await from('192.0.2.1', app.key)).outcome).toEqual([429, 'too_many_requests'])
    expect((await from('192.0.2.2', app.key)).outcome).toEqual([200, undefined])
    // Now it is known to be good, whoever guesses beside it.
    expect((await from('192.0.2.1', app.key)).outcome).toEqual([200, undefined])
    expect((await from('192.0.2.1', wrong)).outcome).toEqual([429, 'too_many_requests'])
  })
})

describe('a limit of bytes', () => {
  it('is told with uploads, counts what came, and refuses the next upload before it is read', async () => {
    const app = await testApp({ work: false, env: { BYTES_PER_DAY: '4000' } })
    const first = await uploadFile(app)
    await until(
      () => app.query<{ bytes: string }>('SELECT "bytes"::text FROM "KeyDay"'),
      ([day]) => Number(day?.bytes) > 500,
    )
    const second = await uploadFile(app, { file: `Email,First,Last\n${'a@example.com,A,B\n'.repeat(100)}` })
    await until(
      () => app.query<{ bytes: string }>('SELECT "bytes"::text FROM "KeyDay"'),
      ([day]) => Number(day?.bytes) > 2_500,
    )
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
    let heard = ''
    socket.on('data', (bytes) => {
      heard += bytes.toString()
    })
    // Expect: 100-continue is answered by the refusal, and never by 100.
    socket.write(
      `POST /v1/portals/${PORTAL}/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${app.key}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 5000\r\nexpect: 100-continue\r\n\r\n`,
    )
    await until(
      () => heard,
      (text) => text.includes('byte_budget_exceeded'),
    )
    socket.destroy()

    expect(first.headers.get('ratelimit-policy')).toBe('"key";q=1000000;w=60, "bytes";q=4000;w=86400;qu="content-bytes"')
    expect([first.status, second.status]).toEqual([202, 202])
    expect(heard).toMatch(/^HTTP\/1\.1 429 /)
    expect(Number(/retry-after: (\d+)/i.exec(heard)?.[1])).toBeLessThanOrEqual(86_400)
    expect((await ask(app, '/v1/me')).status).toBe(200)
  })
})

it('of uploads that come at the same time as many are let in as there are bytes for, and what never came is given back', async () => {
  const app = await testApp({ work: false, env: { BYTES_PER_DAY: '50000' } })
  const body = form(requestField(), file('contacts.csv', csvOf(9_000)))
  const bytes = () => app.query<{ bytes: number }>('SELECT "bytes"::float8 AS "bytes" FROM "KeyDay"')
  const begin = async (sent: string) => {
    const raw = await openRaw(app.url)
    raw.write(whole(app, { body }).slice(0, -body.length) + sent)
    return raw
  }
  const send = async () => {
    const raw = await begin(body)
    const { status, body: answer } = await raw.answer()
    raw.destroy()
    return answer.code ?? status
  }

  // Set aside as soon as its head is there.
  const broken = await begin(body.slice(0, 1_000))
  await until(bytes, ([day]) => (day?.bytes ?? 0) === body.length)
  const answers = await Promise.all(Array.from({ length: 20 }, send))
  broken.destroy()

  expect(answers.filter((answer) => answer === 202)).toHaveLength(4)
  expect(answers.filter((answer) => answer === 'byte_budget_exceeded')).toHaveLength(16)
  const [day] = await until(bytes, ([one]) => (one?.bytes ?? Number.POSITIVE_INFINITY) < 5 * body.length)
  expect(day?.bytes).toBeLessThanOrEqual(4 * body.length + 1_000)
  expect(day?.bytes).toBeGreaterThan(4 * body.length)
})

it('an upload that does not say its length is stopped once it has more bytes than the day has left, and is kept nowhere', async () => {
  const app = await testApp({ work: false, env: { BYTES_PER_DAY: String(20 * MEBIBYTE) } })
  async function* rows() {
    yield form(requestField(), file('contacts.csv', '')).replace(/\r\n--a-boundary--\r\n$/, '')
    yield 'Email,First,Last\n'
    for (let i = 0; i < 40; i++) yield csvOf(MEBIBYTE).slice('Email,First,Last\n'.length)
  }
  const sending = request(`${app.url}/v1/portals/${PORTAL}/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  })
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>
  pipeline(rows(), sending).catch(() => undefined)

  const [res] = await answered

  expect([res.statusCode, JSON.parse(await readText(res)).code]).toEqual([429, 'byte_budget_exceeded'])
  await expectNoFiles(app)
})

/** A server that takes uploads and is done with them once they are there; a slow one is cut. */
async function uploadServer(slowest: Slowest, save: (source: AsyncIterable<Buffer>) => Promise<object> = drain) {
  const outcomes: string[] = []
  const app = express()
  app.post(
    '/',
    upload({
      save,
      remove: async () => undefined,
      seats: createSeats(1),
      senderOf: () => 'a',
      maxBytes: 1e9,
      fileField: 'files',
      textField: 't',
      checkText: () => undefined,
      slowest,
    }),
    (_req, res) => void res.send('taken'),
  )
  app.use((error: AppError, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    outcomes.push(error.code)
    res.status(408).send(error.code)
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, outcomes }
}

async function drain(source: AsyncIterable<Buffer>): Promise<object> {
  for await (const _ of source);
  return {}
}

/** Begins an upload of one file; resolves to its socket and what is heard on it. */
async function beginUpload(port: number, bytes: number): Promise<{ socket: Socket; heard: () => string }> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      heard += chunk.toString()
    })
  const head = '--b\r\ncontent-disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
  const length = head.length + bytes + '\r\n--b--\r\n'.length
  socket.write(
    `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${length}\r\n\r\n${head}`,
  )
  return { socket, heard: () => heard }
}

describe('an upload over a poor line', () => {
  it('is cut when it is a drip, and leaves nothing', async () => {
    const { port, outcomes } = await uploadServer({ windowMs: 300, bytesPerSecond: 1_000 })
    const { socket, heard } = await beginUpload(port, 100_000)
    const drip = setInterval(() => socket.write('x'), 50)

    await until(heard, (text) => text.includes('request_timeout'))
    clearInterval(drip)
    socket.destroy()

    expect(outcomes).toEqual(['request_timeout'])
  })

  it('is taken when it is slow and steady, however long it takes', async () => {
    const { port, outcomes } = await uploadServer({ windowMs: 300, bytesPerSecond: 1_000 })
    const { socket, heard } = await beginUpload(port, 4_000)

    // Four windows long, at well over the least rate.
    for (let sent = 0; sent < 4_000; sent += 200) {
      socket.write('x'.repeat(200))
      await sleep(60)
    }
    socket.write('\r\n--b--\r\n')
    await until(heard, (text) => text.includes('taken'))
    socket.destroy()

    expect(outcomes).toEqual([])
  })

  it('is not cut for what takes us long ourselves', async () => {
    const gate = Promise.withResolvers<void>()
    const { port, outcomes } = await uploadServer({ windowMs: 120, bytesPerSecond: 1_000_000 }, async (source) => {
      await gate.promise
      return drain(source)
    })
    const bytes = 40 * 1024 * 1024
    const { socket, heard } = await beginUpload(port, bytes)
    socket.write(Buffer.alloc(bytes, 120))
    socket.write('\r\n--b--\r\n')

    // Many windows, in which nothing is read.
    await sleep(1_000)
    gate.resolve()
    await until(heard, (text) => text.includes('taken'))
    socket.destroy()

    expect(outcomes).toEqual([])
  })
})

describe('a server with more than it can do', () => {
  it('refuses the next request at once, and goes on with those that run', async () => {
    const gate = Promise.withResolvers<void>()
    let lateMs = 0
    const app = express()
    app.use(shedLoad(3, () => () => lateMs))
    app.get('/', async (_req, res) => {
      await gate.promise
      res.send('done')
    })
    app.use((error: AppError, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      res.status(503).set('retry-after', String(error.options.retryAfterSeconds)).send(error.code)
    })
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
    const running = [fetch(url), fetch(url), fetch(url)]
    const statusOf = async () => (await fetch(url)).status
    await until(statusOf, (status) => status === 503)

    const refused = await fetch(url)
    gate.resolve()
    const done = await Promise.all((await Promise.all(running)).map((res) => res.text()))
    const after = await statusOf()
    lateMs = 1_000
    const late = await statusOf()

    expect([refused.status, await refused.text()]).toEqual([503, 'overloaded'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
    expect(done).toEqual(['done', 'done', 'done'])
    expect([after, late]).toEqual([200, 503])
  })
})
