import type { Owner, Property } from '../../hubspot/answers.js'
import { closest } from '../closest.js'
import { type CheckedColumn, isOwner } from './columns.js'
import {
  type DateFormat,
  isDate,
  isDateTime,
  isDomain,
  isEmail,
  isNumber,
  isPhone,
  isRecordId,
  isYesOrNo,
} from './value-forms.js'

/** What is wrong with a cell, in HubSpot's word where it has one. */
export type Wrong = { code: string; message: string; fix: string }

/** Says what is wrong with a cell that is not empty; undefined: nothing. */
export type Check = (cell: string) => Wrong | undefined

const FORMATS: Record<DateFormat, string> = {
  MONTH_DAY_YEAR: '12/31/2026',
  DAY_MONTH_YEAR: '31.12.2026',
  YEAR_MONTH_DAY: '2026-12-31',
}
const MAX_CELL_CHARS = 65_536
const MAX_MEANT = 200
const MAX_KNOWN = 10_000
const MAX_OPTIONS_SEARCHED = 2_000

/** Says what is wrong with a cell by its length and its first byte, which is all that a text can be wrong in. */
export function checkStart(size: number, first: number, cell: () => string): Wrong | undefined {
  if (size > MAX_CELL_CHARS && cell().length > MAX_CELL_CHARS)
    return wrong('COLUMN_TOO_LARGE', `The cell has more than the ${MAX_CELL_CHARS} characters that HubSpot takes.`, 'Shorten it.')
  return first <= AT && (first < ZERO || first > NINE) && FORMULA.test(cell()) ? FORMULA_LIKE : undefined
}

/** What is called formula-like is none where a number or a telephone number begins so. */
const FORMULA = /^([=@\t\r\n]|[+-](?![\d.,\s(]*\d))/
/** The last of the characters that a formula may begin with. */
const AT = 0x40
const [ZERO, NINE] = [0x30, 0x39]

const FORMULA_LIKE = wrong(
  'FORMULA_LIKE_VALUE',
  'A spreadsheet that opens this value may run it as a formula. HubSpot gets it as it is.',
  'Leave out the first character, if it is not meant.',
)

/** The check of a column’s cells, by what its property takes; undefined: it takes any text. */
export function checkOf(column: CheckedColumn, dateFormat: DateFormat): Check | undefined {
  const { objectTypeId, propertyName, property, identifies } = column
  if (identifies === 'record id')
    return unless(
      isRecordId,
      wrong('INVALID_OBJECT_ID', 'A record’s id is a whole number.', 'Use the id that HubSpot shows as Record ID.'),
    )
  if (objectTypeId === '0-1' && propertyName === 'email')
    return unless(isEmail, wrong('INVALID_EMAIL', 'This is not an e-mail address.', 'Write it like name@example.com.'))
  if (objectTypeId === '0-2' && propertyName === 'domain')
    return unless(isDomain, wrong('INVALID_DOMAIN', 'This is not a domain name.', 'Write it like example.com.'))
  if (isOwner(column)) return checkOfOwners(column)
  return property ? checkOfType(property, dateFormat) : undefined
}

const phone = unless(
  isPhone,
  wrong('INVALID_PROPERTY_VALUE_FORMAT', 'This is not a telephone number.', 'Write it like +49 89 1234567.'),
)

function checkOfType(property: Property, dateFormat: DateFormat): Check | undefined {
  const example = FORMATS[dateFormat]
  switch (property.type) {
    case 'number':
      return unless(
        isNumber,
        wrong('COULD_NOT_PARSE_NUMBER', `"${property.label}" takes numbers, and this is none.`, 'Write it like 1234.56 or 25%.'),
      )
    case 'date':
      return unless(
        (cell) => isDate(cell, dateFormat),
        wrong(
          'COULD_NOT_PARSE_DATE',
          `"${property.label}" takes dates, and this is none in the import’s format.`,
          `Write it like ${example}, or set dateFormat.`,
        ),
      )
    case 'datetime':
      return unless(
        (cell) => isDateTime(cell, dateFormat),
        wrong(
          'COULD_NOT_PARSE_DATE',
          `"${property.label}" takes dates with times, and this is none in the import’s format.`,
          `Write it like ${example} 14:30, or as milliseconds since 1970.`,
        ),
      )
    case 'bool':
      return unless(
        isYesOrNo,
        wrong('INVALID_ENUMERATION_OPTION', `"${property.label}" takes Yes or No.`, 'Write Yes, No, True or False.'),
      )
    case 'phone_number':
      return phone
    case 'string':
      // HubSpot's own "phone" is a text that is shown as a telephone number.
      return property.fieldType === 'phonenumber' ? phone : undefined
    case 'enumeration':
      return property.options.length > 0 ? checkOfOptions(property) : undefined
    default:
      return undefined
  }
}

/** Options are taken by label and by value; several of them, between semicolons, where the property is of checkboxes. */
function checkOfOptions({ label, fieldType, options }: Property): Check {
  const known = new Set(options.flatMap((option) => [option.label.trim().toLowerCase(), option.value.trim().toLowerCase()]))
  const isMultiple = fieldType === 'checkbox'
  const names = options.flatMap((option) => [option.label, option.value])
  const nameless = wrong(
    'INVALID_ENUMERATION_OPTION',
    `"${label}" has no option of this name.`,
    'Use one of the property’s options, or add this one in HubSpot.',
  )
  // The same wrong value is mostly in many rows.
  const meant = new Map<string, Wrong>()
  const describe = (cell: string): Wrong => {
    const near = options.length <= MAX_OPTIONS_SEARCHED ? closest(cell, names) : undefined
    return near === undefined ? nameless : { ...nameless, fix: `Did you mean "${near}"?` }
  }
  return (cell) => {
    if (known.has(cell)) return undefined
    const plain = cell.trim().toLowerCase()
    if (known.has(plain)) {
      // As it stands, it need not be made plain again.
      if (known.size < MAX_KNOWN) known.add(copy(cell))
      return undefined
    }
    if (isMultiple && plain.split(';').every((one) => one.trim() === '' || known.has(one.trim()))) return undefined
    const found = meant.get(plain)
    if (found) return found
    // Of so many different ones nobody asks what each was meant to be.
    if (meant.size >= MAX_MEANT) return nameless
    const described = describe(cell)
    meant.set(copy(plain), described)
    return described
  }
}

/** A part of a text keeps all of that text. */
function copy(part: string): string {
  return Buffer.from(part).toString()
}

const formless = wrong('COULD_NOT_FIND_OWNER', 'An owner is given by name, e-mail address or id.', 'Write one of them.')
/** Who was probably meant is not said: an account's users are none of a partner's business. */
const nobody = wrong(
  'COULD_NOT_FIND_OWNER',
  'The portal has no owner of this name, e-mail address or id.',
  'Name one of its users, or leave the cell empty.',
)
const several = wrong(
  'MULTIPLE_OWNERS_FOUND',
  'The portal has several owners of this name.',
  'Use the e-mail address or the id instead.',
)

/** Owners are taken by name, e-mail address and id; several of them, between semicolons, where the property is of checkboxes. */
function checkOfOwners({ owners, property }: CheckedColumn): Check {
  const isMultiple = property?.fieldType === 'checkbox'
  const known = owners?.length ? countOwners(owners) : undefined
  const checkOne = (one: string): Wrong | undefined => {
    if (!hasOwnersForm(one)) return formless
    if (!known) return undefined
    const count = known.get(asOwner(one)) ?? 0
    return count === 1 ? undefined : count === 0 ? nobody : several
  }
  return (cell) => {
    if (!isMultiple) return checkOne(cell)
    for (const one of cell.split(';')) {
      const wrong = one.trim() === '' ? undefined : checkOne(one)
      if (wrong) return wrong
    }
    return undefined
  }
}

/** How many owners are meant by each name, e-mail address and id. */
function countOwners(owners: Owner[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { id, email, firstName, lastName } of owners)
    for (const one of new Set([id, email ?? '', `${firstName ?? ''} ${lastName ?? ''}`].map(asOwner)))
      counts.set(one, (counts.get(one) ?? 0) + 1)
  return counts
}

function asOwner(text: string): string {
  return text.trim().toLowerCase().replace(/\s+/g, ' ')
}

function hasOwnersForm(cell: string): boolean {
  return cell.includes('@') ? isEmail(cell.trim()) : /[\p{L}\d]/u.test(cell)
}

function unless(isRight: (cell: string) => boolean, otherwise: Wrong): Check {
  return (cell) => (isRight(cell) ? undefined : otherwise)
}

function wrong(code: string, message: string, fix: string): Wrong {
  return { code, message, fix }
}
