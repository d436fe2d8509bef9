import type { Match, Names } from './names.js'
import { keyOf, namesIn, wordsOf } from './normalise.js'
import {
  ANYBODYS_ID,
  COMPOUND_BEGINNINGS,
  FOREIGN_WORDS,
  FULL_NAME,
  LATER_WORDS,
  OBJECT_WORDS,
  OTHER_WORDS,
  PLACE_WORDS,
  PLAIN_WORDS,
  RECORD_ID,
  RECORD_WORDS,
} from './synonyms.js'

/** What a header alone says. */
export type Reading = {
  words: string[]
  /** Properties it may mean, the likeliest first. */
  matches: Match[]
  /** `whole`: it is nothing but a person's whole name. `name`: it is only “name”, whose meaning the other headers decide. */
  isName: 'whole' | 'name' | false
  isRecordId: boolean
  /** It is only “ID”, or as little. */
  isAnybodysId: boolean
  /** It says that it is the second of its kind. */
  isLater: boolean
  /** Its value belongs to somebody or something else. */
  isForeign: boolean
  /** The label of the property it names, when HubSpot fills that in itself. */
  readOnly: string | undefined
}

type Part = { matches: Match[]; isLater: boolean }

const PLAIN = 0.97
const OF_PLACE = 0.9
const OTHER = 0.6
const LATER = 0.58
const WITHOUT_PARENTHESES = 0.88
/** A word nobody knows before a name: whose name it is stays open. */
const UNKNOWN_OWNER = 0.75
const SURE_FROM = 0.9

/** Reads headers of a file about one kind of object. */
export function createHeaderReader(objectTypeId: string, names: Names): (header: string) => Reading {
  const own = setOf(OBJECT_WORDS[objectTypeId] ?? '')
  const ofCompany = objectTypeId === '0-1' ? setOf(OBJECT_WORDS['0-2'] ?? '') : new Set<string>()
  const plain = new Set([...setOf(PLAIN_WORDS), ...own])
  const ofPlace = setOf(PLACE_WORDS)
  const other = new Set([...setOf(OTHER_WORDS), ...ofCompany].filter((word) => !plain.has(word)))
  const later = setOf(LATER_WORDS)
  const foreign = setOf(FOREIGN_WORDS)
  const fullNames = keysOf(FULL_NAME)
  const recordIds = keysOf(RECORD_ID)
  const recordWords = setOf(RECORD_WORDS[objectTypeId] ?? '')
  const anybodysIds = keysOf(ANYBODYS_ID)
  const beginnings = [...setOf(COMPOUND_BEGINNINGS)]

  return (header) => {
    const words = wordsOf(header)
    const part = exactly(words)
    const { matches, isLater } = part.matches.length > 0 ? part : withoutParentheses(header)
    const isForeign = words.some((word) => foreign.has(word))
    const readOnly = part.matches.some(({ score }) => score >= SURE_FROM) ? undefined : names.readOnly(words)
    const isName = nameIn(words)
    // A portal may well have a property for whole names; it is called by its label then.
    const isNameOnly = isName && !matches.some(({ source }) => source === 'label')
    const isUnknown = matches.length === 0 && !isForeign
    return {
      words,
      matches: readOnly || isNameOnly ? [] : isUnknown ? names.similar(words) : matches,
      isName,
      isRecordId: recordIds.has(keyOf(words.filter((word) => !recordWords.has(word)))),
      isAnybodysId: anybodysIds.has(keyOf(words)),
      isLater: isLater || words.some((word) => later.has(word)),
      isForeign,
      readOnly,
    }
  }

  function exactly(words: string[]): Part {
    const whole = names.exact(words)
    if (whole.length > 0) return { matches: whole, isLater: false }
    const stripped = withoutSideWords(words)
    if (stripped.matches.length > 0) return stripped
    return { matches: afterUnknownWord(words), isLater: stripped.isLater }
  }

  /** “Business Street”, “E-Mail 2”, “Adresse 1: Ort”: words beside the name leave its meaning or make it one of several. */
  function withoutSideWords(words: string[]): Part {
    const split = words.flatMap(splitCompound)
    const isSide = (word: string) =>
      plain.has(word) || ofPlace.has(word) || other.has(word) || later.has(word) || /^\d+$/.test(word)
    const rest = split.filter((word) => !isSide(word))
    const side = split.filter(isSide)
    const isLater = side.some((word) => later.has(word) || /^(?:[2-9]|\d\d+)$/.test(word))
    const factor = isLater ? LATER : weightBeside(side)
    const matches = [rest, rest.slice(1)].map(names.exact).find((found) => found.length > 0) ?? []
    // What is left after “address” is a part of it.
    const isPart = names.exact(rest).length > 0 || rest[0] === 'adres'
    return { matches: isPart ? weighed(matches, factor) : [], isLater }
  }

  function weightBeside(side: string[]): number {
    if (side.some((word) => other.has(word))) return OTHER
    return side.some((word) => ofPlace.has(word)) ? OF_PLACE : PLAIN
  }

  function splitCompound(word: string): string[] {
    const beginning = beginnings.find((one) => word.startsWith(one) && word.length > one.length + 2)
    return beginning ? [beginning, word.slice(beginning.length)] : [word]
  }

  function afterUnknownWord([first, ...rest]: string[]): Match[] {
    if (first === undefined || rest.length === 0 || keyOf(rest) === 'name' || [first, ...rest].some((word) => foreign.has(word)))
      return []
    return weighed(
      names.exact(rest).filter(({ score }) => score >= SURE_FROM),
      UNKNOWN_OWNER,
    )
  }

  /** “Umsatz (in T€)”: what stands in parentheses may be a unit or a hint. */
  function withoutParentheses(header: string): Part {
    const bare = header.replaceAll(/\([^()]*\)|\[[^[\]]*\]/g, ' ')
    if (bare === header || wordsOf(header).some((word) => foreign.has(word))) return { matches: [], isLater: false }
    const { matches, isLater } = exactly(wordsOf(bare))
    return { matches: weighed(matches, WITHOUT_PARENTHESES), isLater }
  }

  function nameIn(words: string[]): Reading['isName'] {
    if (objectTypeId !== '0-1') return false
    if (fullNames.has(keyOf(words))) return 'whole'
    const rest = words.filter((word) => !own.has(word))
    return keyOf(rest) === 'name' ? (rest.length === words.length ? 'name' : 'whole') : false
  }
}

function weighed(matches: Match[], factor: number): Match[] {
  return matches.map((match) => ({ ...match, score: match.score * factor }))
}

function setOf(list: string): Set<string> {
  return new Set(namesIn(list).map((words) => words.join('')))
}

function keysOf(list: string): Set<string> {
  return new Set(namesIn(list).map(keyOf))
}
