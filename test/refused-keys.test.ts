import { describe, expect, it } from 'vitest'
import { createKey } from '../src/partners/api-key.js'
import { PORTAL, type TestApp, testApp } from './support/app.js'

const TIMES = 400
/** What is kept of the times, from the fastest on: a busy machine makes some of them arbitrarily long. */
const KEPT = 0.9
const MAX_T = 4.5
/** A difference that is there is found every time; one that a busy machine makes is not. */
const RETRIES = 2

/** A new key of the right form whose row, with another secret, has the id of this one. */
async function withWrongSecret(app: TestApp, key: string): Promise<string> {
  const wrong = createKey()
  const [, , id] = wrong.text.reveal().split('_')
  await app.query(`UPDATE "ApiKey" SET "id" = $1 WHERE "id" = $2`, [`key_${id}`, `key_${key.split('_')[2]}`])
  return wrong.text.reveal()
}

/** What a key is answered, without what every request has of its own. */
async function answerTo(app: TestApp, key: string, path: string) {
  const res = await fetch(app.url + path, { headers: { authorization: `Bearer ${key}` } })
  const { requestId, ...body } = (await res.json()) as Record<string, unknown>
  const headers = [...res.headers].filter(([name]) => !['date', 'x-request-id', 'etag'].includes(name))
  return { status: res.status, headers, body, hasRequestId: typeof requestId === 'string' }
}

const mean = (times: number[]) => times.reduce((sum, time) => sum + time, 0) / times.length
const variance = (times: number[]) => times.reduce((sum, time) => sum + (time - mean(times)) ** 2, 0) / (times.length - 1)

/** Welch’s t of two samples. */
function welch(a: number[], b: number[]): number {
  return (mean(a) - mean(b)) / Math.sqrt(variance(a) / a.length + variance(b) / b.length)
}

const trimmed = (times: number[]) => times.toSorted((a, b) => a - b).slice(0, Math.floor(times.length * KEPT))

describe('D6.118: a key that is refused', () => {
  it('is answered alike whatever is wrong with it, on every kind of path', async () => {
    const app = await testApp({ work: false })
    const make = async (change: string) => {
      const key = await app.createKey()
      await app.query(`UPDATE "ApiKey" SET ${change} WHERE "id" = $1`, [`key_${key.split('_')[2]}`])
      return key
    }
    const keys = {
      unknown: createKey().text.reveal(),
      'with a wrong secret': await withWrongSecret(app, await app.createKey()),
      revoked: await make('"revokedAt" = now()'),
      expired: await make(`"expiresAt" = now() - interval '1 second'`),
      'from a wrong address': await make(`"cidrs" = '{192.0.2.0/24}'`),
      'of test, unknown': createKey(true).text.reveal(),
    }

    for (const path of ['/v1/me', `/v1/portals/${PORTAL}/imports`, '/v1/portals/999999/imports']) {
      const answers = await Promise.all(Object.values(keys).map((key) => answerTo(app, key, path)))
      for (const answer of answers) expect(answer).toEqual(answers[0])
      expect(answers[0]).toMatchObject({ status: 401, body: { code: 'key_invalid' }, hasRequestId: true })
    }
  })

  it('does not tell by its time whether its id exists', { retry: RETRIES }, async () => {
    const app = await testApp({ work: false })
    const wrong = await withWrongSecret(app, await app.createKey())
    const unknown = createKey().text.reveal()
    const times: Record<string, number[]> = { [wrong]: [], [unknown]: [] }
    const measure = async (key: string) => {
      const start = performance.now()
      const res = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })
      await res.arrayBuffer()
      times[key]?.push(performance.now() - start)
      expect(res.status).toBe(401)
    }
    for (let i = 0; i < 20; i++) for (const key of [wrong, unknown]) await measure(key)
    times[wrong] = []
    times[unknown] = []

    for (let i = 0; i < TIMES; i++) for (const key of i % 2 ? [wrong, unknown] : [unknown, wrong]) await measure(key)

    const [a, b] = [trimmed(times[wrong] ?? []), trimmed(times[unknown] ?? [])]
    expect(Math.abs(welch(a, b))).toBeLessThan(MAX_T)
  })
})
