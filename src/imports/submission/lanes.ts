/** So many files are on their way to HubSpot at a time, per process: slow portals must not hold up the others. */
const MAX_UPLOADS = 64

export type Lanes = ReturnType<typeof createLanes>

/** Uploads to HubSpot that run beside one another, and outlive the jobs that started them. */
export function createLanes() {
  const running = new Set<Promise<void>>()
  const givingUp = new AbortController()
  let isOpen = true

  return {
    /** Resolves when another one may be started; false once there are to be no more. */
    async room(): Promise<boolean> {
      while (running.size >= MAX_UPLOADS) await Promise.race(running)
      return isOpen
    },

    /** Starts one, which sees to its own failures; the signal tells it to give up. */
    start(upload: (signal: AbortSignal) => Promise<void>): void {
      const one = upload(givingUp.signal).finally(() => running.delete(one))
      running.add(one)
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
