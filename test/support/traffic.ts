import type { Operation } from '../../src/simulator/faults.js'
import { sign } from '../../src/simulator/webhooks/sign.js'
import { OTHER_PORTAL, PORTAL, until } from './app.js'
import type { testPlace } from './process.js'
import type { createRecorder, Recorded } from './recorder.js'
import { contactsRequest } from './requests.js'

/** Values of a partner's, each for one thing that a partner sends. */
export type Rows = { cell: string; badCell: string; refusedCell: string; field: string; brokenJson: string }

export type Day = { place: Awaited<ReturnType<typeof testPlace>>; recorder: ReturnType<typeof createRecorder>; rows: Rows }
export type Keys = Record<'used' | 'other' | 'revoked' | 'exposed', string>
type Browser = ReturnType<Day['recorder']['browser']>

const isDone = (state: string) => state === 'done'

const STATUSES = [400, 401, 403, 404, 429, 500, 477]

/** What HubSpot would say if it repeated, wherever it has a text, our client secret and the token of a call. */
function quoting({ place }: Day, more: Record<string, unknown> = {}): Record<string, unknown> {
  const said = `${place.env.HUBSPOT_CLIENT_SECRET} ${place.hubspot.control.issued().accessTokens.at(-1)}`
  return { message: said, error_description: said, correlationId: said, errors: [{ message: said, code: said }], ...more }
}

function breakNext({ place }: Day, on: Operation, status: number, body: unknown): void {
  place.hubspot.control.clearFaults()
  place.hubspot.control.fault({ on, times: 1, do: { status, body } })
}

/** Installs two portals, and on the way every install that comes to nothing; resolves to the admin's browsers. */
export async function installInAllShapes(day: Day): Promise<Browser[]> {
  const { control } = day.place.hubspot
  const [first, other, unlucky] = [day.recorder.browser(), day.recorder.browser(), day.recorder.browser()]
  await install(day, first, PORTAL)
  breakNext(day, 'token', 400, quoting(day, { status: 'BAD_AUTH_CODE' }))
  await install(day, unlucky, OTHER_PORTAL)
  control.clearFaults()
  control.fault({ on: 'token', do: { garbage: 'truncated' } })
  await install(day, unlucky, OTHER_PORTAL)
  breakNext(day, 'introspect', 500, quoting(day))
  await install(day, unlucky, OTHER_PORTAL)
  await install(day, other, OTHER_PORTAL)
  for (const status of STATUSES) {
    for (const on of ['token', 'introspect', 'account'] as const) {
      breakNext(day, on, status, quoting(day, { error: 'invalid_client', status: 'BAD_CLIENT_SECRET' }))
      await install(day, unlucky, '333333')
    }
  }
  control.clearFaults()
  const { location } = await first.go('install', '/oauth/install')
  const state = new URL(location).searchParams.get('state') ?? ''
  await first.go('callback: turned down', `/oauth/callback?error=access_denied&state=${state}`)
  await first.go('callback: a state again', `/oauth/callback?code=${state}&state=${state}`)
  await first.go('callback: nonsense', `/oauth/callback?code=${state}&code=${state}&state[x]=${state}`)
  return [first, other]
}

async function install({ place }: Day, browser: Browser, portalId: string): Promise<Recorded> {
  place.hubspot.control.portal(portalId)
  const { location } = await browser.go('install', `/oauth/install?portalId=${portalId}`)
  const consent = await fetch(location, { redirect: 'manual' })
  return browser.go(`callback for ${portalId}`, consent.headers.get('location') ?? '')
}

/** Makes keys, revokes one and shows another where no key should be. */
export async function makeKeys({ place, recorder }: Day): Promise<Keys> {
  const make = async (portalId: string): Promise<{ key: string; keyId: string }> => {
    const { stdout } = await place.cli('keys', 'create', '--partner', `Partner of ${portalId}`, '--portal', portalId, '--json')
    return JSON.parse(stdout) as { key: string; keyId: string }
  }
  const [used, other, revoked, exposed] = [await make(PORTAL), await make(OTHER_PORTAL), await make(PORTAL), await make(PORTAL)]
  await place.cli('keys', 'revoke', revoked.keyId)

  const client = recorder.browser()
  const bearing = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
  await client.go('a revoked key', '/v1/me', bearing(revoked.key))
  await client.go('a key', '/v1/me', bearing(used.key))
  await client.go('a key, elsewhere', `/v1/portals/${OTHER_PORTAL}/imports`, bearing(used.key))
  await client.go('a key with a typing error', '/v1/me', bearing(`${exposed.key.slice(0, -1)}!`))
  for (const path of [
    `/v1/me?key=${exposed.key}`,
    `/${exposed.key}`,
    `/v1/portals/${exposed.key.replaceAll('_', '%5F')}/imports`,
  ])
    await client.go('a key in the address', path, bearing(exposed.key))
  const basic = Buffer.from(`key:${exposed.key}`).toString('base64')
  const headers = [{ 'x-api-key': exposed.key }, { authorization: `Basic ${basic}` }, { authorization: exposed.key }]
  const odd = [{ cookie: `importal=${exposed.key}` }, { 'x-request-id': exposed.key }, { 'user-agent': exposed.key }]
  for (const wrong of [...headers, ...odd]) await client.go('a key in a wrong header', '/v1/me', { headers: wrong })
  return { used: used.key, other: other.key, revoked: revoked.key, exposed: exposed.key }
}

/** Uploads what is good, what is partly bad and what is refused, and reads everything that can be read of it. */
export async function upload(day: Day, { used, other }: Keys): Promise<void> {
  const { recorder, rows } = day
  const client = recorder.browser()
  const csv = (first: string, email: string) => `Email,First,Last\nada@example.com,${first},Love\n${email},Bob,Low\n`
  const good = await send(day, used, PORTAL, contactsRequest(), csv(rows.cell, `${rows.badCell} at example`))
  await untilState(used, good, isDone)
  const headers = { authorization: `Bearer ${used}` }
  // A field that HubSpot does not document is refused, and passed on where HubSpot's own clients send it.
  const withNote = { ...contactsRequest(), note: rows.field }
  await send(day, used, PORTAL, withNote, csv('Ann', 'bob@example.com'))
  const body = formOf(withNote, csv('Ann', 'eve@example.com'))
  await client.go('an upload as to HubSpot', `/hubspot/${PORTAL}/crm/v3/imports`, { method: 'POST', headers, body })
  for (const path of ['', '/errors']) await client.go(path === '' ? 'an import' : 'row errors', `${good}${path}`, { headers })
  await client.go('imports', `/v1/portals/${PORTAL}/imports?limit=5`, { headers })
  await client.go('imports, badly asked', `/v1/portals/${PORTAL}/imports?limit=${rows.brokenJson}`, { headers })

  const bad = csv(rows.refusedCell, rows.refusedCell)
  await send(day, used, PORTAL, `{"name": "${rows.brokenJson}", "${rows.brokenJson}`, bad)
  await send(day, used, PORTAL, { name: 'No files' }, bad)
  await send(day, used, OTHER_PORTAL, contactsRequest(), bad)
  await send(day, `${used}x`, PORTAL, contactsRequest(), bad)
  await client.go('no multipart', `/v1/portals/${PORTAL}/imports`, { method: 'POST', headers, body: bad })

  for (const [key, portalId] of [
    [other, OTHER_PORTAL],
    [used, PORTAL],
    [used, PORTAL],
  ] as const) {
    day.place.hubspot.control.expireTokens(portalId)
    await untilState(key, await send(day, key, portalId, contactsRequest(), csv('Ann', 'bob@example.com')), isDone)
  }
}

/** Uploads, and resolves to where the import is. */
async function send({ recorder }: Day, key: string, portalId: string, request: unknown, file: string): Promise<string> {
  const headers = { authorization: `Bearer ${key}` }
  const { location } = await recorder
    .browser()
    .go('an upload', `/v1/portals/${portalId}/imports`, { method: 'POST', headers, body: formOf(request, file) })
  return location
}

function formOf(request: unknown, file: string): FormData {
  const body = new FormData()
  body.append('files', new Blob([file], { type: 'text/csv' }), 'contacts.csv')
  body.append('importRequest', typeof request === 'string' ? request : JSON.stringify(request))
  return body
}

async function untilState(key: string, location: string, isMet: (state: string) => boolean): Promise<void> {
  const look = async () => {
    const res = await fetch(location, { headers: { authorization: `Bearer ${key}` } })
    return (await res.json()) as { state: string }
  }
  await until(look, ({ state }) => isMet(state))
}

/** Has HubSpot refuse imports in every way, each time with our own secrets in its answer. */
export async function failAtHubSpot(day: Day, { used }: Keys): Promise<void> {
  const { control } = day.place.hubspot
  const tries = () => control.requests().filter(({ method, status }) => method === 'POST' && STATUSES.includes(status)).length
  for (const status of STATUSES) {
    const before = tries()
    breakNext(day, 'create', status, quoting(day, { category: status === 403 ? 'MISSING_SCOPES' : 'VALIDATION_ERROR' }))
    const made = await send(day, used, PORTAL, contactsRequest(), 'Email,First,Last\nada@example.com,Ada,Love\n')
    await until(tries, (now) => now > before)
    await untilState(used, made, (state) => state !== 'submitting')
    await day.recorder.browser().go(`an import that met ${status}`, made, { headers: { authorization: `Bearer ${used}` } })
  }
  control.clearFaults()
}

/** Sends what HubSpot sends by itself, signed and forged; resolves to a good signature. */
export async function sendWebhooks({ place, recorder }: Day): Promise<string> {
  const client = recorder.browser()
  const url = `${place.url}/hubspot/webhooks`
  const body = JSON.stringify([place.hubspot.control.privacyDeletion(OTHER_PORTAL, '77'), { subscriptionType: 'none' }])
  const timestamp = Date.now()
  const signed = (secret: string) => sign('v3', { secret, url, body, timestamp })
  const send = (what: string, more: Record<string, string>, text = body) => {
    const headers = { 'content-type': 'application/json', 'x-hubspot-request-timestamp': String(timestamp), ...more }
    return client.go(what, '/hubspot/webhooks', { method: 'POST', headers, body: text })
  }
  const good = signed(place.env.HUBSPOT_CLIENT_SECRET ?? '')
  const signature = good['X-HubSpot-Signature-v3'] ?? ''
  await send('a notice', good)
  await send('a notice again', good)
  await send('a changed notice', good, `${body} `)
  await send('a forged notice', signed('another secret'))
  await send('an unsigned notice', { authorization: signature })
  await client.go('a notice that is none', `/hubspot/webhooks?signature=${encodeURIComponent(signature)}`, {
    method: 'POST',
    body: '{',
  })
  return signature
}

/** Opens every page, signs one admin out and has another disconnect, with forms of ours and forged ones. */
export async function visitPages({ recorder }: Day, [first, other]: Browser[]): Promise<void> {
  const stranger = recorder.browser()
  const paths = [
    '/',
    '/livez',
    '/readyz',
    '/metrics',
    '/settings',
    '/settings/disconnect',
    '/problems/internal',
    '/nowhere',
    '/%',
  ]
  for (const client of [stranger, first, other])
    for (const path of paths) await client?.go(`page ${path}`, path, { headers: { accept: 'text/html' } })
  const post = async (client: Browser | undefined, path: string, formToken: string) => {
    const body = new URLSearchParams({ formToken })
    await client?.go(`form ${path}`, path, { method: 'POST', body })
    await client?.go(`form ${path}, from elsewhere`, path, { method: 'POST', body, headers: { origin: 'https://evil.example' } })
  }
  const [token = ''] = recorder.handedOut.formTokens
  for (const path of ['/settings/sign-out', '/settings/disconnect', '/settings']) await post(stranger, path, token)
  await post(other, '/settings/sign-out', 'forged')
  await post(other, '/settings/disconnect', recorder.handedOut.formTokens.at(-1) ?? '')
  await post(first, '/settings/sign-out', token)
  await first?.go('signed out', '/settings')
}

/** Every command that an operator has, as text and as JSON. */
export async function runCommands({ place }: Day): Promise<void> {
  const commands = [
    'doctor',
    'portals list',
    'keys list',
    'partners list',
    'audit list',
    'audit verify',
    `portals check ${PORTAL}`,
  ]
  const more = ['rotate-encryption', `portals check ${OTHER_PORTAL}`, 'keys revoke key_none', 'nonsense']
  for (const command of [...commands, ...more]) await place.cli(...command.split(' '), '--json')
  for (const command of ['doctor', 'portals list', 'keys list', 'audit list']) await place.cli(...command.split(' '))
}
