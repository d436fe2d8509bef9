import { createHash } from 'node:crypto'
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { AppError } from '../errors.js'
import type { Log } from '../log.js'
import { callerOf } from '../partners/require-partner.js'
import { type IdempotencyStore, KEY_LEASE_SECONDS, type KeyClaim, type UsedKey } from './idempotency-store.js'
import type { ImportRequest } from './import-request.js'

/** What the sender's key stands for: a claim on making its import, or the import that it made already. */
export type Idempotency = { claim: KeyClaim } | { used: UsedKey } | undefined

const RETRY_AFTER_SECONDS = 2

/**
 * Claims the request's Idempotency-Key, if it has one, before its body is read; `idempotencyOf(res)` has the result. The
 * claim is kept alive while the upload runs. @throws {AppError} `idempotency_key_invalid`, `idempotency_key_in_use`
 */
export function claimIdempotencyKey({ idempotency, log }: { idempotency: IdempotencyStore; log: Log }): RequestHandler {
  return async (req, res, next) => {
    const key = keyOf(req)
    if (key === undefined) return next()
    const closed = new Promise<void>((resolve) => res.once('close', resolve))
    const owner = { partnerId: callerOf(res).partnerId, portalId: String(req.params.portalId) }
    const claimed = await idempotency.claim(owner, createHash('sha256').update(key).digest())
    if (claimed === 'in_use')
      throw new AppError('idempotency_key_in_use', {
        detail: 'An upload with this key is still coming in. Ask again in a moment.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      })
    res.locals.idempotency = 'epoch' in claimed ? { claim: claimed } : { used: claimed }
    // Whoever has gone meanwhile must not keep the key from whoever comes back.
    if (res.closed) throw new AppError('upload_incomplete')
    if ('epoch' in claimed) {
      const renewal = setInterval(
        () => void idempotency.renew(claimed).catch((error: unknown) => log.warn({ err: error }, 'a key could not be kept')),
        (KEY_LEASE_SECONDS * 1_000) / 4,
      )
      void closed.then(() => clearInterval(renewal))
    }
    next()
  }
}

/** Gives the key back when the request fails, before that is answered: the next one with it may come at once. */
export function releaseIdempotencyKey({ idempotency, log }: { idempotency: IdempotencyStore; log: Log }): ErrorRequestHandler {
  return async (error: unknown, _req, res, next) => {
    const held = idempotencyOf(res)
    // It runs out by itself as well.
    if (held && 'claim' in held)
      await idempotency
        .release(held.claim)
        .catch((failure: unknown) => log.warn({ err: failure }, 'a key could not be given back'))
    next(error)
  }
}

/** What `claimIdempotencyKey` found. */
export function idempotencyOf(res: Response): Idempotency {
  return res.locals.idempotency as Idempotency
}

/**
 * SHA-256 of what is asked for, with its options, and of the files' names and bytes as they were sent; the order of a JSON
 * object's keys makes no difference.
 */
export function fingerprintOf(request: ImportRequest | null, files: { name: string; sha256: string }[], options: object): Buffer {
  const hash = createHash('sha256').update(canonicalJson([request, options]))
  for (const { name, sha256 } of files) hash.update(`\n${sha256} ${name}`)
  return hash.digest()
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
}

function keyOf(req: Request): string | undefined {
  const sent = req.headersDistinct['idempotency-key'] ?? []
  const [key] = sent
  if (key === undefined) return undefined
  if (sent.length > 1 || !/^[\x20-\x7e]{1,255}$/.test(key))
    throw new AppError('idempotency_key_invalid', {
      detail: 'Send one Idempotency-Key of 1 to 255 printable ASCII characters.',
    })
  return key
}
