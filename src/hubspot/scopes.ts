import type { Secret } from '../secret.js'
import type { HubSpot } from './hubspot.js'

/** What a permission is for, as a portal's admin is told, and the call that HubSpot refuses without it. */
export type ScopeUse = {
  purpose: string
  call: (hubspot: HubSpot, accessToken: Secret) => Promise<unknown>
}

/**
 * Every scope that an installation may be asked for. HubSpot lists no app that asks for more than it uses: a scope without
 * a call has no place here.
 *
 * @see https://developers.hubspot.com/docs/apps/developer-platform/list-apps/listing-your-app/app-marketplace-listing-requirements
 */
export const SCOPES = {
  oauth: {
    purpose: 'To know which HubSpot account was connected, its time zone and where its data is kept',
    call: (hubspot, accessToken) => hubspot.accountDetails(accessToken),
  },
  'crm.import': {
    purpose: 'To start imports, to follow them and to learn which rows HubSpot did not take',
    call: (hubspot, accessToken) => hubspot.listImports(accessToken),
  },
  'crm.schemas.contacts.read': {
    purpose: 'To see which properties contacts have, so that columns find theirs and wrong values are found early',
    call: (hubspot, accessToken) => hubspot.listProperties(accessToken, '0-1'),
  },
  'crm.schemas.companies.read': {
    purpose: 'To see which properties companies have',
    call: (hubspot, accessToken) => hubspot.listProperties(accessToken, '0-2'),
  },
  'crm.schemas.deals.read': {
    purpose: 'To see which properties deals have',
    call: (hubspot, accessToken) => hubspot.listProperties(accessToken, '0-3'),
  },
  tickets: {
    purpose: 'To see which properties tickets have; HubSpot has no narrower permission for that',
    call: (hubspot, accessToken) => hubspot.listProperties(accessToken, '0-5'),
  },
  'crm.schemas.custom.read': {
    purpose: 'To see which custom objects the account has, and their properties',
    call: (hubspot, accessToken) => hubspot.listCustomTypes(accessToken),
  },
  'crm.objects.owners.read': {
    purpose: 'To see which users records can belong to, so that rows that name nobody are found early',
    call: (hubspot, accessToken) => hubspot.listOwners(accessToken),
  },
} as const satisfies Record<string, ScopeUse>

export type Scope = keyof typeof SCOPES

const OBJECT_SCOPES: Record<string, Scope> = {
  '0-1': 'crm.schemas.contacts.read',
  '0-2': 'crm.schemas.companies.read',
  '0-3': 'crm.schemas.deals.read',
  '0-5': 'tickets',
}

/** The permission to see which properties an object type has. */
export function scopeOfObject(objectTypeId: string): Scope {
  return OBJECT_SCOPES[objectTypeId] ?? 'crm.schemas.custom.read'
}

/** What a scope is for, or undefined when no call needs it. */
export function findScopeUse(scope: string): ScopeUse | undefined {
  return Object.hasOwn(SCOPES, scope) ? SCOPES[scope as keyof typeof SCOPES] : undefined
}
