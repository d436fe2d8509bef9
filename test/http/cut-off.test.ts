import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { PORTAL, testApp, until } from '../support/app.js'

const PART = '--abc\r\nContent-Disposition: form-data; name="files"; filename="contacts.csv"\r\n\r\nEmail\na@example.com\n\r\n'

it.each([
  ['that is complete before its length is, and then cut off', 'multipart/form-data; boundary=abc', `${PART}--abc--\r\n`],
  ['that is refused in its midst, and then cut off', 'multipart/form-data; boundary=abc', PART.replace('files', 'other')],
  ['that is cut off in its midst', 'multipart/form-data; boundary=abc', PART],
  ['that nobody can begin to read, and then cut off', 'multipart/form-data; boundary=abc{"a":1}', PART],
  ['of a coding that is none, and then cut off', 'multipart/form-data; boundary=abc{"a":1}\r\ntransfer-encoding: null', ''],
  ['whose boundary never comes, and that is cut off', 'multipart/form-data; boundary="abc', 'x'.repeat(100)],
])('an upload %s ends no process', async (_, type, body) => {
  const app = await testApp({ work: false })
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
  let heard = ''
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1')
  })

  socket.write(
    `POST /v1/portals/${PORTAL}/imports HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${app.key}\r\ncontent-type: ${type}\r\n${type.includes('transfer') ? '' : 'content-length: 5000\r\n'}\r\n${body}`,
  )
  // Some are answered while the rest is still to come, the others wait for it.
  await until(
    () => heard,
    (text) => text.includes('\r\n\r\n'),
    1_500,
  ).catch(() => undefined)
  socket.end()

  await until(
    () => app.logged.filter((line) => line.includes('"path":"/v1/portals')).length,
    (count) => count === 1,
    10_000,
  )
  for (let i = 0; i < 3; i++) expect((await fetch(`${app.url}/livez`)).status).toBe(200)
  const [kept] = await app.query<{ count: number }>('SELECT count(*)::int AS count FROM "ImportFile"')
  expect(await app.storedFiles()).toHaveLength(kept?.count ?? 0)
})
