import { access, constants, mkdir, statfs } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Config, ConfigProblem } from './config.js'
import { openDatabaseServer } from './db/database-server.js'
import { checkDurability, DURABILITY_FIX } from './db/durability.js'
import { createDeps } from './deps.js'
import { CREATE_DEADLINE_MS, createHubSpot } from './hubspot/hubspot.js'
import { type Alarm, describeAlarm } from './portals/alarm-store.js'

/** One thing the doctor looked at; `fix` says what to do when it is not in order. */
export type Check = { name: string; ok: boolean; found: string; fix?: string }

const MIN_FREE_BYTES = 2 * 1024 ** 3
const MAX_SKEW_SECONDS = 5

/** Looks at everything an installation needs, whether or not the server runs. */
export async function runDoctor(parsed: { config: Config } | { problems: ConfigProblem[] }): Promise<Check[]> {
  if ('problems' in parsed)
    return parsed.problems.map(({ variable, problem, example }) => ({
      name: variable,
      ok: false,
      found: problem,
      fix: `for example ${example}`,
    }))
  const { config } = parsed
  return [
    { name: 'configuration', ok: true, found: 'complete' },
    checkPublicUrl(config),
    checkWindow(config),
    await checkFiles(config),
    await checkHubSpot(config),
    ...(await checkDatabase(config)),
  ]
}

/** The checks as lines for a person. */
export function describeDoctor(checks: Check[]): string {
  return checks
    .map(({ name, ok, found, fix }) => `${ok ? '✓' : '✗'} ${name}: ${found}${!ok && fix ? `\n    → ${fix}` : ''}\n`)
    .join('')
}

/** Whoever was paused in the middle of an upload may end it as late as its deadline: nothing may have been sent again by then. */
function checkWindow({ ambiguousWindowSeconds: seconds }: Config): Check {
  const ok = seconds === 0 || seconds * 1_000 > CREATE_DEADLINE_MS
  const found =
    seconds === 0 ? 'an import whose answer was lost is never sent again' : `sent again after ${seconds} seconds unseen`
  const fix = `HubSpot shows a new import up to a quarter of an hour late, and an upload may last ${CREATE_DEADLINE_MS / 60_000} minutes: set 900, or 0.`
  return { name: 'AMBIGUOUS_WINDOW_SECONDS', ok, found, fix }
}

function checkPublicUrl({ publicUrl }: Config): Check {
  const ok = publicUrl.startsWith('https:') || /^http:\/\/localhost(:\d+)?$/.test(publicUrl)
  const found = `${publicUrl}; HubSpot must know the redirect URL ${publicUrl}/oauth/callback`
  return { name: 'PUBLIC_URL', ok, found, fix: 'HubSpot redirects to https:// only, or to http://localhost.' }
}

async function checkFiles({ filesUrl }: Config): Promise<Check> {
  const folder = fileURLToPath(filesUrl)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await access(folder, constants.W_OK)
    const { bavail, bsize } = await statfs(folder)
    const free = bavail * bsize
    const found = `${folder}, ${Math.round(free / 1024 ** 2)} MiB free`
    return { name: 'files', ok: free >= MIN_FREE_BYTES, found, fix: 'Make room, or move FILES_URL to a larger disk.' }
  } catch {
    return {
      name: 'files',
      ok: false,
      found: `${folder} cannot be written`,
      fix: 'Let this account write there, or set FILES_URL.',
    }
  }
}

async function checkHubSpot({ hubspot }: Config): Promise<Check> {
  const reached = await createHubSpot(hubspot).isReachable()
  const fix = 'Check the network, a proxy or HUBSPOT_API_URL. Uploads are accepted meanwhile.'
  return { name: 'HubSpot', ok: reached, found: `${hubspot.apiUrl} ${reached ? 'answers' : 'does not answer'}`, fix }
}

function toFinding(alarm: Alarm): { found: string; fix: string } {
  const { what, fix } = describeAlarm(alarm)
  return { found: `${what}; ${alarm.count} times since ${alarm.firstAt.toISOString()}`, fix }
}

async function checkDatabase(config: Config): Promise<Check[]> {
  const fix = 'Check DATABASE_URL, or DATA_DIR for the embedded Postgres.'
  const database = await openDatabaseServer({ ...config, role: 'cli', log: () => undefined }).catch((error: Error) => error)
  if (database instanceof Error) return [{ name: 'database', ok: false, found: database.message, fix }]
  const deps = await createDeps({ ...config, logLevel: 'silent' }, database.url)
  try {
    const { version, unsafe, skewSeconds } = await checkDurability(database.url)
    const sealedBy = await deps.dataKeys.countByKey()
    const unknown = Object.keys(sealedBy).filter((id) => !config.encryptionKeys.some((key) => key.id === id))
    const alarms = (await deps.alarms.list()).map((alarm) => ({ name: alarm.kind, ok: false, ...toFinding(alarm) }))
    const trail = await deps.audit.verify()
    const matching = await deps.matching.list()
    const broken = await deps.dataKeys.listBroken(10)
    return [
      { name: 'database', ok: true, found: `Postgres ${version}, migrated${database.isEmbedded ? ', embedded' : ''}` },
      {
        name: 'durability',
        ok: unsafe.length === 0,
        found: unsafe.length === 0 ? 'commits are synced to disk' : `${unsafe.join(', ')} off`,
        fix: DURABILITY_FIX,
      },
      {
        name: 'clock',
        ok: Math.abs(skewSeconds) <= MAX_SKEW_SECONDS,
        found: `${skewSeconds.toFixed(1)} s apart from the database’s`,
        fix: 'Set both clocks by NTP.',
      },
      {
        name: 'encryption keys',
        ok: unknown.length === 0,
        found: unknown.length === 0 ? `${config.encryptionKeys.length} configured` : `stored tokens need ${unknown.join(', ')}`,
        fix: 'Put the missing keys back into ENCRYPTION_KEYS, then run rotate-encryption.',
      },
      {
        name: 'stored tokens',
        ok: broken.length === 0,
        found: broken.length === 0 ? 'every data key opens' : `those of portal ${broken.join(', ')} cannot be opened`,
        fix: 'These portals must be connected again by their admins.',
      },
      {
        name: 'audit trail',
        ok: trail.broken === null,
        found: trail.broken ? `broken at event ${trail.broken.id}: ${trail.broken.why}` : `${trail.events} events, unbroken`,
        fix: 'Somebody changed the database by hand: compare it with a backup and with the log.',
      },
      {
        name: 'restored backup',
        ok: matching.length === 0,
        found: matching.length === 0 ? 'nothing is held back' : `nothing is submitted for portal ${matching.join(', ')}`,
        fix: 'Their imports must be matched with HubSpot’s first: wait for reconcile, or run it again with --unfinished.',
      },
      ...alarms,
    ]
  } finally {
    await deps.close()
    await database.stop()
  }
}
