import type { Database } from '../db/prisma.js'

/**
 * What only the operator can put right: HubSpot refuses our client credentials, does not know the address of its API that
 * we are configured for, does not take requests of the form we give them, or gave a portal's refresh another portal's
 * tokens; or imports have not moved for hours.
 */
export type AlarmKind = 'credentials_refused' | 'api_path_unknown' | 'request_malformed' | 'portal_mismatch' | 'imports_overdue'

export type Alarm = { kind: string; detail: Record<string, unknown>; count: number; firstAt: Date; lastAt: Date }

/** An alarm that nothing has raised for so long is over: whatever raises one keeps trying. */
const FADES_AFTER_HOURS = 24
const ENDED_AGAIN_AFTER_MS = 60_000

export type AlarmStore = ReturnType<typeof createAlarmStore>

/** Alarms as all processes see them; each lasts until what raised it works again, or nothing has raised it for a day. */
export function createAlarmStore(prisma: Database) {
  const endedAt = new Map<AlarmKind, number>()

  return {
    /** Raises an alarm, or says that it still lasts. `detail` holds codes and ids, never a secret. */
    async raise(kind: AlarmKind, detail: Record<string, unknown>): Promise<void> {
      endedAt.delete(kind)
      await prisma.$executeRaw`
        INSERT INTO "Alarm" AS a ("kind", "detail") VALUES (${kind}, ${JSON.stringify(detail)}::jsonb)
        ON CONFLICT ("kind") DO UPDATE SET "detail" = excluded."detail", "lastAt" = now(), "endedAt" = NULL,
          "count" = CASE WHEN a."endedAt" IS NULL THEN a."count" + 1 ELSE 1 END,
          "firstAt" = CASE WHEN a."endedAt" IS NULL THEN a."firstAt" ELSE now() END`
    },

    /** What the alarm was about works. It mostly does: that no other process has raised it is looked at once a minute. */
    async end(kind: AlarmKind): Promise<void> {
      if (performance.now() - (endedAt.get(kind) ?? Number.NEGATIVE_INFINITY) < ENDED_AGAIN_AFTER_MS) return
      endedAt.set(kind, performance.now())
      await prisma.$executeRaw`UPDATE "Alarm" SET "endedAt" = now() WHERE "kind" = ${kind} AND "endedAt" IS NULL`
    },

    /** The alarms that last. */
    async list(): Promise<Alarm[]> {
      return prisma.$queryRaw<Alarm[]>`
        SELECT "kind", "detail", "count", "firstAt", "lastAt" FROM "Alarm"
        WHERE "endedAt" IS NULL AND "lastAt" > now() - ${FADES_AFTER_HOURS} * interval '1 hour' ORDER BY "kind"`
    },
  }
}

const WORDS: Record<string, { what: string; fix: string }> = {
  credentials_refused: {
    what: 'HubSpot refuses our client id or client secret',
    fix: 'Put HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET right and start again. No portal is disconnected; imports wait and go on by themselves.',
  },
  api_path_unknown: {
    what: 'HubSpot does not know the address of its API that we call',
    fix: 'Check HUBSPOT_API_URL and HUBSPOT_API_VERSION. Imports wait and go on by themselves.',
  },
  request_malformed: {
    what: 'HubSpot refuses the form of our requests',
    fix: 'Whatever is between us and HubSpot may change them: look at your proxy. Otherwise it is a fault of Importal: report it.',
  },
  imports_overdue: {
    what: 'Imports have not moved for hours',
    fix: 'Look whether a process with ROLE=worker or all runs, and at HubSpot’s own list of imports of the accounts in the log. They go on by themselves.',
  },
  portal_mismatch: {
    what: 'HubSpot named two different accounts for the same tokens',
    fix: 'Nothing was stored. Check HUBSPOT_API_URL, and tell HubSpot’s support.',
  },
}

/** An alarm in words: what is wrong, and what to do. */
export function describeAlarm({ kind }: Pick<Alarm, 'kind'>): { what: string; fix: string } {
  return WORDS[kind] ?? { what: kind, fix: 'See the log.' }
}
