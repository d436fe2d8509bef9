import type { FieldError } from '../errors.js'
import { closest, plain } from './closest.js'
import type { Findings } from './finding.js'

/** As much of HubSpot's mapping of a column as says which one it is. */
type Mapping = { columnName: string; ignored?: boolean | undefined }

/** What may have been meant is looked for among all names, which takes its time. */
const MAX_HINTS = 20

type Input<M extends Mapping> = { header: string[]; mappings: M[]; file: string; findings: Findings }

/**
 * Puts a mapping in the order of the file's header, which is how HubSpot reads it: a column more, less or elsewhere would
 * shift every value. Names are repaired where there is no doubt; columns that nobody mapped are marked as ignored.
 * `errors`: what keeps the file from being imported.
 */
export function fitMapping<M extends Mapping>({
  header,
  mappings,
  file,
  findings,
}: Input<M>): { columns: M[]; errors: FieldError[] } {
  const errors: FieldError[] = []
  const find = indexHeader(header)
  const places = new Map<number, M>()
  const note = (code: string, column: number | null, message: string, fix: string | null) =>
    findings.add('warning', code, () => ({
      message,
      fix,
      file,
      line: 1,
      column,
      columnName: column === null ? null : (header[column] ?? null),
      value: null,
    }))

  for (const [i, mapping] of mappings.entries()) {
    const { found, isExact } = find(mapping.columnName)
    const free = found.filter((column) => !places.has(column))
    const [column] = free
    const pointer = `/fileImportPage/columnMappings/${i}/columnName`
    const name = mapping.columnName.slice(0, 200)
    if (column === undefined) {
      if (mapping.ignored) continue
      const meant = errors.length < MAX_HINTS ? closest(mapping.columnName, header) : undefined
      const hint = found.length > 0 ? '; it is mapped twice' : meant ? `; did you mean "${meant.slice(0, 200)}"?` : ''
      errors.push({ pointer, file, column: name, detail: `the file has no column "${name}"${hint}` })
      continue
    }
    // As many columns of a name as mappings for it are taken in their order.
    const wanted = mappings.filter((other) => other.columnName === mapping.columnName).length
    if (found.length > 1 && found.length !== wanted && !mapping.ignored) {
      errors.push({
        pointer,
        file,
        column: name,
        detail: `the file has ${found.length} columns "${name}"; give each a name of its own`,
      })
      continue
    }
    places.set(column, { ...mapping, columnName: header[column] ?? mapping.columnName })
    if (!isExact)
      note(
        'COLUMN_NAME_REPAIRED',
        column,
        `The mapping says "${name}", the header "${header[column]}". The header’s name was used.`,
        'Use the header’s name in columnMappings.',
      )
  }

  const columns = header.map((columnName, column) => places.get(column) ?? ignore<M>(columnName, mappings))
  const given = [...places.keys()]
  if (given.some((column, i) => i > 0 && column < (given[i - 1] ?? 0)))
    note('COLUMNS_REORDERED', null, 'The mapping’s columns are not in the file’s order. They were put in it.', null)
  for (const [column, name] of header.entries()) {
    if (places.has(column)) continue
    if (name.trim() === '')
      note(
        'COLUMN_WITHOUT_NAME',
        column,
        `Column ${column + 1} has no name. It is not imported.`,
        'Give it a name, or leave it out.',
      )
    else
      note(
        'COLUMN_NOT_MAPPED',
        column,
        `The column "${name.slice(0, 200)}" is not mapped. It is not imported.`,
        'Map it in columnMappings, or leave it out.',
      )
  }
  return { columns, errors }
}

/** Finds columns by name: those of exactly this one, or else those that differ in case, blanks or Unicode's spellings alone. */
function indexHeader(header: string[]): (name: string) => { found: number[]; isExact: boolean } {
  const exact = Map.groupBy(header.keys(), (column) => header[column] ?? '')
  const loose = Map.groupBy(header.keys(), (column) => spelling(header[column] ?? ''))
  return (name) => {
    const found = exact.get(name)
    if (found) return { found, isExact: true }
    return { found: plain(name) === '' ? [] : (loose.get(spelling(name)) ?? []), isExact: false }
  }
}

function spelling(name: string): string {
  return name.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase()
}

/** HubSpot wants one mapping for every column, in their order. */
function ignore<M extends Mapping>(columnName: string, [first]: M[]): M {
  const { columnObjectTypeId, columnObjectType } = first as M & { columnObjectTypeId?: string; columnObjectType?: string }
  return {
    ...(columnObjectTypeId ? { columnObjectTypeId } : { columnObjectType }),
    columnName,
    propertyName: null,
    ignored: true,
  } as unknown as M
}
