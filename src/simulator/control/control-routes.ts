import { type Exchange, readBody, send } from '../exchange.js'
import type { FaultInput } from '../faults.js'
import type { SecretsByKind } from '../oauth/planned-secrets.js'
import type { Settings } from '../settings.js'
import type { PortalFields } from '../state.js'
import type { Delivery } from '../webhooks/deliver.js'
import type { Control } from './control.js'

type Asked = { id: string; body: Record<string, unknown>; query: URLSearchParams }

/** The control's functions as calls under /control; the functions check what they are given. */
const CALLS: Record<string, (control: Control, asked: Asked) => unknown> = {
  'GET settings': (control) => control.settings(),
  'PATCH settings': (control, { body }) => control.settings(body as Partial<Settings>),
  'GET portals': (control) => control.portals(),
  'PUT portals/{id}': (control, { id, body }) => control.portal(id, body as Partial<PortalFields>),
  'DELETE portals/{id}': (control, { id }) => control.removePortal(id),
  'POST portals/{id}/install': (control, { id, body }) => ({ code: control.install(id, body as { redirectUri: string }) }),
  'POST portals/{id}/uninstall': (control, { id }) => control.uninstall(id),
  'POST portals/{id}/expire-tokens': (control, { id }) => control.expireTokens(id),
  'POST client-secret': (control, { body }) => control.rotateClientSecret(body.secret as string),
  'POST secrets': (control, { body }) => control.planSecrets(body as Partial<SecretsByKind>),
  'GET secrets': (control) => control.issued(),
  'POST faults': (control, { body }) => ({ id: control.fault(body as FaultInput) }),
  'DELETE faults': (control) => control.clearFaults(),
  'GET imports': (control, { query }) => control.imports(query.get('portalId') ?? undefined),
  'POST imports/{id}/state': (control, { id, body }) =>
    control.setImportState(id, body.state as string, body.counters as Record<string, number> | undefined),
  'POST imports/{id}/name': (control, { id, body }) => control.renameImport(id, body.name as string),
  'POST imports/{id}/forget': (control, { id }) => control.forgetImport(id),
  'GET requests': (control) => control.requests(),
  'GET token-calls': (control) => control.tokenCalls(),
  'GET revocations': (control) => control.revocations(),
  'GET uninstalls': (control) => control.uninstalls(),
  'GET journal': (control) => control.journal(),
  'POST journal': (control, { body }) => control.appendJournal(body),
  'POST deliveries': (control, { body }) => control.deliver(body as Delivery),
  'POST portals/{id}/privacy-deletion': (control, { id, body }) => control.privacyDeletion(id, String(body.contactId)),
  'POST reset': (control) => control.reset(),
}

/** Every call under /control, as a person may read it. */
export const CONTROL_CALLS = Object.keys(CALLS).map((call) => call.replace(' ', ' /control/'))

/** Answers a call under /control; 400 with a sentence for a body that is wrong. */
export async function controlOverHttp(exchange: Exchange, control: Control): Promise<void> {
  const { req, url } = exchange
  const [, , noun = '', id = '', verb = ''] = url.pathname.split('/')
  const call = CALLS[`${req.method} ${noun}${id ? '/{id}' : ''}${verb ? `/${verb}` : ''}`]
  if (!call) return send(exchange, { status: 404, body: { message: `There is no ${req.method} ${url.pathname}: see GET /.` } })
  try {
    const body = toObject(await readBody(req))
    send(exchange, { status: 200, body: (await call(control, { id, body, query: url.searchParams })) ?? {} })
  } catch (error) {
    send(exchange, { status: 400, body: { message: error instanceof Error ? error.message : 'The body is wrong.' } })
  }
}

function toObject(text: string): Record<string, unknown> {
  const value: unknown = text.trim() === '' ? {} : JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('The body must be a JSON object.')
  return value as Record<string, unknown>
}
