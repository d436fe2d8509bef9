import type { RequestHandler } from 'express'
import type { Config } from '../config.js'
import type { FileStore } from '../files/file-store.js'
import { type UploadOptions, upload } from '../http/upload.js'
import { inspect } from '../intake/inspect.js'
import { unpack } from '../intake/unpack.js'
import type { ReceivedFile } from './preflight/table.js'

type Deps = { config: Pick<Config, 'maxUploadBytes'>; files: Pick<FileStore, 'save' | 'remove'> }

/** Receives files to be imported: each is stored, and looked at on its way; gzip is unpacked. */
export function receiveFiles(
  { config: { maxUploadBytes: maxBytes }, files }: Deps,
  more: Pick<UploadOptions<ReceivedFile>, 'senderOf' | 'textField' | 'checkText' | 'count' | 'slowest'>,
): RequestHandler {
  return upload<ReceivedFile>({
    save: async (source, partName) => {
      const { name, bytes, packed } = unpack(partName, source, maxBytes)
      const inspection = inspect(name)
      const stored = await files.save(inspection.watch(bytes))
      return { ...stored, name, inspected: inspection.result(), packed: packed() }
    },
    remove: ({ storeKey }) => files.remove(storeKey),
    maxBytes,
    fileField: 'files',
    ...more,
  })
}
