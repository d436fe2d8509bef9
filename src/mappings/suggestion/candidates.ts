import type { Property } from '../../hubspot/answers.js'
import { type Cells, type Fit, fitOf } from './cells.js'
import { createNames, type Match, type Names, type Source, type Target } from './names.js'
import { createHeaderReader, type Reading } from './read-header.js'

export type Column = { header: string; cells: Cells }

/** A property that a column may be, by its header and its values. */
export type Candidate = {
  target: Target
  score: number
  /** What the header alone would have said. */
  headerScore: number
  source: Source | 'values' | 'record id' | 'beside first name'
  fit: Fit
}

export type ReadColumn = Column & { reading: Reading; candidates: Candidate[]; chosen: Candidate | undefined }

/** A guess below this is worse than none. */
const MIN_SCORE = 0.5
const VALUES_ONLY = 0.6
const LASTNAME_BESIDE_FIRST = 0.9
const SEVERAL_WORDS = 0.8
/** What a whole name would have to be split into: too little for a guess. */
const PARTS_OF_NAME: [name: string, score: number, source: Candidate['source']][] = [
  ['firstname', 0.4, 'hint'],
  ['lastname', 0.4, 'hint'],
]
const FITTING = 0.04
/** A hint needs the values: with them, it is as good as a name. */
const FITTING_HINT = 0.2
const CONTRADICTED = 0.6
const CONTRADICTED_HARD = 0.4

/** HubSpot's own identifiers, whatever `hasUniqueValue` says of them. */
/** HubSpot's own number of a record. */
export const RECORD_ID = 'hs_object_id'
const ALTERNATE_IDS: Record<string, string> = { '0-1': 'email', '0-2': 'domain' }

/** Whether a column of this property can say which record a row is about. */
export function isIdentifier(objectTypeId: string, { name, hasUniqueValue }: Property): boolean {
  return name === RECORD_ID || hasUniqueValue || name === ALTERNATE_IDS[objectTypeId]
}

/** Of properties that identify a record, the one by which HubSpot is to find it. */
export function leadingIdentifier(identifiers: readonly Property[]): Property | undefined {
  return (
    identifiers.find(({ name }) => name === RECORD_ID) ??
    identifiers.find(({ hasUniqueValue }) => !hasUniqueValue) ??
    identifiers[0]
  )
}

/** Reads the columns as being about one kind of object, and gives each property to the column that it suits best. */
export function readColumns(objectTypeId: string, properties: readonly Property[], columns: readonly Column[]): ReadColumn[] {
  const names = createNames(objectTypeId, properties)
  const recordId = properties.find(({ name, archived }) => name === RECORD_ID && !archived)
  const read = createHeaderReader(objectTypeId, names)

  const all = columns.map((column) => {
    const reading = read(column.header)
    if (reading.isRecordId) return { ...column, reading, candidates: recordId ? asRecordId(recordId, column.cells) : [] }
    const byHeader = reading.matches.map((match) => weigh(objectTypeId, match, column.cells))
    return { ...column, reading, candidates: [...byHeader, ...byValues(names, column, reading, byHeader)] }
  })
  const settled = settleNames(names, all)
  const chosen = choose(settled)
  return settled.map((column, i) => ({ ...column, chosen: chosen.get(i) }))
}

function asRecordId(property: Property, cells: Cells): Candidate[] {
  const target = { property, optionKeys: new Set<string>() }
  const fit = fitOf(target, cells)
  // Other programs number their records too, and rarely with digits alone.
  return fit === 'contradicts' ? [] : [{ target, score: fit === 'fits' ? 1 : 0.7, headerScore: 1, source: 'record id', fit }]
}

function weigh(objectTypeId: string, { target, score, source }: Match, cells: Cells): Candidate {
  const fit = fitOf(target, cells)
  const candidate = { target, headerScore: score, source, fit }
  if (fit === 'open') return { ...candidate, score }
  if (fit === 'fits') return { ...candidate, score: Math.min(1, score + (source === 'hint' ? FITTING_HINT : FITTING)) }
  return { ...candidate, score: score * (isHard(objectTypeId, target.property, cells) ? CONTRADICTED_HARD : CONTRADICTED) }
}

/** Values that rule a property out, not only cast doubt on it. */
function isHard(objectTypeId: string, property: Property, cells: Cells): boolean {
  if (property.name === 'jobtitle' || isIdentifier(objectTypeId, property)) return true
  return property.type === 'number' && cells.share('wordsAlone') >= MIN_SCORE
}

/** What values tell without a header's help: e-mail addresses, and pages of LinkedIn. */
function byValues(names: Names, { cells }: Column, { isForeign, readOnly }: Reading, byHeader: Candidate[]): Candidate[] {
  if (isForeign || readOnly) return []
  return ['email', 'hs_linkedin_url', 'linkedin_company_page'].flatMap((name) => {
    const target = names.targets.get(name)
    if (!target || byHeader.some((candidate) => candidate.target === target) || fitOf(target, cells) !== 'fits') return []
    return [{ target, score: VALUES_ONLY, headerScore: 0, source: 'values', fit: 'fits' }]
  })
}

type Undecided = Omit<ReadColumn, 'chosen'>

/** “Name” is the last name beside a first name, a company's when the values are companies, and else a whole person's. */
function settleNames(names: Names, columns: Undecided[]): Undecided[] {
  const isThere = (name: string) =>
    columns.some(({ candidates }) =>
      candidates.some(({ target, score }) => target.property.name === name && score >= LASTNAME_BESIDE_FIRST),
    )
  const isLastName = isThere('firstname') && !isThere('lastname')

  const nameOf = (cells: Cells): [name: string, score: number, source: Candidate['source']][] => {
    if (isLastName && cells.share('severalWords') < SEVERAL_WORDS)
      return [['lastname', LASTNAME_BESIDE_FIRST, 'beside first name']]
    if (cells.share('company') >= MIN_SCORE) return [['company', VALUES_ONLY, 'values']]
    return PARTS_OF_NAME
  }
  return columns.map((column) => {
    const { isName } = column.reading
    if (!isName || column.candidates.length > 0) return column
    const meanings = isName === 'name' ? nameOf(column.cells) : PARTS_OF_NAME
    const candidates = meanings.flatMap(([name, score, source]): Candidate[] => {
      const target = names.targets.get(name)
      return target ? [{ target, score, headerScore: score, source, fit: 'open' }] : []
    })
    return { ...column, candidates }
  })
}

/** The best pairs first; every column and every property once. */
function choose(columns: Undecided[]): Map<number, Candidate> {
  const pairs = columns.flatMap(({ candidates }, column) => candidates.map((candidate) => ({ column, candidate })))
  const chosen = new Map<number, Candidate>()
  const taken = new Set<string>()
  for (const { column, candidate } of pairs.toSorted((a, b) => b.candidate.score - a.candidate.score)) {
    const { name } = candidate.target.property
    if (candidate.score < MIN_SCORE || chosen.has(column) || taken.has(name)) continue
    chosen.set(column, candidate)
    taken.add(name)
  }
  return chosen
}
