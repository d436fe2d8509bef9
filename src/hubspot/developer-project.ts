import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { findScopeUse } from './scopes.js'

/** Pinned: another version of the platform may read the files differently, and an unsupported one is refused on upload. */
const PLATFORM_VERSION = '2026.03'
/** Without "Hub" in it: HubSpot lists no app whose name sounds like its own. */
const APP_NAME = 'Importal'
const APP_FILE = 'src/app/app-hsmeta.json'

/** The longest address that HubSpot takes. */
const MAX_URL_LENGTH = 250
const CALLBACK_PATH = '/oauth/callback'
const WEBHOOKS_PATH = '/hubspot/webhooks'
const MAX_CONCURRENT_WEBHOOKS = 10
/** For trying things out: the only redirect that HubSpot takes without https. */
const LOCAL_REDIRECT_URL = `http://localhost:3000${CALLBACK_PATH}`

/** A name with a dot that does not end in a number: no IP address, nothing of the local network. */
const PUBLIC_HOST = /^(?!.*\.localhost$)([a-z0-9-]+\.)+[a-z][a-z0-9-]*$/

const url = z
  .string('must say what the world calls Importal, for example https://importal.example.com')
  .refine(isPublicOrigin, 'must be https:// and a host name that HubSpot can reach: no path, no IP address, not localhost')
  .transform((text) => new URL(text).origin)
  .refine(
    (text) => `${text}${WEBHOOKS_PATH}`.length <= MAX_URL_LENGTH,
    'is too long: HubSpot takes 250 characters, paths included',
  )

const page = z
  .string()
  .max(MAX_URL_LENGTH, `must have at most ${MAX_URL_LENGTH} characters`)
  .refine(isPublicPage, 'must be the https:// address of a public page')
  .optional()

/** What a person says on the command line; every wrong option is named by its name there. */
const ProjectOptions = z.object({
  url,
  distribution: z.enum(['marketplace', 'private'], 'must be marketplace or private').default('marketplace'),
  'support-email': z.email('must be an e-mail address').optional(),
  'documentation-url': page,
  'support-url': page,
  'support-phone': z
    .string()
    .regex(/^\+[1-9]\d{5,14}$/, 'must be a phone number such as +4930123456')
    .optional(),
})

type Scopes = { scopes: readonly string[]; optionalScopes: readonly string[] }
export type Project = Scopes & {
  url: string
  distribution: 'marketplace' | 'private'
  support: Partial<Record<'supportEmail' | 'documentationUrl' | 'supportUrl' | 'supportPhone', string | undefined>>
}

/** A project as it was written. */
export type WrittenProject = Project & { folder: string; files: string[] }

/** What a project is made of, or a sentence about each wrong option. */
export function parseProject(options: object, { scopes, optionalScopes }: Scopes): { project: Project } | { problems: string[] } {
  const { data, error } = ProjectOptions.safeParse(options)
  if (!data) return { problems: error.issues.map(({ path, message }) => `--${String(path[0])} ${message}.`) }
  const support = {
    supportEmail: data['support-email'],
    documentationUrl: data['documentation-url'],
    supportUrl: data['support-url'],
    supportPhone: data['support-phone'],
  }
  // HubSpot refuses a scope that is asked for twice.
  const required = [...new Set(scopes)]
  const optional = [...new Set(optionalScopes)].filter((scope) => !required.includes(scope))
  return {
    project: { url: data.url, distribution: data.distribution, scopes: required, optionalScopes: optional, support },
  }
}

/**
 * The files of the developer project, which every new HubSpot app must be made from, by their paths.
 *
 * @see https://developers.hubspot.com/docs/apps/developer-platform/build-apps/app-configuration
 * @see https://developers.hubspot.com/docs/apps/developer-platform/add-features/configure-webhooks
 */
export function developerProject({ url, distribution, scopes, optionalScopes, support }: Project): Record<string, string> {
  const auth = {
    type: 'oauth',
    redirectUrls: [`${url}${CALLBACK_PATH}`, LOCAL_REDIRECT_URL],
    requiredScopes: scopes,
    conditionallyRequiredScopes: [],
    optionalScopes,
  }
  const app = {
    name: APP_NAME,
    description: 'Imports CSV and Excel files from partner systems, exactly once, and explains every wrong row.',
    distribution,
    auth,
    permittedUrls: { fetch: [url], iframe: [], img: [] },
    ...(hasContact(support) ? { support } : {}),
  }
  const webhooks = {
    settings: { targetUrl: `${url}${WEBHOOKS_PATH}`, maxConcurrentRequests: MAX_CONCURRENT_WEBHOOKS },
    // Stored files may hold a person whom the account must forget.
    subscriptions: { hubEvents: [{ subscriptionType: 'contact.privacyDeletion', active: true }] },
  }
  return {
    'hsproject.json': toJson({ name: 'importal', srcDir: 'src', platformVersion: PLATFORM_VERSION }),
    [APP_FILE]: toJson({ uid: 'importal-app', type: 'app', config: app }),
    'src/app/webhooks/webhooks-hsmeta.json': toJson({ uid: 'importal-webhooks', type: 'webhooks', config: webhooks }),
  }
}

/** Writes the project's files and touches no other. Nothing is written when the folder holds somebody else's project. */
export async function writeProject(folder: string, project: Project): Promise<WrittenProject> {
  const files = Object.entries(developerProject(project)).map(([path, text]) => ({ path: join(folder, path), text }))
  for (const { path, text } of files) {
    const there = await readFile(path, 'utf8').catch(() => undefined)
    if (there !== undefined && nameOf(there) !== nameOf(text)) throw new Error(`${path} is not Importal’s: choose another --out.`)
  }
  for (const { path, text } of files) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  return { ...project, folder, files: files.map(({ path }) => path) }
}

/** What was written, and the way from there to an installed app. */
export function describeProject({ url, folder, files, scopes, optionalScopes, support }: WrittenProject): string {
  const unused = [...scopes, ...optionalScopes].filter((scope) => !findScopeUse(scope))
  const warnings = [
    ...(unused.length > 0 ? [`No call needs ${unused.join(', ')}: HubSpot lists no app that asks for more than it uses.`] : []),
    ...(hasContact(support) ? [] : ['A listing needs a support contact: --support-email, --support-url or --support-phone.']),
  ]
  return `Written:
${files.map((path) => `  ${path}\n`).join('')}${warnings.map((warning) => `\n! ${warning}\n`).join('')}
Next:
  1. Install HubSpot’s command line (npm install -g @hubspot/cli), then connect it to your account: hs account auth
  2. Upload the project: cd ${folder} && hs project upload
  3. In HubSpot open Development → Projects → importal → ${APP_NAME} → Auth, and copy client ID and client secret into .env:
       PUBLIC_URL=${url}
       HUBSPOT_CLIENT_ID=…
       HUBSPOT_CLIENT_SECRET=…
  4. Start Importal behind ${url}, and open ${url}/oauth/install as the admin of a HubSpot account
`
}

function hasContact(support: Project['support']): boolean {
  return Object.values(support).some((contact) => contact !== undefined)
}

function toJson(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

/** What a file of a project calls itself. */
function nameOf(text: string): string | undefined {
  try {
    const { uid, name } = z.looseObject({ uid: z.string().optional(), name: z.string().optional() }).parse(JSON.parse(text))
    return uid ?? name
  } catch {
    return undefined
  }
}

function isPublicOrigin(text: string): boolean {
  // Anything beside the host, be it a path, a query or a password, would be in `href`.
  return isPublicPage(text) && new URL(text).href === `${new URL(text).origin}/`
}

function isPublicPage(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' && PUBLIC_HOST.test(hostname)
}
