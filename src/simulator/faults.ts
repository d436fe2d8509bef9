import type { State } from './state.js'

export type Operation =
  | 'create'
  | 'list'
  | 'get'
  | 'cancel'
  | 'errors'
  | 'token'
  | 'introspect'
  | 'revoke'
  | 'account'
  | 'properties'
  | 'uninstall'

export type Garbage = 'html' | 'truncated' | 'empty' | 'wrong-type' | 'huge' | 'missing-id' | 'number-id'

/** What goes wrong; for a create, before or after the import is made. */
export type Fault =
  /** Another answer; `early`: before the body was read. */
  | { status: number; body?: unknown; headers?: Record<string, string>; early?: boolean }
  | { statusAfterCreate: number; body?: unknown }
  | { reset: 'at-once' | 'before-create' | 'after-create' | { afterBytes: number } }
  | { hang: 'before-create' | 'after-create' }
  | { garbage: Garbage; created?: boolean }
  | { slowMs: number }
  | { dripBytesPerSecond: number }

export type FaultRule = {
  id: number
  on: Operation | 'any'
  portalId?: string
  times?: number
  after?: number
  do: Fault
  matched: number
}

/** The fault that this call meets, if any; each rule strikes `times` times after letting `after` calls pass. */
export function takeFault({ faults }: State, on: Operation, portalId: string | undefined): Fault | undefined {
  for (const rule of faults) {
    if ((rule.on !== 'any' && rule.on !== on) || (rule.portalId !== undefined && rule.portalId !== portalId)) continue
    rule.matched += 1
    const strikes = rule.matched - (rule.after ?? 0)
    const times = rule.times ?? 1
    if (strikes > 0 && (times === 0 || times === Number.POSITIVE_INFINITY || strikes <= times)) return rule.do
  }
  return undefined
}

/** Whether a create makes its import all the same. */
export function createsAnyway(fault: Fault | undefined): boolean {
  if (!fault) return true
  if ('statusAfterCreate' in fault) return true
  if ('reset' in fault) return fault.reset === 'after-create'
  if ('hang' in fault) return fault.hang === 'after-create'
  if ('garbage' in fault) return fault.created ?? true
  return !('status' in fault)
}

/** The body of a garbage answer, and its type. */
export function garbageBody(kind: Garbage, good: unknown): { body: string; type: string } {
  const text = JSON.stringify(good)
  const bodies = {
    html: '<!doctype html><h1>Bad gateway</h1>',
    truncated: text.slice(0, text.length / 2),
    empty: '',
    'wrong-type': '"a text"',
    huge: `{"padding":"${'x'.repeat(20 * 1024 * 1024)}"}`,
    'missing-id': JSON.stringify({ ...(good as object), id: undefined }),
    'number-id': text.replace(/"id":"\d+"/, '"id":9007199254740993123'),
  }
  return { body: bodies[kind], type: kind === 'html' ? 'text/html' : 'application/json' }
}
