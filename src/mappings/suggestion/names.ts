import type { Property } from '../../hubspot/answers.js'
import { keyOf, namesIn, wordsOf } from './normalise.js'
import { entryOf, HINTS, SYNONYMS } from './synonyms.js'

/** A property that an import may fill. */
export type Target = {
  property: Property
  /** Its options by label and by value, folded. */
  optionKeys: ReadonlySet<string>
}

/** How a name came to mean a property. */
export type Source = 'name' | 'label' | 'synonym' | 'hint' | 'spelling' | 'words'

export type Match = { target: Target; score: number; source: Source; known: string }

/** Everything the properties of one object are called. */
export type Names = {
  targets: ReadonlyMap<string, Target>
  /** Properties with exactly this name, the surest first. */
  exact: (words: readonly string[]) => Match[]
  /** The label of a property that no import can fill, when that is what the words say. */
  readOnly: (words: readonly string[]) => string | undefined
  /** Properties with a name that is nearly this one; never as sure as an exact one. */
  similar: (words: readonly string[]) => Match[]
}

const SCORES: Record<Source, number> = { name: 1, label: 0.98, synonym: 0.95, hint: 0.65, spelling: 0.7, words: 0.7 }
/** Properties beside the one that is usually meant, even by their own name. */
const SECOND_CHOICE: Record<string, number> = { work_email: 0.8 }
/** The same words in another order. */
const REORDERED = 0.97

const MIN_SIMILAR_LENGTH = 5
const MAX_SIMILAR_LENGTH = 40
const MAX_COMPARED = 20
const MAX_LOOKED_AT = 3_000
/** Of a name this long two letters may be wrong, of a shorter one only one. */
const LONG_NAME = 8
const MIN_SHARED_WORDS = 0.6
/** German words differ in their endings: so many letters tell one from another. */
const STEM_LENGTH = 5

/** The names of an object's properties, indexed: no lookup compares a header with all of them. */
export function createNames(objectTypeId: string, properties: readonly Property[]): Names {
  const targets = new Map<string, Target>()
  const readOnly = new Map<string, string>()
  const exact = new Map<string, Match[]>()
  const similar = createSimilarNames()

  for (const property of properties) {
    if (isImportable(property)) targets.set(property.name, { property, optionKeys: optionKeysOf(property) })
    else if (!property.archived)
      for (const name of [property.name, property.label]) readOnly.set(keyOf(wordsOf(name)), property.label)
  }
  for (const target of targets.values()) {
    const { name, label } = target.property
    add(target, 'name', [wordsOf(name)])
    add(target, 'label', [wordsOf(label)])
    add(target, 'synonym', namesIn(entryOf(SYNONYMS[objectTypeId] ?? {}, name) ?? ''))
    add(target, 'hint', namesIn(entryOf(HINTS[objectTypeId] ?? {}, name) ?? ''))
  }

  function add(target: Target, source: Source, names: string[][]) {
    for (const words of names) {
      if (words.length === 0) continue
      const match = {
        target,
        score: SCORES[source] * (entryOf(SECOND_CHOICE, target.property.name) ?? 1),
        source,
        known: words.join(' '),
      }
      for (const [key, score] of [
        [keyOf(words), 1],
        [sortedKey(words), REORDERED],
      ] as const) {
        const there = exact.get(key) ?? []
        if (there.some((other) => other.target === target)) continue
        exact.set(key, [...there, { ...match, score: match.score * score }])
      }
      if (source !== 'hint') similar.add(match, words)
    }
  }

  const lookUp = <T>(map: Map<string, T>, words: readonly string[]) => map.get(keyOf(words)) ?? map.get(sortedKey(words))
  return {
    targets,
    exact: (words) => (words.length === 0 ? [] : (lookUp(exact, words) ?? []).toSorted((a, b) => b.score - a.score)),
    readOnly: (words) => readOnly.get(keyOf(words)),
    similar: similar.find,
  }
}

/** Whether an import can set it. HubSpot's own record id identifies, and is read separately. */
function isImportable({ archived, calculated, readOnly }: Property): boolean {
  return !archived && !calculated && !readOnly
}

function optionKeysOf({ options }: Property): Set<string> {
  return new Set(options.flatMap(({ label, value }) => [keyOf(wordsOf(label)), keyOf(wordsOf(value))]))
}

/** Spaces between, so that it never meets the key of another name. */
function sortedKey(words: readonly string[]): string {
  return words.toSorted().join(' ')
}

/** Names by the pairs of letters and by the words they have in common. */
function createSimilarNames() {
  const matches: { match: Match; key: string; words: number }[] = []
  const byPair = new Map<string, number[]>()
  const byStem = new Map<string, number[]>()

  return {
    add(match: Match, words: string[]) {
      const key = keyOf(words)
      const stems = stemsOf(words)
      const index = matches.push({ match, key, words: stems.size }) - 1
      for (const pair of pairsOf(words)) push(byPair, pair, index)
      if (stems.size > 1) for (const stem of stems) push(byStem, stem, index)
    },

    find(words: readonly string[]): Match[] {
      const key = keyOf(words)
      if (key.length < MIN_SIMILAR_LENGTH || key.length > MAX_SIMILAR_LENGTH) return []
      const spelt = mostShared(byPair, pairsOf(words)).flatMap(([index]) => similarTo(matches[index], key))
      const stems = stemsOf(words)
      const worded = mostShared(byStem, stems).flatMap(([index, shared]) => {
        const other = matches[index]
        const part = other ? shared / (stems.size + other.words - shared) : 0
        return other && shared > 1 && part >= MIN_SHARED_WORDS
          ? [{ ...other.match, source: 'words' as const, score: SCORES.words * part }]
          : []
      })
      return [...spelt, ...worded].toSorted((a, b) => b.score - a.score)
    },
  }
}

function similarTo(other: { match: Match; key: string } | undefined, key: string): Match[] {
  if (!other || other.key.length < MIN_SIMILAR_LENGTH) return []
  const longest = Math.max(key.length, other.key.length)
  const maxEdits = longest < LONG_NAME ? 1 : 2
  if (Math.abs(key.length - other.key.length) > maxEdits) return []
  const edits = distance(key, other.key)
  return edits <= maxEdits ? [{ ...other.match, source: 'spelling', score: SCORES.spelling * (1 - edits / longest) }] : []
}

/** The names that share most of the parts, and how many. Rare parts come first: those that all names have tell least. */
function mostShared(index: Map<string, number[]>, parts: ReadonlySet<string>): [number, number][] {
  const counts = new Map<number, number>()
  let looked = 0
  for (const found of [...parts].map((part) => index.get(part) ?? []).toSorted((a, b) => a.length - b.length)) {
    looked += found.length
    if (looked > MAX_LOOKED_AT) break
    for (const i of found) counts.set(i, (counts.get(i) ?? 0) + 1)
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).slice(0, MAX_COMPARED)
}

/** Edits between two words; two letters that changed places are one. */
function distance(a: string, b: string): number {
  let [before, previous]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (previous?.[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before?.[j - 2] ?? Infinity) + 1 : Infinity
      row.push(Math.min(changed, swapped, (previous?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    ;[before, previous] = [previous, row]
  }
  return previous?.[b.length] ?? 0
}

function pairsOf(words: readonly string[]): Set<string> {
  const [key, numbers] = [keyOf(words), numbersIn(words)]
  return new Set(Array.from({ length: Math.max(0, key.length - 1) }, (_, i) => numbers + key.slice(i, i + 2)))
}

function stemsOf(words: readonly string[]): Set<string> {
  const numbers = numbersIn(words)
  return new Set(words.filter((word) => word.length > 3).map((word) => numbers + word.slice(0, STEM_LENGTH)))
}

/** “Field 7” is no misspelled “Field 8”: names with other numbers have nothing in common. */
function numbersIn(words: readonly string[]): string {
  return words.map((word) => (/^\d+$/.test(word) ? `${word} ` : '')).join('')
}

function push(map: Map<string, number[]>, key: string, value: number) {
  const there = map.get(key)
  if (there) there.push(value)
  else map.set(key, [value])
}
