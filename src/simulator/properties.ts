export type Property = {
  name: string
  label: string
  type: 'string' | 'number' | 'date' | 'datetime' | 'enumeration' | 'bool' | 'phone_number'
  fieldType: string
  options?: { label: string; value: string; hidden: boolean }[]
  hasUniqueValue?: boolean
  readOnly?: boolean
}

const text = (name: string, label: string, more: Partial<Property> = {}): Property => ({
  name,
  label,
  type: 'string',
  fieldType: 'text',
  ...more,
})
const number = (name: string, label: string): Property => ({ name, label, type: 'number', fieldType: 'number' })
const date = (name: string, label: string): Property => ({ name, label, type: 'date', fieldType: 'date' })
const choice = (name: string, label: string, ...values: string[]): Property => ({
  name,
  label,
  type: 'enumeration',
  fieldType: 'select',
  options: values.map((value) => ({ label: value.charAt(0).toUpperCase() + value.slice(1), value, hidden: false })),
})
const created: Property = { name: 'createdate', label: 'Create Date', type: 'datetime', fieldType: 'date', readOnly: true }

/** A few properties of each kind, per object type id. */
export const DEFAULT_PROPERTIES: Record<string, Property[]> = {
  '0-1': [
    text('email', 'Email', { hasUniqueValue: true }),
    text('firstname', 'First Name'),
    text('lastname', 'Last Name'),
    text('company', 'Company Name'),
    text('city', 'City'),
    { name: 'phone', label: 'Phone Number', type: 'phone_number', fieldType: 'phonenumber' },
    number('numemployees', 'Number of Employees'),
    date('date_of_birth', 'Date of Birth'),
    choice('lifecyclestage', 'Lifecycle Stage', 'subscriber', 'lead', 'customer'),
    created,
  ],
  '0-2': [
    text('name', 'Company name'),
    text('domain', 'Company Domain Name', { hasUniqueValue: true }),
    number('annualrevenue', 'Annual Revenue'),
    created,
  ],
  '0-3': [
    text('dealname', 'Deal Name'),
    number('amount', 'Amount'),
    date('closedate', 'Close Date'),
    choice('dealstage', 'Deal Stage', 'open', 'won', 'lost'),
    choice('pipeline', 'Pipeline', 'default'),
    created,
  ],
  '0-5': [
    text('subject', 'Ticket name'),
    text('content', 'Ticket description'),
    choice('hs_pipeline_stage', 'Ticket status', 'new', 'closed'),
    created,
  ],
}

/** The id of an object type, for an id or a name. */
export function objectTypeId(idOrName: string): string {
  const ids: Record<string, string> = { contact: '0-1', company: '0-2', companie: '0-2', deal: '0-3', ticket: '0-5' }
  return ids[idOrName.toLowerCase().replace(/s$/, '')] ?? idOrName
}

/** One property as HubSpot's properties API answers it. */
export function toAnswer({ readOnly = false, options = [], ...property }: Property) {
  return {
    ...property,
    options: options.map((option, displayOrder) => ({ ...option, displayOrder })),
    groupName: 'information',
    description: '',
    hasUniqueValue: property.hasUniqueValue ?? false,
    hidden: false,
    calculated: false,
    archived: false,
    hubspotDefined: true,
    modificationMetadata: { archivable: false, readOnlyDefinition: true, readOnlyValue: readOnly },
  }
}
