import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { newId } from '../db/ids.js'
import { type Secret, secret } from '../secret.js'

/** A key in its parts: `imp_live_<id>_<secret><crc>`, or `imp_test_…`; the id is that of the key's row without its prefix. */
export type ParsedKey = { keyId: string; isTest: boolean; secretHash: Buffer<ArrayBuffer> }

export type NewKey = ParsedKey & { text: Secret; prefix: string; lastFour: string }

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_BYTES = 32
const SECRET_LENGTH = 43
const CRC_LENGTH = 6
const FORMAT = new RegExp(`^imp_(live|test)_([0-9a-f]{32})_([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CRC_LENGTH}})$`)

/** What looks like a key, wherever it stands: for finding one where none should be. */
export const KEY_PATTERN = /imp_(live|test)_[0-9a-f]{32}_[0-9A-Za-z]{49}/

/** A new key. Its text is not stored anywhere: this is the only time it can be shown. */
export function createKey(isTest = false): NewKey {
  const keyId = newId('key')
  const random = base62(randomBytes(SECRET_BYTES), SECRET_LENGTH)
  const kind = isTest ? 'imp_test_' : 'imp_live_'
  const head = `${kind}${keyId.slice('key_'.length)}_`
  const text = `${head}${random}${checksum(head + random)}`
  return {
    text: secret(text),
    keyId,
    isTest,
    secretHash: hashOf(random),
    prefix: head.slice(0, kind.length + 8),
    lastFour: text.slice(-4),
  }
}

/** A key's parts, or undefined for what cannot be one: the checksum tells a typo without a query. */
export function parseKey(text: string): ParsedKey | undefined {
  const [, kind, id, random, crc] = FORMAT.exec(text) ?? []
  if (id === undefined || random === undefined || crc !== checksum(`imp_${kind}_${id}_${random}`)) return undefined
  return { keyId: `key_${id}`, isTest: kind === 'test', secretHash: hashOf(random) }
}

function hashOf(random: string): Buffer<ArrayBuffer> {
  return hash('sha256', random, 'buffer') as Buffer<ArrayBuffer>
}

function checksum(text: string): string {
  let number = crc32(text)
  let digits = ''
  while (digits.length < CRC_LENGTH) {
    digits = ALPHABET.charAt(number % ALPHABET.length) + digits
    number = Math.floor(number / ALPHABET.length)
  }
  return digits
}

function base62(bytes: Buffer, length: number): string {
  let number = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  while (text.length < length) {
    text = ALPHABET.charAt(Number(number % 62n)) + text
    number /= 62n
  }
  return text
}
