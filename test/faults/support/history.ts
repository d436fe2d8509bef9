import { createHash } from 'node:crypto'
import type { Control } from '../../../src/simulator/simulator.js'
import { type Entry, readLedgers } from './place/ledger.js'
import type { Place } from './place/place.js'

/** An upload as its client knows it: what was sent, and every answer there was. */
export type Sent = {
  portalId: string
  partner: string
  /** The Idempotency-Key, which a client sends again with the same upload only. */
  key: string | null
  name: string
  sha256: string
  /** Of the mapping: what HubSpot is to do with the file. */
  mapping: string
  answers: Answer[]
}
/** `status` 0: there was none; `wasRefused`: nobody listened, so nothing was sent. */
export type Answer = {
  began: number
  at: number
  status: number
  importId: string | null
  isReplay: boolean
  wasRefused: boolean
}

/** An import as it is at HubSpot, whatever was answered. */
export type Made = { id: string; portalId: string; name: string; sha256: string[]; mapping: string; createdAt: number }

/** A stored import at the end. */
export type Row = {
  id: string
  portalId: string
  partnerId: string
  name: string
  state: string
  reason: string | null
  problem: string | null
  epoch: number
  hubspotImportId: string | null
  files: { storeKey: string | null; sha256: string }[]
}

/** One change of an import's state or epoch, as Postgres recorded it; `from` is null for its making. */
export type Change = { importId: string; from: string | null; to: string; epoch: number; at: number }

/** All that is known of a run once everything has come to rest. */
export type History = {
  sent: Sent[]
  ledger: Entry[]
  made: Made[]
  rows: Row[]
  /** In the order in which they happened to each import. */
  changes: Change[]
  files: { storeKey: string; ageMs: number }[]
  /** Refreshes that HubSpot granted, and the versions that were stored of each portal's tokens. */
  refreshes: { portalId: string; at: number }[]
  tokenVersions: { portalId: string; version: number; at: number }[]
  /** Processes that ended in the middle of something: each may have lost one answer. */
  deaths: number
  /** When portals' tokens were destroyed, and what was asked for with tokens. */
  shredded: { portalId: string; at: number }[]
  requests: { portalId: string; at: number }[]
}

type Source = Pick<Place, 'query' | 'hubspot' | 'storedFiles'> & { ledgers?: string }

/** Reads it all, at the end of a run; the app of a place without ledgers has written none. */
export async function readHistory(place: Source, sent: Sent[], deaths: number): Promise<History> {
  const { control } = place.hubspot
  const rows = await place.query<Row>(`
    SELECT i."id", i."portalId", i."partnerId", i."name", i."state", i."reason", i."problem"->>'code' AS problem,
      i."leaseEpoch" AS epoch, (SELECT max("hubspotImportId") FROM "ImportPart" WHERE "importId" = i."id") AS "hubspotImportId",
      (SELECT json_agg(json_build_object('storeKey', f."storeKey", 'sha256', f."sha256")) FROM "ImportFile" f
        WHERE f."importId" = i."id") AS files
    FROM "Import" i`)
  const changes = await place.query<Change>(
    `SELECT "importId", "from", "to", epoch, (extract(epoch FROM at) * 1000)::float8 AS at FROM proof.change ORDER BY id`,
  )
  const tokenVersions = await place.query<{ portalId: string; version: number; at: number }>(
    `SELECT "portalId", "version", (extract(epoch FROM "createdAt") * 1000)::float8 AS at FROM "PortalToken"`,
  )
  return {
    sent,
    ledger: place.ledgers === undefined ? [] : readLedgers(place.ledgers),
    made: control.imports().map(toMade),
    rows,
    changes,
    files: await place.storedFiles(),
    refreshes: control.tokenCalls().flatMap(({ grantType, portalId, outcome, at }) => {
      const isGranted = grantType === 'refresh_token' && outcome === 'granted' && portalId !== undefined
      return isGranted ? [{ portalId, at }] : []
    }),
    tokenVersions,
    deaths,
    shredded: control.uninstalls(),
    requests: control.requests().flatMap(({ portalId, at }) => (portalId === undefined ? [] : [{ portalId, at }])),
  }
}

function toMade({ id, portalId, name, request, files, createdAt }: ReturnType<Control['imports']>[number]): Made {
  return { id, portalId, name, sha256: files.map(({ sha256 }) => sha256), mapping: mappingOf(request), createdAt }
}

/** What must reach HubSpot as it was sent, whatever order its keys come in. */
export function mappingOf({ files, importOperations }: { files?: unknown; importOperations?: unknown }): string {
  return createHash('sha256').update(canonical({ files, importOperations })).digest('hex')
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
