import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeal, type SealBinding } from '../src/portals/seal.js'

const key = (id: string) => ({ id, key: randomBytes(32) })
const binding: SealBinding = { portalId: '111', field: 'access_token', version: 3 }

describe('a sealed text', () => {
  it('opens to what was sealed, whatever it was', () => {
    const seal = createSeal([key('k1')])

    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => seal.open(seal.close(text, binding), binding) === text))
  })

  it('opens for no other portal, field or version', () => {
    const seal = createSeal([key('k1')])
    const sealed = seal.close('token', binding)

    for (const other of [{ portalId: '112' }, { field: 'refresh_token' as const }, { version: 2 }, { version: 4 }])
      expect(() => seal.open(sealed, { ...binding, ...other })).toThrow(expect.objectContaining({ code: 'seal_broken' }))
  })

  it('opens no more once any bit of it was changed, or its end is missing', () => {
    const seal = createSeal([key('k1')])
    const sealed = seal.close('a token of some length', binding)
    const head = sealed.lastIndexOf('.') + 1
    const bytes = Buffer.from(sealed.slice(head), 'base64url')

    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Buffer.from(bytes)
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(() => seal.open(sealed.slice(0, head) + changed.toString('base64url'), binding)).toThrow()
      }),
    )
    for (let length = 0; length < bytes.length; length++)
      expect(() => seal.open(sealed.slice(0, head) + bytes.subarray(0, length).toString('base64url'), binding)).toThrow()
  })

  it('opens under an older key, seals under the first, and says which key is missing', () => {
    const [older, newer] = [key('old'), key('new')]
    const sealed = createSeal([older]).close('token', binding)

    const both = createSeal([newer, older])
    expect(both.open(sealed, binding)).toBe('token')
    expect(both.close('token', binding)).toMatch(/^v1\.new\./)
    expect(() => createSeal([newer]).open(sealed, binding)).toThrow(
      expect.objectContaining({
        options: expect.objectContaining({ context: expect.objectContaining({ keyId: 'old (not configured)' }) }),
      }),
    )
  })
})
