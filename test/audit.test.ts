import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { disconnectPortal } from '../src/imports/departure/disconnect.js'
import { PORTAL, type TestApp, testApp, until } from './support/app.js'
import { testPlace } from './support/process.js'

const SLOW_MS = 90_000
const events = (app: TestApp) =>
  app.query<{ actor: string; action: string; portalId: string | null; detail: Record<string, unknown> }>(
    'SELECT "actor", "action", "portalId", "detail" FROM "AuditEvent" ORDER BY "id"',
  )

/** What somebody who owns the database can do: the triggers out of the way. */
const byForce = (app: TestApp, sql: string) =>
  app.query(`DO $force$ BEGIN SET session_replication_role = replica; ${sql}; SET session_replication_role = origin; END $force$`)

async function record(app: TestApp, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    await app.deps.audit.record({ actor: 'operator', action: 'key_created', keyId: `key_${i}`, detail: { i, text: 'ä\n"\\' } })
}

describe('the audit trail', () => {
  it('tells who did what to which portal, from the install to the last deletion', async () => {
    const app = await testApp()
    const key = await app.createKey('Another')
    await app.deps.partners.revokeKey(`key_${key.split('_')[2]}`)
    await app.install()
    await app.deps.accessToken(PORTAL, 'submit')
    await app.query(`UPDATE "PortalToken" SET "expiresAt" = now()`)
    await app.deps.accessToken(PORTAL, 'submit')
    await disconnectPortal(app.deps, PORTAL, { actor: 'admin', why: 'on the settings page' })
    await until(
      () => events(app),
      (rows) => rows.some(({ action }) => action === 'portal_erased'),
    )

    const told = (await events(app)).map(({ actor, action }) => `${actor} ${action}`)

    expect(told).toEqual([
      'admin portal_installed',
      'operator key_created',
      'operator key_created',
      'operator key_revoked',
      'admin portal_reconnected',
      'importal tokens_opened',
      'importal tokens_refreshed',
      'admin portal_disconnected',
      'importal tokens_opened',
      'importal tokens_destroyed',
      'importal portal_left',
      'importal portal_erasing',
      'importal portal_erased',
    ])
    expect((await events(app)).every(({ portalId }) => portalId === PORTAL)).toBe(true)
    expect((await app.deps.audit.verify()).broken).toBeNull()
  })

  it('says for which purpose tokens are opened, once an hour a purpose', async () => {
    const app = await testApp({ work: false })

    for (let i = 0; i < 5; i++) for (const purpose of ['submit', 'track'] as const) await app.deps.tokens.read(PORTAL, purpose)

    const opened = (await events(app)).filter(({ action }) => action === 'tokens_opened')
    expect(opened.map(({ detail }) => detail.purpose)).toEqual(['submit', 'track'])
  })

  it('is one unbroken chain, however many write it at once', async () => {
    const app = await testApp({ install: false, work: false })

    await Promise.all(Array.from({ length: 10 }, () => record(app, 10)))

    const { head, ...verdict } = await app.deps.audit.verify()
    expect(verdict).toEqual({ events: 100, last: '100', broken: null })
    expect(head).toMatch(/^[0-9a-f]{64}$/)
  })

  it('is chained as documented: each hash is of the one before and of the row', async () => {
    const app = await testApp({ install: false, work: false })
    await record(app, 1)

    const [row] = await app.query<{ at: Date; detail: string; hash: Buffer }>(
      'SELECT "at", "detail"::text, "hash" FROM "AuditEvent"',
    )

    const origin = createHash('sha256').update('importal').digest('hex')
    const lines = [origin, '1', row?.at.getTime(), 'operator', 'key_created', '', '', 'key_0', row?.detail]
    expect(row?.hash.toString('hex')).toBe(createHash('sha256').update(lines.join('\n')).digest('hex'))
  })

  it.each(['UPDATE "AuditEvent" SET "actor" = \'x\'', 'DELETE FROM "AuditEvent"', 'TRUNCATE "AuditEvent"'])(
    'cannot be changed by %s',
    async (sql) => {
      const app = await testApp({ install: false, work: false })
      await record(app, 1)

      await expect(app.query(sql)).rejects.toThrow('append-only')
    },
  )

  it.each([
    ['a changed detail', `UPDATE "AuditEvent" SET "detail" = '{}' WHERE "id" = 3`, '3'],
    ['a changed actor', `UPDATE "AuditEvent" SET "actor" = 'admin' WHERE "id" = 3`, '3'],
    ['a changed instant', `UPDATE "AuditEvent" SET "at" = "at" + interval '1 millisecond' WHERE "id" = 3`, '3'],
    ['a portal put in', `UPDATE "AuditEvent" SET "portalId" = '1' WHERE "id" = 3`, '3'],
    ['a field moved to the next', `UPDATE "AuditEvent" SET "partnerId" = "keyId", "keyId" = NULL WHERE "id" = 3`, '3'],
    ['a row taken out', 'DELETE FROM "AuditEvent" WHERE "id" = 3', '4'],
    ['the first row taken out', 'DELETE FROM "AuditEvent" WHERE "id" = 1', '2'],
    ['the last row taken out', 'DELETE FROM "AuditEvent" WHERE "id" = 5', '5'],
    ['all rows taken out', 'DELETE FROM "AuditEvent"', '5'],
    [
      'two rows swapped',
      'UPDATE "AuditEvent" SET "id" = CASE "id" WHEN 3 THEN -4 ELSE -3 END WHERE "id" IN (3, 4); UPDATE "AuditEvent" SET "id" = -"id" WHERE "id" < 0',
      '3',
    ],
    [
      'a row put in',
      `INSERT INTO "AuditEvent" SELECT 6, "actor", "action", "portalId", "partnerId", "keyId", "detail", "at", "hash", "hash" FROM "AuditEvent" WHERE "id" = 5; UPDATE "AuditHead" SET "last" = 6`,
      '6',
    ],
    [
      'a row changed and its own hash mended',
      `UPDATE "AuditEvent" SET "actor" = 'admin' WHERE "id" = 3; UPDATE "AuditEvent" e SET "hash" = audit_hash("previousHash", e) WHERE "id" = 3`,
      '4',
    ],
  ])('shows %s', async (_name, sql, at) => {
    const app = await testApp({ install: false, work: false })
    await record(app, 5)

    await byForce(app, sql)

    expect((await app.deps.audit.verify()).broken?.id).toBe(at)
  })

  it('written anew as a whole is seen by who noted its end before', async () => {
    const app = await testApp({ install: false, work: false })
    await record(app, 3)
    const { last, head } = await app.deps.audit.verify()
    await byForce(app, `DELETE FROM "AuditEvent"; UPDATE "AuditHead" SET "last" = 0, "hash" = sha256('importal')`)
    await record(app, 4)

    const [alone, compared] = [await app.deps.audit.verify(), await app.deps.audit.verify({ last: BigInt(last), hash: head })]

    expect([alone.broken, compared.broken?.id]).toEqual([null, '3'])
  })

  it(
    'is read and verified on the command line, with exit code 1 once it is broken',
    async () => {
      const place = await testPlace()
      await place.start()
      await place.prepare()

      const listed = await place.cli('audit', 'list', '--portal', PORTAL, '--json')
      const verified = await place.cli('audit', 'verify', '--json')
      const { last, head } = JSON.parse(verified.stdout) as { last: string; head: string }
      const known = await place.cli('audit', 'verify', '--expect', `${last}:${head}`)
      const other = await place.cli('audit', 'verify', '--expect', `${last}:${'0'.repeat(64)}`)

      expect((JSON.parse(listed.stdout) as { action: string }[]).map(({ action }) => action)).toEqual([
        'key_created',
        'portal_installed',
      ])
      expect([verified.code, known.code, other.code]).toEqual([0, 0, 1])
      expect(other.stdout).toContain('not what it was known to be')
    },
    SLOW_MS,
  )
})
