import { Webhook } from 'standardwebhooks'
import type { Secret } from '../secret.js'

/** The headers that prove a message ours: one signature for each secret. @see Standard Webhooks 1.0 */
export function signedHeaders(id: string, at: Date, body: string, secrets: Secret[]): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret.reveal()).sign(id, at, body)).join(' '),
  }
}
