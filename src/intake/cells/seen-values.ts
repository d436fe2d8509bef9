/** How many values more may be kept of a column, or of several together; what is beyond is not looked for. */
export type ValueBudget = { left: number }

const MAX_VALUES = 5_000_000
/** Of contacts and their companies, or of a record's id and its address: a row is seldom identified by more. */
const OWN_BUDGETS = 2
const FIRST_CAPACITY = 1 << 12
/** Larger tables have no lines: more values than the rows that HubSpot takes in a file. */
const MAX_CAPACITY_WITH_LINES = 1 << 21
/** Of the table's places so many are taken before it grows. */
const FULL_SHARE = 0.8

/**
 * Says of how many values a column's are looked for. The first two columns that identify records have `maxValues` each; all
 * others have as many together. A column that uses up a budget takes 67 MB.
 */
export function createBudgets(maxValues = MAX_VALUES): (isIdentifier: boolean) => ValueBudget {
  const shared = { left: maxValues }
  let own = OWN_BUDGETS
  return (isIdentifier) => (isIdentifier && own-- > 0 ? { left: maxValues } : shared)
}

/**
 * Which values of a column there were before, and where. Of each, two independent hashes of 32 bits are kept, 10 to 20 bytes
 * with the table's free places: of five million values two different ones are taken for the same once in a million files.
 * Beside them there is the line, half as much again, until there are 1.6 million values.
 */
export function createSeenValues(budget: ValueBudget) {
  let capacity = FIRST_CAPACITY
  let low = new Uint32Array(capacity)
  let high = new Uint32Array(capacity)
  let lines: Uint32Array | undefined = new Uint32Array(capacity)
  let size = 0

  /** 0 when it was not there before; otherwise its line, or -1. */
  function put(a: number, b: number, line: number): number {
    const mask = capacity - 1
    for (let at = a & mask; ; at = (at + 1) & mask) {
      if (low[at] === 0 && high[at] === 0) {
        low[at] = a
        high[at] = b
        if (lines) lines[at] = line
        return 0
      }
      if (low[at] === a && high[at] === b) return lines?.[at] ?? -1
    }
  }

  function grow(): void {
    const [oldLow, oldHigh, oldLines] = [low, high, lines]
    capacity *= 2
    low = new Uint32Array(capacity)
    high = new Uint32Array(capacity)
    lines = capacity <= MAX_CAPACITY_WITH_LINES ? new Uint32Array(capacity) : undefined
    for (let at = 0; at < oldLow.length; at++) {
      const [a = 0, b = 0] = [oldLow[at], oldHigh[at]]
      if (a !== 0 || b !== 0) put(a, b, oldLines?.[at] ?? 0)
    }
  }

  return {
    /**
     * The line that the value was in first, blanks around it and the case of letters aside. 0: it was not there before; -1: it
     * was, in a line that is not known any more; undefined: there were too many to know.
     */
    add(given: string, line: number): number | undefined {
      const value = plain(given)
      if (budget.left <= 0) return undefined
      let a = 0x811c9dc5
      let b = 0x9747b28c
      for (let at = 0; at < value.length; at++) {
        const code = value.charCodeAt(at)
        a = Math.imul(a ^ code, 0x01000193)
        b = Math.imul(b ^ code, 0x85ebca6b)
        b ^= b >>> 13
      }
      // Neither is ever zero twice over: that is an empty place.
      a = Math.imul(a ^ (a >>> 16), 0x7feb352d) >>> 0
      b = (Math.imul(b ^ (b >>> 15), 0x846ca68b) | 1) >>> 0
      const first = put(a, b, line)
      if (first !== 0) return first
      budget.left -= 1
      if (++size > capacity * FULL_SHARE) grow()
      return 0
    },
  }
}

/** Mostly it is so already. */
function plain(value: string): string {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code <= 0x20 || code > 0x7e || (code >= 0x41 && code <= 0x5a)) return value.trim().toLowerCase()
  }
  return value
}
