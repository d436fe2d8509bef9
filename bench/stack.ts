import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../test/support/port.js'

/** A simulated HubSpot, Importal as `npm start` runs it, and a bare server to compare it with, each a process of its own. */
export type Stack = {
  appUrl: string
  appPid: number
  /** Stores what it is sent and does nothing else: see bare-server.ts. */
  bareUrl: string
  barePid: number
  /** One partner's key, good for all the portals. */
  key: string
  portals: string[]
  stop(): Promise<void>
}

const DIST = new URL('../dist/', import.meta.url)
const CLIENT = { id: 'bench-client', secret: 'bench-secret' }
const READY_WITHIN_MS = 60_000
const LOOK_AGAIN_MS = 50

/** Starts everything on free ports and a folder of its own, and connects the portals. */
export async function startStack(portals: string[]): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'importal-bench-'))
  // Postgres does not run as root: where root starts it, another account must get through to its data.
  await chmod(folder, 0o711)
  const children: ChildProcess[] = []
  const stop = async () => {
    for (const child of children.reverse()) await end(child)
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const [simulatorUrl, appUrl, bareUrl] = [await freeUrl(), await freeUrl(), await freeUrl()]
    const environment = settings(appUrl, simulatorUrl, folder)
    const start = (script: URL, env: Record<string, string>, flags: string[] = []) => {
      const child = spawn(process.execPath, [...flags, fileURLToPath(script)], {
        env: { PATH: process.env.PATH ?? '', ...env },
        cwd: folder,
        stdio: ['ignore', 'ignore', 'inherit'],
        detached: true, // Ctrl-C reaches this process alone, which then stops the others in order
      })
      children.push(child)
      return child.pid ?? 0
    }
    start(new URL('simulator/main.js', DIST), {
      PORT: new URL(simulatorUrl).port,
      CLIENT_ID: CLIENT.id,
      CLIENT_SECRET: CLIENT.secret,
      AUTO_APPROVE: '1',
    })
    const appPid = start(new URL('server.js', DIST), environment, await serverFlags())
    const barePid = start(new URL('bare-server.ts', import.meta.url), { PORT: new URL(bareUrl).port, FOLDER: folder })
    await Promise.all([`${simulatorUrl}/control/settings`, `${appUrl}/readyz`, bareUrl].map(untilAnswers))

    // HubSpot's own slowness and limits are not what is measured.
    await control(`${simulatorUrl}/control/settings`, 'PATCH', { startedMs: 0, processingMs: 0, callsPerTenSeconds: 0 })
    for (const portal of portals) {
      await control(`${simulatorUrl}/control/portals/${portal}`, 'PUT', { importsPerDay: 1_000_000, rowsPerDay: 1e12 })
      await install(appUrl, portal)
    }
    let key = ''
    for (const portal of portals) key = await createKey(environment, portal, folder)
    return { appUrl, appPid, bareUrl, barePid, key, portals, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What `npm start` tells Node before the script. */
export async function serverFlags(): Promise<string[]> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  const { scripts } = JSON.parse(text) as { scripts: { start: string } }
  const [, flags = ''] = /\bnode ((?:--\S+ )*)dist\/server\.js/.exec(scripts.start) ?? []
  return flags.split(' ').filter((flag) => flag !== '')
}

function settings(appUrl: string, simulatorUrl: string, folder: string): Record<string, string> {
  return {
    PORT: new URL(appUrl).port,
    PUBLIC_URL: appUrl,
    DATA_DIR: folder,
    HUBSPOT_CLIENT_ID: CLIENT.id,
    HUBSPOT_CLIENT_SECRET: CLIENT.secret,
    HUBSPOT_API_URL: simulatorUrl,
    HUBSPOT_APP_URL: simulatorUrl,
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    SESSION_SECRET: randomBytes(32).toString('base64'),
  }
}

/** Follows the install's redirects as a browser would, cookie included; the simulator consents by itself. */
async function install(appUrl: string, portalId: string): Promise<void> {
  const begun = await fetch(`${appUrl}/oauth/install?portalId=${portalId}`, { redirect: 'manual' })
  const consent = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' })
  const cookie = begun.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  const done = await fetch(consent.headers.get('location') ?? '', { redirect: 'manual', headers: { cookie } })
  if (done.status !== 302) throw new Error(`the installation answered ${done.status}`)
}

async function createKey(environment: Record<string, string>, portalId: string, folder: string): Promise<string> {
  const cli = fileURLToPath(new URL('cli.js', DIST))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [cli, 'keys', 'create', '--partner', 'Bench', '--portal', portalId, '--json'],
    { env: { PATH: process.env.PATH ?? '', ...environment }, cwd: folder },
  )
  return (JSON.parse(stdout) as { key: string }).key
}

async function control(url: string, method: string, body: object): Promise<void> {
  const res = await fetch(url, { method, body: JSON.stringify(body) })
  if (!res.ok) throw new Error(`${method} ${url} answered ${res.status}`)
}

async function untilAnswers(url: string): Promise<void> {
  const isUp = () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
  for (const until = performance.now() + READY_WITHIN_MS; performance.now() < until; await sleep(LOOK_AGAIN_MS)) {
    if (await isUp()) return
  }
  throw new Error(`${url} did not answer in time`)
}

async function freeUrl(): Promise<string> {
  return `http://localhost:${await freePort()}`
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
