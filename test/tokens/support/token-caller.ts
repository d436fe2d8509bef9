// A process of the app as far as tokens go. A line of JSON on stdin is an order, a line on stdout its outcome; what it tells
// of a token is a digest.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseConfig } from '../../../src/config.js'
import { isOutage } from '../../../src/db/outage.js'
import { openDatabase } from '../../../src/db/prisma.js'
import { AppError } from '../../../src/errors.js'
import { createOAuth } from '../../../src/hubspot/oauth.js'
import { createLog } from '../../../src/log.js'
import { createMetrics } from '../../../src/metrics.js'
import { createAccessToken, type VersionedToken } from '../../../src/portals/access-token.js'
import { createAlarmStore } from '../../../src/portals/alarm-store.js'
import { createCallBudget } from '../../../src/portals/call-budget.js'
import { createCallTally } from '../../../src/portals/call-tally.js'
import { createPortalStore } from '../../../src/portals/portal-store.js'
import { createSeal } from '../../../src/portals/seal.js'
import { createTokenStore } from '../../../src/portals/token-store.js'

const ATTEMPTS = 10

/** Calls for the tokens of each portal: all at once, or spread at random over some milliseconds. */
export type Order = { portalIds: string[]; callsEach: number; spreadMs?: number }
/** What the calls came to: `tokens` are the different ones that were given, `failed` counts by problem code. */
export type Outcome = { tokens: string[]; failed: Record<string, number>; timesMs: number[] }

const { accessToken, portals } = open()
await portals.ping()
say({ ready: true })
for await (const line of createInterface({ input: process.stdin })) say(await carryOut(JSON.parse(line) as Order))
process.exit()

function open() {
  const parsed = parseConfig(process.env)
  if ('problems' in parsed) throw new Error(parsed.problems.map(({ variable }) => variable).join(', '))
  const { config } = parsed
  const prisma = openDatabase(config.databaseUrl?.reveal() ?? '')
  const portals = createPortalStore(prisma)
  const tokens = createTokenStore(prisma, createSeal(config.encryptionKeys, config.hubspot.clientId))
  const alarms = createAlarmStore(prisma)
  const log = createLog(config.logLevel)
  const oauth = createOAuth(config)
  const callBudget = createCallBudget(prisma)
  const callTally = createCallTally(prisma, log)
  const metrics = createMetrics()
  return { portals, accessToken: createAccessToken({ portals, tokens, alarms, callBudget, callTally, oauth, metrics, log }) }
}

async function carryOut({ portalIds, callsEach, spreadMs = 0 }: Order): Promise<Outcome> {
  const tokens = new Set<string>()
  const failed: Record<string, number> = {}
  const timesMs: number[] = []
  const call = async (portalId: string) => {
    if (spreadMs > 0) await sleep(Math.random() * spreadMs)
    const start = performance.now()
    try {
      tokens.add(describe(portalId, await comingBack(() => accessToken(portalId, 'check'))))
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal'
      failed[code] = (failed[code] ?? 0) + 1
    }
    timesMs.push(performance.now() - start)
  }
  await Promise.all(portalIds.flatMap((portalId) => Array.from({ length: callsEach }, () => call(portalId))))
  return { tokens: [...tokens], failed, timesMs }
}

/** As callers do whom the database had no connection for in time, on a machine that has other things to do. */
async function comingBack<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === ATTEMPTS || !isOutage(error)) throw error
      await sleep(Math.random() * 1_000 * attempt)
    }
  }
}

function describe(portalId: string, { version, accessToken: token }: VersionedToken): string {
  return `${portalId} ${version} ${createHash('sha256').update(token.reveal()).digest('hex')}`
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
