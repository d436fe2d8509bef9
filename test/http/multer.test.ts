import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { uploadFile } from '../support/requests.js'

const FILE = 'Content-Disposition: form-data; name="files"; filename="contacts.csv"'
const CSV = 'Email,First,Last\r\na@example.com,A,B\r\n'
const part = (headers: string, body: string) => `--b\r\n${headers}\r\n\r\n${body}\r\n`
const field = (name: string) => part(`Content-Disposition: form-data; name="${name}"`, 'x')
const END = '--b--\r\n'

/** Sends an upload's body as it is; resolves to what came back. `cutAfter`: the connection ends after so many bytes. */
async function send(app: TestApp, body: string, { cutAfter }: { cutAfter?: number } = {}): Promise<string> {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
  let heard = ''
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket
    .on('error', () => undefined)
    .on('data', (bytes) => {
      heard += bytes.toString('latin1')
    })
  const head = `POST /v1/portals/${PORTAL}/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${app.key}\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  await new Promise<void>((resolve) =>
    socket.write(head + (cutAfter === undefined ? body : body.slice(0, cutAfter)), () => resolve()),
  )
  if (cutAfter !== undefined) socket.destroy()
  await closed
  return heard
}

/** After whatever was sent: nothing is kept, and the next upload is taken. */
async function expectUnharmed(app: TestApp): Promise<void> {
  await until(
    () => app.storedFiles(),
    (files) => files.length === 0,
  )
  expect((await uploadFile(app)).status).toBe(202)
}

describe('what multer or its parser once fell for', () => {
  it.each<[string, string, number, string]>([
    ['CVE-2022-24434: a part’s header that is none', part(`${FILE}\r\n : x\r\nbroken`, CSV) + END, 400, 'multipart_malformed'],
    ['CVE-2025-47944: what only begins like a body', `--b\r\n${FILE}`, 400, 'multipart_malformed'],
    ['CVE-2025-48997: a field with an empty name', part(FILE, CSV) + field('') + END, 400, 'multipart_malformed'],
    ['CVE-2025-7338: a part without headers', `--b\r\n\r\n--b--\r\n`, 400, 'multipart_malformed'],
    ['CVE-2026-3304: a wrong field after a file that is there', part(FILE, CSV) + field('other') + END, 400, 'unexpected_field'],
    [
      'CVE-2026-3520: a name nested five thousand deep',
      part(FILE, CSV) + field(`a${'[a]'.repeat(5_000)}`) + END,
      400,
      'unexpected_field',
    ],
    ['CVE-2026-5079: a name nested fifteen deep', part(FILE, CSV) + field(`a${'[b]'.repeat(15)}`) + END, 400, 'unexpected_field'],
    ['CVE-2026-77078: a name of brackets only', part(FILE, CSV) + field('['.repeat(60)) + END, 400, 'unexpected_field'],
    [
      'CVE-2026-77063: a file beyond the limit, by a field’s length',
      part(FILE, 'x'.repeat(70_000)) + END,
      413,
      'upload_too_large',
    ],
    ['CVE-2026-82333: the last index of an array', part(FILE, CSV) + field('a[4294967294]') + END, 400, 'unexpected_field'],
  ])('%s', async (_, body, status, code) => {
    const app = await testApp({ work: false, env: { MAX_UPLOAD_BYTES: '65536' } })

    const heard = await send(app, body)

    expect(heard).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(heard).toContain(`"code":"${code}"`)
    await expectUnharmed(app)
  })

  it('CVE-2025-47935, CVE-2026-2359, CVE-2026-5038, CVE-2026-77037: connections that drop at every point of an upload', async () => {
    const app = await testApp({ work: false })
    const whole = part(FILE, CSV.repeat(50)) + part(FILE.replace('contacts', 'more'), CSV.repeat(50)) + END
    const openFiles = () => readdirSync('/proc/self/fd').length
    // Once, so that what is opened for good is open.
    await send(app, whole, { cutAfter: 500 })
    const before = process.platform === 'linux' ? openFiles() : 0

    for (let cutAfter = 0; cutAfter < whole.length; cutAfter += 29) await send(app, whole, { cutAfter })

    await until(
      () => app.storedFiles(),
      (files) => files.length === 0,
    )
    if (process.platform === 'linux') await until(openFiles, (open) => open <= before + 5)
    await expectUnharmed(app)
  })
})
