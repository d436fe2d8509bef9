import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { PORTAL, testApp, until } from '../support/app.js'

it.each([
  'multipart/form-data; x boundary=abc',
  'multipart/form-data; boundary=abc; =',
  'multipart/form-data; boundary="abc',
  'multipart/form-data;; boundary=abc',
])('an upload that is refused by its type (%s) and then cut off ends no process', async (type) => {
  const app = await testApp({ work: false })
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
  let heard = ''
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1')
  })

  socket.write(
    `POST /v1/portals/${PORTAL}/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${app.key}\r\ncontent-type: ${type}\r\ncontent-length: 1000\r\n\r\n--abc`,
  )
  await until(
    () => heard,
    (text) => text.includes('multipart_malformed'),
  )
  socket.destroy()

  // The server hears of the end before it takes the next connection.
  for (let i = 0; i < 3; i++) expect((await fetch(`${app.url}/livez`)).status).toBe(200)
  await until(
    () => app.logged.filter((line) => line.includes('"path":"/v1/portals')).length,
    (count) => count === 1,
  )
  expect(await app.storedFiles()).toEqual([])
})
