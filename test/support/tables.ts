import iconv from 'iconv-lite'

/** How a program writes its CSV. */
export type Dialect = {
  encoding: 'utf-8' | 'utf-8 with a mark' | 'utf-16le' | 'utf-16be' | 'utf-16le without a mark' | 'windows-1252'
  delimiter: string
  lineEnd: string
  /** Always, or only where it must. */
  quotesAll: boolean
  endsWithLine: boolean
}

const CODECS = {
  'utf-8': 'utf8',
  'utf-8 with a mark': 'utf8',
  'utf-16le': 'utf16le',
  'utf-16le without a mark': 'utf16le',
  'utf-16be': 'utf16be',
  'windows-1252': 'win1252',
} as const

/** A table as such a program saves it. */
export function writeTable(table: string[][], { encoding, delimiter, lineEnd, quotesAll, endsWithLine }: Dialect): Buffer {
  const cell = (value: string) =>
    quotesAll || /["\r\n]/.test(value) || value.includes(delimiter) ? `"${value.replaceAll('"', '""')}"` : value
  const text = table.map((row) => row.map(cell).join(delimiter)).join(lineEnd) + (endsWithLine ? lineEnd : '')
  const addBOM = encoding === 'utf-8 with a mark' || encoding === 'utf-16le' || encoding === 'utf-16be'
  return iconv.encode(text, CODECS[encoding], { addBOM })
}

/** A file's bytes as a stream hands them on. */
export async function* inChunks(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
