import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { type Secret, secret } from '../secret.js'
import { parseBody } from './answers.js'
import { type Answer, type Call, send } from './send.js'

/** Where in the journal something is to be read, and at which address for the next hour. */
export type JournalEntry = { offset: string; url: string }

const TIMEOUT_MS = 10_000
/** The app installed, and uninstalled, in an account. */
const EVENT_TYPE_IDS = ['4-1909196', '4-1916193']
/** A token is renewed so long before its end. */
const RENEWAL_SECONDS = 300

const TokenBody = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().catch(0) })
const RefusalBody = z.object({ status: z.string().optional().catch(undefined), error: z.string().optional().catch(undefined) })
const EntryBody = z.object({ currentOffset: z.union([z.string().min(1).max(500), z.int()]).transform(String), url: z.string() })
const BatchBody = z.object({ journalEvents: z.array(z.unknown()) })

export type Journal = ReturnType<typeof createJournal>

/**
 * HubSpot's webhooks journal: what happens to the app in any account, read with a token of the app's own.
 *
 * All of it throws `scope_missing` when HubSpot does not grant the app the scopes, and `hubspot_unavailable` for anything
 * else that may pass. A token, and an address that needs none, are in no error.
 *
 * @see https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide
 */
export function createJournal({ hubspot }: Pick<Config, 'hubspot'>) {
  let token: { value: Secret; goodUntilMs: number } | undefined
  let denials = 0

  const at = (path: string) => new URL(path, hubspot.apiUrl)

  async function accessToken(): Promise<Secret> {
    if (token && performance.now() < token.goodUntilMs) return token.value
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: hubspot.clientId,
      client_secret: hubspot.clientSecret.reveal(),
      scope: hubspot.journalScopes.join(' '),
    })
    const askedAtMs = performance.now()
    const answer = await ask('token', {
      url: at(`/oauth/${hubspot.apiVersion}/token`),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Readable.from([form.toString()]),
      secrets: [hubspot.clientSecret],
    })
    const body = answer.status === 200 ? parseBody(TokenBody, answer.body) : undefined
    if (!body) throw refused('token', answer)
    token = { value: secret(body.access_token), goodUntilMs: askedAtMs + (body.expires_in - RENEWAL_SECONDS) * 1_000 }
    return token.value
  }

  async function askAsApp(step: string, call: Pick<Call, 'url' | 'method' | 'body'>): Promise<Answer> {
    const bearer = await accessToken()
    const headers = { authorization: `Bearer ${bearer.reveal()}`, 'content-type': 'application/json' }
    const answer = await ask(step, { ...call, headers, secrets: [bearer, hubspot.clientSecret] })
    if (answer.status === 401) token = undefined
    return answer
  }

  function refused(step: string, answer: Answer): AppError {
    const { status, error } = parseBody(RefusalBody, answer.body) ?? {}
    const isDenied = answer.status === 403 || status === 'BAD_SCOPES' || error === 'invalid_scope'
    if (isDenied) denials += 1
    const isOurs = error === 'invalid_client' || /^BAD_CLIENT_/.test(status ?? '')
    const code = isDenied ? 'scope_missing' : isOurs ? 'oauth_misconfigured' : 'hubspot_unavailable'
    return new AppError(code, { context: { step, status: answer.status } })
  }

  function toEntry(step: string, answer: Answer): JournalEntry | undefined {
    if (answer.status === 204) return undefined
    const body = answer.status === 200 ? parseBody(EntryBody, answer.body) : undefined
    if (!body) throw refused(step, answer)
    return { offset: body.currentOffset, url: body.url }
  }

  return {
    /** How often this process was denied the scopes. */
    denials: () => denials,

    /** Has HubSpot write installs and uninstalls into the journal; doing so again changes nothing. */
    async subscribe(): Promise<void> {
      for (const eventTypeId of EVENT_TYPE_IDS) {
        const subscription = { subscriptionType: 'APP_LIFECYCLE_EVENT', eventTypeId, properties: [] }
        const answer = await askAsApp('subscribe', {
          url: at(`/webhooks-journal/subscriptions/${hubspot.apiVersion}`),
          method: 'POST',
          body: Readable.from([JSON.stringify(subscription)]),
        })
        if (answer.status >= 300 && answer.status !== 409) throw refused('subscribe', answer)
      }
    },

    /** The oldest that HubSpot still keeps, of about three days; undefined when there is nothing. */
    async findEarliest(): Promise<JournalEntry | undefined> {
      const url = at(`/webhooks-journal/journal/${hubspot.apiVersion}/earliest`)
      return toEntry('earliest', await askAsApp('earliest', { url, method: 'GET' }))
    },

    /** What follows; undefined when nothing does yet, `forgotten` when HubSpot does not know the offset any more. */
    async findNext(offset: string): Promise<JournalEntry | 'forgotten' | undefined> {
      const url = at(`/webhooks-journal/journal/${hubspot.apiVersion}/offset/${encodeURIComponent(offset)}/next`)
      const answer = await askAsApp('next', { url, method: 'GET' })
      const isForgotten = answer.status >= 400 && answer.status < 500 && ![401, 403, 408, 429].includes(answer.status)
      return isForgotten ? 'forgotten' : toEntry('next', answer)
    },

    /** An entry's events, as they come; undefined when they cannot be read. Our token is not for that address to see. */
    async read({ url: text }: JournalEntry): Promise<unknown[] | undefined> {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (url?.protocol !== 'https:' && url?.origin !== new URL(hubspot.apiUrl).origin) return undefined
      const answer = await ask('read', { url, method: 'GET' })
      if (answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status)) return undefined
      if (answer.status !== 200) throw new AppError('hubspot_unavailable', { context: { step: 'read', status: answer.status } })
      return parseBody(BatchBody, answer.body)?.journalEvents
    },
  }
}

async function ask(step: string, call: Pick<Call, 'url' | 'method' | 'headers' | 'secrets' | 'body'>): Promise<Answer> {
  return send({ ...call, keepAlive: false, idleMs: TIMEOUT_MS, deadlineMs: TIMEOUT_MS }).catch((cause: unknown) => {
    throw new AppError('hubspot_unavailable', { cause, context: { step } })
  })
}
