import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../../support/app.js'
import { type History, readHistory } from '../history.js'
import { checkHistory, type Violation } from '../history-checker.js'
import type { Place } from '../place/place.js'
import { createClients } from './clients.js'
import type { Cycle, Fault, PlannedUpload } from './plan.js'
import { awaitTarget, strike } from './strike.js'

/**
 * A fault that has been: when it struck, when what it broke was whole again, whether it met what it was meant for, and
 * whether no other fault struck until all that was under way had gone on.
 */
export type Happened = { fault: Fault; hit: boolean; struckAt: number; endedAt: number; isUndisturbed: boolean }
export type Outcome = { history: History; violations: Violation[]; happened: Happened[]; caughtUpMs: number; tookMs: number }

/** With more imports under way or waiting than this, the next fault waits: what is measured is faults, not a backlog. */
const MAX_UNFINISHED = 120
const REST_MS = 300_000
/** After every so many faults the next one waits until what was under way has gone on: that is what recovery takes. */
const UNDISTURBED_EVERY = 40
const UNDER_WAY = `SELECT "id" || ' ' || "state" AS "at" FROM "Import" WHERE "state" IN ('submitting', 'ambiguous', 'submitted', 'processing')`
const LEFT = `SELECT "id", "state" FROM "Import" WHERE "state" NOT IN ('done', 'failed', 'canceled', 'needs_review') AND NOT ("state" = 'held' AND "reason" IN ('reconnect', 'scope'))`

type Tell = (cycle: number, happened: Happened) => void

/** Goes through a plan, heals everything, waits until every import has come to rest, and judges the whole history. */
export async function runPlan(place: Place, plan: Cycle[], tell: Tell = () => undefined): Promise<Outcome> {
  const start = Date.now()
  const clients = createClients()
  const uploading = new Set<Promise<void>>()
  const repairing = new Set<Promise<void>>()
  const happened: Happened[] = []
  let deaths = 0

  async function upload(cycle: number, number: number, planned: PlannedUpload): Promise<void> {
    await sleep(planned.afterMs)
    const partner = place.partners[planned.partner % place.partners.length]
    if (!partner) throw new Error('there is no partner')
    const name = `Upload ${cycle}.${number}`
    const key = planned.hasKey ? `key of ${name}` : null
    const apps = place.apps.filter((app) => !app.isPaused()).map(({ url }) => url)
    const urls = apps.map((_, i) => apps[(planned.app + i) % apps.length] ?? '')
    await clients.upload({ partner, name, rows: planned.rows, key, twins: planned.twins }, urls)
  }

  for (const [number, cycle] of plan.entries()) {
    place.hubspot.control.settings({ listLagMs: cycle.listLagMs })
    // One of the apps is enough to go on with; the other may still be starting.
    await until(
      () => place.apps.filter((app) => !app.isPaused()),
      (awake) => awake.length > 0,
    ).then((awake) => Promise.race(awake.map((app) => app.start())))
    await until(
      () => place.query(LEFT),
      (left) => left.length <= MAX_UNFINISHED,
      REST_MS,
    )
    await awaitTarget(place, cycle.fault)
    for (const [i, planned] of cycle.uploads.entries()) track(uploading, upload(number + 1, i + 1, planned))
    const isUndisturbed = (number + 1) % UNDISTURBED_EVERY === 0
    const underWay = isUndisturbed ? await listUnderWay(place) : []
    const { hit, deaths: died, repair } = await strike(place, cycle.fault)
    deaths += died
    const one: Happened = { fault: cycle.fault, hit, struckAt: Date.now(), endedAt: 0, isUndisturbed }
    happened.push(one)
    const repaired = repair().then(() => {
      one.endedAt = Date.now()
      tell(number + 1, one)
    })
    track(repairing, repaired)
    // Postgres is everybody's: nothing goes on without it.
    if (place.postgres.port() === 0 || isUndisturbed) await repaired
    if (isUndisturbed)
      await until(
        () => listUnderWay(place),
        (now) => !now.some((at) => underWay.includes(at)),
        REST_MS,
      )
  }

  await Promise.all([...repairing])
  await place.heal()
  const healedAt = Date.now()
  await Promise.all([...uploading])
  await until(
    () => place.query(LEFT),
    (left) => left.length === 0,
    REST_MS,
  ).catch(() => undefined) // what never came to rest is the checker's to name
  const caughtUpMs = Date.now() - healedAt
  const history = await readHistory(place, clients.sent, deaths)
  return { history, violations: checkHistory(history), happened, caughtUpMs, tookMs: Date.now() - start }
}

async function listUnderWay(place: Place): Promise<string[]> {
  return (await place.query<{ at: string }>(UNDER_WAY)).map(({ at }) => at)
}

function track(some: Set<Promise<void>>, one: Promise<void>): void {
  const tracked = one.finally(() => some.delete(tracked))
  some.add(tracked)
}
