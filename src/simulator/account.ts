import { createHash } from 'node:crypto'
import { answerPortal } from './answer.js'
import { type Exchange, refusal } from './exchange.js'
import { slicePage } from './imports/paging.js'
import { removeApp } from './oauth/uninstall.js'
import { objectTypeId, type Property, toAnswer } from './properties.js'

const SCHEMA_SCOPES: Record<string, string> = {
  '0-1': 'crm.schemas.contacts.read',
  '0-2': 'crm.schemas.companies.read',
  '0-3': 'crm.schemas.deals.read',
  '0-5': 'tickets',
}
const MAX_OWNERS_A_PAGE = 500
const CUSTOM_SCOPE = 'crm.schemas.custom.read'

/** GET /account-info/{version}/details */
export async function showAccount(exchange: Exchange): Promise<void> {
  await answerPortal(exchange, {
    scope: 'oauth',
    on: 'account',
    make: ({ id, accountType, timeZone, companyCurrency, uiDomain, dataHostingLocation }) => {
      const body = {
        portalId: Number(id),
        accountType,
        timeZone,
        companyCurrency,
        additionalCurrencies: [],
        ...offsetOf(timeZone),
      }
      return { status: 200, body: { ...body, uiDomain, dataHostingLocation } }
    },
  })
}

function offsetOf(timeZone: string): { utcOffset: string; utcOffsetMilliseconds: number } {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).formatToParts()
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign = '+', hours = '00', minutes = '00'] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? []
  const ms = (Number(hours) * 60 + Number(minutes)) * 60_000
  return { utcOffset: `${sign}${hours}:${minutes}`, utcOffsetMilliseconds: sign === '-' ? -ms : ms }
}

/** GET /crm/properties/{version}/{objectType} */
export async function listProperties(exchange: Exchange, objectType: string): Promise<void> {
  const typeId = objectTypeId(objectType)
  await answerPortal(exchange, {
    scope: SCHEMA_SCOPES[typeId] ?? CUSTOM_SCOPE,
    on: 'properties',
    make: ({ properties }) => {
      const known = properties[typeId]
      if (!known) return refusal(404, 'OBJECT_NOT_FOUND', `Unable to infer object type from: ${objectType}`)
      const body = { results: known.map(toAnswer) }
      const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url')}"`
      return exchange.req.headers['if-none-match'] === etag
        ? { status: 304, headers: { etag } }
        : { status: 200, body, headers: { etag } }
    },
  })
}

/** GET /crm/owners/{version} */
export async function listOwners(exchange: Exchange): Promise<void> {
  await answerPortal(exchange, {
    scope: 'crm.objects.owners.read',
    on: 'owners',
    make: ({ owners }) =>
      slicePage(exchange.url, MAX_OWNERS_A_PAGE, owners, (owner) => ({ ...owner, type: 'PERSON', archived: false, teams: [] })),
  })
}

/** GET /crm-object-schemas/{version}/schemas: the portal’s custom object types, those with properties of their own. */
export async function listSchemas(exchange: Exchange): Promise<void> {
  await answerPortal(exchange, {
    scope: CUSTOM_SCOPE,
    on: 'schemas',
    make: ({ id, properties }) => {
      const custom = Object.entries(properties).filter(([typeId]) => typeId.startsWith('2-'))
      return { status: 200, body: { results: custom.map(([typeId, known]) => toSchema(id, typeId, known)) } }
    },
  })
}

function toSchema(portalId: string, objectTypeId: string, properties: Property[]): object {
  const name = `custom_${objectTypeId.slice(2)}`
  const [first] = properties
  return {
    id: objectTypeId.slice(2),
    objectTypeId,
    name,
    fullyQualifiedName: `p${portalId}_${name}`,
    labels: { singular: `Custom object ${objectTypeId}`, plural: `Custom objects ${objectTypeId}` },
    primaryDisplayProperty: first?.name,
    requiredProperties: first ? [first.name] : [],
    searchableProperties: [],
    secondaryDisplayProperties: [],
    properties: properties.map(toAnswer),
    associations: [],
    archived: false,
  }
}

/** DELETE /appinstalls/{version}/external-install */
export async function uninstallApp(exchange: Exchange): Promise<void> {
  const { state } = exchange
  await answerPortal(exchange, {
    scope: 'oauth',
    on: 'uninstall',
    make: ({ id }) => {
      state.uninstalls.push({ at: Date.now(), portalId: id })
      removeApp(state, id, state.settings.revokeOnUninstall)
      return { status: 204 }
    },
  })
}
