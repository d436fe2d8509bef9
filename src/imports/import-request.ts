import { z } from 'zod'

/**
 * HubSpot's importRequest. Every documented field is checked; fields HubSpot may add are kept as they come.
 * @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide
 */

/** HubSpot takes fewer than a thousand columns. */
const MAX_COLUMNS = 999
const MAX_FILES = 5
const MAX_NAME_LENGTH = 200

/** Our mark in an import's name, by which a lost answer is found again. Nobody else may write one. */
const MARKER = /\[imp_/i

const text = z.string().max(1_000)

/** An id such as `0-1` or `2-1234567`, or a name such as `CONTACT`. */
const ObjectType = z
  .string()
  .regex(
    /^(\d{1,9}-\d{1,19}|[A-Za-z][A-Za-z0-9_]{0,99})$/,
    'must be an object type id such as 0-1, or an object name such as CONTACT',
  )

const ForeignKeyType = z.looseObject({
  associationTypeId: z.int(),
  associationCategory: z.string().regex(/^[A-Z_]{1,100}$/, 'must be a category such as HUBSPOT_DEFINED'),
})

const ColumnMapping = z
  .looseObject({
    columnObjectTypeId: ObjectType.optional(),
    /** The older spelling of `columnObjectTypeId`. */
    columnObjectType: ObjectType.optional(),
    columnName: text.min(1),
    propertyName: text.nullish(),
    columnType: z
      .enum([
        'STANDARD',
        'HUBSPOT_OBJECT_ID',
        'HUBSPOT_ALTERNATE_ID',
        'FLEXIBLE_ASSOCIATION_LABEL',
        'ASSOCIATION_KEYS',
        'EVENT_TIMESTAMP',
      ])
      .nullish(),
    /** The older spelling of the identifier kinds. */
    idColumnType: z.enum(['HUBSPOT_OBJECT_ID', 'HUBSPOT_ALTERNATE_ID']).nullish(),
    toColumnObjectTypeId: ObjectType.nullish(),
    foreignKeyType: ForeignKeyType.nullish(),
    associationIdentifierColumn: z.boolean().optional(),
    marketingEventSubmissionType: z.enum(['REGISTERED', 'JOINED', 'LEFT', 'CANCELLED']).optional(),
    ignored: z.boolean().optional(),
    skipIfKnownColumn: z.boolean().optional(),
  })
  .refine((column) => column.columnObjectTypeId ?? column.columnObjectType ?? column.ignored, {
    path: ['columnObjectTypeId'],
    message: 'is missing',
  })

const FileEntry = z.looseObject({
  fileName: z.string().min(1).max(1_000),
  fileFormat: z.enum(['CSV', 'SPREADSHEET', 'XLSX', 'XLS'], 'must be CSV or SPREADSHEET').default('CSV'),
  fileImportPage: z.looseObject({
    hasHeader: z.boolean().default(true),
    columnMappings: z.array(ColumnMapping).min(1).max(MAX_COLUMNS, 'HubSpot takes fewer than 1,000 columns'),
  }),
})

export const ImportRequest = z
  .looseObject({
    name: z
      .string()
      .trim()
      .min(1, 'must not be empty')
      .max(MAX_NAME_LENGTH)
      .refine((name) => !hasControlCharacters(name), 'must not hold control characters')
      .refine((name) => !MARKER.test(name), 'must not hold a mark like [imp_…]: those are ours'),
    importOperations: z.record(ObjectType, z.enum(['UPSERT', 'CREATE', 'UPDATE'], 'must be UPSERT, CREATE or UPDATE')).optional(),
    dateFormat: z.enum(['MONTH_DAY_YEAR', 'DAY_MONTH_YEAR', 'YEAR_MONTH_DAY']).optional(),
    timeZone: z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin').optional(),
    marketableContactImport: z.boolean().optional(),
    createContactListFromImport: z.boolean().optional(),
    marketingEventObjectId: z.int().optional(),
    portalId: z.union([z.string(), z.number()]).optional(),
    files: z.array(FileEntry).min(1).max(MAX_FILES),
  })
  .superRefine((request, ctx) => {
    for (const [i, file] of request.files.entries()) {
      const seen = new Set<string>()
      for (const [j, column] of file.fileImportPage.columnMappings.entries()) {
        if (!column.propertyName || column.ignored || column.toColumnObjectTypeId) continue
        const property = `${column.columnObjectTypeId ?? column.columnObjectType} ${column.propertyName}`
        if (seen.has(property))
          ctx.addIssue({
            code: 'custom',
            path: ['files', i, 'fileImportPage', 'columnMappings', j, 'propertyName'],
            message: `${column.propertyName} is mapped by two columns`,
          })
        seen.add(property)
      }
      if (request.files.findIndex(({ fileName }) => fileName === file.fileName) < i)
        ctx.addIssue({ code: 'custom', path: ['files', i, 'fileName'], message: 'is named twice' })
    }
  })
export type ImportRequest = z.output<typeof ImportRequest>

/** The mark of an import's part, put at the end of its name at HubSpot. */
export function markerOf(importId: string): string {
  return `[${importId}]`
}

/** The imports whose marks a name holds, by their ids. */
export function findMarks(name: string): string[] {
  return [...name.matchAll(/\[(imp_[0-9a-f]{32})\]/g)].map(([, id = '']) => id)
}

function hasControlCharacters(name: string): boolean {
  return /\p{Cc}/u.test(name)
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
