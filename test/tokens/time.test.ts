import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, testApp, until } from '../support/app.js'
import { startCallers } from './support/callers.js'
import { expire, refreshCalls } from './support/stored-tokens.js'

const HOUR_MS = 3_600_000

describe('processes whose clocks are an hour fast, an hour slow and right', () => {
  it('agree on what has expired and on who refreshes, by the database’s clock', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.settings({ rotateRefreshTokens: true, revokeFamilyOnReuse: true })
    app.hubspot.control.fault({ on: 'token', times: 0, do: { slowMs: 500 } })
    const groups = [HOUR_MS, -HOUR_MS, 0].map((ms) => startCallers(app, 1, { CLOCK_SHIFT_MS: String(ms) }))
    const callers = (await Promise.all(groups)).flat()
    const callAll = () => Promise.all(callers.map((caller) => caller.call({ portalIds: [PORTAL], callsEach: 64 })))
    const tokensOf = (outcomes: Awaited<ReturnType<typeof callAll>>) => new Set(outcomes.flatMap(({ tokens }) => tokens)).size

    expect([tokensOf(await callAll()), refreshCalls(app).length]).toEqual([1, 0])
    for (let expiries = 1; expiries <= 3; expiries++) {
      await expire(app)
      expect([tokensOf(await callAll()), refreshCalls(app).length]).toEqual([1, expiries])
    }
    // Each of them alone: whoever believed its own clock would now ask once more, or not at all.
    for (const [i, caller] of callers.entries()) {
      await expire(app)
      await caller.call({ portalIds: [PORTAL], callsEach: 64 })
      expect([tokensOf(await callAll()), refreshCalls(app).length]).toEqual([1, 4 + i])
    }
    expect(refreshCalls(app).filter(({ outcome }) => outcome !== 'granted')).toEqual([])
  })
})

describe('a quiet portal', () => {
  it('gets new tokens after 30 days, so that its refresh token does not die of disuse, and not before', async () => {
    const app = await testApp()
    await app.install(OTHER_PORTAL)
    for (const [portalId, days] of [
      [PORTAL, 31],
      [OTHER_PORTAL, 29],
    ]) {
      const at = `now() - ${days} * interval '1 day'`
      await app.query(`UPDATE "PortalToken" SET "createdAt" = ${at}, "expiresAt" = ${at} WHERE "portalId" = $1`, [portalId])
    }
    await app.query(`UPDATE "Portal" SET "checkAt" = now()`)

    await app.sweep()

    // A check that was claimed is due again in five minutes, one that has ended in more than ten.
    const checked = () => app.query(`SELECT "id" FROM "Portal" WHERE "checkAt" > now() + interval '10 minutes'`)
    await until(checked, ({ length }) => length === 2)
    expect(refreshCalls(app)).toMatchObject([{ portalId: PORTAL, outcome: 'granted' }])
    expect((await app.deps.tokens.read(PORTAL, 'check')).version).toBe(2)
    expect((await app.deps.tokens.read(OTHER_PORTAL, 'check')).version).toBe(1)
  })
})
