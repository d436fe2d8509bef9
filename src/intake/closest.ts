/** A wrong name is taken for a right one that differs in so many of its letters at most. */
const MAX_SHARE = 0.34
const MAX_LENGTH = 60

/** The name that was probably meant; undefined when none is near. */
export function closest(wrong: string, names: Iterable<string>): string | undefined {
  const sought = plain(wrong)
  if (sought === '' || sought.length > MAX_LENGTH) return undefined
  let best: { name: string; distance: number } | undefined
  for (const name of names) {
    const other = plain(name)
    const limit = Math.min(
      best ? best.distance - 1 : Number.POSITIVE_INFINITY,
      Math.floor(Math.max(sought.length, other.length) * MAX_SHARE),
    )
    if (Math.abs(sought.length - other.length) > limit) continue
    const distance = editDistance(sought, other, limit)
    if (distance <= limit) best = { name, distance }
  }
  return best?.name
}

/** Without what people write now this way and now that: case, accents, blanks and punctuation. */
export function plain(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]+/gu, '')
    .toLowerCase()
}

/** Letters to change, add, leave out or swap with their neighbour; more than `limit` is as good as infinite. */
function editDistance(a: string, b: string, limit: number): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed, swapped)
    }
    if (Math.min(...next) > limit) return Number.POSITIVE_INFINITY
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
