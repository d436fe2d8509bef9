import { z } from 'zod'
import { typeIdOf } from '../intake/cells/columns.js'
import { closest } from '../intake/closest.js'

/**
 * How columns become properties, as HubSpot's importRequest says it. Every documented field is checked; other fields are
 * kept here, and told by findUnknownKeys.
 * @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide
 */

/** HubSpot takes fewer than a thousand columns. */
const MAX_COLUMNS = 999

const text = z.string().max(1_000)

/** An id such as `0-1` or `2-1234567`, or a name such as `CONTACT`. */
export const ObjectType = z
  .string()
  .regex(
    /^(\d{1,9}-\d{1,19}|[A-Za-z][A-Za-z0-9_]{0,99})$/,
    'must be an object type id such as 0-1, or an object name such as CONTACT',
  )

const ForeignKeyType = z.looseObject({
  associationTypeId: z.int(),
  associationCategory: z.string().regex(/^[A-Z_]{1,100}$/, 'must be a category such as HUBSPOT_DEFINED'),
})

export const ColumnMapping = z
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

export type ColumnMapping = z.output<typeof ColumnMapping>

/** One for every column, no property twice. */
export const ColumnMappings = z
  .array(ColumnMapping)
  .min(1)
  .max(MAX_COLUMNS, 'HubSpot takes fewer than 1,000 columns')
  .superRefine((columns, ctx) => {
    const seen = new Set<string>()
    for (const [i, column] of columns.entries()) {
      if (!column.propertyName || column.ignored || column.toColumnObjectTypeId) continue
      const property = `${objectTypeOf(column)} ${column.propertyName}`
      if (seen.has(property))
        ctx.addIssue({ code: 'custom', path: [i, 'propertyName'], message: `${column.propertyName} is mapped by two columns` })
      seen.add(property)
    }
  })

/** What an import does with all of its files. */
export const importSettings = {
  importOperations: z.record(ObjectType, z.enum(['UPSERT', 'CREATE', 'UPDATE'], 'must be UPSERT, CREATE or UPDATE')).optional(),
  dateFormat: z.enum(['MONTH_DAY_YEAR', 'DAY_MONTH_YEAR', 'YEAR_MONTH_DAY']).optional(),
  timeZone: z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin').optional(),
  marketableContactImport: z.boolean().optional(),
  createContactListFromImport: z.boolean().optional(),
  marketingEventObjectId: z.int().optional(),
}

export const FileFormat = z.enum(['CSV', 'SPREADSHEET', 'XLSX', 'XLS'], 'must be CSV or SPREADSHEET').default('CSV')

/** The object type that a column belongs to, in whichever spelling. */
export function objectTypeOf({
  columnObjectTypeId,
  columnObjectType,
}: Pick<ColumnMapping, 'columnObjectTypeId' | 'columnObjectType'>) {
  return columnObjectTypeId ?? columnObjectType
}

/** An object type that is given an operation, and that none of these columns maps; a name that only HubSpot knows may be any. */
export function findUnmapped(operations: Record<string, string> | undefined, columns: ColumnMapping[]): string | undefined {
  const mapped = columns.flatMap((column) => [column.ignored ? undefined : objectTypeOf(column), column.toColumnObjectTypeId])
  const ids = mapped.flatMap((type) => (type ? [typeIdOf(type)] : []))
  const isName = (id: string) => !/^\d/.test(id)
  if (ids.some(isName)) return undefined
  return Object.keys(operations ?? {}).find((type) => !isName(typeIdOf(type)) && !ids.includes(typeIdOf(type)))
}

const MAX_UNKNOWN_KEYS = 50

/** The keys of a value that its schema does not name, as issues, with what was probably meant; the first fifty. */
export function findUnknownKeys(schema: z.core.$ZodType, value: unknown): z.core.$ZodIssueCustom[] {
  const issues: z.core.$ZodIssueCustom[] = []
  const look = (at: z.core.$ZodType, inner: unknown, path: PropertyKey[]): void => {
    if (at instanceof z.ZodOptional || at instanceof z.ZodNullable || at instanceof z.ZodDefault)
      return look(at.unwrap(), inner, path)
    if (at instanceof z.ZodArray && Array.isArray(inner))
      for (const [i, one] of inner.entries()) look(at.element, one, [...path, i])
    if (!(at instanceof z.ZodObject) || !isObject(inner)) return
    for (const [key, field] of Object.entries(inner)) {
      if (issues.length >= MAX_UNKNOWN_KEYS) return
      const known = Object.hasOwn(at.shape, key) ? at.shape[key] : undefined
      if (known) look(known, field, [...path, key])
      else issues.push({ code: 'custom', path: [...path, key], message: unknownKey(key, Object.keys(at.shape)), input: field })
    }
  }
  look(schema, value, [])
  return issues
}

function unknownKey(key: string, known: string[]): string {
  const meant = closest(key, known)
  return `is no field of HubSpot’s importRequest${meant ? `; did you mean "${meant}"?` : ': leave it out'}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
