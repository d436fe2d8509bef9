import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join, posix, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'

type SourceFile = { path: string; text: string }

// Top to bottom: a file imports from its own folder and from the rows below. Folders of one row do not know one another.
const LAYERS = [
  ['server', 'deps', 'app', 'jobs', 'cli', 'doctor', 'demo'],
  ['reference'],
  ['oauth', 'imports', 'settings', 'compat', 'notices'],
  ['mappings', 'webhooks'],
  ['intake', 'partners'],
  ['portals'],
  ['hubspot', 'queue', 'files', 'http', 'db'],
  ['errors', 'config', 'log', 'metrics', 'secret', 'words'],
]

// Rows whose members may import one another all the same: what wires everything, and what everything stands on.
const OPEN_LAYERS = [0, LAYERS.length - 1]

// What stands alone, because it is of use without the app, and who may import it.
const ALONE: Record<string, string[]> = { simulator: ['demo', 'deps'], client: ['cli'] }

// The one feature that the others may import.
const MEETING_PLACE = 'imports'

type Door = { what: string; isMeant: (file: SourceFile, specifiers: string[]) => boolean; open: RegExp }

const DOORS: Door[] = [
  {
    what: 'express',
    isMeant: importing(/^express$/),
    open: /^(app\.ts|http\/.+|[^/]+\/routes\.ts|partners\/require-partner\.ts|imports\/(idempotency-key|receive)\.ts|portals\/(session|operator-session|signed-cookies)\.ts|settings\/(pages|file-form)\.ts|settings\/.+\/routes\.ts|simulator\/.+)$/,
  },
  { what: 'Prisma', isMeant: importing(/^@prisma\/|^db\/generated\//), open: /^(db\/.+|.+-store\.ts)$/ },
  { what: 'simple-oauth2', isMeant: importing(/^simple-oauth2$/), open: /^hubspot\// },
  { what: 'pg-boss', isMeant: importing(/^pg-boss(\/|$)/), open: /^queue\// },
  { what: 'pg', isMeant: importing(/^pg$/), open: /^db\// },
  // Webhooks call partners, not HubSpot; the server and the simulator listen.
  {
    what: 'node:http',
    isMeant: importing(/^(node:)?https?2?$|^undici$/),
    open: /^(hubspot\/.+|webhooks\/.+|server\.ts|http\/server\.ts|demo\.ts|simulator\/.+)$/,
  },
  {
    what: 'fetch',
    isMeant: saying(/(?<![\w.'"`])fetch\(/),
    open: /^(hubspot\/.+|webhooks\/.+|demo\.ts|simulator\/.+|client\/(send|listen)\.ts)$/,
  },
  {
    what: 'process.env',
    isMeant: saying(/\bprocess\s*\.\s*env\b|\bprocess\[/),
    open: /^(config\.ts|simulator\/main\.ts|demo\.ts)$/,
  },
]

const FORBIDDEN_NAMES =
  /^(utils?|helpers?|common|lib|core|services?|controllers?|repositories|repository|interfaces?|types|constants|index)$/

/** What breaks the rules of who may import whom, one sentence each; paths are those under src/. */
function violations(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const code = withoutComments(file.text)
    const specifiers = importsOf(code).map((specifier) => resolved(file.path, specifier))
    return [
      ...misnamed(file.path),
      ...specifiers.flatMap((specifier) => misdirected(file.path, specifier)),
      ...DOORS.filter((door) => door.isMeant({ path: file.path, text: code }, specifiers) && !door.open.test(file.path)).map(
        (door) => `${file.path} uses ${door.what}, which has one door: ${door.open.source}`,
      ),
    ]
  })
}

function misnamed(path: string): string[] {
  const names = [...dirname(path).split('/'), basename(path, extname(path))]
  const forbidden = names
    .filter((name) => FORBIDDEN_NAMES.test(name))
    .map((name) => `${path}: "${name}" says nothing about the app`)
  const place = placeOf(path)
  return layerOf(place) < 0 && !(place in ALONE) ? [...forbidden, `${path}: ${place} has no place in the layers`] : forbidden
}

function misdirected(path: string, target: string): string[] {
  if (target.startsWith('../')) return [`${path} imports ${target}, which is outside src`]
  if (!/\.(ts|js|json)$/.test(target) || target === 'ipaddr.js') return [] // a package, or Node

  const from = placeOf(path)
  const to = placeOf(target)
  if (from === to) return []
  if (from in ALONE) return [`${path} imports ${target}: the ${from} knows nothing of the app`]
  const knowing = ALONE[to]
  if (knowing)
    return knowing.includes(from) ? [] : [`${path} imports ${target}: only ${knowing.join(', ')} and the tests know the ${to}`]

  const [above, below] = [layerOf(from), layerOf(to)]
  if (above < below || (above === below && (OPEN_LAYERS.includes(above) || to === MEETING_PLACE))) return []
  return [`${path} imports ${target}: ${from} is ${above === below ? 'beside' : 'below'} ${to}`]
}

function placeOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : path.replace(/\.[jt]s$/, '')
}

function layerOf(place: string): number {
  return LAYERS.findIndex((layer) => layer.includes(place))
}

function resolved(path: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier
}

function importsOf(code: string): string[] {
  const statements = code.matchAll(/^\s*(?:import|export)\b[^'"`]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm)
  const expressions = code.matchAll(/\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g)
  return [...statements, ...expressions].map((match) => match[1] ?? match[2] ?? '')
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

function importing(pattern: RegExp): Door['isMeant'] {
  return (_file, specifiers) => specifiers.some((specifier) => pattern.test(specifier))
}

function saying(pattern: RegExp): Door['isMeant'] {
  return ({ text }) => pattern.test(text)
}

describe('src', () => {
  it('imports only downwards, and each library by its one door', () => {
    const files = readdirSync('src', { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative('src', join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((path) => !path.startsWith('db/generated/'))

    expect(files.length).toBeGreaterThan(10)
    expect(violations(files.map((path) => ({ path, text: readFileSync(join('src', path), 'utf8') })))).toEqual([])
  })
})

describe('violations', () => {
  it.each([
    ['queue/queue.ts', `import { accept } from '../imports/accept.js'`, 'queue is below imports'],
    ['queue/queue.ts', `import { files } from '../files/file-store.js'`, 'queue is beside files'],
    ['imports/accept.ts', `import type { Deps } from '../deps.js'`, 'imports is below deps'],
    ['imports/accept.ts', `import {\n  a,\n  b,\n} from '../settings/routes.js'`, 'imports is beside settings'],
    ['settings/routes.ts', `export * from '../oauth/state.js'`, 'settings is beside oauth'],
    ['portals/seal.ts', `const x = await import('../partners/schema.js')`, 'portals is below partners'],
    ['portals/seal.ts', `type T = import('../partners/schema.js').T`, 'portals is below partners'],
    ['partners/guess.ts', `import '../intake/csv.js'`, 'partners is beside intake'],
    ['intake/guess.ts', `import '../mappings/guess.js'`, 'intake is below mappings'],
    ['errors.ts', `import { a } from './http/problem.js'`, 'errors is below http'],
    ['simulator/main.ts', `import { a } from '../errors.js'`, 'the simulator knows nothing of the app'],
    ['app.ts', `import { a } from './simulator/server.js'`, 'only demo, deps and the tests know the simulator'],
    ['client/send.ts', `import type { ImportView } from '../imports/schema.js'`, 'the client knows nothing of the app'],
    ['demo.ts', `import { createClient } from './client/client.js'`, 'only cli and the tests know the client'],
    ['app.ts', `import { a } from '../test/support/postgres.js'`, 'outside src'],
    ['imports/accept.ts', `import type { Request } from 'express'`, 'uses express'],
    ['imports/accept.ts', `import type { Prisma } from '../db/generated/client.js'`, 'uses Prisma'],
    ['imports/accept.ts', `import { PrismaPg } from '@prisma/adapter-pg'`, 'uses Prisma'],
    ['portals/access-token.ts', `import { AuthorizationCode } from 'simple-oauth2'`, 'uses simple-oauth2'],
    ['imports/accept.ts', `import { PgBoss } from 'pg-boss'`, 'uses pg-boss'],
    ['queue/queue.ts', `import pg from 'pg'`, 'uses pg,'],
    ['imports/submit.ts', `const res = await fetch('https://api.hubapi.com')`, 'uses fetch'],
    ['imports/submit.ts', `import { request } from 'node:https'`, 'uses node:http'],
    ['server.ts', 'const port = process.env.PORT', 'uses process.env'],
    ['imports/utils.ts', '', '"utils" says nothing'],
    ['imports/index.ts', '', '"index" says nothing'],
    ['services/imports.ts', '', '"services" says nothing'],
    ['billing/invoice.ts', '', 'billing has no place in the layers'],
  ])('%s with %s', (path, text, expected) => {
    expect(violations([{ path, text }]).join('\n')).toContain(expected)
  })

  it.each([
    ['server.ts', `import { createDeps } from './deps.js'\nimport { createServer } from 'node:http'`],
    ['compat/routes.ts', `import { acceptImport } from '../imports/accept.js'\nimport { Router } from 'express'`],
    ['imports/import-store.ts', `import type { Client } from '../db/generated/client.js'`],
    ['portals/access-token.ts', `import { a } from '../hubspot/oauth.js'\nimport { AppError } from '../errors.js'`],
    ['log.ts', `import type { Config } from './config.js'`],
    ['demo.ts', `import { startSimulator } from './simulator/server.js'\nprocess.env.PORT = '0'`],
    ['simulator/main.ts', `import { a } from './server.js'\nprocess.env.PORT`],
    ['imports/accept.ts', `// from '../deps.js', as process.env says\n/** Like fetch(url). */\nexport const said = 'no import'`],
  ])('nothing in %s with %s', (path, text) => {
    expect(violations([{ path, text }])).toEqual([])
  })
})
