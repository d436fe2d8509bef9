import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { EncryptionKey } from '../config.js'
import { AppError } from '../errors.js'

/** What a sealed text is bound to: it opens nowhere else. */
export type SealBinding = { portalId: string; field: 'access_token' | 'refresh_token'; version: number }

export type Seal = ReturnType<typeof createSeal>

const ALGORITHM = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Seals texts with AES-256-GCM under the first key and opens them under any. A sealed text reads
 * `v1.<key id>.<base64url of iv, tag and ciphertext>`.
 */
export function createSeal(keys: readonly EncryptionKey[]) {
  const [current] = keys
  if (!current) throw new Error('no encryption key')
  const byId = new Map(keys.map(({ id, key }) => [id, key]))

  return {
    currentKeyId: current.id,

    close(text: string, binding: SealBinding): string {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv(ALGORITHM, current.key, iv, { authTagLength: TAG_BYTES })
      cipher.setAAD(associatedData(current.id, binding))
      const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return `v1.${current.id}.${Buffer.concat([iv, cipher.getAuthTag(), ciphertext]).toString('base64url')}`
    },

    /** @throws {AppError} `seal_broken`: altered, moved to another portal, field or version, or its key is gone. */
    open(sealed: string, binding: SealBinding): string {
      const [scheme, keyId = '', encoded = ''] = sealed.split('.')
      const key = byId.get(keyId)
      const bytes = Buffer.from(encoded, 'base64url')
      if (scheme !== 'v1' || !key || bytes.length < IV_BYTES + TAG_BYTES)
        throw new AppError('seal_broken', { context: { ...binding, keyId: key ? keyId : `${keyId} (not configured)` } })
      try {
        const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
        decipher.setAAD(associatedData(keyId, binding))
        decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
        return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new AppError('seal_broken', { cause, context: { ...binding } })
      }
    },
  }
}

function associatedData(keyId: string, { portalId, field, version }: SealBinding): Buffer {
  return Buffer.from(JSON.stringify(['importal', keyId, portalId, field, version]))
}
