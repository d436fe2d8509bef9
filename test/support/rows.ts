import { newId } from '../../src/db/ids.js'
import type { TestApp } from './app.js'
import { PORTAL } from './app.js'

/** A portal as an installation leaves it, but for its tokens. */
export async function storePortal({ query }: TestApp, portalId: string): Promise<void> {
  await query('INSERT INTO "Portal" ("id") VALUES ($1)', [portalId])
}

/** An importRequest of one file whose columns are those given. */
export function requestOf(...columns: Record<string, unknown>[]) {
  const columnMappings = columns.map((column, i) => ({ columnName: `Column ${i}`, propertyName: `property_${i}`, ...column }))
  return {
    name: 'Rows',
    files: [{ fileName: 'rows.csv', fileFormat: 'CSV', fileImportPage: { hasHeader: true, columnMappings } }],
  }
}

export const contactsImport = requestOf({ columnObjectTypeId: '0-1' })

type Stored = { state: string; portalId?: string; request?: unknown; rowErrors?: number }

/** An import in any state, with one stored file and some row errors that quote a row; resolves to its id. */
export async function storeImport(
  { query, deps }: TestApp,
  { state, portalId = PORTAL, request = contactsImport, rowErrors = 0 }: Stored,
): Promise<string> {
  const id = newId('imp')
  async function* bytes() {
    yield Buffer.from('email\nada@example.com\n')
  }
  const { storeKey, bytes: length, sha256 } = await deps.files.save(bytes())
  await query(
    `INSERT INTO "Import" ("id", "portalId", "name", "state", "request", "updatedAt") VALUES ($1, $2, 'Rows', $3, $4, now())`,
    [id, portalId, state, JSON.stringify(request)],
  )
  await query(
    `INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256", "storeKey")
     VALUES ($1, $2, 0, 'rows.csv', 'CSV', $3, $4, $5)`,
    [newId('fil'), id, length, sha256, storeKey],
  )
  await query(
    `INSERT INTO "RowError" ("importId", "origin", "severity", "code", "message", "line", "columnIndex", "columnName", "value")
     SELECT $1, 'hubspot', 'error', 'INVALID_EMAIL', 'ada@ is no address', n, 0, 'Column 0', 'ada@' FROM generate_series(1, $2::int) n`,
    [id, rowErrors],
  )
  return id
}
