import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { RequestHandler } from 'express'
import { AppError } from '../errors.js'

/** Of one process; streams of events count among them. */
const MAX_IN_FLIGHT = 2_000
const LOOK_EVERY_MS = 2_000
/** Half of all turns of the event loop came later than this: everybody waits for everybody, and more would only add to that. */
const LATE_MS = 500
const RETRY_SECONDS = 5

/**
 * Refuses new requests while a process has more than it can do, before anything else is done for them: those that run are
 * finished, and who is refused comes back when there is room, not all at once.
 */
export function shedLoad(maxInFlight = MAX_IN_FLIGHT, watchLateness: () => () => number = watchLoop): RequestHandler {
  const lateMs = watchLateness()
  let inFlight = 0
  return (_req, res, next) => {
    if (inFlight >= maxInFlight || lateMs() > LATE_MS) {
      const retryAfterSeconds = RETRY_SECONDS + Math.floor(Math.random() * RETRY_SECONDS)
      throw new AppError('overloaded', { retryAfterSeconds, headers: { connection: 'close' } })
    }
    inFlight += 1
    res.once('close', () => {
      inFlight -= 1
    })
    next()
  }
}

/** How late the turns of the event loop have been lately: the median. */
function watchLoop(): () => number {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  let late = 0
  setInterval(() => {
    late = delay.count > 0 ? delay.percentile(50) / 1e6 : 0
    delay.reset()
  }, LOOK_EVERY_MS).unref()
  return () => late
}
