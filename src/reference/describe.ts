import { z } from 'zod'
import { PROBLEMS, type ProblemCode } from '../errors.js'
import { ImportRequest } from '../imports/import-request.js'
import { validateImport } from '../imports/schema.js'
import { WebhookMessage } from '../webhooks/schema.js'
import { curlOf } from './curl.js'
import { GROUPS, type Operation } from './operations.js'

export type Schema = Record<string, unknown>
export type OpenApi = {
  openapi: string
  info: Schema
  paths: Record<string, Record<string, OpenApiOperation>>
  components: { schemas: Record<string, Schema>; [more: string]: unknown }
  [more: string]: unknown
}
export type OpenApiOperation = {
  operationId: string
  summary: string
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>
  [more: string]: unknown
}

/** Only additions: see docs/decisions/0016. */
const API_VERSION = '1.0.0'

const ABOUT = `Send CSV and Excel files; Importal brings each into the right HubSpot account, exactly once, and says row by row what is wrong.

Every call needs a key: \`Authorization: Bearer imp_live_…\`. Keys that begin with \`imp_test_\` are for a simulated HubSpot account, on the very same API.

\`\`\`sh
curl -sS "$IMPORTAL_URL/v1/portals/$PORTAL_ID/imports" \\
  -H "Authorization: Bearer $IMPORTAL_KEY" -F files=@contacts.csv
\`\`\`

Left out, the mapping is guessed from the headers, and said back. Errors are \`application/problem+json\` with a \`code\` that never changes, and a \`type\` that opens a page with cause and fix. Send an \`Idempotency-Key\`, and a repetition of a call that was lost is the same import.

An unmodified HubSpot SDK works as well: set its base path to \`/hubspot/{portalId}\`, and its access token to your key.`

const FieldErrorView = z.object({
  pointer: z.string().optional().describe('A JSON pointer into what was sent, or the name of a parameter.'),
  file: z.string().optional(),
  row: z.number().optional(),
  column: z.string().optional(),
  detail: z.string(),
})

/** @see RFC 9457 */
export const ProblemView = z
  .object({
    type: z.url().describe('A page that explains cause and fix.'),
    title: z.string(),
    status: z.number(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]).describe('Stable: what to decide by.'),
    detail: z.string().optional(),
    errors: z.array(FieldErrorView).optional(),
    requestId: z.string().optional().describe('Tell it to whoever runs this Importal.'),
  })
  .meta({ id: 'Problem' })

/** The whole partner API as OpenAPI 3.1, printed from the descriptions that the server itself works by. */
export function describeApi(): OpenApi {
  const schemas: Record<string, Schema> = {}
  const print = (schema: z.ZodType, io: 'input' | 'output') => toSchema(schema, io, schemas)
  const problem = { 'application/problem+json': { schema: print(ProblemView, 'output') } }

  const paths: OpenApi['paths'] = {}
  for (const [tag, { operations }] of Object.entries(GROUPS))
    for (const [operationId, operation] of Object.entries(operations)) {
      const path = pathOf(operation)
      paths[path] ??= {}
      paths[path][operation.method] = describeOperation(operationId, operation, tag, print)
    }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Importal partner API',
      version: API_VERSION,
      description: ABOUT,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This Importal' }],
    security: [{ key: [] }],
    tags: Object.entries(GROUPS).map(([name, { about }]) => ({ name, description: about })),
    paths,
    webhooks: {
      message: {
        post: {
          operationId: 'takeMessage',
          summary: 'What we send to an endpoint',
          description:
            'Signed as Standard Webhooks 1.0 has it: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Answer 2xx within 15 seconds; 410 switches the endpoint off. Messages come at least once, in no order: the API is the truth.',
          tags: ['Webhooks'],
          security: [],
          requestBody: { required: true, content: { 'application/json': { schema: print(WebhookMessage, 'output') } } },
          responses: { '2XX': { description: 'Taken.' }, '410': { description: 'Send nothing here any more.' } },
        },
      },
    },
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A partner key: `imp_live_…` or `imp_test_…`.' } },
      responses: {
        Refused: { description: 'It cannot be done as it was asked; `code` says why.', content: problem },
        Failed: { description: 'Something is wrong on our side, or HubSpot’s; it may be tried again.', content: problem },
      },
      schemas,
    },
  }
}

type Print = (schema: z.ZodType, io: 'input' | 'output') => Schema

function describeOperation(operationId: string, operation: Operation, tag: string, print: Print): OpenApiOperation {
  const { summary, description, params, query, headers = {}, also = {}, reply, method } = operation
  const content: Record<string, { schema: Schema }> = {}
  const json = reply.schema.def.type === 'undefined' ? undefined : print(reply.schema, 'output')
  if (json) content['application/json'] = { schema: json }
  for (const [type, about] of Object.entries(also)) content[type] = { schema: { type: 'string', description: about } }
  return {
    operationId,
    tags: [tag],
    summary,
    ...(operation.deprecated ? { deprecated: true } : {}),
    ...(description === undefined ? {} : { description }),
    parameters: [
      ...fieldsOf(print(params, 'input')).map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
      ...fieldsOf(print(query, 'input')).map(([name, schema, isRequired]) => ({
        name,
        in: 'query',
        required: isRequired,
        schema,
      })),
      ...Object.entries(headers).map(([name, about]) => ({ name, in: 'header', description: about, schema: { type: 'string' } })),
    ],
    ...bodyOf(operation, print),
    responses: {
      [reply.status]: { description: 'Done.', content },
      ...(operationId === 'createImport'
        ? {
            200: {
              description: 'With `validateOnly=true`.',
              content: { 'application/json': { schema: print(validateImport.reply.schema, 'output') } },
            },
          }
        : {}),
      ...(method === 'get' && json ? { 304: { description: 'It is as `If-None-Match` says.' } } : {}),
      '4XX': { $ref: '#/components/responses/Refused' } as never,
      '5XX': { $ref: '#/components/responses/Failed' } as never,
    },
    'x-codeSamples': [{ lang: 'Shell', label: 'curl', source: curlOf(operation) }],
  }
}

function bodyOf({ body, upload, example }: Operation, print: Print) {
  const content: Record<string, unknown> = {}
  if (upload)
    content['multipart/form-data'] = {
      schema: {
        type: 'object',
        properties: {
          importRequest: {
            ...print(ImportRequest, 'input'),
            description: 'HubSpot’s importRequest; left out, the mapping is that of a template, or guessed.',
          },
          files: {
            type: 'array',
            items: { type: 'string', contentMediaType: 'application/octet-stream' },
            minItems: 1,
            maxItems: 5,
          },
        },
        required: ['files'],
      },
      encoding: { importRequest: { contentType: 'application/json' } },
    }
  if (body)
    content['application/json'] = {
      schema: print(body, 'input'),
      ...(example?.body === undefined ? {} : { example: example.body }),
    }
  return Object.keys(content).length === 0 ? {} : { requestBody: { required: true, content } }
}

function pathOf({ path }: Operation): string {
  return path.replaceAll(/:(\w+)/g, '{$1}')
}

function fieldsOf(schema: Schema): [name: string, schema: Schema, isRequired: boolean][] {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, Schema>; required?: string[] }
  return Object.entries(properties).map(([name, field]) => [name, field, required.includes(name)])
}

/** A schema, with those that have a name put into `named`. Answers may have more fields one day: nothing forbids them. */
function toSchema(schema: z.ZodType, io: 'input' | 'output', named: Record<string, Schema>): Schema {
  const {
    $schema: _,
    $defs = {},
    ...printed
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
      // A pattern of a date is three lines that say less than its format does.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      delete jsonSchema.id
    },
  }) as Schema & { $defs?: Record<string, Schema> }
  const point = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (key, text: unknown) =>
      key === '$ref' && typeof text === 'string' ? text.replace('#/$defs/', '#/components/schemas/') : text,
    )
  for (const [name, definition] of Object.entries($defs)) named[name] = point(definition) as Schema
  return point(printed) as Schema
}
