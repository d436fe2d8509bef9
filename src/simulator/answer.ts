import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { authorize, refuseApp } from './authorize.js'
import { type Exchange, type Reply, send } from './exchange.js'
import { type Fault, faultReply, garble, hasEffect, type Operation, scramble, takeFault } from './faults.js'
import type { Portal } from './state.js'

type Call = {
  on: Operation
  portalId: string | undefined
  /** Reads the request's body; it may be told to do so slowly. */
  read?: (bytesPerSecond: number | undefined) => Promise<void>
  /** Has the call's effect, and gives the answer. */
  make: () => Reply
}

/** Answers a call that needs a token with this scope. */
export async function answerPortal(
  exchange: Exchange,
  { scope, make, ...call }: Omit<Call, 'portalId' | 'make'> & { scope: string; make: (portal: Portal) => Reply },
): Promise<void> {
  const allowed = authorize(exchange, scope)
  if ('status' in allowed) return send(exchange, allowed)
  const { portalId } = allowed
  await answer(exchange, { ...call, portalId, make: () => make(exchange.state.portal(portalId)) })
}

/** Answers a call that needs a token of the app’s own, with this scope. */
export async function answerApp(
  exchange: Exchange,
  { scope, ...call }: Omit<Call, 'portalId'> & { scope: string },
): Promise<void> {
  const refused = refuseApp(exchange, scope)
  if (refused) return send(exchange, refused)
  await answer(exchange, { ...call, portalId: undefined })
}

/** Answers a call with what `make` gives, unless a fault has been planned for it. A body cut off has no effect. */
export async function answer(exchange: Exchange, call: Call): Promise<void> {
  const fault = takeFault(exchange.state, call.on, call.portalId)
  if (fault) return strike(exchange, call, fault)
  await call.read?.(undefined)
  if (!isCut(exchange.req)) send(exchange, call.make())
}

async function strike(exchange: Exchange, { read, make }: Call, fault: Fault): Promise<void> {
  const { req, res } = exchange
  if ('status' in fault && fault.early) return send(exchange, faultReply(fault.status, fault.body, fault.headers))
  if ('reset' in fault && fault.reset === 'at-once') return void req.socket.destroy()
  if ('reset' in fault && typeof fault.reset === 'object') cutAfter(req, fault.reset.afterBytes)
  if ('informational' in fault) await hold(res, fault.informational)
  await read?.('readBytesPerSecond' in fault ? fault.readBytesPerSecond : undefined)
  if (isCut(req)) return

  if ('lateCreateMs' in fault) setTimeout(() => attempt(make), fault.lateCreateMs).unref()
  const reply = hasEffect(fault) ? make() : { status: 200, body: {} }
  if ('status' in fault) return send(exchange, faultReply(fault.status, fault.body, fault.headers))
  if ('statusAfterCreate' in fault) return send(exchange, faultReply(fault.statusAfterCreate, fault.body, fault.headers))
  if ('reset' in fault || 'lateCreateMs' in fault) return void req.socket.destroy()
  if ('hang' in fault) return
  if ('garbage' in fault) return send(exchange, garble(reply, fault.garbage))
  if ('scramble' in fault) return send(exchange, scramble(reply, fault.scramble))
  if ('dripBytesPerSecond' in fault) return drip(exchange, reply, fault.dripBytesPerSecond)
  if ('slowMs' in fault) await sleep(fault.slowMs, undefined, { ref: false })
  send(exchange, reply)
}

/** Keeps the client waiting, with so many interim answers, or for as long as it has patience. */
async function hold(res: ServerResponse, times: number): Promise<void> {
  for (let i = 0; (i < times || times === 0) && !res.destroyed; i++) {
    res.writeProcessing()
    await setImmediate()
  }
}

function isCut(req: IncomingMessage): boolean {
  return req.destroyed && !req.complete
}

/** The simulator may have been reset since. */
function attempt(make: () => Reply): void {
  try {
    make()
  } catch {
    return
  }
}

function cutAfter(req: IncomingMessage, bytes: number): void {
  let seen = 0
  req.on('data', (chunk: Buffer) => {
    seen += chunk.length
    if (seen >= bytes) req.socket.destroy()
  })
}

async function drip({ res, record }: Exchange, { status, body }: Reply, bytesPerSecond: number): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(body ?? {}))
  record.status = status
  res.writeHead(status, { 'content-type': 'application/json;charset=utf-8', 'content-length': bytes.length })
  const step = Math.max(1, Math.floor(bytesPerSecond / 20))
  for (let at = 0; at < bytes.length && !res.destroyed; at += step) {
    res.write(bytes.subarray(at, at + step))
    await sleep((step / bytesPerSecond) * 1_000, undefined, { ref: false })
  }
  res.end()
}
