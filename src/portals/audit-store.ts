import { createHash } from 'node:crypto'
import type { Database, Transaction } from '../db/prisma.js'

/** Who did something: a person on the command line, the portal's admin, a partner, HubSpot, or Importal by itself. */
export type Actor = 'operator' | 'admin' | 'partner' | 'hubspot' | 'importal'

/** One line of the trail; `detail` holds ids, counts and words, never a secret or row data. */
export type AuditEvent = {
  actor: Actor
  action:
    | 'portal_installed'
    | 'portal_reconnected'
    | 'portal_reconnect_needed'
    | 'portal_disconnected'
    | 'portal_left'
    | 'portal_erasing'
    | 'portal_erased'
    | 'tokens_refreshed'
    | 'tokens_opened'
    | 'tokens_destroyed'
    | 'encryption_rotated'
    | 'key_created'
    | 'key_revoked'
    | 'key_refused'
    | 'key_exposed'
    | 'contact_forgotten'
    | 'partner_connected'
    | 'partner_changed'
    | 'partner_paused'
    | 'partner_resumed'
    | 'partner_disconnected'
    | 'key_rolled'
    | 'retention_changed'
    | 'operator_entered'
    | 'endpoint_created'
    | 'endpoint_changed'
    | 'endpoint_deleted'
    | 'endpoint_secret_rotated'
  portalId?: string
  partnerId?: string
  keyId?: string
  detail?: Record<string, unknown>
}

export type RecordedEvent = {
  id: bigint
  actor: string
  action: string
  portalId: string | null
  partnerId: string | null
  keyId: string | null
  detail: Record<string, unknown>
  at: Date
}

/** How the chain stands: unbroken up to `last`, whose hash is `head`; or broken, and where. */
export type AuditVerdict = { events: number; last: string; head: string; broken: { id: string; why: string } | null }

const PAGE = 5_000
/** What the first row stands on: SHA-256 of the app's name, as in the migration. */
const ORIGIN = createHash('sha256').update('importal').digest()

export type AuditStore = ReturnType<typeof createAuditStore>

/** Appends to the trail, in the transaction that did what is told: last in it, because whoever appends waits for it. */
export async function recordAudit(tx: Transaction, event: AuditEvent): Promise<void> {
  const { actor, action, portalId = null, partnerId = null, keyId = null, detail = {} } = event
  await tx.$executeRaw`
    INSERT INTO "AuditEvent" ("actor", "action", "portalId", "partnerId", "keyId", "detail")
    VALUES (${actor}, ${action}, ${portalId}, ${partnerId}, ${keyId}, ${JSON.stringify(detail)}::jsonb)`
}

/** The audit trail: who did what to which portal. The database chains its rows and lets none be changed or deleted. */
export function createAuditStore(prisma: Database) {
  type Row = { id: bigint; text: string; previousHash: Uint8Array; hash: Uint8Array }

  async function readPage(after: bigint): Promise<Row[]> {
    // The very text that the trigger hashes, without the hash it begins with: see the migration.
    return prisma.$queryRaw<Row[]>`
      SELECT "id", "previousHash", "hash", concat_ws(E'\n', "id", (extract(epoch FROM "at") * 1000)::bigint, "actor", "action",
        coalesce("portalId", ''), coalesce("partnerId", ''), coalesce("keyId", ''), "detail") AS text
      FROM "AuditEvent" WHERE "id" > ${after} ORDER BY "id" LIMIT ${PAGE}`
  }

  return {
    record: (event: AuditEvent): Promise<void> => recordAudit(prisma, event),

    /** The newest first, before an event when one is named; of one portal, when one is named. */
    async list({
      portalId,
      before,
      limit,
    }: {
      portalId?: string | undefined
      before?: string | undefined
      limit: number
    }): Promise<RecordedEvent[]> {
      const rows = await prisma.auditEvent.findMany({
        where: {
          ...(portalId === undefined ? {} : { portalId }),
          ...(before === undefined ? {} : { id: { lt: BigInt(before) } }),
        },
        orderBy: { id: 'desc' },
        take: limit,
        omit: { hash: true, previousHash: true },
      })
      return rows.map((row) => ({ ...row, detail: row.detail as Record<string, unknown> }))
    },

    /** The newest event of a kind of a portal. */
    async findNewest(portalId: string, action: AuditEvent['action']): Promise<RecordedEvent | undefined> {
      const row = await prisma.auditEvent.findFirst({ where: { portalId, action }, orderBy: { id: 'desc' } })
      return row ? { ...row, detail: row.detail as Record<string, unknown> } : undefined
    },

    /** The detail of a portal's first event of a kind since an instant. */
    async findSince(portalId: string, action: AuditEvent['action'], since: Date): Promise<Record<string, unknown> | undefined> {
      const row = await prisma.auditEvent.findFirst({ where: { portalId, action, at: { gte: since } }, orderBy: { id: 'asc' } })
      return row ? (row.detail as Record<string, unknown>) : undefined
    },

    /**
     * Recomputes every hash. A row that was changed, taken out, put in or cut off at the end breaks the chain. With
     * `known`, what an earlier run found, a trail that was written anew from there on is seen as well.
     */
    async verify(known?: { last: bigint; hash: string }): Promise<AuditVerdict> {
      let [last, head, events] = [0n, ORIGIN, 0]
      const broken = (id: bigint, why: string): AuditVerdict => {
        return { events, last: String(last), head: head.toString('hex'), broken: { id: String(id), why } }
      }
      // Read before the rows: what is appended meanwhile lies behind it.
      const end = await prisma.auditHead.findUniqueOrThrow({ where: { id: 1 } })
      for (let page = await readPage(0n); page.length > 0; page = await readPage(last)) {
        for (const { id, text, previousHash, hash } of page) {
          const made = createHash('sha256')
            .update(`${head.toString('hex')}\n${text}`)
            .digest()
          if (id !== last + 1n) return broken(id, `${last + 1n} is missing before it`)
          if (!head.equals(previousHash)) return broken(id, 'it does not follow the one before it')
          if (!made.equals(hash)) return broken(id, 'it was changed after it was written')
          ;[last, head, events] = [id, made, events + 1]
          if (id === known?.last && head.toString('hex') !== known.hash) return broken(id, 'it is not what it was known to be')
          if (id === end.last && !head.equals(end.hash)) return broken(id, 'it is not the end that was recorded')
        }
      }
      if (known !== undefined && last < known.last) return broken(known.last, 'the end of the trail is missing')
      if (last < end.last) return broken(end.last, 'the end of the trail is missing')
      return { events, last: String(last), head: head.toString('hex'), broken: null }
    },
  }
}
