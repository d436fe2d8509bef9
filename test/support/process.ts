import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createSimulator } from '../../src/simulator/simulator.js'
import { installPortal, PORTAL, testEnvironment, until } from './app.js'

/** A finished run of a command. */
export type Run = { code: number | null; stdout: string; stderr: string }

const TYPESCRIPT = ['--import', './test/support/typescript.mjs']

/** Runs a script of src/ to its end, in an environment that holds nothing but what is given. */
export async function runScript(script: string, args: string[], env: Record<string, string>): Promise<Run> {
  const child = spawnScript(script, args, env)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      output[name] += chunk.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output }
}

/**
 * A place for whole Importal processes: a simulated HubSpot, a data folder with its own Postgres, an environment. Whatever
 * was started ends with the test.
 */
export async function testPlace(change: Record<string, string> = {}) {
  const hubspot = await createSimulator({ clientId: 'test-client', clientSecret: 'test-secret' })
  hubspot.control.settings({ autoApprove: true, startedMs: 20, processingMs: 60 })
  const folder = await mkdtemp(join(tmpdir(), 'importal-place-'))
  await chmod(folder, 0o711) // root's Postgres runs as another account, which must get through
  const url = `http://localhost:${await freePort()}`
  const env = { ...testEnvironment(url, hubspot.url, folder), ...change }
  const running: ChildProcess[] = []

  onTestFinished(async () => {
    for (const child of running) await kill(child, 'SIGTERM')
    await hubspot.close()
    await rm(folder, { recursive: true, force: true })
  })

  return {
    url,
    env,
    folder,
    hubspot,
    /** Starts the app and waits until it is ready. */
    async start(): Promise<ChildProcess> {
      const child = spawnScript('src/server.ts', [], env)
      running.push(child)
      child.stderr?.resume()
      child.stdout?.resume()
      await until(
        () => (child.exitCode === null ? isReady(url) : Promise.reject(new Error(`the app ended with ${child.exitCode}`))),
        (ready) => ready,
        60_000,
      )
      return child
    },
    cli: (...args: string[]) => runScript('src/cli.ts', args, env),
    /** Installs a portal and makes a key for it, by the command line. */
    async prepare(): Promise<string> {
      await installPortal(url, hubspot, PORTAL)
      const { stdout } = await runScript(
        'src/cli.ts',
        ['keys', 'create', '--partner', 'Partner', '--portal', PORTAL, '--json'],
        env,
      )
      return (JSON.parse(stdout) as { key: string }).key
    },
  }
}

/** Sends a signal and waits for the end; resolves to the exit code. */
export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
  return child.exitCode
}

function spawnScript(script: string, args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [...TYPESCRIPT, script, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
