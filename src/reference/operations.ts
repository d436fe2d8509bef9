import type { z } from 'zod'
import type { Endpoint } from '../http/endpoint.js'
import * as imports from '../imports/schema.js'
import * as mappings from '../mappings/schema.js'
import * as partners from '../partners/schema.js'
import * as webhooks from '../webhooks/schema.js'

export type Operation = Endpoint<z.ZodType, z.ZodType, z.ZodType, z.ZodType>

type Group = { about: string; operations: Record<string, Operation> }

const group = (about: string, operations: Record<string, unknown>): Group => ({
  about,
  operations: operations as Record<string, Operation>,
})

/** Every call of the partner API, under the name that clients know it by. */
export const GROUPS: Record<string, Group> = {
  Imports: group('Files in, and what becomes of them.', {
    createImport: imports.createImport,
    listImports: imports.listImports,
    findImport: imports.findImport,
    watchImport: imports.watchImport,
    cancelImport: imports.cancelImport,
    listImportErrors: imports.listImportErrors,
    correctImport: imports.correctImport,
  }),
  Mappings: group('Which column becomes which property: suggested, and saved as templates.', {
    suggestMapping: mappings.suggestMappingForHeaders,
    createTemplate: mappings.createTemplate,
    listTemplates: mappings.listTemplates,
    findTemplate: mappings.findTemplate,
    updateTemplate: mappings.updateTemplate,
    deleteTemplate: mappings.deleteTemplate,
  }),
  Webhooks: group('Be told instead of asking. Messages follow Standard Webhooks 1.0.', {
    createEndpoint: webhooks.createEndpoint,
    listEndpoints: webhooks.listEndpoints,
    findEndpoint: webhooks.findEndpoint,
    changeEndpoint: webhooks.changeEndpoint,
    rotateSecret: webhooks.rotateSecret,
    testEndpoint: webhooks.testEndpoint,
    listDeliveries: webhooks.listDeliveries,
    replayDelivery: webhooks.replayDelivery,
    replaySince: webhooks.replaySince,
    deleteEndpoint: webhooks.deleteEndpoint,
  }),
  Account: group('Who you are, and which portals you may use.', {
    showMe: partners.showMe,
    listPortals: partners.listPortals,
  }),
}

export const OPERATIONS: Record<string, Operation> = Object.assign(
  {},
  ...Object.values(GROUPS).map(({ operations }) => operations),
)
