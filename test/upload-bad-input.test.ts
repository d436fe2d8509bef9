import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, startApp, type TestApp, testApp, until } from './support/app.js'
import { ask, contactsCsv, contactsRequest, fileEntry, untilState, uploadFile } from './support/requests.js'

type Part = { name?: string; filename?: string; head?: string; body: string | Buffer }
type Problem = { status: number; contentType: string | undefined; body: Record<string, unknown> }

const KIB = 1024
const MIB = 1024 * KIB
const BOUNDARY = 'a-boundary'
const FORM = `multipart/form-data; boundary=${BOUNDARY}`
const PATH = `/v1/portals/${PORTAL}/imports`

const requestPart = (value: unknown = contactsRequest()): Part => ({
  name: 'importRequest',
  body: typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value),
})
const filePart = (filename = 'contacts.csv', body: string | Buffer = contactsCsv(3)): Part => ({ name: 'files', filename, body })

/** A multipart body, byte by byte as told: nothing is escaped. */
function multipart(parts: Part[], change: { boundary?: string; end?: string } = {}): Buffer {
  const { boundary = BOUNDARY, end = `--${boundary}--\r\n` } = change
  const pieces = parts.flatMap(({ name, filename, head, body }) => [
    Buffer.from(`--${boundary}\r\n`),
    Buffer.from(head ?? disposition(name, filename)),
    Buffer.from('\r\n\r\n'),
    Buffer.from(body),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...pieces, Buffer.from(end)])
}

function disposition(name?: string, filename?: string): string {
  const parameters = [name === undefined ? '' : `; name="${name}"`, filename === undefined ? '' : `; filename="${filename}"`]
  return `Content-Disposition: form-data${parameters.join('')}${filename === undefined ? '' : '\r\nContent-Type: text/csv'}`
}

/** Sends a body as it is, in one request. */
async function post(app: TestApp, body: Buffer, headers: Record<string, string> = { 'content-type': FORM }): Promise<Problem> {
  const res = await fetch(app.url + PATH, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, ...headers },
    body: new Uint8Array(body),
  })
  return {
    status: res.status,
    contentType: res.headers.get('content-type') ?? undefined,
    body: (await res.json()) as Record<string, unknown>,
  }
}

const postParts = (app: TestApp, parts: Part[]) => post(app, multipart(parts))

function expectProblem({ status, contentType, body }: Problem, expectedStatus: number, code: string, url?: string): void {
  expect([status, body.code]).toEqual([expectedStatus, code])
  expect(contentType).toMatch(/^application\/problem\+json(; charset=utf-8)?$/)
  expect(body).toMatchObject({
    status: expectedStatus,
    title: expect.any(String),
    type: expect.stringMatching(`/problems/${code}$`),
  })
  if (url !== undefined) expect(body.type).toBe(`${url}/problems/${code}`)
  expect(JSON.stringify(body)).not.toMatch(/\.(js|ts):\d+|imp_live_/)
}

/** An answered refusal has removed everything; one that was cut off does so right after. */
async function expectNothingStored(app: TestApp): Promise<void> {
  await until(
    () => app.storedFiles(),
    (files) => files.length === 0,
  )
  const tables = ['Import', 'ImportFile', 'ImportPart', 'ImportEvent', 'RowError']
  for (const table of tables) expect([table, await app.query(`SELECT * FROM "${table}"`)]).toEqual([table, []])
}

async function expectRefused(app: TestApp, parts: Part[], status: number, code: string, pointer?: string): Promise<Problem> {
  const res = await postParts(app, parts)

  expectProblem(res, status, code, app.url)
  if (pointer !== undefined) expect(res.body.errors).toContainEqual(expect.objectContaining({ pointer }))
  await expectNothingStored(app)
  return res
}

type RawAnswer = Problem & { head: string; text: string; sentBytes: number; isClosed: boolean }

/**
 * A connection of our own: for what no well-behaved client sends. `answer()` gives the first final answer, `closed()` all
 * that came until the server ended the connection.
 */
function openRaw(app: TestApp) {
  const { hostname, port } = new URL(app.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let received = ''
  let isClosed = false
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      isClosed = true
      resolve()
    }
    socket.once('end', end)
    socket.once('close', end)
  })

  const read = (): RawAnswer | undefined => {
    const text = received.replace(/^HTTP\/1\.1 100 .*?\r\n\r\n/s, '')
    const at = text.indexOf('\r\n\r\n')
    if (at < 0) return undefined
    const head = text.slice(0, at)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    const body = text.slice(at + 4)
    if (body.length < length) return undefined
    return {
      head,
      text: received,
      status: Number(head.slice(9, 12)),
      contentType: /\r\ncontent-type: ([^\r]+)/i.exec(head)?.[1],
      body: length === 0 ? {} : (JSON.parse(Buffer.from(body.slice(0, length), 'latin1').toString()) as Record<string, unknown>),
      sentBytes: socket.bytesWritten,
      isClosed,
    }
  }
  return {
    socket,
    write: (data: string | Buffer) => socket.write(data),
    received: () => received,
    async answer(): Promise<RawAnswer> {
      const answer = await until(read, (found) => found !== undefined || isClosed, 15_000)
      if (!answer) throw new Error(`closed without an answer: ${received}`)
      return answer
    },
    async closed(): Promise<void> {
      await ended
      socket.destroy()
    },
  }
}

const rawHead = (app: TestApp, headers: string[], key = app.key) =>
  [`POST ${PATH} HTTP/1.1`, `Host: ${new URL(app.url).host}`, `Authorization: Bearer ${key}`, ...headers].join('\r\n') +
  '\r\n\r\n'

const chunk = (data: Buffer) => Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')])

const good = () => multipart([requestPart(), filePart()])

describe('POST /v1/portals/:portalId/imports refuses', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ work: false })
  })
  afterAll(() => app.close())
  afterEach(async () => {
    await app.query('TRUNCATE "Import" CASCADE')
    for (const name of await app.storedFiles()) await app.deps.files.remove(name)
  })

  describe('a transport', () => {
    it.each([
      ['D2.25: no Content-Type', {}],
      ['D2.26: application/json', { 'content-type': 'application/json' }],
      ['D2.26: a urlencoded form', { 'content-type': 'application/x-www-form-urlencoded' }],
      ['D2.26: text/plain', { 'content-type': 'text/plain' }],
      ['D2.26: a type that only begins like ours', { 'content-type': `multipart/form-dataX; boundary=${BOUNDARY}` }],
      ['D2.27: multipart/mixed', { 'content-type': `multipart/mixed; boundary=${BOUNDARY}` }],
    ])('%s', async (_name, headers) => {
      const res = await post(app, good(), headers)

      expectProblem(res, 415, 'multipart_required', app.url)
      await expectNothingStored(app)
    })

    it.each([
      ['D2.28: no boundary', 'multipart/form-data'],
      ['D2.28: an empty boundary', 'multipart/form-data; boundary='],
      ['D2.28: an empty quoted boundary', 'multipart/form-data; boundary=""'],
      ['D2.29: a boundary of 71 characters', `multipart/form-data; boundary=${'b'.repeat(71)}`],
      ['D2.29: a boundary of 4,000 characters', `multipart/form-data; boundary=${'b'.repeat(4_000)}`],
    ])('%s', async (_name, type) => {
      const res = await post(app, good(), { 'content-type': type })

      expectProblem(res, 400, 'multipart_malformed', app.url)
      await expectNothingStored(app)
    })

    it.each([
      ['D2.30: a boundary that is not in the body', multipart([requestPart(), filePart()], { boundary: 'another' })],
      ['D2.31: no closing boundary', multipart([requestPart(), filePart()], { end: '' })],
      ['D2.31: a closing boundary cut short', multipart([requestPart(), filePart()], { end: `--${BOUNDARY}` })],
      ['D2.31: an end inside a file', good().subarray(0, -40)],
      ['D2.31: an end inside a part’s headers', multipart([requestPart()], { end: `--${BOUNDARY}\r\nContent-Dispo` })],
      ['D2.32: an empty body', Buffer.alloc(0)],
      ['D2.32: a line break for a body', Buffer.from('\r\n')],
    ])('%s', async (_name, body) => {
      const res = await post(app, body)

      expectProblem(res, 400, 'multipart_malformed', app.url)
      await expectNothingStored(app)
    })

    it('D2.33: a body shorter than its Content-Length, ended by FIN', async () => {
      const raw = openRaw(app)
      const body = good()
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, `Content-Length: ${body.length + 1000}`]))
      raw.write(body)
      raw.socket.end()

      const res = await raw.answer()

      expectProblem(res, 400, 'upload_incomplete', app.url)
      await raw.closed()
      await expectNothingStored(app)
    })

    it('D2.34: a Content-Length over the cap, before a byte of the body is sent', async () => {
      const raw = openRaw(app)
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, `Content-Length: ${512 * MIB + MIB + 1}`]))

      const res = await raw.answer()

      expectProblem(res, 413, 'upload_too_large', app.url)
      await raw.closed()
      await expectNothingStored(app)
    })

    it('D2.38: Expect: 100-continue with a bad key, without asking for the body', async () => {
      const raw = openRaw(app)
      const headers = [`Content-Type: ${FORM}`, 'Content-Length: 5000', 'Expect: 100-continue']
      raw.write(rawHead(app, headers, app.key.replace(/.$/, '*')))

      const res = await raw.answer()

      expectProblem(res, 401, 'key_invalid', app.url)
      expect(res.text).not.toContain('HTTP/1.1 100')
      await raw.closed()
      await expectNothingStored(app)
    })

    it('D2.38: Expect: 100-continue with a wrong type, without asking for the body', async () => {
      const raw = openRaw(app)
      raw.write(rawHead(app, ['Content-Type: text/csv', 'Content-Length: 5000', 'Expect: 100-continue']))

      const res = await raw.answer()

      expectProblem(res, 415, 'multipart_required', app.url)
      expect(res.text).not.toContain('HTTP/1.1 100')
      await raw.closed()
      await expectNothingStored(app)
    })

    it('D2.39: any other Expect, and ends the connection whatever would follow', async () => {
      const raw = openRaw(app)
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked', 'Expect: a-miracle']))

      const res = await raw.answer()

      expectProblem(res, 417, 'expectation_failed', app.url)
      await raw.closed()
      await expectNothingStored(app)
    })

    it.each(['gzip', 'br', 'deflate', 'gzip, identity', 'x'])('D2.40: Content-Encoding: %s', async (encoding) => {
      const res = await post(app, good(), { 'content-type': FORM, 'content-encoding': encoding })

      expectProblem(res, 415, 'encoding_unsupported', app.url)
      await expectNothingStored(app)
    })

    it.each([
      ['D2.41: Content-Length and Transfer-Encoding', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
      ['D2.41: two Content-Lengths', ['Content-Length: 5', 'Content-Length: 6'], 'hello'],
      ['D2.41: a Content-Length that is no number', ['Content-Length: 5x'], 'hello'],
      ['D2.41: a Transfer-Encoding nobody knows', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    ])('%s', async (_name, headers, body) => {
      const raw = openRaw(app)
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, ...headers]) + body)

      const res = await raw.answer()

      expectProblem(res, 400, 'request_malformed', app.url)
      await raw.closed()
      await expectNothingStored(app)
    })

    it('D2.42: a chunk size that is no number, with one answer', async () => {
      const raw = openRaw(app)
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked']))
      raw.write(chunk(good().subarray(0, 300)))
      raw.write('zz\r\nhello\r\n')

      const res = await raw.answer()

      expectProblem(res, 400, 'request_malformed', app.url)
      await raw.closed()
      expect(raw.received().match(/HTTP\/1\.1 /g)).toHaveLength(1)
      await expectNothingStored(app)
    })

    it('D2.43: more than 16 kB of headers', async () => {
      const raw = openRaw(app)
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, `X-Padding: ${'x'.repeat(17 * KIB)}`, 'Content-Length: 0']))

      const res = await raw.answer()

      expectProblem(res, 431, 'headers_too_large', app.url)
      await raw.closed()
      await expectNothingStored(app)
    })
  })

  describe('parts', () => {
    it.each<[string, Part[], number, string]>([
      ['D2.45: a file in another field', [requestPart(), { ...filePart(), name: 'file' }], 400, 'unexpected_field'],
      ['D2.45: a file in another field, first', [{ ...filePart(), name: 'file' }, requestPart()], 400, 'unexpected_field'],
      ['D2.45: a field that is not ours', [requestPart(), filePart(), { name: 'note', body: 'x' }], 400, 'unexpected_field'],
      [
        'D2.46: a file that importRequest does not name',
        [requestPart(), filePart(), filePart('more.csv')],
        400,
        'files_mismatch',
      ],
      ['D2.46: one file twice', [requestPart(), filePart(), filePart()], 400, 'files_mismatch'],
      ['D2.46: files first, one of them unnamed', [filePart('more.csv'), filePart(), requestPart()], 400, 'files_mismatch'],
      ['D2.47: no file', [requestPart()], 400, 'file_missing'],
      ['D2.48: a file without a filename', [requestPart(), { name: 'files', body: contactsCsv(1) }], 400, 'filename_missing'],
      ['D2.49: an empty filename', [requestPart(), filePart('')], 400, 'filename_missing'],
      ['D2.49: a filename of blanks', [requestPart(), filePart('  ')], 400, 'filename_missing'],
      ['D2.49: a filename that is a folder', [requestPart(), filePart('folder/')], 400, 'filename_missing'],
      ['D2.50: a field without a name', [requestPart(), filePart(), { body: 'x' }], 400, 'multipart_malformed'],
      ['D2.50: a file without a name', [requestPart(), { filename: 'contacts.csv', body: 'x' }], 400, 'multipart_malformed'],
      ['D2.50: a field with an empty name', [requestPart(), filePart(), { name: '', body: 'x' }], 400, 'multipart_malformed'],
      ['D2.50: a file with an empty name', [requestPart(), { ...filePart(), name: '' }], 400, 'multipart_malformed'],
      ['D2.51: five fields', Array.from({ length: 5 }, () => requestPart()), 400, 'too_many_parts'],
      [
        'D2.51: seven files',
        [requestPart(), ...Array.from({ length: 7 }, (_, i) => filePart(`${i}.csv`))],
        400,
        'too_many_parts',
      ],
      ['D2.51: a thousand fields', Array.from({ length: 1_000 }, () => requestPart('{}')), 400, 'too_many_parts'],
      ['D2.52: a field name of 65 characters', [requestPart(), { name: 'n'.repeat(65), body: 'x' }], 400, 'unexpected_field'],
      ['D2.52: a field name of 10 kB', [requestPart(), { name: 'n'.repeat(10_000), body: 'x' }], 400, 'unexpected_field'],
      [
        'D2.52: a file’s field name of 65 characters',
        [requestPart(), { ...filePart(), name: 'n'.repeat(65) }],
        400,
        'unexpected_field',
      ],
      ['D2.53: a[b][c]', [requestPart(), filePart(), { name: 'a[b][c]', body: 'x' }], 400, 'unexpected_field'],
      ['D2.53: importRequest[name]', [{ name: 'importRequest[name]', body: 'x' }, filePart()], 400, 'unexpected_field'],
      ['D2.53: files[0]', [requestPart(), { ...filePart(), name: 'files[0]' }], 400, 'unexpected_field'],
      ['D2.54: a[4294967294]', [requestPart(), filePart(), { name: 'a[4294967294]', body: 'x' }], 400, 'unexpected_field'],
      ['D2.54: importRequest[4294967294]', [{ name: 'importRequest[4294967294]', body: 'x' }], 400, 'unexpected_field'],
      ['D2.55: __proto__', [requestPart(), filePart(), { name: '__proto__', body: 'x' }], 400, 'unexpected_field'],
      ['D2.55: __proto__[x]', [requestPart(), filePart(), { name: '__proto__[x]', body: 'x' }], 400, 'unexpected_field'],
      ['D2.55: constructor', [requestPart(), filePart(), { name: 'constructor', body: 'x' }], 400, 'unexpected_field'],
      ['D2.55: a file __proto__', [requestPart(), { ...filePart(), name: '__proto__' }], 400, 'unexpected_field'],
      ['D2.56: importRequest twice', [requestPart(), requestPart(), filePart()], 400, 'duplicate_field'],
      ['D2.56: importRequest before and after', [requestPart(), filePart(), requestPart()], 400, 'duplicate_field'],
      [
        'D2.56: importRequest as a field and as a file',
        [requestPart(), { ...requestPart(), filename: 'request.json' }, filePart()],
        400,
        'duplicate_field',
      ],
      [
        'D2.56: importRequest twice as a file',
        [{ ...requestPart(), filename: 'a.json' }, { ...requestPart(), filename: 'b.json' }, filePart()],
        400,
        'duplicate_field',
      ],
      ['D2.57: an importRequest over 256 KiB', [requestPart(tooLong()), filePart()], 413, 'import_request_too_large'],
      [
        'D2.57: an importRequest over 256 KiB as a file',
        [{ ...requestPart(tooLong()), filename: 'request.json' }, filePart()],
        413,
        'import_request_too_large',
      ],
      ['D2.58: a part header of 1 MB', [requestPart(), bomb(`X: ${'x'.repeat(MIB)}`)], 400, 'multipart_malformed'],
      ['D2.58: 100,000 part headers', [requestPart(), bomb('X: y\r\n'.repeat(100_000).trimEnd())], 400, 'multipart_malformed'],
    ])('%s', async (_name, parts, status, code) => {
      await expectRefused(app, parts, status, code)
    })

    it('D2.46: a file that importRequest names and nobody sent', async () => {
      const request = contactsRequest({ files: [fileEntry('contacts.csv'), fileEntry('more.csv')] })

      await expectRefused(app, [requestPart(request), filePart()], 422, 'import_request_invalid', '/files/1/fileName')
    })

    it('D2.55: nothing that reaches the prototype of all objects', async () => {
      await postParts(app, [requestPart(), filePart(), { name: '__proto__[polluted]', body: 'yes' }])
      await postParts(app, [requestPart('{"__proto__":{"polluted":"yes"}}'), filePart()])

      expect(({} as { polluted?: string }).polluted).toBeUndefined()
      await expectNothingStored(app)
    })
  })

  describe('a file name', () => {
    it.each([
      ['D3.60: an escaped line break', 'con%0d%0atacts.csv'],
      ['D3.60: an escaped carriage return', 'contacts.csv%0D'],
      ['D3.61: a C1 control character', 'contacts\u0085.csv'],
      ['D3.61: a direction override', 'contacts\u202evsc.exe'],
      ['D3.61: a direction isolate', 'contacts\u2066.csv'],
      ['D3.61: a zero-width space', 'contacts\u200b.csv'],
      ['D3.61: a zero-width joiner', 'contacts\u200d.csv'],
      ['D3.61: a byte order mark', '\ufeffcontacts.csv'],
      ['D3.61: a line separator', 'contacts\u2028.csv'],
    ])('%s', async (_name, filename) => {
      await expectRefused(app, [requestPart(), filePart(filename)], 400, 'filename_invalid')
    })

    it.each([
      ['D3.61: an encoded NUL', '%00', 'filename_invalid'],
      ['D3.61: an encoded bell', '%07', 'filename_invalid'],
      ['D3.61: an encoded DEL', '%7F', 'filename_invalid'],
      ['D3.60: an encoded line break', '%0D%0A', 'filename_invalid'],
      ['D3.61: an encoded direction override', '%E2%80%AE', 'filename_invalid'],
      ['D3.61: an encoded zero-width space', '%E2%80%8B', 'filename_invalid'],
    ])('%s', async (_name, encoded, code) => {
      const head = `Content-Disposition: form-data; name="files"; filename*=UTF-8''contacts${encoded}.csv`

      await expectRefused(app, [requestPart(), { head, body: contactsCsv(1) }], 400, code)
    })

    it.each([
      ['D3.61: a NUL as it is', 'contacts\u0000.csv'],
      ['D3.61: a bell as it is', 'contacts\u0007.csv'],
      ['D3.61: a DEL as it is', 'contacts\u007f.csv'],
    ])('%s, which no part’s header may hold', async (_name, filename) => {
      await expectRefused(app, [requestPart(), filePart(filename)], 400, 'multipart_malformed')
    })

    it('D3.61: bytes that are no UTF-8', async () => {
      const parts = multipart([requestPart(), filePart('contacts-?.csv')])
      parts.writeUInt8(0xff, parts.indexOf('contacts-?') + 9)

      const res = await post(app, parts)

      expectProblem(res, 400, 'filename_invalid', app.url)
      await expectNothingStored(app)
    })
  })

  describe('an importRequest', () => {
    const withColumns = (columnMappings: unknown) =>
      contactsRequest({ files: [fileEntry('contacts.csv', { fileImportPage: { hasHeader: true, columnMappings } })] })
    const withColumn = (change: object) =>
      withColumns([{ columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', ...change }])
    const without = (name: string) => {
      const { [name]: _, ...rest } = contactsRequest()
      return rest
    }
    const COLUMNS = '/files/0/fileImportPage/columnMappings'

    it.each<[string, string | Buffer]>([
      ['D4.68: no JSON', 'hello'],
      ['D4.68: a trailing comma', '{"name": "x",}'],
      ['D4.68: NaN', '{"name": NaN}'],
      ['D4.68: an end too early', '{"name": "x"'],
      ['D4.68: single quotes', "{'name': 'x'}"],
      ['D4.68: a comment', '{"name": "x" /* why */}'],
      ['D4.68: a raw line break in a text', '{"name": "x\ny"}'],
      ['D4.68: two documents', '{}{}'],
      ['D4.74: UTF-16', Buffer.from(JSON.stringify(contactsRequest()), 'utf16le')],
      ['D4.74: UTF-16 with a mark', Buffer.from(`\ufeff${JSON.stringify(contactsRequest())}`, 'utf16le')],
      ['D4.74: invalid UTF-8', Buffer.from(JSON.stringify(contactsRequest({ name: '\u00e9' })), 'latin1')],
      ['D4.74: half of a surrogate pair', '{"name":"\\ud83d"}'],
    ])('%s, as a field and as a file, and says where', async (_name, body) => {
      const asField = await expectRefused(app, [requestPart(body), filePart()], 400, 'json_invalid')
      const asFile = await expectRefused(app, [{ ...requestPart(body), filename: 'r.json' }, filePart()], 400, 'json_invalid')

      for (const { body: problem } of [asField, asFile]) expect(problem.detail).toMatch(/ offset \d+/)
    })

    it.each<[string, Part[]]>([
      ['D4.67: that is missing, for several files', [filePart(), filePart('more.csv')]],
      ['D4.67: that is empty', [requestPart(''), filePart()]],
      ['D4.67: that is blank', [requestPart(' \n'), filePart()]],
      ['D4.67: that is an empty file', [{ ...requestPart(''), filename: 'request.json' }, filePart()]],
      ['D4.67: that is missing, as is the file', []],
    ])('%s', async (_name, parts) => {
      const res = await post(app, multipart(parts.length > 0 ? parts : [requestPart('')]))

      expectProblem(res, 400, 'import_request_missing', app.url)
      await expectNothingStored(app)
    })

    it.each<[string, unknown, string]>([
      ['D4.69: an array', [], ''],
      ['D4.69: a text', '"a text"', ''],
      ['D4.69: null', 'null', ''],
      ['D4.69: a number', '1', ''],
      ['D4.69: an empty object', {}, '/name'],
      ['D4.71: 50,000 files', contactsRequest({ files: Array(50_000).fill(0) }), '/files'],
      ['D4.75: no name', without('name'), '/name'],
      ['D4.75: an empty name', contactsRequest({ name: '' }), '/name'],
      ['D4.75: a blank name', contactsRequest({ name: ' \t ' }), '/name'],
      ['D4.75: a name of 5,000 characters', contactsRequest({ name: 'n'.repeat(5_000) }), '/name'],
      ['D4.75: a control character in the name', contactsRequest({ name: 'a\u0007b' }), '/name'],
      ['D4.75: a line break in the name', contactsRequest({ name: 'a\r\nb' }), '/name'],
      ['D4.75: a mark of ours in the name', contactsRequest({ name: `x [imp_${'0'.repeat(32)}]` }), '/name'],
      ['D4.75: a mark of ours in capitals', contactsRequest({ name: 'x [IMP_0]' }), '/name'],
      ['D4.75: a name that is a number', contactsRequest({ name: 1 }), '/name'],
      ['D4.76: no files', without('files'), '/files'],
      ['D4.76: an empty list of files', contactsRequest({ files: [] }), '/files'],
      ['D4.76: files that are no list', contactsRequest({ files: {} }), '/files'],
      [
        'D4.76: two entries for one file',
        contactsRequest({ files: [fileEntry('contacts.csv'), fileEntry('b.csv')] }),
        '/files/1/fileName',
      ],
      [
        'D4.76: one file named twice',
        contactsRequest({ files: [fileEntry('contacts.csv'), fileEntry('contacts.csv')] }),
        '/files/1/fileName',
      ],
      ['D4.76: six files', contactsRequest({ files: Array.from({ length: 6 }, (_, i) => fileEntry(`${i}.csv`)) }), '/files'],
      [
        'D4.77: an unknown file format',
        contactsRequest({ files: [fileEntry('contacts.csv', { fileFormat: 'PDF' })] }),
        '/files/0/fileFormat',
      ],
      [
        'D4.77: a file format in small letters',
        contactsRequest({ files: [fileEntry('contacts.csv', { fileFormat: 'csv' })] }),
        '/files/0/fileFormat',
      ],
      ['D4.78: no columnMappings', withColumns(undefined), COLUMNS],
      ['D4.78: empty columnMappings', withColumns([]), COLUMNS],
      ['D4.78: 10,000 columnMappings', withColumns(Array(10_000).fill({ columnName: 'a' })), COLUMNS],
      ['D4.78: 1,000 columnMappings', withColumns(Array(1_000).fill({ columnName: 'a', ignored: true })), COLUMNS],
      ['D4.78: a columnMapping that is null', withColumns([null]), `${COLUMNS}/0`],
      ['D4.78: a columnMapping without a name', withColumn({ columnName: undefined }), `${COLUMNS}/0/columnName`],
      ['D4.79: an object type 0', withColumn({ columnObjectTypeId: '0' }), `${COLUMNS}/0/columnObjectTypeId`],
      ['D4.79: an object type 0-', withColumn({ columnObjectTypeId: '0-' }), `${COLUMNS}/0/columnObjectTypeId`],
      ['D4.79: an object type 1-1;drop', withColumn({ columnObjectTypeId: '1-1;drop' }), `${COLUMNS}/0/columnObjectTypeId`],
      ['D4.79: an object type that is a path', withColumn({ columnObjectTypeId: '../x' }), `${COLUMNS}/0/columnObjectTypeId`],
      ['D4.79: an object type with a line break', withColumn({ columnObjectTypeId: '0-1\n' }), `${COLUMNS}/0/columnObjectTypeId`],
      ['D4.79: an object type that is a number', withColumn({ columnObjectTypeId: 1 }), `${COLUMNS}/0/columnObjectTypeId`],
      ['D4.79: no object type', withColumn({ columnObjectTypeId: undefined }), `${COLUMNS}/0/columnObjectTypeId`],
      [
        'D4.80: a property mapped by two columns',
        withColumns([
          { columnObjectTypeId: '0-1', columnName: 'A', propertyName: 'email' },
          { columnObjectTypeId: '0-1', columnName: 'B', propertyName: 'email' },
        ]),
        `${COLUMNS}/1/propertyName`,
      ],
      ['D4.83: an unknown dateFormat', contactsRequest({ dateFormat: 'DD.MM.YYYY' }), '/dateFormat'],
      ['D4.83: an unknown timeZone', contactsRequest({ timeZone: 'Europe/Atlantis' }), '/timeZone'],
      ['D4.83: an empty timeZone', contactsRequest({ timeZone: '' }), '/timeZone'],
      ['D4.84: an unknown operation', contactsRequest({ importOperations: { '0-1': 'DELETE' } }), '/importOperations/0-1'],
      [
        'D4.84: an operation on no object type',
        contactsRequest({ importOperations: { '0-': 'UPSERT' } }),
        '/importOperations/0-',
      ],
      ['D4.84: operations in a list', contactsRequest({ importOperations: ['UPSERT'] }), '/importOperations'],
      ['D4.85: "true" for true', contactsRequest({ marketableContactImport: 'true' }), '/marketableContactImport'],
      ['D4.85: 1 for true', contactsRequest({ createContactListFromImport: 1 }), '/createContactListFromImport'],
      ['D4.87: another portal’s id', contactsRequest({ portalId: OTHER_PORTAL }), '/portalId'],
      ['D4.87: another portal’s id as a number', contactsRequest({ portalId: Number(OTHER_PORTAL) }), '/portalId'],
      ['D4.87: a portal id that is a list', contactsRequest({ portalId: [PORTAL] }), '/portalId'],
    ])('%s', async (_name, request, pointer) => {
      await expectRefused(app, [requestPart(request), filePart()], 422, 'import_request_invalid', pointer)
    })

    it.each<[string, unknown]>([
      ['in the name', contactsRequest({ name: 'a\u0000b' })],
      ['in a column’s name', withColumn({ columnName: 'a\u0000b' })],
      ['in a file’s name', contactsRequest({}, 'a\u0000b.csv')],
      ['in a field that is not ours', contactsRequest({ somethingNew: 'a\u0000b' })],
      ['in a key', contactsRequest({ 'a\u0000b': 1 })],
    ])('D4.88: a NUL, which no database keeps, %s', async (_name, request) => {
      await expectRefused(app, [requestPart(request), filePart()], 422, 'import_request_invalid')
    })

    it.each([
      ['D4.73: __proto__', '{"__proto__":{"x":1}}'],
      ['D4.73: an escaped __proto__', '{"\\u005f_proto__":{"x":1}}'],
      ['D4.73: constructor.prototype', '{"constructor":{"prototype":{"x":1}}}'],
      ['D4.73: prototype, deep inside', '{"a":[{"prototype":1}]}'],
    ])('%s', async (_name, text) => {
      await expectRefused(app, [requestPart(text), filePart()], 422, 'import_request_invalid')
    })

    it.each([
      ['D4.70: 40,000 lists in one another', '['.repeat(40_000) + ']'.repeat(40_000)],
      ['D4.70: 40,000 objects in one another', `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`],
      ['D4.70: 33 lists in one another', '['.repeat(33) + ']'.repeat(33)],
    ])('%s', async (_name, text) => {
      await expectRefused(app, [requestPart(text), filePart()], 422, 'too_deep')
    })

    it.each([
      ['D4.71: a million keys', `{${Array.from({ length: 1e6 }, (_, i) => `"${i}":0`).join()}}`],
      ['D4.71: a million items', `[${'0,'.repeat(1e6)}0]`],
    ])('%s', async (_name, text) => {
      await expectRefused(app, [requestPart(text), filePart()], 413, 'import_request_too_large')
    })

    it.each([
      ['D4.72: a key twice', '{"name":"a","name":"b"}'],
      ['D4.72: a key twice, once escaped', '{"name":"a","n\\u0061me":"b"}'],
      ['D4.72: a key twice, deep inside', '{"files":[{"fileName":"a","fileName":"b"}]}'],
    ])('%s', async (_name, text) => {
      await expectRefused(app, [requestPart(text), filePart()], 422, 'duplicate_key')
    })

    it('before a file that follows it is read', async () => {
      const raw = openRaw(app)
      const begun = multipart([requestPart({}), filePart()], { end: '' })
      raw.write(rawHead(app, [`Content-Type: ${FORM}`, `Content-Length: ${500 * MIB}`]))
      raw.write(begun)

      const res = await raw.answer()

      expectProblem(res, 422, 'import_request_invalid', app.url)
      raw.socket.destroy()
      await expectNothingStored(app)
    })
  })
})

describe('an upload and its size', () => {
  const CAP = 64 * KIB
  const capped = () => testApp({ work: false, env: { MAX_UPLOAD_BYTES: String(CAP) } })
  const csv = (bytes: number) => `Email,First,Last\n${'x'.repeat(bytes - 17)}`

  it('D2.37: takes a file of exactly the cap', async () => {
    const app = await capped()

    const res = await uploadFile(app, { file: csv(CAP) })

    expect(res.status).toBe(202)
    expect(res.body.files).toMatchObject([{ bytes: CAP }])
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('D2.37: refuses a file of one byte more', async () => {
    const app = await capped()

    const res = await postParts(app, [requestPart(), filePart('contacts.csv', csv(CAP + 1))])

    expectProblem(res, 413, 'upload_too_large', app.url)
    await expectNothingStored(app)
  })

  it('D2.37: refuses the second file when it is too large, and drops the first', async () => {
    const app = await capped()
    const request = contactsRequest({ files: [fileEntry('a.csv'), fileEntry('b.csv')] })

    const res = await postParts(app, [requestPart(request), filePart('a.csv'), filePart('b.csv', csv(CAP + 1))])

    expectProblem(res, 413, 'upload_too_large', app.url)
    await expectNothingStored(app)
  })

  it.each([
    ['D2.35: a chunked body that goes on for 4 MiB after the cap', 4 * MIB],
    ['D2.36: a chunked body that never ends', Number.POSITIVE_INFINITY],
  ])('%s is answered 413 at the cap, and the connection ended soon after', async (_name, limit) => {
    const app = await capped()
    const raw = openRaw(app)
    raw.write(rawHead(app, [`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked']))
    raw.write(chunk(multipart([requestPart(), filePart()], { end: '' })))
    const sending = sendChunks(raw.socket, limit)

    const res = await raw.answer()

    expectProblem(res, 413, 'upload_too_large', app.url)
    await raw.closed()
    // The cap, what is read for the answer's sake, and what both sides' sockets hold.
    expect(await sending).toBeLessThan(CAP + MIB + 8 * MIB + 16 * MIB)
    await expectNothingStored(app)
  })

  it('D2.36: an endless part that is not a file is answered at the body’s cap', async () => {
    const app = await capped()
    const raw = openRaw(app)
    raw.write(rawHead(app, [`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked']))
    const sending = sendChunks(raw.socket, Number.POSITIVE_INFINITY)

    const res = await raw.answer()

    expectProblem(res, 413, 'upload_too_large', app.url)
    await raw.closed()
    expect(await sending).toBeLessThan(CAP + MIB + 8 * MIB + 16 * MIB)
    await expectNothingStored(app)
  })

  it('D2.38: says 100 Continue to a good key, then takes the body', async () => {
    const app = await capped()
    const raw = openRaw(app)
    const body = good()
    raw.write(
      rawHead(app, [`Content-Type: ${FORM}`, `Content-Length: ${body.length}`, 'Expect: 100-continue', 'Connection: close']),
    )
    await until(raw.received, (text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
    raw.write(body)

    const res = await raw.answer()

    expect(res.status).toBe(202)
    await raw.closed()
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('D2.29: takes a boundary of 70 characters, quoted or not', async () => {
    const app = await capped()
    const boundary = 'b'.repeat(70)
    const body = multipart([requestPart(), filePart()], { boundary })

    const plain = await post(app, body, { 'content-type': `multipart/form-data; boundary=${boundary}` })
    const quoted = await post(app, body, { 'content-type': `Multipart/Form-Data; charset=utf-8; boundary="${boundary}"` })

    expect([plain.status, quoted.status]).toEqual([202, 202])
  })

  it.each(['base64', 'quoted-printable'])(
    'D2.58: refuses a file whose Content-Transfer-Encoding is %s, and takes 8bit',
    async (encoding) => {
      const app = await capped()
      const partIn = (word: string) => ({
        head: `${disposition('files', 'contacts.csv')}\r\nContent-Transfer-Encoding: ${word}`,
        body: 'Email,First,Last\na@example.com,A,B',
      })

      const refused = await postParts(app, [requestPart(), partIn(encoding)])
      const taken = await postParts(app, [requestPart(), partIn('8bit')])

      expect([refused.status, refused.body.code]).toEqual([400, 'multipart_malformed'])
      expect(taken.status).toBe(202)
      expect(await app.storedFiles()).toHaveLength(1)
    },
  )
})

describe('a file’s name', () => {
  it.each([
    ['D3.59: ../../etc/passwd', '../../etc/passwd', 'passwd'],
    ['D3.59: ..\\..\\x.csv', '..\\\\..\\\\x.csv', 'x.csv'],
    ['D3.59: C:\\Users\\me\\x.csv', 'C:\\\\Users\\\\me\\\\x.csv', 'x.csv'],
    ['D3.59: /etc/x.csv', '/etc/x.csv', 'x.csv'],
    ['D3.61: 5,000 characters', `${'\u00e9'.repeat(5_000)}.csv`, `${'\u00e9'.repeat(251)}.csv`],
    ['D3.61: 2,000 characters beyond 16 bits', `${'\u{1f600}'.repeat(2_000)}.csv`, `${'\u{1f600}'.repeat(251)}.csv`],
    ['D3.61: 5,000 characters without an extension', 'x'.repeat(5_000), 'x'.repeat(255)],
    ['D3.62: raw UTF-8', '\u00e9\u4f60\u597d \u{1f600}.csv', '\u00e9\u4f60\u597d \u{1f600}.csv'],
    ['D3.66: a name with quotes', 'a%22b.csv', 'a_b.csv'],
  ])('%s reaches HubSpot as a plain name, and names nothing on our disk', async (_name, filename, expected) => {
    const app = await testApp()

    const res = await postParts(app, [requestPart(), filePart(filename)])

    expect(res.status).toBe(202)
    expect(res.body.files).toMatchObject([{ name: expected }])
    expect(res.body.findings).toEqual({ errors: 0, warnings: 1 })
    for (const name of await app.storedFiles()) expect(name).toMatch(/^[0-9a-f]{32}$/)
    await untilState(app, { id: String(res.body.id) }, 'done')
    const [made] = app.hubspot.control.imports()
    expect(made?.files.map(({ name }) => name)).toEqual([expected])
    expect(made?.request.files?.map(({ fileName }) => fileName)).toEqual([expected])
    const errors = await ask<{ results: unknown[] }>(app, `${PATH}/${String(res.body.id)}/errors`)
    expect(errors.body.results).toMatchObject([{ severity: 'warning', code: 'FILE_NAME_REPAIRED', file: expected }])
  })

  it.each([
    ['D3.62: raw UTF-8', disposition('files', '\u00e9.csv')],
    ['D3.63: filename*', 'Content-Disposition: form-data; name="files"; filename*=UTF-8\'\'%C3%A9.csv'],
    [
      'D3.63: filename* beside filename',
      'Content-Disposition: form-data; name="files"; filename="e.csv"; filename*=UTF-8\'\'%C3%A9.csv',
    ],
  ])('%s that importRequest names the same is not repaired', async (_name, head) => {
    const app = await testApp()

    const res = await postParts(app, [requestPart(contactsRequest({}, '\u00e9.csv')), { head, body: contactsCsv(1) }])

    expect(res.status).toBe(202)
    expect(res.body.findings).toEqual({ errors: 0, warnings: 0 })
    await untilState(app, { id: String(res.body.id) }, 'done')
    expect(app.hubspot.control.imports()[0]?.files.map(({ name }) => name)).toEqual(['\u00e9.csv'])
  })
})

describe('an importRequest', () => {
  it.each([
    ['D4.74: with a byte order mark', `\ufeff${JSON.stringify(contactsRequest())}`],
    ['D4.87: with the portal’s own id', JSON.stringify(contactsRequest({ portalId: PORTAL }))],
    ['D4.87: with the portal’s own id as a number', JSON.stringify(contactsRequest({ portalId: Number(PORTAL) }))],
  ])('%s is taken, as a field and as a file', async (_name, text) => {
    const app = await testApp()

    const field = await postParts(app, [requestPart(text), filePart()])
    const file = await postParts(app, [{ ...requestPart(text), filename: 'request.json' }, filePart()])

    expect([field.status, file.status]).toEqual([202, 202])
    for (const { body } of [field, file]) await untilState(app, { id: String(body.id) }, 'done')
    for (const { request, portalId } of app.hubspot.control.imports()) {
      expect(portalId).toBe(PORTAL)
      expect(request).not.toHaveProperty('portalId')
    }
  })
})

describe('whatever comes', () => {
  it('is answered with problem+json and no 5xx, on one connection, and leaves no file', async () => {
    const app = await testApp({ work: false })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const valid = multipart([requestPart(), filePart()])
    const seen = new Map<number, number>()

    await fc.assert(
      fc.asyncProperty(brokenBody(valid), async ({ body, type }) => {
        const res = await postOver(agent, app, body, type)

        seen.set(res.status, (seen.get(res.status) ?? 0) + 1)
        expect([202, 400, 413, 415, 422]).toContain(res.status)
        if (res.status === 202) expect(res.contentType).toMatch(/^application\/json/)
        else expectProblem(res, res.status, String(res.body.code), app.url)
      }),
      { numRuns: 400, examples: [[{ body: valid, type: FORM }]] },
    )

    agent.destroy()
    const kept = await app.query<{ storeKey: string }>('SELECT "storeKey" FROM "ImportFile"')
    expect((await app.storedFiles()).sort()).toEqual(kept.map(({ storeKey }) => storeKey).sort())
    expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(seen.get(202) ?? 0)
    expect(seen.get(202)).toBeGreaterThan(0)
    expect(seen.get(400)).toBeGreaterThan(50)
  }, 60_000)

  it('may break off before its file was opened, and leaves none', async () => {
    const app = await testApp({ work: false, install: false })
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('Email')
      throw new Error('cut off')
    }

    for (let i = 0; i < 1_000; i++) {
      const saves = await Promise.allSettled([app.deps.files.save(failing()), app.deps.files.save(failing())])
      expect(saves.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    }

    expect(await app.storedFiles()).toEqual([])
  })

  it('may break off anywhere, and leaves neither a file nor an import', async () => {
    const app = await testApp({ work: false })
    const body = multipart([requestPart(), filePart('contacts.csv', contactsCsv(20_000))])
    const message = Buffer.concat([Buffer.from(rawHead(app, [`Content-Type: ${FORM}`, `Content-Length: ${body.length}`])), body])
    const headLength = message.length - body.length

    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat(headLength),
          fc.integer({ min: headLength, max: headLength + 1_000 }),
          fc.integer({ min: headLength, max: message.length - 1 }),
          fc.integer({ min: message.length - 60, max: message.length - 1 }),
        ),
        fc.constantFrom('end', 'destroy', 'reset'),
        async (position, how) => {
          const socket = connect(Number(new URL(app.url).port), 'localhost')
          socket.on('error', () => undefined)
          socket.resume()
          await once(socket, 'connect')
          await new Promise((resolve) => socket.write(message.subarray(0, position), resolve))
          if (how === 'end') socket.end()
          else if (how === 'destroy') socket.destroy()
          else socket.resetAndDestroy()
          await until(
            () => socket.destroyed,
            (isDestroyed) => isDestroyed,
          )
        },
      ),
      { numRuns: 60 },
    )

    await expectNothingStored(app)
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200)
  }, 60_000)
})

/** Sends chunk after chunk until `limit` or until nobody takes them; resolves to how many bytes were handed over. */
async function sendChunks(socket: Socket, limit: number): Promise<number> {
  const piece = chunk(Buffer.alloc(64 * KIB, 'x'))
  let sent = 0
  while (sent < limit && socket.writable && !socket.destroyed) {
    sent += piece.length
    if (socket.write(piece)) await new Promise(setImmediate)
    else await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
  }
  return sent
}

async function postOver(agent: Agent, app: TestApp, body: Buffer, type: string): Promise<Problem> {
  const req = request(app.url + PATH, {
    agent,
    method: 'POST',
    timeout: 10_000,
    headers: { authorization: `Bearer ${app.key}`, 'content-type': type, 'content-length': body.length },
  })
  req.once('timeout', () => req.destroy(new Error('no answer')))
  req.end(body)
  const [res] = await once(req, 'response')
  const chunks: Buffer[] = []
  for await (const piece of res) chunks.push(piece)
  const text = Buffer.concat(chunks).toString()
  return { status: res.statusCode, contentType: res.headers['content-type'], body: JSON.parse(text) as Record<string, unknown> }
}

/** A valid body with something done to it, or bytes that never were one. */
function brokenBody(valid: Buffer): fc.Arbitrary<{ body: Buffer; type: string }> {
  const at = fc.nat(valid.length - 1)
  const cut = fc.tuple(at, fc.nat(200)).map(([from, length]) => [valid.subarray(0, from), valid.subarray(from + length)])
  const mutated = fc.oneof(
    cut.map((halves) => Buffer.concat(halves)),
    at.map((end) => valid.subarray(0, end)),
    fc
      .tuple(cut, fc.uint8Array({ maxLength: 60 }))
      .map(([[a, b], bytes]) => Buffer.concat([a ?? '', bytes, b ?? ''].map(toBuffer))),
    fc
      .tuple(cut, fc.constantFrom(`\r\n--${BOUNDARY}\r\n`, `\r\n--${BOUNDARY}--\r\n`, '\r\n\r\n', '"', ';', '\u0000'))
      .map(([[a, b], text]) => Buffer.concat([a ?? '', text, b ?? ''].map(toBuffer))),
    fc.array(fc.tuple(at, fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
      const copy = Buffer.from(valid)
      for (const [position, byte] of changes) copy.writeUInt8(byte, position)
      return copy
    }),
    fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n`), bytes])),
  )
  const type = fc.oneof(
    { weight: 9, arbitrary: fc.constant(FORM) },
    { weight: 1, arbitrary: fc.string({ maxLength: 80 }).map((text) => `multipart/form-data; ${text.replace(/[^ -~]/g, '')}`) },
  )
  return fc.record({ body: mutated, type })
}

function toBuffer(value: string | Uint8Array): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
}

function tooLong(): string {
  return JSON.stringify(contactsRequest({ padding: 'x'.repeat(256 * KIB) }))
}

function bomb(header: string): Part {
  return { head: `${disposition('files', 'contacts.csv')}\r\n${header}`, body: 'x' }
}
