import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createRawServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export type Received = { id: string; type: string; body: string; headers: IncomingHttpHeaders }

/** A partner's own server, which takes webhooks, remembers them and answers as it is told; it ends with the test. */
export async function startReceiver(
  answer: (res: ServerResponse, nth: number, req: IncomingMessage) => void = (res) => res.end(),
) {
  const received: Received[] = []
  const state = { answer }
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req as AsyncIterable<Buffer>) body += chunk.toString()
    received.push({
      id: String(req.headers['webhook-id']),
      type: (JSON.parse(body) as { type: string }).type,
      body,
      headers: req.headers,
    })
    state.answer(res, received.length, req)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`,
    received,
    types: () => received.map(({ type }) => type),
    answerWith: (next: typeof answer) => {
      state.answer = next
    },
  }
}

/** One that need not speak HTTP: `answer` begins once something has come. */
export async function startRawReceiver(answer: (socket: Socket) => void): Promise<{ port: number }> {
  const sockets = new Set<Socket>()
  const server = createRawServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).once('data', () => answer(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as { port: number }).port }
}
