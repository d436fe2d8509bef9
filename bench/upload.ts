import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

/** What is uploaded: how many rows of which table, under what name. `asksFirst`: nothing is sent unless it is wanted. */
export type Upload = {
  url: string
  key: string
  rows: number
  name: string
  agent?: Agent
  table?: Table
  asksFirst?: boolean
}

/** An upload that was answered, but not taken. */
export class RefusedError extends Error {}

/** Rows that differ in nothing but their number, which stands in eight digits after `prefix`; cells by property. */
export type Table = { prefix: string; cells: [property: string, rest: string][]; rowBytes: number }

const ROWS_PER_CHUNK = 512
const CONTACTS: Table = {
  prefix: 'person',
  cells: [
    ['email', '@example.com'],
    ['firstname', 'First'],
    ['lastname', 'Last'],
  ],
  rowBytes: 512,
}
const BOUNDARY = 'importal-bench-7f3a91c2'

/** As many rows as make a file of this size, or a little less. */
export function rowsIn(bytes: number, table: Table = CONTACTS): number {
  return Math.floor((bytes - headerOf(table).length) / table.rowBytes)
}

/** Uploads contacts, made as they are sent, with a multipart body of known length; resolves to the answer's JSON. */
export async function upload({
  url,
  key,
  rows,
  name,
  agent = new Agent(),
  table = CONTACTS,
  asksFirst = false,
}: Upload): Promise<Record<string, unknown>> {
  const { head, tail } = frame(name, table)
  const req = request(url, {
    method: 'POST',
    agent,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'content-length': head.length + rows * table.rowBytes + tail.length,
      ...(asksFirst ? { expect: '100-continue' } : {}),
    },
  })
  const answered = once(req, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => undefined) // awaited below
  const isWanted = !asksFirst || (await Promise.race([once(req, 'continue').then(() => true), answered.then(() => false)]))
  if (isWanted)
    await pipeline(function* () {
      yield head
      yield* rowsOf(table, rows)
      yield tail
    }, req)

  const [res] = await answered
  const text = await readText(res)
  if (!isWanted) req.destroy()
  if (res.statusCode !== 202) throw new RefusedError(`the upload was answered ${res.statusCode}: ${text}`)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function headerOf({ cells }: Table): string {
  return `${cells.map(([property]) => property).join(',')}\n`
}

function frame(name: string, table: Table): { head: Buffer; tail: Buffer } {
  const columnMappings = table.cells.map(([property]) => ({
    columnObjectTypeId: '0-1',
    columnName: property,
    propertyName: property,
    ...(property === 'email' ? { columnType: 'HUBSPOT_ALTERNATE_ID' } : {}),
  }))
  const files = [{ fileName: `${name}.csv`, fileFormat: 'CSV', fileImportPage: { hasHeader: true, columnMappings } }]
  const importRequest = JSON.stringify({ name, importOperations: { '0-1': 'UPSERT' }, dateFormat: 'DAY_MONTH_YEAR', files })
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="importRequest"\r\n\r\n${importRequest}\r\n--${BOUNDARY}\r\ncontent-disposition: form-data; name="files"; filename="${name}.csv"\r\ncontent-type: text/csv\r\n\r\n${headerOf(table)}`
  return { head: Buffer.from(head), tail: Buffer.from(`\r\n--${BOUNDARY}--\r\n`) }
}

/** No two e-mail addresses are alike; the last cell is padded to the row's length. */
export function* rowsOf({ prefix, cells, rowBytes }: Table, rows: number): Iterable<Buffer> {
  const written = `${prefix}00000000${cells.map(([, rest]) => rest).join(',')}`
  const row = `${written}${' Last'.repeat(rowBytes).slice(0, rowBytes - 1 - Buffer.byteLength(written))}\n`
  const template = Buffer.from(row.repeat(ROWS_PER_CHUNK))
  for (let from = 0; from < rows; from += ROWS_PER_CHUNK) {
    const count = Math.min(ROWS_PER_CHUNK, rows - from)
    const chunk = Buffer.from(template.subarray(0, count * rowBytes)) // a copy: the one before may still be on its way
    for (let i = 0; i < count; i++) chunk.write(String(from + i).padStart(8, '0'), i * rowBytes + prefix.length, 'latin1')
    yield chunk
  }
}
