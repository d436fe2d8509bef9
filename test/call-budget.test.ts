import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase } from '../src/db/prisma.js'
import { createDeps } from '../src/deps.js'
import { AppError } from '../src/errors.js'
import { createCallBudget } from '../src/portals/call-budget.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { createTestDatabase } from './support/postgres.js'
import { untilState, uploadFile } from './support/requests.js'

const MOST = 110
const WINDOW_MS = 10_000

/** A budget whose waits are written down and not waited. */
async function openBudget() {
  const database = await createTestDatabase()
  const prisma = openDatabase(database.url)
  onTestFinished(() => prisma.$disconnect().then(database.drop))
  const waitsMs: number[] = []
  const budget = createCallBudget(prisma, async (ms) => waitsMs.push(ms))
  /** As if so much time had gone by. */
  const pass = (ms: number) => prisma.$executeRaw`UPDATE "CallBudget" SET "fullAt" = "fullAt" - ${ms} * interval '1 ms'`
  /** The seconds from a moment to when all of the budget is there again; of the database's clock. */
  const secondsToFull = async (from: Date) => {
    const [row] = await prisma.$queryRaw<{ seconds: number }[]>`
      SELECT extract(epoch FROM "fullAt" - ${from}::timestamptz)::float8 AS seconds FROM "CallBudget"`
    return row?.seconds ?? 0
  }
  const now = async () => (await prisma.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`)[0]?.now as Date
  return { ...budget, waitsMs, pass, secondsToFull, now }
}

/** The most that were within ten seconds of one of them. */
function mostInWindow(instantsMs: number[]): number {
  return Math.max(0, ...instantsMs.map((from) => instantsMs.filter((at) => at >= from && at < from + WINDOW_MS).length))
}

const codeOf = (error: unknown) => (error instanceof AppError ? error.code : 'another')
const list = (app: TestApp, portalId = PORTAL) =>
  app.deps.accessToken.use(portalId, 'check', (token) => app.deps.hubspot.listImports(token))
const calls = (app: TestApp, portalId = PORTAL) =>
  app.hubspot.control.requests().filter((call) => call.portalId === portalId && call.path.includes('/imports/'))

describe('a portal’s budget of calls', () => {
  it('never lets more than 110 go within ten seconds, whenever they come', async () => {
    const { take, pass, waitsMs } = await openBudget()
    const rounds = fc.array(fc.record({ idleMs: fc.nat(6_000), calls: fc.integer({ min: 1, max: 70 }) }), { maxLength: 7 })
    let [portals, most] = [0, 0]

    await fc.assert(
      fc.asyncProperty(rounds, async (given) => {
        const portalId = String(++portals)
        const wentMs: number[] = []
        let passedMs = 0
        for (const { idleMs, calls } of given) {
          await pass(idleMs)
          passedMs += idleMs
          for (let i = 0; i < calls; i++) {
            const before = waitsMs.length
            const isTaken = await take(portalId).then(
              () => true,
              () => false,
            )
            if (isTaken) wentMs.push(performance.now() + passedMs + (waitsMs[before] ?? 0))
          }
        }
        most = Math.max(most, mostInWindow(wentMs))
        expect(mostInWindow(wentMs)).toBeLessThanOrEqual(MOST)
      }),
      { numRuns: 15, examples: [[Array.from({ length: 7 }, () => ({ idleMs: 2_000, calls: 70 }))]] },
    )
    // And it is used: a budget that lets nothing go would keep the promise as well.
    expect(most).toBeGreaterThan(90)
  })

  it('gives each call beyond the burst a moment of its own, and turns away what would wait for long', async () => {
    const { take, waitsMs, secondsToFull, now } = await openBudget()
    const before = await now()

    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => take(PORTAL)))

    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as AppError] : []))
    expect(refused.length).toBeGreaterThan(30)
    expect(new Set(refused.map(codeOf))).toEqual(new Set(['hubspot_busy']))
    expect(refused.every(({ options }) => (options.retryAfterSeconds ?? 0) >= 1)).toBe(true)
    expect(waitsMs.length).toBeGreaterThan(10)
    expect(Math.max(...waitsMs)).toBeLessThanOrEqual(3_000)
    // Two with the same moment would have moved it on by one sixth.
    expect(await secondsToFull(before)).toBeGreaterThan((100 - refused.length) / 6 - 0.01)
  })

  it('is the same for all processes: HubSpot, with its limit of 110, refuses none of their calls', async () => {
    const app = await testApp({ work: false })
    app.hubspot.control.settings({ callsPerTenSeconds: MOST })
    const others = await Promise.all([1, 2].map(() => createDeps(app.config, app.databaseUrl, app.deps.log)))
    onTestFinished(() => Promise.all(others.map((deps) => deps.close())).then(() => undefined))
    const before = calls(app).length
    let started = 0
    const call = async ({ accessToken, hubspot }: TestApp['deps']) => {
      while (started++ < 125) await accessToken.use(PORTAL, 'check', (token) => hubspot.listImports(token))
    }

    await Promise.all([app.deps, ...others].flatMap((deps) => Array.from({ length: 5 }, () => call(deps))))

    const made = calls(app).slice(before)
    expect(made).toHaveLength(125)
    expect(new Set(made.map(({ status }) => status))).toEqual(new Set([200]))
    expect(mostInWindow(made.map(({ at }) => at))).toBeLessThanOrEqual(MOST)
  })

  it('is not used up by what HubSpot does not count: tokens, introspection, revocation', async () => {
    const app = await testApp({ work: false })
    const first = await app.deps.accessToken(PORTAL, 'check')

    const { accessToken } = await app.deps.accessToken.afterRefusal(PORTAL, 'check', first, false)
    await app.deps.oauth.revoke(accessToken)

    expect(await app.query('SELECT 1 FROM "CallBudget"')).toEqual([])
  })
})

describe('H11: a 429 of ten seconds', () => {
  it('on any call lets none of the portal’s calls go for as long as HubSpot asks; other portals call on', async () => {
    const app = await testApp({ work: false })
    await app.install(OTHER_PORTAL)
    app.hubspot.control.fault({ on: 'list', portalId: PORTAL, do: { status: 429, headers: { 'retry-after': '600' } } })

    const refused = await list(app).catch((error: AppError) => error)
    const before = calls(app).length
    const next = await list(app).catch((error: AppError) => error)

    expect([codeOf(refused), codeOf(next)]).toEqual(['hubspot_busy', 'hubspot_busy'])
    expect(next).toSatisfy(({ options }: AppError) => (options.retryAfterSeconds ?? 0) > 500)
    expect(calls(app)).toHaveLength(before)
    expect((await list(app, OTHER_PORTAL)).imports).toEqual([])
  })

  it('lets down what waits for its moment already', async () => {
    const database = await createTestDatabase()
    const prisma = openDatabase(database.url)
    onTestFinished(() => prisma.$disconnect().then(database.drop))
    const budget = createCallBudget(prisma, () => budget.pauseFor(PORTAL, 60))

    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => budget.take(PORTAL)))

    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(41)
    await expect(budget.take(PORTAL)).rejects.toMatchObject({ code: 'hubspot_busy' })
  })

  it('on a create lets none of the portal’s calls go either, and the import waits with the time that HubSpot named', async () => {
    const app = await testApp()
    await app.install(OTHER_PORTAL)
    const other = await app.createKey('Partner', OTHER_PORTAL)
    app.hubspot.control.fault({ on: 'create', portalId: PORTAL, do: { status: 429, headers: { 'retry-after': '600' } } })

    const { body } = await uploadFile(app)
    const elsewhere = await uploadFile(app, { key: other, portalId: OTHER_PORTAL })
    await untilState({ ...app, key: other }, elsewhere.body, 'done')
    await expect.poll(() => list(app).catch(codeOf)).toBe('hubspot_busy')

    expect((await untilState(app, body, 'accepted')).problem).toBeNull()
    expect(app.hubspot.control.imports(PORTAL)).toEqual([])
    expect(calls(app).filter(({ method }) => method === 'POST')).toHaveLength(1)
  })
})
