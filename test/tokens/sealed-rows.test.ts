import { randomBytes, randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/db/prisma.js'
import { AppError } from '../../src/errors.js'
import { createSeal } from '../../src/portals/seal.js'
import { createTokenStore } from '../../src/portals/token-store.js'
import { secret } from '../../src/secret.js'
import { type TestApp, testApp } from '../support/app.js'
import { ATTEMPTS, readRows, replaceRows, type SealedRow } from './support/sealed-rows.js'

const PORTALS = 100
const VERSIONS = 3
const ROUNDS = 4
const REFUSALS = ['seal_broken', 'encryption_key_missing', 'portal_disconnected']
const WHOLE_TEST_MS = 120_000

const newTokens = () => ({
  accessToken: secret(`na1-${randomBytes(24).toString('base64url')}`),
  refreshToken: secret(`refresh-${randomBytes(24).toString('base64url')}`),
  scopes: ['oauth'],
  expiresInSeconds: 1_800,
})

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`

/** An app with many portals, each with several versions; resolves to the rows of every version, as they were while it counted. */
async function appWithRows() {
  const app = await testApp({ work: false, install: false, env: { ENCRYPTION_KEYS: `${key('current')},${key('older')}` } })
  const portalIds = Array.from({ length: PORTALS }, (_, i) => String(700_001 + i))
  const history: SealedRow[][] = []
  for (let version = 1; version <= VERSIONS; version++) {
    for (const portalId of portalIds) {
      if (version === 1) await app.deps.tokens.connect(portalId, newTokens(), {}, 'admin')
      else await app.deps.tokens.update(portalId, 'check', { isStale: () => true, change: async () => newTokens() })
    }
    history.push(await readRows(app.query))
  }
  return { app, history }
}

/** How reading each row's tokens ends: `opened`, or the code of the problem. */
async function readAll({ read }: Pick<TestApp['deps']['tokens'], 'read'>, rows: SealedRow[]): Promise<string[]> {
  const open = ({ portalId }: SealedRow) =>
    read(portalId, 'check').then(
      () => 'opened',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    )
  return Promise.all(rows.map(open))
}

/** Numbers that a seed gives again: mulberry32. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Ending = { kind: string; end: string }

/** Tries every kind of attempt on all portals at once, and puts the rows right again after each. */
async function tryAttempts(app: TestApp, history: SealedRow[][], random: (below: number) => number): Promise<Ending[]> {
  const rows = history[VERSIONS - 1] ?? []
  const endings: Ending[] = []
  for (const [kind, attempt] of Object.entries(ATTEMPTS)) {
    for (let round = 0; round < ROUNDS; round++) {
      const distance = 1 + random(PORTALS - 1)
      const altered = rows.map((row, i) => {
        const other = rows[(i + distance) % PORTALS] ?? row
        const older = history.slice(0, -1).flatMap((then) => then[i] ?? [])
        return attempt({ row, other, older, random })
      })
      await replaceRows(app.query, rows, altered)
      for (const end of await readAll(app.deps.tokens, altered)) endings.push({ kind, end })
      await replaceRows(app.query, altered, rows)
    }
    expect(new Set(await readAll(app.deps.tokens, rows)), `put right again after: ${kind}`).toEqual(new Set(['opened']))
  }
  return endings
}

/** The same rows, untouched, read by an installation that shares the encryption keys. */
async function tryElsewhere(app: TestApp, rows: SealedRow[]): Promise<Ending[]> {
  const prisma = openDatabase(app.databaseUrl)
  const tokens = createTokenStore(prisma, createSeal(app.config.encryptionKeys, 'another environment'))
  const ends = await Promise.all(Array.from({ length: ROUNDS }, () => readAll(tokens, rows)))
  await prisma.$disconnect()
  return ends.flat().map((end) => ({ kind: 'in another environment', end }))
}

function tableOf(endings: Ending[]) {
  const rows = Object.entries(Object.groupBy(endings, ({ kind }) => kind)).map(([kind, ended = []]) => {
    const opened = ended.filter(({ end }) => end === 'opened').length
    return { kind, attempts: ended.length, rejected: ended.filter(({ end }) => REFUSALS.includes(end)).length, opened }
  })
  const sum = (name: 'attempts' | 'rejected' | 'opened') => rows.reduce((total, row) => total + row[name], 0)
  return { rows, all: { attempts: sum('attempts'), rejected: sum('rejected'), opened: sum('opened') } }
}

describe('stored tokens', () => {
  // What does open is everything of a portal as it was at an earlier moment, data key and number included: a restored
  // backup, which no look at its rows tells from the real ones. That is no attempt here.
  it(
    'open for nobody who moves, puts back or alters what is in the database: 10,000 attempts',
    async () => {
      const { app, history } = await appWithRows()
      const seed = Number(process.env.TOKENS_SEED ?? randomInt(2 ** 31))

      const endings = await tryAttempts(app, history, createRandom(seed))
      endings.push(...(await tryElsewhere(app, history[VERSIONS - 1] ?? [])))

      const { rows, all } = tableOf(endings)
      console.info(`TOKENS_SEED=${seed}`)
      console.table([...rows, { kind: 'all', ...all }])
      expect(all).toEqual({ attempts: 10_000, rejected: 10_000, opened: 0 })
    },
    WHOLE_TEST_MS,
  )
})
