import type { Secret } from '../secret.js'

/** What tokens of simulated accounts begin with, as HubSpot's own never do. */
export const TEST_TOKEN = 'importal-test-'

type Calls = Record<string, (...given: never[]) => unknown>

/**
 * The same calls, of which those with a simulated account's token go to the simulated HubSpot: nothing else tells the two
 * apart, so that nothing else can treat them differently. Only the calls of these names take a token that we have stored.
 */
export function apart<T extends object>(
  real: T,
  simulated: () => Promise<T>,
  names: (keyof T)[] = Object.keys(real) as (keyof T)[],
): T {
  const calls = Object.entries(real as Calls).map(([name, call]) => [
    name,
    (...given: never[]) =>
      names.includes(name as keyof T) && isTestToken(given[0])
        ? simulated().then((other) => (other as Calls)[name]?.(...given))
        : call(...given),
  ])
  return Object.fromEntries(calls) as T
}

/** Every call takes its token first, or in what it takes first. */
function isTestToken(given: unknown): boolean {
  const { accessToken = given } = (given ?? {}) as { accessToken?: unknown }
  const { reveal } = (accessToken ?? {}) as Partial<Secret>
  return typeof reveal === 'function' && String(reveal()).startsWith(TEST_TOKEN)
}
