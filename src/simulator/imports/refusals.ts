import { type Reply, refusal } from '../exchange.js'
import type { Portal, State } from '../state.js'
import { fileRequestOf, type ImportRequest, mappingsOf } from './request.js'
import type { Passed } from './upload.js'

const MAX_ROWS = 1_048_576
const MAX_COLUMNS = 999
const DAY_MS = 86_400_000

const invalid = (message: string, more: object = {}) => refusal(400, 'VALIDATION_ERROR', message, more)

/** Why HubSpot would not take this request with these files; undefined when it would. */
export function refuseRequest(request: ImportRequest | undefined, files: Passed[]): Reply | undefined {
  if (!request) return invalid('Unable to process JSON')
  if (typeof request.name !== 'string' || request.name.trim() === '') return invalid('Import name is required.')
  if (!request.files || request.files.length === 0) return invalid('At least one file is required.')
  const missing = request.files.find(({ fileName }) => !files.some(({ name }) => name === fileName))
  if (missing) return invalid(`No file was uploaded for fileName ${missing.fileName}.`)
  const unnamed = files.find(({ name }) => !fileRequestOf(request, name))
  if (unnamed) return invalid(`The request has no file with fileName ${unnamed.name}.`)
  for (const file of files) {
    const refused = refuseFile(request, file)
    if (refused) return refused
  }
  return undefined
}

function refuseFile(request: ImportRequest, { name, rows, report }: Passed): Reply | undefined {
  const mappings = mappingsOf(fileRequestOf(request, name))
  if (mappings.length === 0) return invalid(`columnMappings is required for ${name}.`)
  if (mappings.length > MAX_COLUMNS) return invalid(`${name} has too many columns.`)
  if (report && report.columns.length !== mappings.length)
    return invalid(`${name} has ${report.columns.length} columns, but columnMappings has ${mappings.length}.`)
  if (rows <= MAX_ROWS) return undefined
  const context = { maximumAllowedRows: [String(MAX_ROWS)], rowsDetected: [String(rows)] }
  const message = `The file has ${rows} rows, more than the ${MAX_ROWS} that are allowed.`
  return invalid(message, { errors: [{ message, code: 'TOO_MANY_ROWS', context }] })
}

/** Why the portal may not import these files today; undefined when it may. */
export function refuseQuota({ imports }: State, portal: Portal, files: Passed[]): Reply | undefined {
  const since = Date.now() - DAY_MS
  const recent = [...imports.values()].filter(({ portalId, createdAt }) => portalId === portal.id && createdAt > since)
  if (recent.length >= portal.importsPerDay)
    return refusal(
      429,
      'RATE_LIMITS',
      `This account has reached the daily number of imports it can run - ${portal.importsPerDay}`,
      {
        errorType: 'PAID_PORTAL_IMPORTS_LIMIT',
      },
    )
  const rows = [...recent.flatMap((made) => made.files), ...files].reduce((sum, file) => sum + file.rows, 0)
  if (rows <= portal.rowsPerDay) return undefined
  return refusal(429, 'RATE_LIMITS', 'This account has reached the daily number of rows it can import.', {
    errorType: 'FREE_PORTAL_IMPORT_ROWS_LIMIT',
    errorTokens: { totalImportRowsLimit: [String(portal.rowsPerDay)], totalImportRows: [String(rows)] },
  })
}
