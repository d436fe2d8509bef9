import { type Import, sumCounters } from '../imports/import-store.js'
import type { RowErrorView } from '../imports/schema.js'

/** An import that HubSpot has. */
export type KnownImport = Import & { hubspotImportId: string }

/** Whether HubSpot has an import, under which id. */
export function known(made: Import): KnownImport | undefined {
  const hubspotImportId = made.parts.find((part) => part.hubspotImportId !== null)?.hubspotImportId
  return hubspotImportId ? { ...made, hubspotImportId } : undefined
}

const ENDED: Record<string, string> = { done: 'DONE', failed: 'FAILED', canceled: 'CANCELED' }

/** An import as HubSpot's API tells of it. */
export function toHubSpotImport(made: KnownImport) {
  const [part] = made.parts
  return {
    id: made.hubspotImportId,
    // HubSpot's own word where it has said one.
    state: (made.parts.length === 1 ? part?.state : null) ?? ENDED[made.state] ?? 'STARTED',
    createdAt: made.createdAt.toISOString(),
    updatedAt: made.updatedAt.toISOString(),
    importName: made.name,
    mappedObjectTypeIds: made.objectTypes,
    optOutImport: false,
    metadata: { counters: sumCounters(made.parts), fileIds: [], objectLists: [] },
  }
}

/** A row error as HubSpot's API tells of it. */
export function toHubSpotError(error: RowErrorView, id: string, createdAt: Date) {
  return {
    id,
    createdAt: createdAt.getTime(),
    errorType: error.code,
    errorMessage: error.message,
    ...(error.value === null ? {} : { invalidValue: error.value, invalidValueToDisplay: error.value }),
    ...(error.column === null ? {} : { knownColumnNumber: error.column - 1 }),
    sourceData: { fileId: 0, pageName: '', lineNumber: error.line ?? 0, rowData: [], containsEncryptedProperties: false },
  }
}
