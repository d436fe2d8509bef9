import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { type Request, type Response, Router } from 'express'
import type { Config } from '../config.js'
import { sendPage } from '../http/page.js'
import { onlyMethods } from '../http/problem.js'
import type { Render } from '../http/views.js'
import { curlOf } from './curl.js'
import { describeApi, type OpenApi } from './describe.js'
import { GROUPS } from './operations.js'
import { REFERENCE } from './words.js'

type Deps = { config: Pick<Config, 'publicUrl'>; render: Render }

/** Programs that work as they stand, in the order in which they are shown. */
export const QUICK_STARTS = [
  { label: 'curl', file: 'curl.sh' },
  { label: 'Node.js', file: 'node.mjs' },
  { label: 'Python', file: 'python.py' },
  { label: 'PHP', file: 'php.php' },
  { label: 'HubSpot SDK', file: 'hubspot-sdk.mjs' },
]
const FILES = fileURLToPath(new URL('../../views/reference', import.meta.url))
const SCALAR = 'scalar-1.76.0.js.gz'
/** What it puts into the page without the nonce that it is given: style sheets and attributes. */
const SCALAR_STYLES = [
  "'unsafe-hashes'",
  "'sha256-LGszelMz0+v6/EfEtNYVFCYH7w05IKqvd9gau6UXRbE='",
  "'sha256-l/2OpPg0d+2VLTLgwjf5mQo2CYwHDEqdj5TjbfEyVJI='",
  "'sha256-T13Uev3xCax2N28XaoAE8DOzQZKvPp7ZQVAi1iRREjo='",
  "'sha256-im4bR8m0i9OTwS6FwAG4MKlk4URQdZkDu1Tx9kDpKNw='",
  "'sha256-v6FGbsebOHJ39qjwyswuNyhVylA7DHti/pqoiIvwbXQ='",
  "'sha256-vFTMgB8G/fRjFfm3p6s61V286u5W2MEKPNMQ08rnweU='",
]

/** /openapi.json, /docs and /llms.txt: the partner API, for programs, people and their assistants. */
export function referenceRoutes({ config, render }: Deps): Router {
  const router = Router()
  const api = describeApi()
  const openApi = JSON.stringify(api)
  const quickStarts = QUICK_STARTS.map(({ label, file }) => ({
    label,
    source: readFileSync(`${FILES}/quick-starts/${file}`, 'utf8').trimEnd(),
  }))
  const plain = { quickStarts, ...readable(api) }
  const llms = asMarkdown(config.publicUrl, plain)
  const unchanging = 'public, max-age=3600'

  router.get('/openapi.json', (_req, res) => void res.set('cache-control', unchanging).type('application/json').send(openApi))
  router.get('/llms.txt', (_req, res) => void res.set('cache-control', unchanging).type('text/plain').send(llms))
  router.get('/docs', (req, res) =>
    sendPage(render, req, res, 'reference/explore', REFERENCE, {}, (nonce) => [`'nonce-${nonce}'`, ...SCALAR_STYLES]),
  )
  router.get('/docs/plain', (req, res) => sendPage(render, req, res, 'reference/plain', REFERENCE, plain))
  const packed = readFileSync(`${FILES}/${SCALAR}`)
  let unpacked: Buffer | undefined // for whoever takes no gzip: few do
  router.get('/docs/scalar.js', (req: Request, res: Response) => {
    res.set('cache-control', unchanging).vary('accept-encoding').type('text/javascript')
    if (req.acceptsEncodings('gzip')) res.set('content-encoding', 'gzip').send(packed)
    else {
      unpacked ??= gunzipSync(packed)
      res.send(unpacked)
    }
  })
  router.all(['/openapi.json', '/llms.txt', '/docs', '/docs/plain', '/docs/scalar.js'], onlyMethods('GET', 'HEAD'))
  return router
}

/** What the plain pages show of every call. */
function readable(api: OpenApi) {
  const json = (value: unknown) => JSON.stringify(value, null, 2)
  const groups = Object.entries(GROUPS).map(([name, { about, operations }]) => ({
    name,
    about,
    operations: Object.entries(operations).map(([id, operation]) => {
      const path = operation.path.replaceAll(/:(\w+)/g, '{$1}')
      const described = api.paths[path]?.[operation.method]
      const { content = {} } = (described?.requestBody ?? {}) as { content?: Record<string, { schema: unknown }> }
      const parameters = (described?.parameters ?? []) as {
        name: string
        in: string
        description?: string
        schema: { description?: string; enum?: string[] }
      }[]
      return {
        id,
        path,
        method: operation.method.toUpperCase(),
        summary: operation.summary,
        curl: curlOf(operation),
        parameters: parameters.map(({ name, in: where, description, schema }) => ({
          name,
          in: where,
          about: description ?? schema.description ?? schema.enum?.join(', ') ?? '',
        })),
        body: Object.keys(content).length > 0 ? json(content) : undefined,
        answers: Object.entries(described?.responses ?? {}).flatMap(([status, answer]) =>
          Object.entries(answer.content ?? {}).map(([type, { schema }]) => ({ status, type, schema: json(schema) })),
        ),
      }
    }),
  }))
  const schemas = Object.entries(api.components.schemas).map(([name, schema]) => ({ name, schema: json(schema) }))
  return { groups, schemas }
}

/** @see https://llmstxt.org */
function asMarkdown(
  publicUrl: string,
  { groups, quickStarts }: ReturnType<typeof readable> & { quickStarts: { label: string; source: string }[] },
): string {
  const calls = groups.flatMap(({ name, about, operations }) => [
    `## ${name}\n\n${about}`,
    ...operations.map(({ method, path, summary, curl }) => `### ${method} ${path}\n\n${summary}.\n\n\`\`\`sh\n${curl}\n\`\`\``),
  ])
  const programs = quickStarts.map(({ label, source }) => `### ${label}\n\n\`\`\`\n${source}\n\`\`\``)
  return `${[
    '# Importal',
    '> Partner systems send CSV and Excel files; Importal brings each into the right HubSpot account, exactly once, and says row by row what is wrong.',
    `- [OpenAPI 3.1](${publicUrl}/openapi.json): every call, with schemas\n- [Reference](${publicUrl}/docs/plain): the same for people\n- [Setup guide](${publicUrl}/guide): for a HubSpot account’s admin\n- Every error’s \`type\` is a page with its cause and fix, such as ${publicUrl}/problems/key_invalid`,
    '## Quick starts',
    ...programs,
    ...calls,
  ].join('\n\n')}\n`
}
