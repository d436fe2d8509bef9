import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKey, KEY_PATTERN, parseKey } from '../src/partners/api-key.js'
import { isAllowed } from '../src/partners/partner-store.js'

describe('an API key', () => {
  it('reads imp_live_<id>_<secret><crc>, and parses back to its id and the hash of its secret', () => {
    const key = createKey()

    expect(key.text.reveal()).toMatch(/^imp_live_[0-9a-f]{32}_[0-9A-Za-z]{49}$/)
    expect(key.text.reveal()).toMatch(KEY_PATTERN)
    expect(parseKey(key.text.reveal())).toEqual({ keyId: key.keyId, isTest: false, secretHash: key.secretHash })
    expect(key.prefix + key.lastFour).not.toContain(key.text.reveal().slice(45, 60))
  })

  it('is refused without a query after any change of a single character', () => {
    const text = createKey().text.reveal()
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_'

    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...alphabet), (at, character) => {
        fc.pre(text.charAt(at) !== character)
        expect(parseKey(text.slice(0, at) + character + text.slice(at + 1))).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  it('is refused whatever else is sent in its place', () => {
    fc.assert(fc.property(fc.string(), (text) => parseKey(text) === undefined))
    for (const text of [
      '',
      'imp_live_',
      createKey().text.reveal().replace('live', 'test'),
      `${createKey().text.reveal()} `,
      `${createKey().text.reveal()}\n`,
    ])
      expect(parseKey(text)).toBeUndefined()
  })

  it('may be tied to address ranges', () => {
    expect(isAllowed('192.0.2.7', [])).toBe(true)
    expect(isAllowed('192.0.2.7', ['192.0.2.0/24'])).toBe(true)
    expect(isAllowed('::ffff:192.0.2.7', ['192.0.2.0/24'])).toBe(true)
    expect(isAllowed('198.51.100.1', ['192.0.2.0/24', '2001:db8::/32'])).toBe(false)
    expect(isAllowed('2001:db8::5', ['192.0.2.0/24', '2001:db8::/32'])).toBe(true)
  })
})
