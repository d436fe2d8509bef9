import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

// Connections that hardly send, and files that never end, each begun anew when it is cut off; until this process is ended.
const { TARGET = '', KEY = '', SLOW = '0', ENDLESS = '0' } = process.env
const DROP_EVERY_MS = 2_000
const CHUNK = { bytes: 16 * 1024, everyMs: 250 }
const { hostname, port, pathname } = new URL(TARGET)
const HEAD = `POST ${pathname} HTTP/1.1\r\nhost: any\r\nauthorization: Bearer ${KEY}\r\ncontent-type: multipart/form-data; boundary=b\r\n`
const LINE = 'person@example.com,First,Last\n'
const LINES = chunkOf(LINE.repeat(CHUNK.bytes / LINE.length))

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
for (let n = 0; n < Number(SLOW); n++) void keepOpen(n % 2 === 0 ? dripBody : dripHead)
for (let n = 0; n < Number(ENDLESS); n++) void keepOpen(sendEndlessly)

async function keepOpen(use: (socket: Socket) => NodeJS.Timeout): Promise<void> {
  for (;;) {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => undefined).resume()
    const timer = use(socket)
    await new Promise<void>((resolve) => socket.once('close', () => resolve()))
    clearInterval(timer)
    await sleep(DROP_EVERY_MS)
  }
}

function dripHead(socket: Socket): NodeJS.Timeout {
  socket.write(HEAD)
  return setInterval(() => socket.write('x: y\r\n'), DROP_EVERY_MS)
}

function dripBody(socket: Socket): NodeJS.Timeout {
  socket.write(`${HEAD}content-length: 100000\r\n\r\n`)
  return setInterval(() => socket.write('x'), DROP_EVERY_MS)
}

function sendEndlessly(socket: Socket): NodeJS.Timeout {
  const begin = `--b\r\ncontent-disposition: form-data; name="files"; filename="endless.csv"\r\n\r\n`
  socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n${chunkOf(begin)}`)
  return setInterval(() => socket.writableNeedDrain || socket.write(LINES), CHUNK.everyMs)
}

function chunkOf(data: string): string {
  return `${data.length.toString(16)}\r\n${data}\r\n`
}
