import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createSimulator } from '../../src/simulator/simulator.js'
import { installPortal, PORTAL, testEnvironment, until } from './app.js'
import { secretsOfEnvironment, secretsOfHubSpot, secretsOfKeys, withoutKeys } from './canaries.js'
import { type Canaries, expectNoLeaks, type Places } from './leaks.js'
import { freePort } from './port.js'

type Output = { stdout: string; stderr: string }

/** A finished run of a command. */
export type Run = Output & { code: number | null }

const ANSWER_MS = 5_000
const TYPESCRIPT = ['--import', './test/support/typescript.mjs']

/** Runs a script of src/ to its end, in an environment that holds nothing but what is given. */
export async function runScript(script: string, args: string[], env: Record<string, string>): Promise<Run> {
  const child = spawnScript(script, args, env)
  const { output, closed } = collectOutput(child)
  await closed
  return { code: child.exitCode, ...output }
}

/**
 * A place for whole Importal processes: a simulated HubSpot, a data folder with its own Postgres, an environment. Whatever
 * was started ends with the test, which fails if any of them wrote a secret to stdout or stderr.
 */
export async function testPlace(change: Record<string, string> = {}) {
  const clientSecret = change.HUBSPOT_CLIENT_SECRET ?? 'test-secret'
  const hubspot = await createSimulator({ clientId: 'test-client', clientSecret })
  hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60 })
  const folder = await mkdtemp(join(tmpdir(), 'importal-place-'))
  await chmod(folder, 0o711) // root's Postgres runs as another account, which must get through
  const url = `http://localhost:${await freePort()}`
  const env: Record<string, string> = { ...testEnvironment(url, hubspot.url, folder), LOG_LEVEL: 'trace', ...change }
  const running: { child: ChildProcess; closed: Promise<unknown> }[] = []
  const written: { by: string; output: Output }[] = []
  const keys: string[] = []

  const place = {
    url,
    env,
    folder,
    hubspot,
    /** Every secret that the processes have had to do with, by name. */
    canaries: (): Canaries => ({ ...secretsOfEnvironment(env), ...secretsOfHubSpot(hubspot), ...secretsOfKeys(keys) }),
    /** What the processes have written so far, by name. */
    outputs: (): Places =>
      Object.fromEntries(
        written.flatMap(({ by, output }, i) => [
          [`stdout of ${by} (${i + 1})`, output.stdout],
          [`stderr of ${by} (${i + 1})`, output.stderr],
        ]),
      ),
    /** Starts the app, in this environment but for `change`. */
    launch(change: Record<string, string> = {}): ChildProcess {
      const child = spawnScript('src/server.ts', [], { ...env, ...change })
      const { output, closed } = collectOutput(child)
      running.push({ child, closed })
      written.push({ by: 'the app', output })
      return child
    },
    /** The same, and waits until it is ready. */
    async start(change: Record<string, string> = {}): Promise<ChildProcess> {
      const child = place.launch(change)
      const { PORT = '' } = { ...env, ...change }
      await until(
        () =>
          child.exitCode === null
            ? isReady(`http://localhost:${PORT}`)
            : Promise.reject(new Error(`the app ended with ${child.exitCode}`)),
        (ready) => ready,
      )
      return child
    },
    async cli(...args: string[]): Promise<Run> {
      const run = await runScript('src/cli.ts', args, env)
      const by = args.slice(0, 2).join(' ')
      // The one place where a key is meant to be seen.
      if (by === 'keys create') keys.push(run.stdout)
      written.push({ by, output: by === 'keys create' ? { ...run, stdout: withoutKeys(run.stdout) } : run })
      return run
    },
    /** Installs a portal and makes a key for it, by the command line. */
    async prepare(): Promise<string> {
      await installPortal(url, hubspot, PORTAL)
      const { stdout } = await place.cli('keys', 'create', '--partner', 'Partner', '--portal', PORTAL, '--json')
      return (JSON.parse(stdout) as { key: string }).key
    },
  }

  onTestFinished(async () => {
    for (const { child, closed } of running) {
      await kill(child, 'SIGTERM')
      await closed
    }
    await hubspot.close()
    await rm(folder, { recursive: true, force: true })
    expectNoLeaks(place.canaries(), place.outputs())
  })
  return place
}

/** Sends a signal and waits for the end; resolves to the exit code. */
export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
  return child.exitCode
}

/** What a process writes, growing; `closed` resolves when there will be no more. */
function collectOutput(child: ChildProcess): { output: Output; closed: Promise<unknown> } {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      output[name] += chunk.toString()
    })
  }
  return { output, closed: once(child, 'close') }
}

/** Starts a script of src/; whoever does ends it. */
export function spawnScript(script: string, args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [...TYPESCRIPT, script, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Whether the app at this address takes requests; one that does not answer, as a paused one, does not. */
export function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
    ({ ok }) => ok,
    () => false,
  )
}
