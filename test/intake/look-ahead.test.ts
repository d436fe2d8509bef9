import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { ask, contactsRequest, uploadFile } from '../support/requests.js'

/** Enough to be worth a thread. */
const ROWS = 120_000

/** Rows of which every thousandth has no e-mail address, and the last one what `last` says. */
function largeCsv(last = 'z@example.com,Last,Row'): string {
  const rows = Array.from({ length: ROWS }, (_, i) =>
    i % 1_000 === 7 ? `nobody ${i},First name,Last name ${i}` : `p${i}@example.com,First name,Last name ${i}`,
  )
  return `Email,First,Last\n${rows.join('\n')}\n${last}\n`
}

/** Counts how often cells are checked once a file is there. */
function countChecks(app: TestApp): () => number {
  const { csvCheck } = app.deps
  const { check } = csvCheck
  let count = 0
  csvCheck.check = (...given) => {
    count += 1
    return check(...given)
  }
  return () => count
}

/** Counts how often a thread was taken while a file came. */
function countBegun(app: TestApp): () => number {
  const { csvCheck } = app.deps
  const { begin } = csvCheck
  let count = 0
  csvCheck.begin = (plan) => {
    const feed = begin(plan)
    if (feed) count += 1
    return feed
  }
  return () => count
}

async function findingsOf(app: TestApp, importId: string): Promise<unknown[]> {
  const { body } = await ask<{ results: { code: string; line: number }[]; codes: unknown }>(
    app,
    `/v1/portals/${PORTAL}/imports/${importId}/errors?limit=100&origin=finding`,
  )
  return [body.codes, body.results.map(({ code, line, ...more }) => [code, line, more])]
}

const freeThreads = (app: TestApp) => {
  const feed = app.deps.csvCheck.begin({ file: 'x.csv', columns: [], dateFormat: 'MONTH_DAY_YEAR', hasHeader: true })
  return feed ? feed.stop().then(() => 1) : Promise.resolve(0)
}

describe('cells that are checked while a file comes', () => {
  it('are found as wrong as when it is there, and not checked again', async () => {
    const app = await testApp({ work: false })
    const checks = countChecks(app)

    const { body: ahead } = await uploadFile(app, { file: largeCsv() })
    const checkedAhead = checks()
    const { body: after } = await uploadFile(app, { file: largeCsv(), fileFirst: true })

    expect([checkedAhead, checks()]).toEqual([0, 1])
    expect(ahead.findings).toEqual({ errors: 0, warnings: ROWS / 1_000 })
    expect(await findingsOf(app, String(ahead.id))).toEqual(await findingsOf(app, String(after.id)))
  })

  it.each([
    ['another encoding at its very end', Buffer.from(largeCsv('j\xf6rg@example.com,J\xf6rg,M'), 'latin1'), contactsRequest()],
    ['another delimiter', Buffer.from(largeCsv().replaceAll(',', ';')), contactsRequest()],
    ['columns in another order', Buffer.from(largeCsv().replace('Email,First,Last', 'Email,Last,First')), contactsRequest()],
    [
      'no header within its beginning',
      Buffer.from(`"Email","First","Last${'x'.repeat(300_000)}"\n${largeCsv().slice(17)}`),
      contactsRequest(),
    ],
  ])('are checked anew where the file is not what it began like: %s', async (_, file, request) => {
    const app = await testApp({ work: false })

    const ahead = await uploadFile(app, { file, request })
    const after = await uploadFile(app, { file, request, fileFirst: true })

    expect([ahead.status, ahead.body.code, ahead.body.findings]).toEqual([after.status, after.body.code, after.body.findings])
    if (ahead.status === 202)
      expect(await findingsOf(app, String(ahead.body.id))).toEqual(await findingsOf(app, String(after.body.id)))
    expect(await freeThreads(app)).toBe(1)
  })

  it('hold a thread no longer than the upload lasts, however it ends', async () => {
    const app = await testApp({ work: false })
    const begun = countBegun(app)
    const file = largeCsv()
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
    socket.on('error', () => undefined)
    const head = `--b\r\ncontent-disposition: form-data; name="importRequest"\r\n\r\n${JSON.stringify(contactsRequest())}\r\n--b\r\ncontent-disposition: form-data; name="files"; filename="contacts.csv"\r\n\r\n`
    socket.write(
      `POST /v1/portals/${PORTAL}/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${app.key}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${file.length + 10_000}\r\n\r\n${head}`,
    )
    socket.write(file.slice(0, 1_000_000))
    // Not by trying to take the only thread, which may be just when it is wanted.
    await until(begun, (count) => count === 1)
    // Nobody waits for the thread: the second one is checked when it is there.
    expect((await uploadFile(app, { file: largeCsv('y@example.com,Another,One') })).status).toBe(202)
    socket.destroy()

    await until(
      () => freeThreads(app),
      (free) => free === 1,
    )
    expect(await app.storedFiles()).toHaveLength(1)
  })
})
