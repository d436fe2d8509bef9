import { z } from 'zod'
import type { Answer } from './send.js'

const MAX_TEXT_LENGTH = 2_000

/** HubSpot's answers, loosely: only the fields we use, open enums as plain text. */

/** An id is a string of digits; a number past 2^53 has already lost its last digits, so it is no id. */
const Id = z.union([z.string().regex(/^\d{1,20}$/), z.int().nonnegative().transform(String)])
const When = z.string().catch('')
/** HubSpot repeats what partners sent: Postgres keeps no NUL, and its JSON no half of a surrogate pair. */
const Text = z.string().transform((text) => text.replaceAll('\0', '\ufffd').slice(0, MAX_TEXT_LENGTH).toWellFormed())

export const HubSpotImport = z.object({
  id: Id,
  state: Text,
  importName: Text.nullish(),
  importRequestJson: z
    .looseObject({ name: z.string().nullish().catch(null) })
    .nullish()
    .catch(null),
  createdAt: When,
  metadata: z.object({ counters: z.record(z.string(), z.number()).catch({}) }).catch({ counters: {} }),
})
export type HubSpotImport = z.output<typeof HubSpotImport>

const Paging = z.object({ next: z.object({ after: z.string() }).nullish() }).nullish()

export const HubSpotImportPage = z.object({ results: z.array(HubSpotImport), paging: Paging })

export const HubSpotRowError = z.object({
  id: z.union([Text, z.number().transform(String)]),
  errorType: Text.catch('UNKNOWN_ERROR'),
  errorMessage: Text.nullish().catch(null),
  invalidValue: Text.nullish().catch(null),
  invalidValueToDisplay: Text.nullish().catch(null),
  knownColumnNumber: z.int().nullish().catch(null),
  objectTypeId: Text.nullish().catch(null),
  sourceData: z.object({ lineNumber: z.int().nullish().catch(null) }).catch({ lineNumber: null }),
})
export type HubSpotRowError = z.output<typeof HubSpotRowError>

export const HubSpotRowErrorPage = z.object({ results: z.array(HubSpotRowError), paging: Paging })

export const AccountDetails = z.object({
  accountType: Text.nullish().catch(null),
  timeZone: Text.nullish().catch(null),
  uiDomain: Text.nullish().catch(null),
  dataHostingLocation: Text.nullish().catch(null),
})
export type AccountDetails = z.output<typeof AccountDetails>

export const PropertyList = z.object({
  results: z.array(
    z
      .object({
        name: Text,
        label: Text.catch(''),
        type: Text.catch(''),
        fieldType: Text.catch(''),
        hasUniqueValue: z.boolean().catch(false),
        archived: z.boolean().catch(false),
        calculated: z.boolean().catch(false),
        modificationMetadata: z.object({ readOnlyValue: z.boolean() }).catch({ readOnlyValue: false }),
        referencedObjectType: Text.nullish().catch(null),
        options: z.array(z.object({ label: Text, value: Text })).catch([]),
      })
      .transform(({ modificationMetadata, referencedObjectType, ...property }) => ({
        ...property,
        readOnly: modificationMetadata.readOnlyValue,
        /** Its values are owners, who are none of its options. */
        isOwner: referencedObjectType === 'OWNER',
      })),
  ),
})
export type Property = z.output<typeof PropertyList>['results'][number]

/** Users of the account that records can belong to. */
export const OwnerPage = z.object({
  results: z.array(
    z.object({
      id: Id,
      email: Text.nullish().catch(null),
      firstName: Text.nullish().catch(null),
      lastName: Text.nullish().catch(null),
    }),
  ),
  paging: Paging,
})
export type Owner = z.output<typeof OwnerPage>['results'][number]

export const CustomTypeList = z.object({
  results: z.array(
    z
      .object({
        objectTypeId: Text,
        name: Text,
        labels: z.object({ singular: Text.nullish() }).nullish().catch(null),
      })
      .transform(({ objectTypeId, name, labels }) => ({ objectTypeId, name, label: labels?.singular ?? name })),
  ),
})
export type CustomType = z.output<typeof CustomTypeList>['results'][number]

/** HubSpot's error bodies, all shapes of them. */
export const HubSpotError = z.object({
  category: Text.nullish().catch(null),
  errorType: Text.nullish().catch(null),
  policyName: Text.nullish().catch(null),
  message: Text.nullish().catch(null),
  correlationId: Text.nullish().catch(null),
  errorTokens: z.record(z.string(), z.array(Text)).nullish().catch(null),
  errors: z
    .array(
      z.object({
        message: Text.nullish().catch(null),
        code: Text.nullish().catch(null),
        context: z.record(z.string(), z.array(Text)).nullish().catch(null),
      }),
    )
    .nullish()
    .catch(null),
})
export type HubSpotError = z.output<typeof HubSpotError>

/** The answer's body as `schema` has it, or undefined when it is anything else. */
export function parseBody<T extends z.ZodType>(schema: T, body: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

/** What HubSpot's answer to a create, or the lack of one, means for the import. */
export type CreateOutcome =
  | { outcome: 'submitted'; import: HubSpotImport }
  /** Final: HubSpot will never take this file with this request. `isOurs`: nothing that its sender did is to blame. */
  | { outcome: 'refused'; detail: string; correlationId: string | null; status: number; isOurs: boolean }
  /** Certainly not created. `pausesPortal`: the portal has made too many calls or is locked: none of any kind is wanted for so long. */
  | { outcome: 'retry'; afterSeconds: number; why: string; pausesPortal?: boolean }
  | { outcome: 'held'; reason: 'migration'; afterSeconds: number; detail: string }
  | Quota
  | { outcome: 'held'; reason: 'scope'; afterSeconds: number; detail: string; scopes: string[] }
  /** The address of the API itself is wrong: the operator's to put right. */
  | { outcome: 'held'; reason: 'busy'; afterSeconds: number; detail: string; status: number }
  /** Certainly not created, and the token is to blame. */
  | { outcome: 'unauthorized'; expired: boolean }
  /** HubSpot may or may not have the import; after a `conflict`, sending it again would only meet another one. */
  | { outcome: 'ambiguous'; why: string; conflict?: { detail: string; correlationId: string | null } }

/** One of the account's quotas of 24 hours is used up; how long that lasts depends on what was imported when. */
export type Quota = {
  outcome: 'held'
  reason: 'quota'
  of: 'imports' | 'rows' | 'calls'
  /** As HubSpot said it; null when it did not. */
  limit: number | null
  /** What HubSpot asks to wait; null when it asks nothing. */
  afterSeconds: number | null
  detail: string
}

/** The API is not at this address: nothing was done. Any other 3xx may have been said after it was. */
const ELSEWHERE = [301, 307, 308, 404, 405, 410, 421]
/** Whether an answer says that the API is not at this address. */
export const isElsewhere = (status: number): boolean => ELSEWHERE.includes(status)
/** The request itself is of a form that HubSpot does not take, and we made it. */
const MALFORMED = [406, 411, 414, 415, 431]
const MIGRATION_RETRY_SECONDS = 10 * 60
const BROKEN_RETRY_SECONDS = 10 * 60
/** It goes on by itself once the portal was connected again; until then a try is hardly ever worth it. */
const SCOPE_RETRY_SECONDS = 60 * 60
const TRANSIENT_RETRY_SECONDS = 1
const LOCKED_RETRY_SECONDS = 2
const RATE_RETRY_SECONDS = 10
/** More is no limit, and no number that Postgres keeps in four bytes. */
const MAX_LIMIT = 2_147_483_647

/**
 * Classifies an answer to a create by status and body. `complete` says whether the whole body had been handed over:
 * before that, HubSpot cannot have made an import.
 */
export function classifyCreate(answer: Answer, complete: boolean): CreateOutcome {
  const { status } = answer
  const error = parseBody(HubSpotError, answer.body)
  const detail = describe(error) ?? `HubSpot answered with status ${status}.`

  if (status >= 200 && status < 300) {
    const made = complete ? parseBody(HubSpotImport, answer.body) : undefined
    return made ? { outcome: 'submitted', import: made } : { outcome: 'ambiguous', why: `status ${status} without an import` }
  }
  if (status === 401) return { outcome: 'unauthorized', expired: error?.category === 'EXPIRED_AUTHENTICATION' }
  if (status === 403 && error?.category === 'MISSING_SCOPES') {
    const scopes = missingScopes(error)
    const missing = scopes.length > 0 ? `${detail} Missing: ${scopes.join(', ')}.` : detail
    return { outcome: 'held', reason: 'scope', afterSeconds: SCOPE_RETRY_SECONDS, detail: missing, scopes }
  }
  if (isElsewhere(status)) return { outcome: 'held', reason: 'busy', afterSeconds: BROKEN_RETRY_SECONDS, detail, status }
  if (status === 423) return { outcome: 'retry', afterSeconds: LOCKED_RETRY_SECONDS, why: 'locked', pausesPortal: true }
  if (status === 429) return classifyLimit(answer, error, detail)
  if (status === 477)
    return { outcome: 'held', reason: 'migration', afterSeconds: retryAfter(answer, MIGRATION_RETRY_SECONDS), detail }
  if (status === 409 && complete)
    return { outcome: 'ambiguous', why: 'status 409', conflict: { detail, correlationId: error?.correlationId ?? null } }
  if (status === 408 || status === 409 || status >= 500 || (status >= 300 && status < 400)) {
    if (complete) return { outcome: 'ambiguous', why: `status ${status}` }
    return { outcome: 'retry', afterSeconds: retryAfter(answer, TRANSIENT_RETRY_SECONDS), why: `status ${status}` }
  }
  if (status === 413) return refused(answer, error, `${detail} HubSpot takes up to 512 MB and 1,048,576 rows in a file.`)
  return refused(answer, error, detail)
}

function refused({ status }: Answer, error: HubSpotError | undefined, detail: string): CreateOutcome {
  return { outcome: 'refused', detail, correlationId: error?.correlationId ?? null, status, isOurs: MALFORMED.includes(status) }
}

/** The wait that an answer asks for, between a second and a day; `fallbackSeconds` when it asks for nothing sensible. */
export function retryAfter(answer: Pick<Answer, 'headers'>, fallbackSeconds: number): number {
  return askedWait(answer) ?? fallbackSeconds
}

function askedWait({ headers }: Pick<Answer, 'headers'>): number | undefined {
  const text = headers['retry-after'] ?? ''
  // A date is HubSpot's, and so is the clock it is compared with.
  const now = Date.parse(headers.date ?? '') || Date.now()
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000
  return seconds > 0 ? Math.min(Math.ceil(seconds), 86_400) : undefined
}

/** A limit with a `policyName` passes in seconds; one of the day's quotas only when its 24 hours have moved on. */
function classifyLimit(answer: Answer, error: HubSpotError | undefined, detail: string): CreateOutcome {
  const quota = error && toQuota(error)
  if (quota) return { outcome: 'held', reason: 'quota', ...quota, afterSeconds: askedWait(answer) ?? null, detail }
  if (error?.errors?.some(({ code }) => code === 'TOO_MANY_ROWS')) return refused(answer, error, detail)
  return {
    outcome: 'retry',
    afterSeconds: retryAfter(answer, RATE_RETRY_SECONDS),
    why: 'rate limit',
    pausesPortal: isRateLimit(error),
  }
}

/** Whether an error is about the calls that a portal makes in ten seconds. */
export function isRateLimit(error: HubSpotError | undefined): boolean {
  return error?.policyName === 'TEN_SECONDLY_ROLLING'
}

function toQuota({ policyName, errorType, errorTokens, message }: HubSpotError): Pick<Quota, 'of' | 'limit'> | undefined {
  if (policyName === 'DAILY') return { of: 'calls', limit: null }
  if (policyName || !/_LIMIT$/.test(errorType ?? '')) return undefined
  const of = /ROWS/.test(errorType ?? '') ? 'rows' : 'imports'
  // The number of imports is only in the sentence.
  const said = of === 'rows' ? errorTokens?.totalImportRowsLimit?.[0] : /can run\D*(\d[\d.,]*)/.exec(message ?? '')?.[1]
  const limit = Number(said?.replaceAll(/[.,]/g, '') || Number.NaN)
  return { of, limit: Number.isInteger(limit) && limit > 0 && limit <= MAX_LIMIT ? limit : null }
}

function describe(error: HubSpotError | undefined): string | undefined {
  const messages = [error?.message, ...(error?.errors ?? []).map(({ message }) => message)].filter((text) => !!text)
  return messages.length > 0 ? [...new Set(messages)].join(' ').slice(0, MAX_TEXT_LENGTH).toWellFormed() : undefined
}

/** The scopes that an error of HubSpot's names as missing. */
export function missingScopes(error: HubSpotError | undefined): string[] {
  return [...new Set((error?.errors ?? []).flatMap(({ context }) => context?.requiredGranularScopes ?? []))]
}
