import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { Config } from '../../../src/config.js'
import { testEnvironment } from '../../support/app.js'
import { kill } from '../../support/process.js'
import type { Order, Outcome } from './token-caller.js'

/** A process that calls for tokens: see token-caller.ts. One order at a time. */
export type Caller = {
  child: ChildProcess
  /** Rejects when the process ends instead. */
  call(order: Order): Promise<Outcome>
}

type Place = { config: Config; databaseUrl: string }

const LOADER = ['--import', './test/support/typescript.mjs']
const SHIFTED_CLOCK = ['--import', './test/tokens/support/shifted-clock.mjs']

/** So many of them beside an app, on its database; `env` changes their environment. They end with the test. */
export async function startCallers(place: Place, count: number, env: Record<string, string> = {}): Promise<Caller[]> {
  const callers = await Promise.all(Array.from({ length: count }, () => startCaller({ ...environmentOf(place), ...env })))
  onTestFinished(async () => {
    for (const { child } of callers) await kill(child, 'SIGKILL')
  })
  return callers
}

/** One of them, ready; whoever starts it ends it. */
export async function startCaller(env: Record<string, string>): Promise<Caller> {
  const preload = 'CLOCK_SHIFT_MS' in env ? [...LOADER, ...SHIFTED_CLOCK] : LOADER
  const child = spawn(process.execPath, [...preload, 'test/tokens/support/token-caller.ts'], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const ended = new AbortController()
  child.once('exit', () => ended.abort())
  const answer = async (): Promise<unknown> => {
    const [line] = (await once(lines, 'line', { signal: ended.signal })) as [string]
    return JSON.parse(line)
  }
  await answer()
  return {
    child,
    call(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`)
      return answer() as Promise<Outcome>
    },
  }
}

/** The environment that an app's settings come from, for another process on the same database. */
export function environmentOf({ config, databaseUrl }: Place): Record<string, string> {
  const { publicUrl, hubspot, dataDir, encryptionKeys } = config
  return {
    ...testEnvironment(publicUrl, hubspot.apiUrl, dataDir),
    DATABASE_URL: databaseUrl,
    ENCRYPTION_KEYS: encryptionKeys.map(({ id, key }) => `${id}:${key.reveal().toString('base64')}`).join(','),
  }
}
