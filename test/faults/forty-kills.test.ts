import { describe, expect, it, onTestFinished } from 'vitest'
import { expectNoLeaks } from '../support/leaks.js'
import { checkHistory } from './support/history-checker.js'
import { BOOT_FAILPOINTS, FAILPOINTS, RECOVERY_FAILPOINTS } from './support/place/failpoints.js'
import { createPlace } from './support/place/place.js'
import { PLANTED_BUGS } from './support/planted-bugs.js'
import { ALL_KINDS, type Kind, makePlan } from './support/run/plan.js'
import { report } from './support/run/report.js'
import { runPlan } from './support/run/run-plan.js'

const WHOLE_TEST_MS = 900_000
/** A minute is promised, on a machine that does nothing else: its figure is in docs/reliability.md. */
const RECOVERY_MS = 120_000
const SEED = 4

const isKill = (kind: string) => kind.startsWith('kill')
const KILLS: Partial<Record<Kind, number>> = Object.fromEntries(Object.entries(ALL_KINDS).filter(([kind]) => isKill(kind)))

describe('two apps on one Postgres, killed forty times while partners upload', () => {
  it(
    'lose nothing that was accepted, import nothing twice, and catch up',
    async () => {
      const place = await createPlace({ apps: 2, portals: 10, partnersEach: 1 })
      onTestFinished(place.close)
      const plan = makePlan({ seed: SEED, cycles: 40, apps: 2, portals: 10, partners: 10, uploads: 5 }, KILLS)

      const outcome = await runPlan(place, plan)

      expect(outcome.violations, report(outcome, SEED)).toEqual([])
      expect(outcome.history.rows.length).toBeGreaterThan(40)
      expect(outcome.caughtUpMs).toBeLessThan(RECOVERY_MS)
      const meant = outcome.happened.filter(({ fault }) => 'failpoint' in fault)
      expect(meant.filter(({ hit }) => hit).length).toBeGreaterThan(meant.length / 2)
      expectNoLeaks(place.canaries(), place.outputs())
      // Had there been a bug, it would have been seen in this very history.
      for (const [bug, { invariant, plant }] of Object.entries(PLANTED_BUGS)) {
        const history = structuredClone(outcome.history)
        plant(history, (some) => some[some.length >> 1] as (typeof some)[number])
        expect(checkHistory(history).map((one) => one.invariant, bug)).toContain(invariant)
      }
    },
    WHOLE_TEST_MS,
  )
})

describe('a plan', () => {
  it('is the same for the same seed, and another for another', () => {
    const size = { cycles: 200, apps: 2, portals: 10, partners: 20, uploads: 10 }

    expect(makePlan({ ...size, seed: 7 })).toEqual(makePlan({ ...size, seed: 7 }))
    expect(makePlan({ ...size, seed: 7 })).not.toEqual(makePlan({ ...size, seed: 8 }))
  })

  it('of a thousand cycles holds every kind of fault, and every failpoint', () => {
    const plan = makePlan({ cycles: 1_000, apps: 2, portals: 10, partners: 20, uploads: 10, seed: 1 })

    expect(new Set(plan.map(({ fault }) => fault.kind))).toEqual(new Set(Object.keys(ALL_KINDS)))
    const planned = new Set(plan.flatMap(({ fault }) => ('failpoint' in fault ? [fault.failpoint] : [])))
    expect(planned).toEqual(new Set(Object.keys({ ...FAILPOINTS, ...RECOVERY_FAILPOINTS, ...BOOT_FAILPOINTS })))
  })
})
