import type {
  DeliveryPage,
  Import,
  ImportEvent,
  ImportPage,
  ImportState,
  Me,
  NewEndpoint,
  Paged,
  Portal,
  RowErrorPage,
  Validation,
} from './answers.js'
import { readBlocks } from './event-stream.js'
import { ApiProblem, problemOfSilence } from './problem.js'
import { type Access, type Ask, createSend, pause, waitBefore } from './send.js'

export type * from './answers.js'
export { ApiProblem } from './problem.js'
export type { Access } from './send.js'

export type Upload = {
  files: { name: string; content: Blob }[]
  /** HubSpot's own; a text goes as it is. */
  importRequest?: object | string | undefined
  /** Instead of an importRequest: a template's id, with `@2` for that version of it. */
  template?: string | undefined
  /** The worksheet that is wanted, of a workbook that has several. */
  sheet?: string | undefined
  /** `never`: a file that HubSpot could not take as it is, is refused. */
  normalize?: 'auto' | 'never' | undefined
  /** A wrong cell refuses the file. */
  strict?: boolean | undefined
  /** Only to be told what is wrong: nothing is kept, nothing sent. */
  validateOnly?: boolean | undefined
  /** Yours to choose, when you may send the same again later; otherwise one is made. */
  idempotencyKey?: string | undefined
  /** Answered once HubSpot has taken or refused it, or after so many seconds, a minute at most. */
  wait?: number | undefined
  signal?: AbortSignal | undefined
}

/** What is seen of an import: what happens to it, and at the very end the import itself. */
export type Seen = { event: ImportEvent; import?: undefined } | { event?: undefined; import: Import }

type Signal = { signal?: AbortSignal | undefined }
type Listing = Signal & { state?: ImportState; limit?: number }
type ErrorListing = Signal & { origin?: 'finding' | 'hubspot'; limit?: number }

export type Client = ReturnType<typeof createClient>

const ENDED: ImportState[] = ['done', 'failed', 'canceled', 'needs_review']
/** An upload takes as long as it takes: a day is no deadline, but an end. A connection that does nothing ends by itself. */
const UPLOAD_TIMEOUT_MS = 86_400_000
/** Importal says something every 15 seconds. */
const SILENCE_MS = 45_000
/** One after the other that told nothing. */
const MAX_BROKEN = 7

/**
 * A client of Importal's API. A request that met a busy server is sent again when that asked for it, one whose answer was
 * lost where that is safe; whatever else goes wrong is thrown as an ApiProblem, or as the signal's reason.
 */
export function createClient(access: Access) {
  const send = createSend(access)
  const get = <T>(path: string, ask: Ask = {}) => send(path, ask, readJson<T>)

  function createImport(portalId: string, upload: Upload & { validateOnly: true }): Promise<Validation>
  function createImport(portalId: string, upload: Upload & { validateOnly?: false | undefined }): Promise<Import>
  async function createImport(portalId: string, upload: Upload): Promise<Import | Validation> {
    const { idempotencyKey = crypto.randomUUID(), wait, template, sheet, normalize, strict, validateOnly, signal } = upload
    const boundary = crypto.randomUUID()
    return send(
      importsOf(portalId),
      {
        method: 'POST',
        query: { template, sheet, normalize, strict, validateOnly },
        headers: {
          'content-type': `multipart/form-data; boundary=${boundary}`,
          'idempotency-key': idempotencyKey,
          ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
        },
        body: bodyOf(upload, boundary),
        isRepeatable: true,
        signal,
        timeoutMs: UPLOAD_TIMEOUT_MS,
      },
      readJson<Import | Validation>,
    )
  }

  function getImport(portalId: string, importId: string, { signal }: Signal = {}): Promise<Import> {
    return get<Import>(importOf(portalId, importId), { signal })
  }

  async function* pages<Page>(path: string, query: Ask['query'], { signal }: Signal): AsyncGenerator<Page> {
    for (let after: string | undefined; ; ) {
      const { paging, ...page }: Paged<object> = await get<Paged<object>>(path, { query: { ...query, after }, signal })
      yield page as Page
      after = paging?.next.after
      if (after === undefined) return
    }
  }

  /** What comes after an event, as a stream of its own. */
  async function openEvents(path: string, after: string | undefined, signal: AbortSignal | undefined) {
    const silence = new AbortController()
    const ask = {
      headers: { accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': after }) },
      signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
    }
    return readBlocks(await send(path, ask, readStream), SILENCE_MS, (reason) => silence.abort(reason))
  }

  return {
    me: (signal: Signal = {}) => get<Me>('/v1/me', signal),

    portals: async (signal: Signal = {}) => (await get<{ results: Portal[] }>('/v1/portals', signal)).results,

    /**
     * Sends files to be imported, or with `validateOnly` only to be judged. However often it has to be sent, it is one
     * import: each try has the same Idempotency-Key.
     */
    createImport,

    getImport,

    /** Your imports into a portal, page by page, the newest first. */
    listImports: (portalId: string, { signal, ...query }: Listing = {}) =>
      pages<ImportPage>(importsOf(portalId), query, { signal }),

    /** What Importal found and what HubSpot reported about the rows, page by page. */
    errors: (portalId: string, importId: string, { signal, ...query }: ErrorListing = {}) =>
      pages<RowErrorPage>(`${importOf(portalId, importId)}/errors`, query, { signal }),

    /** The rows that failed, as they were sent and with what is wrong, as CSV. */
    errorsCsv: (portalId: string, importId: string, { signal }: Signal = {}) =>
      send(`${importOf(portalId, importId)}/errors`, { query: { format: 'csv' }, signal }, readStream),

    /** Stops an import; what HubSpot has written stays, and one that has ended stays as it ended. */
    cancel: (portalId: string, importId: string, { signal }: Signal = {}) =>
      send(`${importOf(portalId, importId)}/cancel`, { method: 'POST', signal }, readJson<Import>),

    /** Where messages go; without an address they are kept, to be fetched. */
    createEndpoint: (endpoint: { url: string | null; events?: string[] }, { signal }: Signal = {}) =>
      send(
        '/v1/endpoints',
        { method: 'POST', headers: JSON_TYPE, body: new Blob([JSON.stringify(endpoint)]), signal },
        readJson<NewEndpoint>,
      ),

    deleteEndpoint: (id: string, { signal }: Signal = {}) =>
      send(`/v1/endpoints/${encodeURIComponent(id)}`, { method: 'DELETE', isRepeatable: true, signal }, readJson<object>),

    /** Messages from behind one, the oldest first; `last` is where to go on. */
    deliveries: (endpointId: string, { since, signal }: Signal & { since: string }) =>
      get<DeliveryPage>(`/v1/endpoints/${encodeURIComponent(endpointId)}/deliveries`, { query: { since, limit: 100 }, signal }),

    /**
     * What happens to an import, from its beginning, each event once; when it has ended, or needs a person, the import
     * itself, and that is all. A connection that breaks is made anew.
     */
    async *watch(portalId: string, importId: string, { signal }: Signal = {}): AsyncGenerator<Seen, void> {
      const path = `${importOf(portalId, importId)}/events`
      let lastId: string | undefined
      let pauseMs = 1_000
      for (let broken = 0; ; ) {
        let told = 0
        const blocks = await openEvents(path, lastId, signal)
        try {
          for await (const { id, data, retryMs } of blocks) {
            pauseMs = retryMs ?? pauseMs
            if (retryMs === undefined) broken = 0
            lastId = id ?? lastId
            if (data === undefined) continue
            told += 1
            yield { event: { ...parseJson<ImportEvent>(data), id: lastId ?? '' } }
          }
        } catch (error) {
          signal?.throwIfAborted()
          if (error instanceof ApiProblem) throw error
          if (broken >= MAX_BROKEN) throw problemOfSilence(error)
          await pause(Math.max(pauseMs, waitBefore(broken)), signal)
          broken += 1
          continue
        }
        // A stream ends in time, too: the last one is that which has nothing more to tell.
        if (told > 0) continue
        const made = await getImport(portalId, importId, { signal })
        if (ENDED.includes(made.state)) return yield { import: made }
        await pause(pauseMs, signal)
      }
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

function importsOf(portalId: string): string {
  return `/v1/portals/${encodeURIComponent(portalId)}/imports`
}

function importOf(portalId: string, importId: string): string {
  return `${importsOf(portalId)}/${encodeURIComponent(importId)}`
}

/**
 * A multipart body of a known length; the importRequest comes first: a wrong one is refused before the files are read. Not
 * a FormData, with which Node's fetch never ends when a file cannot be read. @see RFC 7578
 */
function bodyOf({ importRequest, files }: Upload, boundary: string): Blob {
  const part = (disposition: string) => `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n`
  const request = typeof importRequest === 'string' ? importRequest : JSON.stringify(importRequest)
  return new Blob([
    ...(importRequest === undefined ? [] : [`${part('name="importRequest"')}\r\n${request}\r\n`]),
    ...files.flatMap(({ name, content }) => [
      `${part(`name="files"; filename="${escapeName(name)}"`)}content-type: application/octet-stream\r\n\r\n`,
      content,
      '\r\n',
    ]),
    `--${boundary}--\r\n`,
  ])
}

/** As browsers do. */
function escapeName(name: string): string {
  return name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
}

async function readJson<T>(res: Response): Promise<T> {
  return parseJson<T>(await res.text(), res.status)
}

async function readStream({ body }: Response): Promise<ReadableStream<Uint8Array>> {
  return body ?? new Blob([]).stream()
}

function parseJson<T>(text: string, status = 200): T {
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new ApiProblem({ status, code: 'unexpected_answer', title: 'The answer is no JSON, and not Importal’s' }, cause)
  }
}
