import { z } from 'zod'
import type { Property } from '../../hubspot/answers.js'
import type { Preview } from '../../intake/preview.js'
import type { Mapping } from '../../mappings/schema.js'
import { isIdentifier, leadingIdentifier, RECORD_ID } from '../../mappings/suggestion/candidates.js'
import type { Suggestion } from '../../mappings/suggestion/suggest.js'

/** What the form says of a file as a whole, and of each of its columns: the property's name, or ''. */
export type Choice = {
  name: string
  objectType: string
  operation: Suggestion['operation']
  dateFormat: NonNullable<Mapping['dateFormat']>
  sheet: string | null
  columns: string[]
}

/** A column as the form shows it. */
export type ColumnRow = {
  at: number
  columnName: string
  samples: string[]
  chosen: string
  /** Names of properties that it may be, the likeliest first. */
  suggested: string[]
  sureness: 'sure' | 'likely' | 'unsure' | 'notImported'
}

/** What is wrong with a choice, and of which property. */
export type WrongChoice = { why: 'twice' | 'nothing'; property: string }

const SAMPLES_SHOWN = 3
const MAX_SAMPLE_LENGTH = 40
const OPERATIONS = ['UPSERT', 'CREATE', 'UPDATE'] as const
const DATE_FORMATS = ['DAY_MONTH_YEAR', 'MONTH_DAY_YEAR', 'YEAR_MONTH_DAY'] as const

/** The fields of the form; those of the columns are `column-0`, `column-1`, … */
export const MappingForm = z
  .object({
    name: z.string().trim().min(1).max(200),
    objectType: z.string().regex(/^\d{1,9}-\d{1,19}$/),
    operation: z.enum(OPERATIONS),
    dateFormat: z.enum(DATE_FORMATS),
    sheet: z.string().max(255),
  })
  .catchall(z.string().max(200))
  .refine((form) => Object.keys(form).every((key) => key in FIELDS || /^column-\d{1,3}$/.test(key)))
const FIELDS = { name: 1, objectType: 1, operation: 1, dateFormat: 1, sheet: 1 }

/** What was chosen in a form for a file of so many columns. */
export function readChoice(form: z.output<typeof MappingForm>, columns: number): Choice {
  const { name, objectType, operation, dateFormat, sheet } = form
  const chosen = Array.from({ length: columns }, (_, at) => String(form[`column-${at}`] ?? ''))
  return { name, objectType, operation, dateFormat, sheet: sheet === '' ? null : sheet, columns: chosen }
}

/** The choice that a suggestion comes to; what is not sure is left for the person to choose. */
export function choiceOf(suggestion: Suggestion, more: Pick<Choice, 'name' | 'sheet' | 'dateFormat'>): Choice {
  return {
    ...more,
    objectType: suggestion.objectTypeId,
    operation: suggestion.operation,
    dateFormat: suggestion.dateFormat ?? more.dateFormat,
    columns: suggestion.columns.map(({ propertyName }) => propertyName ?? ''),
  }
}

/** The choice that a mapping comes to for a file: columns are found by their names. */
export function choiceOfMapping(
  mapping: Pick<Mapping, 'importOperations' | 'dateFormat' | 'columnMappings'>,
  header: string[],
  more: Pick<Choice, 'name' | 'sheet' | 'dateFormat' | 'objectType'>,
): Choice {
  const byName = new Map(mapping.columnMappings.map((column) => [plain(column.columnName), column]))
  const [objectType = more.objectType, operation = 'UPSERT'] = Object.entries(mapping.importOperations ?? {})[0] ?? []
  return {
    ...more,
    objectType,
    operation,
    dateFormat: mapping.dateFormat ?? more.dateFormat,
    columns: header.map((name) => {
      const column = byName.get(plain(name))
      return column && !column.ignored ? (column.propertyName ?? '') : ''
    }),
  }
}

/** The columns of a file, each with its choice and what else it may be. */
export function toColumnRows({ header, samples }: Preview, choice: Choice, suggestion: Suggestion | undefined): ColumnRow[] {
  return header.map((columnName, at) => {
    const guess = suggestion?.columns[at]
    const chosen = choice.columns[at] ?? ''
    const suggested = [guess?.propertyName, ...(guess?.alternatives ?? [])].filter((name) => typeof name === 'string')
    const isGuessed = guess?.propertyName === chosen
    return {
      at,
      columnName: columnName.trim() === '' ? `(${at + 1})` : columnName,
      samples: samples
        .map((row) => row[at] ?? '')
        .filter((value) => value.trim() !== '')
        .slice(0, SAMPLES_SHOWN)
        .map((value) => (value.length > MAX_SAMPLE_LENGTH ? `${value.slice(0, MAX_SAMPLE_LENGTH).toWellFormed()}…` : value)),
      chosen,
      suggested,
      sureness:
        chosen === '' ? (suggested.length > 0 ? 'unsure' : 'notImported') : !isGuessed || guess?.isConfident ? 'sure' : 'likely',
    }
  })
}

/** What keeps a choice from being an import's mapping. */
export function findWrong({ columns }: Choice): WrongChoice | undefined {
  const chosen = columns.filter((property) => property !== '')
  if (chosen.length === 0) return { why: 'nothing', property: '' }
  const twice = chosen.find((property, at) => chosen.indexOf(property) < at)
  return twice === undefined ? undefined : { why: 'twice', property: twice }
}

/** HubSpot's importRequest for a choice. */
export function toRequest(
  choice: Choice,
  { header, fileName, kind }: { header: string[]; fileName: string; kind: 'text' | 'workbook' | 'old workbook' },
  properties: readonly Property[],
) {
  const byName = new Map(properties.map((property) => [property.name, property]))
  const chosen = choice.columns.flatMap((name) => byName.get(name) ?? [])
  const leading = leadingIdentifier(chosen.filter((property) => isIdentifier(choice.objectType, property)))
  const columnMappings = header.map((columnName, at) => {
    const propertyName = choice.columns[at] ?? ''
    const named = {
      columnObjectTypeId: choice.objectType,
      columnName: columnName.trim() === '' ? `Column ${at + 1}` : columnName,
    }
    if (propertyName === '') return { ...named, propertyName: null, ignored: true }
    if (propertyName !== leading?.name) return { ...named, propertyName }
    return { ...named, propertyName, columnType: propertyName === RECORD_ID ? 'HUBSPOT_OBJECT_ID' : 'HUBSPOT_ALTERNATE_ID' }
  })
  return {
    name: choice.name,
    importOperations: { [choice.objectType]: choice.operation },
    dateFormat: choice.dateFormat,
    files: [
      {
        fileName,
        fileFormat: kind === 'text' ? 'CSV' : 'SPREADSHEET',
        fileImportPage: { hasHeader: true, columnMappings },
      },
    ],
  }
}

function plain(name: string): string {
  return name.normalize('NFC').trim().toLowerCase()
}
