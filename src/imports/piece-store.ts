import { newId } from '../db/ids.js'
import type { Transaction } from '../db/prisma.js'
import type { NewImport, StoredImportFile } from './import-store.js'

/** A part of a file that was split: HubSpot gets it as an import of its own. */
export type NewPiece = {
  file: StoredImportFile
  /** The line in the whole file of its line 2. */
  firstLine: number
}

/** HubSpot runs fewer of these at a time. */
const LARGE_ROWS = 10_000
/** What a row of a compressed workbook takes at least. */
const LEAST_BYTES_A_ROW = 20

/** The parts of a split file, each an import in HubSpot's queue; resolves to their parts' ids, in order. */
export async function createPieces(
  tx: Transaction,
  { id, portalId, partnerId, request, pieces }: NewImport,
  state: string,
  reason: string | null,
): Promise<string[]> {
  const rows = pieces.map(({ file: { sent: _, ...file }, firstLine }, i) => ({
    ...file,
    id: newId('imp'),
    fileId: newId('fil'),
    partId: newId('par'),
    number: i + 1,
    firstLine,
    isLarge: isLarge([{ ...file, sent: null }]),
    fileName: file.name,
    name: `${request.name} (${i + 1} of ${pieces.length})`,
  }))
  await tx.$executeRaw`
    WITH piece AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS p("id" text, "fileId" text, "partId" text, "number" int, "firstLine" int, "isLarge" boolean, "fileName" text, "format" text,
             "bytes" bigint, "sha256" text, "rows" int, "storeKey" text, "name" text)
    ), made AS (
      INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "reason", "nextAttemptAt", "rows", "isLarge",
                            "wholeId", "partNumber", "firstLine")
      SELECT p."id", w."portalId", w."partnerId", p."name",
             jsonb_set(${JSON.stringify(request)}::jsonb || jsonb_build_object('name', p."name"), '{files,0,fileName}', to_jsonb(p."fileName")),
             ${state}, ${reason}, w."nextAttemptAt", p."rows", p."isLarge", w."id", p."number", p."firstLine"
      FROM piece p, "Import" w WHERE w."id" = ${id} AND w."portalId" = ${portalId} AND w."partnerId" = ${partnerId}
    ), file AS (
      INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256", "rows", "storeKey")
      SELECT "fileId", "id", 0, "fileName", "format", "bytes", "sha256", "rows", "storeKey" FROM piece
    ), event AS (
      INSERT INTO "ImportEvent" ("importId", "type") SELECT "id", ${state} FROM piece
    )
    INSERT INTO "ImportPart" ("id", "importId", "position") SELECT "partId", "id", 0 FROM piece`
  return rows.map(({ partId }) => partId)
}

/** Of a workbook only the size is known: what could hold so many rows counts as if it did. */
export function isLarge(files: StoredImportFile[]): boolean {
  return files.reduce((sum, { rows, bytes }) => sum + (rows ?? bytes / LEAST_BYTES_A_ROW), 0) > LARGE_ROWS
}
