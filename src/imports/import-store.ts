import { createHash } from 'node:crypto'
import { z } from 'zod'
import { createBatch, numbered } from '../db/batch.js'
import { newId } from '../db/ids.js'
import { type Database, Prisma, type Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import type { Finding, FindingCounts } from '../intake/finding.js'
import { objectTypesOf, refuseForbidden, refuseOverBudget } from './allowance-store.js'
import { type KeyClaim, recordUse } from './idempotency-store.js'
import type { ImportRequest } from './import-request.js'
import { createPieces, isLarge, type NewPiece } from './piece-store.js'
import { HeldReason, ImportState } from './schema.js'

/** Why an import failed or needs a person. */
export const Problem = z.object({ code: z.string(), detail: z.string(), correlationId: z.string().nullable() })
export type Problem = z.infer<typeof Problem>

const Counters = z.record(z.string(), z.number())
export type Counters = z.infer<typeof Counters>

export type StoredImportFile = {
  name: string
  format: string
  bytes: number
  sha256: string
  rows: number | null
  storeKey: string | null
  /** What was uploaded, where that had to be written anew for HubSpot. */
  sent: { bytes: number; sha256: string } | null
}
export type ImportPart = { id: string; hubspotImportId: string | null; state: string | null; counters: Counters }

export type Import = {
  id: string
  portalId: string
  partnerId: string | null
  name: string
  state: ImportState
  reason: HeldReason | null
  problem: Problem | null
  files: StoredImportFile[]
  parts: ImportPart[]
  findings: { errors: number; warnings: number }
  /** How often each code was found. */
  findingCodes: Record<string, number>
  /** How many parts a file was split into that was too large for HubSpot; null: none. */
  partCount: number | null
  /** The import whose failed rows these are, corrected. */
  correctionOf: string | null
  /** What is imported, by object type id. */
  objectTypes: string[]
  /** An earlier import of the same partner and portal, of the same bytes. */
  possibleDuplicateOf: string | null
  createdAt: Date
  updatedAt: Date
}

/** An import with what HubSpot is asked for, which may be large: only who sends it or explains its rows reads that. */
export type StoredImport = Import & { request: ImportRequest }

export type NewImport = {
  id: string
  portalId: string
  partnerId: string
  /** It, the grant and the portal must still be good when the import is made. */
  sender: Sender
  request: ImportRequest
  files: StoredImportFile[]
  /** Those that are kept, and how many there were. */
  findings: readonly Finding[]
  counts: FindingCounts
  /** The file in parts, where HubSpot would not take it whole. */
  pieces: NewPiece[]
  correctionOf?: string | undefined
  /** What belongs to its making, and goes first: a failure makes none. */
  alongside?: ((tx: Transaction) => Promise<void>) | undefined
  /** The sender's key for it, and what the key stands for. */
  key: { claim: KeyClaim; fingerprint: Buffer } | undefined
}

/** What an import came with: a partner's key, or the session of the portal's admin. */
export type Sender = { keyId: string } | { sessionHash: Buffer<ArrayBuffer> }

/** Whose imports: a partner sees only its own. */
export type Owner = { portalId: string; partnerId: string }

export type ImportStore = ReturnType<typeof createImportStore>

/** The same bytes within so many days may have been sent by mistake. */
const DUPLICATE_DAYS = 7
/** Of one partner in one portal: some weeks of imports. */
export const MAX_WAITING = 20_000
const FULL_RETRY_SECONDS = 300

const FIELDS = {
  id: true,
  portalId: true,
  partnerId: true,
  name: true,
  state: true,
  reason: true,
  problem: true,
  findingErrors: true,
  findingWarnings: true,
  findingCodes: true,
  splitState: true,
  partCount: true,
  correctionOf: true,
  objectTypes: true,
  possibleDuplicateOf: true,
  createdAt: true,
  updatedAt: true,
  files: {
    orderBy: { position: 'asc' },
    select: {
      name: true,
      format: true,
      bytes: true,
      sha256: true,
      sentBytes: true,
      sentSha256: true,
      rows: true,
      storeKey: true,
    },
  },
  parts: { orderBy: { position: 'asc' }, select: { id: true, hubspotImportId: true, state: true, counters: true } },
} as const

/** The imports as partners make and read them; what happens to them afterwards is in submission-store.ts. */
export function createImportStore(prisma: Database) {
  const findOne = createBatch(
    ({ id, portalId, partnerId }: Owner & { id: string }) => `${id} ${portalId} ${partnerId}`,
    (asks) => findEach(prisma, asks),
  )

  return {
    /**
     * Makes an import with its files, one part and its findings, all or nothing. It waits from the start when the portal
     * does.
     *
     * @throws {AppError} `portal_not_found`, `key_invalid`: no longer what they were when the upload began;
     *   `idempotency_key_in_use`, `too_many_waiting`
     */
    async create(input: NewImport): Promise<Import> {
      const { id, portalId, partnerId, sender, request, files, findings, counts, pieces, key } = input
      const part = newId('par')
      const contentHash = contentHashOf(files)
      return prisma.$transaction(async (tx) => {
        await input.alongside?.(tx)
        // An upload may take an hour: what let it in is looked at again, and held until the import is there. A portal that is
        // parked meanwhile parks it too.
        const [portal] = await tx.$queryRaw<
          {
            status: string
            pausedUntil: Date | null
            quotaUntil: Date | null
            isKeyGood: boolean
            isFull: boolean
            objectTypes: string[]
            operations: string[]
            rowsPerDay: number | null
          }[]
        >`
          SELECT p."status", g."objectTypes", g."operations", g."rowsPerDay", CASE WHEN p."pausedUntil" > now() THEN p."pausedUntil" END AS "pausedUntil",
                 CASE WHEN p."quotaUntil" > now() THEN p."quotaUntil" END AS "quotaUntil", a."status" = 'active' AND g."pausedAt" IS NULL AND ${
                   'keyId' in sender
                     ? Prisma.sql`k."revokedAt" IS NULL AND coalesce(k."expiresAt" > now(), true)`
                     : Prisma.sql`k."expiresAt" > now()`
                 } AS "isKeyGood",
                 EXISTS (SELECT 1 FROM "Import" w WHERE w."portalId" = ${portalId} AND w."partnerId" = ${partnerId}
                         AND w."state" IN ('accepted', 'held') OFFSET ${MAX_WAITING - 1}) AS "isFull"
          FROM "Partner" a
          JOIN ${
            'keyId' in sender
              ? Prisma.sql`"ApiKey" k ON k."partnerId" = a."id" AND k."id" = ${sender.keyId}`
              : Prisma.sql`"Session" k ON a."isPage" AND k."portalId" = ${portalId} AND k."idHash" = ${sender.sessionHash}`
          }
          JOIN "Grant" g ON g."partnerId" = a."id" AND g."portalId" = ${portalId} AND g."endedAt" IS NULL
          JOIN "Portal" p ON p."id" = g."portalId" AND p."status" <> 'disconnected'
          WHERE a."id" = ${partnerId} FOR SHARE`
        if (!portal) throw new AppError('portal_not_found')
        if (!portal.isKeyGood) throw new AppError('key_invalid')
        if (portal.isFull)
          throw new AppError('too_many_waiting', {
            detail: `${MAX_WAITING} of your imports into this portal are waiting. Send more when some have ended.`,
            retryAfterSeconds: FULL_RETRY_SECONDS,
          })
        refuseForbidden(portal, request)
        if (portal.rowsPerDay !== null) await refuseOverBudget(tx, { portalId, partnerId }, portal.rowsPerDay, rowsOf(files))
        const reason =
          portal.status === 'reconnect' ? 'reconnect' : portal.pausedUntil ? 'migration' : portal.quotaUntil ? 'quota' : null
        const state = reason ? 'held' : 'accepted'
        const isSplit = pieces.length > 0
        const fileRows = files.map(({ sent, ...file }, position) => ({
          ...file,
          id: newId('fil'),
          position,
          sentBytes: sent?.bytes,
          sentSha256: sent?.sha256,
        }))
        // One statement: a sender waits for every round trip.
        const [stored] = await tx.$queryRaw<Pick<Import, 'createdAt' | 'updatedAt' | 'possibleDuplicateOf'>[]>`
          WITH made AS (
            INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "reason", "nextAttemptAt",
                                  "findingErrors", "findingWarnings", "findingCodes", "contentHash", "rows", "isLarge", "splitState", "partCount", "correctionOf", "objectTypes", "possibleDuplicateOf")
            VALUES (${id}, ${portalId}, ${partnerId}, ${request.name}, ${JSON.stringify(request)}::jsonb, ${isSplit ? 'split' : state}, ${reason},
                    coalesce(greatest(${portal.pausedUntil}::timestamptz, ${portal.quotaUntil}::timestamptz), clock_timestamp()),
                    ${counts.errors}, ${counts.warnings}, ${JSON.stringify(counts.byCode)}::jsonb, ${contentHash}, ${rowsOf(files)}, ${isLarge(files)},
                    ${isSplit ? state : null}, ${isSplit ? pieces.length : null}, ${input.correctionOf ?? null}, ${objectTypesOf(request)}, (
                      SELECT d."id" FROM "Import" d
                      WHERE d."portalId" = ${portalId} AND d."partnerId" = ${partnerId} AND d."contentHash" = ${contentHash}
                        AND d."createdAt" > now() - ${DUPLICATE_DAYS} * interval '1 day'
                      ORDER BY d."createdAt" DESC LIMIT 1))
            RETURNING "createdAt", "updatedAt", "possibleDuplicateOf"
          ), turn AS (
            -- One who has never had a turn has waited longest.
            INSERT INTO "Turn" ("portalId", "partnerId", "lastAt") VALUES (${portalId}, ${partnerId}, '-infinity')
            ON CONFLICT DO NOTHING
          ), file AS (
            INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256", "sentBytes", "sentSha256", "rows", "storeKey")
            SELECT f."id", ${id}, f."position", f."name", f."format", f."bytes", f."sha256", f."sentBytes", f."sentSha256", f."rows", f."storeKey"
            FROM jsonb_to_recordset(${JSON.stringify(fileRows)}::jsonb)
              AS f("id" text, "position" int, "name" text, "format" text, "bytes" bigint, "sha256" text, "sentBytes" bigint, "sentSha256" text,
                   "rows" int, "storeKey" text)
          ), part AS (
            INSERT INTO "ImportPart" ("id", "importId", "position") SELECT ${part}, ${id}, 0 WHERE NOT ${isSplit}
          ), event AS (
            INSERT INTO "ImportEvent" ("importId", "type") VALUES (${id}, ${state})
          ), finding AS (
            INSERT INTO "RowError" ("importId", "origin", "severity", "code", "message", "fix", "file", "line", "columnIndex", "columnName", "value")
            SELECT ${id}, 'finding', f."severity", f."code", f."message", f."fix", f."file", f."line", f."column", f."columnName", f."value"
            FROM jsonb_to_recordset(${JSON.stringify(findings)}::jsonb)
              AS f("severity" text, "code" text, "message" text, "fix" text, "file" text, "line" int, "column" int, "columnName" text, "value" text)
          )
          SELECT "createdAt", "updatedAt", "possibleDuplicateOf" FROM made`
        if (!stored) throw new AppError('internal')
        const made = isSplit ? await createPieces(tx, input, state, reason) : [part]
        if (key) await recordUse(tx, key.claim, { importId: id, fingerprint: key.fingerprint })
        // Put together from what was just written: reading it back would double the time that an upload waits.
        return {
          ...stored,
          id,
          portalId,
          partnerId,
          name: request.name,
          state,
          reason,
          problem: null,
          files,
          parts: made.map((partId) => ({ id: partId, hubspotImportId: null, state: null, counters: {} })),
          partCount: isSplit ? pieces.length : null,
          correctionOf: input.correctionOf ?? null,
          objectTypes: objectTypesOf(request),
          findings: { errors: counts.errors, warnings: counts.warnings },
          findingCodes: counts.byCode,
        }
      })
    },

    /** Whether an import is there, whatever became of the answer to its making. */
    async exists(id: string): Promise<boolean> {
      return (await prisma.import.count({ where: { id } })) > 0
    },

    async read(id: string): Promise<StoredImport> {
      const row = await prisma.import.findUniqueOrThrow({ where: { id }, select: { ...FIELDS, request: true } })
      // It was parsed by this very schema before it was stored.
      const [made] = await joinParts(prisma, [row])
      if (!made) throw new AppError('internal')
      return { ...made, request: row.request as ImportRequest }
    },

    /** One of a partner's own. */
    async find(owner: Owner, id: string): Promise<Import | undefined> {
      return findOne({ ...owner, id })
    },

    /** By HubSpot's id of it, or of one of its parts. */
    async findByHubSpotId({ portalId, partnerId }: Owner, hubspotImportId: string): Promise<Import | undefined> {
      const part = await prisma.importPart.findFirst({
        where: { hubspotImportId, import: { portalId, partnerId } },
        select: { import: { select: { id: true, wholeId: true } } },
      })
      return part ? this.find({ portalId, partnerId }, part.import.wholeId ?? part.import.id) : undefined
    },

    /** Newest first; `after` is the last import of the page before. */
    async list(
      { portalId, partnerId }: Owner,
      { state, after, limit }: { state?: ImportState | undefined; after?: string | undefined; limit: number },
    ) {
      const imports = await readImports(prisma, {
        where: {
          portalId,
          partnerId,
          wholeId: null,
          ...(state ? { OR: [{ state }, { splitState: state }] } : {}),
          ...(after ? { id: { lt: after } } : {}),
        },
        take: limit + 1,
      })
      return { imports: imports.slice(0, limit), hasMore: imports.length > limit }
    },
  }
}

/** What partners ask for most: an import each, or nothing where it is not the owner's. */
async function findEach(prisma: Database, asks: (Owner & { id: string })[]): Promise<(Import | undefined)[]> {
  const rows = await prisma.queryOften<Row & { n: number }>(Prisma.sql`
    SELECT asked."n", i."id", i."portalId", i."partnerId", i."name", i."state", i."reason", i."problem", i."findingErrors", i."findingWarnings",
      i."findingCodes", i."splitState", i."partCount", i."correctionOf", i."objectTypes", i."possibleDuplicateOf", i."createdAt", i."updatedAt",
      (SELECT coalesce(jsonb_agg(jsonb_build_object('name', f."name", 'format', f."format", 'bytes', f."bytes", 'sha256', f."sha256",
          'sentBytes', f."sentBytes", 'sentSha256', f."sentSha256", 'rows', f."rows", 'storeKey', f."storeKey") ORDER BY f."position"), '[]')
        FROM "ImportFile" f WHERE f."importId" = i."id") AS files,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', part."id", 'hubspotImportId', part."hubspotImportId", 'state', part."state",
          'counters', part."counters") ORDER BY one."partNumber", part."position"), '[]')
        FROM "Import" one JOIN "ImportPart" part ON part."importId" = one."id"
        WHERE one."id" = i."id" OR (i."partCount" IS NOT NULL AND one."wholeId" = i."id")) AS parts
    FROM jsonb_to_recordset(${numbered(asks)}::jsonb) AS asked("n" int, "id" text, "portalId" text, "partnerId" text)
    JOIN "Import" i ON i."id" = asked."id" AND i."portalId" = asked."portalId" AND i."partnerId" = asked."partnerId" AND i."wholeId" IS NULL`)
  const found = new Map(rows.map(({ n, ...row }) => [n, toImport(row)]))
  return asks.map((_, n) => found.get(n))
}

/** Imports as they are told of, newest first: the parts of one that was split are those of its pieces. */
export async function readImports(prisma: Database, query: Pick<Prisma.ImportFindManyArgs, 'where' | 'take'>): Promise<Import[]> {
  const rows = await prisma.import.findMany({ ...query, orderBy: { id: 'desc' }, select: FIELDS })
  return joinParts(prisma, rows)
}

async function joinParts(prisma: Database, rows: Row[]): Promise<Import[]> {
  const split = rows.flatMap(({ id, partCount }) => (partCount === null ? [] : [id]))
  if (split.length === 0) return rows.map(toImport)
  const pieces = await prisma.import.findMany({
    where: { wholeId: { in: split } },
    orderBy: { partNumber: 'asc' },
    select: { wholeId: true, parts: FIELDS.parts },
  })
  const byWhole = Map.groupBy(pieces, ({ wholeId }) => wholeId)
  return rows.map((row) => toImport({ ...row, parts: byWhole.get(row.id)?.flatMap(({ parts }) => parts) ?? row.parts }))
}

/** The same for the same bytes, in whatever order and under whatever names. */
function contentHashOf(files: StoredImportFile[]): Buffer {
  const sums = files.map(({ sha256, sent }) => sent?.sha256 ?? sha256).sort()
  return createHash('sha256').update(sums.join('\n')).digest()
}

function rowsOf(files: StoredImportFile[]): number | null {
  return files.reduce<number | null>((sum, { rows }) => (sum === null || rows === null ? null : sum + rows), 0)
}

/** One line of an import's history. */
export async function recordEvent(
  tx: Transaction,
  importId: string,
  type: string,
  detail: Record<string, string | number> = {},
): Promise<void> {
  await tx.importEvent.create({ data: { importId, type, detail } })
}

type Row = Prisma.ImportGetPayload<{ select: typeof FIELDS }>

/** What a newer version wrote is not an error. */
const KnownState = ImportState.catch('needs_review')
const KnownReason = HeldReason.nullable().catch(null)
const KnownProblem = Problem.nullable().catch(null)
const KnownCounters = Counters.catch({})

function toImport({ findingErrors, findingWarnings, findingCodes, splitState, ...row }: Row): Import {
  return {
    ...row,
    state: KnownState.parse(splitState ?? row.state),
    reason: KnownReason.parse(row.reason),
    problem: KnownProblem.parse(row.problem),
    files: row.files.map(({ bytes, sentBytes, sentSha256, ...file }) => ({
      ...file,
      bytes: Number(bytes),
      sent: sentBytes === null || sentSha256 === null ? null : { bytes: Number(sentBytes), sha256: sentSha256 },
    })),
    parts: row.parts.map((part) => ({ ...part, counters: KnownCounters.parse(part.counters) })),
    findings: { errors: findingErrors, warnings: findingWarnings },
    findingCodes: KnownCounters.parse(findingCodes),
  }
}

/** The counters of all parts together. */
export function sumCounters(parts: Pick<ImportPart, 'counters'>[]): Counters {
  const sum: Counters = {}
  for (const { counters } of parts) for (const [name, count] of Object.entries(counters)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
