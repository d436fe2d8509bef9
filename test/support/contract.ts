import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { PROBLEMS } from '../../src/errors.js'
import { describeApi } from '../../src/reference/describe.js'

const api = describeApi()
const ajv = new Ajv2020({ strict: false, allErrors: false })
addFormats.default(ajv)
ajv.addSchema({ ...api, $id: 'api' })

const OPERATIONS = Object.entries(api.paths).map(([path, operations]) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  operations,
}))
const validators = new Map<string, ValidateFunction>()

/** Takes note of every answer of the partner API that is not what the API's description says. */
export function watchContract(server: Server): () => string[] {
  const broken = new Set<string>()
  // Before the app, which may have answered by the time that others are asked.
  server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => {
    const path = ((req.url ?? '').split(/[?#]/)[0] ?? '').replace(/\/$/, '')
    if (!/^\/v1\//.test(path)) return
    const chunks: Buffer[] = []
    const { write, end } = res
    const keep = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string))
    }
    Object.assign(res, {
      write: (...given: unknown[]) => {
        keep(given[0])
        return Reflect.apply(write, res, given)
      },
      end: (...given: unknown[]) => {
        keep(given[0])
        return Reflect.apply(end, res, given)
      },
    })
    res.once('finish', () => {
      const wrong = judge(req, res, path, Buffer.concat(chunks).toString('utf8'))
      if (wrong !== undefined) broken.add(`${req.method} ${path} ${res.statusCode}: ${wrong}`)
    })
  })
  return () => [...broken]
}

function judge(req: IncomingMessage, res: ServerResponse, path: string, text: string): string | undefined {
  const { statusCode: status } = res
  const type = String(res.getHeader('content-type') ?? '').split(';')[0] ?? ''
  if (req.method === 'HEAD') return undefined
  if (status >= 400) {
    if (type !== 'application/problem+json') return `${type} for a problem`
    const problem = JSON.parse(text) as { code: keyof typeof PROBLEMS; status: number }
    if (PROBLEMS[problem.code]?.status !== status || problem.status !== status) return `${problem.code} with ${status}`
    return objection('#/components/schemas/Problem', problem)
  }
  const described = OPERATIONS.find(({ pattern }) => pattern.test(path))
  const operation = described?.operations[(req.method ?? '').toLowerCase()]
  if (!described || !operation) return 'nobody describes this call'
  const answer = operation.responses[String(status)]
  if (!answer) return 'nobody describes this status'
  if (status === 304) return text === '' ? undefined : 'a body with 304'
  if (!answer.content?.[type]) return `nobody describes ${type}`
  if (type !== 'application/json') return undefined
  const pointer = [
    'paths',
    described.path,
    (req.method ?? '').toLowerCase(),
    'responses',
    String(status),
    'content',
    type,
    'schema',
  ]
  return objection(`#/${pointer.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`, JSON.parse(text))
}

function objection(pointer: string, value: unknown): string | undefined {
  const ref = `api${encodeURI(pointer).replaceAll('%7B', '{').replaceAll('%7D', '}')}`
  let validate = validators.get(ref)
  if (!validate) {
    validate = ajv.compile({ $ref: `api${encodeURI(pointer)}` })
    validators.set(ref, validate)
  }
  return validate(value) ? undefined : ajv.errorsText(validate.errors)
}
