import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Database, openDatabase } from '../src/db/prisma.js'
import { describeError, redact } from '../src/log.js'
import { createKey } from '../src/partners/api-key.js'
import { findLeaks } from './support/leaks.js'
import { createTestDatabase } from './support/postgres.js'

/** Ways in which a query fails, with a value that came from outside. */
const FAILURES: [what: string, fail: (prisma: Database, value: string) => Promise<unknown>][] = [
  ['a field that is none', (prisma, value) => prisma.portal.create({ data: { id: '1', hubDomain: value, none: 1 } as never })],
  [
    'a condition that is none',
    (prisma, value) => prisma.portal.findMany({ where: { hubDomain: { contains: value, none: 1 } } as never }),
  ],
  ['a value of another type', (prisma, value) => prisma.portal.create({ data: { id: '1', tokenVersion: value } as never })],
  ['a NUL', (prisma, value) => prisma.portal.create({ data: { id: '1', hubDomain: `${value}\0` } })],
  ['a reference to nothing', (prisma, value) => prisma.grant.create({ data: { partnerId: value, portalId: value } })],
  ['a second one', (prisma, value) => prisma.portal.createMany({ data: [{ id: value }, { id: value }] })],
  ['text for a number', (prisma, value) => prisma.$queryRaw`SELECT ${value}::text::int`],
  ['text for an instant', (prisma, value) => prisma.$queryRaw`SELECT ${`${value} "quoted"`}::text::timestamptz`],
  ['text for JSON', (prisma, value) => prisma.$queryRaw`SELECT ${value}::text::jsonb`],
  ['a missing value', (prisma, value) => prisma.$executeRaw`INSERT INTO "Partner" ("id", "name") VALUES (${value}, NULL)`],
  ['an unknown table', (prisma, value) => prisma.$queryRaw`SELECT ${value} FROM "Nothing"`],
]

describe('the log', () => {
  it('shows no key, bearer token or OAuth secret, wherever it stands', () => {
    const text = createKey().text.reveal()

    for (const line of [
      `/v1/portals/${text}/imports`,
      `/v1/portals/${text.replaceAll('_', '%5F')}/imports`,
      `/v1/portals/${text.replaceAll('_', '%255f')}/imports`,
      `authorization: Bearer ${text}`,
      'Bearer na1-canary',
      'code=canary&client_secret=canary',
      '{"refresh_token":"canary","access_token": "canary"}',
    ])
      expect(redact(line)).not.toMatch(new RegExp(`canary|imp_live_|${text.slice(-49)}`))
  })

  it('shows an error by name, message and causes, not by what the library hung on it', () => {
    const cause = Object.assign(new Error('Bearer canary'), { request: { headers: { authorization: 'Bearer canary' } } })

    const shown = JSON.stringify(describeError(new Error('failed', { cause })))

    expect(shown).toContain('failed')
    expect(shown).not.toContain('canary')
  })

  it.each(FAILURES)('shows no value that a failed query was given: %s', async (_what, fail) => {
    const database = await createTestDatabase()
    const prisma = openDatabase(database.url)
    onTestFinished(() => prisma.$disconnect().then(database.drop))
    const value = randomBytes(20).toString('hex')

    const error: unknown = await fail(prisma, value).catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(Error)
    expect(findLeaks({ value }, { shown: JSON.stringify(describeError(error)) })).toEqual([])
  })
})
