// Preloaded into an app's process: puts watched dependencies in the place of src/deps.ts, and lets the parent say where the
// process is to be killed or stopped. The app's own code does not know of it.
import { AsyncLocalStorage } from 'node:async_hooks'
import fs from 'node:fs/promises'
import http from 'node:http'
import { registerHooks, syncBuiltinESMExports } from 'node:module'
import pg from 'pg'
import type { Deps } from '../../../../src/deps.js'
import { type Failpoint, type Order, WATCHED } from './failpoints.js'
import { type Entry, openLedger } from './ledger.js'

type Anything = (...args: unknown[]) => unknown

const { LEDGER_FOLDER = '', INSTANCE = '', FAILPOINT = '' } = process.env
const write = openLedger(LEDGER_FOLDER, `${INSTANCE}-${process.pid}`)
/** The watched function that a query belongs to. */
const running = new AsyncLocalStorage<string>()

let order: Order | undefined = FAILPOINT === '' ? undefined : { at: FAILPOINT as Failpoint, signal: 'SIGKILL' }

process.on('message', (message) => {
  order = message as Order
})
process.once('disconnect', () => process.exit())
process.channel?.unref()

/** Dies or stops here if that was ordered, and goes on when it is woken. */
async function reach(at: string): Promise<void> {
  if (order?.at !== at) return
  const { signal } = order
  order = undefined
  const now = Date.now()
  write({ began: now, at: now, op: 'struck', importId: null, epoch: null, result: `${signal} ${at}` })
  if (signal === 'SIGSTOP') await new Promise((told) => process.send?.({ stopped: at }, told))
  process.kill(process.pid, signal)
}

/** Called by what the hook below puts in the place of src/deps.ts. */
export function watch(deps: Deps): Deps {
  // Requests and jobs share some parts, and have others each of their own.
  const parts = [deps, deps.forJobs].flatMap((some) => WATCHED.map((part) => ({ part, functions: some[part] })))
  const seen = new Set<unknown>()
  for (const { part, functions } of parts) {
    if (seen.has(functions)) continue
    seen.add(functions)
    const named = functions as unknown as Record<string, unknown>
    for (const [name, original] of Object.entries(named))
      if (typeof original === 'function') named[name] = watched(`${part}.${name}`, original as Anything)
  }
  return deps
}

function watched(op: string, original: Anything): Anything {
  if (op === 'files.read') return (key) => bytesOf(op, original(key) as AsyncIterable<Buffer>)
  return async (...args) => {
    await reach(`before ${op}`)
    const began = Date.now()
    const isReading = /\.(read|find|exists|list)/.test(op)
    let hasWritten: boolean | undefined
    const given = args.map((arg) => {
      if (op === 'files.save') return bytesOf(op, arg as AsyncIterable<Buffer>)
      // A store calls back, inside its transaction, only when the row was still its caller's to write.
      if (typeof arg !== 'function') return arg
      hasWritten = false
      return (...inner: unknown[]) => {
        hasWritten = true
        return (arg as Anything)(...inner)
      }
    })
    const tell = (result: string, value?: unknown) => {
      const about = subjectOf(args, value)
      if (about.importId !== null && !isReading) write({ began, at: Date.now(), op, ...about, result })
    }
    try {
      const value = await running.run(op, () => original(...given))
      tell(hasWritten === undefined ? wordFor(value) : hasWritten ? 'wrote' : 'refused', value)
      await reach(`after ${op}`)
      return value
    } catch (error) {
      tell('failed')
      throw error
    }
  }
}

async function* bytesOf(op: string, source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  for await (const chunk of source) {
    yield chunk
    await reach(`inside ${op}`)
  }
}

/** Which import, and under which epoch, by whatever shape an argument or a result has. */
function subjectOf(args: unknown[], value: unknown): Pick<Entry, 'importId' | 'epoch'> {
  const objects = [...args, value].filter((one) => typeof one === 'object' && one !== null) as Record<string, unknown>[]
  const texts = args.filter((arg) => typeof arg === 'string')
  const named = objects.flatMap(({ importId, id, importRequest }) => [importId, id, (importRequest as { name?: string })?.name])
  const importId = [...texts, ...named].map((text) => /imp_[0-9a-f]{32}/.exec(String(text))?.[0]).find(Boolean) ?? null
  const epoch = objects.map((one) => one.epoch).find((one) => typeof one === 'number')
  return { importId, epoch: typeof epoch === 'number' ? epoch : null }
}

function wordFor(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return 'outcome' in value ? String(value.outcome) : 'done'
}

/** The COMMIT of a watched function's transaction is on its way when `query` returns. */
const query = pg.Client.prototype.query as Anything
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...args: unknown[]) {
    const sent = query.apply(this, args)
    const { text } = (args[0] ?? {}) as { text?: string }
    if (text === 'COMMIT' || args[0] === 'COMMIT') void reach(`committing ${running.getStore()}`)
    return sent
  },
})

const { open, rename } = fs
fs.open = async (path, ...rest) => {
  const file = await open(path, ...rest)
  const sync = file.sync.bind(file)
  if (isUnfinished(path)) file.sync = () => reach('before disk.sync').then(sync)
  return file
}
fs.rename = async (from, to) => {
  if (isUnfinished(from)) await reach('before disk.rename')
  await rename(from, to)
}
syncBuiltinESMExports()

function isUnfinished(path: unknown): boolean {
  return String(path).includes('/unfinished/')
}

const request = http.request as Anything
Object.assign(http, {
  request(...args: unknown[]) {
    const sending = request(...args) as http.ClientRequest
    if (sending.method !== 'POST' || !sending.path.startsWith('/crm/imports/')) return sending
    sending.prependOnceListener('finish', () => void reach('after hubspot.sent'))
    sending.prependOnceListener('response', () => void reach('after hubspot.answered'))
    return sending
  },
})

const end = http.ServerResponse.prototype.end as Anything
Object.assign(http.ServerResponse.prototype, {
  end(this: http.ServerResponse, ...args: unknown[]) {
    if (this.statusCode !== 202 || order?.at !== 'inside http.answer') return end.apply(this, args)
    this.socket?.write('HTTP/1.1 202 Accepted\r\ncontent-type: applic', () => void reach('inside http.answer'))
    return this
  },
})

registerHooks({
  load(url, context, next) {
    if (!/\/(src|dist)\/deps\.[jt]s$/.test(url)) return next(url, context)
    const source = `import { createDeps as open } from '${url}?itself'
      import { watch } from '${import.meta.url}'
      export const createDeps = async (...args) => watch(await open(...args))`
    return { format: 'module', shortCircuit: true, source }
  },
})
