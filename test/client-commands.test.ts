import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Import, RowError, Validation } from '../src/client/answers.js'
import { runClientCommand } from '../src/client/commands.js'
import { PORTAL, startApp, type TestApp, until } from './support/app.js'
import { secretsOfKeys } from './support/canaries.js'
import { expectNoLeaks } from './support/leaks.js'
import { type Run, runScript } from './support/process.js'
import { startReceiver } from './support/receiver.js'
import { contactsCsv, contactsRequest } from './support/requests.js'

let app: TestApp
let folder: string
const runs: Run[] = []

beforeAll(async () => {
  app = await startApp()
  folder = await mkdtemp(join(tmpdir(), 'importal-commands-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await app.close()
  expectNoLeaks(
    secretsOfKeys([app.key]),
    Object.fromEntries(
      runs.flatMap(({ stdout, stderr }, i) => [
        [`stdout ${i}`, stdout],
        [`stderr ${i}`, stderr],
      ]),
    ),
  )
})

/** Runs a command where nothing is known but where Importal is and, unless it is told otherwise, a key. */
async function importal(args: string[], env: Record<string, string> = { IMPORTAL_KEY: app.key }): Promise<Run> {
  const run = await runScript('src/cli.ts', args, { IMPORTAL_URL: app.url, ...env })
  runs.push(run)
  return run
}

async function write(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

async function writeContacts(name: string, good: number, bad = 0) {
  const file = await write(name, contactsCsv(good, bad))
  const request = await write(`${name}.json`, JSON.stringify(contactsRequest({}, name)))
  return ['--portal', PORTAL, '--request', request, file]
}

describe('importal import', () => {
  it('hands a file over, without a database or a configuration', async () => {
    const { code, stdout, stderr } = await importal(['import', ...(await writeContacts('plain.csv', 3))])

    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^import {14}imp_[0-9a-f]{32}\nstate {15}accepted\n/)
    const id = /imp_[0-9a-f]{32}/.exec(stdout)?.[0]
    expect(await app.query('SELECT "id" FROM "Import" WHERE "id" = $1', [id])).toHaveLength(1)
  })

  it('with --watch tells line by line what happens, and at the end what came of it', async () => {
    const { code, stdout, stderr } = await importal(['import', '--watch', ...(await writeContacts('good.csv', 4))])

    expect(code).toBe(0)
    expect(stdout).toMatch(/state +done\nrows +4\ncreated +4\nupdated +0\nrow errors +0\n/)
    expect(stderr).toMatch(/^\S+Z accepted\n(\S+Z \w+\n)*\S+Z done\n$/)
  })

  it('ends with 2 when rows had errors, and names the first of them', async () => {
    const { code, stdout } = await importal(['import', '--watch', ...(await writeContacts('bad.csv', 2, 12))])

    expect(code).toBe(2)
    expect(stdout).toMatch(/row errors +12\n/)
    expect(stdout).toContain('bad.csv, line 4, Email “p2 at example”:')
    expect(stdout.match(/INVALID_EMAIL/g)).toHaveLength(10)
  })

  it('prints JSON and nothing else with --json', async () => {
    const args = ['import', '--json', '--watch', ...(await writeContacts('json.csv', 1, 1))]

    const { code, stdout, stderr } = await importal(args)

    const { state, rowErrors } = JSON.parse(stdout) as Import & { rowErrors: RowError[] }
    expect([code, stderr, state, rowErrors.map(({ line }) => line)]).toEqual([2, '', 'done', [3]])
  })

  it('ends with 1 when HubSpot fails the import, and says why', async () => {
    app.hubspot.control.settings({ processingMs: 600_000 })
    onTestFinished(() => void app.hubspot.control.settings({ processingMs: 60 }))
    const args = ['import', '--watch', ...(await writeContacts('failed.csv', 6))]

    const running = importal(args)
    const at = () => app.hubspot.control.imports().find(({ files }) => files.some(({ name }) => name === 'failed.csv'))
    const there = await until(at, (made) => made !== undefined)
    app.hubspot.control.setImportState(there?.id ?? '', 'FAILED')

    const { code, stdout } = await running
    expect([code, stdout]).toEqual([1, expect.stringMatching(/state +failed\n[\s\S]*\(hubspot_import_failed\)\n/)])
  })

  it('ends with 1 when it is refused, and says on stderr what is wrong', async () => {
    const { code, stdout, stderr } = await importal([
      'import',
      '--strict',
      '--json',
      ...(await writeContacts('strict.csv', 1, 1)),
    ])

    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('(findings_refused)\n  strict.csv, line 3, Email: ')
    expect(stderr).toMatch(/Request \S+\n$/)
  })

  it('takes the key from a file, and the address from the command line', async () => {
    const keyFile = await write('key', `${app.key}\n`)
    const args = ['--url', `${app.url}/`, '--key-file', keyFile, ...(await writeContacts('by-file.csv', 8))]

    const { code } = await importal(['import', ...args], { IMPORTAL_URL: 'http://localhost:1', IMPORTAL_KEY: 'another' })

    expect(code).toBe(0)
  })

  it('is told that its key is no good before the file is sent, without the key', async () => {
    const wrong = `imp_live_${'0'.repeat(32)}_${'z'.repeat(49)}`

    const { code, stdout, stderr } = await importal(['import', ...(await writeContacts('no-key.csv', 1))], {
      IMPORTAL_KEY: wrong,
    })

    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('(key_invalid)')
    expect(stderr).not.toContain('z'.repeat(49))
  })

  it.each([
    ['no portal', async () => ['import', await write('a.csv', 'a')], 'needs --portal'],
    ['no file', async () => ['import', '--portal', PORTAL], 'needs a file'],
    [
      'a file that is not there',
      async () => ['import', '--portal', PORTAL, join(folder, 'none.csv')],
      'none.csv cannot be read: ENOENT',
    ],
    ['a folder', async () => ['import', '--portal', PORTAL, folder], 'is no file'],
    [
      'an address that is none',
      async () => ['import', '--portal', PORTAL, '--url', 'x', await write('a.csv', 'a')],
      'baseUrl must be',
    ],
    ['the key as an argument', async () => ['import', '--portal', PORTAL, '--key', app.key, await write('a.csv', 'a')], 'Usage:'],
  ])('does not begin with %s', async (_name, args, expected) => {
    const { code, stdout, stderr } = await importal(await args())

    expect([code, stdout, stderr]).toEqual([64, '', expect.stringContaining(expected)])
  })

  it('does not begin without a key, or with one that has a line break', async () => {
    const args = ['import', ...(await writeContacts('keyless.csv', 1))]
    const none = await importal(args, {})
    const broken = await importal(args, { IMPORTAL_KEY: `${app.key}\n${app.key}` })

    expect([none.code, none.stderr]).toEqual([64, expect.stringContaining('A key is needed')])
    expect([broken.code, broken.stderr]).toEqual([64, expect.stringContaining('The key is not one')])
  })
})

describe('importal import on a terminal', () => {
  function terminal() {
    const written = { stdout: '', stderr: '' }
    const to = (name: 'stdout' | 'stderr') => ({
      isTTY: true,
      columns: 60,
      write: (text: string) => {
        written[name] += text
      },
    })
    return { written, streams: { stdout: to('stdout'), stderr: to('stderr') } }
  }

  it('draws how far it has come in one line, and leaves nothing of it', async () => {
    app.hubspot.control.settings({ processingMs: 4_000 })
    onTestFinished(() => void app.hubspot.control.settings({ processingMs: 60 }))
    const { written, streams } = terminal()
    const file = await write('bar.csv', contactsCsv(1_000))
    const request = await write('bar.json', JSON.stringify(contactsRequest({}, 'bar.csv')))

    const env = { IMPORTAL_KEY: app.key, IMPORTAL_URL: app.url }
    const code = await runClientCommand(
      'import',
      [file],
      { portal: PORTAL, request, watch: true },
      { env, stopped: new AbortController().signal, ...streams },
    )

    const lines = written.stderr.split('\r\u001b[2K')
    expect(code).toBe(0)
    expect(lines.filter((line) => /^\[#*-+\] \d+ % of 1000 rows$/.test(line)).length).toBeGreaterThan(0)
    expect([lines.at(-1), Math.max(...lines.map(({ length }) => length)) < 60]).toEqual(['', true])
    expect(written.stderr).not.toContain('\n')
  })

  it('shows nothing that moves the cursor of what others wrote', async () => {
    const { written, streams } = terminal()
    const file = await write('esc.csv', contactsCsv(1))
    const request = await write('esc.json', '{"name":"red","files":[],"\\u001b[2J\\u202e":1}')

    const env = { IMPORTAL_KEY: app.key, IMPORTAL_URL: app.url }
    const code = await runClientCommand(
      'import',
      [file],
      { portal: PORTAL, request },
      { env, stopped: new AbortController().signal, ...streams },
    )

    expect([code, written.stdout]).toEqual([1, ''])
    expect(written.stderr).toContain('(import_request_invalid)')
    expect(written.stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u)
  })
})

describe('importal validate', () => {
  it('ends with 0 when nothing is wrong, and makes no import', async () => {
    const before = await app.query('SELECT 1 FROM "Import"')

    const { code, stdout } = await importal(['validate', ...(await writeContacts('clean.csv', 3))])

    expect([code, stdout]).toEqual([0, 'Nothing is wrong.\n'])
    expect(await app.query('SELECT 1 FROM "Import"')).toHaveLength(before.length)
  })

  it('ends with 2 when cells are wrong, and groups them by code with their lines', async () => {
    const { code, stdout } = await importal(['validate', ...(await writeContacts('cells.csv', 2, 25))])

    expect(code).toBe(2)
    expect(stdout).toMatch(/^INVALID_EMAIL \(25\): .+\n {2}lines 4, 5, 6, .+, 23 and 5 more\n/)
    expect(stdout).toMatch(/Would be imported, but for what is wrong\.\n$/)
  })

  it('ends with 1 when it would be refused', async () => {
    const strictly = await importal(['validate', '--strict', ...(await writeContacts('cells.csv', 2, 1))])
    const rowless = await importal(['validate', ...(await writeContacts('rowless.csv', 0))])
    const empty = await importal(['validate', '--portal', PORTAL, await write('empty.csv', '')])

    expect([strictly.code, strictly.stdout]).toEqual([1, expect.stringContaining('(findings_refused)')])
    expect([rowless.code, rowless.stdout]).toEqual([1, expect.stringContaining('(no_rows)')])
    expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining('(file_empty)')])
  })

  it('prints the report alone with --json, as it is for who is not strict', async () => {
    const { code, stdout, stderr } = await importal(['validate', '--json', ...(await writeContacts('report.csv', 1, 1))])

    const report = JSON.parse(stdout) as Validation
    expect([code, stderr]).toEqual([2, ''])
    expect(report).toMatchObject({ isAcceptable: true, problem: null, codes: { INVALID_EMAIL: 1 } })
  })
})

describe('importal listen', () => {
  it('posts every message to an address of this machine, as signed as the real ones, and leaves nothing behind', async () => {
    const receiver = await startReceiver()
    const stop = new AbortController()
    const written: string[] = []
    const stream = { write: (text: string) => void written.push(text) }
    const env = { IMPORTAL_KEY: app.key, IMPORTAL_URL: app.url }
    const options = { forward: receiver.url, event: ['import.accepted', 'import.completed'] }
    const ended = runClientCommand('listen', [], options, {
      env,
      stdout: stream,
      stderr: stream,
      stopped: stop.signal,
    })
    await until(
      () => written.join(''),
      (text) => text.includes('whsec_'),
    )
    const secret = /whsec_\S+/.exec(written.join(''))?.[0] ?? ''
    app.noteEndpointSecret(secret)

    await importal(['import', ...(await writeContacts('listened.csv', 3)), '--watch'])
    // Not once it has come: what came of it is written a moment later.
    await until(
      () => written.join(''),
      (text) => /import\.completed .*\n/.test(text),
    )
    stop.abort()

    expect(await ended).toBe(0)
    expect(receiver.types()).toEqual(['import.accepted', 'import.completed'])
    for (const { body, headers } of receiver.received)
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toBeTruthy()
    expect(written.join('')).toMatch(/import\.completed +msg_[0-9a-f]{32} {2}200\n/)
    expect(await app.query('SELECT 1 FROM "WebhookEndpoint"')).toEqual([])
  })

  it.each([[[]], [['--forward', 'localhost']]])('does not begin without an address: %j', async (args) => {
    const { code, stderr } = await importal(['listen', ...args])

    expect(code).toBe(64)
    expect(stderr).toContain('--forward')
  })
})
