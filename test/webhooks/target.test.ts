import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSender } from '../../src/webhooks/send.js'
import { checkTarget, isPublic, publicLookup } from '../../src/webhooks/target.js'
import { until } from '../support/app.js'

/** Spellings of what must never be reached, of which many servers in the wild were fooled by one or the other. */
const PRIVATE = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0',
  '0x7f.1',
  '0x7f000001',
  '0x7f.0x0.0x0.0x1',
  '0177.0.0.1',
  '0177.1',
  '017700000001',
  '2130706433',
  '①②⑦.0.0.1',
  '127。0。0。1',
  '１２７.0.0.1',
  '%31%32%37.0.0.1',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '0xa9.0xfe.0xa9.0xfe',
  '0251.0376.0251.0376',
  '169.254.170.2',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::]',
  '[2001:0:7f00:1::]',
  '[2001:db8::1]',
  '[fc00::1]',
  '[fd00::1]',
  '[fd00:ec2::254]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[100::1]',
  '[::ffff:0:127.0.0.1]',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'foo.localhost',
  'localhost.localdomain.local',
  'metadata',
  'metadata.google.internal',
  'kubernetes.default.svc.cluster.local',
  'instance-data.ec2.internal',
  'router.lan',
  'nas.home.arpa',
  'printer.corp',
  'db.intranet',
  'x.private',
  'hooks.test',
  'hooks.example',
  'hooks.invalid',
  'abc.onion',
  '1.0.0.127.in-addr.arpa',
  'example.com.',
]
const AROUND: ((host: string) => string)[] = [
  (host) => `https://${host}/hook`,
  (host) => `https://${host}:443/hook`,
  (host) => `https://${host}:8443/hook?x=1`,
  (host) => ` \thttps:\\\\${host}\\hook`,
]
const OTHER = [
  'http://hooks.example.com/',
  'https://user@hooks.example.com/',
  'https://user:pass@hooks.example.com/',
  'https://hooks.example.com@127.0.0.1/',
  'https://127.0.0.1#@hooks.example.com/',
  'https://hooks.example.com/#there',
  'https://hooks.example.com:22/',
  'https://hooks.example.com:25/',
  'https://hooks.example.com:80/',
  'https://hooks.example.com:6379/',
  'https://hooks.example.com:0/',
  'https://hooks.example.com:65536/',
  `https://hooks.example.com/${'x'.repeat(5_000)}`,
  'file:///etc/passwd',
  'gopher://hooks.example.com/_x',
  'ftp://hooks.example.com/',
  'dict://hooks.example.com:11211/stat',
  'ldap://hooks.example.com/',
  'jar:https://hooks.example.com!/x',
  'data:text/plain,x',
  'javascript:alert(1)',
  'blob:https://hooks.example.com/1',
  'ws://hooks.example.com/',
  '//hooks.example.com/',
  'hooks.example.com',
  '',
  ' ',
  'https://',
  'https:///hook',
  'https://exa mple.com/',
  'https://[::1/',
  'https://hooks.example.com\0.evil/',
]
const REFUSED = [...PRIVATE.flatMap((host) => AROUND.map((around) => around(host))), ...OTHER]

/** Hears whoever comes, at every address of this machine that is not public, and says nothing. */
const witness = { servers: [] as Server[], port: 8443, heard: 0, received: '' }

beforeAll(async () => {
  const addresses = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address, scopeid }) => (scopeid ? '' : address)),
  )
  for (const host of new Set(['127.0.0.1', ...addresses].filter((address) => address !== ''))) {
    const server = createServer((socket) => {
      witness.heard += 1
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => {
          witness.received += bytes.toString('latin1')
        })
      socket.setTimeout(1_000, () => socket.destroy())
    })
    await once(server.listen(witness.port, host), 'listening')
    witness.servers.push(server)
  }
})
afterAll(() => {
  for (const server of witness.servers) server.close()
})

/** A resolver that somebody else runs: each name's answers, one after the other. */
const resolver = (answers: (hostname: string) => string[]) => publicLookup(async (hostname) => answers(hostname))

describe('where a webhook may go', () => {
  it(`is none of ${REFUSED.length} addresses that are not public, however they are written`, async () => {
    const sender = createSender({ isAnyAllowed: false, timeoutMs: 2_000 })

    expect(REFUSED.length).toBeGreaterThanOrEqual(300)
    for (const text of REFUSED) {
      expect(() => checkTarget(text, false), text).toThrowError(expect.objectContaining({ code: 'url_not_allowed' }))
      // One that is in the table all the same is still not sent to.
      expect((await sender.send(text, {}, '{}')).problem, text).toBe('url_not_allowed')
    }
    expect(witness.heard).toBe(0)
  })

  it.each([
    'https://hooks.example.com/',
    'https://hooks.example.com:8443/a?b=c',
    'https://xn--bcher-kva.example.com/',
    'https://8.8.8.8.example.com/',
  ])('is %s', (text) => {
    expect(checkTarget(text, false).href).toBe(text)
  })

  it.each(PRIVATE.filter((host) => /^[\d.]{7,}$|^\[/.test(host)).map((host) => host.replaceAll(/^\[|\]$/g, '')))(
    'is not the address %s, whatever name leads to it',
    (address) => {
      expect(isPublic(address)).toBe(false)
    },
  )

  it.each(['8.8.8.8', '1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('is the address %s', (address) => {
    expect(isPublic(address)).toBe(true)
  })

  it.each([
    ['one that is private', ['127.0.0.1']],
    ['public ones and a private one, first', ['10.0.0.1', '93.184.216.34']],
    ['public ones and a private one, last', ['93.184.216.34', '2606:4700::1', '::1']],
    ['none at all', []],
    ['what is no address', ['localhost']],
    ['a CNAME of the metadata service', ['169.254.169.254']],
  ])('is no name whose addresses are %s', async (_, addresses) => {
    const sender = createSender({ isAnyAllowed: false, lookup: resolver(() => addresses), timeoutMs: 2_000 })

    const { problem, status } = await sender.send(`https://hooks.example.com:8443/`, {}, '{}')

    expect([problem, status]).toEqual(['address_not_public', undefined])
  })

  it('is not what a name has become since it was looked at: 1,000 rebindings reach nobody', async () => {
    const heardBefore = witness.heard
    const turns = ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.2.3', '169.254.169.254', '0.0.0.0', 'fd00::1', '64:ff9b::7f00:1']
    let asked = 0
    const lookup = resolver(() => {
      asked += 1
      const now = turns[asked % turns.length] ?? '127.0.0.1'
      return asked % 3 === 0 ? ['93.184.216.34', now] : [now]
    })
    const sender = createSender({ isAnyAllowed: false, lookup, timeoutMs: 2_000 })

    const problems = new Set<string | undefined>()
    for (let i = 0; i < 1_000; i++)
      problems.add((await sender.send(`https://h${i % 50}.example.com:${witness.port}/`, {}, '{}')).problem)

    expect([...problems]).toEqual(['address_not_public'])
    expect(asked).toBe(1_000)
    expect(witness.heard).toBe(heardBefore)
  })

  it('is nowhere of ours even when a connection is made without a name being looked up', async () => {
    const heardBefore = witness.heard
    // A resolver that lies about what it has checked.
    const lookup = ((_hostname: string, options: { all?: boolean }, done: (...given: unknown[]) => void) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)) as never
    const sender = createSender({ isAnyAllowed: false, lookup, timeoutMs: 2_000 })

    const { problem } = await sender.send(`https://hooks.example.com:${witness.port}/`, {}, '{}')

    expect(problem).toBe('address_not_public')
    await until(
      () => witness.heard,
      (heard) => heard > heardBefore,
    )
    expect(witness.received).toBe('')
  })

  it('would be noticed by the witness', async () => {
    const heardBefore = witness.heard
    const sender = createSender({ isAnyAllowed: true })

    await sender.send(`http://127.0.0.1:${witness.port}/`, {}, '{}')

    expect(witness.heard).toBe(heardBefore + 1)
  })
})
