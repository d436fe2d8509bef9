const MAX_PAUSE_SECONDS = 30

/**
 * What a process knows of whether HubSpot can be reached, or works: so many failures in a row, of whatever portals, make an
 * outage. While it lasts, the calls of all portals would come to the same: one now and then tries, less and less often, and
 * as soon as one gets through all may.
 */
export function createBreaker(failuresInARow: number) {
  let failures = 0
  let tryAgainAtMs = 0

  function pause(): void {
    const seconds = Math.min(2 ** Math.min(failures - failuresInARow, 16), MAX_PAUSE_SECONDS)
    tryAgainAtMs = performance.now() + seconds * 1_000 * (0.5 + Math.random() / 2)
  }

  return {
    /** The seconds in which nobody should try. 0: try; during an outage only one is told so, and the others wait for it. */
    secondsUntilTry(): number {
      if (failures < failuresInARow) return 0
      const left = Math.ceil((tryAgainAtMs - performance.now()) / 1_000)
      if (left > 0) return left
      pause()
      return 0
    },

    /** What became of a try. */
    note(isGood: boolean): void {
      failures = isGood ? 0 : failures + 1
      if (failures >= failuresInARow) pause()
    },
  }
}
