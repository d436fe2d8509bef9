import { describe, expect, it } from 'vitest'
import { openDatabase } from '../src/db/prisma.js'
import { eraseFlagged, erasePortal } from '../src/imports/departure/erase.js'
import { createErasureStore } from '../src/imports/departure/erasure-store.js'
import { IMPORT_STATES } from '../src/imports/schema.js'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp } from './support/app.js'
import { requestOf, storeImport, storePortal } from './support/rows.js'

const ENDED = ['done', 'failed', 'canceled', 'needs_review']

async function appWithPortals() {
  const app = await testApp({ install: false, work: false })
  await storePortal(app, PORTAL)
  await storePortal(app, OTHER_PORTAL)
  return app
}

/** A contact of this portal must be forgotten. */
async function forgetContacts(app: TestApp, portalId = PORTAL): Promise<void> {
  const prisma = openDatabase(app.databaseUrl, 1)
  await prisma.$transaction((tx) => createErasureStore(prisma).forgetContacts([portalId], tx))
  await prisma.$disconnect()
}

const flagged = async (app: TestApp) =>
  (await app.query<{ id: string }>('SELECT "id" FROM "Import" WHERE "eraseAtEnd" ORDER BY "id"')).map(({ id }) => id)
const kept = async (app: TestApp) =>
  (
    await app.query<{ importId: string }>('SELECT "importId" FROM "ImportFile" WHERE "storeKey" IS NOT NULL ORDER BY "importId"')
  ).map(({ importId }) => importId)
const quotes = async (app: TestApp) =>
  (await app.query(`SELECT 1 FROM "RowError" WHERE "value" IS NOT NULL OR "message" <> "code"`)).length
const count = async (app: TestApp, table: string) => (await app.query(`SELECT 1 FROM "${table}"`)).length

const disconnect = (app: TestApp) => app.deps.portals.beginDisconnect(PORTAL, { actor: 'operator', why: 'a test' })

/** The portal as it was disconnected. */
async function left(app: TestApp) {
  const portal = await app.deps.portals.findUnerased(PORTAL)
  if (!portal) throw new Error('not disconnected')
  return portal
}

describe('forgetting a contact', () => {
  it('erases the files of the portal’s imports, and of their row errors all but the place and the code', async () => {
    const app = await appWithPortals()
    await storeImport(app, { state: 'done', rowErrors: 3 })
    const other = await storeImport(app, { state: 'done', rowErrors: 2, portalId: OTHER_PORTAL })

    await forgetContacts(app)
    await app.sweep()

    expect(await kept(app)).toEqual([other])
    expect(await app.storedFiles()).toHaveLength(1)
    expect(await quotes(app)).toBe(2)
    const left = await app.query(
      `SELECT "line", "columnIndex", "columnName", "code", "message", "value" FROM "RowError" WHERE "importId" <> $1 ORDER BY "line"`,
      [other],
    )
    expect(left).toEqual(
      [1, 2, 3].map((line) => ({
        line,
        columnIndex: 0,
        columnName: 'Column 0',
        code: 'INVALID_EMAIL',
        message: 'INVALID_EMAIL',
        value: null,
      })),
    )
    expect(await flagged(app)).toEqual([])
  })

  it.each([
    ['0-1', { columnObjectTypeId: '0-1' }],
    ['CONTACT', { columnObjectTypeId: 'CONTACT' }],
    ['contacts', { columnObjectTypeId: 'contacts' }],
    ['the older spelling', { columnObjectType: 'Contact' }],
    ['contacts that another object is linked to', { columnObjectTypeId: '0-2', toColumnObjectTypeId: '0-1' }],
  ])('reaches imports that map contacts as %s', async (_name, column) => {
    const app = await appWithPortals()
    const importId = await storeImport(app, { state: 'done', request: requestOf({ columnObjectTypeId: '0-2' }, column) })

    await forgetContacts(app)

    expect(await flagged(app)).toEqual([importId])
  })

  it.each([
    ['companies', { columnObjectTypeId: '0-2' }],
    ['an object whose id only begins alike', { columnObjectTypeId: '0-14' }],
    ['an object of the account’s own', { columnObjectTypeId: 'contact_person' }],
    ['a property that is called like contacts', { columnObjectTypeId: '0-2', propertyName: 'contact', columnName: '0-1' }],
  ])('leaves imports of %s', async (_name, column) => {
    const app = await appWithPortals()
    const importId = await storeImport(app, { state: 'done', request: requestOf(column), rowErrors: 1 })

    await forgetContacts(app)
    await app.sweep()

    expect(await kept(app)).toEqual([importId])
    expect(await quotes(app)).toBe(1)
  })

  it.each(IMPORT_STATES.filter((state) => !ENDED.includes(state)))(
    'waits until an import that is %s has ended',
    async (state) => {
      const app = await appWithPortals()
      const importId = await storeImport(app, { state })
      await forgetContacts(app)

      await eraseFlagged(app.deps)

      expect(await kept(app)).toEqual([importId])
      expect(await flagged(app)).toEqual([importId])
      await app.query(`UPDATE "Import" SET "state" = 'done'`)
      await eraseFlagged(app.deps)
      expect(await kept(app)).toEqual([])
      expect(await app.storedFiles()).toEqual([])
      expect(await flagged(app)).toEqual([])
    },
  )

  it.each(ENDED)('erases an import that is %s at once', async (state) => {
    const app = await appWithPortals()
    await storeImport(app, { state, rowErrors: 1 })

    await forgetContacts(app)
    await eraseFlagged(app.deps)

    expect(await app.storedFiles()).toEqual([])
    expect(await quotes(app)).toBe(0)
  })

  it('goes on where a process that was killed had stopped', async () => {
    const app = await appWithPortals()
    const importId = await storeImport(app, { state: 'done', rowErrors: 2 })
    await storeImport(app, { state: 'done', rowErrors: 2 })
    await forgetContacts(app)
    // The bytes were removed, but not yet recorded; half of the row errors were blanked.
    const [file] = await app.query<{ storeKey: string }>('SELECT "storeKey" FROM "ImportFile" WHERE "importId" = $1', [importId])
    await app.deps.files.remove(file?.storeKey ?? '')
    await app.query(`UPDATE "RowError" SET "value" = NULL, "message" = "code" WHERE "importId" = $1 AND "line" = 1`, [importId])

    await eraseFlagged(app.deps)

    expect(await kept(app)).toEqual([])
    expect(await app.storedFiles()).toEqual([])
    expect(await quotes(app)).toBe(0)
    expect(await flagged(app)).toEqual([])
  })

  it('tries again what could not be erased, and erases the rest meanwhile', async () => {
    const app = await appWithPortals()
    const stuck = await storeImport(app, { state: 'done', rowErrors: 1 })
    await storeImport(app, { state: 'done', rowErrors: 1 })
    await forgetContacts(app)
    const [file] = await app.query<{ storeKey: string }>('SELECT "storeKey" FROM "ImportFile" WHERE "importId" = $1', [stuck])
    const failing = async (storeKey: string) => {
      if (storeKey === file?.storeKey) throw new Error('the disk fails')
      await app.deps.files.remove(storeKey)
    }

    await eraseFlagged({ ...app.deps, files: { remove: failing } })

    expect(await kept(app)).toEqual([stuck])
    expect(await flagged(app)).toEqual([stuck])
    await eraseFlagged(app.deps)
    expect(await kept(app)).toEqual([])
    expect(await app.storedFiles()).toEqual([])
  })

  it('does nothing about an import of which nothing is kept any more', async () => {
    const app = await appWithPortals()
    await storeImport(app, { state: 'done', rowErrors: 1 })
    await forgetContacts(app)
    await app.sweep()

    await forgetContacts(app)

    expect(await flagged(app)).toEqual([])
  })

  it('may be done by several processes at once', async () => {
    const app = await appWithPortals()
    for (let i = 0; i < 5; i++) await storeImport(app, { state: 'done', rowErrors: 20 })
    await forgetContacts(app)

    await Promise.all([eraseFlagged(app.deps), eraseFlagged(app.deps), eraseFlagged(app.deps)])

    expect(await app.storedFiles()).toEqual([])
    expect(await quotes(app)).toBe(0)
    expect(await flagged(app)).toEqual([])
  })
})

describe('erasing a portal', () => {
  /** Two portals with the same things in them. */
  async function filledApp() {
    const app = await appWithPortals()
    await app.query(`INSERT INTO "Partner" ("id", "name") VALUES ('prt_1', 'Partner')`)
    for (const portalId of [PORTAL, OTHER_PORTAL]) {
      for (const state of ['done', 'held', 'failed']) await storeImport(app, { state, portalId, rowErrors: 2 })
      await app.query(
        `INSERT INTO "Template" ("id", "version", "portalId", "name", "mapping", "properties") VALUES ($1, 1, $2, 'Weekly', '{}', '{}')`,
        [`tpl_${portalId}`, portalId],
      )
      await app.query(
        `INSERT INTO "IdempotencyKey" ("partnerId", "portalId", "keyHash", "expiresAt") VALUES ('prt_1', $1, 'hash', now() + interval '1 day')`,
        [portalId],
      )
    }
    await disconnect(app)
    return app
  }

  it('deletes all of its files, row errors, templates and idempotency keys, and none of another’s', async () => {
    const app = await filledApp()
    const bytes = 3 * Buffer.byteLength('email\nada@example.com\n')

    const erased = await erasePortal(app.deps, await left(app))

    expect(erased).toEqual({ files: 3, bytes, rowErrors: 6, templates: 1 })
    expect(await app.storedFiles()).toHaveLength(3)
    expect(await count(app, 'RowError')).toBe(6)
    const keptBy = `SELECT "portalId" FROM "Template" UNION ALL SELECT "portalId" FROM "IdempotencyKey"
      UNION ALL SELECT DISTINCT i."portalId" FROM "ImportFile" f JOIN "Import" i ON i."id" = f."importId" WHERE f."storeKey" IS NOT NULL`
    expect(await app.query(keptBy)).toEqual(Array.from({ length: 3 }, () => ({ portalId: OTHER_PORTAL })))
  })

  it('finds nothing the second time', async () => {
    const app = await filledApp()
    await erasePortal(app.deps, await left(app))

    const erased = await erasePortal(app.deps, await left(app))

    expect(erased).toEqual({ files: 0, bytes: 0, rowErrors: 0, templates: 0 })
    expect(await app.storedFiles()).toHaveLength(3)
  })

  it('counts everything once when several processes do it at once', async () => {
    const app = await filledApp()

    const erased = await Promise.all([
      erasePortal(app.deps, await left(app)),
      erasePortal(app.deps, await left(app)),
      erasePortal(app.deps, await left(app)),
    ])

    const total = (what: 'files' | 'rowErrors' | 'templates') => erased.reduce((sum, one) => sum + one[what], 0)
    expect([total('files'), total('rowErrors'), total('templates')]).toEqual([3, 6, 1])
  })

  it('deletes more than fits into a batch', async () => {
    const app = await appWithPortals()
    await disconnect(app)
    await storeImport(app, { state: 'done', rowErrors: 12_000 })
    for (let i = 0; i < 205; i++) await storeImport(app, { state: 'done' })

    const erased = await erasePortal(app.deps, await left(app))

    expect(erased).toMatchObject({ files: 206, rowErrors: 12_000 })
    expect(await app.storedFiles()).toEqual([])
  })

  it('deletes nothing of a connection that was made since, when a run that was paused goes on', async () => {
    const app = await filledApp()
    const before = await left(app)
    await app.deps.portals.recordErased(before, {})
    await app.install()
    await storeImport(app, { state: 'accepted', rowErrors: 1 })
    const [files, rowErrors] = [await app.storedFiles(), await count(app, 'RowError')]

    const erased = await erasePortal(app.deps, before)
    await app.deps.disconnections.leaveOpen(before)

    expect(erased).toEqual({ files: 0, bytes: 0, rowErrors: 0, templates: 0 })
    expect([await app.storedFiles(), await count(app, 'RowError')]).toEqual([files, rowErrors])
  })

  it('leaves nothing of what HubSpot quoted about its rows', async () => {
    const app = await filledApp()
    const problem = { code: 'hubspot_refused', detail: 'Row 3 ada@example.com is not valid', correlationId: null }
    await app.query('UPDATE "Import" SET "problem" = $1', [JSON.stringify(problem)])
    await app.query(
      `INSERT INTO "ImportEvent" ("importId", "type", "detail") SELECT "id", 'held', '{"why": "ada@example.com"}' FROM "Import"`,
    )

    await erasePortal(app.deps, await left(app))

    const quoted = await app.query(`SELECT 1 FROM "Import" i JOIN "ImportEvent" e ON e."importId" = i."id"
      WHERE i."portalId" = '${PORTAL}' AND (i."problem"::text LIKE '%ada@%' OR e."detail"::text LIKE '%ada@%')`)
    expect(quoted).toEqual([])
  })

  it('says so when a file cannot be removed, and deletes the rest the next time', async () => {
    const app = await filledApp()
    const failing = async () => {
      throw new Error('the disk fails')
    }

    await expect(erasePortal({ ...app.deps, files: { remove: failing } }, await left(app))).rejects.toThrow('the disk fails')

    expect(await app.storedFiles()).toHaveLength(6)
    expect(await erasePortal(app.deps, await left(app))).toMatchObject({ files: 3, rowErrors: 6 })
  })
})
