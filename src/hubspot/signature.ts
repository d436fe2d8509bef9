import { createHmac, timingSafeEqual } from 'node:crypto'

/** How far from now, in either direction, the instant of a signature may be. */
const WINDOW_MS = 300_000

/** HubSpot signs the URI with these decoded, and no others: `%3F` of a `?` in a value is one, `%20` and `%25` are not. */
const DECODED: Record<string, string> = {
  '%3A': ':',
  '%2F': '/',
  '%3F': '?',
  '%40': '@',
  '%21': '!',
  '%24': '$',
  '%27': "'",
  '%28': '(',
  '%29': ')',
  '%2A': '*',
  '%2C': ',',
  '%3B': ';',
}

export type SignedRequest = {
  method: string
  /** The whole URI as the world calls us, with its query as it came. */
  url: string
  /** The bytes as they came: JSON written anew would not be what was signed. */
  rawBody: Buffer
  /** `X-HubSpot-Request-Timestamp`: milliseconds since 1970. */
  timestamp: string | undefined
  /** `X-HubSpot-Signature-v3` */
  signature: string | undefined
  clientSecret: string
  nowMs: number
}

/**
 * Whether HubSpot signed this request (version 3), within five minutes of now. The older versions leave out the time, or
 * the method and the URI, and are not taken.
 *
 * @see https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
 */
export function isSigned({ method, url, rawBody, timestamp, signature, clientSecret, nowMs }: SignedRequest): boolean {
  if (signature === undefined || timestamp === undefined || !/^\d{1,15}$/.test(timestamp)) return false
  if (Math.abs(nowMs - Number(timestamp)) > WINDOW_MS) return false
  const expected = createHmac('sha256', clientSecret)
    .update(method + url.replaceAll(/%[0-9A-F]{2}/gi, (code) => DECODED[code.toUpperCase()] ?? code))
    .update(rawBody)
    .update(timestamp)
    .digest('base64')
  // As text: decoding would let other spellings of the same bytes pass. How long a right one is, everybody knows.
  const [given, wanted] = [Buffer.from(signature), Buffer.from(expected)]
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
