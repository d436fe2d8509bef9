import { BOOT_FAILPOINTS, FAILPOINTS, RECOVERY_FAILPOINTS } from '../place/failpoints.js'

/** A thing that goes wrong. What befalls one app names it by its number. */
export type Fault =
  | { kind: 'kill at a failpoint'; app: number; failpoint: string }
  | { kind: 'kill while recovering'; app: number; failpoint: string }
  | { kind: 'kill while starting'; app: number; failpoint: string }
  | { kind: 'kill at a random moment'; app: number; afterMs: number }
  | { kind: 'kill while draining'; app: number; afterMs: number }
  | { kind: 'kill all apps' | 'kill Postgres' | 'kill all apps and Postgres'; afterMs: number }
  | { kind: 'pause past the lease'; app: number; failpoint: string; forMs: number }
  | { kind: 'pause'; app: number; afterMs: number; forMs: number }
  | { kind: 'answer lost' | 'answer cut short' | 'upload cut short'; times: number; afterBytes: number }
  | { kind: 'error after the import was made'; times: number; status: number }
  | { kind: 'made late'; times: number; lateMs: number }
  | { kind: 'answer garbled'; times: number; garbage: 'html' | 'truncated' | 'empty' | 'missing-id' }
  | { kind: 'list unreadable' | 'list reversed' | 'list doubled'; times: number }
  | { kind: 'token answer lost'; portal: number }
  | { kind: 'Postgres cut off' | 'Postgres stalled' | 'Postgres refuses' | 'Postgres slow'; forMs: number }
  | { kind: 'Postgres answer cut short'; times: number; afterBytes: number }

export type Kind = Fault['kind']

/** One upload: who sends what to whom, and how often at the same time with the same key. */
export type PlannedUpload = { partner: number; app: number; afterMs: number; rows: number; hasKey: boolean; twins: number }
export type Cycle = { fault: Fault; uploads: PlannedUpload[]; listLagMs: number }

/** How often each kind comes, in relation to the others. */
export const ALL_KINDS: Record<Kind, number> = {
  'kill at a failpoint': 36,
  'kill while recovering': 6,
  'kill while starting': 3,
  'kill at a random moment': 10,
  'kill while draining': 3,
  'kill all apps': 4,
  'kill Postgres': 5,
  'kill all apps and Postgres': 3,
  'pause past the lease': 2,
  pause: 3,
  'answer lost': 4,
  'answer cut short': 3,
  'upload cut short': 3,
  'error after the import was made': 3,
  'made late': 2,
  'answer garbled': 2,
  'list unreadable': 1,
  'list reversed': 1,
  'list doubled': 1,
  'token answer lost': 2,
  'Postgres cut off': 3,
  'Postgres stalled': 2,
  'Postgres refuses': 1,
  'Postgres slow': 1,
  'Postgres answer cut short': 2,
}

/** Longer than LEASE_SECONDS of the app. */
const PAST_LEASE_MS = 14_000
/** Together less than the window in which an answer that was lost may still turn up. */
const MAX_DELAY_MS = 1_200
/** Before the commit point: a process that wakes up behind it may still send its last bytes, see docs/reliability.md. */
const PAUSE_FAILPOINTS = ['K9', 'K10', 'K11', 'K11, before the commit point']

type Size = { seed: number; cycles: number; apps: number; portals: number; partners: number; uploads: number }

/** What happens in a run; the same seed and size give the same plan. */
export function makePlan({ seed, cycles, ...size }: Size, kinds: Partial<Record<Kind, number>> = ALL_KINDS): Cycle[] {
  const random = createRandom(seed)
  const upTo = (n: number) => Math.floor(random() * n)
  const oneOf = <T>(some: readonly T[]): T => some[upTo(some.length)] as T
  const weighted = Object.entries(kinds).flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind as Kind))
  // Each in its turn, so that none is left to chance.
  const turns = Object.fromEntries(
    [FAILPOINTS, RECOVERY_FAILPOINTS, BOOT_FAILPOINTS].map((some) => [Object.keys(some)[0], upTo(100)]),
  )
  const nextOf = (some: Record<string, unknown>): string => {
    const names = Object.keys(some)
    const [first = ''] = names
    turns[first] = (turns[first] ?? 0) + 1
    return names[(turns[first] ?? 0) % names.length] ?? first
  }

  function makeFault(): Fault {
    const kind = oneOf(weighted)
    const app = upTo(size.apps)
    const afterMs = upTo(MAX_DELAY_MS)
    const forMs = 200 + upTo(MAX_DELAY_MS - 200)
    const times = 1 + upTo(3)
    switch (kind) {
      case 'kill at a failpoint':
        return { kind, app, failpoint: nextOf(FAILPOINTS) }
      case 'kill while recovering':
        return { kind, app, failpoint: nextOf(RECOVERY_FAILPOINTS) }
      case 'kill while starting':
        return { kind, app, failpoint: nextOf(BOOT_FAILPOINTS) }
      case 'kill at a random moment':
      case 'kill while draining':
        return { kind, app, afterMs }
      case 'kill all apps':
      case 'kill Postgres':
      case 'kill all apps and Postgres':
        return { kind, afterMs }
      case 'pause past the lease':
        return { kind, app, failpoint: oneOf(PAUSE_FAILPOINTS), forMs: PAST_LEASE_MS + upTo(4_000) }
      case 'pause':
        return { kind, app, afterMs, forMs }
      case 'answer lost':
        return { kind, times, afterBytes: 0 }
      case 'answer cut short':
        return { kind, times, afterBytes: 1 + upTo(400) }
      case 'upload cut short':
        return { kind, times, afterBytes: upTo(700) }
      case 'error after the import was made':
        return { kind, times, status: oneOf([500, 502, 503, 504, 521]) }
      case 'made late':
        return { kind, times: 1, lateMs: upTo(MAX_DELAY_MS) }
      case 'answer garbled':
        return { kind, times, garbage: oneOf(['html', 'truncated', 'empty', 'missing-id']) }
      case 'list unreadable':
      case 'list reversed':
      case 'list doubled':
        return { kind, times }
      case 'token answer lost':
        return { kind, portal: upTo(size.portals) }
      case 'Postgres answer cut short':
        return { kind, times, afterBytes: 300 + upTo(3_000) }
      default:
        return { kind, forMs }
    }
  }

  return Array.from({ length: cycles }, () => {
    const fault = makeFault()
    // What is to die while it is uploaded to must be uploaded to.
    const app = () => ('app' in fault && random() < 0.7 ? fault.app : upTo(size.apps))
    const uploads = Array.from({ length: size.uploads }, () => ({
      partner: upTo(size.partners),
      app: app(),
      afterMs: upTo(MAX_DELAY_MS),
      rows: random() < 0.05 ? 2_000 : 1 + upTo(40),
      hasKey: random() < 0.7,
      twins: random() < 0.1 ? 2 + upTo(3) : 1,
    }))
    return { fault, uploads, listLagMs: random() < 0.3 ? upTo(MAX_DELAY_MS) : 0 }
  })
}

/** The mulberry32 generator: numbers from 0 to 1 that depend on the seed alone. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
