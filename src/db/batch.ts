/** More would make one statement slow for all that wait for it. */
const MAX_ASKS = 200
/** One that is slow must not hold up everybody. */
const MAX_RUNNING = 2

/**
 * Answers by one statement all who ask at about the same time: who asks while others are being answered waits for the next
 * one, so that nobody is told what was read before he asked. Those with the same key share an answer. `read` gives the
 * answers in the order of the asks.
 */
export function createBatch<Ask, Answer>(
  keyOf: (ask: Ask) => string,
  read: (asks: Ask[]) => Promise<Answer[]>,
): (ask: Ask) => Promise<Answer> {
  type Waiting = PromiseWithResolvers<Answer> & { ask: Ask }
  const waiting = new Map<string, Waiting>()
  let running = 0
  let isDue = false

  function runSoon(): void {
    if (isDue || running >= MAX_RUNNING || waiting.size === 0) return
    isDue = true
    // Behind everything that has come in by now.
    setImmediate(() => {
      isDue = false
      void run()
    })
  }

  async function run(): Promise<void> {
    const all = [...waiting].slice(0, MAX_ASKS)
    for (const [key] of all) waiting.delete(key)
    running += 1
    runSoon()
    try {
      const answers = await read(all.map(([, { ask }]) => ask))
      for (const [i, [, { resolve }]] of all.entries()) resolve(answers[i] as Answer)
    } catch (error) {
      for (const [, { reject }] of all) reject(error)
    } finally {
      running -= 1
      runSoon()
    }
  }

  return (ask) => {
    const key = keyOf(ask)
    const one = waiting.get(key) ?? { ...Promise.withResolvers<Answer>(), ask }
    waiting.set(key, one)
    runSoon()
    return one.promise
  }
}

/**
 * The asks for `jsonb_to_recordset`, each with its place as `n`. Of arrays Postgres would know how long they are, and plan a
 * statement anew for each length.
 */
export function numbered(asks: object[]): string {
  return JSON.stringify(asks.map((ask, n) => ({ ...ask, n })))
}
