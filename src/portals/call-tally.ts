import type { Database } from '../db/prisma.js'
import type { Scope } from '../hubspot/scopes.js'
import type { Log } from '../log.js'

type Count = { portalId: string; scope: Scope; succeeded: number; failed: number }

/** What a marketplace asks of an app: how many of its calls succeed, and for whom, and what each permission is used for. */
export type Readiness = {
  portals: { portalId: string; succeeded: number; failed: number }[]
  usedScopes: string[]
}

const FLUSH_MS = 10_000
const DAYS = 30

export type CallTally = ReturnType<typeof createCallTally>

/** Counts the calls that are made of HubSpot's API; a process that dies forgets those of its last seconds. */
export function createCallTally(prisma: Database, log: Log) {
  let counts = new Map<string, Count>()
  let timer: NodeJS.Timeout | undefined

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const taken = [...counts.values()]
    counts = new Map()
    if (taken.length === 0) return
    await prisma.$executeRaw`
      INSERT INTO "CallDay" AS d ("portalId", "day", "scope", "succeeded", "failed")
      SELECT c."portalId", (now() AT TIME ZONE 'UTC')::date, c."scope", c."succeeded", c."failed"
      FROM jsonb_to_recordset(${JSON.stringify(taken)}::jsonb) AS c("portalId" text, "scope" text, "succeeded" int, "failed" int)
      JOIN "Portal" p ON p."id" = c."portalId"
      ORDER BY 1, 3
      ON CONFLICT ("portalId", "day", "scope") DO UPDATE SET
        "succeeded" = d."succeeded" + excluded."succeeded", "failed" = d."failed" + excluded."failed"`
  }

  function add(portalId: string, scope: Scope, isGood: boolean): void {
    const key = `${portalId} ${scope}`
    const count = counts.get(key) ?? { portalId, scope, succeeded: 0, failed: 0 }
    count[isGood ? 'succeeded' : 'failed'] += 1
    counts.set(key, count)
    timer ??= setTimeout(() => {
      flush().catch((error: unknown) => log.warn({ err: error }, 'calls could not be counted'))
    }, FLUSH_MS).unref()
  }

  return {
    add,

    /** Counts a call once it is known how it went. */
    async count<T>(portalId: string, scope: Scope, call: Promise<T>): Promise<T> {
      const settled = await call.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      add(portalId, scope, 'value' in settled)
      if ('value' in settled) return settled.value
      throw settled.error
    },

    /** Writes down what has been counted so far. */
    flush,

    /** The last thirty days; portals that have left are not counted. */
    async readReadiness(): Promise<Readiness> {
      const portals = await prisma.$queryRaw<Readiness['portals']>`
        SELECT d."portalId", sum(d."succeeded")::float8 AS succeeded, sum(d."failed")::float8 AS failed
        FROM "CallDay" d JOIN "Portal" p ON p."id" = d."portalId" AND p."status" <> 'disconnected' AND NOT p."isTest"
        WHERE d."day" > (now() AT TIME ZONE 'UTC')::date - ${DAYS}::int GROUP BY d."portalId"`
      const scopes = await prisma.$queryRaw<{ scope: string }[]>`
        SELECT DISTINCT d."scope" FROM "CallDay" d JOIN "Portal" p ON p."id" = d."portalId" AND NOT p."isTest" WHERE d."day" > (now() AT TIME ZONE 'UTC')::date - ${DAYS}::int AND d."succeeded" > 0`
      return { portals, usedScopes: scopes.map(({ scope }) => scope) }
    },
  }
}
