import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { testApp } from './support/app.js'
import { searchesLineFor } from './support/closing-line.js'
import { type Canaries, type Encoding, expectNoLeaks, findLeaks } from './support/leaks.js'

const CANARIES: Canaries = Object.fromEntries([
  // Of every length modulo three, and with every character that an encoding treats in a way of its own.
  ...Array.from({ length: 30 }, (_, i) => [`random ${i}`, randomBytes(12 + i).toString('base64url')]),
  ...Array.from({ length: 6 }, (_, i) => [`special ${i}`, `${randomBytes(9 + i).toString('base64')}+/=&"\\ %41?`]),
  ...Array.from({ length: 6 }, (_, i) => [`bytes ${i}`, randomBytes(31 + i)]),
])

const everyCharacter = (value: Buffer, write: (hex: string) => string) =>
  [...value].map((byte) => write(byte.toString(16).padStart(2, '0'))).join('')
const padded = (value: Buffer, offset: number) => Buffer.concat([randomBytes(offset + 3), value, randomBytes(5)])
const lines = (text: string) => JSON.stringify({ level: 'info', msg: text })

/** Each way in which something may be written down, and the encoding it must be found as. */
const WAYS: Record<string, [encoding: Encoding, write: (value: Buffer) => string | Buffer]> = {
  'as it is': ['raw', (value) => value],
  'base64, first alignment': ['base64', (value) => padded(value, 0).toString('base64')],
  'base64, second alignment': ['base64', (value) => padded(value, 1).toString('base64')],
  'base64, third alignment': ['base64', (value) => padded(value, 2).toString('base64')],
  'base64 alone': ['base64', (value) => value.toString('base64')],
  'base64 for URLs': ['base64', (value) => padded(value, 1).toString('base64url')],
  'lower hex': ['hex', (value) => `\\x${value.toString('hex')}`],
  'upper hex': ['hex', (value) => value.toString('hex').toUpperCase()],
  'hex of an inspected buffer': ['hex', (value) => `<Buffer ${value.toString('hex').match(/../g)?.join(' ')}>`],
  'a buffer as JSON': ['list of bytes', (value) => JSON.stringify({ value })],
  'a buffer as spaced JSON': ['list of bytes', (value) => JSON.stringify({ value }, null, 2)],
  'percent-encoded': ['escaped', (value) => everyCharacter(value, (hex) => `%${hex}`)],
  'percent-encoded twice': ['escaped', (value) => everyCharacter(value, (hex) => `%25${hex.toUpperCase()}`)],
  'JSON escapes': ['escaped', (value) => `"${everyCharacter(value, (hex) => `\\u00${hex}`)}"`],
  'JSON escapes in JSON': ['escaped', (value) => lines(everyCharacter(value, (hex) => `\\u00${hex}`))],
}

/** Only of texts: what bytes are as text nobody knows. */
const WAYS_OF_TEXTS: typeof WAYS = {
  'UTF-16, little end first': ['utf-16', (value) => Buffer.from(value.toString(), 'utf16le')],
  'UTF-16, big end first': ['utf-16', (value) => Buffer.from(value.toString(), 'utf16le').swap16()],
  'an address’s parameter': ['escaped', (value) => `?x=${encodeURIComponent(value.toString())}`],
  'a form’s field': ['escaped', (value) => `?x=${encodeURIComponent(value.toString())}&y=1`],
  'a JSON text': ['escaped', (value) => lines(value.toString())],
  'a JSON text in JSON': ['escaped', (value) => lines(lines(value.toString()))],
}

function haystack(written: string | Buffer): Buffer {
  return Buffer.concat([randomBytes(501), Buffer.from('\n'), Buffer.from(written), Buffer.from('\n'), randomBytes(500)])
}

describe('the search for leaks', () => {
  it.each([...Object.entries(WAYS), ...Object.entries(WAYS_OF_TEXTS)])('finds every canary: %s', (way, [encoding, write]) => {
    const isOfText = way in WAYS_OF_TEXTS
    const sought = Object.entries(CANARIES).filter(([, value]) => !isOfText || typeof value === 'string')

    for (const [canary, value] of sought) {
      const written = write(Buffer.from(value))
      const leaks = findLeaks(CANARIES, { clean: haystack(''), place: haystack(written) })
      const isPlain = Buffer.from(written).includes(value)
      expect(leaks).toEqual([{ canary, place: 'place', encoding: isPlain ? 'raw' : encoding }])
    }
  })

  it('finds nothing in what holds parts of canaries only', () => {
    const parts = Object.values(CANARIES).map((value) => Buffer.from(value).subarray(1))
    // Between them is what none of them begins with (by chance it would be the byte that was taken away) and no view drops.
    const firsts = new Set(Object.values(CANARIES).map((value) => Buffer.from(value).toString('latin1')[0]))
    const [between] = [...'!#$&()*,;<>@'].filter((character) => !firsts.has(character))
    const raw = parts.map((part) => part.toString('latin1')).join(between)
    const hex = parts.map((part) => part.toString('hex')).join()

    expect(findLeaks(CANARIES, { raw: Buffer.from(raw, 'latin1'), hex })).toEqual([])
  })

  it('finds the same secret in every place and every encoding that it is in', () => {
    const value = randomBytes(20)
    const both = `${value.toString('hex')} ${value.toString('base64')}`

    expect(findLeaks({ value }, { first: both, second: value })).toEqual([
      { canary: 'value', place: 'first', encoding: 'base64' },
      { canary: 'value', place: 'first', encoding: 'hex' },
      { canary: 'value', place: 'second', encoding: 'raw' },
    ])
  })

  it('refuses a canary so short that it would be found by chance', () => {
    expect(() => findLeaks({ short: 'secret' }, {})).toThrow('short is too short')
  })
})

describe('every test that runs an app', () => {
  it('searches for all secrets that the app has had to do with', async () => {
    const app = await testApp()

    const { codes, accessTokens, refreshTokens } = app.hubspot.control.issued()
    const { encryptionKeys, sessionSecret, hubspot } = app.config
    const expected = [
      ...[codes, accessTokens, refreshTokens].flat(),
      ...[hubspot.clientSecret, sessionSecret].map((held) => held.reveal()),
      ...encryptionKeys.map(({ key }) => key.reveal()),
      app.key.slice(-49),
      new URL(app.databaseUrl).password,
    ]
    const sought = app.canaries()
    expect(Object.values(sought)).toEqual(expect.arrayContaining(expected.filter((value) => value !== '')))
    expect(Object.keys(sought).sort()).toEqual(expect.arrayContaining(['cookie 1', 'cookie 2', 'install’s state 1']))
  })

  it('finds each of them in the log, in any table and in a job', async () => {
    const app = await testApp({ work: false })
    const job = { name: 'advance-portal', payload: z.object({ portalId: z.string() }), concurrency: 1, expiresAfterSeconds: 60 }
    await app.deps.queue.start([job])

    for (const [canary, value] of Object.entries(app.canaries())) {
      const text = Buffer.from(value).toString('base64')
      app.deps.log.debug({ token: text }, 'planted')
      await app.query('UPDATE "Portal" SET "hubDomain" = $1', [text])
      await app.deps.queue.enqueue(job, { portalId: text })

      const leaks = findLeaks(app.canaries(), await app.places())
      expect(leaks.map(({ place, ...leak }) => [leak.canary, place.replace(/pgboss.*/, 'of jobs')]).sort()).toEqual([
        [canary, 'log'],
        [canary, 'table "Portal"'],
        [canary, 'table of jobs'],
      ])
      app.logged.length = 0
      await app.query('UPDATE "Portal" SET "hubDomain" = NULL')
      await app.query('DELETE FROM pgboss.job')
    }
    expect(findLeaks(app.canaries(), await app.places())).toEqual([])
  })

  it('fails for a leak, and says what leaks into what but not the secret itself', () => {
    const value = randomBytes(20).toString('hex')

    const search = () => expectNoLeaks({ 'access token 1': value }, { log: `token ${value}`, page: 'clean' }, '')

    expect(search).toThrow(/^access token 1 leaks into log \(raw\)$/)
  })

  it('adds to a line of the run’s own', () => {
    const searches = [
      { canaries: 3, places: 4, bytes: 10, hits: 0 },
      { canaries: 5, places: 6, bytes: 10, hits: 1 },
    ]

    expect(searchesLineFor(searches.map((search) => `${JSON.stringify(search)}\n`).join(''))).toBe(
      '8 canaries searched for in 10 places, 1 hits\n',
    )
  })
})
