import type { Request, RequestHandler } from 'express'
import type { Config } from '../config.js'
import type { FileStore } from '../files/file-store.js'
import type { Seats } from '../http/seats.js'
import { type UploadOptions, upload } from '../http/upload.js'
import { inspect } from '../intake/inspect.js'
import { unpack } from '../intake/unpack.js'
import type { LookAhead } from './preflight/look-ahead.js'
import type { ReceivedFile } from './preflight/table.js'

type Deps = {
  config: Pick<Config, 'maxUploadBytes'>
  files: Pick<FileStore, 'save' | 'remove'>
  seats: { uploads: Seats }
}

type Options = Pick<UploadOptions<ReceivedFile>, 'senderOf' | 'textField' | 'checkText' | 'meter'> & {
  /** Who looks into a file while it comes, by the text before it. */
  ahead?: (req: Request, text: string, name: string) => LookAhead
}

const MIB = 1024 * 1024
/**
 * A smaller file is checked in a moment once it is there; of a larger one, storing and checking at once would take more
 * memory than the app is to have (280 MB were measured with half a gibibyte, 250 are its goal).
 */
const LOOKED_AHEAD = { minBytes: 4 * MIB, maxBytes: 256 * MIB }

/** Receives files to be imported: each is stored, and looked at on its way; gzip is unpacked. */
export function receiveFiles(
  { config: { maxUploadBytes: maxBytes }, files, seats }: Deps,
  { ahead: lookAhead, ...more }: Options,
): RequestHandler {
  return upload<ReceivedFile>({
    save: async (source, partName, { req, text }) => {
      const { name, bytes, packed } = unpack(partName, source, maxBytes)
      const inspection = inspect(name)
      const length = Number(req.headers['content-length'] ?? 0)
      const isWorthIt = length > LOOKED_AHEAD.minBytes && length <= LOOKED_AHEAD.maxBytes
      const ahead = text !== undefined && isWorthIt ? lookAhead?.(req, text, name) : undefined
      const watched = inspection.watch(bytes)
      const stored = await files.save(ahead ? ahead.watch(watched, inspection.start) : watched)
      return { ...stored, name, inspected: inspection.result(), packed: packed(), ahead: ahead?.result() }
    },
    remove: ({ storeKey }) => files.remove(storeKey),
    maxBytes,
    seats: seats.uploads,
    fileField: 'files',
    ...more,
  })
}
