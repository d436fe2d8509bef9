import { describe, expect, it } from 'vitest'
import { until } from '../support/app.js'
import { kill, testPlace } from '../support/process.js'
import { contactsCsv, untilState, uploadFile } from '../support/requests.js'

const WHOLE_TEST_MS = 180_000
const RECOVERY_MS = 90_000

describe('kill -9 of the app', () => {
  it(
    'right after a 202 loses nothing: the next start finishes that import, once',
    async () => {
      const place = await testPlace()
      const app = await place.start()
      const key = await place.prepare()

      const { status, body } = await uploadFile({ url: place.url, key })
      await kill(app, 'SIGKILL')
      await place.start()

      expect(status).toBe(202)
      await untilState({ url: place.url, key }, body, RECOVERY_MS, 'done')
      expect(place.hubspot.control.imports()).toHaveLength(1)
    },
    WHOLE_TEST_MS,
  )

  it(
    'in the middle of an upload to HubSpot sends it again without waiting for the window: it cannot have been made',
    async () => {
      const place = await testPlace()
      const app = await place.start()
      const key = await place.prepare()
      place.hubspot.control.fault({ on: 'create', do: { readBytesPerSecond: 0 } })

      const { body } = await uploadFile({ url: place.url, key }, { file: contactsCsv(600_000) })
      await untilState({ url: place.url, key }, body, RECOVERY_MS, 'submitting')
      await kill(app, 'SIGKILL')
      place.hubspot.control.clearFaults()
      await place.start()

      await untilState({ url: place.url, key }, body, RECOVERY_MS, 'done')
      expect(place.hubspot.control.imports()).toHaveLength(1)
    },
    WHOLE_TEST_MS,
  )

  it(
    'after the last byte and before HubSpot’s answer finds the import that was made',
    async () => {
      const place = await testPlace()
      const app = await place.start()
      const key = await place.prepare()
      place.hubspot.control.fault({ on: 'create', do: { hang: 'after-create' } })

      const { body } = await uploadFile({ url: place.url, key })
      await until(
        () => place.hubspot.control.imports().length,
        (count) => count === 1,
        RECOVERY_MS,
      )
      await kill(app, 'SIGKILL')
      await place.start()

      const done = await untilState({ url: place.url, key }, body, RECOVERY_MS, 'done')
      const made = place.hubspot.control.imports()
      expect(made.map(({ id }) => id)).toEqual([done.parts[0]?.hubspotImportId])
    },
    WHOLE_TEST_MS,
  )
})
