import { SIGNATURE_VERSIONS, type SignatureVersion, sign } from './sign.js'

/** A delivery, and what is wrong with it. */
export type Delivery = {
  targetUrl: string
  events: unknown[]
  /** The app's client secret, unless the delivery is forged. */
  secret?: string
  /** In milliseconds; now, unless it is told. */
  timestamp?: number
  version?: SignatureVersion
  /** The address that is signed, where an app behind a proxy is reached at another than the one it is known by. */
  signedUrl?: string
  /** What is changed after signing; the meaning of the body stays the same. */
  tamper?: (typeof TAMPERINGS)[number]
}

const TAMPERINGS = ['white-space', 'query', 'timestamp'] as const

/** HubSpot waits five seconds; on a busy machine that would tell of the machine and not of the app. */
const DEADLINE_MS = 30_000

/** Sends events to an app once, as HubSpot's webhooks do; resolves to its answer. @throws when it is not a delivery. */
export async function deliver(delivery: Delivery, clientSecret: string): Promise<{ status: number; body: string }> {
  check(delivery)
  const { targetUrl, events, secret = clientSecret, timestamp = Date.now(), version = 'v3', tamper } = delivery
  const url = new URL(targetUrl)
  const signedUrl = new URL(delivery.signedUrl ?? url).href
  const body = JSON.stringify(events)
  const signature = sign(version, { secret, url: signedUrl, body, timestamp })

  if (tamper === 'query') url.searchParams.append('added', '1')
  const sentAt = tamper === 'timestamp' ? timestamp + 1 : timestamp
  const res = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'X-HubSpot-Request-Timestamp': String(sentAt), ...signature },
    body: tamper === 'white-space' ? JSON.stringify(events, null, 2) : body,
    redirect: 'manual',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  return { status: res.status, body: await res.text() }
}

function check({ targetUrl, signedUrl = targetUrl, events, secret, timestamp, version, tamper }: Delivery): void {
  for (const url of [targetUrl, signedUrl])
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new Error('A delivery needs "targetUrl", an address, and may have "signedUrl".')
  if (!Array.isArray(events)) throw new Error('A delivery needs "events", a list.')
  if (secret !== undefined && (typeof secret !== 'string' || secret === '')) throw new Error('The secret must be a text.')
  if (timestamp !== undefined && !Number.isFinite(timestamp)) throw new Error('The timestamp is a number of milliseconds.')
  if (version !== undefined && !SIGNATURE_VERSIONS.includes(version))
    throw new Error(`The version of a signature is one of ${SIGNATURE_VERSIONS.join(', ')}.`)
  if (tamper !== undefined && !TAMPERINGS.includes(tamper))
    throw new Error(`A delivery can be tampered with by ${TAMPERINGS.join(', ')}.`)
}
