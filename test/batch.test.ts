import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBatch } from '../src/db/batch.js'

/** A reading that ends when told to. */
function slowReading() {
  const begun: { asks: string[]; end: PromiseWithResolvers<string[]> }[] = []
  const read = (asks: string[]) => {
    const end = Promise.withResolvers<string[]>()
    begun.push({ asks, end })
    return end.promise
  }
  return { begun, read }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it('answers all who ask in one turn by one reading, those of the same key by one answer', async () => {
  const readings: string[][] = []
  const ask = createBatch(
    (text: string) => text,
    async (asks) => {
      readings.push(asks)
      return asks.map((text) => text.toUpperCase())
    },
  )

  const answers = await Promise.all(['a', 'b', 'a', 'c'].map(ask))

  expect(answers).toEqual(['A', 'B', 'A', 'C'])
  expect(readings).toEqual([['a', 'b', 'c']])
})

it('gives nobody what was read before he asked', async () => {
  const { begun, read } = slowReading()
  const ask = createBatch((text: string) => text, read)
  const first = ask('import')
  await turn()

  const second = ask('import')
  await turn()
  begun[0]?.end.resolve(['before'])
  begun[1]?.end.resolve(['after'])

  expect(await Promise.all([first, second])).toEqual(['before', 'after'])
})

it('has two readings at a time, so that a slow one holds up nobody for long, and then those who came meanwhile together', async () => {
  const { begun, read } = slowReading()
  const ask = createBatch((text: string) => text, read)
  for (const text of ['slow', 'quick']) {
    void ask(text)
    await turn()
  }
  const waiting = ['c', 'd', 'e'].map(ask)
  await turn()
  expect(begun.map(({ asks }) => asks)).toEqual([['slow'], ['quick']])

  begun[1]?.end.resolve(['done'])
  await turn()
  await turn()
  begun[2]?.end.resolve(['C', 'D', 'E'])

  expect(await Promise.all(waiting)).toEqual(['C', 'D', 'E'])
})

it('tells a failure to those whom it failed, and goes on with the next', async () => {
  let isDown = true
  const ask = createBatch(
    (text: string) => text,
    async (asks) => {
      if (isDown) throw new Error('away')
      return asks
    },
  )
  const outcomes = await Promise.allSettled(['a', 'b'].map(ask))
  isDown = false

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await ask('c')).toBe('c')
})

it('gives each his own, however many ask and whenever', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(300), fc.boolean()), { maxLength: 700 }), async (asked) => {
      const ask = createBatch(String, async (asks: number[]) => {
        await turn()
        return asks.map((n) => n * 2)
      })
      const answers: Promise<number>[] = []
      for (const [n, isPause] of asked) {
        if (isPause) await turn()
        answers.push(ask(n))
      }
      expect(await Promise.all(answers)).toEqual(asked.map(([n]) => n * 2))
    }),
    { numRuns: 50 },
  )
})
