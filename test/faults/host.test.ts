import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { testApp, until } from '../support/app.js'
import { createTestDatabase } from '../support/postgres.js'
import { kill, testPlace } from '../support/process.js'
import { ask, untilState, uploadFile } from '../support/requests.js'
import { passLeases } from './support/leases.js'

const SLOW_MS = 240_000
const PLANTED = { NODE_OPTIONS: '--import ./test/faults/support/planted.mjs' }

/** A place on the database server that all tests share: nothing of its own has to start or stop. */
async function sharedPlace(change: Record<string, string> = {}) {
  const database = await createTestDatabase()
  onTestFinished(database.drop)
  return testPlace({ DATABASE_URL: database.url, ...change })
}

describe('a disk', () => {
  it('with less room than is reserved takes no uploads, and all else goes on', async () => {
    const app = await testApp({ env: { RESERVED_DISK_PERCENT: '100' } })

    const { status, headers, body } = await uploadFile(app)

    expect([status, body.code]).toEqual([507, 'storage_full'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await app.storedFiles()).toEqual([])
    expect((await ask(app, '/v1/me')).status).toBe(200)
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200)
  })

  it('that is away is told to whoever sends a file, and uploads go on without a restart once it is back', async () => {
    const app = await testApp()
    const unfinished = join(app.filesFolder, 'unfinished')

    await rm(unfinished, { recursive: true })
    const [refused, ready] = [await uploadFile(app), await fetch(`${app.url}/readyz`)]
    await mkdir(unfinished)
    const taken = await uploadFile(app)

    expect([refused.status, refused.body.code]).toEqual([503, 'storage_unavailable'])
    expect(await ready.json()).toEqual({ status: 'not ready', problems: ['files'] })
    expect(taken.status).toBe(202)
    await untilState(app, taken.body, 'done')
  })
})

describe('a process', () => {
  it.each([
    ['an exception', 'SIGHUP'],
    ['a rejection', 'SIGUSR2'],
  ] as const)(
    'in which %s was not foreseen ends with 1, and the next one goes on with what was accepted',
    async (_what, signal) => {
      const place = await sharedPlace(PLANTED)
      const app = await place.start()
      const key = await place.prepare()

      const { body } = await uploadFile({ url: place.url, key })
      const code = await kill(app, signal)
      await passLeases(place.env.DATABASE_URL)
      await place.start()

      expect(code).toBe(1)
      await untilState({ url: place.url, key }, body, SLOW_MS, 'done')
      expect(place.hubspot.control.imports()).toHaveLength(1)
    },
    SLOW_MS,
  )

  it(
    'that stood still for seconds goes on',
    async () => {
      const place = await sharedPlace(PLANTED)
      const app = await place.start()
      const key = await place.prepare()

      const { body } = await uploadFile({ url: place.url, key })
      app.kill('SIGWINCH')
      await untilState({ url: place.url, key }, body, SLOW_MS, 'done')

      expect([app.exitCode, place.hubspot.control.imports().length]).toEqual([null, 1])
    },
    SLOW_MS,
  )

  it(
    'whose output nobody reads goes on, and says how much it did not log once somebody does',
    async () => {
      const place = await sharedPlace()
      const app = await place.start()
      const key = await place.prepare()
      const answers = async (count: number) => {
        for (let i = 0; i < count; i++) expect((await fetch(`${place.url}/${'x'.repeat(12_000)}`)).status).toBe(404)
      }

      app.stdout?.pause()
      await answers(150)
      const { body } = await uploadFile({ url: place.url, key })
      await untilState({ url: place.url, key }, body, 'done')
      app.stdout?.resume()

      await until(
        async () => {
          await answers(1)
          return Object.values(place.outputs()).some((text) => /"dropped":\d+/.test(String(text)))
        },
        (isSaid) => isSaid,
      )
    },
    SLOW_MS,
  )

  it(
    'that is told to end while files are sent is not ready from then on, takes what is under way and loses nothing',
    async () => {
      const place = await sharedPlace()
      const second = { url: place.url.replace(/\d+$/, (port) => String(Number(port) + 1)) }
      const [first] = [await place.start(), await place.start({ PORT: new URL(second.url).port })]
      const key = await place.prepare()
      const accepted: string[] = []
      let isOver = false
      const send = async () => {
        while (!isOver) {
          // As behind a load balancer: to the other one as soon as this one takes no more.
          const res = await uploadFile({ url: place.url, key }).catch(() => uploadFile({ url: second.url, key }))
          expect(res.status).toBe(202)
          accepted.push(res.body.id)
          await untilState({ url: second.url, key }, res.body, SLOW_MS, 'done')
        }
      }

      const senders = [send(), send(), send()]
      await until(
        () => accepted.length,
        (count) => count >= 3,
      )
      const ended = kill(first, 'SIGTERM')
      const notReady = await until(
        () => fetch(`${place.url}/readyz`),
        ({ status }) => status === 503,
      )
      const code = await ended
      isOver = true
      await Promise.all(senders)

      expect(await notReady.json()).toEqual({ status: 'not ready', problems: ['draining'] })
      expect(code).toBe(0)
      expect(place.hubspot.control.imports()).toHaveLength(accepted.length)
    },
    SLOW_MS,
  )
})
