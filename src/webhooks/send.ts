import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { AppError } from '../errors.js'
import { checkTarget, isPublic, publicLookup } from './target.js'

/** What came of one try. `problem` is a word; undefined: the message was taken. */
export type Sent = {
  ms: number
  status: number | undefined
  problem: SendProblem | undefined
  /** As they were sent, the signatures aside; undefined: nothing was. */
  sentHeaders: Record<string, string> | undefined
  /** The beginning of the answer's body, and of its headers. */
  answer: string
  answerHeaders: Record<string, string> | undefined
  retryAfterSeconds: number | undefined
}

export const SEND_PROBLEMS = [
  'url_not_allowed',
  'address_not_public',
  'name_unknown',
  'unreachable',
  'tls_failed',
  'timeout',
  'answer_invalid',
  'answer_too_large',
  'answer_encoded',
  'redirected',
  'refused',
  'secret_lost',
] as const
export type SendProblem = (typeof SEND_PROBLEMS)[number]

export type SenderOptions = {
  /** To a network of our own as well: for development, and for whoever runs the receivers too. */
  isAnyAllowed: boolean
  lookup?: LookupFunction
  timeoutMs?: number
}

/** All of a try: name, connection, answer. @see Standard Webhooks 1.0: 15 to 30 seconds */
const TIMEOUT_MS = 15_000
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_KEPT_CHARACTERS = 1_000
const MAX_HEADER_BYTES = 16 * 1024
/** Of an answer's headers so many are kept, and so much of each. */
const [MAX_KEPT_HEADERS, MAX_KEPT_VALUE] = [30, 200]
/** What proves who sent something, or lets somebody in. */
const KEPT_FROM_LOGS = ['webhook-signature', 'set-cookie']

const CODES: Record<string, SendProblem> = {
  EPRIVATE: 'address_not_public',
  ENOTFOUND: 'name_unknown',
  ENODATA: 'name_unknown',
  ESERVFAIL: 'name_unknown',
  ETIMEOUT: 'name_unknown',
  ECONNREFUSED: 'unreachable',
  EAI_AGAIN: 'name_unknown',
  EAI_NODATA: 'name_unknown',
  EPROTO: 'tls_failed',
}

type Answer = Omit<Sent, 'ms' | 'sentHeaders'>

export type Sender = ReturnType<typeof createSender>

/** Posts messages to addresses that others have chosen, and believes nothing of what comes back. */
export function createSender({ isAnyAllowed, lookup, timeoutMs = TIMEOUT_MS }: SenderOptions) {
  const resolve = lookup ?? (isAnyAllowed ? undefined : publicLookup())

  async function exchange(url: URL, headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Answer> {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers,
      agent: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      signal,
      ...(resolve ? { lookup: resolve } : {}),
    })
    if (!isAnyAllowed) watchPeer(request)
    request.end(body)
    const response = await answerOf(request)
    try {
      return await judge(response)
    } finally {
      response.destroy()
    }
  }

  return {
    /** Never rejects: whatever goes wrong is what came of it. */
    async send(target: string, headers: Record<string, string>, body: string): Promise<Sent> {
      const startedAt = performance.now()
      const signal = AbortSignal.timeout(timeoutMs)
      const all = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'Importal-Webhooks/1',
        'accept-encoding': 'identity',
        ...headers,
      }
      const answer = await Promise.resolve()
        .then(() => exchange(checkTarget(target, isAnyAllowed), all, body, signal))
        .catch((error: unknown) => ({
          status: undefined,
          problem: signal.aborted ? ('timeout' as const) : toProblem(error),
          answer: '',
          answerHeaders: undefined,
          retryAfterSeconds: undefined,
        }))
      const sentHeaders = answer.problem === 'url_not_allowed' ? undefined : kept(all)
      return { ...answer, sentHeaders, ms: Math.round(performance.now() - startedAt) }
    },
  }
}

/** Should anything ever connect to what was not looked up, not a byte of the message reaches it. */
function watchPeer(request: ClientRequest): void {
  request.once('socket', (socket) => {
    socket.once('connect', () => {
      if (!isPublic(socket.remoteAddress ?? ''))
        request.destroy(Object.assign(new Error('not a public address'), { code: 'EPRIVATE' }))
    })
  })
}

/** The answer proper; what an endpoint says before it (1xx) is not listened to, and no other protocol is spoken. */
async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // What breaks once there is an answer breaks the reading of it.
    request.on('error', reject)
    request.once('response', resolve)
    request.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(Object.assign(new Error('another protocol'), { code: 'HPE_UPGRADE' }))
    })
  })
}

async function judge(response: IncomingMessage): Promise<Answer> {
  const status = response.statusCode ?? 0
  const isEncoded = !['identity', ''].includes((response.headers['content-encoding'] ?? '').toLowerCase())
  const { text, isTooLarge } = await readBounded(response)
  const problem =
    status >= 300 && status < 400
      ? 'redirected'
      : status < 200 || status >= 400
        ? 'refused'
        : isTooLarge
          ? 'answer_too_large'
          : isEncoded
            ? 'answer_encoded'
            : undefined
  const seconds = Number(response.headers['retry-after'])
  return {
    status,
    problem,
    answer: isEncoded ? '' : text,
    answerHeaders: kept(response.headers),
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : undefined,
  }
}

async function readBounded(response: IncomingMessage): Promise<{ text: string; isTooLarge: boolean }> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) break
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8').slice(0, MAX_KEPT_CHARACTERS)
  return { text: printable(text), isTooLarge: bytes > MAX_ANSWER_BYTES }
}

/** Headers as they are kept. */
function kept(headers: IncomingMessage['headers']): Record<string, string> {
  const all = Object.entries(headers).filter(([name]) => !KEPT_FROM_LOGS.includes(name))
  return Object.fromEntries(
    all
      .slice(0, MAX_KEPT_HEADERS)
      .map(([name, value]) => [
        printable(name).slice(0, MAX_KEPT_VALUE),
        printable([value].flat().join(', ')).slice(0, MAX_KEPT_VALUE),
      ]),
  )
}

/** Postgres keeps no NUL, and nobody wants to see what else is not text. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, '·').toWellFormed()
}

function toProblem(error: unknown): SendProblem {
  if (error instanceof AppError) return 'url_not_allowed'
  const code = String((error as { code?: unknown }).code ?? '')
  if (code.startsWith('HPE_')) return 'answer_invalid'
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code)) return 'tls_failed'
  return CODES[code] ?? 'unreachable'
}
