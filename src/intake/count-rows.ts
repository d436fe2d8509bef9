const [LF, CR, QUOTE] = [0x0a, 0x0d, 0x22]

/** Counts the records of a CSV file as its bytes go by; `rows()` is without the header. Quoted line breaks do not count. */
export function createRowCounter() {
  const breaks = { lf: 0, cr: 0 }
  let isQuoted = false
  let last = LF

  function push(chunk: Buffer): void {
    last = chunk.at(-1) ?? last
    if (!isQuoted && !chunk.includes(QUOTE)) {
      // Searching is several times as quick as looking at every byte.
      breaks.lf += occurrences(chunk, LF)
      breaks.cr += occurrences(chunk, CR)
      return
    }
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === QUOTE) isQuoted = !isQuoted
      else if (!isQuoted && byte === LF) breaks.lf += 1
      else if (!isQuoted && byte === CR) breaks.cr += 1
    }
  }

  return {
    /** The same bytes, looked at on their way. */
    async *watch(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
      for await (const chunk of source) {
        push(chunk)
        yield chunk
      }
    },

    /** Of a file that ends its lines with CR LF, LF or CR alone. */
    rows(): number {
      const records = Math.max(breaks.lf, breaks.cr) + (last === LF || last === CR ? 0 : 1)
      return Math.max(0, records - 1)
    },
  }
}

function occurrences(chunk: Buffer, byte: number): number {
  let count = 0
  for (let at = chunk.indexOf(byte); at >= 0; at = chunk.indexOf(byte, at + 1)) count += 1
  return count
}
