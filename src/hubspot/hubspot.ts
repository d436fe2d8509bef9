import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import type { Secret } from '../secret.js'
import {
  AccountDetails,
  type CreateOutcome,
  type CustomType,
  CustomTypeList,
  classifyCreate,
  HubSpotError,
  HubSpotImport,
  HubSpotImportPage,
  HubSpotRowErrorPage,
  isElsewhere,
  isRateLimit,
  missingScopes,
  OwnerPage,
  type Property,
  PropertyList,
  parseBody,
  retryAfter,
} from './answers.js'
import { createBreaker } from './breaker.js'
import { multipart, type OutgoingFile } from './multipart.js'
import { type Answer, type Call, send } from './send.js'

export type CreateInput = {
  accessToken: Secret
  importRequest: Record<string, unknown>
  files: OutgoingFile[]
  /** Called once, when everything but the closing bytes has been sent and every hash was right. A rejection aborts. */
  beforeLastBytes: () => Promise<void>
  signal: AbortSignal
}

/** An object type's properties, and what they are known by, where HubSpot says. */
export type PropertyAnswer = { properties: Property[]; etag: string | undefined }

const REACH_DEADLINE_MS = 5_000
/** Shorter than the window after which a lost import may be sent again: no forgotten socket can still finish one. */
export const CREATE_DEADLINE_MS = 10 * 60_000
const DEADLINES = {
  callMs: 15_000,
  createMs: CREATE_DEADLINE_MS,
  /** Without a byte in either direction. */
  createIdleMs: 60_000,
}
const OUTAGE = 'HubSpot cannot be reached'
const ERROR_PAGE_LIMIT = 100
const OWNER_PAGE_LIMIT = 500
/** Few: each comes with the whole request it was made with, which may be some hundred kilobytes. */
const IMPORT_PAGE_LIMIT = 10

/** So many connections in a row that did not come about make an outage. */
const CONNECTIONS_IN_A_ROW = 3
/** So many creates in a row that HubSpot failed at, or has no address for: more than a single portal comes to. */
const CREATES_IN_A_ROW = 20

export type HubSpot = ReturnType<typeof createHubSpot>

/**
 * The calls we make of HubSpot's API, one function each. All but `createImport` throw `token_refused` (401),
 * `scope_missing` (403), `hubspot_busy` (423, 429), `hubspot_migrating` (477) or `hubspot_unavailable` (everything else).
 *
 * @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide
 */
export function createHubSpot(
  { apiUrl, apiVersion, clientSecret }: Pick<Config['hubspot'], 'apiUrl' | 'apiVersion' | 'clientSecret'>,
  { callMs, createMs, createIdleMs }: typeof DEADLINES = DEADLINES,
) {
  const outage = createBreaker(CONNECTIONS_IN_A_ROW)
  const breakdown = createBreaker(CREATES_IN_A_ROW)
  const importsUrl = (path = '') => new URL(`/crm/imports/${apiVersion}${path}`, apiUrl)

  /** What all small calls have in common. @throws {AppError} `hubspot_unavailable` while HubSpot cannot be reached */
  function small(method: Call['method'], url: URL, accessToken: Secret) {
    const retryAfterSeconds = outage.secondsUntilTry()
    if (retryAfterSeconds > 0) throw new AppError('hubspot_unavailable', { retryAfterSeconds, context: { why: OUTAGE } })
    const headers = { authorization: `Bearer ${accessToken.reveal()}` }
    const secrets = [accessToken, clientSecret]
    return { url, method, headers, secrets, idleMs: callMs, deadlineMs: callMs, onConnection: outage.note }
  }

  /** With an `etag`, an answer of 304 says that what was answered with it still holds. */
  async function get(url: URL, accessToken: Secret, etag?: string): Promise<Answer> {
    const asked = small('GET', url, accessToken)
    const call = etag === undefined ? asked : { ...asked, headers: { ...asked.headers, 'if-none-match': etag } }
    // A kept-alive socket may have gone stale: a reading is simply repeated once.
    const answer = await send({ ...call, keepAlive: true })
      .catch(() => send({ ...call, keepAlive: false }))
      .catch((cause: unknown) => {
        throw new AppError('hubspot_unavailable', { cause })
      })
    if ((answer.status >= 200 && answer.status < 300) || (etag !== undefined && answer.status === 304)) return answer
    throw toAppError(answer)
  }

  /** A call that changes something, over a connection of its own. */
  async function change(method: 'POST' | 'DELETE', url: URL, accessToken: Secret): Promise<Answer> {
    return send({ ...small(method, url, accessToken), keepAlive: false }).catch((cause: unknown) => {
      throw new AppError('hubspot_unavailable', { cause })
    })
  }

  return {
    /**
     * Sends one import, streaming, over a connection of its own. Never throws for what HubSpot or the network did: the
     * outcome says what it means. Rejects only with what `read` or `beforeLastBytes` threw, or a damaged file's error;
     * HubSpot has no import then.
     */
    async createImport({ accessToken, importRequest, files, beforeLastBytes, signal }: CreateInput): Promise<CreateOutcome> {
      const afterSeconds = outage.secondsUntilTry() || breakdown.secondsUntilTry()
      if (afterSeconds > 0) return { outcome: 'retry', afterSeconds, why: OUTAGE }
      const { body, ending, contentLength, contentType, ours } = multipart(importRequest, files, beforeLastBytes)
      try {
        const answer = await send({
          url: importsUrl(),
          method: 'POST',
          headers: {
            authorization: `Bearer ${accessToken.reveal()}`,
            'content-type': contentType,
            'content-length': String(contentLength),
          },
          secrets: [accessToken, clientSecret],
          body,
          ending,
          keepAlive: false,
          idleMs: createIdleMs,
          deadlineMs: createMs,
          signal,
          onConnection: outage.note,
        })
        breakdown.note(answer.status < 500 && !isElsewhere(answer.status))
        return classifyCreate(answer, ending.isSent)
      } catch (error) {
        if (ours.failure !== undefined) throw ours.failure
        const why = error instanceof Error ? error.message : 'connection failed'
        return ending.isSent ? { outcome: 'ambiguous', why } : { outcome: 'retry', afterSeconds: 1, why }
      }
    },

    /** One page of the imports this app made in the portal. */
    async listImports(accessToken: Secret, after?: string) {
      const url = importsUrl()
      url.searchParams.set('limit', String(IMPORT_PAGE_LIMIT))
      if (after !== undefined) url.searchParams.set('after', after)
      const page = parseBody(HubSpotImportPage, (await get(url, accessToken)).body)
      // All of them were made with a name: a list without names shows nothing, least of all that an import is not there.
      if (!page?.results.every(isNamed))
        throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of imports' } })
      // One that is there twice is still one import.
      const byId = new Map(page.results.map((made) => [made.id, made]))
      return { imports: [...byId.values()], after: page.paging?.next?.after }
    },

    /** One import, or undefined when HubSpot no longer knows it. */
    async findImport(accessToken: Secret, hubspotImportId: string): Promise<HubSpotImport | undefined> {
      const answer = await get(importsUrl(`/${encodeURIComponent(hubspotImportId)}`), accessToken).catch((error: unknown) => {
        // A 404 for any other reason is about the address, not about the import.
        if (error instanceof AppError && error.options.context?.category === 'OBJECT_NOT_FOUND') return undefined
        throw error
      })
      if (!answer) return undefined
      const found = parseBody(HubSpotImport, answer.body)
      if (!found) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable import' } })
      return found
    },

    /** One page of what HubSpot reports about an import's rows. */
    async listRowErrors(accessToken: Secret, hubspotImportId: string, after?: string) {
      const url = importsUrl(`/${encodeURIComponent(hubspotImportId)}/errors`)
      url.searchParams.set('limit', String(ERROR_PAGE_LIMIT))
      url.searchParams.set('includeErrorMessage', 'true')
      if (after !== undefined) url.searchParams.set('after', after)
      const page = parseBody(HubSpotRowErrorPage, (await get(url, accessToken)).body)
      if (!page) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of row errors' } })
      return { errors: page.results, after: page.paging?.next?.after }
    },

    /** Stops a running import; false when HubSpot says that it has ended already. What it wrote stays. */
    async cancelImport(accessToken: Secret, hubspotImportId: string): Promise<boolean> {
      const answer = await change('POST', importsUrl(`/${encodeURIComponent(hubspotImportId)}/cancel`), accessToken)
      if (answer.status === 400) return false
      if (answer.status < 200 || answer.status >= 300) throw toAppError(answer)
      return true
    },

    /** Whether anything answers there, whatever it says. */
    async isReachable(): Promise<boolean> {
      const call: Call = {
        url: new URL(apiUrl),
        method: 'GET',
        keepAlive: false,
        idleMs: REACH_DEADLINE_MS,
        deadlineMs: REACH_DEADLINE_MS,
      }
      return send(call).then(
        () => true,
        () => false,
      )
    },

    /** Takes the app out of the portal: its admins are told by HubSpot, and every token of ours ends. */
    async uninstall(accessToken: Secret): Promise<void> {
      const answer = await change('DELETE', new URL(`/appinstalls/${apiVersion}/external-install`, apiUrl), accessToken)
      if (answer.status < 200 || answer.status >= 300) throw toAppError(answer)
    },

    /** What the portal's account says about itself. */
    async accountDetails(accessToken: Secret): Promise<AccountDetails> {
      const answer = await get(new URL(`/account-info/${apiVersion}/details`, apiUrl), accessToken)
      const details = parseBody(AccountDetails, answer.body)
      if (!details) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable account details' } })
      return details
    },

    /**
     * The properties of an object type, for its id or its name; HubSpot gives all of them at once. With what an earlier
     * answer was known by, undefined: they are the same still.
     */
    async listProperties(accessToken: Secret, objectType: string, etag?: string): Promise<PropertyAnswer | undefined> {
      const url = new URL(`/crm/properties/${apiVersion}/${encodeURIComponent(objectType)}`, apiUrl)
      const answer = await get(url, accessToken, etag)
      if (answer.status === 304) return undefined
      const list = parseBody(PropertyList, answer.body)
      if (!list) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of properties' } })
      return { properties: list.results, etag: answer.headers.etag }
    },

    /** One page of the users that records can belong to; those who left the account are not among them. */
    async listOwners(accessToken: Secret, after?: string) {
      const url = new URL(`/crm/owners/${apiVersion}`, apiUrl)
      url.searchParams.set('limit', String(OWNER_PAGE_LIMIT))
      if (after !== undefined) url.searchParams.set('after', after)
      const page = parseBody(OwnerPage, (await get(url, accessToken)).body)
      if (!page) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of owners' } })
      return { owners: page.results, after: page.paging?.next?.after }
    },

    /** The object types that the portal made itself. */
    async listCustomTypes(accessToken: Secret): Promise<CustomType[]> {
      const url = new URL(`/crm-object-schemas/${apiVersion}/schemas`, apiUrl)
      const list = parseBody(CustomTypeList, (await get(url, accessToken)).body)
      if (!list) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of object types' } })
      return list.results
    },
  }
}

function isNamed({ importName, importRequestJson }: HubSpotImport): boolean {
  return Boolean(importName || importRequestJson?.name)
}

function toAppError(answer: Answer): AppError {
  const error = parseBody(HubSpotError, answer.body)
  const context = { status: answer.status, category: error?.category }
  if (answer.status === 401) return new AppError('token_refused', { context })
  if (answer.status === 403) return new AppError('scope_missing', { context: { ...context, scopes: missingScopes(error) } })
  if (answer.status === 477) return new AppError('hubspot_migrating', { retryAfterSeconds: retryAfter(answer, 600), context })
  if ([423, 429].includes(answer.status))
    return new AppError('hubspot_busy', {
      retryAfterSeconds: retryAfter(answer, 10),
      context: { ...context, isRate: isRateLimit(error) },
    })
  return new AppError('hubspot_unavailable', { context })
}
