import { invalid } from './refusals.js'
import type { NumberFormat } from './styles.js'

/** What a cell holds. A `formula` is one whose result was not stored: its text is empty. */
export type CellKind = 'empty' | 'text' | 'number' | 'boolean' | 'error' | 'date' | 'datetime' | 'time' | 'formula'

/** Beyond so many digits a spreadsheet knows nothing: what is stored of them is noise. */
const SIGNIFICANT_DIGITS = 15
const PLAIN = /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
/** No program writes more. */
const MAX_NUMBER_LENGTH = 400
const DAY_SECONDS = 86_400
/** From 1970-01-01 to the day 0 of each date system. */
const [DAY_0_OF_1900, DAY_0_OF_1904] = [-25_569, -24_107]
/** 1900 was no leap year, but Lotus 1-2-3 thought so, and its day 60 was kept. @see ECMA-376 part 1, 18.17.4.1 */
const PHANTOM_DAY = 60
const [LAST_DAY_OF_1900, LAST_DAY_OF_1904] = [2_958_465, 2_957_003]

/** A stored number as a person sees it in the cell: the shortest text that says the same. @throws {AppError} `workbook_invalid` */
export function showNumber(stored: string): string {
  if (stored.length <= SIGNIFICANT_DIGITS && PLAIN.test(stored) && stored !== '-0') return stored
  const value = parseNumber(stored)
  return String(Number(value.toPrecision(SIGNIFICANT_DIGITS)) + 0)
}

/** @throws {AppError} `workbook_invalid` */
export function parseNumber(stored: string): number {
  const value = stored.length <= MAX_NUMBER_LENGTH && NUMBER.test(stored) ? Number(stored) : Number.NaN
  if (!Number.isFinite(value)) throw invalid('a cell with a number holds something else')
  return value
}

/**
 * A day counted from the workbook's first one, as ISO 8601: `YYYY-MM-DD`, `YYYY-MM-DDTHH:mm:ss` or `HH:mm:ss`. A time of day
 * with a day to it is told with its day. Undefined: there is no such day, and spreadsheets do not show one either.
 */
export function showSerial(serial: number, format: NumberFormat, isDate1904: boolean): string | undefined {
  const seconds = Math.round(serial * DAY_SECONDS)
  const day = Math.floor(seconds / DAY_SECONDS)
  const time = seconds - day * DAY_SECONDS
  if (day < 0 || day > (isDate1904 ? LAST_DAY_OF_1904 : LAST_DAY_OF_1900)) return undefined
  if (format === 'duration') return showTime(seconds)
  const isTimeOnly = day === 0 && (format === 'time' || (!isDate1904 && (format === 'datetime' || time > 0)))
  if (isTimeOnly) return showTime(time)
  if (day === 0 && !isDate1904) return undefined
  const date = showDay(day, isDate1904)
  return format === 'date' ? date : `${date}T${showTime(time)}`
}

/** An ISO 8601 date as it is stored in strict workbooks, without what no cell shows. */
export function showIsoDate(stored: string, format: NumberFormat): string {
  const [, date, time] = /^(\d{4}-\d{2}-\d{2})?(?:T?(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z?)?$/.exec(stored) ?? []
  if (date === undefined && time === undefined) throw invalid('a cell with a date holds something else')
  if (date === undefined) return String(time)
  return time === undefined || format === 'date' ? date : `${date}T${time}`
}

/** The kind of what `showSerial` and `showIsoDate` tell. */
export function kindOfTime(shown: string): CellKind {
  if (shown[4] !== '-') return 'time'
  return shown.includes('T') ? 'datetime' : 'date'
}

function showTime(seconds: number): string {
  return `${pad(Math.floor(seconds / 3_600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
}

function showDay(day: number, isDate1904: boolean): string {
  if (isDate1904) return showUnixDay(day + DAY_0_OF_1904)
  if (day === PHANTOM_DAY) return '1900-02-29'
  return showUnixDay(day + DAY_0_OF_1900 + (day < PHANTOM_DAY ? 1 : 0))
}

/** Counts in eras of 400 years that begin on the first of March. @see https://howardhinnant.github.io/date_algorithms.html#civil_from_days */
function showUnixDay(unixDay: number): string {
  const days = unixDay + 719_468
  const era = Math.floor(days / 146_097)
  const ofEra = days - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const march = Math.floor((5 * ofYear + 2) / 153)
  const month = march < 10 ? march + 3 : march - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${year}-${pad(month)}-${pad(ofYear - Math.floor((153 * march + 2) / 5) + 1)}`
}

function pad(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
