import { createHash, randomBytes } from 'node:crypto'
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
  isRateLimit,
  missingScopes,
  type Property,
  PropertyList,
  parseBody,
  retryAfter,
} from './answers.js'
import { type Answer, type Call, send } from './send.js'

/** A file on its way to HubSpot; `read` gives its bytes, whose SHA-256 must come out as `sha256`. */
export type OutgoingFile = { name: string; format: string; bytes: number; sha256: string; read: () => AsyncIterable<Buffer> }

export type CreateInput = {
  accessToken: Secret
  importRequest: Record<string, unknown>
  files: OutgoingFile[]
  /** Called once, when everything but the closing bytes has been sent and every hash was right. A rejection aborts. */
  beforeLastBytes: () => Promise<void>
  signal: AbortSignal
}

const CALL_DEADLINE_MS = 15_000
const REACH_DEADLINE_MS = 5_000
/** Shorter than the window after which a lost import may be sent again: no forgotten socket can still finish one. */
const CREATE_DEADLINE_MS = 10 * 60_000
const CREATE_IDLE_MS = 60_000
const ERROR_PAGE_LIMIT = 100
/** Few: each comes with the whole request it was made with, which may be some hundred kilobytes. */
const IMPORT_PAGE_LIMIT = 10

const CONTENT_TYPES: Record<string, string> = {
  CSV: 'text/csv',
  XLSX: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  SPREADSHEET: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  XLS: 'application/vnd.ms-excel',
}

export type HubSpot = ReturnType<typeof createHubSpot>

/**
 * The calls we make of HubSpot's API, one function each. All but `createImport` throw `token_refused` (401),
 * `scope_missing` (403), `hubspot_busy` (423, 429), `hubspot_migrating` (477) or `hubspot_unavailable` (everything else).
 *
 * @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide
 */
export function createHubSpot({
  apiUrl,
  apiVersion,
  clientSecret,
}: Pick<Config['hubspot'], 'apiUrl' | 'apiVersion' | 'clientSecret'>) {
  const importsUrl = (path = '') => new URL(`/crm/imports/${apiVersion}${path}`, apiUrl)

  async function get(url: URL, accessToken: Secret): Promise<Answer> {
    const call: Call = {
      url,
      method: 'GET',
      headers: { authorization: `Bearer ${accessToken.reveal()}` },
      secrets: [accessToken, clientSecret],
      keepAlive: true,
      idleMs: CALL_DEADLINE_MS,
      deadlineMs: CALL_DEADLINE_MS,
    }
    // A kept-alive socket may have gone stale: a reading is simply repeated once.
    const answer = await send(call)
      .catch(() => send({ ...call, keepAlive: false }))
      .catch((cause: unknown) => {
        throw new AppError('hubspot_unavailable', { cause })
      })
    if (answer.status >= 200 && answer.status < 300) return answer
    throw toAppError(answer)
  }

  /** A call that changes something, over a connection of its own. */
  async function change(method: 'POST' | 'DELETE', url: URL, accessToken: Secret): Promise<Answer> {
    return send({
      url,
      method,
      headers: { authorization: `Bearer ${accessToken.reveal()}` },
      secrets: [accessToken, clientSecret],
      keepAlive: false,
      idleMs: CALL_DEADLINE_MS,
      deadlineMs: CALL_DEADLINE_MS,
    }).catch((cause: unknown) => {
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
      const { body, contentLength, contentType, progress } = multipart(importRequest, files, beforeLastBytes)
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
          keepAlive: false,
          idleMs: CREATE_IDLE_MS,
          deadlineMs: CREATE_DEADLINE_MS,
          signal,
        })
        return classifyCreate(answer, progress.complete)
      } catch (error) {
        if (progress.failure !== undefined) throw progress.failure
        const why = error instanceof Error ? error.message : 'connection failed'
        return progress.complete ? { outcome: 'ambiguous', why } : { outcome: 'retry', afterSeconds: 1, why }
      }
    },

    /** One page of the imports this app made in the portal. */
    async listImports(accessToken: Secret, after?: string) {
      const url = importsUrl()
      url.searchParams.set('limit', String(IMPORT_PAGE_LIMIT))
      if (after !== undefined) url.searchParams.set('after', after)
      const page = parseBody(HubSpotImportPage, (await get(url, accessToken)).body)
      if (!page) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of imports' } })
      return { imports: page.results, after: page.paging?.next?.after }
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

    /** The properties of an object type, for its id or its name; HubSpot gives all of them at once. */
    async listProperties(accessToken: Secret, objectType: string): Promise<Property[]> {
      const url = new URL(`/crm/properties/${apiVersion}/${encodeURIComponent(objectType)}`, apiUrl)
      const list = parseBody(PropertyList, (await get(url, accessToken)).body)
      if (!list) throw new AppError('hubspot_unavailable', { context: { why: 'unreadable list of properties' } })
      return list.results
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

/**
 * The multipart body, written by hand so that its length is known and nothing is held: importRequest first, then the
 * files, and the closing boundary only after `beforeLastBytes`.
 */
function multipart(importRequest: Record<string, unknown>, files: OutgoingFile[], beforeLastBytes: () => Promise<void>) {
  const boundary = `importal-${randomBytes(18).toString('hex')}`
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="importRequest"\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(importRequest)}\r\n`,
  )
  const fileHeads = files.map(({ name, format }) =>
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="files"; filename="${name}"\r\ncontent-type: ${CONTENT_TYPES[format] ?? 'application/octet-stream'}\r\n\r\n`,
    ),
  )
  const tail = Buffer.from(`--${boundary}--\r\n`)
  const fileBytes = files.reduce((sum, file, i) => sum + (fileHeads[i]?.length ?? 0) + file.bytes + 2, 0)
  const progress: { complete: boolean; failure: unknown } = { complete: false, failure: undefined }

  async function* body(): AsyncIterable<Buffer> {
    try {
      yield head
      for (const [i, file] of files.entries()) {
        yield fileHeads[i] ?? Buffer.alloc(0)
        yield* verified(file)
        yield Buffer.from('\r\n')
      }
      await beforeLastBytes()
    } catch (error) {
      progress.failure = error
      throw error
    }
    progress.complete = true
    yield tail
  }

  return {
    body: body(),
    contentLength: head.length + fileBytes + tail.length,
    contentType: `multipart/form-data; boundary=${boundary}`,
    progress,
  }
}

/** The file's bytes, hashed again on the way out. @throws {AppError} `file_damaged` before the last bytes of the body. */
async function* verified(file: OutgoingFile): AsyncIterable<Buffer> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of file.read()) {
    hash.update(chunk)
    bytes += chunk.length
    if (bytes > file.bytes) break
    yield chunk
  }
  if (bytes !== file.bytes || hash.digest('hex') !== file.sha256)
    throw new AppError('file_damaged', { context: { expectedBytes: file.bytes, bytes } })
}
