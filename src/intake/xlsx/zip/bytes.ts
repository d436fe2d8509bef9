import type { Readable } from 'node:stream'
import { damaged } from '../refusals.js'

/** Random access to stored bytes; `end` is exclusive. */
export type Bytes = { size: number; read(start: number, end: number): Readable }

/** A small range at once. */
export async function readRange(bytes: Bytes, start: number, end: number): Promise<Buffer> {
  const isInside = start >= 0 && end <= bytes.size && start <= end
  const chunks: Buffer[] = []
  if (isInside && start < end) for await (const chunk of bytes.read(start, end)) chunks.push(chunk)
  const range = Buffer.concat(chunks)
  if (!isInside || range.length !== end - start) throw damaged('it points to bytes that are not there')
  return range
}
