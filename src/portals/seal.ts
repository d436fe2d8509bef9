import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { EncryptionKey } from '../config.js'
import { AppError } from '../errors.js'
import { type Secret, secret } from '../secret.js'

/** What sealed texts are bound to: they open for no other portal and no other version of its tokens. */
export type SealBinding = { portalId: string; version: number }

export type TokenPair = { accessToken: Secret; refreshToken: Secret }

/** A pair as it is stored: both texts sealed by a data key, which is itself wrapped by the encryption key `dataKeyId`. */
export type SealedPair = { dataKey: string; dataKeyId: string; accessToken: string; refreshToken: string }

export type Seal = ReturnType<typeof createSeal>

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

type Field = 'data_key' | 'access_token' | 'refresh_token'

/** A secret that belongs to no portal's tokens, and the encryption key that seals it. */
export type SealedText = { sealed: string; keyId: string }

/**
 * Seals pairs of tokens with AES-256-GCM. Every version of a portal's tokens gets a data key of its own, which only the
 * portal's row holds, wrapped by the first encryption key: destroying that one text destroys the pair, an older version
 * put back does not open, and a change of encryption keys wraps again without touching a token.
 *
 * `environment` is bound in as well, so that a row of one installation does not open in another that shares its keys.
 */
export function createSeal(keys: readonly EncryptionKey[], environment: string) {
  const [current] = keys
  if (!current) throw new Error('no encryption key')
  const { id: currentKeyId, key: currentKey } = current
  const byId = new Map(keys.map(({ id, key }) => [id, key]))
  const bound = (field: Field, { portalId, version }: SealBinding) => ['importal', environment, portalId, field, version]

  function wrap(dataKey: Buffer, binding: SealBinding): Pick<SealedPair, 'dataKey' | 'dataKeyId'> {
    const encrypted = encrypt(currentKey.reveal(), dataKey, [...bound('data_key', binding), currentKeyId])
    return { dataKeyId: currentKeyId, dataKey: `k1.${currentKeyId}.${encrypted}` }
  }

  function unwrap(wrapped: string, binding: SealBinding): Buffer {
    const [scheme, id = '', encoded = '', ...more] = wrapped.split('.')
    if (scheme !== 'k1' || more.length > 0) throw new AppError('seal_broken', { context: { ...binding } })
    const key = byId.get(id)
    if (!key) throw new AppError('encryption_key_missing', { context: { ...binding, keyId: id.slice(0, 32) } })
    return decrypt(key.reveal(), encoded, [...bound('data_key', binding), id], binding)
  }

  return {
    currentKeyId,

    closePair({ accessToken, refreshToken }: TokenPair, binding: SealBinding): SealedPair {
      const dataKey = randomBytes(KEY_BYTES)
      const close = (field: Field, text: Secret) => `s1.${encrypt(dataKey, Buffer.from(text.reveal()), bound(field, binding))}`
      return {
        ...wrap(dataKey, binding),
        accessToken: close('access_token', accessToken),
        refreshToken: close('refresh_token', refreshToken),
      }
    },

    /**
     * @throws {AppError} `seal_broken`: altered, or moved from another environment, portal, version or field;
     *   `encryption_key_missing`: wrapped by a key that is not configured
     */
    openPair(sealed: Omit<SealedPair, 'dataKeyId'>, binding: SealBinding): TokenPair {
      const dataKey = unwrap(sealed.dataKey, binding)
      const open = (field: Field, text: string) => {
        if (!text.startsWith('s1.')) throw new AppError('seal_broken', { context: { ...binding } })
        return secret(decrypt(dataKey, text.slice('s1.'.length), bound(field, binding), binding).toString('utf8'))
      }
      return {
        accessToken: open('access_token', sealed.accessToken),
        refreshToken: open('refresh_token', sealed.refreshToken),
      }
    },

    /** Seals another secret by the first encryption key, for one owner: it opens for no other. */
    closeText(text: Secret, owner: string): SealedText {
      const associated = ['importal', environment, 'text', owner, currentKeyId]
      const encrypted = encrypt(currentKey.reveal(), Buffer.from(text.reveal()), associated)
      return { sealed: `t1.${currentKeyId}.${encrypted}`, keyId: currentKeyId }
    },

    /** @throws {AppError} `seal_broken`, `encryption_key_missing` */
    openText(sealed: string, owner: string): Secret {
      const [scheme, id = '', encoded = '', ...more] = sealed.split('.')
      if (scheme !== 't1' || more.length > 0) throw new AppError('seal_broken', { context: { owner } })
      const key = byId.get(id)
      if (!key) throw new AppError('encryption_key_missing', { context: { owner, keyId: id.slice(0, 32) } })
      return secret(decrypt(key.reveal(), encoded, ['importal', environment, 'text', owner, id], { owner }).toString('utf8'))
    },

    /** The same data key, wrapped by the first encryption key. @throws what `openPair` throws */
    rewrap(dataKey: string, binding: SealBinding): Pick<SealedPair, 'dataKey' | 'dataKeyId'> {
      return wrap(unwrap(dataKey, binding), binding)
    },
  }
}

/** base64url of nonce, tag and ciphertext. */
function encrypt(key: Buffer, plain: Buffer, associated: (string | number)[]): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(JSON.stringify(associated)))
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), ciphertext]).toString('base64url')
}

function decrypt(
  key: Buffer,
  encoded: string,
  associated: (string | number)[],
  binding: SealBinding | { owner: string },
): Buffer {
  const bytes = Buffer.from(encoded, 'base64url')
  // The last character has bits that decode to nothing: a text that is not the one we wrote is refused all the same.
  if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== encoded)
    throw new AppError('seal_broken', { context: { ...binding } })
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(JSON.stringify(associated)))
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw new AppError('seal_broken', { cause, context: { ...binding } })
  }
}
