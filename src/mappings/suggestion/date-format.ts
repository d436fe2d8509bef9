/** HubSpot's word for the order of day, month and year. */
export type DateFormat = 'MONTH_DAY_YEAR' | 'DAY_MONTH_YEAR' | 'YEAR_MONTH_DAY'

const ALL: DateFormat[] = ['MONTH_DAY_YEAR', 'DAY_MONTH_YEAR', 'YEAR_MONTH_DAY']
const DATE = /^(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:$|[T ,])/

/** Whether a cell is a date, with or without a time. */
export function isDate(cell: string): boolean {
  return formatsOf(cell).length > 0
}

/** The one order in which all dates among the cells make sense; undefined when there are several, or none. */
export function dateFormatOf(cells: readonly string[]): DateFormat | undefined {
  const dates = cells.map(formatsOf).filter((formats) => formats.length > 0)
  if (dates.length === 0) return undefined
  const [format, ...more] = ALL.filter((one) => dates.every((formats) => formats.includes(one)))
  return more.length === 0 ? format : undefined
}

function formatsOf(cell: string): DateFormat[] {
  const [, first = '', separator, middle = '', last = ''] = DATE.exec(cell) ?? []
  if (!separator) return []
  const [isYearFirst, isYearLast] = [first.length === 4, last.length === 4]
  if (first.length === 3 || last.length === 3 || (isYearFirst && isYearLast)) return []

  const formats: DateFormat[] = []
  // Nobody writes the month first and dots between.
  if (!isYearFirst && isMonth(first) && isDay(middle) && separator !== '.') formats.push('MONTH_DAY_YEAR')
  if (!isYearFirst && isDay(first) && isMonth(middle)) formats.push('DAY_MONTH_YEAR')
  // A year of two digits comes first in machine-made dates only, and those have dashes.
  if (!isYearLast && (isYearFirst || (separator === '-' && first.length === 2)) && isMonth(middle) && isDay(last))
    formats.push('YEAR_MONTH_DAY')
  return formats
}

const isDay = (text: string) => Number(text) >= 1 && Number(text) <= 31
const isMonth = (text: string) => Number(text) >= 1 && Number(text) <= 12
