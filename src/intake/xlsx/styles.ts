import { readTokens } from './xml/read-tokens.js'

/** How a number is shown, as far as it matters: a day, a day and a time, a time of day, hours that go on beyond a day. */
export type NumberFormat = 'number' | 'date' | 'datetime' | 'time' | 'duration'

/** Formats that have a number instead of a code. What 27 to 58 are depends on the language, but is always a date or a time. */
const BUILT_IN: [first: number, last: number, format: NumberFormat][] = [
  [14, 17, 'date'],
  [18, 21, 'time'],
  [22, 22, 'datetime'],
  [27, 31, 'date'],
  [32, 33, 'time'],
  [34, 36, 'date'],
  [45, 45, 'time'],
  [46, 46, 'duration'],
  [47, 47, 'time'],
  [50, 58, 'date'],
]

/**
 * Of each style that a cell can have: how it shows numbers.
 * @see ECMA-376 part 1, 18.8.30 (numFmt)
 */
export async function readNumberFormats(part: string, chunks: AsyncIterable<Buffer>): Promise<NumberFormat[]> {
  const custom = new Map<string, NumberFormat>()
  const styles: string[] = []
  let section = ''
  await readTokens(part, chunks, (xml, token) => {
    if (token !== 'open') return
    if (xml.depth() === 2) section = xml.name()
    else if (section === 'numFmts' && xml.name() === 'numFmt')
      custom.set(xml.attribute('numFmtId') ?? '', classifyFormat(xml.attribute('formatCode') ?? ''))
    else if (section === 'cellXfs' && xml.name() === 'xf') styles.push(xml.attribute('numFmtId') ?? '0')
  })
  return styles.map((id) => custom.get(id) ?? builtIn(Number(id)))
}

function builtIn(id: number): NumberFormat {
  return BUILT_IN.find(([first, last]) => id >= first && id <= last)?.[2] ?? 'number'
}

/** No spreadsheet takes more. */
const MAX_CODE_LENGTH = 255

/** What a format's code shows. Only its first section counts, and in that only what is not quoted, escaped or in brackets. */
export function classifyFormat(whole: string): NumberFormat {
  const code = whole.slice(0, MAX_CODE_LENGTH)
  const bare = code.replaceAll(/"[^"]*"?|\\.|_.|\*./gs, '')
  if (/^[^;]*\[(h+|m+|s+)\]/i.test(bare)) return 'duration'
  const [section = ''] = bare.replaceAll(/\[[^\]]*\]/g, '').split(';')
  const isTwelveHours = /am\/pm|a\/p/i.test(section)
  const parts =
    section
      .replaceAll(/general|am\/pm|a\/p/gi, '')
      .toLowerCase()
      .match(/y+|m+|d+|h+|s+|b+|g+/g) ?? []
  // Months and minutes share a letter: minutes follow hours, or come before seconds.
  const isMinutes = (i: number) =>
    parts[i]?.startsWith('m') && parts[i].length <= 2 && (parts[i - 1]?.startsWith('h') || parts[i + 1]?.startsWith('s'))
  const hasTime = isTwelveHours || parts.some((part, i) => /^[hs]/.test(part) || isMinutes(i))
  const hasDate = parts.some((part, i) => /^[yd]/.test(part) || (part.startsWith('m') && !isMinutes(i)))
  if (hasDate) return hasTime ? 'datetime' : 'date'
  return hasTime ? 'time' : 'number'
}
