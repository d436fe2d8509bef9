import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startEmbeddedPostgres } from '../src/db/embedded-postgres.js'
import { canHostPostgres } from '../src/db/postgres-cluster.js'

type Answer = { url: string; pid: number; attached: boolean; code?: string; message?: string; interrupted?: boolean }
type Owner = { child: ChildProcess; next(): Promise<Answer>; end(signal: NodeJS.Signals): Promise<void> }

const isRoot = process.getuid?.() === 0
let dir: string

// To make a database takes a second: where its age does not matter, the tests take turns on one folder.
beforeAll(async () => {
  dir = await temporaryFolder()
  await (await startEmbeddedPostgres({ dir, role: 'app' })).stop()
  return () => rm(dir, { recursive: true, force: true })
})

describe('startEmbeddedPostgres', () => {
  it('makes a database in a new folder, stops, and finds the same data when it starts again', async () => {
    const folder = await newFolder()
    const first = await start(folder)
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS id')
    await first.stop()
    await first.stop()

    const second = await start(folder)

    expect(await query(second.url, 'SELECT id FROM kept')).toEqual([{ id: 1 }])
  })

  it('asks for a password, keeps it to itself, and listens to this machine only', async () => {
    const { url } = await start()

    const wrong = new URL(url)
    wrong.password = 'wrong'

    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    expect((await stat(join(dir, 'postgres/password'))).mode & 0o777).toBe(0o600)
    expect(await query(url, `SELECT current_setting('listen_addresses') AS at, current_setting('fsync') AS fsync`)).toEqual([
      { at: '127.0.0.1', fsync: 'on' },
    ])
  })

  it('loses nothing that was acknowledged when its owner is killed, twelve times over, and starts again at once', async () => {
    for (let run = 1; run <= 12; run++) {
      const owner = await ownerIn('app')
      const { url } = await owner.next()
      const client = await connect(url)
      await client.query('CREATE TABLE IF NOT EXISTS kept (id int)')
      await client.query('INSERT INTO kept VALUES ($1)', [run])
      await owner.end('SIGKILL')
    }

    const server = await start()

    expect(await query(server.url, 'SELECT count(*)::int FROM kept')).toEqual([{ count: 12 }])
  })

  it('refuses a second app, and says what to do', async () => {
    await start()

    const second = startEmbeddedPostgres({ dir, role: 'app' })

    await expect(second).rejects.toMatchObject({
      code: 'data_dir_in_use',
      message: `Another Importal already runs on DATA_DIR ${dir}: stop it, or give this one another DATA_DIR or a DATABASE_URL.`,
    })
  })

  it.each(['a new folder', 'a used folder'])(
    'lets exactly one of two apps win that start in the same instant on %s',
    async (kind) => {
      const folder = kind === 'a new folder' ? await newFolder() : dir

      const answers = await Promise.all(['app', 'app'].map(async (role) => (await ownerIn(role, folder)).next()))

      expect(answers.filter(({ url }) => url)).toHaveLength(1)
      expect(answers.find(({ url }) => !url)).toMatchObject({ code: 'data_dir_in_use' })
    },
  )

  it('lets a command join a running app, which goes on when the command is done', async () => {
    const app = await start()

    const command = await startEmbeddedPostgres({ dir, role: 'cli' })
    await command.stop()

    expect(command).toMatchObject({ url: app.url, attached: true })
    expect(await query(app.url, 'SELECT 1 AS still')).toEqual([{ still: 1 }])
  })

  it('gives a command a server of its own when no app runs', async () => {
    const command = await startEmbeddedPostgres({ dir, role: 'cli' })
    const alone = await query(command.url, 'SELECT 1 AS here')
    await command.stop()

    expect(command.attached).toBe(false)
    expect(alone).toEqual([{ here: 1 }])
    await expect(query(command.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED')
  })

  it('makes an app wait for a command that is at work', async () => {
    const command = await startEmbeddedPostgres({ dir, role: 'cli' })
    const app = start()
    const early = await Promise.race([app.then(() => 'started'), waitForAnotherConnection(command.url)])
    await command.stop()

    expect(early).toBe('waits')
    expect((await app).attached).toBe(false)
  })

  it('is not ended by Ctrl-C, which reaches every process of a terminal', async () => {
    const owner = await ownerIn('app')
    const { url } = await owner.next()

    process.kill(-(owner.child.pid ?? 0), 'SIGINT')

    expect(await owner.next()).toEqual({ interrupted: true })
    expect(await query(url, 'SELECT 1 AS still')).toEqual([{ still: 1 }])
  })

  it('tells its owner when the server is lost', async () => {
    const server = await start()

    process.kill(server.pid, 'SIGKILL')

    expect((await server.lost).message).toContain('The embedded Postgres server ended by itself')
  })

  it('takes its lock again when Postgres drops it', async () => {
    const server = await start()
    const holder = `SELECT pid FROM pg_locks WHERE locktype = 'advisory'`
    const [first] = await query(server.url, holder)

    await query(server.url, 'SELECT pg_terminate_backend($1)', [first?.pid])

    await expect.poll(() => query(server.url, holder)).toEqual([{ pid: expect.not.toBeOneOf([first?.pid]) }])
  })

  it.runIf(process.platform === 'linux')('ends a server whose owner and watchdog were both killed', async () => {
    const owner = await ownerIn('app')
    const orphan = await owner.next()
    process.kill(await watchdogOf(owner), 'SIGKILL')
    await owner.end('SIGKILL')

    const server = await start()

    expect(server.pid).not.toBe(orphan.pid)
    await expect(query(orphan.url, 'SELECT 1')).rejects.toThrow()
  })

  it.runIf(process.platform === 'linux')('is not held up by a process that was given a dead server’s number', async () => {
    const data = join(dir, 'postgres/data')
    const { uid, gid } = await stat(data)
    const stranger = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' })
    onTestFinished(() => void stranger.kill())
    await writeFile(join(data, 'postmaster.pid'), `${stranger.pid}\n${data}\n1700000000\n1\n\n127.0.0.1\n  1 1\nready\n`)

    const server = await start()

    expect(await query(server.url, 'SELECT 1 AS here')).toEqual([{ here: 1 }])
  })

  it('removes what a killed start left half-made', async () => {
    const dead = spawn(process.execPath, ['-e', ''])
    await once(dead, 'exit')
    const half = join(dir, `postgres.new-${dead.pid}-abcdef`)
    await mkdir(join(half, 'data'), { recursive: true })

    await start()

    expect(existsSync(half)).toBe(false)
  })

  it('refuses the data of another Postgres version', async () => {
    const file = join(dir, 'postgres/data/PG_VERSION')
    const ours = await readFile(file, 'utf8')
    await writeFile(file, '15\n')
    onTestFinished(() => writeFile(file, ours))

    await expect(start()).rejects.toMatchObject({
      code: 'data_dir_version',
      message: expect.stringContaining(`was made by Postgres 15, and this is Postgres ${ours.trim()}`),
    })
  })

  it.runIf(isRoot)('refuses a folder that the account running Postgres cannot reach', async () => {
    const folder = await newFolder()
    await chmod(folder, 0o700)

    expect(canHostPostgres(join(folder, 'inside'))).toBe(false)
    await expect(start(folder)).rejects.toMatchObject({
      code: 'data_dir_unreachable',
      message: expect.stringContaining(`cannot reach DATA_DIR ${folder}: open every folder on the way`),
    })
  })
})

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'importal-embedded-'))
  await chmod(folder, 0o711)
  return folder
}

async function newFolder(): Promise<string> {
  const folder = await temporaryFolder()
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function start(folder = dir) {
  const server = await startEmbeddedPostgres({ dir: folder, role: 'app' })
  onTestFinished(() => server.stop())
  return server
}

/** An owner in a process of its own, which can be killed. */
async function ownerIn(role: string, folder = dir): Promise<Owner> {
  const script = ['--import', './test/support/typescript.mjs', 'test/support/embedded-owner.ts', folder, role]
  const child = spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await exited
  }
  onTestFinished(() => end('SIGTERM'))
  return { child, end, next: async () => JSON.parse((await lines.next()).value ?? '{}') }
}

async function watchdogOf({ child }: Owner): Promise<number> {
  const children = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim().split(' ')
  for (const pid of children) if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'sh') return Number(pid)
  throw new Error('the owner has no watchdog')
}

/** Settles when someone has looked at the server and gone away again. */
async function waitForAnotherConnection(url: string): Promise<'waits'> {
  const sessions = async () =>
    (await query(url, `SELECT sessions::int FROM pg_stat_database WHERE datname = 'postgres'`))[0]?.sessions
  const before = await sessions()
  await expect.poll(sessions).toBeGreaterThan(Number(before) + 20)
  return 'waits'
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = await connect(url)
  const { rows } = await client.query(sql, values).finally(() => client.end())
  return rows
}
