import type { Owner, Property } from '../../hubspot/answers.js'
import { closest } from '../closest.js'
import type { Findings } from '../finding.js'

/** As much of HubSpot's mapping of a column as its cells are checked by. */
export type MappedColumn = {
  columnName: string
  propertyName?: string | null | undefined
  columnObjectTypeId?: string | undefined
  columnObjectType?: string | undefined
  columnType?: string | null | undefined
  idColumnType?: string | null | undefined
  toColumnObjectTypeId?: string | null | undefined
  ignored?: boolean | undefined
}

/** What a column's cells go to; `property` is null where the portal's properties could not be looked up. */
export type CheckedColumn = {
  columnName: string
  objectTypeId: string
  propertyName: string
  property: Property | null
  /** By which HubSpot finds the record that a row is about. */
  identifies: 'record id' | 'unique value' | null
  /** A row without it cannot become a record. */
  isRequired: boolean
  /** Those of the portal, where the cells are owners; undefined: not known. */
  owners?: Owner[]
}

type Operations = Record<string, 'UPSERT' | 'CREATE' | 'UPDATE'>

type Input = {
  file: string
  mappings: MappedColumn[]
  /** By object type id; undefined: not known. */
  properties: Record<string, Property[] | undefined>
  operations: Operations
  findings: Findings
}

/** What may have been meant is looked for among all properties, which takes its time. */
const MAX_HINTS = 20
const TYPE_IDS: Record<string, string> = {
  contact: '0-1',
  company: '0-2',
  companies: '0-2',
  deal: '0-3',
  ticket: '0-5',
  product: '0-7',
  task: '0-27',
  note: '0-46',
}
const NAMES: Record<string, string> = {
  '0-1': 'Contacts',
  '0-2': 'Companies',
  '0-3': 'Deals',
  '0-5': 'Tickets',
  '0-7': 'Products',
  '0-27': 'Tasks',
  '0-46': 'Notes',
}

/**
 * What HubSpot needs to make a record: of each list one.
 * @see https://knowledge.hubspot.com/import-and-export/set-up-your-import-file
 */
const REQUIRED: Record<string, string[][]> = {
  '0-1': [['email']],
  '0-2': [['name', 'domain']],
  '0-3': [['dealname'], ['pipeline'], ['dealstage']],
  '0-5': [['subject'], ['hs_pipeline'], ['hs_pipeline_stage']],
  '0-7': [['hs_sku', 'hs_object_id']],
  '0-27': [['hs_task_subject'], ['hs_timestamp']],
  '0-46': [['hs_note_body']],
}

/** The id of an object type that is given by its id or its name. */
export function typeIdOf(idOrName: string): string {
  const name = idOrName.toLowerCase()
  const known = [name, name.replace(/s$/, '')].find((one) => Object.hasOwn(TYPE_IDS, one))
  return known === undefined ? idOrName : (TYPE_IDS[known] ?? idOrName)
}

/** What each column's cells are to be checked by, and what is wrong with the columns themselves; null: not imported, or no property's. */
export function readColumns({ file, mappings, properties, operations, findings }: Input): (CheckedColumn | null)[] {
  const note = (code: string, column: number | null, message: string, fix: string) =>
    findings.add('warning', code, () => ({
      message,
      fix,
      file,
      line: column === null ? 0 : 1,
      column,
      columnName: column === null ? null : (mappings[column]?.columnName ?? null),
      value: null,
    }))
  let unknown = 0
  const columns = mappings.map((mapping, at): CheckedColumn | null => {
    const { propertyName, columnName } = mapping
    if (mapping.ignored || !propertyName || mapping.toColumnObjectTypeId) return null
    const objectTypeId = typeIdOf(mapping.columnObjectTypeId ?? mapping.columnObjectType ?? '')
    const known = properties[objectTypeId]
    const property = known?.find(({ name }) => name === propertyName) ?? null
    const identifies = identifierOf(mapping, objectTypeId)
    if (known && !property) {
      unknown += 1
      const meant =
        unknown <= MAX_HINTS
          ? closest(
              propertyName,
              known.map(({ name }) => name),
            )
          : undefined
      note(
        'PROPERTY_DEFINITION_NOT_FOUND',
        at,
        `The portal has no property "${propertyName}" of this object type.`,
        meant ? `Did you mean "${meant}"?` : 'Make the property in HubSpot, or map the column to another.',
      )
    }
    const isPassedOver =
      property !== null && identifies !== 'record id' && (property.readOnly || property.calculated || property.archived)
    if (isPassedOver) {
      note(
        'INVALID_COLUMN_CONFIGURATION',
        at,
        `"${propertyName}" ${property.archived ? 'is archived' : 'is written by HubSpot alone'}: its cells are not imported.`,
        'Leave the column out, or map it to another property.',
      )
      return null
    }
    return { columnName, objectTypeId, propertyName, property, identifies, isRequired: isRequired(objectTypeId, propertyName) }
  })

  const mapped = columns.filter((column) => column !== null)
  for (const objectTypeId of new Set(mapped.map((column) => column.objectTypeId))) {
    const own = mapped.filter((column) => column.objectTypeId === objectTypeId)
    const operation = operationOf(operations, objectTypeId)
    const hasIdentifier = own.some(({ identifies }) => identifies !== null)
    const name = NAMES[objectTypeId] ?? `Records of type ${objectTypeId}`
    if (operation !== 'CREATE' && !hasIdentifier)
      note(
        'INVALID_COLUMN_CONFIGURATION',
        null,
        `${name} are to be ${operation === 'UPDATE' ? 'updated' : 'updated or created'}, but no column identifies them: HubSpot may make each anew.`,
        'Map a column as HUBSPOT_ALTERNATE_ID or HUBSPOT_OBJECT_ID.',
      )
    if (operation === 'UPDATE' || own.some(({ identifies }) => identifies === 'record id')) continue
    for (const names of REQUIRED[objectTypeId] ?? [])
      if (!own.some(({ propertyName }) => names.includes(propertyName)))
        note(
          'MISSING_REQUIRED_PROPERTY',
          null,
          `${name} need ${names.map((one) => `"${one}"`).join(' or ')} to be created, and no column is mapped to it.`,
          'Add such a column, or update records alone.',
        )
  }
  return columns.map(
    (column) =>
      column && { ...column, isRequired: column.isRequired && operationOf(operations, column.objectTypeId) !== 'UPDATE' },
  )
}

/** Whether a column's cells are owners. */
export function isOwner({ propertyName, property }: CheckedColumn): boolean {
  return propertyName === 'hubspot_owner_id' || (property?.isOwner ?? false)
}

function operationOf(operations: Operations, objectTypeId: string): 'UPSERT' | 'CREATE' | 'UPDATE' {
  const [, operation] = Object.entries(operations).find(([type]) => typeIdOf(type) === objectTypeId) ?? []
  return operation ?? 'UPSERT'
}

function identifierOf(
  { columnType, idColumnType, propertyName }: MappedColumn,
  objectTypeId: string,
): CheckedColumn['identifies'] {
  const type = columnType ?? idColumnType
  if (type === 'HUBSPOT_OBJECT_ID' || propertyName === 'hs_object_id') return 'record id'
  if (type === 'HUBSPOT_ALTERNATE_ID') return 'unique value'
  // HubSpot knows these two by themselves.
  const isKnown = (objectTypeId === '0-1' && propertyName === 'email') || (objectTypeId === '0-2' && propertyName === 'domain')
  return isKnown ? 'unique value' : null
}

/** Where one of several would do, a row may lack this one. */
function isRequired(objectTypeId: string, propertyName: string): boolean {
  return (REQUIRED[objectTypeId] ?? []).some((names) => names.length === 1 && names[0] === propertyName)
}
