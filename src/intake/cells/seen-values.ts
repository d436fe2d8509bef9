/** How many values more may be kept of a column, or of several together; what is beyond is not looked for. */
export type ValueBudget = { left: number }

const MAX_VALUES = 5_000_000
/** Of contacts and their companies, or of a record's id and its address: a row is seldom identified by more. */
const OWN_BUDGETS = 2
const FIRST_CAPACITY = 1 << 12
/** Of the table's places so many are taken before it grows. */
const FULL_SHARE = 0.8

/**
 * Says of how many values a column's are looked for. The first two columns that identify records have `maxValues` each; all
 * others have as many together. That is 67 MB of each budget that is used up, 201 MB at most.
 */
export function createBudgets(maxValues = MAX_VALUES): (isIdentifier: boolean) => ValueBudget {
  const shared = { left: maxValues }
  let own = OWN_BUDGETS
  return (isIdentifier) => (isIdentifier && own-- > 0 ? { left: maxValues } : shared)
}

/**
 * Which values of a column there were before. Of each, two independent hashes of 32 bits are kept, 10 to 20 bytes with the
 * table's free places: of five million values two different ones are taken for the same once in a million files.
 */
export function createSeenValues(budget: ValueBudget) {
  let capacity = FIRST_CAPACITY
  let low = new Uint32Array(capacity)
  let high = new Uint32Array(capacity)
  let size = 0

  /** True when it was there already. */
  function put(a: number, b: number): boolean {
    const mask = capacity - 1
    for (let at = a & mask; ; at = (at + 1) & mask) {
      if (low[at] === 0 && high[at] === 0) {
        low[at] = a
        high[at] = b
        return false
      }
      if (low[at] === a && high[at] === b) return true
    }
  }

  function grow(): void {
    const [oldLow, oldHigh] = [low, high]
    capacity *= 2
    low = new Uint32Array(capacity)
    high = new Uint32Array(capacity)
    for (let at = 0; at < oldLow.length; at++) {
      const [a = 0, b = 0] = [oldLow[at], oldHigh[at]]
      if (a !== 0 || b !== 0) put(a, b)
    }
  }

  return {
    /** Whether the value was there before, blanks around it and the case of letters aside; undefined: there were too many to know. */
    add(given: string): boolean | undefined {
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
      const wasThere = put(a, b)
      if (!wasThere) budget.left -= 1
      if (!wasThere && ++size > capacity * FULL_SHARE) grow()
      return wasThere
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
