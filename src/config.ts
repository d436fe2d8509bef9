import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod'
import { type Secret, secret } from './secret.js'

/** An encryption key of ours: 32 bytes under the name that seals carry. */
export type EncryptionKey = { id: string; key: Secret<Buffer> }

/** Everything the environment may say. The first encryption key is the current one. */
export type Config = Readonly<{
  port: number
  publicUrl: string
  databaseUrl: Secret | undefined
  dataDir: string
  filesUrl: string
  hubspot: Readonly<{
    clientId: string
    clientSecret: Secret
    scopes: readonly string[]
    optionalScopes: readonly string[]
    /** Of the app itself, to read HubSpot's journal; empty: it is not read. */
    journalScopes: readonly string[]
    apiUrl: string
    appUrl: string
    apiVersion: string
  }>
  encryptionKeys: readonly EncryptionKey[]
  sessionSecret: Secret
  /** Who runs this Importal, as the public pages name them. */
  operator: Readonly<{ name: string | undefined; email: string | undefined; address: string | undefined }>
  role: 'all' | 'web' | 'worker'
  maxUploadBytes: number
  reservedDiskPercent: number
  ambiguousWindowSeconds: number
  /** With one key, in one process. */
  requestsPerMinute: number
  /** Uploaded with one key. */
  bytesPerDay: number
  trustProxy: number
  /** The HubSpot of test keys; undefined: every process has its own. */
  simulatorUrl: string | undefined
  /** Webhooks may go to addresses of a network of one's own, and without TLS. */
  webhooksAnywhere: boolean
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
}>

/** One variable that stops the start; what it holds is never said. */
export type ConfigProblem = { variable: string; problem: string; example: string }

type Variable = { schema: z.ZodType; example: string; secret?: true }

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be between ${min} and ${max}`)

const origin = z
  .string()
  .refine(isOrigin, 'must be http:// or https:// and a host, without a path')
  .transform((text) => new URL(text).origin)

/** A line that is shown to people. */
const line = z.string().regex(/^[^\p{Cc}]{1,300}$/u, 'must be one line of up to 300 characters')

const scopes = z.string().transform((text) => text.split(/\s+/).filter((scope) => scope !== ''))

const encryptionKeys = z.string().transform((text, ctx) => {
  const keys = text.split(',').map((entry) => {
    const [, id = '', encoded = ''] = /^\s*([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(entry) ?? []
    return { id, key: Buffer.from(encoded, 'base64') }
  })
  if (keys.some(({ id, key }) => id === '' || key.length !== 32)) {
    ctx.addIssue({ code: 'custom', message: 'must be id:base64 of exactly 32 bytes; several are separated by commas' })
    return z.NEVER
  }
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    ctx.addIssue({ code: 'custom', message: 'must not name a key id twice' })
    return z.NEVER
  }
  return keys.map(({ id, key }): EncryptionKey => ({ id, key: secret(key) }))
})

/** Every variable, in the order of the README. What has no default and is not optional must be set. */
export const VARIABLES = {
  PORT: { schema: wholeNumber(1, 65535).default(3000), example: '3000' },
  PUBLIC_URL: { schema: origin.optional(), example: 'https://importal.example.com' },
  DATABASE_URL: {
    schema: z
      .string()
      .regex(/^postgres(ql)?:\/\/[^\s]+$/, 'must begin with postgresql://')
      .optional(),
    example: 'postgresql://importal:PASSWORD@localhost:5432/importal',
    secret: true,
  },
  DATA_DIR: { schema: z.string().default('./.data'), example: './.data' },
  FILES_URL: {
    schema: z
      .string()
      .refine(isFolderUrl, 'must be file:/// and the path of a folder (an S3 store is not supported by this version)')
      .optional(),
    example: 'file:///var/lib/importal/files',
  },
  HUBSPOT_CLIENT_ID: { schema: z.string(), example: '8f3c0d5e-1234-4a5b-9c6d-0123456789ab' },
  HUBSPOT_CLIENT_SECRET: { schema: z.string(), example: 'the client secret of your HubSpot app', secret: true },
  HUBSPOT_SCOPES: {
    schema: scopes
      .refine((list) => list.includes('oauth') && list.includes('crm.import'), 'must hold oauth and crm.import')
      .default([
        'oauth',
        'crm.import',
        'crm.schemas.contacts.read',
        'crm.schemas.companies.read',
        'crm.schemas.deals.read',
        'tickets',
      ]),
    example: 'oauth crm.import crm.schemas.contacts.read crm.schemas.companies.read crm.schemas.deals.read tickets',
  },
  HUBSPOT_OPTIONAL_SCOPES: {
    schema: scopes.default(['crm.schemas.custom.read', 'crm.objects.owners.read']),
    example: 'crm.schemas.custom.read crm.objects.owners.read',
  },
  HUBSPOT_JOURNAL_SCOPES: {
    schema: scopes.default([]),
    example:
      'developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read developer.webhooks_journal.subscriptions.write',
  },
  HUBSPOT_API_URL: { schema: origin.default('https://api.hubapi.com'), example: 'https://api.hubapi.com' },
  HUBSPOT_APP_URL: { schema: origin.default('https://app.hubspot.com'), example: 'https://app.hubspot.com' },
  HUBSPOT_API_VERSION: {
    schema: z
      .string()
      .regex(/^\d{4}-\d{2}$/, 'must be a date version such as 2026-03')
      .default('2026-03'),
    example: '2026-03',
  },
  ENCRYPTION_KEYS: { schema: encryptionKeys, example: 'k1:BASE64_OF_32_RANDOM_BYTES', secret: true },
  SESSION_SECRET: {
    schema: z.string().min(32, 'must have at least 32 characters'),
    example: '32 or more random characters',
    secret: true,
  },
  ROLE: { schema: z.enum(['all', 'web', 'worker'], 'must be all, web or worker').default('all'), example: 'all' },
  MAX_UPLOAD_BYTES: { schema: wholeNumber(1024, 2 ** 40).default(536_870_912), example: '536870912' },
  REQUESTS_PER_MINUTE: { schema: wholeNumber(1, 10_000_000).default(6_000), example: '6000' },
  BYTES_PER_DAY: { schema: wholeNumber(1_024, 2 ** 50 - 1).default(107_374_182_400), example: '107374182400' },
  RESERVED_DISK_PERCENT: { schema: wholeNumber(0, 100).default(5), example: '5' },
  AMBIGUOUS_WINDOW_SECONDS: { schema: wholeNumber(0, 7 * 86_400).default(900), example: '900' },
  TRUST_PROXY: { schema: wholeNumber(0, 10).default(0), example: '0' },
  SIMULATOR_URL: { schema: origin.optional(), example: 'http://127.0.0.1:4000' },
  WEBHOOKS_ANYWHERE: {
    schema: z.enum(['true', 'false'], 'must be true or false').default('false'),
    example: 'false',
  },
  OPERATOR_NAME: { schema: line.optional(), example: 'Example GmbH' },
  OPERATOR_EMAIL: { schema: z.email('must be an e-mail address').optional(), example: 'support@example.com' },
  OPERATOR_ADDRESS: { schema: line.optional(), example: 'Example Street 1, 10115 Berlin, Germany' },
  LOG_LEVEL: { schema: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'), example: 'info' },
} satisfies Record<string, Variable>

const Environment = z.object(
  Object.fromEntries(Object.entries(VARIABLES).map(([name, { schema }]) => [name, schema])) as {
    [Name in keyof typeof VARIABLES]: (typeof VARIABLES)[Name]['schema']
  },
)

/** The process's environment, with `.env` filling in what it leaves unset. */
export function readEnvironment(): NodeJS.ProcessEnv {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return process.env
}

/**
 * Turns an environment into a Config, or into all of its problems at once. A value never appears in a problem.
 * A secret may be in the file that `NAME_FILE` names; an empty variable counts as unset.
 */
export function parseConfig(env: NodeJS.ProcessEnv): { config: Config } | { problems: ConfigProblem[] } {
  const { values, problems } = readValues(env)
  const parsed = Environment.safeParse(values)
  for (const wrong of toProblems(parsed.error, values))
    if (!problems.some(({ variable }) => variable.startsWith(wrong.variable))) problems.push(wrong)
  if (parsed.data === undefined || problems.length > 0) return { problems }
  return { config: toConfig(parsed.data) }
}

/** The scopes alone: all that a developer project needs to know, and there is no client id before there is a project. */
export function parseScopes(
  env: NodeJS.ProcessEnv,
): Pick<Config['hubspot'], 'scopes' | 'optionalScopes'> | { problems: ConfigProblem[] } {
  const { values } = readValues(env)
  const { data, error } = Environment.pick({ HUBSPOT_SCOPES: true, HUBSPOT_OPTIONAL_SCOPES: true }).safeParse(values)
  if (!data) return { problems: toProblems(error, values) }
  return { scopes: data.HUBSPOT_SCOPES, optionalScopes: data.HUBSPOT_OPTIONAL_SCOPES }
}

/** What stops a start, as one screen for the operator. */
export function describeProblems(problems: ConfigProblem[]): string {
  const lines = problems.map(({ variable, problem, example }) => `  ${variable} ${problem}\n      for example: ${example}`)
  return `Importal cannot start: ${problems.length} variable${problems.length === 1 ? '' : 's'} to put right.\n\n${lines.join('\n')}\n\nEvery variable is described in README.md and .env.example.\n`
}

function toProblems(error: z.ZodError | undefined, values: Record<string, string>): ConfigProblem[] {
  return (error?.issues ?? []).map(({ path, message }) => {
    const variable = String(path[0]) as keyof typeof VARIABLES
    const problem = variable in values ? message : 'is missing'
    return { variable, problem, example: `${variable}=${VARIABLES[variable].example}` }
  })
}

function readValues(env: NodeJS.ProcessEnv): { values: Record<string, string>; problems: ConfigProblem[] } {
  const values: Record<string, string> = {}
  const problems: ConfigProblem[] = []
  for (const [name, variable] of Object.entries<Variable>(VARIABLES)) {
    const value = env[name]?.trim()
    const file = variable.secret ? env[`${name}_FILE`]?.trim() : undefined
    const wrong = (problem: string) =>
      problems.push({ variable: `${name}_FILE`, problem, example: `${name}_FILE=/run/secrets/${name.toLowerCase()}` })
    if (value) values[name] = value
    if (!file) continue
    if (value) wrong(`is set beside ${name}: keep one of the two`)
    try {
      const content = readFileSync(file, 'utf8').trim()
      if (content === '') wrong('names an empty file')
      else values[name] = content
    } catch {
      wrong('names a file that cannot be read')
    }
  }
  return { values, problems }
}

function toConfig(env: z.output<typeof Environment>): Config {
  const dataDir = resolve(env.DATA_DIR)
  return Object.freeze({
    port: env.PORT,
    publicUrl: env.PUBLIC_URL ?? `http://localhost:${env.PORT}`,
    databaseUrl: env.DATABASE_URL === undefined ? undefined : secret(env.DATABASE_URL),
    dataDir,
    filesUrl: env.FILES_URL ?? pathToFileURL(resolve(dataDir, 'files')).href,
    hubspot: Object.freeze({
      clientId: env.HUBSPOT_CLIENT_ID,
      clientSecret: secret(env.HUBSPOT_CLIENT_SECRET),
      scopes: env.HUBSPOT_SCOPES,
      optionalScopes: env.HUBSPOT_OPTIONAL_SCOPES,
      journalScopes: env.HUBSPOT_JOURNAL_SCOPES,
      apiUrl: env.HUBSPOT_API_URL,
      appUrl: env.HUBSPOT_APP_URL,
      apiVersion: env.HUBSPOT_API_VERSION,
    }),
    encryptionKeys: env.ENCRYPTION_KEYS,
    sessionSecret: secret(env.SESSION_SECRET),
    role: env.ROLE,
    maxUploadBytes: env.MAX_UPLOAD_BYTES,
    reservedDiskPercent: env.RESERVED_DISK_PERCENT,
    ambiguousWindowSeconds: env.AMBIGUOUS_WINDOW_SECONDS,
    operator: { name: env.OPERATOR_NAME, email: env.OPERATOR_EMAIL, address: env.OPERATOR_ADDRESS },
    requestsPerMinute: env.REQUESTS_PER_MINUTE,
    bytesPerDay: env.BYTES_PER_DAY,
    trustProxy: env.TRUST_PROXY,
    simulatorUrl: env.SIMULATOR_URL,
    webhooksAnywhere: env.WEBHOOKS_ANYWHERE === 'true',
    logLevel: env.LOG_LEVEL,
  })
}

function isFolderUrl(text: string): boolean {
  try {
    return /^file:\/\/\/./.test(text) && fileURLToPath(text) !== '/'
  } catch {
    return false
  }
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
}
