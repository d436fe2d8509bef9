import { isDate } from './date-format.js'
import type { Target } from './names.js'
import { keyOf, wordsOf } from './normalise.js'
import { entryOf } from './synonyms.js'

const MAX_CELLS = 100
const MAX_CELL_LENGTH = 200
const FITS_FROM = 0.8
const CONTRADICTS_BELOW = 0.5

/** What the values of a column say about a property. */
export type Fit = 'fits' | 'contradicts' | 'open'

/** The values of one column, as far as there are any. */
export type Cells = {
  filled: string[]
  /** Which part of the values passes a test, 0 to 1. */
  share: (kind: Kind) => number
}

const HOST = /^(?:[\p{L}\p{N}-]{1,63}\.){1,6}\p{L}{2,24}$/u
const HONORIFICS = new Set('mr mrs ms mis mx her hern frau sir madam fr hr m mme divers firma'.split(' '))
const ACADEMIC =
  /^(?:(?:dr|prof|dipl|mag|ing|med|phil|rer|nat|pol|jur|h\.c|ph\.?d|mba|b\.?sc|m\.?sc|ba|ma)\b[\s.,-]*)+(?:-?\p{L}{1,8}\.?\)?)?$/iu
const COMPANY_ENDING = /\b(?:gmbh|ag|kg|ohg|ug|gbr|se|e\.?k|inc|ltd|llc|llp|plc|corp|co|b\.?v|s\.?a|ab|as|oy)\.?$/i

const KINDS = {
  email: (cell: string) => /^[^\s@<>,;]{1,64}@[^\s@<>,;]{1,100}\.[^\s@<>,;.]{2,}$/.test(cell),
  host: (cell: string) => HOST.test(cell) && !/^www\./i.test(cell),
  site: (cell: string) => /^(?:https?:\/\/|www\.)\S+$/i.test(cell) || HOST.test(cell.replace(/\/\S*$/, '')),
  linkedin: (cell: string) => /\blinkedin\.com\//i.test(cell),
  social: (cell: string) => /\b(?:linkedin|xing|facebook|twitter|instagram|youtube)\.com\//i.test(cell),
  phone: (cell: string) =>
    /^(?:p:|')?\+?[\d\s()/.–-]+(?:\s?(?:ext|x)\.?\s?\d+)?$/i.test(cell) && cell.replaceAll(/\D/g, '').length >= 5,
  letters: (cell: string) => /\p{L}{5}/u.test(cell) || cell.includes('@'),
  wordsAlone: (cell: string) => /\p{L}{2}/u.test(cell) && !/\d/.test(cell),
  date: isDate,
  number: (cell: string) => /^\D{0,4}\d[\d.,'’\s]*(?:%|\p{Sc}|\p{L}{2,3})?$/u.test(cell) && !isDate(cell),
  digits: (cell: string) => /^\d{1,20}$/.test(cell),
  postcode: (cell: string) => /^(?:\p{L}{1,3}[- ])?[\p{L}\d -]{2,10}$/u.test(cell) && /\d/.test(cell) && !/\p{L}{4}/u.test(cell),
  yesNo: (cell: string) => /^(?:true|false|yes|no|ja|nein|wahr|falsch|0|1|y|n|x)$/i.test(cell),
  honorific: (cell: string) => HONORIFICS.has(keyOf(wordsOf(cell))),
  academic: (cell: string) => ACADEMIC.test(cell),
  company: (cell: string) => COMPANY_ENDING.test(cell),
  wording: (cell: string) => /\p{L}{2}/u.test(cell),
  severalWords: (cell: string) => wordsOf(cell).length > 1,
} satisfies Record<string, (cell: string) => boolean>
type Kind = keyof typeof KINDS

type Expectation = { fits?: Kind[]; contradictedBy?: Kind[]; mustFit?: boolean }

const NAME: Expectation = { contradictedBy: ['email', 'site', 'date', 'digits'] }
const SITE: Expectation = { fits: ['site'], contradictedBy: ['social'], mustFit: true }
const LINKEDIN: Expectation = { fits: ['linkedin'], mustFit: true }

/** What values are expected of properties that are told by name; of the others their type says it. */
const EXPECTED: Record<string, Expectation> = {
  email: { fits: ['email'], mustFit: true },
  work_email: { fits: ['email'], mustFit: true },
  domain: { fits: ['host'], mustFit: true },
  hs_object_id: { fits: ['digits'], mustFit: true },
  website: SITE,
  hs_linkedin_url: LINKEDIN,
  linkedin_company_page: LINKEDIN,
  zip: { fits: ['postcode'], mustFit: true },
  date_of_birth: { fits: ['date'] },
  fax: { fits: ['phone'], contradictedBy: ['letters', 'email'] },
  salutation: { fits: ['honorific'], mustFit: true },
  jobtitle: { fits: ['wording'], contradictedBy: ['honorific', 'academic', 'email', 'digits', 'date'] },
  firstname: NAME,
  lastname: NAME,
  company: NAME,
  name: NAME,
  city: NAME,
  state: { contradictedBy: ['email', 'site', 'date'] },
  country: { contradictedBy: ['email', 'site', 'date'] },
  address: { contradictedBy: ['email', 'site', 'date'] },
}

const EXPECTED_OF_TYPE: Record<string, Expectation> = {
  phone_number: { fits: ['phone'], contradictedBy: ['letters'] },
  date: { fits: ['date'], mustFit: true },
  datetime: { fits: ['date'], mustFit: true },
  number: { fits: ['number'], mustFit: true },
  bool: { fits: ['yesNo'], mustFit: true },
}

/** The column's values among the sample rows; empty cells say nothing. */
export function cellsOf(samples: readonly (readonly string[])[], column: number): Cells {
  const filled = samples
    .slice(0, MAX_CELLS)
    .map((row) => (row[column] ?? '').trim().slice(0, MAX_CELL_LENGTH))
    .filter((cell) => cell !== '')
  const shares = new Map<Kind, number>()

  return {
    filled,
    share(kind) {
      const share = shares.get(kind) ?? shareOf(filled, KINDS[kind])
      shares.set(kind, share)
      return share
    },
  }
}

/** Whether a column's values are such as the property takes. Without values, everything is open. */
export function fitOf({ property, optionKeys }: Target, cells: Cells): Fit {
  if (cells.filled.length === 0) return 'open'
  if (property.type === 'enumeration' && optionKeys.size > 0) return fitOfOptions(optionKeys, cells.filled)
  const {
    fits = [],
    contradictedBy = [],
    mustFit = false,
  } = entryOf(EXPECTED, property.name) ?? entryOf(EXPECTED_OF_TYPE, property.type) ?? {}

  if (contradictedBy.some((kind) => cells.share(kind) >= CONTRADICTS_BELOW)) return 'contradicts'
  const share = Math.max(0, ...fits.map(cells.share))
  if (share >= FITS_FROM) return 'fits'
  return mustFit && share < CONTRADICTS_BELOW ? 'contradicts' : 'open'
}

function fitOfOptions(known: ReadonlySet<string>, filled: string[]): Fit {
  // A cell may hold several options.
  const share = shareOf(filled, (cell) => cell.split(';').every((part) => known.has(keyOf(wordsOf(part)))))
  if (share >= FITS_FROM) return 'fits'
  return share < CONTRADICTS_BELOW ? 'contradicts' : 'open'
}

function shareOf(filled: string[], test: (cell: string) => boolean): number {
  return filled.length === 0 ? 0 : filled.filter(test).length / filled.length
}
