import { SCAN_BYTES } from './kernel/scan-bytes.js'

/** What a file's records look like, as delimited text. Records are counted as a spreadsheet counts rows: the header is 1. */
export type Structure = {
  /** The header and blank ones included. */
  records: number
  blank: number
  /** Of the first record. */
  columns: number
  /** Records with more or fewer columns than the first. All are counted, some are named. */
  ragged: { count: number; some: { line: number; columns: number }[] }
  /** Quotes where no cell begins, and text right after a quoted cell: read as they stand. */
  stray: { count: number; firstLine: number }
  /** A quoted cell is still open at the end. */
  isUnclosed: boolean
  lineEnds: { lf: number; crlf: number; cr: number }
}

type Kernel = {
  memory: WebAssembly.Memory
  scan: (length: number) => void
  finish: () => void
} & Record<
  'delimiter' | 'records' | 'blank' | 'lf' | 'cr' | 'crlf' | 'expected' | 'ragged' | 'stray' | 'strayRecord',
  WebAssembly.Global<'i32'>
> &
  Record<'quoted', WebAssembly.Global<'i64'>>

const BYTES_AT = 65_536
const SLICE_BYTES = 65_536
const MAX_NAMED = 1_000

const kernel = new WebAssembly.Module(Buffer.from(SCAN_BYTES, 'base64'))

/**
 * Reads the structure of delimited text from its bytes as they go by, several gigabytes a second: in any encoding in which
 * ASCII stands for itself. Memory does not grow, whatever the cells.
 */
export function createStructureScan(delimiter: string) {
  const exports = new WebAssembly.Instance(kernel).exports as unknown as Kernel
  exports.delimiter.value = delimiter.charCodeAt(0)
  const bytes = new Uint8Array(exports.memory.buffer, BYTES_AT, SLICE_BYTES)

  return {
    push(chunk: Buffer): void {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        const slice = chunk.subarray(at, at + SLICE_BYTES)
        bytes.set(slice)
        exports.scan(slice.length)
      }
    },

    /** Of all that was pushed; nothing can be pushed afterwards. */
    end(): Structure {
      exports.finish()
      const [lf, cr, crlf] = [exports.lf.value, exports.cr.value, exports.crlf.value]
      const named = Math.min(exports.ragged.value, MAX_NAMED)
      const list = new Int32Array(exports.memory.buffer, 0, named * 2)
      return {
        records: exports.records.value,
        blank: exports.blank.value,
        columns: exports.expected.value + 1,
        ragged: {
          count: exports.ragged.value,
          some: Array.from({ length: named }, (_, i) => ({ line: list[i * 2] ?? 0, columns: list[i * 2 + 1] ?? 0 })),
        },
        stray: { count: exports.stray.value, firstLine: exports.strayRecord.value },
        isUnclosed: exports.quoted.value !== 0n,
        lineEnds: { lf: lf - crlf, crlf, cr: cr - crlf },
      }
    },
  }
}
