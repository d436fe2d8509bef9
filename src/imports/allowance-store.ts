import type { Transaction } from '../db/prisma.js'
import { AppError } from '../errors.js'
import { typeIdOf } from '../intake/cells/columns.js'
import { objectTypeOf } from '../mappings/column-mapping.js'
import type { ImportRequest } from './import-request.js'

const RETRY_SECONDS = 300

/** What it imports, by object type id. */
export function objectTypesOf({ files }: ImportRequest): string[] {
  const named = files.flatMap(({ fileImportPage }) =>
    fileImportPage.columnMappings.flatMap((column) => objectTypeOf(column) ?? []),
  )
  return [...new Set(named.map(typeIdOf))]
}

/** What the portal's admin does not let the partner do. */
export function refuseForbidden(allowed: { objectTypes: string[]; operations: string[] }, request: ImportRequest): void {
  const object = objectTypesOf(request).find((type) => allowed.objectTypes.length > 0 && !allowed.objectTypes.includes(type))
  if (object !== undefined)
    throw new AppError('object_not_allowed', {
      detail: `Objects of type ${object} may not be imported; these may: ${allowed.objectTypes.join(', ')}.`,
    })
  const operations = Object.values(request.importOperations ?? {})
  // Without a word about it, HubSpot does both.
  const asked = operations.length > 0 ? operations : ['UPSERT']
  const operation = asked.find((one) => allowed.operations.length > 0 && !allowed.operations.includes(one))
  if (operation !== undefined)
    throw new AppError('operation_not_allowed', {
      detail: `${operation} is not allowed; these are: ${allowed.operations.join(', ')}. Name one in importOperations.`,
    })
}

/** One after the other for a partner, so that two imports cannot both be the last to fit. */
export async function refuseOverBudget(
  tx: Transaction,
  { portalId, partnerId }: { portalId: string; partnerId: string },
  rowsPerDay: number,
  rows: number | null,
): Promise<void> {
  if (rows === null)
    throw new AppError('row_budget_exceeded', { detail: 'The rows of this file cannot be counted. Send CSV or .xlsx.' })
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`rows ${portalId} ${partnerId}`}, 0))`
  const [used] = await tx.$queryRaw<{ rows: number }[]>`
    SELECT coalesce(sum("rows"), 0)::float8 AS rows FROM "Import"
    WHERE "portalId" = ${portalId} AND "partnerId" = ${partnerId} AND "wholeId" IS NULL AND "createdAt" > now() - interval '24 hours'`
  if ((used?.rows ?? 0) + rows <= rowsPerDay) return
  throw new AppError('row_budget_exceeded', {
    detail: `${rowsPerDay} rows may be imported in any 24 hours; ${used?.rows ?? 0} were, and this file has ${rows}.`,
    retryAfterSeconds: RETRY_SECONDS,
  })
}
