export type Property = {
  name: string
  label: string
  type: 'string' | 'number' | 'date' | 'datetime' | 'enumeration' | 'bool' | 'phone_number'
  fieldType: string
  options?: { label: string; value: string; hidden: boolean }[]
  hasUniqueValue?: boolean
  readOnly?: boolean
  calculated?: boolean
  externalOptions?: boolean
  referencedObjectType?: 'OWNER'
}

type More = Partial<Property>
const text = (name: string, label: string, more: More = {}): Property => ({
  name,
  label,
  type: 'string',
  fieldType: 'text',
  ...more,
})
const long = (name: string, label: string) => text(name, label, { fieldType: 'textarea' })
const number = (name: string, label: string, more: More = {}): Property => ({
  name,
  label,
  type: 'number',
  fieldType: 'number',
  ...more,
})
const date = (name: string, label: string, more: More = {}): Property => ({
  name,
  label,
  type: 'date',
  fieldType: 'date',
  ...more,
})
const phone = (name: string, label: string): Property => ({ name, label, type: 'phone_number', fieldType: 'phonenumber' })
const yesNo = (name: string, label: string): Property => ({ name, label, type: 'bool', fieldType: 'booleancheckbox' })

/** Options are told by their value; the label is the value with capitals unless it is given as `value:Label`. */
function choice(name: string, label: string, ...options: string[]): Property {
  const toOption = (option: string) => {
    const [value = '', given] = option.split(':')
    const words = value.toLowerCase().replaceAll('_', ' ')
    return { label: given ?? words.charAt(0).toUpperCase() + words.slice(1), value, hidden: false }
  }
  return { name, label, type: 'enumeration', fieldType: 'select', options: options.map(toOption) }
}

/** HubSpot does not list owners as a property's options. */
const owner = (label: string): Property => ({
  name: 'hubspot_owner_id',
  label,
  type: 'enumeration',
  fieldType: 'select',
  externalOptions: true,
  referencedObjectType: 'OWNER',
})

/** What every object has, and no import can write. */
const OWN: Property[] = [
  number('hs_object_id', 'Record ID', { readOnly: true, hasUniqueValue: true }),
  { ...date('createdate', 'Create Date', { readOnly: true }), type: 'datetime' },
  { ...date('hs_lastmodifieddate', 'Last Modified Date', { readOnly: true }), type: 'datetime' },
]

const INDUSTRIES = ['COMPUTER_SOFTWARE', 'CONSTRUCTION', 'EDUCATION_MANAGEMENT:Education', 'RETAIL', 'TELECOMMUNICATIONS']

/** A few properties of each kind, by object type id. */
export const DEFAULT_PROPERTIES: Record<string, Property[]> = {
  '0-1': [
    text('email', 'Email', { hasUniqueValue: true }),
    text('firstname', 'First Name'),
    text('lastname', 'Last Name'),
    text('salutation', 'Salutation'),
    text('jobtitle', 'Job Title'),
    text('company', 'Company Name'),
    text('website', 'Website URL'),
    phone('phone', 'Phone Number'),
    phone('mobilephone', 'Mobile Phone Number'),
    text('address', 'Street Address'),
    text('city', 'City'),
    text('state', 'State/Region'),
    text('zip', 'Postal Code'),
    text('country', 'Country/Region'),
    number('numemployees', 'Number of Employees'),
    text('date_of_birth', 'Date of birth', { type: 'date', fieldType: 'date' }),
    choice(
      'lifecyclestage',
      'Lifecycle Stage',
      'subscriber',
      'lead',
      'marketingqualifiedlead:Marketing Qualified Lead',
      'opportunity',
      'customer',
    ),
    choice('hs_lead_status', 'Lead Status', 'NEW', 'OPEN', 'IN_PROGRESS', 'CONNECTED', 'UNQUALIFIED'),
    owner('Contact owner'),
    yesNo('hs_email_optout', 'Unsubscribed from all email'),
    text('hs_email_domain', 'Email Domain', { calculated: true, readOnly: true }),
    ...OWN,
  ],
  '0-2': [
    text('name', 'Company name'),
    text('domain', 'Company Domain Name', { hasUniqueValue: true }),
    choice('industry', 'Industry', ...INDUSTRIES),
    phone('phone', 'Phone Number'),
    text('address', 'Street Address'),
    text('city', 'City'),
    text('zip', 'Postal Code'),
    text('country', 'Country/Region'),
    number('numberofemployees', 'Number of Employees'),
    number('annualrevenue', 'Annual Revenue'),
    long('description', 'Description'),
    owner('Company owner'),
    ...OWN,
  ],
  '0-3': [
    text('dealname', 'Deal Name'),
    number('amount', 'Amount'),
    date('closedate', 'Close Date'),
    choice('pipeline', 'Pipeline', 'default:Sales Pipeline'),
    choice(
      'dealstage',
      'Deal Stage',
      'appointmentscheduled:Appointment Scheduled',
      'contractsent:Contract Sent',
      'closedwon:Closed Won',
      'closedlost:Closed Lost',
    ),
    choice('dealtype', 'Deal Type', 'newbusiness:New Business', 'existingbusiness:Existing Business'),
    long('description', 'Deal Description'),
    owner('Deal owner'),
    ...OWN,
  ],
  '0-5': [
    text('subject', 'Ticket name'),
    long('content', 'Ticket description'),
    choice('hs_pipeline', 'Pipeline', '0:Support Pipeline'),
    choice('hs_pipeline_stage', 'Ticket status', '1:New', '2:Waiting on contact', '4:Closed'),
    choice('hs_ticket_priority', 'Priority', 'LOW', 'MEDIUM', 'HIGH'),
    owner('Ticket owner'),
    ...OWN,
  ],
}

const TYPE_IDS: Record<string, string> = { contact: '0-1', company: '0-2', companie: '0-2', deal: '0-3', ticket: '0-5' }

/** The id of an object type, for an id or a name. */
export function objectTypeId(idOrName: string): string {
  return TYPE_IDS[idOrName.toLowerCase().replace(/s$/, '')] ?? idOrName
}

/** One property as HubSpot's properties API answers it. */
export function toAnswer({ readOnly = false, options = [], ...property }: Property): object {
  return {
    groupName: 'information',
    description: '',
    hasUniqueValue: false,
    hidden: false,
    calculated: false,
    externalOptions: false,
    archived: false,
    hubspotDefined: true,
    displayOrder: -1,
    formField: true,
    dataSensitivity: 'non_sensitive',
    ...property,
    options: options.map((option, displayOrder) => ({ ...option, displayOrder, description: '' })),
    modificationMetadata: { archivable: false, readOnlyDefinition: true, readOnlyValue: readOnly },
  }
}
