import { AppError } from '../../errors.js'
import { type CellKind, kindOfTime, parseNumber, showIsoDate, showNumber, showSerial } from './cell-value.js'
import { invalid, tooComplex } from './refusals.js'
import { MAX_TEXT_LENGTH, type SharedStrings, unescapeText } from './shared-strings.js'
import type { NumberFormat } from './styles.js'
import { readDigits, type Xml } from './xml/xml.js'

/**
 * A row that holds something. `line` is the row as a spreadsheet counts it; cells are by column, `''` where there is none, up to
 * the last that holds something. `kinds` says of each cell what it holds.
 */
export type Row = { line: number; cells: string[]; kinds: readonly CellKind[] }

type Context = { strings: SharedStrings; formats: readonly NumberFormat[]; isDate1904: boolean }

const [MAX_ROWS, MAX_COLUMNS] = [1_048_576, 16_384]
/** HubSpot takes fewer than 1,000: what holds something beyond is refused where it is met, before its row is made as wide. */
const HUBSPOT_COLUMNS = 999
/** With the gaps between them. */
const MAX_CELLS = 250_000_000
/** Gaps cost no bytes of a file, and as much time as cells: so many are free, and so many more for each cell that is none. */
const [FREE_GAPS, GAPS_PER_CELL] = [10_000_000, 30]
/** A batch is full with any of these: small enough to be forgotten by V8's cheap collections. */
const [BATCH_ROWS, BATCH_CELLS] = [256, 4_096]
const BATCH_CHARACTERS = 256 * 1024
/** Of a row that is full of the longest texts it would be 64 times as many; nobody has one. */
const MAX_ROW_CHARACTERS = 8 * 1024 * 1024
const [R, S, T] = [0x72, 0x73, 0x74]
const [SHARED, NUMBER, BOOLEAN, ERROR, DATE] = [0x73, 0x6e, 0x62, 0x65, 0x64]
const TEXT = 0
const [UPPER_A, UPPER_Z] = [0x41, 0x5a]
const TO_UPPER = 0xdf

/**
 * Makes rows of a worksheet's XML, in the order in which they stand there, whatever their numbers; a number that is missing is one
 * more than the last. What the sheet says of its own size is not believed.
 * @see ECMA-376 part 1, 18.3.1.73 (row), 18.3.1.4 (c)
 */
export function createSheet(xml: Xml, { strings, formats, isDate1904 }: Context) {
  let batch: Row[] = []
  let [batchCells, batchCharacters, rowCount, cellCount, gapCount] = [0, 0, 0, 0, 0]
  let isInData = false
  // The row that is being read
  let [line, rowCharacters] = [0, 0]
  const cells: string[] = []
  const kinds: CellKind[] = []
  let [width, kindsBefore]: [number, readonly CellKind[]] = [0, []]
  // The cell that is being read
  let [column, style, type, digits, text] = [-1, 0, NUMBER, -1, '']
  let [isInline, isText, isPhonetic, hasValue, hasFormula] = [false, false, false, false, false]

  /** Reads on; false when more bytes are needed, true when a batch is full. */
  function advance(): boolean {
    for (;;) {
      const token = xml.next()
      if (token === 'more') return false
      if (token === 'open') open(xml.depth(), xml.name())
      else if (token === 'close') close(xml.depth(), xml.name())
      else if (isText) addText()
      if (token === 'close' && isFull()) return true
    }
  }

  function open(depth: number, name: string): void {
    if (depth === 1 && name !== 'worksheet') throw invalid('what should be a worksheet is something else')
    if (depth === 2) isInData = name === 'sheetData'
    if (!isInData || depth < 3) return
    if (depth === 3 && name === 'row') openRow()
    else if (depth === 4 && name === 'c') openCell()
    else if (depth === 5) openContent(name)
    else if (isInline && name === 'rPh') isPhonetic = true
    else if (isInline && name === 't') isText = !isPhonetic
  }

  function openContent(name: string): void {
    isText = name === 'v'
    isInline = name === 'is'
    if (name === 'f') hasFormula = true
    else if (isText || isInline) hasValue = true
  }

  function close(depth: number, name: string): void {
    if (!isInData) return
    if (depth === 3 && name === 'c') closeCell()
    else if (depth === 2 && name === 'row') closeRow()
    else if (depth === 1) isInData = false
    else if (name === 'rPh') isPhonetic = false
    else isText = false
  }

  function addText(): void {
    if (text === '' && digits < 0 && (type === SHARED || type === NUMBER)) {
      digits = xml.digits()
      if (digits >= 0) return
    }
    if (digits >= 0) text = String(digits)
    digits = -1
    const more = xml.text()
    if (text.length + more.length > MAX_TEXT_LENGTH) throw tooComplex(`a cell of more than ${MAX_TEXT_LENGTH} characters`)
    text += more
  }

  function openRow(): void {
    rowCount += 1
    if (rowCount > MAX_ROWS) throw tooManyRows()
    const at = xml.attributeOf(R)
    line = at < 0 ? line + 1 : readDigits(xml.bytes(), xml.valueStart(at), xml.valueEnd(at))
    if (line < 1) throw invalid('a row has a number that is none')
    if (line > MAX_ROWS) throw tooManyRows()
    column = -1
    rowCharacters = 0
    width = 0
  }

  function openCell(): void {
    const bytes = xml.bytes()
    const [r, s, t] = [xml.attributeOf(R), xml.attributeOf(S), xml.attributeOf(T)]
    column = r < 0 ? column + 1 : columnOf(bytes, xml.valueStart(r), xml.valueEnd(r))
    if (column >= MAX_COLUMNS) throw outside()
    style = s < 0 ? 0 : readDigits(bytes, xml.valueStart(s), xml.valueEnd(s))
    const isLetter = t >= 0 && xml.valueEnd(t) - xml.valueStart(t) === 1
    type = t < 0 ? NUMBER : isLetter ? (bytes[xml.valueStart(t)] ?? TEXT) : TEXT
    digits = -1
    text = ''
    isInline = isText = isPhonetic = hasValue = hasFormula = false
  }

  function closeCell(): void {
    isText = isInline = false
    if (!hasValue) return hasFormula ? place('', 'formula') : undefined
    if (type === TEXT) return placeText(unescapeText(text))
    if (digits < 0) text = text.trim()
    if (digits < 0 && text === '') return
    if (type === SHARED) return placeText(strings(digits < 0 ? parseNumber(text) : digits))
    if (type === BOOLEAN) return place(text === '1' || text === 'true' ? 'TRUE' : 'FALSE', 'boolean')
    if (type === ERROR) return place(text, 'error')
    const format = formats[style] ?? 'number'
    const shown = type === DATE ? showIsoDate(text, format) : format === 'number' ? undefined : showDate(format)
    if (shown) place(shown, kindOfTime(shown))
    else place(digits < 0 ? showNumber(text) : String(digits), 'number')
  }

  function showDate(format: NumberFormat): string | undefined {
    return showSerial(digits < 0 ? parseNumber(text) : digits, format, isDate1904)
  }

  function placeText(value: string): void {
    if (value !== '') place(value, 'text')
  }

  /** A cell that is there twice is what it is last. */
  function place(value: string, kind: CellKind): void {
    rowCharacters += value.length
    if (rowCharacters > MAX_ROW_CHARACTERS) throw tooComplex(`a row of more than ${MAX_ROW_CHARACTERS} characters`)
    if (column >= HUBSPOT_COLUMNS) throw tooManyColumns(line)
    gapCount += Math.max(0, column - width)
    for (; width < column; width++) {
      cells[width] = ''
      kinds[width] = 'empty'
    }
    cells[column] = value
    kinds[column] = kind
    width = Math.max(width, column + 1)
  }

  function closeRow(): void {
    if (width === 0) return
    cellCount += width
    if (cellCount > MAX_CELLS) throw tooComplex(`a sheet of more than ${MAX_CELLS} cells`)
    if (gapCount > FREE_GAPS + GAPS_PER_CELL * (cellCount - gapCount))
      throw tooComplex(`a sheet with more than ${GAPS_PER_CELL} empty cells for each that holds something`)
    // Nearly always they are as in the row before.
    if (!areSame(kinds, width, kindsBefore)) kindsBefore = kinds.slice(0, width)
    batch.push({ line, cells: cells.slice(0, width), kinds: kindsBefore })
    batchCells += width
    batchCharacters += rowCharacters
  }

  const isFull = () => batch.length >= BATCH_ROWS || batchCells >= BATCH_CELLS || batchCharacters >= BATCH_CHARACTERS

  return {
    advance,

    /** The rows since it was asked last. */
    takeBatch(): Row[] {
      const rows = batch
      batch = []
      batchCells = batchCharacters = 0
      return rows
    },
  }
}

function areSame(kinds: CellKind[], width: number, others: readonly CellKind[]): boolean {
  if (width !== others.length) return false
  for (let i = 0; i < width; i++) if (kinds[i] !== others[i]) return false
  return true
}

/** The column of a reference such as `AB12`, the first being 0. @throws {AppError} `workbook_invalid`, `too_many_rows` */
function columnOf(bytes: Buffer, start: number, end: number): number {
  let column = 0
  let i = start
  for (let letter = upper(bytes[i]); i < end && letter >= UPPER_A && letter <= UPPER_Z; letter = upper(bytes[++i]))
    column = column * 26 + letter - UPPER_A + 1
  if (i - start > 3 || column > MAX_COLUMNS) throw outside()
  const line = readDigits(bytes, i, end)
  if (i === start || line < 1) throw invalid('a cell has a reference that is none')
  if (line > MAX_ROWS) throw tooManyRows()
  return column - 1
}

function upper(byte: number | undefined): number {
  return (byte ?? 0) & TO_UPPER
}

function outside(): AppError {
  return invalid('a cell lies beyond the last column, XFD')
}

function tooManyColumns(line: number): AppError {
  return new AppError('too_many_columns', {
    detail: `The worksheet has more than ${HUBSPOT_COLUMNS} columns in row ${line}; HubSpot takes fewer than 1,000. Leave some out.`,
  })
}

function tooManyRows(): AppError {
  return new AppError('too_many_rows', {
    detail: `A worksheet has ${MAX_ROWS} rows at most, and this one claims to have more. Split it, and send each part as a file.`,
  })
}
