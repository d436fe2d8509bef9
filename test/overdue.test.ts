import { describe, expect, it } from 'vitest'
import { type TestApp, testApp } from './support/app.js'
import { untilState, uploadFile } from './support/requests.js'

const metrics = (app: TestApp) => fetch(`${app.url}/metrics`).then((res) => res.text())
const alarms = (app: TestApp) => app.query<{ kind: string }>(`SELECT "kind" FROM "Alarm" WHERE "endedAt" IS NULL`)

/** So many hours pass for all that is there. */
async function letPass(app: TestApp, hours: number): Promise<void> {
  await app.query(
    `UPDATE "Import" SET "createdAt" = "createdAt" - $1::interval, "startedAt" = "startedAt" - $1::interval, "nextAttemptAt" = "nextAttemptAt" - $1::interval`,
    [`${hours} hours`],
  )
  await app.query(`UPDATE "Turn" SET "lastAt" = "lastAt" - $1::interval`, [`${hours} hours`])
}

describe('an import that does not move', () => {
  it('H28: because HubSpot defers it for days is told to the operator, and left alone', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ startedMs: 600_000 })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'submitted')
    app.hubspot.control.setImportState(app.hubspot.control.imports()[0]?.id ?? '', 'DEFERRED')
    await app.sweep()
    const before = await alarms(app)

    await letPass(app, 48)
    await app.sweep()

    expect([before, await alarms(app)]).toEqual([[], [{ kind: 'imports_overdue' }]])
    expect((await untilState(app, body, 'submitted')).state).toBe('submitted')
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('because no worker runs is told as well, and no longer once it moves', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await letPass(app, 2)
    await app.sweep()
    const during = await alarms(app)
    await app.startWork()
    await untilState(app, body, 'done')
    await app.sweep()

    expect([during, await alarms(app)]).toEqual([[{ kind: 'imports_overdue' }], []])
  })

  it('because others of its queue are before it is not overdue', async () => {
    const app = await testApp({ work: false })
    await uploadFile(app)
    await letPass(app, 2)
    await app.query(`UPDATE "Turn" SET "lastAt" = now()`)

    await app.sweep()

    expect(await alarms(app)).toEqual([])
  })
})

describe('GET /metrics', () => {
  it('counts imports that have not ended by state, and says how old the oldest is', async () => {
    const app = await testApp({ work: false })
    await uploadFile(app)
    await uploadFile(app)
    await letPass(app, 1)

    const text = await metrics(app)

    expect(text).toMatch(/^importal_imports\{state="accepted"\} 2$/m)
    expect(Number(/^importal_oldest_import_seconds\{state="accepted"\} ([\d.]+)$/m.exec(text)?.[1])).toBeGreaterThan(3_599)
  })
})
