import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '../../errors.js'
import { openPackage, type Package, type Relationship } from './package.js'
import { invalid } from './refusals.js'
import { readSharedStrings, type SharedStrings } from './shared-strings.js'
import { createSheet, type Row } from './sheet.js'
import { readNumberFormats } from './styles.js'
import { readTokens } from './xml/read-tokens.js'
import { toUtf8 } from './xml/text.js'
import { createXml } from './xml/xml.js'
import type { Bytes } from './zip/bytes.js'

export type Sheet = { name: string; isHidden: boolean; part: string }

/** What a workbook has that is not read, and harms nobody who does not open it. */
export type WorkbookWarning = 'external_links' | 'embedded_objects'

export type Workbook = {
  /** In the order of their tabs; those without cells, such as charts, are left out. At least one is visible. */
  sheets: Sheet[]
  isDate1904: boolean
  warnings: WorkbookWarning[]
  /**
   * The rows of a sheet that hold something, in batches, streaming; others have their turn between two batches. That the file is
   * damaged may be known only at the end: what was read by then is not to be used.
   * @throws {AppError} `archive_damaged`, `archive_too_large`, `workbook_invalid`, `file_too_complex`, `too_many_rows`,
   * `too_many_columns`
   */
  readRows(sheet: Sheet): AsyncGenerator<Row[]>
}

const GIB = 2 ** 30
/** A million rows of a hundred columns. */
const MAX_SHEET_BYTES = 4 * GIB
const MAX_STRINGS_BYTES = GIB
const MAX_SHEETS = 1_000

/**
 * Opens an XLSX workbook: its directory and small parts are read now, its cells when they are asked for. Nothing is kept open
 * between reads.
 * @throws {AppError} `file_type_unsupported`, `encrypted`, `file_has_macros`, `archive_damaged`, `archive_too_large`,
 * `workbook_invalid`, `file_too_complex`, `no_worksheet`
 */
export async function openWorkbook(bytes: Bytes): Promise<Workbook> {
  const pack = await openPackage(bytes)
  const relationships = await pack.relationships(pack.workbook)
  const partOf = (type: string) => relationships.find((one) => one.type === type)?.target
  const { sheets, isDate1904 } = await readSheets(pack, relationships)
  const stylesPart = partOf('styles')
  const formats = stylesPart === undefined ? [] : await readNumberFormats(stylesPart, pack.read(stylesPart))

  let strings: Promise<SharedStrings> | undefined
  const stringsPart = partOf('sharedStrings') ?? ''
  const readStrings = () => {
    strings ??= stringsPart
      ? readSharedStrings(stringsPart, pack.read(stringsPart, MAX_STRINGS_BYTES))
      : Promise.resolve(noStrings)
    return strings
  }

  return {
    sheets,
    isDate1904,
    warnings: findWarnings(pack, relationships),

    async *readRows({ part }) {
      const xml = createXml(part)
      const sheet = createSheet(xml, { strings: await readStrings(), formats, isDate1904 })
      for await (const chunk of toUtf8(pack.read(part, MAX_SHEET_BYTES))) {
        xml.push(chunk)
        while (sheet.advance()) {
          yield sheet.takeBatch()
          // A chunk of a few bytes may hold many batches.
          await nextTurn()
        }
      }
      xml.finish()
      const last = sheet.takeBatch()
      if (last.length > 0) yield last
    },
  }
}

async function readSheets(pack: Package, relationships: Relationship[]): Promise<{ sheets: Sheet[]; isDate1904: boolean }> {
  const parts = new Map(relationships.filter(({ type }) => type === 'worksheet').map(({ id, target }) => [id, target]))
  const sheets: Sheet[] = []
  let isDate1904 = false
  await readTokens(pack.workbook, pack.read(pack.workbook), (xml, token) => {
    if (token !== 'open') return
    if (xml.name() === 'workbookPr') isDate1904 = ['1', 'true'].includes(xml.attribute('date1904') ?? '')
    if (xml.name() !== 'sheet' || xml.depth() !== 3) return
    const part = parts.get(xml.attribute(':id') ?? '')
    if (part === undefined) return
    if (!pack.has(part)) throw invalid(`its part ${part} is missing`)
    if (sheets.length === MAX_SHEETS) throw invalid(`it has more than ${MAX_SHEETS} sheets`)
    sheets.push({ name: xml.attribute('name') ?? '', isHidden: (xml.attribute('state') ?? 'visible') !== 'visible', part })
  })
  if (!sheets.some(({ isHidden }) => !isHidden)) throw noWorksheet(sheets.length)
  return { sheets, isDate1904 }
}

function findWarnings(pack: Package, relationships: Relationship[]): WorkbookWarning[] {
  const warnings: WorkbookWarning[] = []
  if (relationships.some(({ type }) => type === 'externalLink')) warnings.push('external_links')
  if (pack.names.some((name) => /^xl\/(embeddings|activex)\//.test(name))) warnings.push('embedded_objects')
  return warnings
}

function noStrings(): never {
  throw invalid('a cell refers to a text that is not there')
}

function noWorksheet(hidden: number): AppError {
  const what = hidden > 0 ? 'All worksheets of the file are hidden.' : 'The file has no worksheet.'
  return new AppError('no_worksheet', { detail: `${what} Put the rows into a visible worksheet, save the file and send that.` })
}
