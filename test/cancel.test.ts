import { describe, expect, it } from 'vitest'
import type { ImportView } from '../src/imports/schema.js'
import { type TestApp, testApp, until } from './support/app.js'
import { contactsCsv, untilState, uploadFile } from './support/requests.js'

type Body = ImportView & Record<string, unknown>

async function cancel(
  app: TestApp,
  { links }: { links: { self: string } },
  key = app.key,
): Promise<{ status: number; body: Body }> {
  const res = await fetch(`${links.self}/cancel`, { method: 'POST', headers: { authorization: `Bearer ${key}` } })
  return { status: res.status, body: (await res.json()) as Body }
}

describe('POST /v1/portals/:portalId/imports/:importId/cancel', () => {
  it('stops an import that waits for its turn: HubSpot never hears of it', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)

    const first = await cancel(app, body)
    const again = await cancel(app, body)
    await app.startWork()
    await untilState(app, (await uploadFile(app)).body, 'done')

    expect([first.status, first.body.state, again.status, again.body.state]).toEqual([200, 'canceled', 200, 'canceled'])
    expect(app.hubspot.control.imports()).toHaveLength(1)
    expect(await app.query(`SELECT 1 FROM "ImportEvent" WHERE "type" = 'canceled'`)).toHaveLength(1)
  })

  it('stops one that is held', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: { status: 477 } })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'held')

    expect((await cancel(app, body)).body).toMatchObject({ state: 'canceled', reason: null, queue: null })
  })

  it('stops one on its way to HubSpot: its last bytes stay here, and its slot is free', async () => {
    const app = await testApp()
    app.hubspot.control.fault({ on: 'create', do: { readBytesPerSecond: 2_000_000 } })
    const { body } = await uploadFile(app, { file: contactsCsv(300_000) })
    await untilState(app, body, 'submitting')

    const { body: stopped } = await cancel(app, body)
    await untilState(app, (await uploadFile(app)).body, 'done')

    expect(stopped.state).toBe('canceled')
    expect(app.hubspot.control.imports()).toHaveLength(1)
    expect((await untilState(app, body, 'canceled')).parts[0]?.hubspotImportId).toBeNull()
  })

  it('stops one that runs at HubSpot, there', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ startedMs: 0, processingMs: 60_000 })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'processing')

    await cancel(app, body)
    await cancel(app, body)

    const stopped = await untilState(app, body, 'canceled')
    expect([stopped.parts[0]?.state, app.hubspot.control.imports()[0]?.state]).toEqual(['CANCELED', 'CANCELED'])
  })

  it('goes on telling HubSpot until it has understood', async () => {
    const app = await testApp()
    app.hubspot.control.settings({ startedMs: 0, processingMs: 60_000 })
    app.hubspot.control.fault({ on: 'cancel', times: 2, do: { status: 503 } })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'processing')

    await cancel(app, body)

    await untilState(app, body, 'canceled')
  })

  it('stops one whose answer was lost, as soon as it is found', async () => {
    const app = await testApp({ env: { AMBIGUOUS_WINDOW_SECONDS: '20' } })
    app.hubspot.control.settings({ startedMs: 0, processingMs: 60_000, listLagMs: 3_000 })
    app.hubspot.control.fault({ on: 'create', do: { statusAfterCreate: 502 } })
    const { body } = await uploadFile(app)
    await untilState(app, body, 'ambiguous')

    expect((await cancel(app, body)).body.state).toBe('ambiguous')

    await untilState(app, body, 'canceled')
    expect(app.hubspot.control.imports().map(({ state }) => state)).toEqual(['CANCELED'])
  })

  it.each([
    ['for now', { state: 'accepted', afterSeconds: 1, why: 'rate limit' }],
    ['for hours', { state: 'held', reason: 'quota', afterSeconds: 3_600, why: 'a quota' }],
  ] as const)('stops one that HubSpot then refuses %s: it is not kept for another try', async (_name, settlement) => {
    const app = await testApp({ work: false })
    const { turns, submissions } = app.deps
    const { body } = await uploadFile(app)
    const claim = await turns.claimNext(body.portalId)
    if (!claim || !(await submissions.commit(claim))) throw new Error('nothing to claim')

    const asked = await cancel(app, body)
    await submissions.settle(claim, settlement)

    expect([asked.status, asked.body.state]).toEqual([200, 'submitting'])
    expect(await untilState(app, body, 'canceled')).toMatchObject({ reason: null, problem: null, queue: null })
    expect(await turns.claimNext(body.portalId)).toBeUndefined()
  })

  it('stops one that HubSpot holds twice and that is followed to its end', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await app.query(`UPDATE "Import" SET "state" = 'needs_review', "pollAt" = now()`)
    await app.query(`UPDATE "ImportPart" SET "hubspotImportId" = '1', "committedAt" = now()`)

    await cancel(app, body)

    expect(await app.query('SELECT "cancelAt" IS NOT NULL AS asked FROM "Import"')).toEqual([{ asked: true }])
  })

  it('leaves one that has ended as it ended', async () => {
    const app = await testApp()
    const { body } = await uploadFile(app)
    await untilState(app, body, 'done')

    expect(await cancel(app, body)).toMatchObject({ status: 200, body: { state: 'done' } })
  })

  it('stops one that needs a person because HubSpot never got it', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await app.query(
      `UPDATE "Import" SET "state" = 'needs_review', "problem" = '{"code": "file_lost", "detail": "", "correlationId": null}'`,
    )

    expect((await cancel(app, body)).body).toMatchObject({ state: 'canceled', problem: null })
  })

  it('knows no import of another partner, and no other method', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)

    const foreign = await cancel(app, body, await app.createKey('Other'))
    const unknown = await cancel(app, { links: { self: body.links.self.replace(/imp_\w+/, `imp_${'0'.repeat(32)}`) } })
    const read = await fetch(`${body.links.self}/cancel`, { headers: { authorization: `Bearer ${app.key}` } })

    expect([foreign.status, unknown.status, read.status, read.headers.get('allow')]).toEqual([404, 404, 405, 'POST'])
    expect(await app.query('SELECT "state" FROM "Import"')).toEqual([{ state: 'accepted' }])
  })

  it('and the commit point never both win', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    const { turns, submissions, cancellations } = app.deps
    const owner = { portalId: body.portalId, partnerId: String(body.partnerId) }

    for (let round = 0; round < 30; round++) {
      const claim = await turns.claimNext(body.portalId)
      if (!claim) throw new Error('nothing to claim')
      const [committed, stop] = await Promise.all([submissions.commit(claim), cancellations.cancel(owner, body.id)])

      expect([committed, stop]).not.toEqual([true, 'canceled'])
      expect([committed, stop]).not.toEqual([false, 'asked'])
      await app.query(`UPDATE "Import" SET "state" = 'accepted', "cancelAt" = NULL, "leaseUntil" = NULL, "nextAttemptAt" = now()`)
      await app.query('UPDATE "ImportPart" SET "committedAt" = NULL')
    }
    await until(
      () => app.query(`SELECT 1 FROM "Import"`),
      (rows) => rows.length === 1,
    )
  })
})
