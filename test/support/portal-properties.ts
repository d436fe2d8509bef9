import type { Property } from '../../src/hubspot/answers.js'

type More = Partial<Property>

/** A property as HubSpot answers it; a line of text unless `more` says otherwise. */
export function property(name: string, label: string, more: More = {}): Property {
  return {
    name,
    label,
    type: 'string',
    fieldType: 'text',
    hasUniqueValue: false,
    archived: false,
    calculated: false,
    readOnly: false,
    isOwner: false,
    options: [],
    ...more,
  }
}

const number = (name: string, label: string, more: More = {}) =>
  property(name, label, { type: 'number', fieldType: 'number', ...more })
const date = (name: string, label: string, more: More = {}) => property(name, label, { type: 'date', fieldType: 'date', ...more })
const time = (name: string, label: string, more: More = {}) =>
  property(name, label, { type: 'datetime', fieldType: 'date', ...more })
const phone = (name: string, label: string) => property(name, label, { type: 'phone_number', fieldType: 'phonenumber' })
const yesNo = (name: string, label: string, more: More = {}) =>
  property(name, label, { type: 'bool', fieldType: 'booleancheckbox', ...more })

/** Options are told as `value:Label`, or as a label that is the value too. */
function choice(name: string, label: string, ...options: string[]): Property {
  const toOption = (option: string) => {
    const [value = '', given] = option.split(':')
    return { value, label: given ?? value }
  }
  return property(name, label, { type: 'enumeration', fieldType: 'select', options: options.map(toOption) })
}

const READ_ONLY: More = { readOnly: true }
const CALCULATED: More = { readOnly: true, calculated: true }
const LIFECYCLE = [
  'subscriber:Subscriber',
  'lead:Lead',
  'marketingqualifiedlead:Marketing Qualified Lead',
  'salesqualifiedlead:Sales Qualified Lead',
  'opportunity:Opportunity',
  'customer:Customer',
  'evangelist:Evangelist',
  'other:Other',
]
const LEAD_STATUS = [
  'NEW:New',
  'OPEN:Open',
  'IN_PROGRESS:In Progress',
  'OPEN_DEAL:Open Deal',
  'UNQUALIFIED:Unqualified',
  'ATTEMPTED_TO_CONTACT:Attempted to Contact',
  'CONNECTED:Connected',
  'BAD_TIMING:Bad Timing',
]
const INDUSTRIES = [
  'AUTOMOTIVE:Automotive',
  'BANKING:Banking',
  'COMPUTER_SOFTWARE:Computer Software',
  'CONSTRUCTION:Construction',
  'FINANCIAL_SERVICES:Financial Services',
  'HOSPITAL_HEALTH_CARE:Hospital & Health Care',
  'INFORMATION_TECHNOLOGY_AND_SERVICES:Information Technology and Services',
  'MACHINERY:Machinery',
  'RETAIL:Retail',
  'TELECOMMUNICATIONS:Telecommunications',
]

/** What every object has and no import can write. */
const OWN = [
  number('hs_object_id', 'Record ID', { ...READ_ONLY, hasUniqueValue: true }),
  time('createdate', 'Create Date', READ_ONLY),
  time('hs_lastmodifieddate', 'Last Modified Date', READ_ONLY),
  time('notes_last_updated', 'Last Activity Date', READ_ONLY),
  time('notes_last_contacted', 'Last Contacted', READ_ONLY),
  number('num_notes', 'Number of Sales Activities', CALCULATED),
  property('hs_created_by_user_id', 'Created by user ID', READ_ONLY),
]

/** The properties of a portal as HubSpot makes it, by object type id, with many of those that nobody imports into. */
export const PORTAL_PROPERTIES: Record<string, Property[]> = {
  '0-1': [
    property('email', 'Email'),
    property('firstname', 'First Name'),
    property('lastname', 'Last Name'),
    property('salutation', 'Salutation'),
    property('jobtitle', 'Job Title'),
    property('company', 'Company Name'),
    property('website', 'Website URL'),
    phone('phone', 'Phone Number'),
    phone('mobilephone', 'Mobile Phone Number'),
    property('fax', 'Fax Number'),
    property('address', 'Street Address'),
    property('city', 'City'),
    property('state', 'State/Region'),
    property('zip', 'Postal Code'),
    property('country', 'Country/Region'),
    property('industry', 'Industry'),
    property('annualrevenue', 'Annual Revenue'),
    choice('numemployees', 'Number of Employees', '1-5', '5-25', '25-50', '50-100', '100-500', '500-1000', '1000+'),
    property('date_of_birth', 'Date of birth'),
    property('gender', 'Gender'),
    property('marital_status', 'Marital Status'),
    property('degree', 'Degree'),
    property('school', 'School'),
    property('seniority', 'Seniority'),
    property('job_function', 'Job function'),
    property('message', 'Message', { fieldType: 'textarea' }),
    property('work_email', 'Work email'),
    property('hs_linkedin_url', 'LinkedIn URL'),
    property('twitterhandle', 'Twitter Username'),
    phone('hs_whatsapp_phone_number', 'WhatsApp Phone Number'),
    property('company_size', 'Company size'),
    property('start_date', 'Start Date'),
    date('closedate', 'Close Date'),
    choice('hs_language', 'Preferred language', 'de:German', 'en:English', 'fr:French', 'es:Spanish', 'it:Italian'),
    choice('lifecyclestage', 'Lifecycle Stage', ...LIFECYCLE),
    choice('hs_lead_status', 'Lead Status', ...LEAD_STATUS),
    choice('hs_persona', 'Persona'),
    choice('hubspot_owner_id', 'Contact owner'),
    yesNo('hs_email_optout', 'Unsubscribed from all email'),
    property('associatedcompanyid', 'Primary Associated Company ID'),
    property('hs_email_domain', 'Email Domain', CALCULATED),
    property('hs_additional_emails', 'Additional email addresses', READ_ONLY),
    property('hs_calculated_phone_number', 'Calculated Phone Number in International Format', CALCULATED),
    property('hs_full_name_or_email', 'Full name or email', CALCULATED),
    property('hs_marketable_status', 'Marketing contact status', READ_ONLY),
    property('hs_analytics_source', 'Original Traffic Source', READ_ONLY),
    property('ip_city', 'IP City', READ_ONLY),
    property('ip_country', 'IP Country', READ_ONLY),
    time('first_conversion_date', 'First Conversion Date', CALCULATED),
    number('recent_deal_amount', 'Recent Deal Amount', CALCULATED),
    number('num_associated_deals', 'Number of Associated Deals', CALCULATED),
    property('old_region', 'Region', { archived: true }),
    ...OWN,
  ],
  '0-2': [
    property('name', 'Company name'),
    property('domain', 'Company Domain Name'),
    property('website', 'Website URL'),
    phone('phone', 'Phone Number'),
    property('address', 'Street Address'),
    property('address2', 'Street Address 2'),
    property('city', 'City'),
    property('state', 'State/Region'),
    property('zip', 'Postal Code'),
    property('country', 'Country/Region'),
    choice('industry', 'Industry', ...INDUSTRIES),
    number('numberofemployees', 'Number of Employees'),
    number('annualrevenue', 'Annual Revenue'),
    property('description', 'Description', { fieldType: 'textarea' }),
    property('about_us', 'About Us', { fieldType: 'textarea' }),
    choice('type', 'Type', 'PROSPECT:Prospect', 'PARTNER:Partner', 'RESELLER:Reseller', 'VENDOR:Vendor', 'OTHER:Other'),
    property('founded_year', 'Year Founded'),
    yesNo('is_public', 'Is Public'),
    property('timezone', 'Time Zone'),
    property('linkedin_company_page', 'LinkedIn Company Page'),
    property('twitterhandle', 'Twitter Handle'),
    property('facebook_company_page', 'Facebook Company Page'),
    property('total_money_raised', 'Total Money Raised'),
    property('web_technologies', 'Web Technologies'),
    choice('lifecyclestage', 'Lifecycle Stage', ...LIFECYCLE),
    choice('hs_lead_status', 'Lead Status', ...LEAD_STATUS),
    choice('hubspot_owner_id', 'Company owner'),
    date('closedate', 'Close Date'),
    number('hs_num_child_companies', 'Number of child companies', CALCULATED),
    number('num_associated_contacts', 'Number of Associated Contacts', CALCULATED),
    ...OWN,
  ],
  '0-3': [
    property('dealname', 'Deal Name'),
    number('amount', 'Amount'),
    time('closedate', 'Close Date'),
    choice('pipeline', 'Pipeline', 'default:Sales Pipeline'),
    choice(
      'dealstage',
      'Deal Stage',
      'appointmentscheduled:Appointment Scheduled',
      'qualifiedtobuy:Qualified To Buy',
      'presentationscheduled:Presentation Scheduled',
      'decisionmakerboughtin:Decision Maker Bought-In',
      'contractsent:Contract Sent',
      'closedwon:Closed Won',
      'closedlost:Closed Lost',
    ),
    choice('dealtype', 'Deal Type', 'newbusiness:New Business', 'existingbusiness:Existing Business'),
    property('description', 'Deal Description', { fieldType: 'textarea' }),
    choice('hs_priority', 'Priority', 'low:Low', 'medium:Medium', 'high:High'),
    property('hs_next_step', 'Next step'),
    choice('deal_currency_code', 'Currency', 'EUR', 'USD', 'CHF', 'GBP'),
    property('closed_lost_reason', 'Closed Lost Reason', { fieldType: 'textarea' }),
    property('closed_won_reason', 'Closed Won Reason', { fieldType: 'textarea' }),
    number('hs_forecast_probability', 'Forecast probability'),
    choice('hubspot_owner_id', 'Deal owner'),
    number('hs_deal_stage_probability', 'Deal probability', READ_ONLY),
    number('hs_projected_amount', 'Weighted amount', CALCULATED),
    number('amount_in_home_currency', 'Amount in company currency', CALCULATED),
    ...OWN,
  ],
  '0-5': [
    property('subject', 'Ticket name'),
    property('content', 'Ticket description', { fieldType: 'textarea' }),
    choice('hs_pipeline', 'Pipeline', '0:Support Pipeline'),
    choice('hs_pipeline_stage', 'Ticket status', '1:New', '2:Waiting on contact', '3:Waiting on us', '4:Closed'),
    choice('hs_ticket_priority', 'Priority', 'LOW:Low', 'MEDIUM:Medium', 'HIGH:High', 'URGENT:Urgent'),
    choice(
      'hs_ticket_category',
      'Category',
      'PRODUCT_ISSUE:Product Issue',
      'BILLING_ISSUE:Billing Issue',
      'FEATURE_REQUEST:Feature Request',
      'GENERAL_INQUIRY:General Inquiry',
    ),
    choice('source_type', 'Source', 'CHAT:Chat', 'EMAIL:Email', 'FORM:Form', 'PHONE:Phone'),
    property('hs_resolution', 'Resolution', { fieldType: 'textarea' }),
    choice('hubspot_owner_id', 'Ticket owner'),
    time('closed_date', 'Close date'),
    number('time_to_close', 'Time to close', CALCULATED),
    ...OWN,
  ],
}
