import { objectTypeId, type Property } from '../properties.js'
import type { ColumnMapping } from './request.js'

/** What can be wrong with a cell; `unique` and `option` need more than the cell. */
export type Kind = 'email' | 'number' | 'date' | 'present' | 'unique' | 'option'

/** What a column's cells are checked for, because of the property it is mapped to. */
export type Check = { kind: Kind; errorType: string; message: string; typeId: string; accepts: (cell: string) => boolean }

/** What can be said of a cell without knowing where it goes; an empty cell is ignored, as HubSpot does. */
export const SHAPES: Record<'email' | 'number' | 'date' | 'present', (cell: string) => boolean> = {
  email: (cell) => cell === '' || /^[^\s@,;]+@[^\s@,;]+\.[^\s@.,;]{2,}$/.test(cell),
  number: (cell) => cell === '' || /^[-+]?(\d[\d.,\s]*|\.\d+)%?$/.test(cell),
  date: (cell) => cell === '' || isDate(cell),
  present: (cell) => cell.trim() !== '',
}

function isDate(cell: string): boolean {
  if (/^-?\d{10,13}$/.test(cell)) return true
  const [, a = '', b = '', c = ''] = /^(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:[T ].*)?$/.exec(cell) ?? []
  const [low = 0, high = 0] = (a.length === 4 ? [b, c] : [a, b]).map(Number).sort((x, y) => x - y)
  return (a.length === 4) !== (c.length === 4) && low >= 1 && low <= 12 && high <= 31
}

const always = (_cell: string) => true

/** The checks of each mapped column, by its name in the file's header. */
export function checksOf(mappings: ColumnMapping[], properties: Record<string, Property[]>): Map<string, Check[]> {
  return new Map(mappings.map((mapping) => [String(mapping.columnName), columnChecks(mapping, properties)]))
}

function columnChecks(mapping: ColumnMapping, properties: Record<string, Property[]>): Check[] {
  const typeId = objectTypeId(mapping.columnObjectTypeId ?? '0-1')
  const property = properties[typeId]?.find(({ name }) => name === mapping.propertyName)
  const isEmail = typeId === '0-1' && mapping.propertyName === 'email'
  const checks: Check[] = []
  const add = (kind: Kind, errorType: string, message: string, accepts = always) =>
    checks.push({ kind, errorType, message, typeId, accepts })

  if (isEmail || mapping.columnType === 'HUBSPOT_ALTERNATE_ID') {
    add('present', 'MISSING_REQUIRED_PROPERTY', 'A property that is required is missing.', SHAPES.present)
    add('unique', 'DUPLICATE_ALTERNATE_ID', 'The same unique value is in the file more than once.')
  }
  if (isEmail) add('email', 'INVALID_EMAIL', 'The email address is not valid.', SHAPES.email)
  if (property?.type === 'number') add('number', 'COULD_NOT_PARSE_NUMBER', 'The value is not a number.', SHAPES.number)
  if (property?.type === 'date' || property?.type === 'datetime')
    add('date', 'COULD_NOT_PARSE_DATE', 'The value is not a date.', SHAPES.date)
  const options = property && optionsOf(property)
  if (options)
    add('option', 'INVALID_ENUMERATION_OPTION', 'The value is not one of the property’s options.', (cell) =>
      cell.split(';').every((one) => one === '' || options.has(one.trim().toLowerCase())),
    )
  return checks
}

/** Options are taken by label and by value. */
function optionsOf({ type, options = [] }: Property): Set<string> | undefined {
  if (type === 'bool') return new Set(['true', 'false', 'yes', 'no'])
  if (type !== 'enumeration' || options.length === 0) return undefined
  return new Set(options.flatMap(({ label, value }) => [label.toLowerCase(), value.toLowerCase()]))
}
