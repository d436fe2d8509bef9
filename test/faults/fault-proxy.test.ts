import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFaultProxy } from './support/fault-proxy.js'

describe('the fault proxy', () => {
  it('passes everything on as it is, in whatever pieces it comes', async () => {
    const { proxy } = await proxyToEcho()

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 70_000 }), { minLength: 1, maxLength: 8 }),
        async (some) => {
          const socket = connect(proxy.port, '127.0.0.1')
          for (const piece of some) socket.write(piece)
          socket.end()

          expect((await buffer(socket)).equals(Buffer.concat(some))).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('cuts an answer after so many bytes, when all that was asked has arrived', async () => {
    const { proxy, received } = await proxyToEcho()
    proxy.trouble({ cut: 'down', afterBytes: 5 }, { times: 1 })

    expect(await exchange(proxy.port, 'a question')).toEqual({ answer: 'a que', isCut: true })
    expect(received()).toBe('a question')
    expect(await exchange(proxy.port, 'another')).toEqual({ answer: 'another', isCut: false })
  })

  it('cuts what is sent after so many bytes, and only what it is told to', async () => {
    const { proxy, received } = await proxyToEcho()
    proxy.trouble({ cut: 'up', afterBytes: 3 }, { matching: /^POST/, times: 1 })

    expect(await exchange(proxy.port, 'GET it')).toEqual({ answer: 'GET it', isCut: false })
    expect((await exchange(proxy.port, 'POST it')).isCut).toBe(true)
    expect(received()).toBe('GET itPOS')
  })

  it('lets nothing pass while it is stalled, and loses nothing of it', async () => {
    const { proxy, received } = await proxyToEcho()
    proxy.stall(true)
    const answered = exchange(proxy.port, 'patience')
    await expect.poll(proxy.connections).toBe(2)
    expect(received()).toBe('')

    proxy.heal()

    expect(await answered).toEqual({ answer: 'patience', isCut: false })
  })
})

/** A proxy before a server that answers with what it is sent. */
async function proxyToEcho() {
  let text = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await createFaultProxy(() => (server.address() as { port: number }).port)
  onTestFinished(async () => {
    await proxy.close()
    server.close()
  })
  return { proxy, received: () => text }
}

async function exchange(port: number, question: string): Promise<{ answer: string; isCut: boolean }> {
  const socket: Socket = connect(port, '127.0.0.1')
  let answer = ''
  let isCut = false
  socket.on('data', (chunk) => {
    answer += chunk.toString()
  })
  socket.on('error', () => {
    isCut = true
  })
  socket.end(question)
  await new Promise((closed) => socket.once('close', closed))
  return { answer, isCut }
}
