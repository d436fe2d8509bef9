import { describe, expect, it } from 'vitest'
import { PORTAL, testApp, until } from '../support/app.js'
import { readHistory } from './support/history.js'
import { checkHistory } from './support/history-checker.js'
import { RECORD_CHANGES } from './support/place/place.js'
import { createClients } from './support/run/clients.js'

const WHOLE_TEST_MS = 900_000
const ROUNDS = 50
const AT_ONCE = 100

describe('a hundred uploads at once with one Idempotency-Key, fifty times over', () => {
  it(
    'are one import each time: one is answered as new, all others with the same import or told to wait',
    async () => {
      const app = await testApp()
      await app.query(RECORD_CHANGES)
      const clients = createClients()
      const partner = { name: 'Partner', portalId: PORTAL, key: app.key }

      for (let round = 1; round <= ROUNDS; round++)
        await clients.upload({ partner, name: `Round ${round}`, rows: 3, key: `key ${round}`, twins: AT_ONCE }, [app.url])

      const good = clients.sent.map(({ answers }) => answers.filter(({ status }) => status === 202))
      expect(good.map(({ length }) => length)).toEqual(Array(ROUNDS).fill(AT_ONCE))
      expect(good.map((answers) => new Set(answers.map(({ importId }) => importId)).size)).toEqual(Array(ROUNDS).fill(1))
      expect(good.map((answers) => answers.filter(({ isReplay }) => !isReplay).length)).toEqual(Array(ROUNDS).fill(1))
      const statuses = new Set(clients.sent.flatMap(({ answers }) => answers.map(({ status }) => status)))
      expect(statuses).toContain(409)
      // On a busy machine some are told that the database is; they come back as well.
      expect([...statuses].filter((status) => ![202, 409, 503].includes(status))).toEqual([])
      const left = () => app.query(`SELECT 1 FROM "Import" WHERE "state" <> 'done'`)
      await until(left, ({ length }) => length === 0, WHOLE_TEST_MS)
      const storedFiles = async () => (await app.storedFiles()).map((storeKey) => ({ storeKey, ageMs: 0 }))
      expect(checkHistory(await readHistory({ ...app, storedFiles }, clients.sent, 0))).toEqual([])
      expect(app.hubspot.control.imports()).toHaveLength(ROUNDS)
    },
    WHOLE_TEST_MS,
  )
})
