import { answerPortal } from './answer.js'
import { type Exchange, refusal } from './exchange.js'
import { removeApp } from './oauth/uninstall.js'
import { objectTypeId, toAnswer } from './properties.js'

const SCHEMA_SCOPES: Record<string, string> = {
  '0-1': 'crm.schemas.contacts.read',
  '0-2': 'crm.schemas.companies.read',
  '0-3': 'crm.schemas.deals.read',
  '0-5': 'tickets',
}

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
    scope: SCHEMA_SCOPES[typeId] ?? 'crm.schemas.custom.read',
    on: 'properties',
    make: ({ properties }) => {
      const known = properties[typeId]
      if (!known) return refusal(404, 'OBJECT_NOT_FOUND', `Unable to infer object type from: ${objectType}`)
      return { status: 200, body: { results: known.map(toAnswer) } }
    },
  })
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
