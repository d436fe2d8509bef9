import type { Database } from '../db/prisma.js'
import type { HubSpotRowError } from '../hubspot/answers.js'
import type { StoredImport } from './import-store.js'
import type { RowErrorView } from './schema.js'

type Page = { after?: string | undefined; limit: number; origin?: 'finding' | 'hubspot' | undefined }

/** What is wrong with a row; `line` is that of the whole file. */
export type LineError = { id: bigint; line: number; code: string; message: string; fix: string | null; columnName: string | null }

export type RowErrorStore = ReturnType<typeof createRowErrorStore>

/** What is wrong with the rows of imports, as we found it or HubSpot said it. */
export function createRowErrorStore(prisma: Database) {
  return {
    /** Findings and row errors in the order they were recorded. */
    async list(importId: string, { after, limit, origin }: Page) {
      const pieces = await prisma.$queryRaw<(PieceLines & { id: string })[]>`
        SELECT "id", "firstLine", ("request" #>> '{files,0,fileImportPage,hasHeader}')::boolean AS "hasHeader"
        FROM "Import" WHERE "wholeId" = ${importId}`
      const lines = new Map(pieces.map((piece) => [piece.id, piece]))
      const rows = await prisma.rowError.findMany({
        where: {
          importId: { in: [importId, ...lines.keys()] },
          ...(after ? { id: { gt: BigInt(after) } } : {}),
          ...(origin ? { origin } : {}),
        },
        orderBy: { id: 'asc' },
        take: limit + 1,
      })
      const page = rows.slice(0, limit)
      const errors = page.map((row): RowErrorView & { objectTypeId: string | null } => ({
        ...row,
        line: wholeLine(row.line, lines.get(row.importId)),
        origin: row.origin === 'hubspot' ? 'hubspot' : 'finding',
        severity: row.severity === 'warning' ? 'warning' : 'error',
        column: row.columnIndex === null ? null : row.columnIndex + 1,
      }))
      return { errors, next: rows.length > limit ? String(page.at(-1)?.id) : undefined }
    },

    /** What is wrong with rows, in their order; of the file as a whole nothing. */
    async listByLine(
      importId: string,
      { origin, after, limit }: { origin: 'hubspot' | 'finding'; after: { line: number; id: bigint }; limit: number },
    ): Promise<LineError[]> {
      return prisma.$queryRaw<LineError[]>`
        SELECT * FROM (
          SELECT e."id", e."code", e."message", e."fix", e."columnName",
                 CASE WHEN e."line" = 1 AND (i."request" #>> '{files,0,fileImportPage,hasHeader}')::boolean THEN 1
                      ELSE e."line" + coalesce(i."firstLine" - 2, 0) END AS "line"
          FROM "RowError" e JOIN "Import" i ON i."id" = e."importId"
          WHERE (i."id" = ${importId} OR i."wholeId" = ${importId}) AND e."origin" = ${origin} AND e."line" >= 1
        ) found WHERE ("line", "id") > (${after.line}::int, ${after.id}::bigint) ORDER BY "line", "id" LIMIT ${limit}`
    },

    /** Records what HubSpot reported about the rows of a running import; what is recorded already stays as it is. */
    async record({ id, files, request }: StoredImport, partId: string, errors: HubSpotRowError[]): Promise<void> {
      // HubSpot names a file by an id of its own: with a single file there is nothing to guess.
      const file = files.length === 1 ? (files[0]?.name ?? null) : null
      const columns = request.files.length === 1 ? (request.files[0]?.fileImportPage.columnMappings ?? []) : []
      await prisma.$transaction(async (tx) => {
        // Of an import that was given up meanwhile, because its portal was disconnected, nothing more is kept.
        const running = await tx.$queryRaw<{ id: string }[]>`
          SELECT "id" FROM "Import" WHERE "id" = ${id}
            AND ("state" IN ('submitted', 'processing') OR ("state" = 'needs_review' AND "pollAt" IS NOT NULL)) FOR SHARE`
        if (running.length === 0) return
        await tx.rowError.createMany({
          skipDuplicates: true,
          data: errors.map((error) => ({
            importId: id,
            partId,
            origin: 'hubspot',
            severity: 'error',
            code: error.errorType,
            message: error.errorMessage ?? error.errorType,
            file,
            line: error.sourceData.lineNumber ?? null,
            columnIndex: error.knownColumnNumber ?? null,
            columnName: columns[error.knownColumnNumber ?? -1]?.columnName ?? null,
            value: (error.invalidValueToDisplay ?? error.invalidValue)?.slice(0, 500) ?? null,
            objectTypeId: error.objectTypeId ?? null,
            hubspotErrorId: error.id,
          })),
        })
      })
    },
  }
}

/** Where a part's line 2 is in the whole file; its header, if it has one, is that of all. */
type PieceLines = { firstLine: number; hasHeader: boolean }

/** The line in the whole file of a part's line. */
function wholeLine(line: number | null, piece: PieceLines | undefined): number | null {
  return line === null || !piece || line < (piece.hasHeader ? 2 : 1) ? line : line - 2 + piece.firstLine
}
