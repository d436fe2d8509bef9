#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { CLIENT_USAGE, type ClientOptions, isClientCommand, runClientCommand } from './client/commands.js'
import { describeProblems, parseConfig, parseScopes, readEnvironment } from './config.js'
import { openDatabaseServer } from './db/database-server.js'
import { createDeps, type Deps } from './deps.js'
import { describeDoctor, runDoctor } from './doctor.js'
import { describeProject, parseProject, writeProject } from './hubspot/developer-project.js'
import { disconnectAndWait } from './imports/departure/disconnect.js'
import { describeMatches, matchAll } from './imports/tracking/match-all.js'
import { JOB_KINDS, jobHandlers } from './jobs.js'
import { describeError } from './log.js'
import { isCidr } from './partners/partner-store.js'
import { openTestPortal } from './partners/test-portal.js'
import { describeAlarm } from './portals/alarm-store.js'
import { checkScopes, describeScopes } from './portals/check-scopes.js'
import { PortalId } from './portals/portal-store.js'

const USAGE = `Usage: npm run -s importal -- <command>

  hubspot-project --url https://HOST       write the project that HubSpot makes the app from
              [--out DIR]                  … there instead of ./hubspot
              [--distribution private]     … for accounts that you name, instead of marketplace
              [--support-email ADDRESS] [--support-url URL] [--documentation-url URL] [--support-phone NUMBER]
  keys create --partner NAME --portal ID   make an API key; it is shown once
              [--test]                     … for a simulated HubSpot account of the partner's own, instead of --portal
              [--cidr RANGE]...            … good only from these addresses
              [--expires-in-days N]        … good only for so long
  keys list                                all keys, without their secrets
  keys revoke KEY_ID                       refuse a key from now on
  partners list                            partners and their portals
  operator link                            a link that signs your browser in to /operator, once
  portals list                             connected HubSpot accounts
  portals check PORTAL                     try every permission that an account granted
  portals disconnect PORTAL                uninstall there, and delete what is kept of it; prints a receipt
  reconcile --all                          after restoring a backup: find what HubSpot has already, before more is submitted
              [--unfinished]               … instead of --all: only the accounts that an earlier run has left
              [--no-wait]                  … good only if nothing was sent in the last quarter of an hour
  audit list  [--portal ID] [--limit N]    who did what to which account, the newest first
  audit verify [--expect EVENT:HASH]       recompute the trail's chain; with what an earlier run printed, its beginning too
  migrate                                  bring the database up to date
  doctor                                   check the whole set-up
  rotate-encryption                        seal everything with the first of ENCRYPTION_KEYS
${CLIENT_USAGE}
  --json                                   JSON on stdout, and nothing else
`

const ROTATED_AT_ONCE = 100

/** How often each key is in use, here and there. */
const sum = (a: Record<string, number>, b: Record<string, number>) =>
  Object.fromEntries(Object.keys({ ...a, ...b }).map((id) => [id, (a[id] ?? 0) + (b[id] ?? 0)]))
const RECEIPT_WITHIN_MS = 70_000

type Options = ClientOptions & {
  partner?: string
  test?: boolean
  portal?: string
  cidr?: string[]
  'expires-in-days'?: string
  limit?: string
  expect?: string
  out?: string
  all?: boolean
  unfinished?: boolean
  'no-wait'?: boolean
}
/** A result in words of its own; a bad one is a failure though the command has done its work. */
type Report = { json: unknown; text: string; isGood: boolean }
type Command = (deps: Deps, options: Options, operand: string | undefined) => Promise<unknown>

/** What a command says it failed at; everything else that is thrown is a fault of ours. */
const fail = (message: string): never => {
  throw Object.assign(new Error(message), { isForOperator: true })
}

const COMMANDS: Record<string, Command> = {
  'keys create': async (deps, { partner, portal, test, cidr = [], 'expires-in-days': days }) => {
    const { partners } = deps
    if (!partner?.trim() || partner.length > 100) return fail('keys create needs --partner with a name of up to 100 characters.')
    if (test ? portal !== undefined : portal === undefined || !PortalId.safeParse(portal).success)
      return fail('keys create needs --portal with a HubSpot account’s id, such as 123456, or --test.')
    if (!cidr.every(isCidr)) return fail('--cidr must be an address range such as 192.0.2.0/24.')
    if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days)) return fail('--expires-in-days must be a whole number of days.')
    const expiresAt = days === undefined ? null : new Date(Date.now() + Number(days) * 86_400_000)
    const name = partner.trim()
    const portalId = portal ?? (await openTestPortal(deps, await partners.named(name), 'operator'))
    const made = await partners.createKey({ partner: name, portalId, cidrs: cidr, expiresAt })
    if (!made) return fail(`Portal ${portal} is not connected: open /oauth/install first.`)
    return { ...made, key: made.key.reveal() }
  },
  'keys list': async ({ partners }) => partners.listKeys(),
  'keys revoke': async ({ partners }, _options, keyId) => {
    if (keyId === undefined) return fail('keys revoke needs the id of a key: see keys list.')
    return (await partners.revokeKey(keyId)) ? { keyId, revoked: true } : fail(`There is no key ${keyId} in force.`)
  },
  'partners list': async ({ partners }) => partners.listPartners(),
  'operator link': async ({ operatorSessions, config }) => {
    const ticket = await operatorSessions.issueTicket()
    return { link: `${config.publicUrl}/operator/enter?ticket=${ticket.reveal()}`, goodFor: '10 minutes, once' }
  },
  'portals list': async ({ portals }) => portals.list(),
  'portals check': async (deps, _options, portalId) => {
    if (portalId === undefined) return fail('portals check needs the id of a portal: see portals list.')
    const checks = await checkScopes(deps, portalId)
    const isGood = checks.every(({ ok, isRequired }) => ok || !isRequired)
    return { json: checks, text: describeScopes(checks), isGood } satisfies Report
  },
  'portals disconnect': async (deps, _options, portalId) => {
    if (portalId === undefined) return fail('portals disconnect needs the id of a portal: see portals list.')
    if (!(await deps.portals.find(portalId))) return fail(`There is no portal ${portalId}.`)
    // Whether or not a server runs: whoever takes the job first does it.
    await deps.queue.start(JOB_KINDS)
    await deps.queue.work(jobHandlers(deps).filter(({ kind }) => kind.name === 'disconnect-portal'))
    const receipt = await disconnectAndWait(deps, portalId, { actor: 'operator', why: 'on the command line' }, RECEIPT_WITHIN_MS)
    return (
      receipt ?? fail(`Portal ${portalId} is disconnected. What is kept of it is still being deleted: ask again for the receipt.`)
    )
  },
  reconcile: async (deps, { all, unfinished, 'no-wait': noWait }) => {
    if (!all === !unfinished) return fail('reconcile needs --all, or --unfinished to go on with what an earlier run has left.')
    await deps.queue.start(JOB_KINDS)
    const say = (text: string) => void process.stderr.write(`${text}\n`)
    const matches = await matchAll(deps, { all: all === true, wait: !noWait, say })
    return { json: matches, text: describeMatches(matches), isGood: matches.unfinished.length === 0 } satisfies Report
  },
  'audit list': async ({ audit }, { portal, limit = '50' }) => {
    if (!/^[1-9]\d{0,3}$/.test(limit)) return fail('--limit must be a whole number up to 9999.')
    const events = await audit.list({ portalId: portal, limit: Number(limit) })
    return events.map(({ id, ...event }) => ({ id: String(id), ...event }))
  },
  'audit verify': async ({ audit }, { expect }) => {
    const [, last, hash] = /^(\d{1,18}):([0-9a-f]{64})$/.exec(expect ?? '') ?? []
    if (expect !== undefined && hash === undefined) return fail('--expect must be what audit verify printed, such as 12:9f86….')
    const verdict = await audit.verify(last === undefined || hash === undefined ? undefined : { last: BigInt(last), hash })
    return {
      json: verdict,
      text: describe({ ...verdict, expect: `${verdict.last}:${verdict.head}` }),
      isGood: verdict.broken === null,
    } satisfies Report
  },
  migrate: async ({ queue }) => {
    await queue.start(JOB_KINDS)
    return { migrated: true }
  },
  'rotate-encryption': async ({ dataKeys, endpoints, audit, config }) => {
    const done = { rewrapped: 0, resealed: 0, failed: [] as string[] }
    for (let after: string | undefined = ''; after !== undefined; ) {
      const batch = await dataKeys.rotateEncryption(after, ROTATED_AT_ONCE)
      done.rewrapped += batch.rewrapped
      done.failed.push(...batch.failed)
      after = batch.last
    }
    for (let after: string | undefined = ''; after !== undefined; ) {
      const batch = await endpoints.rotateEncryption(after, ROTATED_AT_ONCE)
      done.resealed += batch.resealed
      done.failed.push(...batch.failed)
      after = batch.last
    }
    const inUse = sum(await dataKeys.countByKey(), await endpoints.countByKey())
    await audit.record({ actor: 'operator', action: 'encryption_rotated', detail: { ...done, inUse } })
    const isGood = done.failed.length === 0 && Object.keys(inUse).every((id) => id === config.encryptionKeys[0]?.id)
    return { json: { ...done, inUse }, text: describe({ ...done, inUse }), isGood } satisfies Report
  },
}

/** Commands that are followed by an id. */
const WITH_OPERAND = ['keys revoke', 'portals check', 'portals disconnect']

const { positionals, values } = parseArguments()
process.exitCode = await run(positionals, values)
process.exit()

async function run(words: string[], options: Options): Promise<number> {
  const [first, ...files] = words
  if (isClientCommand(first))
    return runClientCommand(first, files, options, {
      env: readEnvironment(),
      stdout: process.stdout,
      stderr: process.stderr,
      stopped: whenStopped(),
    })
  const command = COMMANDS[words[0] ?? ''] ? words.slice(0, 1) : words.slice(0, 2)
  const act = COMMANDS[command.join(' ')]
  const extra = words.slice(command.length)
  if (words.join(' ') === 'hubspot-project') return makeProject(options)
  const isDoctor = words.join(' ') === 'doctor'
  if ((!act && !isDoctor) || extra.length > (WITH_OPERAND.includes(command.join(' ')) ? 1 : 0)) return say(USAGE, 64)

  const parsed = parseConfig(readEnvironment())
  if (isDoctor) {
    const checks = await runDoctor(parsed)
    print(options.json ? checks : undefined, describeDoctor(checks))
    return checks.every(({ ok }) => ok) ? 0 : 1
  }
  if ('problems' in parsed || !act) return say('problems' in parsed ? describeProblems(parsed.problems) : USAGE, 78)

  const config = { ...parsed.config, logLevel: 'silent' } as const
  const database = await openDatabaseServer({ ...config, role: 'cli', log: () => undefined }).catch((error: Error) => error)
  if (database instanceof Error) return say(`${database.message}\n`, 1)
  const deps = await createDeps(config, database.url)
  try {
    for (const alarm of await deps.alarms.list())
      process.stderr.write(`! ${describeAlarm(alarm).what}. ${describeAlarm(alarm).fix}\n`)
    const result = await act(deps, options, extra[0])
    const report = isReport(result) ? result : { json: result, text: describe(result), isGood: true }
    print(options.json ? report.json : undefined, report.text)
    return report.isGood ? 0 : 1
  } catch (error) {
    if (error instanceof Error && 'isForOperator' in error) return say(`${error.message}\n`, 1)
    return say(`Failed: ${describeError(error).message}\n`, 1)
  } finally {
    await deps.close()
    await database.stop()
  }
}

/** By whoever presses Ctrl+C, or ends the process properly. */
function whenStopped(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
  return stop.signal
}

/** Works before anything is configured: it comes first, and the rest of the configuration from what it leads to. */
async function makeProject(options: Options): Promise<number> {
  const scopes = parseScopes(readEnvironment())
  if ('problems' in scopes) return say(describeProblems(scopes.problems), 78)
  const parsed = parseProject(options, scopes)
  if ('problems' in parsed) return say(`${parsed.problems.join('\n')}\n`, 1)
  const written = await writeProject(options.out ?? 'hubspot', parsed.project).catch((error: Error) => error)
  if (written instanceof Error) return say(`The project cannot be written: ${written.message}\n`, 1)
  print(options.json ? written : undefined, describeProject(written))
  return 0
}

function parseArguments(): { positionals: string[]; values: Options } {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        partner: { type: 'string' },
        portal: { type: 'string' },
        cidr: { type: 'string', multiple: true },
        'expires-in-days': { type: 'string' },
        limit: { type: 'string' },
        expect: { type: 'string' },
        out: { type: 'string' },
        url: { type: 'string' },
        distribution: { type: 'string' },
        'support-email': { type: 'string' },
        'support-url': { type: 'string' },
        'support-phone': { type: 'string' },
        'documentation-url': { type: 'string' },
        'key-file': { type: 'string' },
        request: { type: 'string' },
        template: { type: 'string' },
        strict: { type: 'boolean' },
        watch: { type: 'boolean' },
        forward: { type: 'string' },
        event: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        all: { type: 'boolean' },
        unfinished: { type: 'boolean' },
        'no-wait': { type: 'boolean' },
        test: { type: 'boolean' },
      },
    })
    return { positionals, values }
  } catch {
    return { positionals: [], values: {} }
  }
}

function say(message: string, exitCode: number): number {
  process.stderr.write(message)
  return exitCode
}

function print(json: unknown, text: string): void {
  process.stdout.write(json === undefined ? text : `${JSON.stringify(json)}\n`)
}

function isReport(result: unknown): result is Report {
  return typeof result === 'object' && result !== null && 'isGood' in result && 'text' in result
}

/** A list as a table, anything else as `name  value` lines. */
function describe(result: unknown): string {
  const rows = Array.isArray(result) ? result : [result]
  if (rows.length === 0) return 'None.\n'
  const lines = rows.map((row: Record<string, unknown>) =>
    Object.entries(row)
      .map(([name, value]) => `${name.padEnd(20)}${show(value)}\n`)
      .join(''),
  )
  return lines.join('\n')
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
