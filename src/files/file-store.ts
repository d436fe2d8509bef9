import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import {
  access,
  constants,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { AppError } from '../errors.js'

export type StoredFile = { storeKey: string; bytes: number; sha256: string }

/** Where uploaded bytes live. A stored file is durable and never changes; its key says nothing about what it is. */
export type FileStore = {
  /**
   * Stores what `source` gives, hashing it on the way; what fails half-way leaves nothing.
   * @throws {AppError} `storage_full`, `storage_unavailable`
   */
  save(source: AsyncIterable<Buffer>): Promise<StoredFile>
  /** Makes a file as young as if it had just been stored. @throws {AppError} `storage_unavailable`: it is not there */
  touch(storeKey: string): Promise<void>
  /** The bytes, a chunk at a time. @throws {AppError} `file_lost`, `storage_unavailable` */
  read(storeKey: string): AsyncIterable<Buffer>
  /** Some of the bytes; `end` is exclusive. The stream fails as `read` does. */
  readRange(storeKey: string, start: number, end: number): Readable
  /** Removes a file; one that is gone already is fine. */
  remove(storeKey: string): Promise<void>
  /** Removes what uploads that died left behind, when older than this; resolves to how many there were. */
  sweepUnfinished(olderThanMs: number): Promise<number>
  /**
   * Removes complete files that are older than this and that nobody keeps, `findKept` says which of some; looks at one
   * folder at a time. Resolves to how many there were.
   */
  sweepOrphans(olderThanMs: number, findKept: (storeKeys: string[]) => Promise<Set<string>>): Promise<number>
  /** Whether a file is there. */
  has(storeKey: string): Promise<boolean>
  /** @throws when files cannot be stored now */
  check(): Promise<void>
  /** Tells this store from every other one, whichever process looks: it lies beside the files. */
  identify(): Promise<{ storeId: string; idFile: string }>
}

/** Names of our own making: whatever else lies in the folder is not ours to remove. */
const OWN_NAME = /^[0-9a-f]{32}$/
/** Small: what is read, sent and forgotten at once costs no more than V8's cheap collections. */
const READ_CHUNK_BYTES = 128 * 1024
/** Names that are looked at together: a folder may hold many. */
const NAMES_AT_ONCE = 500
const FULL_ERRORS = ['ENOSPC', 'EDQUOT']
/** Errors of the disk, not of whoever sends. */
const DISK_ERRORS = [...FULL_ERRORS, 'EIO', 'EROFS', 'EMFILE', 'ENFILE', 'EACCES', 'ENOENT', 'EFBIG']
/** How often an upload looks whether there is still room: others write meanwhile. */
const LOOK_EVERY_BYTES = 32 * 1024 * 1024
const FULL_RETRY_SECONDS = 300

/**
 * A file store in a directory: `unfinished/` for what is being written, 256 folders for what is complete. Uploads are not
 * let in to the last `reservedPercent` of its disk: what was accepted, and a database on the same disk, must go on.
 */
export async function createFileStore(filesUrl: string, reservedPercent: number): Promise<FileStore> {
  const root = fileURLToPath(filesUrl)
  const unfinished = join(root, 'unfinished')
  const orphans = join(root, 'orphans')
  for (const folder of [unfinished, orphans]) await mkdir(folder, { recursive: true, mode: 0o700 })
  let sweptUntil = ''
  const folderOf = (storeKey: string) => join(root, storeKey.slice(-2))

  /** Removes what was set aside, but puts back what an import has come to need meanwhile; whoever set it aside. */
  const removeOrphans: FileStore['sweepOrphans'] = async (olderThanMs, findKept) => {
    const names = (await readdir(orphans)).filter((name) => OWN_NAME.test(name))
    const kept = names.length > 0 ? await findKept(names) : new Set()
    let removed = 0
    for (const name of names) {
      const isOrphan = !kept.has(name) && (await isOld(join(orphans, name), olderThanMs))
      if (isOrphan) await rm(join(orphans, name), { force: true })
      else await rename(join(orphans, name), join(folderOf(name), name)).catch(ignoreGone)
      removed += Number(isOrphan)
    }
    return removed
  }

  async function refuseWhenFull(): Promise<void> {
    const { bavail, blocks } = await statfs(root)
    if (bavail * 100 >= blocks * reservedPercent) return
    throw new AppError('storage_full', { retryAfterSeconds: FULL_RETRY_SECONDS })
  }

  return {
    async save(source) {
      const storeKey = randomUUID().replaceAll('-', '')
      const temporary = join(unfinished, storeKey)
      const hash = createHash('sha256')
      let bytes = 0
      let nextLookAt = 0
      async function* hashed() {
        for await (const chunk of source) {
          if (bytes >= nextLookAt) {
            await refuseWhenFull()
            nextLookAt += LOOK_EVERY_BYTES
          }
          hash.update(chunk)
          bytes += chunk.length
          yield chunk
        }
      }
      try {
        await writeSynced(temporary, hashed())
        const folder = folderOf(storeKey)
        if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(root)
        await rename(temporary, join(folder, storeKey))
        await syncFolder(folder)
      } catch (error) {
        await rm(temporary, { force: true })
        throw isDiskError(error) ? toProblem(error) : error
      }
      return { storeKey, bytes, sha256: hash.digest('hex') }
    },

    async touch(storeKey) {
      const now = new Date()
      await utimes(join(folderOf(storeKey), storeKey), now, now).catch((cause: unknown) => {
        throw new AppError('storage_unavailable', { cause, retryAfterSeconds: 30, context: { storeKey } })
      })
    },

    async *read(storeKey) {
      try {
        yield* createReadStream(join(folderOf(storeKey), storeKey), { highWaterMark: READ_CHUNK_BYTES }) as AsyncIterable<Buffer>
      } catch (cause) {
        if (!isDiskError(cause)) throw cause
        // Only a file that is missing from a folder that is there is gone; anything else of a disk's passes.
        const isGone = cause.code === 'ENOENT' && existsSync(unfinished)
        throw new AppError(isGone ? 'file_lost' : 'storage_unavailable', { cause, context: { storeKey } })
      }
    },

    readRange(storeKey, start, end) {
      return createReadStream(join(folderOf(storeKey), storeKey), { start, end: end - 1, highWaterMark: READ_CHUNK_BYTES })
    },

    async remove(storeKey) {
      await rm(join(folderOf(storeKey), storeKey), { force: true })
    },

    async sweepUnfinished(olderThanMs) {
      let removed = 0
      for (const name of (await readdir(unfinished)).filter((one) => OWN_NAME.test(one))) {
        const path = join(unfinished, name)
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
        if (mtimeMs > Date.now() - olderThanMs) continue
        await rm(path, { force: true })
        removed += 1
      }
      return removed
    },

    async sweepOrphans(olderThanMs, findKept) {
      const [folder, another] = (await readdir(root)).filter((name) => /^[0-9a-f]{2}$/.test(name) && name > sweptUntil).sort()
      sweptUntil = folder !== undefined && another !== undefined ? folder : ''
      if (folder === undefined) return removeOrphans(olderThanMs, findKept)
      const names = (await readdir(join(root, folder))).filter((name) => OWN_NAME.test(name))
      for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
        const some = names.slice(at, at + NAMES_AT_ONCE)
        const old = await filterAsync(some, (name) => isOld(join(root, folder, name), olderThanMs))
        const kept = old.length > 0 ? await findKept(old) : new Set()
        // Out of everybody's reach first: an upload that touches it from now on is told that it is gone.
        for (const name of old.filter((one) => !kept.has(one)))
          await rename(join(root, folder, name), join(orphans, name)).catch(ignoreGone)
      }
      return removeOrphans(olderThanMs, findKept)
    },

    async has(storeKey) {
      return stat(join(folderOf(storeKey), storeKey)).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          // Only a file that is missing from a folder that is there is gone.
          if (error.code === 'ENOENT' && existsSync(unfinished)) return false
          throw error
        },
      )
    },

    async check() {
      await access(unfinished, constants.W_OK)
    },

    async identify() {
      const idFile = join(root, 'store-id')
      const own = join(unfinished, randomUUID())
      await writeFile(own, randomUUID(), { mode: 0o600, flush: true })
      // Complete from the first moment; whoever comes second finds the first one's.
      await link(own, idFile).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      await rm(own)
      return { storeId: (await readFile(idFile, 'utf8')).trim(), idFile }
    },
  }
}

async function isOld(path: string, olderThanMs: number): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs < Date.now() - olderThanMs,
    () => false,
  )
}

/** Another process was quicker. */
function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function filterAsync<T>(all: T[], isWanted: (one: T) => Promise<boolean>): Promise<T[]> {
  const wanted = await Promise.all(all.map(isWanted))
  return all.filter((_, i) => wanted[i])
}

/** Writes a new file, closed and on the disk once this resolves. No chunk is kept while the next one is awaited. */
async function writeSynced(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const chunk of chunks) await file.writeFile(chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is durable only once the folder itself has been synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && DISK_ERRORS.includes(String(error.code))
}

function toProblem(cause: NodeJS.ErrnoException): AppError {
  if (FULL_ERRORS.includes(cause.code ?? ''))
    return new AppError('storage_full', { cause, retryAfterSeconds: FULL_RETRY_SECONDS })
  return new AppError('storage_unavailable', { cause, retryAfterSeconds: 30 })
}
