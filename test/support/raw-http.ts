import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'vitest'
import { PORTAL, type TestApp, until } from './app.js'
import { contactsCsv, contactsRequest } from './requests.js'

export type Answer = { status: number; type: string | undefined; body: Record<string, unknown> }
export type RawConnection = Awaited<ReturnType<typeof openRaw>>
/** What a request is beside its key. */
export type RawRequest = { type?: string | null; headers?: string[]; body?: string }

export const BOUNDARY = 'a-boundary'
export const REQUEST_JSON = JSON.stringify(contactsRequest())

export const field = (name: string, value: string) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`
export const file = (filename = 'contacts.csv', content = contactsCsv(2), name = 'files') =>
  `Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: text/csv\r\n\r\n${content}`
export const requestField = (text = REQUEST_JSON) => field('importRequest', text)
/** Parts, each with its headers, in a multipart body that does not end; `form` ends it. */
export const unended = (...parts: string[]) => parts.map((part) => `--${BOUNDARY}\r\n${part}\r\n`).join('')
export const form = (...parts: string[]) => `${unended(...parts)}--${BOUNDARY}--\r\n`
export const goodForm = () => form(requestField(), file())
export const chunk = (data: string) => `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`

/** An upload's first bytes. A type of null: none. */
export function head(app: TestApp, { type, headers = [] }: RawRequest = {}): string {
  const lines = [
    `POST /v1/portals/${PORTAL}/imports HTTP/1.1`,
    `Host: ${new URL(app.url).host}`,
    `Authorization: Bearer ${app.key}`,
    ...(type === null ? [] : [`Content-Type: ${type ?? `multipart/form-data; boundary=${BOUNDARY}`}`]),
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** A whole upload, its Content-Length as it should be. */
export function whole(app: TestApp, { headers = [], body = goodForm(), ...rest }: RawRequest = {}): string {
  return head(app, { ...rest, headers: [...headers, `Content-Length: ${Buffer.byteLength(body)}`] }) + body
}

/** A connection of which the test writes every byte; its answers come one after the other. */
export async function openRaw(url: string) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let received = Buffer.alloc(0)
  let isEnded = false
  socket.on('data', (data) => {
    received = Buffer.concat([received, data])
  })
  socket.on('error', () => undefined)
  for (const event of ['end', 'close'])
    socket.once(event, () => {
      isEnded = true
    })
  await once(socket, 'connect')

  function take(): Answer | undefined {
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const text = received.subarray(0, headEnd).toString('latin1')
    const bodyEnd = headEnd + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
    if (received.length < bodyEnd) return undefined
    const body = received.subarray(headEnd + 4, bodyEnd).toString()
    received = received.subarray(bodyEnd)
    return {
      status: Number(text.slice(9, 12)),
      type: /\r\ncontent-type: ([^;\r]+)/i.exec(text)?.[1],
      body: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>),
    }
  }

  return {
    socket,
    write: (data: string) => socket.write(data),
    /** The next answer. */
    async answer(): Promise<Answer> {
      const answer = await until(take, (found) => found !== undefined || isEnded, 20_000)
      if (!answer) throw new Error('the connection was closed without an answer')
      return answer
    },
    /** Waits until the app ends the connection; what it still said before that. */
    async ended(): Promise<string> {
      await until(
        () => isEnded,
        (is) => is,
        20_000,
      )
      socket.destroy()
      return received.toString()
    },
    destroy: () => void socket.destroy(),
  }
}

/** A refusal in problem+json that says nothing of our insides. */
export function expectProblem({ status, type, body }: Answer, expectedStatus: number, code: string): void {
  expect([status, body.code, type]).toEqual([expectedStatus, code, 'application/problem+json'])
  expect(body).toMatchObject({ status: expectedStatus, title: expect.any(String), type: expect.stringContaining(`/${code}`) })
  expect(JSON.stringify(body)).not.toMatch(/\.(js|ts):\d+|node_modules|imp_live_/)
}

/** Waits until no file is stored or being written: a refusal has removed them, a broken connection does so right after. */
export async function expectNoFiles(app: TestApp): Promise<void> {
  await until(app.storedFiles, (files) => files.length === 0)
  expect(await app.query('SELECT "id" FROM "Import"')).toEqual([])
}

/** The app still takes a good upload, over this connection or over a new one, and keeps its one file. */
export async function expectGoodUpload(app: TestApp, over?: RawConnection): Promise<void> {
  const raw = over ?? (await openRaw(app.url))
  raw.write(whole(app))
  expect((await raw.answer()).status).toBe(202)
  raw.destroy()
  expect(await app.storedFiles()).toHaveLength(1)
}

/** Sends a whole upload that must be refused, leave nothing, and not harm the good one that follows on its connection. */
export async function expectRefused(app: TestApp, request: RawRequest, status: number, code: string): Promise<void> {
  const raw = await openRaw(app.url)
  raw.write(whole(app, request))

  const answer = await raw.answer()

  expectProblem(answer, status, code)
  await expectNoFiles(app)
  await expectGoodUpload(app, raw)
}

/** As if nothing had been uploaded. */
export async function forgetUploads(app: TestApp): Promise<void> {
  await app.query('TRUNCATE "Import" CASCADE')
  for (const name of await app.storedFiles()) await app.deps.files.remove(name)
}
