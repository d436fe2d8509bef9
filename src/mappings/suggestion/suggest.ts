import type { Property } from '../../hubspot/answers.js'
import { type Candidate, isIdentifier, leadingIdentifier, RECORD_ID, type ReadColumn, readColumns } from './candidates.js'
import { cellsOf } from './cells.js'
import { type DateFormat, dateFormatOf } from './date-format.js'
import { wordsOf } from './normalise.js'
import { entryOf, OBJECT_WORDS, TELLING } from './synonyms.js'

type Input = {
  headers: readonly string[]
  /** Rows of cells; up to 100 are looked at. */
  samples: readonly (readonly string[])[]
  /** The portal's properties by object type id. */
  properties: Readonly<Record<string, readonly Property[]>>
  /** What the file is about, where that is known. */
  objectTypeId?: string | undefined
}

export type SuggestedColumn = {
  columnName: string
  propertyName: string | null
  columnType?: 'HUBSPOT_ALTERNATE_ID' | 'HUBSPOT_OBJECT_ID'
  /** 0 to 1; 0 where there is no guess. */
  confidence: number
  /** Whether a person need not look at it. */
  isConfident: boolean
  /** The reason for the guess, or for there being none, in a sentence. */
  why: string
  /** Other properties that the column may be, the likeliest first. */
  alternatives: string[]
}

export type Suggestion = {
  objectTypeId: string
  /** Whether it was asked for, or the headers tell it clearly; otherwise no identifier is sure. */
  isObjectTypeConfident: boolean
  /** One per header, in order. */
  columns: SuggestedColumn[]
  /** Undefined when the values do not decide. */
  dateFormat: DateFormat | undefined
  operation: 'UPSERT' | 'CREATE' | 'UPDATE'
}

/** What a mapping says of one column, in HubSpot's words. */
export type SuggestedMapping = {
  columnObjectTypeId: string
  columnName: string
  propertyName: string | null
  columnType?: SuggestedColumn['columnType']
  ignored?: true
}

const OBJECT_TYPE_IDS = ['0-1', '0-2', '0-3', '0-5']
const CONFIDENT_FROM = 0.8
/** An identifier decides which record is overwritten: its header has to say so itself. */
const IDENTIFIER_FROM = 0.91
const RIVAL_FROM = 0.5
const TIE = 0.01
const TELLING_FROM = 0.6
const MAX_ALTERNATIVES = 3
/** A file with names of companies and of no person is rather about the companies. */
const NAMELESS = -3
const OBJECT_WORD = 0.5
const CLEAR_MARGIN = 2

/**
 * Guesses which property each column is, by header and sample values, and what kind of object the rows are.
 *
 * Each property is given to one column at most, and only one that an import can set. A guess that is confident is
 * meant to be used unseen; where two columns might identify the record, neither is.
 */
export function suggestMapping({ headers, samples, properties, objectTypeId }: Input): Suggestion {
  const columns = headers.map((header, i) => ({ header, cells: cellsOf(samples, i) }))
  const readings = objectTypesOf(properties, objectTypeId).map((id) => toRead(id, readColumns(id, properties[id] ?? [], columns)))
  // The first of those who tell as much: where nothing tells, they are contacts.
  const best = readings.reduce((a, b) => (b.telling > a.telling ? b : a))
  const isClear = readings.every((other) => other === best || best.telling >= other.telling + CLEAR_MARGIN)

  const isObjectTypeConfident = objectTypeId !== undefined || isClear
  const suggested = describe(best, isObjectTypeConfident)
  return {
    objectTypeId: best.id,
    isObjectTypeConfident,
    columns: suggested,
    dateFormat: dateFormatIn(best.columns),
    operation: operationOf(suggested),
  }
}

/**
 * HubSpot's `columnMappings` for a suggestion: one entry per column, in order. A column without a guess is sent as
 * `ignored`, which HubSpot's older examples show as `false` only; nothing documented says “skip this column”. A column
 * without a header is named by its place.
 * @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide
 */
export function toColumnMappings({ objectTypeId, columns }: Suggestion): SuggestedMapping[] {
  return columns.map(({ columnName, propertyName, columnType }, i) => ({
    columnObjectTypeId: objectTypeId,
    columnName: columnName.trim() === '' ? `Column ${i + 1}` : columnName,
    propertyName,
    ...(columnType && { columnType }),
    ...(propertyName === null && { ignored: true as const }),
  }))
}

function objectTypesOf(properties: Input['properties'], asked: string | undefined): string[] {
  if (asked !== undefined) return [asked]
  const known = OBJECT_TYPE_IDS.filter((id) => properties[id])
  return known.length > 0 ? known : OBJECT_TYPE_IDS
}

/** The columns read as one kind of object, and how much they speak for its being that. */
type Read = { id: string; columns: ReadColumn[]; telling: number }

function toRead(id: string, columns: ReadColumn[]): Read {
  const weights = TELLING[id] ?? {}
  const [objectWord] = (OBJECT_WORDS[id] ?? '').split(',').map(wordsOf)
  const found = columns.flatMap(({ chosen }) => (chosen && chosen.score >= TELLING_FROM ? [chosen.target.property.name] : []))
  const ofProperties = found.map((name) => entryOf(weights, name) ?? 1)
  const ofHeaders = columns.map(({ reading }) => (reading.words[0] === objectWord?.[0] ? OBJECT_WORD : 0))
  const sum = [...ofProperties, ...ofHeaders].reduce((a, b) => a + b, 0)

  const isNamed =
    columns.some(({ reading }) => reading.isName === 'whole') || found.includes('firstname') || found.includes('lastname')
  const isOfCompanies = id === '0-1' && found.includes('company') && !isNamed
  return { id, columns, telling: isOfCompanies ? Math.max(0, sum + NAMELESS) : sum }
}

function describe({ id, columns }: Read, isObjectTypeConfident: boolean): SuggestedColumn[] {
  const ids = columns.flatMap(({ chosen }) => (chosen && isIdentifier(id, chosen.target.property) ? [chosen] : []))
  const leadingProperty = leadingIdentifier(ids.map(({ target }) => target.property))
  const leading = ids.find(({ target }) => target.property === leadingProperty)
  const recordId = leadingProperty?.name === RECORD_ID
  const holders = new Map(
    columns.flatMap(({ header, chosen }) => (chosen ? [[chosen.target.property.name, header] as const] : [])),
  )

  return columns.map((column) => {
    const { header, chosen, candidates } = column
    const alternatives = alternativesTo(column)
    if (!chosen) {
      const why = whyNone(column, (name) => holders.get(name))
      return { columnName: header, propertyName: null, confidence: 0, isConfident: false, why, alternatives }
    }
    const doubts = [
      !isObjectTypeConfident && 'The headers do not tell what the rows are.',
      ids.length > 1 && !recordId && 'Another column might identify the record too.',
      doubtOf(column, chosen, columns),
    ]
    const doubt = isIdentifier(id, chosen.target.property) && doubts.find(Boolean)
    const isTied = candidates.some(({ target, score }) => target !== chosen.target && score >= chosen.score - TIE)
    return {
      columnName: header,
      propertyName: chosen.target.property.name,
      ...(chosen === leading && { columnType: recordId ? ('HUBSPOT_OBJECT_ID' as const) : ('HUBSPOT_ALTERNATE_ID' as const) }),
      confidence: Math.round(Math.min(chosen.score, doubt ? CONFIDENT_FROM - TIE : 1) * 100) / 100,
      isConfident: chosen.score >= CONFIDENT_FROM && chosen.fit !== 'contradicts' && !isTied && !doubt,
      why: [whyChosen(chosen), doubt].filter(Boolean).join(' '),
      alternatives,
    }
  })
}

/** Why an identifier is not sure, in a sentence. */
function doubtOf(column: ReadColumn, chosen: Candidate, columns: ReadColumn[]): string | undefined {
  const { filled } = column.cells
  const { target, headerScore, fit } = chosen
  const rival = columns.find(
    (other) =>
      other !== column &&
      !other.reading.isLater &&
      other.candidates.some((one) => one.target.property === target.property && one.score >= RIVAL_FROM),
  )
  if (rival) return `“${rival.header}” might be it too.`
  if (headerScore < IDENTIFIER_FROM || column.reading.isAnybodysId)
    return 'The header does not say so surely enough for an identifier.'
  if (filled.length > 0 && fit === 'open' && !target.property.hasUniqueValue) return 'Not all values look like it.'
  return target.property.hasUniqueValue && new Set(filled).size < filled.length ? 'Values occur more than once.' : undefined
}

function whyChosen({ target: { property }, source, fit }: Candidate): string {
  const because = {
    name: 'The header is the property’s name',
    label: 'The header is the property’s label',
    synonym: `The header is another word for “${property.label}”`,
    hint: `The header may mean “${property.label}”`,
    spelling: `The header is spelled much like “${property.label}” or another word for it`,
    words: `The header shares words with “${property.label}”`,
    values: `The values look like “${property.label}”`,
    'record id': 'The header says that it is HubSpot’s number of the record',
    'beside first name': 'Beside a first name, a name is the last name',
  }[source]
  if (source === 'values') return `${because}.`
  if (fit === 'fits') return `${because}, and the values suit it.`
  return fit === 'contradicts' ? `${because}, but the values do not look like it.` : `${because}.`
}

function whyNone({ reading, candidates }: ReadColumn, holderOf: (name: string) => string | undefined): string {
  if (reading.readOnly) return `HubSpot fills in “${reading.readOnly}” itself.`
  if (reading.isForeign && candidates.length === 0) return 'It seems to be about somebody or something else.'
  if (reading.isName) return 'HubSpot keeps first and last name apart; this looks like a whole name.'
  const [best] = candidates.toSorted((a, b) => b.score - a.score)
  const holder = best && best.score >= RIVAL_FROM ? holderOf(best.target.property.name) : undefined
  if (best && holder !== undefined) return `“${best.target.property.label}” is taken by the column “${holder}”.`
  return best
    ? `It may be “${best.target.property.label}”, but that is not sure enough to guess.`
    : 'No property of this account goes by such a name.'
}

function alternativesTo({ candidates, chosen }: ReadColumn): string[] {
  const names = candidates.toSorted((a, b) => b.score - a.score).map(({ target }) => target.property.name)
  return [...new Set(names)].filter((name) => name !== chosen?.target.property.name).slice(0, MAX_ALTERNATIVES)
}

/** The dates that are imported decide; where they do not, the file's other dates are taken to be written alike. */
function dateFormatIn(columns: ReadColumn[]): DateFormat | undefined {
  const dates = columns.filter(({ cells }) => cells.share('date') > 0)
  const imported = dates.filter(({ chosen }) => /^date/.test(chosen?.target.property.type ?? ''))
  return dateFormatOf(imported.flatMap(({ cells }) => cells.filled)) ?? dateFormatOf(dates.flatMap(({ cells }) => cells.filled))
}

/** Without an identifier HubSpot can find no record again; a record id names one that exists. */
function operationOf(columns: SuggestedColumn[]): Suggestion['operation'] {
  const types = columns.map(({ columnType }) => columnType)
  if (types.includes('HUBSPOT_OBJECT_ID')) return 'UPDATE'
  return types.includes('HUBSPOT_ALTERNATE_ID') ? 'UPSERT' : 'CREATE'
}
