import { inBoth } from './language.js'

/** What HubSpot calls its object types, in the plural; custom ones have names of their own. */
export const OBJECTS = inBoth<Record<string, string>>({
  en: { '0-1': 'Contacts', '0-2': 'Companies', '0-3': 'Deals', '0-5': 'Tickets' },
  de: { '0-1': 'Kontakte', '0-2': 'Unternehmen', '0-3': 'Deals', '0-5': 'Tickets' },
})
