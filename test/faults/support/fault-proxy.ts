import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from '../../support/port.js'

/** Towards the server, or back from it. */
type Direction = 'up' | 'down'

/** What happens to a connection; `cut` after no byte of `down` means: what was asked is done, and the answer is lost. */
export type Trouble = { refuse: true } | { cut: Direction; afterBytes: number } | { delayMs: number }

/** Which connections meet it: the next `times` whose first bytes match; without `times` all, until it is over. */
type Rule = { trouble: Trouble; matching: RegExp; times: number }

export type FaultProxy = Awaited<ReturnType<typeof createFaultProxy>>

/**
 * A fixed port in front of a server whose own port may change, for protocols in which the client speaks first: Postgres's
 * and HTTP. It passes bytes on as they are until it is told otherwise.
 */
export async function createFaultProxy(upstreamPort: () => number) {
  const port = await freePort()
  const open = new Set<Socket>()
  let rules: Rule[] = []
  let isStalled = false

  const server = createServer({ allowHalfOpen: true }, (client) => {
    hold(client)
    client.once('data', (first) => {
      client.pause()
      const trouble = takeTrouble(first)
      if (trouble && 'refuse' in trouble) return void client.resetAndDestroy()
      const upstream = hold(connect({ port: upstreamPort(), host: '127.0.0.1', allowHalfOpen: true }))
      client.unshift(first)
      carry(client, upstream, 'up', trouble)
      carry(upstream, client, 'down', trouble)
    })
  })

  function hold(socket: Socket): Socket {
    open.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined) // its end is what counts, and is passed on
    socket.once('close', () => open.delete(socket))
    return socket
  }

  function takeTrouble(first: Buffer): Trouble | undefined {
    const rule = rules.find(({ matching, times }) => times > 0 && matching.test(first.toString('latin1')))
    if (rule) rule.times -= 1
    return rule?.trouble
  }

  function carry(from: Socket, to: Socket, direction: Direction, trouble: Trouble | undefined): void {
    const limit = trouble && 'cut' in trouble && trouble.cut === direction ? trouble.afterBytes : Number.POSITIVE_INFINITY
    const delayMs = trouble && 'delayMs' in trouble ? trouble.delayMs : 0
    let passed = 0
    const cut = () => [from, to].map((socket) => socket.resetAndDestroy())
    const pass = (chunk: Buffer) => {
      passed += chunk.length
      const isLast = passed >= limit
      if (isLast) from.pause()
      if (to.destroyed || chunk.length === 0) return void (isLast && cut())
      // What comes before a cut has arrived by the time it is cut.
      const hasRoom = to.write(chunk, () => isLast && cut())
      if (hasRoom || isLast) return
      from.pause()
      to.once('drain', () => isStalled || from.resume())
    }
    from.on('data', (chunk: Buffer) => {
      const rest = chunk.subarray(0, limit - passed)
      if (delayMs > 0) setTimeout(() => pass(rest), delayMs)
      else pass(rest)
    })
    from.once('end', () => to.end())
    from.once('close', () => to.destroy())
    if (isStalled) from.pause()
    else from.resume()
  }

  /** Nothing passes, either way, while it is stalled; nobody is told. */
  function stall(stalled: boolean): void {
    isStalled = stalled
    for (const socket of open) {
      if (stalled) socket.pause()
      else socket.resume()
    }
  }

  function cutAll(): void {
    for (const socket of open) socket.resetAndDestroy()
  }

  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    /** Troubles connections that are made from now on. */
    trouble(trouble: Trouble, { matching = /^/, times = Number.POSITIVE_INFINITY }: Partial<Omit<Rule, 'trouble'>> = {}): void {
      rules.push({ trouble, matching, times })
    },
    stall,
    cutAll,
    /** How many there are, of callers and to the server. */
    connections: () => open.size,
    /** From now on nothing goes wrong here. */
    heal(): void {
      rules = []
      stall(false)
    },
    async close(): Promise<void> {
      const closed = once(server, 'close')
      server.close()
      cutAll()
      await closed
    },
  }
}
