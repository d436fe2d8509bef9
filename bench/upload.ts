import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

/** What is uploaded: how many rows of 512 bytes, under what name. */
export type Upload = { url: string; key: string; rows: number; name: string; agent?: Agent }

const ROW_BYTES = 512
const ROWS_PER_CHUNK = 512
const HEADER = 'Email,First,Last\n'
const BOUNDARY = 'importal-bench-7f3a91c2'

/** As many rows as make a file of this size, or a little less. */
export function rowsIn(bytes: number): number {
  return Math.floor((bytes - HEADER.length) / ROW_BYTES)
}

/** Uploads contacts, made as they are sent, with a multipart body of known length; resolves to the answer's JSON. */
export async function upload({ url, key, rows, name, agent = new Agent() }: Upload): Promise<Record<string, unknown>> {
  const { head, tail } = frame(name)
  const req = request(url, {
    method: 'POST',
    agent,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'content-length': head.length + rows * ROW_BYTES + tail.length,
    },
  })
  const answered = once(req, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => undefined) // awaited below
  await pipeline(function* () {
    yield head
    yield* contacts(rows)
    yield tail
  }, req)

  const [res] = await answered
  const text = await readText(res)
  if (res.statusCode !== 202) throw new Error(`the upload was answered ${res.statusCode}: ${text}`)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function frame(name: string): { head: Buffer; tail: Buffer } {
  const column = (columnName: string, propertyName: string, more = {}) => ({
    columnObjectTypeId: '0-1',
    columnName,
    propertyName,
    ...more,
  })
  const columnMappings = [
    column('Email', 'email', { columnType: 'HUBSPOT_ALTERNATE_ID' }),
    column('First', 'firstname'),
    column('Last', 'lastname'),
  ]
  const files = [{ fileName: `${name}.csv`, fileFormat: 'CSV', fileImportPage: { hasHeader: true, columnMappings } }]
  const importRequest = JSON.stringify({ name, importOperations: { '0-1': 'UPSERT' }, files })
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="importRequest"\r\n\r\n${importRequest}\r\n--${BOUNDARY}\r\ncontent-disposition: form-data; name="files"; filename="${name}.csv"\r\ncontent-type: text/csv\r\n\r\n${HEADER}`
  return { head: Buffer.from(head), tail: Buffer.from(`\r\n--${BOUNDARY}--\r\n`) }
}

/** Rows that differ in nothing but their number: cheap to make, and no two e-mail addresses are alike. */
function* contacts(rows: number): Iterable<Buffer> {
  const prefix = 'person'
  const row = `${prefix}00000000@example.com,First,`.padEnd(ROW_BYTES - 1, 'Last ').concat('\n')
  const template = Buffer.from(row.repeat(ROWS_PER_CHUNK))
  for (let from = 0; from < rows; from += ROWS_PER_CHUNK) {
    const count = Math.min(ROWS_PER_CHUNK, rows - from)
    const chunk = Buffer.from(template.subarray(0, count * ROW_BYTES)) // a copy: the one before may still be on its way
    for (let i = 0; i < count; i++) chunk.write(String(from + i).padStart(8, '0'), i * ROW_BYTES + prefix.length, 'latin1')
    yield chunk
  }
}
