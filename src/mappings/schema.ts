import { z } from 'zod'
import { endpoint, Instant } from '../http/endpoint.js'
import { PortalId } from '../portals/portal-store.js'
import { ColumnMappings, FileFormat, findUnknownKeys, findUnmapped, importSettings, ObjectType } from './column-mapping.js'

export const TemplateId = z.string().regex(/^tpl_[0-9a-f]{32}$/)
const Version = z.coerce.number().int().min(1).max(1_000_000)

/** All that an import does with a file, whatever the file: HubSpot's importRequest without names. */
export const Mapping = z.strictObject({
  ...importSettings,
  fileFormat: FileFormat,
  hasHeader: z.boolean().default(true),
  columnMappings: ColumnMappings,
})
export type Mapping = z.output<typeof Mapping>

const TemplateBody = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(100)
    .refine((name) => !/\p{Cc}/u.test(name), 'must not hold control characters'),
  // What is saved already is taken as it is.
  mapping: Mapping.superRefine((mapping, ctx) => {
    for (const issue of findUnknownKeys(Mapping, mapping)) ctx.addIssue({ ...issue })
    const unmapped = findUnmapped(mapping.importOperations, mapping.columnMappings)
    if (unmapped !== undefined)
      ctx.addIssue({ code: 'custom', path: ['importOperations', unmapped], message: 'is an object type that no column maps' })
  }),
})

const MAPPING_EXAMPLE = {
  importOperations: { '0-1': 'UPSERT' },
  columnMappings: [
    { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
    { columnObjectTypeId: '0-1', columnName: 'First name', propertyName: 'firstname' },
  ],
}

const TemplateView = z
  .object({
    id: TemplateId,
    portalId: PortalId,
    name: z.string(),
    version: z.number().describe('Every change makes a new one; uploads use the newest.'),
    isOwn: z.boolean().describe('Yours, or made by the portal’s admin for all partners.'),
    mapping: z.looseObject({}),
    createdAt: Instant,
  })
  .meta({ id: 'Template' })
export type TemplateView = z.input<typeof TemplateView>

const ofPortal = { params: z.object({ portalId: PortalId }), query: z.strictObject({}), missing: 'portal_not_found' } as const
const ofTemplate = {
  params: z.object({ portalId: PortalId, templateId: TemplateId }),
  query: z.strictObject({}),
  missing: 'template_not_found',
} as const

export const createTemplate = endpoint({
  ...ofPortal,
  method: 'post',
  path: '/v1/portals/:portalId/templates',
  summary: 'Save a mapping under a name',
  example: { body: { name: 'Contacts of every night', mapping: MAPPING_EXAMPLE } },
  body: TemplateBody,
  reply: { status: 201, schema: TemplateView },
})

export const listTemplates = endpoint({
  ...ofPortal,
  method: 'get',
  path: createTemplate.path,
  summary: 'The templates you can use in a portal, in their newest versions, by name',
  reply: { status: 200, schema: z.object({ results: z.array(TemplateView) }) },
})

export const findTemplate = endpoint({
  ...ofTemplate,
  method: 'get',
  path: '/v1/portals/:portalId/templates/:templateId',
  summary: 'One template, in its newest version or the one asked for',
  query: z.strictObject({ version: Version.optional() }),
  reply: { status: 200, schema: TemplateView },
})

export const updateTemplate = endpoint({
  ...ofTemplate,
  method: 'put',
  path: findTemplate.path,
  summary: 'Change a template: a new version of it',
  example: { body: { name: 'Contacts of every week', mapping: MAPPING_EXAMPLE } },
  body: TemplateBody,
  reply: { status: 200, schema: TemplateView },
})

export const deleteTemplate = endpoint({
  ...ofTemplate,
  method: 'delete',
  path: findTemplate.path,
  summary: 'Delete a template; imports that used it stay as they are',
  reply: { status: 200, schema: TemplateView },
})

const MAX_HEADERS = 999
const Name = z.string().max(1_000)

export const suggestMappingForHeaders = endpoint({
  ...ofPortal,
  method: 'post',
  path: '/v1/portals/:portalId/mappings/suggest',
  summary: 'What each column of a file probably is: for its headers, or for the file itself',
  upload: 'optional',
  example: { body: { headers: ['E-Mail', 'Vorname', 'Nachname'], samples: [['anna@example.com', 'Anna', 'Muster']] } },
  body: z.strictObject({
    headers: z.array(Name).min(1).max(MAX_HEADERS, 'HubSpot takes fewer than 1,000 columns'),
    samples: z
      .array(z.array(Name).max(MAX_HEADERS))
      .max(100)
      .default([])
      .describe('Some rows, cell by cell: what is in a column says as much as its name.'),
    objectTypeId: ObjectType.optional().describe(
      'What the rows are about, such as 0-1 for contacts; told from the headers when it is left out.',
    ),
  }),
  reply: {
    status: 200,
    schema: z.object({
      objectTypeId: z.string(),
      isObjectTypeConfident: z.boolean().describe('It was asked for, or the headers tell it clearly.'),
      operation: z.string(),
      dateFormat: z.string().nullable(),
      columns: z.array(
        z.object({
          columnName: z.string(),
          propertyName: z.string().nullable(),
          columnType: z.string().nullable(),
          confidence: z.number().describe('0 to 1.'),
          isConfident: z.boolean().describe('Good to be used unseen.'),
          why: z.string(),
          alternatives: z.array(z.string()),
        }),
      ),
      columnMappings: z.array(z.looseObject({})).describe('For an importRequest, or a template.'),
    }),
  },
})
