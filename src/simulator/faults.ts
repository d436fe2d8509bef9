import { randomUUID } from 'node:crypto'
import type { Reply } from './exchange.js'
import type { State } from './state.js'

const OPERATIONS = [
  'create',
  'list',
  'get',
  'cancel',
  'errors',
  'token',
  'introspect',
  'revoke',
  'account',
  'properties',
  'owners',
  'schemas',
  'uninstall',
  'subscribe',
  'journal',
] as const
export type Operation = (typeof OPERATIONS)[number]

/** What goes wrong; for a create, before or after the import is made. */
export type Fault =
  /** Another answer; `early`: before the body was read. */
  | { status: number; body?: unknown; headers?: Record<string, string>; early?: boolean }
  /** It is done, and an error is answered. */
  | { statusAfterCreate: number; body?: unknown; headers?: Record<string, string> }
  | { reset: 'at-once' | 'before-create' | 'after-create' | { afterBytes: number } }
  | { hang: 'before-create' | 'after-create' }
  /** The connection is cut, and it is done only this much later. */
  | { lateCreateMs: number }
  | { garbage: Garbage; created?: boolean }
  /** A list, of imports or of row errors, that is not what it should be. */
  | { scramble: 'empty' | 'reversed' | 'duplicated' | 'nameless' }
  | { slowMs: number }
  | { dripBytesPerSecond: number }
  /** The request's body is read this slowly; 0: not at all. */
  | { readBytesPerSecond: number }
  /** So many `102 Processing` go before the answer; 0: they never end. */
  | { informational: number }
export type Garbage = 'html' | 'truncated' | 'empty' | 'wrong-type' | 'huge' | 'missing-id' | 'number-id'

const FAULTS = [
  'status',
  'statusAfterCreate',
  'reset',
  'hang',
  'lateCreateMs',
  'garbage',
  'scramble',
  'slowMs',
  'dripBytesPerSecond',
  'readBytesPerSecond',
  'informational',
]

/** A fault and whom it strikes: `times` calls (0 or infinity: all) of one operation, after letting `after` calls pass. */
export type FaultInput = { on: Operation | 'any'; portalId?: string; times?: number; after?: number; do: Fault }
export type FaultRule = FaultInput & { id: number; matched: number }

/** Adds a rule and gives its id. @throws when it is not one. */
export function addFault(state: State, rule: FaultInput): number {
  if (rule?.on !== 'any' && !OPERATIONS.includes(rule?.on)) throw new Error(`A fault needs "on": any, ${OPERATIONS.join(', ')}.`)
  if (typeof rule.do !== 'object' || rule.do === null || !FAULTS.some((name) => name in rule.do))
    throw new Error(`A fault needs "do", an object with one of ${FAULTS.join(', ')}.`)
  const id = state.faults.length + 1
  state.faults.push({ ...rule, id, matched: 0 })
  return id
}

/** The fault that this call meets, if any: the first rule that is not used up. */
export function takeFault({ faults }: State, on: Operation, portalId: string | undefined): Fault | undefined {
  for (const rule of faults) {
    if ((rule.on !== 'any' && rule.on !== on) || (rule.portalId !== undefined && rule.portalId !== portalId)) continue
    rule.matched += 1
    const strikes = rule.matched - (rule.after ?? 0)
    const times = rule.times || Number.POSITIVE_INFINITY
    if (strikes > 0 && strikes <= (rule.times === undefined ? 1 : times)) return rule.do
  }
  return undefined
}

/** Whether the call has its effect all the same. */
export function hasEffect(fault: Fault | undefined): boolean {
  if (!fault) return true
  if ('reset' in fault) return fault.reset === 'after-create'
  if ('hang' in fault) return fault.hang === 'after-create'
  if ('garbage' in fault) return fault.created ?? true
  return !('status' in fault) && !('lateCreateMs' in fault)
}

const CATEGORIES: Record<number, string> = {
  400: 'VALIDATION_ERROR',
  401: 'INVALID_AUTHENTICATION',
  403: 'MISSING_SCOPES',
  404: 'OBJECT_NOT_FOUND',
  409: 'CONFLICT',
  423: 'LOCKED',
  429: 'RATE_LIMITS',
  477: 'MIGRATION_IN_PROGRESS',
}

/** The answer that a fault gives; without a body of its own, HubSpot's usual one for the status. */
export function faultReply(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  const category = CATEGORIES[status] ?? 'INTERNAL_ERROR'
  const policy = status === 429 ? { policyName: 'TEN_SECONDLY_ROLLING', errorType: 'RATE_LIMIT' } : {}
  const usual = { status: 'error', message: 'A fault was asked for.', correlationId: randomUUID(), category, ...policy }
  return { status, body: body === undefined ? usual : body, headers }
}

/** A good answer turned into garbage. */
export function garble({ body }: Reply, kind: Garbage): Reply {
  const text = JSON.stringify(body ?? {})
  const bodies: Record<Garbage, () => string> = {
    html: () => '<!doctype html><h1>Bad gateway</h1>',
    truncated: () => text.slice(0, Math.floor(text.length / 2)),
    empty: () => '',
    'wrong-type': () => '"a text"',
    huge: () => `{"padding":"${'x'.repeat(20 * 1024 * 1024)}"}`,
    'missing-id': () => JSON.stringify({ ...(body as object), id: undefined }),
    'number-id': () => text.replace(/"id":"\d+"/, '"id":9007199254740993123'),
  }
  const headers = { 'content-type': kind === 'html' ? 'text/html' : 'application/json' }
  return { status: 200, body: bodies[kind](), headers }
}

/** A good list turned into a bad one. */
export function scramble(reply: Reply, how: (Fault & { scramble: string })['scramble']): Reply {
  const { results, ...rest } = (reply.body ?? {}) as { results?: object[] }
  if (!Array.isArray(results)) return reply
  if (how === 'empty') return { ...reply, body: { results: [] } }
  if (how === 'reversed') return { ...reply, body: { results: results.toReversed(), ...rest } }
  if (how === 'duplicated') return { ...reply, body: { results: [...results, ...results], ...rest } }
  const nameless = results.map((result) => ({ ...result, importName: undefined, importRequestJson: undefined }))
  return { ...reply, body: { results: nameless, ...rest } }
}
