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
    // Ids of ours: HubSpot's own of the files are not told to us.
    metadata: { counters: sumCounters(made.parts), fileIds: made.files.map((_, i) => fileId(made, i)), objectLists: [] },
  }
}

/** What HubSpot's older word for a type of object is. */
const OBJECT_NAMES: Record<string, string> = { '0-1': 'CONTACT', '0-2': 'COMPANY', '0-3': 'DEAL', '0-5': 'TICKET' }

function fileId({ hubspotImportId }: KnownImport, position: number): string {
  return `${hubspotImportId}${position}`
}

/** A row error as HubSpot's API tells of it, with the row's cells where they were asked for. */
export function toHubSpotError(
  error: RowErrorView & { objectTypeId: string | null },
  made: KnownImport,
  { id, isExplained, rowData = [] }: { id: string; isExplained: boolean; rowData?: string[] | undefined },
) {
  const { objectTypeId, file } = error
  const position = Math.max(
    0,
    made.files.findIndex(({ name }) => name === file),
  )
  return {
    id,
    createdAt: made.updatedAt.getTime(),
    errorType: error.code,
    ...(isExplained ? { errorMessage: error.message } : {}),
    ...(error.value === null ? {} : { invalidValue: error.value, invalidValueToDisplay: error.value }),
    ...(error.column === null ? {} : { knownColumnNumber: error.column - 1 }),
    ...(objectTypeId === null ? {} : { objectType: OBJECT_NAMES[objectTypeId] ?? 'UNKNOWN', objectTypeId }),
    sourceData: {
      fileId: Number(fileId(made, position)),
      lineNumber: error.line ?? 0,
      rowData,
      containsEncryptedProperties: false,
    },
  }
}
