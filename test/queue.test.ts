import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { applyMigrations } from '../src/db/migrate.js'
import { createLog } from '../src/log.js'
import { createQueue, handler, job } from '../src/queue/queue.js'
import { createTestDatabase } from './support/postgres.js'

const AT_ONCE = 4
const ALONE = 10
const Payload = z.object({ n: z.number() })
const numbered = job({ name: 'numbered', payload: Payload, concurrency: AT_ONCE, expiresAfterSeconds: 60 })
const following = job({ name: 'following', payload: Payload, concurrency: 1, expiresAfterSeconds: 60 })

/** A queue in a process of its own, as far as the database can tell. */
async function openQueue(connectionString: string) {
  const queue = createQueue({ connectionString, log: createLog('silent') })
  onTestFinished(() => queue.stop(1_000))
  await queue.start([numbered, following])
  return queue
}

async function openDatabase(): Promise<string> {
  const database = await createTestDatabase()
  onTestFinished(database.drop)
  await applyMigrations({ connectionString: database.url, dir: 'prisma/migrations' })
  return database.url
}

describe('the queue', () => {
  // Sooner than a worker would wake by itself.
  it('runs as many jobs at once as a kind may, though its workers are woken one by one', { timeout: 30_000 }, async () => {
    const queue = await openQueue(await openDatabase())
    let running = 0
    let most = 0
    const done = new Map<number, () => void>()
    const full = Promise.withResolvers<void>()
    await queue.work([
      handler(numbered, async ({ n }) => {
        running += 1
        most = Math.max(most, running)
        if (running === AT_ONCE) full.resolve()
        if (n >= ALONE) await full.promise // goes on only once so many run at the same time
        running -= 1
        done.get(n)?.()
      }),
    ])
    const run = async (n: number) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      done.set(n, resolve)
      await queue.enqueue(numbered, { n })
      await promise
    }

    // One after the other first: by then all workers have looked for something to do, and sleep.
    for (let n = 0; n < ALONE; n++) await run(n)
    await Promise.all(Array.from({ length: 20 }, (_, n) => run(ALONE + n)))

    expect(most).toBe(AT_ONCE)
  })

  it('runs what another process adds, and what a job adds for another kind', async () => {
    const url = await openDatabase()
    const [here, there] = await Promise.all([openQueue(url), openQueue(url)])
    const seen = Promise.withResolvers<number>()
    await here.work([
      handler(numbered, ({ n }) => here.enqueue(following, { n: n + 1 })),
      handler(following, async ({ n }) => seen.resolve(n)),
    ])

    await there.enqueue(numbered, { n: 1 })

    expect(await seen.promise).toBe(2)
  })

  it('takes nothing more once it pauses', async () => {
    const url = await openDatabase()
    const [here, there] = await Promise.all([openQueue(url), openQueue(url)])
    const began = Promise.withResolvers<void>()
    const mayEnd = Promise.withResolvers<void>()
    const taken: number[] = []
    await here.work([
      handler(following, async ({ n }) => {
        taken.push(n)
        began.resolve()
        await mayEnd.promise
      }),
    ])
    await there.enqueue(following, { n: 1 })
    await began.promise

    await here.pause()
    await there.enqueue(following, { n: 2 })
    mayEnd.resolve()
    const other = Promise.withResolvers<number>()
    await there.work([handler(following, async ({ n }) => other.resolve(n))])

    expect(await other.promise).toBe(2)
    expect(taken).toEqual([1])
  })
})
