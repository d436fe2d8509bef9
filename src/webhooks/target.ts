import { Resolver } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { AppError } from '../errors.js'

const MAX_URL_LENGTH = 2_048
const PORTS = ['', '8443']
/** Names that mean something on a network of one's own, or nothing at all. @see RFC 6761, RFC 8375, RFC 7686 */
const PRIVATE_NAME = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|private|arpa|test|example|invalid|onion|alt)$/

/**
 * The address of an endpoint, if we may send to it. `isAnyAllowed`: to a network of our own as well.
 * @throws {AppError} `url_not_allowed`
 */
export function checkTarget(text: string, isAnyAllowed: boolean): URL {
  const refuse = (detail: string) => new AppError('url_not_allowed', { detail, errors: [{ pointer: '/url', detail }] })
  const url = text.length <= MAX_URL_LENGTH ? URL.parse(text) : null
  if (!url) throw refuse(`An endpoint's address is a URL of up to ${MAX_URL_LENGTH} characters.`)
  if (url.username !== '' || url.password !== '') throw refuse('The address must not hold a user or a password.')
  if (url.hash !== '' || text.includes('#')) throw refuse('The address must not hold a fragment.')
  if (isAnyAllowed && /^https?:$/.test(url.protocol)) return url
  if (url.protocol !== 'https:') throw refuse('The address must begin with https://.')
  if (!PORTS.includes(url.port)) throw refuse('Only the ports 443 and 8443 can be sent to.')
  // The parser has made one spelling of all that browsers take for an address: 0x7f.1, 2130706433, ①②⑦.0.0.1.
  const host = url.hostname
  if (isIP(host.replaceAll(/^\[|\]$/g, '')) > 0) throw refuse('The address must name a host, not an IP address.')
  if (!host.includes('.') || host.endsWith('.') || PRIVATE_NAME.test(host))
    throw refuse('The host must have a public name, such as hooks.example.com.')
  return url
}

/** Whether an address is somewhere on the public internet. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address) // what is IPv4 in IPv6's clothes is IPv4
  if (parsed.range() !== 'unicast') return false
  // All else is not given out, or stands for an IPv4 address in a way of its own.
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parseCIDR('2000::/3'))
}

/** The addresses of a name. */
export type Resolve = (hostname: string) => Promise<string[]>

const DNS_TIMEOUT_MS = 3_000

/**
 * Looks up a name for a connection, which is made to what this gives: a name that changes its mind between a check and a
 * connection gains nothing. One address that is not public refuses all of them.
 *
 * The errors' codes are `EPRIVATE` and those of node:dns.
 */
export function publicLookup(resolve: Resolve = askNameServers): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses
        if (first === undefined || !addresses.every(isPublic))
          return done(Object.assign(new Error('not a public address'), { code: 'EPRIVATE' }), '', 0)
        const found = addresses.map((address) => ({ address, family: isIP(address) }))
        if (options.all) done(null, found)
        else done(null, first, isIP(first))
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0),
    )
  }
}

/**
 * Not by the system's own lookup, which has a thread of a small pool wait for each name: names that nobody answers for
 * would keep everybody else from looking up theirs, HubSpot's among them.
 */
async function askNameServers(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 })
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const [first] = answers
  if (found.length === 0 && first.status === 'rejected') throw first.reason
  return found
}
