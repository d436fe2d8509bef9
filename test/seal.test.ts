import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeal, type SealBinding } from '../src/portals/seal.js'
import { secret } from '../src/secret.js'

const key = (id: string) => ({ id, key: secret(randomBytes(32)) })
const binding: SealBinding = { portalId: '111', version: 3 }
const pair = { accessToken: secret('an access token'), refreshToken: secret('a refresh token') }
const broken = expect.objectContaining({ code: 'seal_broken' })

describe('a sealed pair', () => {
  it('opens to what was sealed, whatever it was', () => {
    const seal = createSeal([key('k1')], 'app')

    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (accessToken, refreshToken) => {
        const sealed = seal.closePair({ accessToken: secret(accessToken), refreshToken: secret(refreshToken) }, binding)
        const opened = seal.openPair(sealed, binding)
        return opened.accessToken.reveal() === accessToken && opened.refreshToken.reveal() === refreshToken
      }),
    )
  })

  it('opens for no other portal, version or environment, nor with its texts swapped', () => {
    const keys = [key('k1')]
    const seal = createSeal(keys, 'production')
    const sealed = seal.closePair(pair, binding)

    for (const other of [{ portalId: '112' }, { version: 2 }, { version: 4 }])
      expect(() => seal.openPair(sealed, { ...binding, ...other })).toThrow(broken)
    expect(() => createSeal(keys, 'staging').openPair(sealed, binding)).toThrow(broken)
    const swapped = { ...sealed, accessToken: sealed.refreshToken, refreshToken: sealed.accessToken }
    expect(() => seal.openPair(swapped, binding)).toThrow(broken)
  })

  it('does not open with the data key of another version or another portal', () => {
    const seal = createSeal([key('k1')], 'app')
    const sealed = seal.closePair(pair, binding)

    for (const other of [{ ...binding, version: 2 }, { ...binding, portalId: '112' }, binding]) {
      const { dataKey } = seal.closePair(pair, other)
      expect(() => seal.openPair({ ...sealed, dataKey }, binding)).toThrow(broken)
    }
  })

  it.each(['dataKey', 'accessToken', 'refreshToken'] as const)(
    'opens no more once any character of its %s was changed, its end is missing or something follows it',
    (field) => {
      const seal = createSeal([key('k1')], 'app')
      const sealed = seal.closePair(pair, binding)
      const text = sealed[field]

      for (let at = 0; at < text.length; at++) {
        for (const other of ['A', 'B', '-', '.', ' '].filter((character) => character !== text[at])) {
          const changed = { ...sealed, [field]: text.slice(0, at) + other + text.slice(at + 1) }
          expect(() => seal.openPair(changed, binding)).toThrow()
        }
        expect(() => seal.openPair({ ...sealed, [field]: text.slice(0, at) }, binding)).toThrow()
      }
      for (const more of ['.', 'A', ' ', '.A'])
        expect(() => seal.openPair({ ...sealed, [field]: text + more }, binding)).toThrow(broken)
    },
  )

  it('cannot be opened with a shorter tag', () => {
    const seal = createSeal([key('k1')], 'app')
    const sealed = seal.closePair(pair, binding)
    const bytes = Buffer.from(sealed.accessToken.slice(3), 'base64url')
    const short = Buffer.concat([bytes.subarray(0, 16), bytes.subarray(28)])

    expect(() => seal.openPair({ ...sealed, accessToken: `s1.${short.toString('base64url')}` }, binding)).toThrow(broken)
  })

  it('opens under an older key, is wrapped by the first, and says which key is missing', () => {
    const [older, newer] = [key('old'), key('new')]
    const sealed = createSeal([older], 'app').closePair(pair, binding)
    const both = createSeal([newer, older], 'app')

    expect(both.openPair(sealed, binding).accessToken.reveal()).toBe('an access token')
    expect(both.closePair(pair, binding)).toMatchObject({ dataKeyId: 'new', dataKey: expect.stringMatching(/^k1\.new\./) })
    const rewrapped = { ...sealed, ...both.rewrap(sealed.dataKey, binding) }
    expect(createSeal([newer], 'app').openPair(rewrapped, binding).refreshToken.reveal()).toBe('a refresh token')
    expect(() => createSeal([newer], 'app').openPair(sealed, binding)).toThrow(
      expect.objectContaining({
        code: 'encryption_key_missing',
        options: expect.objectContaining({ context: expect.objectContaining({ keyId: 'old' }) }),
      }),
    )
  })
})
