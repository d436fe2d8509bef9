import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { CookieOptions, Request, Response } from 'express'
import type { Config } from '../config.js'

export type SignedCookies = ReturnType<typeof createSignedCookies>

/** Cookies that hold a random id, signed; the database knows only a hash of it. And the tokens of forms that belong to one. */
export function createSignedCookies({ publicUrl, sessionSecret }: Pick<Config, 'publicUrl' | 'sessionSecret'>) {
  const isSecure = publicUrl.startsWith('https:')
  // The prefix makes browsers refuse the cookie unless it is Secure and for this host alone; plain http cannot have it.
  const nameOf = (name: string) => (isSecure ? `__Host-${name}` : name)
  const mac = (text: string) => createHmac('sha256', sessionSecret.reveal()).update(text).digest('base64url')
  const options: CookieOptions = { httpOnly: true, secure: isSecure, path: '/', sameSite: 'lax' }

  return {
    isSecure,

    /** The id in a cookie; undefined when there is none of ours. */
    read(req: Request, name: string): string | undefined {
      const signed = cookieOf(req, nameOf(name))
      const id = signed?.split('.')[0] ?? ''
      return signed !== undefined && isSame(signed, `${id}.${mac(id)}`) ? id : undefined
    },

    /** Gives the browser a new id. */
    issue(res: Response, name: string, { maxAgeMs, sameSite }: { maxAgeMs: number; sameSite?: 'none' | 'strict' }): string {
      const id = randomBytes(32).toString('base64url')
      // Not an instant: the browser's clock is not ours.
      res.cookie(nameOf(name), `${id}.${mac(id)}`, { ...options, maxAge: maxAgeMs, ...(sameSite ? { sameSite } : {}) })
      return id
    },

    clear(res: Response, name: string): void {
      res.clearCookie(nameOf(name), options)
    },

    /** A token for the forms of whoever has this id: whoever cannot read the cookie cannot make one. */
    formToken: (id: string): string => mac(`form ${id}`),

    /** Whether a request was made by a page of ours, as far as the browser says where it comes from. */
    isFromUs(req: Request): boolean {
      const site = req.get('sec-fetch-site')
      const from = req.get('origin')
      return (site === undefined || site === 'same-origin') && (from === undefined || from === publicUrl)
    },
  }
}

/** A cookie as it came, of whatever maker. */
export function cookieOf(req: Request, name: string): string | undefined {
  for (const pair of (req.get('cookie') ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}

/** What is kept of an id. */
export function hashOf(id: string): Buffer<ArrayBuffer> {
  return createHash('sha256').update(id).digest()
}

/** Compares in the same time, whatever differs. */
export function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b))
}
