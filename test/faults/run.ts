// The long form of test/faults: `npm run faults -- --cycles 1000 --seed 1`. Needs a build; prints its figures, and fails if
// a single invariant was violated, nothing was tried, or the end was not caught up with in two minutes.
import { parseArgs } from 'node:util'
import { createPlace } from './support/place/place.js'
import { makePlan } from './support/run/plan.js'
import { report } from './support/run/report.js'
import { runPlan } from './support/run/run-plan.js'

/** From the last fault’s end until all imports are done: more than one recovery, since the last faults strike together. */
const CATCH_UP_MS = 120_000

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' }, verbose: { type: 'boolean' } },
})
// So many that no account makes more imports in a run of a thousand than HubSpot takes in a day.
const size = { apps: 2, portals: 30, partnersEach: 2 }
const plan = makePlan({
  seed: Number(values.seed),
  cycles: Number(values.cycles),
  apps: size.apps,
  portals: size.portals,
  partners: size.portals * size.partnersEach,
  uploads: 10,
})
const start = performance.now()
const place = await createPlace({ ...size, script: 'dist/server.js' })
const outcome = await runPlan(place, plan, (cycle, { fault, hit }) => {
  const at = `${((performance.now() - start) / 1000).toFixed(0)} s`.padStart(7)
  const name = 'failpoint' in fault ? `${fault.kind}, ${fault.failpoint}` : fault.kind
  if (values.verbose || cycle % 50 === 0) process.stdout.write(`${at}  cycle ${cycle}: ${name}${hit ? '' : ' (not met)'}\n`)
})
await place.close()
process.stdout.write(`${report(outcome, Number(values.seed))}\n`)
const { sent, rows } = outcome.history
const isSlow = outcome.caughtUpMs > CATCH_UP_MS
const isIdle = rows.length === 0 || sent.length === 0 || !outcome.happened.some(({ hit }) => hit)
// What a place leaves open, the simulated HubSpot's clocks among it, must not keep the run from its end.
process.exit(outcome.violations.length > 0 || isSlow || isIdle ? 1 : 0)
