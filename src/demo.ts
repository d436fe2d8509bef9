import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PORTAL = '111111'
const CLIENT = { id: 'demo-client', secret: 'demo-secret' }
const READY_WITHIN_MS = 60_000
const LOOK_AGAIN_MS = 100
const ROWS = 300

const children: ChildProcess[] = []
const folder = await mkdtemp(join(tmpdir(), 'importal-demo-'))
// Postgres does not run as root: where root starts the demo, another account must get through to its data.
await chmod(folder, 0o711)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0))
await runDemo().catch(async (error: unknown) => {
  process.stderr.write(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}\n`)
  await stop(1)
})

/** A HubSpot, an Importal, a connected portal, a partner and a finished import: everything a first look needs. */
async function runDemo(): Promise<void> {
  const simulatorUrl = `http://localhost:${await freePort(4000)}`
  const appUrl = `http://localhost:${await freePort(3000)}`
  say('Starting a simulated HubSpot, a Postgres and Importal…')
  const environment = settings(appUrl, simulatorUrl)
  start('simulator/main.js', {
    PORT: new URL(simulatorUrl).port,
    CLIENT_ID: CLIENT.id,
    CLIENT_SECRET: CLIENT.secret,
    AUTO_APPROVE: '1',
  })
  start('server.js', environment)
  await Promise.all([untilAnswers(`${simulatorUrl}/control/settings`), untilAnswers(`${appUrl}/readyz`)])

  await install(appUrl)
  say(`Portal ${PORTAL} has installed Importal.`)
  const { key } = await createKey(environment)
  const { csv, request } = await writeSample()
  const imported = await importSample(appUrl, key, csv, request)
  const { results } = await ask(`${imported.self}/errors?limit=3`, key)

  say(
    `A partner’s file of ${ROWS} contacts is imported: state "${imported.state}", ${imported.errors} wrong rows, the first of them:`,
  )
  for (const { line, message, columnName } of results as { line: number; message: string; columnName: string }[])
    say(`  line ${line}, column ${columnName}: ${message}`)
  say(`
Importal             ${appUrl}
Its settings page    ${appUrl}/oauth/install   (signs you in as the portal’s admin)
API reference        ${appUrl}/docs
Simulated HubSpot    ${simulatorUrl}
The partner’s key    ${key}

Now make an import yourself:

curl -sS ${appUrl}/v1/portals/${PORTAL}/imports \\
  -H 'Authorization: Bearer ${key}' \\
  -F 'importRequest=<${request}' \\
  -F 'files=@${csv}'

and look at all of them:

curl -sS ${appUrl}/v1/portals/${PORTAL}/imports -H 'Authorization: Bearer ${key}'

Ctrl-C stops everything and removes the demo’s data.`)
}

function settings(appUrl: string, simulatorUrl: string): Record<string, string> {
  return {
    PORT: new URL(appUrl).port,
    PUBLIC_URL: appUrl,
    DATA_DIR: folder,
    HUBSPOT_CLIENT_ID: CLIENT.id,
    HUBSPOT_CLIENT_SECRET: CLIENT.secret,
    HUBSPOT_API_URL: simulatorUrl,
    WEBHOOKS_ANYWHERE: 'true',
    HUBSPOT_APP_URL: simulatorUrl,
    ENCRYPTION_KEYS: `demo:${randomBytes(32).toString('base64')}`,
    SESSION_SECRET: randomBytes(32).toString('base64'),
    LOG_LEVEL: 'warn',
  }
}

function start(script: string, environment: Record<string, string>): ChildProcess {
  // A group of its own: Ctrl-C reaches the demo alone, which then stops the others in order.
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  children.push(child)
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) void stop(1)
  })
  return child
}

/** Follows the install's redirects as a browser would, cookie included; the simulator consents by itself. */
async function install(appUrl: string): Promise<void> {
  const begun = await fetch(`${appUrl}/oauth/install?portalId=${PORTAL}`, { redirect: 'manual' })
  const consent = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' })
  const cookie = begun.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  const done = await fetch(consent.headers.get('location') ?? '', { redirect: 'manual', headers: { cookie } })
  if (done.status !== 302) throw new Error(`the installation answered ${done.status}`)
}

async function createKey(environment: Record<string, string>): Promise<{ key: string }> {
  const args = ['keys', 'create', '--partner', 'Demo partner', '--portal', PORTAL, '--json']
  const child = spawn(process.execPath, [fileURLToPath(new URL('cli.js', import.meta.url)), ...args], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(child, 'close')
  return JSON.parse(output) as { key: string }
}

/** Contacts of whom every fortieth has no real e-mail address. */
async function writeSample(): Promise<{ csv: string; request: string }> {
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const email = i % 40 === 39 ? `person${i} at example.com` : `person${i}@example.com`
    return `${email},First ${i},Last ${i}`
  })
  const csv = join(folder, 'contacts.csv')
  await writeFile(csv, `Email,First name,Last name\n${rows.join('\n')}\n`)
  const column = (columnName: string, propertyName: string, more = {}) => ({
    columnObjectTypeId: '0-1',
    columnName,
    propertyName,
    ...more,
  })
  const request = join(folder, 'importRequest.json')
  const columnMappings = [
    column('Email', 'email', { columnType: 'HUBSPOT_ALTERNATE_ID' }),
    column('First name', 'firstname'),
    column('Last name', 'lastname'),
  ]
  const files = [{ fileName: 'contacts.csv', fileFormat: 'CSV', fileImportPage: { hasHeader: true, columnMappings } }]
  await writeFile(request, JSON.stringify({ name: 'Demo contacts', importOperations: { '0-1': 'UPSERT' }, files }, null, 2))
  return { csv, request }
}

async function importSample(appUrl: string, key: string, csv: string, request: string) {
  const form = new FormData()
  form.append('importRequest', await readFile(request, 'utf8'))
  form.append('files', new Blob([await readFile(csv)], { type: 'text/csv' }), 'contacts.csv')
  const res = await fetch(`${appUrl}/v1/portals/${PORTAL}/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: form,
  })
  if (res.status !== 202) throw new Error(`the upload answered ${res.status}: ${await res.text()}`)
  const { links } = (await res.json()) as { links: { self: string } }
  for (const until = performance.now() + READY_WITHIN_MS; performance.now() < until; await sleep(LOOK_AGAIN_MS)) {
    const { state, counters } = await ask(links.self, key)
    if (state === 'done') return { self: links.self, state, errors: counters.ERRORS as number }
    if (state === 'failed' || state === 'needs_review') throw new Error(`the import ended ${state}`)
  }
  throw new Error('the import did not finish in time')
}

async function ask(url: string, key: string) {
  const res = await fetch(url, { headers: { authorization: `Bearer ${key}` } })
  return (await res.json()) as { state: string; counters: Record<string, number>; results: unknown[] }
}

async function untilAnswers(url: string): Promise<void> {
  for (const until = performance.now() + READY_WITHIN_MS; performance.now() < until; await sleep(LOOK_AGAIN_MS)) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return
  }
  throw new Error(`${url} did not answer in time`)
}

/** The wanted port, or any other when it is taken. */
async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const probe = createServer().listen(port)
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    const address = probe.address()
    probe.close()
    if (isFree && typeof address === 'object' && address) return address.port
  }
  throw new Error('no free port')
}

let isStopping = false

async function stop(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  for (const child of [...children].reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 10 }).catch(() =>
    say(`Some of the demo’s data is left in ${folder}.`),
  )
  process.exit(code)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
