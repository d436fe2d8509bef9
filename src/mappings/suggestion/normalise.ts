/** A header says what it says in its first words; HubSpot's own labels are shorter than this. */
const MAX_LENGTH = 200

/**
 * The words of a name, folded so that usual spellings of a word are the same: case, accents, umlauts written as two
 * letters, ß, doubled letters, “Nr.”, camelCase and snake_case. Numbers are words of their own.
 */
export function wordsOf(name: string): string[] {
  const words = name
    .slice(0, MAX_LENGTH)
    .normalize('NFKC')
    .replace(/(\p{Ll})(?=\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1$2 ')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/(\p{L})(?=\p{N})|(\p{N})(?=\p{L})/gu, '$1$2 ')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .map(foldWord)
  return joinEmail(words)
}

/** Words as one, for comparing: “Post Code” and “Postcode” are the same name. */
export function keyOf(words: readonly string[]): string {
  return foldWord(words.join(''))
}

/** The names of a comma-separated list, as words. */
export function namesIn(list: string): string[][] {
  return list.split(',').map(wordsOf)
}

/** Two letters for an umlaut become one wherever they stand, on both sides of a comparison: “neue” suffers alike. */
function foldWord(word: string): string {
  return word
    .replace(/^0+(?=\d)/, '')
    .replace(/nr$/, 'nummer')
    .replaceAll(/([aou])e/g, '$1')
    .replaceAll(/(\p{L})\1+/gu, '$1')
}

function joinEmail(words: string[]): string[] {
  return words.flatMap((word, i) => {
    if (word === 'e' && words[i + 1]?.startsWith('mail')) return []
    return word.startsWith('mail') && words[i - 1] === 'e' ? [`e${word}`] : [word]
  })
}
