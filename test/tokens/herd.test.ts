import { describe, expect, it } from 'vitest'
import { PORTAL, testApp } from '../support/app.js'
import { startCallers } from './support/callers.js'
import { connectPortals } from './support/portals.js'
import { expire, isCurrent, isLong, refreshCalls } from './support/stored-tokens.js'

const PROCESSES = 4
const CALLERS = 64
const EXPIRIES = isLong ? 200 : 12
const SLOW_MS = 3_000
const MANY_PORTALS = 1_000
const WHOLE_TEST_MS = isLong ? 30 * 60_000 : 60_000

describe('a token that expires', () => {
  it(
    'is refreshed once, whoever calls on whichever process, and what HubSpot gave is never lost',
    async () => {
      const app = await testApp({ work: false })
      const { control } = app.hubspot
      control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse: true })
      const callers = await startCallers(app, PROCESSES)
      let [calls, lost] = [0, 0]

      for (let i = 0; i < EXPIRIES; i++) {
        const slowMs = isLong || i === 0 ? SLOW_MS : 100
        control.clearFaults()
        control.fault({ on: 'token', times: 0, do: { slowMs } })
        await expire(app)
        // Every other time some callers come late: while HubSpot is asked, as it answers, and after that.
        const order = { portalIds: [PORTAL], callsEach: CALLERS, spreadMs: i % 2 === 0 ? 0 : 1.5 * slowMs }
        const outcomes = await Promise.all(callers.map((caller) => caller.call(order)))
        expect(outcomes.flatMap(({ failed }) => Object.keys(failed))).toEqual([])
        expect(new Set(outcomes.flatMap(({ tokens }) => tokens)).size).toBe(1)
        calls += outcomes.flatMap(({ timesMs }) => timesMs).length
        lost += (await isCurrent(app)) ? 0 : 1
      }

      const asked = refreshCalls(app)
      const invalidGrants = asked.filter(({ error }) => error === 'invalid_grant').length
      const result = { expiries: EXPIRIES, calls, refreshes: asked.length, invalid_grant: invalidGrants, lost }
      console.table([result])
      expect(result).toEqual({
        expiries: EXPIRIES,
        calls: EXPIRIES * PROCESSES * CALLERS,
        refreshes: EXPIRIES,
        invalid_grant: 0,
        lost: 0,
      })
      control.clearFaults()
      expect((await app.deps.accessToken.renewed(PORTAL, 'check', EXPIRIES + 1)).version).toBe(EXPIRIES + 2)
    },
    WHOLE_TEST_MS,
  )

  it(
    'is refreshed and stored, when those of many portals expire together on one process',
    async () => {
      const app = await testApp({ work: false, install: false })
      app.hubspot.control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse: true })
      const [key] = app.config.encryptionKeys
      if (!key) throw new Error('no key')
      const portalIds = await connectPortals(app, key, MANY_PORTALS)
      const [caller] = await startCallers(app, 1)
      await expire(app)

      const first = await caller?.call({ portalIds, callsEach: 1 })
      await expire(app)
      const second = await caller?.call({ portalIds, callsEach: 1 })

      expect([first?.failed, second?.failed]).toEqual([{}, {}])
      expect(refreshCalls(app).filter(({ outcome }) => outcome === 'granted')).toHaveLength(2 * MANY_PORTALS)
    },
    WHOLE_TEST_MS,
  )
})
