/** How the import's dates are written. */
export type DateFormat = 'MONTH_DAY_YEAR' | 'DAY_MONTH_YEAR' | 'YEAR_MONTH_DAY'

/**
 * The forms of values that HubSpot takes, of cells that are not empty.
 * @see https://knowledge.hubspot.com/import-and-export/set-up-your-import-file
 */

const DATE = /^(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})$/
const TIME = /^[T ](\d{1,2}):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?\s?([AaPp][Mm])?\s?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?$/
const EPOCH_MS = /^-?\d{10,13}$/
const PHONE = /^[+\d\s().\-/]+((ext\.?|x)\s*\d{1,6})?$/i
/** Longer ones are none of anybody's. */
const [MAX_PHONE, MAX_DOMAIN, MAX_TIME] = [100, 2_048, 64]
const DOMAIN = /^(?!-)([\p{L}\p{N}-]{1,63}\.)+[\p{L}\p{N}-]{2,63}$/u
const ID = /^\d{1,19}$/
const YES_OR_NO = new Set(['true', 'false', 'yes', 'no'])
const [ZERO, NINE, AT, DOT, COMMA, SEMICOLON, SPACE] = [0x30, 0x39, 0x40, 0x2e, 0x2c, 0x3b, 0x20]

export const isPhone = (cell: string) => cell.length <= MAX_PHONE && PHONE.test(cell.trim()) && /\d/.test(cell)
export function isDomain(cell: string): boolean {
  if (cell.length > MAX_DOMAIN) return false
  const [host = ''] = cell.replace(/^https?:\/\//i, '').split('/', 1)
  return DOMAIN.test(host)
}
export const isRecordId = (cell: string) => ID.test(cell.trim())
export const isYesOrNo = (cell: string) => YES_OR_NO.has(cell.trim().toLowerCase())

/** One @ with something before it and a domain after it, the last part of which has two letters at least; no blanks. */
export function isEmail(cell: string): boolean {
  let at = -1
  let dot = -1
  for (let i = 0; i < cell.length; i++) {
    const code = cell.charCodeAt(i)
    if (code === AT) {
      if (at >= 0) return false
      at = i
    } else if (code === DOT) dot = i
    else if (code === COMMA || code === SEMICOLON || code <= SPACE || (code > 0x7f && /\s/.test(cell[i] ?? ''))) return false
  }
  return at > 0 && dot > at + 1 && cell.length - dot > 2
}

/** Digits with a sign, separators and a percent sign, of any country. */
export function isNumber(cell: string): boolean {
  const from = cell.charCodeAt(0) === 0x2b || cell.charCodeAt(0) === 0x2d ? 1 : 0
  const to = cell.endsWith('%') ? cell.length - 1 : cell.length
  const first = cell.charCodeAt(from)
  const isFraction = first === DOT
  if (!isFraction && !(first >= ZERO && first <= NINE)) return false
  for (let i = from + 1; i < to; i++) {
    const code = cell.charCodeAt(i)
    if (code >= ZERO && code <= NINE) continue
    if (isFraction || !(code === DOT || code === COMMA || code === SPACE || /\s/.test(cell[i] ?? ''))) return false
  }
  return !isFraction || to > from + 1
}

/** A day that there is, in the import's format or with the year first; or an instant in milliseconds. */
export function isDate(cell: string, format: DateFormat): boolean {
  return isDay(cell, format) || EPOCH_MS.test(cell)
}

/** A day with or without a time; or an instant in milliseconds. */
export function isDateTime(cell: string, format: DateFormat): boolean {
  if (EPOCH_MS.test(cell)) return true
  if (cell.length > MAX_TIME) return false
  const at = cell.search(/[T ]/)
  return at < 0 ? isDay(cell, format) : isDay(cell.slice(0, at), format) && isTime(cell.slice(at))
}

function isTime(text: string): boolean {
  const [, hours = '', half] = TIME.exec(text) ?? []
  if (hours === '') return false
  return half === undefined ? Number(hours) < 24 : Number(hours) >= 1 && Number(hours) <= 12
}

function isDay(text: string, format: DateFormat): boolean {
  // Mostly it is written in full, with two digits for day and month.
  if (text.length === 10 && isFullDay(text, format)) return true
  const [, a = '', , b = '', c = ''] = DATE.exec(text) ?? []
  if (a === '') return false
  // Whatever the format, this can mean but one day, and HubSpot does not say that it refuses it.
  if (a.length === 4) return isOnCalendar(a, b, c)
  if (c.length !== 4 || format === 'YEAR_MONTH_DAY') return false
  return format === 'DAY_MONTH_YEAR' ? isOnCalendar(c, b, a) : isOnCalendar(c, a, b)
}

function isFullDay(text: string, format: DateFormat): boolean {
  const isYearFirst = text.charCodeAt(4) < ZERO
  const [first, second] = isYearFirst ? [4, 7] : [2, 5]
  const mark = text.charCodeAt(first)
  if (mark !== text.charCodeAt(second) || (mark !== DOT && mark !== 0x2d && mark !== 0x2f)) return false
  if (isYearFirst) return isRealDay(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10))
  if (format === 'YEAR_MONTH_DAY') return false
  const [a, b] = [digits(text, 0, 2), digits(text, 3, 5)]
  return format === 'DAY_MONTH_YEAR' ? isRealDay(digits(text, 6, 10), b, a) : isRealDay(digits(text, 6, 10), a, b)
}

/** NaN when one of them is no digit. */
function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - ZERO
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN
  }
  return value
}

function isOnCalendar(year: string, month: string, day: string): boolean {
  return day.length <= 2 && isRealDay(Number(year), Number(month), Number(day))
}

function isRealDay(y: number, m: number, d: number): boolean {
  if (!(y >= 0 && m >= 1 && m <= 12 && d >= 1)) return false
  return d <= (m === 2 ? (y % 4 === 0 && (y % 100 !== 0 || y % 400 === 0) ? 29 : 28) : [4, 6, 9, 11].includes(m) ? 30 : 31)
}
