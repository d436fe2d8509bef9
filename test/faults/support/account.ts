import type { FaultInput } from '../../../src/simulator/faults.js'
import type { TestApp } from '../../support/app.js'
import { ask, contactsRequest, untilState, uploadFile } from '../../support/requests.js'

const CREATE = /^POST .*\/imports\/[\d-]+$/
const LIST = /^GET .*\/imports\/[\d-]+$/

/** Many of them wait at once. */
const PATIENCE_MS = 120_000

let next = 300_001

/** A portal of the test's own, with a partner, in an app that tests share: its faults are nobody else's. */
export async function openAccount(app: TestApp) {
  const portalId = String(next++)
  await app.install(portalId)
  const key = await app.createKey(`Partner of ${portalId}`, portalId)
  const partner = { url: app.url, key }
  const { control } = app.hubspot
  const asked = (what: RegExp) =>
    control.requests().filter((call) => call.portalId === portalId && what.test(`${call.method} ${call.path}`))

  return {
    portalId,
    fault: (rule: FaultInput) => control.fault({ ...rule, portalId }),
    upload: async (file?: string, name = 'Contacts') =>
      (await uploadFile(partner, { portalId, request: contactsRequest({ name }), ...(file === undefined ? {} : { file }) })).body,
    look: async ({ id }: { id: string }) => (await ask(partner, `/v1/portals/${portalId}/imports/${id}`)).body,
    untilState: ({ id }: { id: string }, ...states: string[]) => untilState(partner, { id, portalId }, ...states, PATIENCE_MS),
    /** What HubSpot holds. */
    imports: () => control.imports(portalId),
    asked,
    creates: () => asked(CREATE),
    /** What HubSpot answered to creates. One that we broke off has no answer: it is no import, and rightly sent again. */
    answers: () => asked(CREATE).flatMap(({ status }) => (status === 0 ? [] : [status])),
    lists: () => asked(LIST),
    /** What the import has gone through, in order, and why. */
    events: async (made: { id: string }) => (await eventsOf(app, made)).map(({ type }) => type),
    whys: async (made: { id: string }) => (await eventsOf(app, made)).map(({ why }) => why),
    /** As if it were time to look for, or after, the import. */
    lookNow: async ({ id }: { id: string }) => {
      await app.query(`UPDATE "Import" SET "pollAt" = now() - interval '1 minute' WHERE "id" = $1`, [id])
      await app.sweep()
    },
    /** Whether the last look is over, and the next one set. */
    isPutOff: async ({ id }: { id: string }) =>
      (await app.query('SELECT 1 FROM "Import" WHERE "id" = $1 AND "pollAt" > now()', [id])).length === 1,
  }
}

function eventsOf(app: TestApp, { id }: { id: string }): Promise<{ type: string; why: string | null }[]> {
  return app.query(`SELECT "type", "detail"->>'why' AS why FROM "ImportEvent" WHERE "importId" = $1 ORDER BY "id"`, [id])
}
