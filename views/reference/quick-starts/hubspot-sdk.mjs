// Needs: IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID, and HubSpot's own SDK, unchanged: npm install @hubspot/api-client
import { Client } from '@hubspot/api-client'

const { IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID } = process.env
const hubspot = new Client({ basePath: `${IMPORTAL_URL}/hubspot/${PORTAL_ID}`, accessToken: IMPORTAL_KEY })

const importRequest = {
  name: 'Contacts',
  importOperations: { '0-1': 'UPSERT' },
  files: [
    {
      fileName: 'contacts.csv',
      fileFormat: 'CSV',
      fileImportPage: {
        hasHeader: true,
        columnMappings: [
          { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
          { columnObjectTypeId: '0-1', columnName: 'First name', propertyName: 'firstname' },
        ],
      },
    },
  ],
}
const file = { data: Buffer.from('Email,First name\nanna@example.com,Anna\n'), name: 'contacts.csv' }
const made = await hubspot.crm.imports.coreApi.create(file, JSON.stringify(importRequest))
console.log(made.id, made.state)
