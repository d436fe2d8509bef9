import { once } from 'node:events'
import express, { type Express } from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createApp } from '../../src/app.js'
import { readJson } from '../../src/http/endpoint.js'
import { problemHandler } from '../../src/http/problem.js'
import { boundSlowBody } from '../../src/http/request.js'
import { createHttpServer } from '../../src/http/server.js'
import { startApp, type TestApp } from '../support/app.js'
import { freePort } from '../support/port.js'
import {
  BOUNDARY,
  chunk,
  expectGoodUpload,
  expectNoFiles,
  expectProblem,
  expectRefused,
  field,
  file,
  forgetUploads,
  form,
  goodForm,
  head,
  openRaw,
  type RawConnection,
  type RawRequest,
  REQUEST_JSON,
  requestField,
  unended,
  whole,
} from '../support/raw-http.js'
import { contactsRequest, fileEntry } from '../support/requests.js'

const KIB = 1024
const CAP = 64 * KIB
const MAX_TEXT_BYTES = 256 * KIB
const FORM = 'multipart/form-data'
const OCTETS = 'Content-Type: application/octet-stream'

/** A file of so many bytes. */
const csv = (bytes: number) => `Email,First,Last\n${'a@example.com,A,B\n'.repeat(bytes / 18)}`.padEnd(bytes, '\n').slice(0, bytes)
const paddedRequest = (bytes: number) => requestField(REQUEST_JSON.padEnd(bytes, ' '))
const requestFor = (...names: string[]) =>
  requestField(JSON.stringify(contactsRequest({ files: names.map((n) => fileEntry(n)) })))
const nameless = (content: string) => `Content-Disposition: form-data\r\n\r\n${content}`

let app: TestApp
beforeAll(async () => {
  app = await startApp({ work: false, env: { MAX_UPLOAD_BYTES: String(CAP) } })
})
afterAll(() => app.close())
afterEach(() => forgetUploads(app))

describe('an upload that is refused leaves no file, and its connection to the next one', () => {
  it.each<[string, RawRequest, number, string]>([
    ['D2.25: no Content-Type', { type: null }, 415, 'multipart_required'],
    ['D2.26: JSON', { type: 'application/json', body: '{}' }, 415, 'multipart_required'],
    ['D2.26: a urlencoded form', { type: 'application/x-www-form-urlencoded', body: 'files=x' }, 415, 'multipart_required'],
    ['D2.27: multipart/mixed', { type: `multipart/mixed; boundary=${BOUNDARY}` }, 415, 'multipart_required'],
    ['D2.28: no boundary', { type: FORM }, 400, 'multipart_malformed'],
    ['D2.28: an empty boundary', { type: `${FORM}; boundary=""` }, 400, 'multipart_malformed'],
    ['D2.29: a boundary of 71 characters', { type: `${FORM}; boundary=${'b'.repeat(71)}` }, 400, 'multipart_malformed'],
    ['D2.30: a boundary that the body does not have', { type: `${FORM}; boundary=another` }, 400, 'multipart_malformed'],
    ['D2.31: no closing boundary', { body: unended(requestField(), file()) }, 400, 'multipart_malformed'],
    ['D2.31: an end amid a part’s headers', { body: `--${BOUNDARY}\r\nContent-Dis` }, 400, 'multipart_malformed'],
    ['D2.32: an empty body', { body: '' }, 400, 'multipart_malformed'],
    ['D2.40: gzip', { headers: ['Content-Encoding: gzip'] }, 415, 'encoding_unsupported'],
  ])('%s', (_name, request, status, code) => expectRefused(app, request, status, code))

  it.each<[string, string[], number, string]>([
    ['D2.37: a file one byte over the cap', [requestField(), file('contacts.csv', csv(CAP + 1))], 413, 'upload_too_large'],
    ['D2.45: another file field', [requestField(), file('contacts.csv', 'Email\n', 'file')], 400, 'unexpected_field'],
    ['D2.46: a file that is not named', [requestField(), file(), file('more.csv')], 400, 'files_mismatch'],
    ['D2.47: no file', [requestField()], 400, 'file_missing'],
    ['D2.48: a file without filename', [requestField(), field('files', 'Email\na@example.com\n')], 400, 'filename_missing'],
    ['D2.49: an empty filename', [requestField(), file('')], 400, 'filename_missing'],
    ['D2.50: a field without a name', [requestField(), file(), nameless('x')], 400, 'multipart_malformed'],
    ['D2.50: a field with an empty name', [requestField(), file(), field('', 'x')], 400, 'multipart_malformed'],
    ['D2.50: a file with an empty name', [requestField(), file(), file('b.csv', 'x', '')], 400, 'multipart_malformed'],
    ['D2.51: five fields', Array.from({ length: 5 }, () => requestField('{}')), 400, 'too_many_parts'],
    ['D2.51: seven parts', [requestField(), ...Array.from({ length: 6 }, () => file())], 400, 'too_many_parts'],
    ['D2.52: a field name of 65 characters', [requestField(), file(), field('n'.repeat(65), 'x')], 400, 'unexpected_field'],
    ['D2.53: a[b][c]', [requestField(), file(), field('a[b][c]', 'x')], 400, 'unexpected_field'],
    ['D2.54: a[4294967294]', [requestField(), file(), field('a[4294967294]', 'x')], 400, 'unexpected_field'],
    ['D2.55: __proto__', [requestField(), file(), field('__proto__', 'x')], 400, 'unexpected_field'],
    ['D2.55: constructor', [requestField(), file(), field('constructor', 'x')], 400, 'unexpected_field'],
    ['D2.56: importRequest twice', [requestField(), requestField(), file()], 400, 'duplicate_field'],
    ['D2.57: a long importRequest', [paddedRequest(MAX_TEXT_BYTES + 1), file()], 413, 'import_request_too_large'],
    ['D2.58: 100,000 part headers', [requestField(), `${'A: b\r\n'.repeat(1e5)}${file()}`], 400, 'multipart_malformed'],
    ['D2.58: a part header of 1 MB', [requestField(), `A: ${'b'.repeat(1e6)}\r\n${file()}`], 400, 'multipart_malformed'],
  ])('%s', (_name, parts, status, code) => expectRefused(app, { body: form(...parts) }, status, code))

  it.each<[string, string[], string]>([
    ['D2.45: another field, of octets', [requestField(), file(), `${octets('other')}x`], 'unexpected_field'],
    ['D2.48: octets without filename', [requestField(), file(), `${octets('files')}Email\n`], 'filename_missing'],
    [
      'D2.56: importRequest again, as octets',
      [requestField(), file(), octets('importRequest') + REQUEST_JSON],
      'duplicate_field',
    ],
  ])('%s', (_name, parts, code) => expectRefused(app, { body: form(...parts) }, 400, code))
})

describe('what is just within a limit is taken', () => {
  it.each<[string, RawRequest, number]>([
    ['D2.29: a boundary of 70 characters', longBoundary(70), 1],
    ['D2.37: a file of exactly the cap', { body: form(requestField(), file('contacts.csv', csv(CAP))) }, 1],
    ['D2.51: six parts', { body: form(requestFor(...csvNames('abcde')), ...csvNames('abcde').map((name) => file(name))) }, 5],
    ['D2.57: an importRequest of 256 KiB', { body: form(paddedRequest(MAX_TEXT_BYTES), file()) }, 1],
  ])('%s', async (_name, request, files) => {
    const raw = await openRaw(app.url)
    raw.write(whole(app, request))

    expect((await raw.answer()).status).toBe(202)
    expect(await app.storedFiles()).toHaveLength(files)
    raw.destroy()
  })

  it('D2.37: the cap is the same for a file that comes in chunks of one, two, three bytes and so on', async () => {
    const raw = await openRaw(app.url)
    const body = form(requestField(), file('contacts.csv', csv(CAP)))
    raw.write(head(app, { headers: ['Transfer-Encoding: chunked'] }))
    for (let at = 0, size = 1; at < body.length; at += size++) raw.write(chunk(body.slice(at, at + size)))
    raw.write('0\r\n\r\n')

    expect((await raw.answer()).status).toBe(202)
    raw.destroy()
  })
})

describe('a request that breaks HTTP', () => {
  const chunked = ['Transfer-Encoding: chunked']
  const another: [name: string, bytes: () => string, status: number, code: string] = [
    'D2.39: another Expect',
    () => head(app, { headers: [...chunked, 'Expect: x'] }),
    417,
    'expectation_failed',
  ]
  const broken: [name: string, bytes: () => string, status: number, code: string][] = [
    ['D2.33: less than its Content-Length', () => whole(app).slice(0, -10), 400, 'upload_incomplete'],
    ['D2.41: both lengths', () => whole(app, { headers: chunked }), 400, 'request_malformed'],
    [
      'D2.42: a bad chunk size amid a file',
      () => `${head(app, { headers: chunked })}${chunk(goodForm().slice(0, -50))}zz\r\nx\r\n`,
      400,
      'request_malformed',
    ],
    ['D2.43: headers over 16 kB', () => whole(app, { headers: [`A: ${'b'.repeat(17e3)}`] }), 431, 'headers_too_large'],
  ]

  /** Sends such a request, and FIN where it is what breaks it; the answer is the last thing on the connection. */
  async function expectAnswered(raw: RawConnection, bytes: string, status: number, code: string): Promise<void> {
    raw.write(bytes)
    if (code === 'upload_incomplete') raw.socket.end()

    expectProblem(await raw.answer(), status, code)
    expect(await raw.ended()).toBe('')
    await expectNoFiles(app)
    await expectGoodUpload(app)
  }

  it.each([another, ...broken])('%s is answered, leaves no file, and others are served', async (_name, bytes, status, code) => {
    await expectAnswered(await openRaw(app.url), bytes(), status, code)
  })

  it('D2.39: another Expect is answered too on a connection that has served before', async () => {
    const [, bytes, status, code] = another
    await expectAnswered(await openServed(), bytes(), status, code)
  })

  it.each(broken)('%s is answered too on a connection that has served before', async (_name, bytes, status, code) => {
    await expectAnswered(await openServed(), bytes(), status, code)
  })
})

describe('D2.44: a request that comes too slowly is answered 408, and others are served', () => {
  it.each([
    ['its headers drip', () => head(app).slice(0, -2), 'X: y\r\n', createApp],
    ['its JSON drips', () => head(app, { type: 'application/json', headers: ['Content-Length: 5000'] }), ' ', impatientApp],
  ])('%s', async (_name, begin, drop, appOf) => {
    const raw = await openRaw(await impatient(appOf(app.deps)))
    raw.write(begin())
    const drip = setInterval(() => raw.write(drop), 50)
    onTestFinished(() => clearInterval(drip))

    expectProblem(await raw.answer(), 408, 'request_timeout')
    expect(await raw.ended()).toBe('')
    await expectGoodUpload(app)
  })
})

/** What reads a body of JSON, and does not wait long for it. */
function impatientApp({ log, config: { publicUrl } }: TestApp['deps']): Express {
  const reader = express().use(boundSlowBody(300), readJson(10_000))
  const nothing = () => expect.unreachable('it was never whole')
  return reader.use(problemHandler({ log, publicUrl, sendErrorPage: nothing, isOutage: () => false }))
}

/** An app behind a server that waits for a moment only; its address. */
async function impatient(served: Express): Promise<string> {
  const { server } = createHttpServer(served, app.url)
  server.headersTimeout = 500
  const port = await freePort()
  await once(server.listen(port), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://localhost:${port}`
}

async function openServed(): Promise<RawConnection> {
  const raw = await openRaw(app.url)
  raw.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')
  expect((await raw.answer()).status).toBe(200)
  return raw
}

function octets(name: string): string {
  return `Content-Disposition: form-data; name="${name}"\r\n${OCTETS}\r\n\r\n`
}

function csvNames(letters: string): string[] {
  return Array.from(letters, (letter) => `${letter}.csv`)
}

function longBoundary(length: number): RawRequest {
  const boundary = 'b'.repeat(length)
  return { type: `${FORM}; boundary=${boundary}`, body: goodForm().replaceAll(BOUNDARY, boundary) }
}
