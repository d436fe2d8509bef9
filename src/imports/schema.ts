import { z } from 'zod'
import { endpoint, Instant } from '../http/endpoint.js'
import { PortalId } from '../portals/portal-store.js'

export const IMPORT_STATES = [
  'accepted',
  'submitting',
  'submitted',
  'processing',
  'done',
  'failed',
  'canceled',
  'held',
  'ambiguous',
  'needs_review',
] as const
export const ImportState = z.enum(IMPORT_STATES)
export type ImportState = z.infer<typeof ImportState>

export const HeldReason = z.enum(['reconnect', 'scope', 'quota', 'migration', 'busy'])
export type HeldReason = z.infer<typeof HeldReason>

export const ImportId = z.string().regex(/^imp_[0-9a-f]{32}$/)

const Counters = z.record(z.string(), z.number())

const Findings = z.object({ errors: z.number(), warnings: z.number() })

const FileView = z.object({
  name: z.string(),
  format: z.string(),
  bytes: z.number().describe('As they were sent.'),
  sha256: z.string(),
  rows: z.number().nullable().describe('Data rows, once known.'),
})

/** What a partner sees of an import. */
export const ImportView = z
  .object({
    id: ImportId,
    portalId: PortalId,
    partnerId: z.string().nullable(),
    name: z.string(),
    state: ImportState,
    reason: HeldReason.nullable().describe('Why it waits, when it is held.'),
    problem: z
      .object({ code: z.string(), detail: z.string(), correlationId: z.string().nullable() })
      .nullable()
      .describe('Why it failed or needs a person.'),
    files: z.array(FileView),
    findings: Findings,
    parts: z.array(z.object({ hubspotImportId: z.string().nullable(), state: z.string().nullable(), counters: Counters })),
    counters: Counters,
    queue: z
      .object({ position: z.number(), estimatedStartAt: Instant })
      .nullable()
      .describe(
        'Where it stands in the portal’s queue, from 1, and when it will probably start; null when it does not wait for its turn.',
      ),
    possibleDuplicateOf: ImportId.nullable().describe(
      'An earlier import of yours into this portal, of the same bytes, within seven days: was it meant?',
    ),
    correctionOf: ImportId.nullable().describe('The import whose failed rows these are, corrected.'),
    createdAt: Instant,
    updatedAt: Instant,
    links: z.object({ self: z.string(), errors: z.string() }),
  })
  .meta({ id: 'Import' })
export type ImportView = z.input<typeof ImportView>

const Paging = z.object({ next: z.object({ after: z.string() }) }).optional()
const Limit = z.coerce.number().int().min(1).max(100).default(25)

/** A finding of ours or what HubSpot reported about a row. */
export const RowErrorView = z
  .object({
    origin: z.enum(['finding', 'hubspot']),
    severity: z.enum(['error', 'warning']),
    code: z.string(),
    message: z.string(),
    fix: z.string().nullable().describe('What to do about it.'),
    file: z.string().nullable(),
    line: z.number().nullable().describe('The row as a spreadsheet counts it: the header is 1. 0: the whole file.'),
    column: z.number().nullable().describe('1-based column.'),
    columnName: z.string().nullable(),
    value: z.string().nullable(),
  })
  .meta({ id: 'RowError' })
export type RowErrorView = z.input<typeof RowErrorView>

const Flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((flag) => flag === 'true')

/** `Prefer: wait=N`: so many seconds, a minute at most. @see RFC 7240 */
export const Wait = z
  .string()
  .transform((prefer) => Number(/(?:^|[,;\s])wait="?(\d{1,5})"?/i.exec(prefer)?.[1] ?? 0))
  .transform((seconds) => Math.min(seconds, MAX_WAIT_SECONDS))
  .catch(0)
const MAX_WAIT_SECONDS = 60

const UploadOptions = z.strictObject({
  normalize: z
    .enum(['auto', 'never'])
    .default('auto')
    .describe('`never`: a file that HubSpot could not take as it is, is refused.'),
  strict: Flag.describe('A wrong cell refuses the file.'),
  /** Instead of an importRequest: a template's id, with `@2` for that version of it. */
  template: z
    .string()
    .regex(/^tpl_[0-9a-f]{32}(@[1-9]\d{0,5})?$/, 'must be the id of a template, such as tpl_…, or of a version of it: tpl_…@2')
    .transform((given) => {
      const [id = '', version] = given.split('@')
      return { id, version: version === undefined ? undefined : Number(version) }
    })
    .optional(),
  sheet: z.string().min(1).max(255).optional().describe('The worksheet that is wanted, of a workbook that has several.'),
  validateOnly: Flag.describe('Only to be told what is wrong: nothing is kept, nothing sent.'),
})

export const createImport = endpoint({
  method: 'post',
  path: '/v1/portals/:portalId/imports',
  summary: 'Upload a file and start a HubSpot import with it',
  params: z.object({ portalId: PortalId }),
  query: UploadOptions,
  missing: 'portal_not_found',
  upload: 'required',
  headers: {
    'Idempotency-Key': 'Up to 255 characters of yours; the same call with the same key within 7 days is the same import.',
    Prefer: '`wait=N`: answer when HubSpot has taken or refused the import, or after N seconds; a minute at most.',
  },
  reply: { status: 202, schema: ImportView },
})

/** The same upload with `validateOnly=true`. */
export const validateImport = endpoint({
  method: 'post',
  path: createImport.path,
  summary: 'Upload a file to be told what is wrong with it; nothing is kept, nothing sent',
  params: createImport.params,
  query: UploadOptions,
  missing: 'portal_not_found',
  reply: {
    status: 200,
    schema: z.object({
      isAcceptable: z.boolean(),
      problem: z.looseObject({ code: z.string() }).nullable().describe('Why it would be refused.'),
      files: z.array(FileView),
      findings: Findings,
      codes: Counters.describe('How often each code was found.'),
      results: z.array(RowErrorView).describe('At most 1,000 of each code.'),
      importRequest: z.looseObject({}).nullable().describe('What HubSpot would be asked for.'),
    }),
  },
})

export const correctImport = endpoint({
  method: 'post',
  path: '/v1/portals/:portalId/imports/:importId/corrections',
  summary: 'Send the rows that failed again, corrected: an import of its own, made like the first',
  params: z.object({ portalId: PortalId, importId: ImportId }),
  query: UploadOptions.omit({ template: true, validateOnly: true }),
  missing: 'import_not_found',
  upload: 'required',
  headers: { 'Idempotency-Key': 'As for any upload.', Prefer: '`wait=N`, as for any upload.' },
  reply: { status: 202, schema: ImportView },
})

export const listImports = endpoint({
  method: 'get',
  path: '/v1/portals/:portalId/imports',
  summary: 'Your imports into a portal, newest first',
  params: z.object({ portalId: PortalId }),
  query: z.strictObject({ state: ImportState.optional(), limit: Limit, after: ImportId.optional() }),
  missing: 'portal_not_found',
  reply: { status: 200, schema: z.object({ results: z.array(ImportView), paging: Paging }) },
})

export const findImport = endpoint({
  method: 'get',
  path: '/v1/portals/:portalId/imports/:importId',
  summary: 'One import',
  params: z.object({ portalId: PortalId, importId: ImportId }),
  query: z.strictObject({}),
  missing: 'import_not_found',
  reply: { status: 200, schema: ImportView },
})

export const watchImport = endpoint({
  method: 'get',
  path: '/v1/portals/:portalId/imports/:importId/events',
  summary: 'What happens to an import, as server-sent events; after `Last-Event-ID`, what came since',
  params: z.object({ portalId: PortalId, importId: ImportId }),
  query: z.strictObject({}),
  missing: 'import_not_found',
  headers: { 'Last-Event-ID': 'Only what came after this event.' },
  also: { 'text/event-stream': 'One event for each step: `id`, `event`, and `data` in JSON.' },
  reply: { status: 200, schema: z.undefined() },
})

export const cancelImport = endpoint({
  method: 'post',
  path: '/v1/portals/:portalId/imports/:importId/cancel',
  summary: 'Stop an import, here or at HubSpot; what HubSpot has written stays',
  params: z.object({ portalId: PortalId, importId: ImportId }),
  query: z.strictObject({}),
  missing: 'import_not_found',
  reply: { status: 200, schema: ImportView },
})

export const listImportErrors = endpoint({
  method: 'get',
  path: '/v1/portals/:portalId/imports/:importId/errors',
  summary: 'What we found in the file, and what HubSpot reported about its rows',
  params: z.object({ portalId: PortalId, importId: ImportId }),
  query: z.strictObject({
    limit: Limit,
    format: z
      .enum(['json', 'csv'])
      .default('json')
      .describe('`csv`: the rows that failed, as they were sent, to be corrected and sent back.'),
    origin: z.enum(['finding', 'hubspot']).optional().describe('Only what we found, or only what HubSpot reported.'),
    after: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  missing: 'import_not_found',
  also: { 'text/csv': 'With `format=csv`: the rows that failed, with their columns, and what is wrong with each.' },
  reply: {
    status: 200,
    schema: z
      .object({ results: z.array(RowErrorView), codes: Counters, paging: Paging })
      .describe('`codes`: how often we found each; at most 1,000 of each are among the results.'),
  },
})
