import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../../errors.js'
import type { StoredFile } from '../../files/file-store.js'
import { type Converted, convertText } from '../../intake/convert.js'
import type { Findings } from '../../intake/finding.js'
import { readHeader } from '../../intake/head.js'
import { inspect, type Text } from '../../intake/inspect.js'
import type { Structure } from '../../intake/structure.js'
import { withoutOwnColumns } from '../corrections/own-columns.js'
import { type Ahead, noteFile, noteRagged, type Table, type TableDeps, type Unready } from './table.js'

const MAX_COLUMNS = 999

/** Makes a text ready: mostly it is the one that was sent. @throws {AppError} what is wrong with its structure, `normalization_needed` */
export async function readyText(deps: TableDeps, unready: Unready, text: Text): Promise<Table> {
  const { file, findings, options, made } = unready
  const name = outgoingName(file.name)
  const reasons = whyConvert(text)
  if (reasons.length === 0) return textTable(deps, unready, { name, stored: file, text, ahead: file.ahead })
  if (options.normalize === 'never')
    throw new AppError('normalization_needed', {
      detail: `HubSpot takes UTF-8 with commas; "${file.name}" has ${reasons.map(({ what }) => what).join(', ')}. Send it so, or without normalize=never.`,
    })
  const { bytes, did } = convertText(deps.files.read(file.storeKey), text)
  const converted = await storeText(deps, name, bytes, made)
  for (const { code, what, cells } of reasons)
    noteFile(findings, name, code, `The file has ${what}; HubSpot gets UTF-8 with commas and line feeds. ${cells(did)}`, null)
  return textTable(deps, unready, { name, ...converted })
}

/** Stores CSV of our own making, and looks at it like at any other. */
export async function storeText(
  { files }: TableDeps,
  name: string,
  bytes: AsyncIterable<Buffer>,
  made: string[],
): Promise<{ stored: StoredFile; text: Text }> {
  const inspection = inspect(name)
  const stored = await files.save(inspection.watch(bytes))
  made.push(stored.storeKey)
  const text = inspection.result()
  if (text.kind !== 'text') throw new AppError('internal')
  return { stored, text }
}

/** A text that HubSpot can take, its structure checked; what is odd about its rows is told. */
export function textTable(
  { files, csvCheck }: TableDeps,
  { entry, findings }: Pick<Unready, 'entry' | 'findings'>,
  { name, stored, text, ahead }: { name: string; stored: StoredFile; text: Text; ahead?: Ahead | undefined },
): Table {
  const { structure } = text
  if (!structure) throw new AppError('internal')
  const { hasHeader } = entry.fileImportPage
  const rows = structure.records - structure.blank - (hasHeader ? 1 : 0)
  checkStructure(name, structure, rows)
  tellOddRows(name, structure, findings)
  return {
    name,
    format: 'CSV',
    stored,
    header: hasHeader ? readHeader(text) : undefined,
    check: async (tablePlan) => {
      const plan = { ...tablePlan, hasHeader }
      const found = ahead && isDeepStrictEqual(ahead.plan, plan) ? await ahead.found.catch(() => undefined) : undefined
      if (found) findings.merge(found)
      else await csvCheck.check(plan, files.read(stored.storeKey), stored.bytes, findings)
      return rows
    },
  }
}

/** A corrected file as its sender had it first, whether or not our columns are still there; any other as it is. */
export async function withoutOurColumns(deps: TableDeps, unready: Unready, table: Table): Promise<Table> {
  const { header, stored, name } = table
  if (!unready.isCorrection || !header || table.format !== 'CSV') return table
  const bytes = withoutOwnColumns(deps.files.read(stored.storeKey), header)
  return textTable(deps, unready, { name, ...(await storeText(deps, name, bytes, unready.made)) })
}

/** `cells` says how many cells or lines it touched. */
type Reason = { code: string; what: string; cells: (did: Converted) => string }

const ENCODINGS = { 'utf-16le': 'UTF-16', 'utf-16be': 'UTF-16', 'windows-1252': 'Windows-1252' }
const DELIMITERS = { ',': 'a line that names the comma', ';': 'semicolons', '\t': 'tabs', '|': 'vertical bars' }

/** What of a text HubSpot cannot take. */
function whyConvert({ encoding, delimiter, skip, structure }: Text): Reason[] {
  const reasons: Reason[] = []
  if (encoding !== 'utf-8')
    reasons.push({
      code: 'ENCODING_CONVERTED',
      what: `the encoding ${ENCODINGS[encoding]}`,
      cells: ({ recodedCells }) => `${recodedCells} cells have letters that were written anew: look at some of them.`,
    })
  if (delimiter !== ',' || skip.hintBytes > 0)
    reasons.push({
      code: 'DELIMITER_CONVERTED',
      what: `${DELIMITERS[delimiter]} between its cells`,
      cells: ({ quotedCells }) => `${quotedCells} cells were put in quotes.`,
    })
  const returns = structure?.lineEnds.cr ?? 0
  if (returns > 0)
    reasons.push({
      code: 'LINE_ENDS_CONVERTED',
      what: 'carriage returns alone at the end of lines',
      cells: () => `${returns} line ends were written anew.`,
    })
  return reasons
}

/** Quotes and backslashes cannot stand in a part's header in a way that all servers read alike. */
export function outgoingName(name: string): string {
  return name.replace(/["\\]/g, '_').replace(/\.(tsv|txt)$/i, '.csv')
}

function checkStructure(file: string, { records, blank, columns, isUnclosed }: Structure, rows: number): void {
  const name = `"${file}"`
  if (isUnclosed)
    throw new AppError('quotes_unbalanced', {
      detail: `A quoted cell in row ${records} of ${name} never ends. Close it, or write quotes within cells twice.`,
      errors: [{ file, row: records, detail: 'a quoted cell begins here and never ends' }],
    })
  if (columns > MAX_COLUMNS)
    throw new AppError('too_many_columns', { detail: `${name} has ${columns} columns; HubSpot takes fewer than 1,000.` })
  if (rows <= 0) throw new AppError('no_rows', { detail: `${name} has ${records > blank ? 'a header, but ' : ''}no rows.` })
}

function tellOddRows(file: string, { columns, ragged, stray }: Structure, findings: Findings): void {
  for (const row of ragged.some) noteRagged(findings, file, row, columns)
  findings.count('warning', 'INCORRECT_NUMBER_OF_COLUMNS', ragged.count - ragged.some.length)
  if (stray.count > 0)
    findings.add('warning', 'STRAY_QUOTES', () => ({
      message: `${stray.count} quotes stand within cells that are not quoted, the first in row ${stray.firstLine}. HubSpot may read them otherwise.`,
      fix: 'Put such cells in quotes, and write the quotes in them twice.',
      file,
      line: stray.firstLine,
      column: null,
      columnName: null,
      value: null,
    }))
}
