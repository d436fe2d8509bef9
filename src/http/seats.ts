/** How many of something one owner may have going on, in one process; `take` gives what ends it, or undefined: no room. */
export type Seats = { max: number; take: (owner: string) => (() => void) | undefined }

export function createSeats(max: number): Seats {
  const taken = new Map<string, number>()
  return {
    max,
    take(owner) {
      const count = taken.get(owner) ?? 0
      if (count >= max) return undefined
      taken.set(owner, count + 1)
      return () => {
        const left = (taken.get(owner) ?? 1) - 1
        if (left > 0) taken.set(owner, left)
        else taken.delete(owner)
      }
    },
  }
}
