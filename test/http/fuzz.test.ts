import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { PROBLEMS } from '../../src/errors.js'
import { isHubSpotPath } from '../../src/http/problem.js'
import { Mapping } from '../../src/mappings/schema.js'
import { takeWebhooks } from '../../src/notices/schema.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from '../support/app.js'
import { contactsRequest, uploadFile } from '../support/requests.js'

// FUZZ_CASES=1000000 for the long run; FUZZ_SEED plays one again.
const CASES = Number(process.env.FUZZ_CASES ?? 20_000)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
const AT_ONCE = 48
/** What is only half a request ends after this long, and is cut if that brings no answer either. */
const PATIENCE_MS = 300
/** A whole one is asked again, should a busy machine have kept it waiting, and then has to be answered. */
const LONG_PATIENCE_MS = 20_000

type Random = (below: number) => number

/** Small, fast, and the same for the same seed. */
function random(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const NOBODY = {
  imp: `imp_${'0'.repeat(32)}`,
  tpl: `tpl_${'1'.repeat(32)}`,
  end: `end_${'2'.repeat(32)}`,
  msg: `msg_${'3'.repeat(32)}`,
}
const BOUNDARY = 'XYZ'

function multipart(parts: { disposition: string; text: string }[]): string {
  const body = parts.map(
    ({ disposition, text }) => `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`,
  )
  return `${body.join('')}--${BOUNDARY}--\r\n`
}

type Sound = { method: string; path: string; headers: Record<string, string>; body: string }

/** Requests as they should be, one of each kind. */
function soundRequests({ url, key }: Pick<TestApp, 'url' | 'key'>, { imp, tpl, end, msg }: typeof NOBODY): Sound[] {
  const known = { authorization: `Bearer ${key}` }
  const get = (path: string): Sound => ({ method: 'GET', path, headers: known, body: '' })
  const json = (method: string, path: string, body: unknown): Sound => ({
    method,
    path,
    headers: { ...known, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const upload = (path: string): Sound => ({
    method: 'POST',
    path,
    headers: { ...known, 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'idempotency-key': 'a', prefer: 'wait=0' },
    body: multipart([
      { disposition: 'name="importRequest"', text: JSON.stringify(contactsRequest()) },
      { disposition: 'name="files"; filename="contacts.csv"', text: 'Email,First,Last\na@example.com,A,B\n' },
    ]),
  })
  const of = `/v1/portals/${PORTAL}`
  return [
    ...['/v1/me', '/v1/portals', `${of}/imports?limit=5&state=done`, `${of}/imports/${imp}`].map(get),
    ...[`${of}/imports/${imp}/errors?format=csv`, `${of}/templates`, `${of}/templates/${tpl}?version=1`].map(get),
    ...['/v1/endpoints', `/v1/endpoints/${end}`, `/v1/endpoints/${end}/deliveries?since=0`].map(get),
    ...[`/hubspot/${PORTAL}/crm/v3/imports?limit=5`, `/hubspot/${PORTAL}/crm/imports/2026-03/5/errors`].map(get),
    ...[
      '/openapi.json',
      '/docs/plain',
      '/problems/internal',
      '/oauth/install',
      '/oauth/callback?code=a&state=b',
      '/settings',
      '/livez',
    ].map(get),
    ...[`${of}/imports?strict=true`, `${of}/imports?validateOnly=true`, `${of}/imports/${imp}/corrections`].map(upload),
    ...[`${of}/mappings/suggest`, `/hubspot/${PORTAL}/crm/v3/imports`].map(upload),
    json('POST', `${of}/mappings/suggest`, { headers: ['E-Mail', 'Vorname'], samples: [['a@b.co', 'A']] }),
    json('POST', `${of}/templates`, { name: 'T', mapping: { columnMappings: [{ columnName: 'a', propertyName: 'email' }] } }),
    json('PUT', `${of}/templates/${tpl}`, { name: 'T', mapping: {} }),
    json('POST', '/v1/endpoints', { url: 'https://hooks.example.com/', events: ['import.failed'] }),
    json('PUT', `/v1/endpoints/${end}`, { url: null, events: [], isDisabled: true }),
    json('POST', `/v1/endpoints/${end}/replay`, { since: '2026-01-01T00:00:00Z' }),
    signed(url, JSON.stringify([{ eventId: 1, subscriptionType: 'contact.privacyDeletion', portalId: 1 }])),
    ...[`${of}/imports/${imp}/cancel`, `/v1/endpoints/${end}/test`, `/v1/endpoints/${end}/deliveries/${msg}/replay`].map(
      (path): Sound => ({ method: 'POST', path, headers: known, body: '' }),
    ),
    { method: 'DELETE', path: `/v1/endpoints/${end}`, headers: known, body: '' },
  ]
}

/** As HubSpot sends it. */
function signed(url: string, body: string): Sound {
  const timestamp = String(Date.now())
  const signature = createHmac('sha256', 'test-secret')
    .update(`POST${url}${takeWebhooks.path}${body}${timestamp}`)
    .digest('base64')
  const headers = {
    'content-type': 'application/json',
    'x-hubspot-request-timestamp': timestamp,
    'x-hubspot-signature-v3': signature,
  }
  return { method: 'POST', path: takeWebhooks.path, headers, body }
}

const NASTY = [
  ...[
    '',
    '\0',
    '%00',
    '%',
    '%zz',
    '..',
    '../..',
    '/',
    '//',
    '\\',
    '?',
    '#',
    ' ',
    '\t',
    '\r\n',
    '\n',
    '"',
    "'",
    '<script>',
    '[]',
    '{}',
    '[',
    '{',
  ],
  ...[
    'null',
    'true',
    '-1',
    '0',
    '1e309',
    'NaN',
    '99999999999999999999',
    '1'.repeat(400),
    'x'.repeat(5_000),
    '\u{1F600}',
    '\ud800',
    'é',
    '\u202e',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '{"__proto__":1}',
    '[[[[[[[[[[',
    "' OR 1=1--",
    '#{7*7}',
    '{{7*7}}',
    '=cmd|x',
    OTHER_PORTAL,
  ],
  ...[
    '*',
    'gzip',
    'chunked',
    'identity',
    'multipart/form-data',
    'application/json',
    'text/html',
    'Bearer',
    'Basic eDp5',
    '100-continue',
  ],
]
const HEADERS = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'expect',
  'host',
  'connection',
  'accept',
  'cookie',
  'range',
  'if-none-match',
  'idempotency-key',
  'prefer',
  'last-event-id',
  'origin',
  'x-forwarded-for',
  'upgrade',
  'authorization',
]

const pick = <T>(from: readonly T[], below: Random): T => from[below(from.length)] as T
const cut = (text: string, below: Random) => text.slice(0, below(text.length + 1))
const put = (text: string, below: Random) => {
  const at = below(text.length + 1)
  return text.slice(0, at) + pick(NASTY, below) + text.slice(at + below(4))
}

/** The same of what is there. */
async function furnish(app: TestApp): Promise<typeof NOBODY> {
  const { body: made } = await uploadFile(app)
  const endpoint = await app.deps.endpoints.create(await ownerOf(app), { url: null, events: [] })
  const delivery = await app.deps.deliveries.test(await ownerOf(app), endpoint.id)
  const mapping = Mapping.parse({ columnMappings: [{ columnName: 'Email', columnObjectTypeId: '0-1', propertyName: 'email' }] })
  const template = await app.deps.templates.create(
    { portalId: PORTAL, ...(await ownerOf(app)) },
    { name: 'There', mapping, properties: {} },
  )
  return { imp: String(made.id), tpl: template.id, end: endpoint.id, msg: delivery.id }
}

async function ownerOf(app: TestApp): Promise<{ partnerId: string; isTest: boolean }> {
  return { partnerId: await app.deps.partners.named('Partner'), isTest: false }
}

/** One request, made wrong in one to three ways; as bytes. `isWhole`: whatever is wrong with it, it has an end, and asks for no answer of HubSpot's. */
function mutate(sound: Sound, below: Random): { bytes: Buffer; path: string; isWhole: boolean } {
  let { method, path, body } = sound
  const headers: [string, string][] = Object.entries({ host: 'localhost', ...sound.headers })
  for (let turns = 1 + below(3); turns > 0; turns--)
    switch (below(10)) {
      case 0:
        method = pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'get', 'X'], below)
        break
      case 1:
        path = put(path, below)
        break
      case 2: {
        const parts = path.split('/')
        parts[below(parts.length)] = pick(NASTY, below)
        path = parts.join('/')
        break
      }
      case 3:
        path += `${path.includes('?') ? '&' : '?'}${pick(['limit', 'after', 'state', 'strict', 'template', 'x', 'limit[]'], below)}=${pick(NASTY, below)}`
        break
      case 4:
        headers.splice(below(headers.length), 1)
        break
      case 5:
        headers.push([pick(HEADERS, below), pick(NASTY, below)])
        break
      case 6: {
        const header = headers[below(headers.length + 1)]
        if (header) header[1] = put(header[1], below)
        break
      }
      case 7:
        body = put(body, below)
        break
      case 8:
        body = cut(body, below)
        break
      default:
        body = body.replace(/"[^"]*"|\d+/, () => pick(NASTY, below))
    }
  const bytes = Buffer.from(body, 'utf8')
  const isFramed = !headers.some(([name]) => /^(content-length|transfer-encoding|upgrade|expect)$/i.test(name))
  const isWhole = isFramed && method !== 'CONNECT' && !(method === 'POST' && isHubSpotPath(path.trimStart()))
  if (!headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name)) && (bytes.length > 0 || method === 'POST'))
    headers.push(['content-length', String(bytes.length)])
  const head = `${method} ${path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}connection: close\r\n\r\n`
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), bytes]), path, isWhole }
}

/** A request as it should be, as bytes. */
function wholeOf({ method, path, headers, body }: Sound): Buffer {
  const lines = Object.entries({ host: 'localhost', ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`)
}

/** Sends bytes and hears what comes back; what is left open is cut. */
async function exchange(app: TestApp, bytes: Buffer, patienceMs = PATIENCE_MS): Promise<string> {
  const { port } = new URL(app.url)
  return new Promise((resolve) => {
    const heard: Buffer[] = []
    const socket = connect(Number(port), '127.0.0.1')
    const end = () => {
      socket.destroy()
      resolve(Buffer.concat(heard).toString('latin1'))
    }
    let isEnded = false
    socket.setTimeout(patienceMs, () => {
      if (isEnded || heard.length > 0) return end()
      isEnded = true
      socket.end()
    })
    socket.on('data', (chunk) => heard.push(chunk))
    socket.on('error', end)
    socket.on('close', end)
    socket.write(bytes)
  })
}

describe('requests of any kind', () => {
  it(
    `never make the server fail, and are answered in words that lead to a page: ${CASES} of them`,
    async () => {
      const app = await testApp({ work: false })
      const all = [...soundRequests(app, NOBODY), ...soundRequests(app, await furnish(app))]
      for (const sound of all) expect(/"code":"not_found"/.test(await exchange(app, wholeOf(sound))), sound.path).toBe(false)
      const below = random(SEED)
      const counts = new Map<number, number>()
      const codes = new Set<string>()
      const wrong: string[] = []
      let left = CASES

      function judge(answer: string, { bytes, path, isWhole }: ReturnType<typeof mutate>): void {
        // Interim answers come first.
        const final = answer.replace(/^(HTTP\/1\.1 1\d\d [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)+/, '')
        const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(final)?.[1] ?? 0)
        counts.set(status, (counts.get(status) ?? 0) + 1)
        const tell = (what: string) =>
          void (
            wrong.length < 20 &&
            wrong.push(
              `${what}: ${status} for ${JSON.stringify(bytes.toString('latin1').replaceAll(app.key, '(key)').slice(0, 600))}`,
            )
          )
        if (status >= 500) return tell('failed')
        if (status === 0 && isWhole) return tell('was not answered')
        const [head = '', body = ''] = final.split(/\r\n\r\n/s, 2)
        if (status < 400 || /^HEAD /.test(bytes.toString('latin1', 0, 5))) return
        const type = /^content-type: ([^;\r]+)/im.exec(head)?.[1] ?? ''
        if (type === 'application/problem+json') {
          const problem = JSON.parse(Buffer.from(dechunk(head, body), 'latin1').toString('utf8')) as {
            code: string
            status: number
          }
          codes.add(problem.code)
          if (problem.status !== status) tell('says another status')
        } else if (type === 'application/json' && isHubSpotPath(path.trimStart())) {
          const { status: word, correlationId } = JSON.parse(Buffer.from(dechunk(head, body), 'latin1').toString('utf8')) as {
            status: string
            correlationId: string
          }
          if (word !== 'error' || !correlationId) tell('is not as HubSpot tells')
        } else if (type !== 'text/html') tell(`is ${type || 'nothing'}`)
      }

      async function send(): Promise<void> {
        while (left > 0) {
          left -= 1
          const request = mutate(pick(all, below), below)
          const answer = await exchange(app, request.bytes)
          judge(answer === '' && request.isWhole ? await exchange(app, request.bytes, LONG_PATIENCE_MS) : answer, request)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, send))

      const summary = [...counts]
        .toSorted()
        .map(([status, count]) => `${status || 'cut'}: ${count}`)
        .join(', ')
      process.stdout.write(`fuzz: seed ${SEED}, ${CASES} requests, ${summary}; ${codes.size} problem codes\n`)
      expect(wrong, `FUZZ_SEED=${SEED}`).toEqual([])
      for (const code of codes) {
        expect(Object.hasOwn(PROBLEMS, code), code).toBe(true)
        expect((await fetch(`${app.url}/problems/${code}`)).status, code).toBe(200)
      }
      expect((await fetch(`${app.url}/readyz`)).status).toBe(200)
      const [kept] = await app.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM "ImportFile" WHERE "storeKey" IS NOT NULL',
      )
      expect(await app.storedFiles()).toHaveLength(kept?.count ?? 0)
      // Enough of each kind that the rest of this says something.
      expect(codes.size).toBeGreaterThan(15)
      for (const status of [200, 400, 401, 404, 405, 422])
        expect(counts.get(status) ?? 0, String(status)).toBeGreaterThan(CASES / 2_000)
    },
    // The long run takes hours.
    Math.max(170_000, CASES * 20),
  )
})

/** A body without its chunks' frames. */
function dechunk(head: string, body: string): string {
  if (!/^transfer-encoding: chunked/im.test(head)) return body
  return body.replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '')
}
