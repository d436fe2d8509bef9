/** So many files are on their way to HubSpot at a time, per process: slow portals must not hold up the others. */
const MAX_UPLOADS = 128

export type Lanes = ReturnType<typeof createLanes>

/** Uploads to HubSpot that run beside one another, and outlive the jobs that started them. */
export function createLanes() {
  const running = new Set<Promise<void>>()
  const givingUp = new AbortController()
  let isOpen = true

  return {
    /**
     * Waits for room, asks `claim` for the next one and starts it; false when there is none, or none is wanted any more. It
     * sees to its own failures; the signal tells it to give up.
     */
    async start(claim: () => Promise<((signal: AbortSignal) => Promise<void>) | undefined>): Promise<boolean> {
      while (running.size >= MAX_UPLOADS) await Promise.race(running)
      if (!isOpen) return false
      const claiming = claim()
      // In the set from the claim on: whoever waits for the last must not miss one that is just being claimed.
      const one = claiming
        .then(
          (upload) => upload?.(givingUp.signal),
          () => undefined,
        )
        .finally(() => running.delete(one))
      running.add(one)
      return (await claiming) !== undefined
    },

    /** Starts no more, waits up to `graceMs` for those that run, and then tells them to give up. */
    async stop(graceMs: number): Promise<void> {
      isOpen = false
      const late = setTimeout(() => givingUp.abort(), graceMs)
      while (running.size > 0) await Promise.all(running)
      clearTimeout(late)
    },
  }
}
