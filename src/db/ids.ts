import { randomBytes } from 'node:crypto'

/** What an id may name: `imp` an import, `prt` a partner, `key` an API key, `fil` a file, `par` a part of an import, `tpl` a template, `drf` a draft, `end` a webhook endpoint. */
export type IdPrefix = 'imp' | 'prt' | 'key' | 'fil' | 'par' | 'drf' | 'tpl' | 'end'

/**
 * A new id: the prefix and a UUIDv7 in 32 hexadecimal digits, so that ids sort by the time they were made.
 * @see RFC 9562, section 5.7
 */
export function newId(prefix: IdPrefix): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return `${prefix}_${bytes.toString('hex')}`
}
