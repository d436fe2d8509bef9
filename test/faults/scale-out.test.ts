import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSimulator } from '../../src/simulator/simulator.js'
import { PORTAL, until } from '../support/app.js'
import { listen, listenPiecemeal } from '../support/events.js'
import { freePort } from '../support/port.js'
import { createTestDatabase } from '../support/postgres.js'
import { kill, runScript, testPlace } from '../support/process.js'
import { ask, contactsCsv, untilState, uploadFile } from '../support/requests.js'
import { passLeases } from './support/leases.js'

const SLOW_MS = 300_000
const RECOVERY_MS = 120_000

/** One process that serves, on one database and one folder; workers are added, on ports of their own. */
async function webPlace(change: Record<string, string> = {}) {
  const database = await createTestDatabase()
  onTestFinished(database.drop)
  const place = await testPlace({ DATABASE_URL: database.url, ROLE: 'web', AMBIGUOUS_WINDOW_SECONDS: '5', ...change })
  const server = await place.start()
  const key = await place.prepare()
  const web = { url: place.url, key }
  return {
    ...place,
    web,
    server,
    startWorker: async () => place.start({ ROLE: 'worker', PORT: String(await freePort()) }),
    upload: (count: number) => Promise.all(Array.from({ length: count }, () => uploadFile(web).then(({ body }) => body))),
    untilDone: async (imports: { id: string }[]) => {
      for (const made of imports) await untilState(web, made, RECOVERY_MS, 'done')
    },
    /** How often this was logged, by process in the order of their starts. */
    countLogged: (words: RegExp) =>
      Object.entries(place.outputs())
        .filter(([name]) => name.startsWith('stdout of the app'))
        .map(([, text]) => String(text).split(words).length - 1),
  }
}

describe('ROLE=web and ROLE=worker, as processes on one database and one folder', () => {
  it(
    'share the work: the one that serves only queues, the workers submit, and the death of one of them loses nothing',
    async () => {
      const place = await webPlace()
      place.hubspot.control.fault({ on: 'create', do: { slowMs: 200 }, times: 0 })

      const queued = await place.upload(4)
      const states = await Promise.all(queued.map(({ id }) => untilState(place.web, { id }, 'accepted')))
      const [, doomed] = [await place.startWorker(), await place.startWorker()]
      await place.untilDone(queued)
      const more = await place.upload(6)
      await until(
        () => place.hubspot.control.imports().length,
        (count) => count > 4,
      )
      await kill(doomed, 'SIGKILL')
      await place.untilDone(more)

      expect(states).toHaveLength(4)
      expect(place.hubspot.control.imports()).toHaveLength(10)
      expect(place.countLogged(/"msg":"submitted"/)[0]).toBe(0)
    },
    SLOW_MS,
  )

  it(
    'let another worker take over from one that was paused in the middle of an upload to HubSpot, and that one do no harm later',
    async () => {
      const place = await webPlace()
      place.hubspot.control.fault({ on: 'create', do: { readBytesPerSecond: 0 }, times: 1 })
      const paused = await place.startWorker()

      const { body } = await uploadFile(place.web, { file: contactsCsv(600_000) })
      await untilState(place.web, body, 'submitting')
      await until(
        () =>
          place.hubspot.control.requests().filter(({ method, path }) => method === 'POST' && path.includes('/imports')).length,
        (count) => count > 0,
      )
      paused.kill('SIGSTOP')
      await passLeases(place.env.DATABASE_URL)
      await place.startWorker()
      await place.untilDone([body])
      paused.kill('SIGCONT')

      await until(
        () => place.countLogged(/"msg":"(not submitted|the claim, or the portal, was gone)/),
        ([, ofPaused = 0]) => ofPaused > 0,
        RECOVERY_MS,
      )
      expect(place.hubspot.control.imports()).toHaveLength(1)
      expect(await untilState(place.web, body, 'done')).toMatchObject({ portalId: PORTAL, state: 'done' })
    },
    SLOW_MS,
  )

  it(
    'must share the folder of files: a process with another one is refused, and told what to do',
    async () => {
      const place = await webPlace()
      const FILES_URL = pathToFileURL(join(place.folder, 'other')).href
      const other = { ...place.env, FILES_URL, ROLE: 'worker', PORT: String(await freePort()) }

      const { body } = await uploadFile(place.web)
      const refused = await runScript('src/server.ts', [], other)
      const [, id = '', file = ''] = /write (\S+) into (\S+)/.exec(refused.stderr) ?? []
      await place.startWorker()
      await place.untilDone([body])
      await writeFile(file, id)

      expect([refused.code, refused.stderr]).toEqual([78, expect.stringMatching(/FILES_URL.*must share one folder/s)])
      await place.start(other)
    },
    SLOW_MS,
  )

  it(
    'tell on one process what another does: each event once and in order, whoever comes back after each of them',
    async () => {
      const place = await webPlace()
      const [body, more] = await place.upload(2)
      const pathOf = (id = '') => `/v1/portals/${PORTAL}/imports/${id}/events`

      const listening = Promise.all([listenPiecemeal(place.web, pathOf(body?.id)), listenPiecemeal(place.web, pathOf(more?.id))])
      await place.startWorker()

      for (const [i, told] of (await listening).entries()) {
        expect(told).toEqual((await listen(place.web, pathOf([body, more][i]?.id))).told)
        expect(told.map(({ type }) => type)).toEqual(expect.arrayContaining(['accepted', 'submitting', 'submitted']))
        expect(told.at(-1)?.type).toBe('done')
        const ids = told.map(({ id }) => Number(id))
        expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b))
      }
      expect(place.countLogged(/"msg":"submitted"/)[0]).toBe(0)
    },
    SLOW_MS,
  )

  it(
    'share the simulated HubSpot of test keys: one accepts, another does the work, and both may start anew',
    async () => {
      const simulator = await createSimulator({ clientId: 'demo-client', clientSecret: 'demo-secret' })
      onTestFinished(() => simulator.close())
      const place = await webPlace({ SIMULATOR_URL: simulator.url })
      const { stdout } = await place.cli('keys', 'create', '--partner', 'Partner', '--test', '--json')
      const { key, portalId } = JSON.parse(stdout) as { key: string; portalId: string }
      const test = { url: place.url, key }
      const send = () =>
        uploadFile(test, { key, portalId, file: contactsCsv(2, 1) }).then(({ body }) => ({ id: body.id, portalId }))

      const made = await send()
      await untilState(test, made, 'accepted')
      const worker = await place.startWorker()
      const done = await untilState(test, made, RECOVERY_MS, 'done')
      await Promise.all([kill(place.server, 'SIGTERM'), kill(worker, 'SIGTERM')])
      await Promise.all([place.start(), place.startWorker()])
      const [read, errors] = await Promise.all(
        ['', '/errors?origin=hubspot'].map((part) => ask(test, `/v1/portals/${portalId}/imports/${made.id}${part}`)),
      )
      const later = await untilState(test, await send(), RECOVERY_MS, 'done')

      expect(done.counters).toMatchObject({ CREATED_OBJECTS: 2, ERRORS: 1 })
      expect(read).toMatchObject({ status: 200, body: done })
      expect(errors?.body.results).toMatchObject([{ line: 4 }])
      expect(simulator.control.imports().map(({ id }) => id)).toEqual([done, later].map(({ parts }) => parts[0]?.hubspotImportId))
      expect(place.hubspot.control.imports()).toEqual([])
    },
    SLOW_MS,
  )
})
