import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '../../../support/app.js'
import { isReady, kill } from '../../../support/process.js'
import type { Failpoint, Order } from './failpoints.js'

const PRELOADS = ['./test/support/typescript.mjs', './test/faults/support/place/instrument.ts'].flatMap((file) => [
  '--import',
  file,
])
const START_MS = 60_000

export type App = ReturnType<typeof createApp>

/** An app that is killed and started again, at one address, with whatever its processes write. */
export function createApp(options: { name: string; script: string; url: string; env: Record<string, string> }) {
  const { name, script, url, env } = options
  const output = { stdout: '', stderr: '' }
  let child: ChildProcess | undefined
  let starting: Promise<void> | undefined
  let isPaused = false

  function launch(failpoint?: Failpoint): ChildProcess {
    const launched = spawn(process.execPath, [...PRELOADS, script], {
      env: { PATH: process.env.PATH ?? '', ...env, INSTANCE: name, ...(failpoint ? { FAILPOINT: failpoint } : {}) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    for (const stream of ['stdout', 'stderr'] as const)
      launched[stream]?.on('data', (chunk: Buffer) => {
        output[stream] += chunk.toString()
      })
    child = launched
    return launched
  }

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null

  /** A start meets whatever is broken just then: one that ends is tried again. */
  async function startUntilReady(): Promise<void> {
    await until(
      async () => {
        if (!isRunning()) launch()
        return isPaused || isReady(url)
      },
      (isOver) => isOver,
      START_MS,
    ).catch((cause: unknown) => {
      throw new Error(`${name} does not become ready`, { cause })
    })
  }

  return {
    name,
    url,
    output,
    isRunning,
    isPaused: () => isPaused,
    /** Starts it unless it runs, and waits until it is ready; safe to ask for while it starts. */
    async start(): Promise<void> {
      starting ??= startUntilReady().finally(() => {
        starting = undefined
      })
      await starting
    },
    /** Starts a process that dies before it is ready; false when it did not. */
    async startAndDie(failpoint: Failpoint): Promise<boolean> {
      const doomed = launch(failpoint)
      await until(
        () => !isRunning() || isReady(url),
        (isOver) => isOver,
        START_MS,
      )
      return doomed.signalCode === 'SIGKILL'
    },
    /** What is to befall the process at a failpoint; nothing any more, without an order. */
    order(order: Order | undefined): void {
      if (isRunning() && child?.connected) child.send(order ?? {})
    },
    /** Resolves when it dies, or stops, at the failpoint it was told of. @throws when it does not within this time */
    async isStruck(signal: Order['signal'], withinMs: number): Promise<true> {
      if (!child || !isRunning()) throw new Error('it does not run')
      await once(child, signal === 'SIGKILL' ? 'exit' : 'message', { signal: AbortSignal.timeout(withinMs) })
      return true
    },
    signal(signal: NodeJS.Signals): void {
      if (isRunning()) child?.kill(signal)
    },
    /** Stops it, unless it has stopped itself: a second stop would outlast its waking. */
    pause({ hasStopped = false } = {}): void {
      isPaused = isRunning()
      if (!hasStopped) this.signal('SIGSTOP')
    },
    wake(): void {
      isPaused = false
      this.signal('SIGCONT')
    },
    async kill(): Promise<void> {
      isPaused = false
      if (child) await kill(child, 'SIGKILL')
    },
  }
}
