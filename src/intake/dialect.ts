/** What stands between the cells of a line. */
export type Delimiter = ',' | ';' | '\t' | '|'

/** In the order of their likelihood where nothing else decides. */
const DELIMITERS: Delimiter[] = [',', ';', '\t', '|']
const MAX_SAMPLED = 100
/** Excel's own hint, on a line of its own before the header. */
const HINT = /^sep=(.)\r?\n/

/** The delimiter that the first lines agree on; `hintLength`: of a line that only says so, and is no data. */
export function sniffDelimiter(head: string): { delimiter: Delimiter; hintLength: number } {
  const hint = HINT.exec(head)
  const told = DELIMITERS.find((one) => one === hint?.[1])
  if (hint && told) return { delimiter: told, hintLength: hint[0].length }
  const scores = DELIMITERS.map((delimiter) => ({ delimiter, score: agreement(head, delimiter) }))
  const [best] = scores.sort((a, b) => b.score - a.score)
  return { delimiter: best && best.score > 0 ? best.delimiter : ',', hintLength: 0 }
}

/** From 0, not in the header, to 1 and a bit: in as many places in every line, and in many. */
function agreement(head: string, delimiter: Delimiter): number {
  const counts = countPerRecord(head, delimiter)
  const [inHeader = 0, ...others] = counts
  if (inHeader === 0) return 0
  const same = others.filter((count) => count === inHeader).length
  return (same + 1) / (others.length + 1) + Math.min(inHeader, 999) / 10_000
}

/** How often a delimiter stands in each of the first records, blank ones and the last, which may be cut, left out. */
function countPerRecord(head: string, delimiter: string): number[] {
  const counts: number[] = []
  let count = 0
  let start = 0
  let isQuoted = false
  for (let at = 0; at < head.length && counts.length < MAX_SAMPLED; at++) {
    const one = head[at]
    if (one === '"') {
      const before = head[at - 1]
      if (isQuoted) isQuoted = false
      else if (at === start || before === delimiter || before === '"') isQuoted = true
    } else if (isQuoted) {
    } else if (one === delimiter) count += 1
    else if (one === '\n' || one === '\r') {
      if (at > start) counts.push(count)
      start = at + 1
      count = 0
    }
  }
  if (counts.length === 0) counts.push(count)
  return counts
}
