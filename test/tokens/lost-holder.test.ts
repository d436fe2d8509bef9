import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/simulator/faults.js'
import { PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { kill } from '../support/process.js'
import { untilState, uploadFile } from '../support/requests.js'
import { type Caller, startCallers } from './support/callers.js'
import { endLeases, expire, isCurrent, isLong, refreshCalls, versions } from './support/stored-tokens.js'

const WHOLE_TEST_MS = 90_000
const STRICT = { rotateRefreshTokens: true, revokeFamilyOnReuse: true }
const herd = { portalIds: [PORTAL], callsEach: 64 }

/** A process that holds the lease and waits for HubSpot, which has had the call with this outcome. */
async function startHolder(app: TestApp, fault: Fault, outcome: 'granted' | 'fault') {
  const [holder] = await startCallers(app, 1)
  if (!holder) throw new Error('no process')
  app.hubspot.control.fault({ on: 'token', do: fault })
  await expire(app)
  const answer = holder.call({ portalIds: [PORTAL], callsEach: 1 })
  answer.catch(() => undefined) // a holder that is killed gives none
  await until(
    () => refreshCalls(app).map((call) => call.outcome),
    (outcomes) => outcomes[0] === outcome,
  )
  return { child: holder.child, answer }
}

async function callAll(callers: Caller[]) {
  const outcomes = await Promise.all(callers.map((caller) => caller.call(herd)))
  return {
    tokens: [...new Set(outcomes.flatMap(({ tokens }) => tokens))],
    failures: outcomes.flatMap((one) => Object.keys(one.failed)),
  }
}

async function isLeased({ query }: TestApp): Promise<boolean> {
  return (await query('SELECT 1 FROM "Portal" WHERE "leaseUntil" > now()')).length > 0
}

describe('a process that is killed while it refreshes', () => {
  it.each([
    ['before HubSpot took the call', { hang: 'before-create' }, 'fault', STRICT],
    ['after HubSpot’s answer, which keeps the refresh token', { hang: 'after-create' }, 'granted', {}],
  ] as const)(
    '%s, blocks the others no longer than its lease, and nothing is lost',
    async (_when, fault, outcome, settings) => {
      const app = await testApp({ work: false })
      app.hubspot.control.settings(settings)
      const others = await startCallers(app, 3)
      const { child, answer } = await startHolder(app, fault, outcome)

      await kill(child, 'SIGKILL')
      const waiting = callAll(others)

      await expect(answer).rejects.toThrow()
      expect([await isLeased(app), refreshCalls(app).length]).toEqual([true, 1])
      if (!isLong) await endLeases(app) // the long form waits for it
      const { tokens, failures } = await waiting
      expect([tokens.length, failures, refreshCalls(app).length]).toEqual([1, [], 2])
      expect([await versions(app), await isCurrent(app)]).toEqual([[1, 2], true])
    },
    WHOLE_TEST_MS,
  )

  it('after the pair was stored, blocks nobody: its pair is there', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.settings(STRICT)
    const others = await startCallers(app, 3)
    const { child } = await startHolder(app, { slowMs: 100 }, 'granted')

    await until(
      () => versions(app),
      ({ length }) => length === 2,
    )
    await kill(child, 'SIGKILL')
    // Whether or not it came to let go of its lease.
    await app.query(`UPDATE "Portal" SET "leaseUntil" = now() + interval '25 seconds'`)
    const { tokens, failures } = await callAll(others)

    expect([tokens.length, failures, refreshCalls(app).length]).toEqual([1, [], 1])
    expect([await isCurrent(app), await isLeased(app)]).toEqual([true, true])
  })

  it(
    'after HubSpot’s answer, which replaced the refresh token: the portal is to be reconnected, its imports are held and then go on',
    async () => {
      const app = await testApp()
      app.hubspot.control.settings(STRICT)
      const { child } = await startHolder(app, { hang: 'after-create' }, 'granted')

      await kill(child, 'SIGKILL')
      const { body } = await uploadFile(app)
      await endLeases(app)

      await untilState(app, body, 'held')
      expect((await app.deps.portals.find(PORTAL))?.status).toBe('reconnect')
      expect(app.hubspot.control.imports()).toEqual([])
      await app.install()
      await untilState(app, body, 'done')
      expect(app.hubspot.control.imports()).toHaveLength(1)
    },
    WHOLE_TEST_MS,
  )
})

describe('a process that is paused while it refreshes, for longer than its lease', () => {
  it('cannot overwrite the newer token, and goes on with it', async () => {
    const app = await testApp({ work: false })
    const others = await startCallers(app, 3)
    const { child, answer } = await startHolder(app, { slowMs: 2_000 }, 'granted')

    child.kill('SIGSTOP')
    await endLeases(app)
    const { tokens, failures } = await callAll(others)
    child.kill('SIGCONT')

    expect(await answer).toMatchObject({ tokens, failed: {} })
    expect([tokens.length, failures, refreshCalls(app).length]).toEqual([1, [], 2])
    expect([await versions(app), await callAll(others)]).toEqual([[1, 2], { tokens, failures: [] }])
  })
})
