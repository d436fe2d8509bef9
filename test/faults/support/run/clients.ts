import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { contactsRequest } from '../../../support/requests.js'
import { type Answer, mappingOf, type Sent } from '../history.js'
import type { Partner } from '../place/place.js'

const ANSWER_MS = 15_000
const AGAIN_MS = 250
/** From here on an upload that no app would take is given up by its client, as it would be in life. */
const GIVE_UP_MS = 120_000

type Upload = { partner: Partner; name: string; rows: number; key: string | null; twins: number }

/** Partners' programs, which write down what they sent and what they were answered. `urls` are the apps', first choice first. */
export function createClients() {
  const sent: Sent[] = []

  /** Uploads, several times at once if there are twins; what has a key again and again until there is a good answer. */
  async function upload({ partner, name, rows, key, twins }: Upload, urls: string[]): Promise<void> {
    const file = csvOf(name, rows)
    const request = contactsRequest({ name })
    const { portalId, name: partnerName } = partner
    const sha256 = createHash('sha256').update(file).digest('hex')
    const record: Sent = { portalId, partner: partnerName, key, name, sha256, mapping: mappingOf(request), answers: [] }
    sent.push(record)
    const send = (url: string) => post(url, partner, { file, request, key }, record.answers)
    await Promise.all(Array.from({ length: key === null ? 1 : twins }, () => insist(send, urls, key !== null)))
  }

  return { sent, upload }
}

async function insist(send: (url: string) => Promise<Answer>, urls: string[], mayRepeat: boolean): Promise<void> {
  const start = performance.now()
  for (let attempt = 0; performance.now() - start < GIVE_UP_MS; attempt++) {
    const { status, wasRefused } = await send(urls[attempt % urls.length] ?? '')
    const isWorthIt = status === 0 || status === 409 || status === 429 || status >= 500
    // What never left needs no key to be sent again.
    if (!isWorthIt || !(mayRepeat || wasRefused)) return
    await sleep(AGAIN_MS)
  }
}

type Content = { file: string; request: unknown; key: string | null }

async function post(url: string, { portalId, key }: Partner, content: Content, answers: Answer[]): Promise<Answer> {
  const body = new FormData()
  body.append('importRequest', JSON.stringify(content.request))
  body.append('files', new Blob([content.file], { type: 'text/csv' }), 'contacts.csv')
  const headers = { authorization: `Bearer ${key}`, ...(content.key === null ? {} : { 'idempotency-key': content.key }) }
  const began = Date.now()
  const answer: Answer = { began, at: began, status: 0, importId: null, isReplay: false, wasRefused: false }
  answers.push(answer)
  try {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const res = await fetch(`${url}/v1/portals/${portalId}/imports`, { method: 'POST', headers, body, signal })
    const { id } = (await res.json()) as { id?: string }
    answer.importId = id ?? null
    answer.isReplay = res.headers.get('idempotency-replayed') === 'true'
    answer.status = res.status // last: an answer that broke off is none
  } catch (error) {
    // Nobody answered, or not to the end: what became of it is not known here, unless nobody was there.
    const { cause } = error as { cause?: { code?: string } }
    answer.wasRefused = cause?.code === 'ECONNREFUSED'
  }
  answer.at = Date.now()
  return answer
}

function csvOf(name: string, rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `p${i}@example.com,First ${i} of ${name},Last${i}`)
  return `Email,First,Last\n${lines.join('\n')}\n`
}
