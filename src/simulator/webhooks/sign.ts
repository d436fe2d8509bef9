import { createHash, createHmac } from 'node:crypto'

export const SIGNATURE_VERSIONS = ['v3', 'v1', 'none'] as const
export type SignatureVersion = (typeof SIGNATURE_VERSIONS)[number]

/** What HubSpot decodes in an address before it signs it: these and no others. */
const DECODED = /%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi

/** The headers that HubSpot signs a POST with. */
export function sign(
  version: SignatureVersion,
  { secret, url, body, timestamp }: { secret: string; url: string; body: string; timestamp: number },
): Record<string, string> {
  if (version === 'none') return {}
  if (version === 'v1') {
    const signature = createHash('sha256').update(`${secret}${body}`).digest('hex')
    return { 'X-HubSpot-Signature': signature, 'X-HubSpot-Signature-Version': 'v1' }
  }
  const signed = `POST${url.replace(DECODED, decodeURIComponent)}${body}${timestamp}`
  return { 'X-HubSpot-Signature-v3': createHmac('sha256', secret).update(signed).digest('base64') }
}
