import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

// What an upload costs at least: a Node server that pipes the body, unread, into a synced file and answers 202.
const { PORT = '0', FOLDER = '' } = process.env
let count = 0

createServer(async (req, res) => {
  if (req.method === 'GET') return void res.end()
  const path = join(FOLDER, `bare-${count++}`)
  await pipeline(req, createWriteStream(path, { flush: true, highWaterMark: 512 * 1024 }))
  res.writeHead(202).end()
  await rm(path)
}).listen(Number(PORT))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
