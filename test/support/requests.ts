import type { ImportView } from '../../src/imports/schema.js'
import { PORTAL, type TestApp, until } from './app.js'

/** A request for contacts with three columns, for `contacts.csv` unless told otherwise. */
export function contactsRequest(change: Record<string, unknown> = {}, fileName = 'contacts.csv'): Record<string, unknown> {
  return {
    name: 'Contacts of today',
    importOperations: { '0-1': 'UPSERT' },
    files: [fileEntry(fileName)],
    ...change,
  }
}

export function fileEntry(fileName: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    fileName,
    fileFormat: 'CSV',
    fileImportPage: {
      hasHeader: true,
      columnMappings: [
        { columnObjectTypeId: '0-1', columnName: 'Email', propertyName: 'email', columnType: 'HUBSPOT_ALTERNATE_ID' },
        { columnObjectTypeId: '0-1', columnName: 'First', propertyName: 'firstname' },
        { columnObjectTypeId: '0-1', columnName: 'Last', propertyName: 'lastname' },
      ],
    },
    ...change,
  }
}

/** Good rows, and as many whose e-mail address is none. */
export function contactsCsv(good: number, bad = 0): string {
  const row = (i: number) => `${i < good ? `p${i}@example.com` : `p${i} at example`},First${i},Last${i}`
  return `Email,First,Last\n${Array.from({ length: good + bad }, (_, i) => row(i)).join('\n')}\n`
}

type Upload = {
  /** Null: none. */
  request?: unknown
  file?: string | Buffer
  fileName?: string
  key?: string
  portalId?: string
  /** Put the file before the importRequest. */
  fileFirst?: boolean
  query?: string
  headers?: Record<string, string>
}

/** Uploads as a partner's HTTP client does. */
export async function uploadFile(
  app: Pick<TestApp, 'url' | 'key'>,
  upload: Upload = {},
): Promise<{ status: number; headers: Headers; body: ImportView & Record<string, unknown> }> {
  const {
    request = contactsRequest(),
    file = contactsCsv(3),
    fileName = 'contacts.csv',
    portalId = PORTAL,
    fileFirst = false,
    query = '',
  } = upload
  const form = new FormData()
  const parts = [
    () => request !== null && form.append('importRequest', typeof request === 'string' ? request : JSON.stringify(request)),
    () => form.append('files', new Blob([file as string], { type: 'text/csv' }), fileName),
  ]
  for (const append of fileFirst ? parts.reverse() : parts) append()
  const res = await fetch(`${app.url}/v1/portals/${portalId}/imports${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${upload.key ?? app.key}`, ...upload.headers },
    body: form,
  })
  return { status: res.status, headers: res.headers, body: (await res.json()) as ImportView & Record<string, unknown> }
}

/** Asks with the partner's key. */
export async function ask<T = ImportView & Record<string, unknown>>(
  app: Pick<TestApp, 'url' | 'key'>,
  path: string,
  key = app.key,
): Promise<{ status: number; headers: Headers; body: T }> {
  const res = await fetch(path.startsWith('http') ? path : app.url + path, { headers: { authorization: `Bearer ${key}` } })
  return { status: res.status, headers: res.headers, body: (await res.json()) as T }
}

/** Waits until an import is in one of the states. */
export async function untilState(
  app: Pick<TestApp, 'url' | 'key'>,
  { id, portalId = PORTAL }: { id: string; portalId?: string },
  ...wanted: (string | number)[]
) {
  const timeoutMs = wanted.find((one) => typeof one === 'number')
  return until(
    async () => (await ask(app, `/v1/portals/${portalId}/imports/${id}`)).body,
    ({ state }) => wanted.includes(state),
    timeoutMs,
  )
}
