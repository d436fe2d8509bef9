import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import {
  type Account,
  canReach,
  embeddedPostgresError,
  locateBinaries,
  type PostgresBinaries,
  postgresAccount,
} from './postgres-binaries.js'

/** Nothing of the app's own environment, which holds secrets; UTC spares initdb the search for the machine's time zone. */
export const clusterEnvironment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** A database cluster on disk: one folder, made and moved as a whole, so that a password always fits its data. */
export type Cluster = {
  dir: string
  data: string
  password: string
  binaries: PostgresBinaries
  account: Account | undefined
}

/** Whether the account that runs Postgres can get to `dir`; only ever false when this process is root. */
export function canHostPostgres(dir: string): boolean {
  const account = accountFor(dir)
  return !account || canReach(account, dir)
}

/**
 * Opens the cluster in `dir`, made first if there is none.
 *
 * @throws `data_dir_unreachable`, `data_dir_version`, `postgres_unavailable`, `postgres_failed`
 */
export async function openCluster(dir: string): Promise<Cluster> {
  const account = accountFor(dir)
  if (account && !canReach(account, dir)) {
    throw embeddedPostgresError(
      'data_dir_unreachable',
      `Postgres cannot run as root, so it runs as "${account.name}", which cannot reach DATA_DIR ${resolve(dir)}: open every folder on the way to it (chmod o+x), or give another DATA_DIR or a DATABASE_URL.`,
    )
  }

  const binaries = await locateBinaries(account)
  try {
    return await openOrCreate(dir, binaries, account)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error
    throw embeddedPostgresError(
      'data_dir_unreachable',
      `DATA_DIR ${resolve(dir)} is closed to the account that Importal runs as (${message}): give it that folder, or give another DATA_DIR or a DATABASE_URL.`,
      error,
    )
  }
}

async function openOrCreate(dir: string, binaries: PostgresBinaries, account: Account | undefined): Promise<Cluster> {
  const home = clusterHome(dir)
  await removeHalfMade(dir)
  // Not merely whether it seems to exist: a cluster that may not be looked at is not one to make anew.
  const isMade = await stat(join(home, 'data', 'PG_VERSION')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!isMade) await createCluster(dir, binaries, account)
  await checkVersion(dir, binaries)
  const password = (await readFile(join(home, 'password'), 'utf8')).trim()
  return { dir: resolve(dir), data: join(home, 'data'), password, binaries, account }
}

/** The address of a server that runs on the cluster. */
export function urlOf({ password }: Cluster, port: number): string {
  return `postgresql://importal:${password}@127.0.0.1:${port}/postgres`
}

function clusterHome(dir: string): string {
  return join(resolve(dir), 'postgres')
}

/** Root runs a cluster as whoever owns it, so that an app that was once started by root does not lock its owner out. */
function accountFor(dir: string): Account | undefined {
  const account = postgresAccount()
  if (!account) return undefined
  const found = statSync(join(clusterHome(dir), 'data'), { throwIfNoEntry: false })
  return found?.uid ? { name: `uid ${found.uid}`, uid: found.uid, gid: found.gid } : account
}

/** Made beside its place and renamed: a start that is killed meanwhile leaves nothing that looks like a cluster. */
async function createCluster(dir: string, binaries: PostgresBinaries, account: Account | undefined): Promise<void> {
  await makeDataDir(dir, account)
  const half = await mkdtemp(join(resolve(dir), `postgres.new-${process.pid}-`))
  const passwordFile = join(half, 'password')
  try {
    await writeFile(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600, flush: true })
    if (account) for (const path of [half, passwordFile]) await chown(path, account.uid, account.gid)
    await runInitdb(half, passwordFile, binaries, account)
    await moveIntoPlace(half, clusterHome(dir))
  } finally {
    await rm(half, { recursive: true, force: true })
  }
}

async function makeDataDir(dir: string, account: Account | undefined): Promise<void> {
  const first = await mkdir(resolve(dir), { recursive: true, mode: account ? 0o711 : 0o700 })
  if (!first || !account) return
  // The umask may have closed what Postgres's account has to pass through.
  for (let made = resolve(dir); made.length >= first.length; made = dirname(made)) await chmod(made, 0o711)
}

async function runInitdb(
  home: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
): Promise<void> {
  const arguments_ = [
    '-D',
    join(home, 'data'),
    '-U',
    'importal',
    '-A',
    'scram-sha-256',
    '--pwfile',
    passwordFile,
    '-E',
    'UTF8',
    '--locale=C',
  ]
  const as = account && { uid: account.uid, gid: account.gid }
  try {
    await promisify(execFile)(binaries.initdb, arguments_, { ...as, cwd: home, env: clusterEnvironment })
  } catch (error) {
    const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string }
    // The file is there; what is missing is the C library it was built for.
    if (code === 'ENOENT')
      throw embeddedPostgresError(
        'postgres_unavailable',
        'The embedded Postgres server needs glibc, which this machine (Alpine?) lacks: set DATABASE_URL.',
        error,
      )
    throw embeddedPostgresError('postgres_failed', `initdb failed in ${home}: ${(stderr || message).trim()}`, error)
  }
}

async function moveIntoPlace(half: string, home: string): Promise<void> {
  try {
    await rmdir(home).catch(() => undefined) // an empty folder, which Windows would not replace
    await rename(half, home)
    const parent = await open(dirname(home), 'r')
    await parent.sync().finally(() => parent.close())
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isThere = code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM'
    if (!isThere || !existsSync(join(home, 'data', 'PG_VERSION'))) {
      throw embeddedPostgresError(
        'postgres_failed',
        `The new database cluster could not be put at ${home}: is there something else?`,
        error,
      )
    }
    // Another process was first: its cluster is as good as ours.
  }
}

async function checkVersion(dir: string, { major }: PostgresBinaries): Promise<void> {
  const file = join(clusterHome(dir), 'data', 'PG_VERSION')
  const made = (await readFile(file, 'utf8')).trim()
  if (made === major) return
  throw embeddedPostgresError(
    'data_dir_version',
    `The database in DATA_DIR ${resolve(dir)} was made by Postgres ${made}, and this is Postgres ${major}: move it over with pg_dump and pg_restore, or give another DATA_DIR or a DATABASE_URL.`,
  )
}

/** What a killed start left half-made; its maker's process id is in the name. */
async function removeHalfMade(dir: string): Promise<void> {
  for (const name of await readdir(resolve(dir)).catch(() => [])) {
    const maker = Number(/^postgres\.new-(\d+)-/.exec(name)?.[1])
    if (maker && !isAlive(maker)) await rm(join(resolve(dir), name), { recursive: true, force: true }).catch(() => undefined)
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
