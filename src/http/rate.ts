import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** How a limit stands after a request: `waitSeconds` is 0 for one that was let in. */
export type Standing = { limit: number; left: number; resetSeconds: number; waitSeconds: number }

export const RATE_WINDOW_SECONDS = 60
/** Beyond that whoever came longest ago is forgotten, and let in as if he had never come. */
const MAX_REMEMBERED = 50_000

export type Limiter = ReturnType<typeof createLimiter>

/**
 * Lets so many requests a minute in for each of its subjects, all at once if need be, and then as many as the minute has
 * room for. In the memory of one process: several let in as many times that.
 *
 * The whole state of a subject is the instant at which it would be as if it had never come (the "generic cell rate
 * algorithm" of ITU-T I.371).
 */
export function createLimiter(perMinute: number, now: () => number = () => performance.now() / 1_000) {
  const freshAt = new Map<string, number>()
  const spacing = RATE_WINDOW_SECONDS / perMinute

  function standing(subject: string, cost: number): Standing {
    const at = now()
    const before = Math.max(freshAt.get(subject) ?? 0, at)
    const after = before + cost * spacing
    const waitSeconds = Math.max(0, after - at - RATE_WINDOW_SECONDS)
    const isIn = waitSeconds < 1e-9
    const fresh = isIn ? after : before
    if (isIn && cost > 0) remember(subject, fresh)
    const left = Math.max(0, Math.floor((RATE_WINDOW_SECONDS - (fresh - at)) / spacing + 1e-9))
    return {
      limit: perMinute,
      left,
      resetSeconds: Math.ceil(fresh - at),
      waitSeconds: isIn ? 0 : Math.max(1, Math.ceil(waitSeconds)),
    }
  }

  function remember(subject: string, fresh: number): void {
    // Last in the map is whoever came last.
    freshAt.delete(subject)
    freshAt.set(subject, fresh)
    if (freshAt.size <= MAX_REMEMBERED) return
    const [oldest = ''] = freshAt.keys()
    freshAt.delete(oldest)
  }

  return {
    /** Counts a request, if it is let in. */
    take: (subject: string): Standing => standing(subject, 1),
    /** Whether it has come lately. */
    isKnown: (subject: string): boolean => (freshAt.get(subject) ?? Number.NEGATIVE_INFINITY) > now() - RATE_WINDOW_SECONDS,

    /** How it stands, without counting. `waitSeconds` is what the next one would have to wait. */
    look(subject: string): Standing {
      const seen = standing(subject, 0)
      return { ...seen, waitSeconds: seen.left > 0 ? 0 : Math.max(1, Math.ceil(spacing)) }
    },
  }
}

/** Who is counted by an address: of IPv6 a whole /64, which is what one customer has. */
export function subnetOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  return isIPv6(plain) ? ipaddr.IPv6.networkAddressFromCIDR(`${plain}/64`).toString() : plain
}

/** Limits as headers: each has a name, and may count something else than requests. @see draft-ietf-httpapi-ratelimit-headers-11 */
export type Told = { name: string; limit: number; left: number; resetSeconds: number; windowSeconds: number; unit?: string }

export function rateHeaders(told: Told[]): Record<'RateLimit' | 'RateLimit-Policy', string> {
  const unit = ({ unit: counted }: Told) => (counted === undefined ? '' : `;qu="${counted}"`)
  return {
    'RateLimit-Policy': told.map((one) => `"${one.name}";q=${one.limit};w=${one.windowSeconds}${unit(one)}`).join(', '),
    RateLimit: told.map(({ name, left, resetSeconds }) => `"${name}";r=${left};t=${resetSeconds}`).join(', '),
  }
}
