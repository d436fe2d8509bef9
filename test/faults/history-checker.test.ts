import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { contactsCsv, contactsRequest, untilState, uploadFile } from '../support/requests.js'
import { type Change, type History, mappingOf, readHistory, type Sent } from './support/history.js'
import { checkHistory } from './support/history-checker.js'
import { RECORD_CHANGES } from './support/place/place.js'
import { PLANTED_BUGS } from './support/planted-bugs.js'

/** The ways in which an import may go, each as good as any other. */
const WAYS = [
  ['accepted', 'submitting', 'submitted', 'processing', 'done'],
  ['accepted', 'submitting', 'ambiguous', 'submitted', 'done'],
  ['accepted', 'submitting', 'accepted', 'submitting', 'submitted', 'processing', 'done'],
  ['held', 'accepted', 'submitting', 'ambiguous', 'accepted', 'submitting', 'submitted', 'done'],
]

/** A history in which all went well: so many imports in two portals, each in one of the ways. */
function goodHistory(count: number): History {
  const history: History = {
    ...{ sent: [], ledger: [], made: [], rows: [], changes: [], files: [], refreshes: [], tokenVersions: [] },
    ...{ deaths: 1, shredded: [], requests: [] },
  }
  for (let i = 0; i < count; i++) addImport(history, i)
  return history
}

function addImport(history: History, i: number): void {
  const way = WAYS[i % WAYS.length] ?? []
  const id = `imp_${String(i).padStart(32, '0')}`
  const [portalId, name, sha256] = [i % 2 === 0 ? PORTAL : OTHER_PORTAL, `Upload ${i}`, String(i).padStart(64, '0')]
  const answer = { began: i, at: i, status: 202, importId: id, isReplay: false, wasRefused: false }
  const answers =
    i % 3 === 0
      ? [
          { ...answer, status: 0, importId: null },
          { ...answer, isReplay: true },
        ]
      : [answer]
  history.sent.push({ portalId, partner: 'Partner', key: i % 2 === 0 ? name : null, name, sha256, mapping: 'mapping', answers })
  let epoch = 0
  for (const [step, to] of way.entries()) {
    const from = way[step - 1] ?? null
    if (to === 'submitting' || (from === 'submitting' && to === 'accepted')) epoch += 1
    history.changes.push({ importId: id, from, to, epoch, at: 1_000 * i + step })
  }
  const files = [{ storeKey: `file ${i}`, sha256 }]
  const row = { id, portalId, partnerId: 'p', name, state: 'done', reason: null, problem: null, epoch }
  history.rows.push({ ...row, hubspotImportId: String(i), files })
  history.files.push({ storeKey: `file ${i}`, ageMs: 0 })
  history.made.push({ id: String(i), portalId, name: `${name} [${id}]`, sha256: [sha256], mapping: 'mapping', createdAt: i })
}

describe('the history checker', () => {
  it('finds nothing in a good history, in whatever order the imports’ changes are mixed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.infiniteStream(fc.nat()), (count, turns) => {
        const history = goodHistory(count)
        history.changes = interleave(history.changes, turns)

        expect(checkHistory(history)).toEqual([])
      }),
    )
  })

  it.each(Object.entries(PLANTED_BUGS))('sees when %s', (_bug, { invariant, plant }) => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 12 }), fc.nat(), (count, choice) => {
        const history = goodHistory(count)
        plant(history, (some) => some[choice % some.length] as (typeof some)[number])

        expect(checkHistory(history).map((one) => one.invariant)).toContain(invariant)
      }),
      { numRuns: 30 },
    )
  })
})

/** Each import's changes keep their order. */
function interleave(changes: Change[], turns: Iterable<number>): Change[] {
  const left = Object.values(Object.groupBy(changes, ({ importId }) => importId)).map((some) => [...(some ?? [])])
  const mixed: Change[] = []
  for (const turn of turns) {
    const some = left[turn % left.length]
    const next = some?.shift()
    if (next) mixed.push(next)
    if (some?.length === 0) left.splice(left.indexOf(some), 1)
    if (left.length === 0) break
  }
  return mixed
}

describe('an app that really has a bug', () => {
  it('sends a lost answer again blindly, and is caught', async () => {
    const app = await buggyApp(({ deps }) => {
      const { createImport } = deps.hubspot
      deps.hubspot.createImport = async (input) => {
        const outcome = await createImport(input)
        return outcome.outcome === 'ambiguous' ? { outcome: 'retry', afterSeconds: 0, why: 'a bug' } : outcome
      }
    })
    app.hubspot.control.fault({ on: 'create', do: { reset: 'after-create' } })

    expect(await historyOfOne(app)).toEqual(['I2'])
  })

  it('changes the name on the way, and is caught', async () => {
    const app = await buggyApp(({ deps }) => {
      const { createImport } = deps.hubspot
      deps.hubspot.createImport = (input) => {
        const { importRequest } = input
        return createImport({ ...input, importRequest: { ...importRequest, name: `Another ${importRequest.name}` } })
      }
    })

    expect(await historyOfOne(app)).toEqual(['I3'])
  })

  it('takes another portal’s token, and is caught', async () => {
    const app = await buggyApp(({ deps }) => {
      const { createImport } = deps.hubspot
      deps.hubspot.createImport = async (input) => {
        const { accessToken } = await deps.tokens.read(OTHER_PORTAL, 'submit')
        return createImport({ ...input, accessToken })
      }
    })
    await app.install(OTHER_PORTAL)

    expect(await historyOfOne(app, () => app.hubspot.control.imports().length)).toContain('I4')
  })

  it('answers 202 before anything is stored, and is caught', async () => {
    const app = await buggyApp(({ deps, query }) => {
      const { create } = deps.imports
      deps.imports.create = async (input) => {
        const made = await create(input)
        await query('DELETE FROM "Import"')
        return made
      }
    })

    expect(await historyOfOne(app, () => 1)).toEqual(['I1'])
  })
})

/** An app into which a bug is put before its first job. */
async function buggyApp(putBug: (app: TestApp) => void): Promise<TestApp> {
  const app = await testApp({ work: false })
  await app.query(RECORD_CHANGES)
  putBug(app)
  await app.startWork()
  return app
}

/** Uploads one file, waits until it is done, or something else has come of it, and names the invariants that were broken. */
async function historyOfOne(app: TestApp, look?: () => number): Promise<string[]> {
  const [request, file] = [contactsRequest(), contactsCsv(3)]
  const { status, body } = await uploadFile(app, { request, file })
  if (look) await until(look, (count) => count > 0)
  else await untilState(app, body, 'done')
  const answers = [{ began: 0, at: 0, status, importId: body.id, isReplay: false, wasRefused: false }]
  const sha256 = createHash('sha256').update(file).digest('hex')
  const upload = { portalId: PORTAL, partner: 'Partner', key: null, name: String(request.name) }
  const sent: Sent[] = [{ ...upload, sha256, mapping: mappingOf(request), answers }]
  const storedFiles = async () => (await app.storedFiles()).map((storeKey) => ({ storeKey, ageMs: 0 }))
  const history = await readHistory({ ...app, storedFiles }, sent, 0)
  return [...new Set(checkHistory(history).map(({ invariant }) => invariant))]
}
