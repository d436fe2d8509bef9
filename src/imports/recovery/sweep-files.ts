import type { FileStore } from '../../files/file-store.js'
import type { Log } from '../../log.js'
import type { FilesInUseStore } from './files-in-use-store.js'

/** An upload that wrote nothing for so long is dead. */
const UNFINISHED_MS = 10 * 60_000
/** An upload's last bytes are stored moments before its import is: what is older and has no import never gets one. */
const ORPHAN_MS = 60 * 60_000
const IMPORTS_A_SWEEP = 500

type Deps = {
  files: Pick<FileStore, 'sweepUnfinished' | 'sweepOrphans' | 'has' | 'check'>
  filesInUse: FilesInUseStore
  log: Log
}

/**
 * Compares the stored files with the tables: removes what interrupted uploads left, and tells a person of imports whose
 * file is gone. A store that cannot be reached says nothing about its files.
 */
export function createFileSweep({ files, filesInUse, log }: Deps): () => Promise<void> {
  let seenUntil = ''

  return async () => {
    await files.check()
    const unfinished = await files.sweepUnfinished(UNFINISHED_MS)
    const orphans = await files.sweepOrphans(ORPHAN_MS, filesInUse.findKept)
    if (unfinished + orphans > 0) log.warn({ unfinished, orphans }, 'removed what interrupted uploads had left')

    const waiting = await filesInUse.listWaiting(seenUntil, IMPORTS_A_SWEEP)
    seenUntil = waiting.length < IMPORTS_A_SWEEP ? '' : (waiting.at(-1)?.importId ?? '')
    for (const { importId, storeKeys } of waiting) {
      for (const storeKey of storeKeys) {
        if (await files.has(storeKey)) continue
        await filesInUse.recordLost(importId)
        log.error({ importId, storeKey }, 'the stored file of an import is gone')
      }
    }
  }
}
