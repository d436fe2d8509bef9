import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeProblems, parseConfig, VARIABLES } from '../src/config.js'

const SECRET = 'S3CRET-canary-that-must-not-be-printed'
const complete = {
  HUBSPOT_CLIENT_ID: 'client',
  HUBSPOT_CLIENT_SECRET: SECRET,
  ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  SESSION_SECRET: 'x'.repeat(32),
}

function problemsOf(env: Record<string, string>) {
  const parsed = parseConfig({ ...complete, ...env })
  return 'problems' in parsed ? parsed.problems : []
}

describe('the environment', () => {
  it('needs four variables and has a default for every other', () => {
    const parsed = parseConfig(complete)

    expect('config' in parsed && parsed.config).toMatchObject({
      port: 3000,
      publicUrl: 'http://localhost:3000',
      role: 'all',
      maxUploadBytes: 536_870_912,
      ambiguousWindowSeconds: 900,
      hubspot: { apiVersion: '2026-03', apiUrl: 'https://api.hubapi.com', appUrl: 'https://app.hubspot.com' },
    })
  })

  it('names every wrong or missing variable at once, each with an example', () => {
    const parsed = parseConfig({ PORT: 'web', ENCRYPTION_KEYS: 'short', ROLE: 'boss', PUBLIC_URL: 'ftp://x' })

    const named = 'problems' in parsed ? parsed.problems.map(({ variable }) => variable).sort() : []
    expect(named).toEqual([
      'ENCRYPTION_KEYS',
      'HUBSPOT_CLIENT_ID',
      'HUBSPOT_CLIENT_SECRET',
      'PORT',
      'PUBLIC_URL',
      'ROLE',
      'SESSION_SECRET',
    ])
    expect('problems' in parsed && parsed.problems.every(({ variable, example }) => example.startsWith(`${variable}=`))).toBe(
      true,
    )
  })

  const wrong: Record<keyof typeof VARIABLES, string[]> = {
    PORT: ['0', '65536', 'x', '-1', '3.5'],
    PUBLIC_URL: ['example.com', 'ftp://example.com', 'https://example.com/path', 'https://user@example.com', 'https://x?y=1'],
    DATABASE_URL: ['mysql://x', 'localhost'],
    DATA_DIR: [],
    FILES_URL: ['s3://bucket', '/var/lib', 'file:', 'file:///', 'file:relative', 'file://host/share'],
    HUBSPOT_CLIENT_ID: [],
    HUBSPOT_CLIENT_SECRET: [],
    HUBSPOT_SCOPES: ['oauth', 'crm.import', 'contacts'],
    HUBSPOT_OPTIONAL_SCOPES: [],
    HUBSPOT_JOURNAL_SCOPES: [],
    HUBSPOT_API_URL: ['api.hubapi.com', 'https://api.hubapi.com/v3'],
    HUBSPOT_APP_URL: ['app.hubspot.com'],
    HUBSPOT_API_VERSION: ['v3', '2026-3', 'latest'],
    ENCRYPTION_KEYS: [
      'k1',
      'k1:abc',
      `:${Buffer.alloc(32).toString('base64')}`,
      `${complete.ENCRYPTION_KEYS},${complete.ENCRYPTION_KEYS}`,
    ],
    SESSION_SECRET: ['short'],
    ROLE: ['ALL', 'both'],
    MAX_UPLOAD_BYTES: ['0', '512MB', '-5'],
    RESERVED_DISK_PERCENT: ['101'],
    AMBIGUOUS_WINDOW_SECONDS: ['-1', 'never'],
    REQUESTS_PER_MINUTE: ['0', 'x'],
    BYTES_PER_DAY: ['0', '-1'],
    TRUST_PROXY: ['true', '11'],
    SIMULATOR_URL: ['localhost', 'http://x/y'],
    WEBHOOKS_ANYWHERE: ['yes', '1'],
    OPERATOR_NAME: ['a\nb', 'x'.repeat(301)],
    OPERATOR_EMAIL: ['nobody', 'a@'],
    OPERATOR_ADDRESS: ['x'.repeat(301)],
    LOG_LEVEL: ['loud'],
  }
  const cases = Object.entries(wrong).flatMap(([name, values]) => values.map((value) => [name, value] as const))
  it.each(cases)('refuses %s=%s', (name, value) => {
    expect(problemsOf({ [name]: value })).toMatchObject([{ variable: name }])
  })

  it('never prints a value, be it wrong or right', () => {
    const screen = describeProblems(
      problemsOf({ SESSION_SECRET: 'too-short-canary', DATABASE_URL: 'mysql://u:pw-canary@h/d', PORT: 'x' }),
    )

    expect(screen).toContain('SESSION_SECRET')
    expect(screen).not.toMatch(/canary/i)
  })

  it('takes every secret from a file as well, and refuses both at once', () => {
    const secrets = Object.entries(VARIABLES)
      .filter(([, variable]) => 'secret' in variable)
      .map(([name]) => name)
    const file = join(mkdtempSync(join(tmpdir(), 'importal-config-')), 'secret')
    writeFileSync(file, `${complete.ENCRYPTION_KEYS}\n`)
    const { ENCRYPTION_KEYS: _, ...others } = complete

    expect(secrets).toEqual(['DATABASE_URL', 'HUBSPOT_CLIENT_SECRET', 'ENCRYPTION_KEYS', 'SESSION_SECRET'])
    expect('config' in parseConfig({ ...others, ENCRYPTION_KEYS_FILE: file })).toBe(true)
    expect(problemsOf({ ENCRYPTION_KEYS_FILE: file })).toMatchObject([{ variable: 'ENCRYPTION_KEYS_FILE' }])
    expect(problemsOf({ ENCRYPTION_KEYS: '', ENCRYPTION_KEYS_FILE: '/nowhere' })).toMatchObject([
      { variable: 'ENCRYPTION_KEYS_FILE' },
    ])
  })

  it('cannot be changed after the start', () => {
    const parsed = parseConfig(complete)

    expect('config' in parsed && Object.isFrozen(parsed.config) && Object.isFrozen(parsed.config.hubspot)).toBe(true)
  })

  it('is described, variable by variable and with the defaults in force, in .env.example', () => {
    const example = readFileSync('.env.example', 'utf8')
    const described = [...example.matchAll(/^(# )?([A-Z_]+)=(.*)$/gm)].map(
      ([, , name, value]) => [name ?? '', value ?? ''] as const,
    )

    expect(described.map(([name]) => name).sort()).toEqual(Object.keys(VARIABLES).sort())
    const { DATABASE_URL: _, FILES_URL: __, ...defaults } = Object.fromEntries(described.filter(([, value]) => value !== ''))
    const filled = parseConfig({ ...complete, ...defaults })
    const untouched = parseConfig(complete)
    // Secrets show nothing to compare, and none of them has a default.
    expect(JSON.stringify(filled)).toBe(JSON.stringify(untouched))
  })

  it('is listed, variable by variable, in the README', () => {
    const readme = readFileSync('README.md', 'utf8')

    expect(Object.keys(VARIABLES).filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  })
})
