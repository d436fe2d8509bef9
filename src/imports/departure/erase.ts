import type { FileStore } from '../../files/file-store.js'
import type { Log } from '../../log.js'
import type { Unerased } from '../../portals/portal-store.js'
import type { ErasureStore, KeptFile } from './erasure-store.js'

/** What one sweep erases at most, so that what else is swept does not wait for long. */
const IMPORTS_A_SWEEP = 200
const FILES_A_BATCH = 200
const ROWS_A_BATCH = 5_000

type Deps = { erasures: ErasureStore; files: Pick<FileStore, 'remove'> }

/** What a run deleted; not what others had deleted before it. */
export type Erased = { files: number; bytes: number; rowErrors: number; templates: number }

/**
 * Erases what is flagged and has ended: the files' bytes, and of row errors all that may quote a row. It may be killed
 * anywhere: the flag goes last, and what was erased is not there the next time. One that fails does not keep the others.
 */
export async function eraseFlagged(deps: Deps & { log: Log }): Promise<void> {
  for (const importId of await deps.erasures.listFlagged(IMPORTS_A_SWEEP)) {
    try {
      const { files } = await removeFiles(deps, await deps.erasures.listFilesOfImport(importId))
      const rowErrors = await inBatches((limit) => deps.erasures.blankRowErrors(importId, limit))
      await deps.erasures.blankWords(importId)
      await deps.erasures.recordErased(importId)
      deps.log.info({ importId, files, rowErrors }, 'erased an import’s rows')
    } catch (error) {
      deps.log.warn({ err: error, importId }, 'an import could not be erased; it is tried again')
    }
  }
}

/**
 * Deletes all that a portal’s partners sent and all that was found in it: files, findings, row errors, templates,
 * idempotency keys and its admin's webhook endpoints. May be run again, and by several at once; a failure leaves the rest for the next run.
 */
export async function erasePortal(deps: Deps, portal: Unerased): Promise<Erased> {
  const { erasures } = deps
  const removed = { files: 0, bytes: 0 }
  for (;;) {
    const batch = await erasures.listFilesOfPortal(portal, FILES_A_BATCH)
    if (batch.length === 0) break
    const { files, bytes } = await removeFiles(deps, batch)
    removed.files += files
    removed.bytes += bytes
  }
  const rowErrors = await inBatches((limit) => erasures.deleteRowErrors(portal, limit))
  const templates = await inBatches((limit) => erasures.deleteTemplates(portal, limit))
  await inBatches((limit) => erasures.deleteIdempotencyKeys(portal, limit))
  await erasures.deleteEndpoints(portal)
  await erasures.blankWordsOfPortal(portal)
  return { ...removed, rowErrors, templates }
}

/** The bytes first: a row without bytes is known to be wrong, bytes without a row would be kept for ever. */
async function removeFiles({ erasures, files }: Deps, kept: KeptFile[]): Promise<{ files: number; bytes: number }> {
  const removed = { files: 0, bytes: 0 }
  for (const file of kept) {
    await files.remove(file.storeKey)
    if (!(await erasures.recordRemoved(file))) continue
    removed.files += 1
    removed.bytes += file.bytes
  }
  return removed
}

async function inBatches(erase: (limit: number) => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const count = await erase(ROWS_A_BATCH)
    total += count
    if (count < ROWS_A_BATCH) return total
  }
}
