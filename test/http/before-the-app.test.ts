import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PORTAL, startApp, type TestApp } from '../support/app.js'
import { openRaw } from '../support/raw-http.js'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ work: false })
})
afterAll(() => app.close())

const first = (method: string, path: string, headers: string[]) =>
  [`${method} ${path} HTTP/1.1`, `Host: any`, `Authorization: Bearer ${app.key}`, ...headers, '', ''].join('\r\n')

describe('what no app ever sees is answered', () => {
  const requests: [name: string, headers: string[], body: string, status: number, code: string][] = [
    ['another Expect', ['Expect: x', 'Transfer-Encoding: chunked'], '', 417, 'expectation_failed'],
    ['headers over 16 kB', [`A: ${'b'.repeat(17e3)}`], '', 431, 'headers_too_large'],
    ['two lengths', ['Content-Length: 1', 'Content-Length: 2'], 'x', 400, 'request_malformed'],
  ]

  it.each(requests)('with an id and in problem+json, after %s', async (_name, headers, body, status, code) => {
    const raw = await openRaw(app.url)
    raw.write(first('POST', `/v1/portals/${PORTAL}/imports`, headers) + body)

    const answer = await raw.answer()

    expect([answer.status, answer.type, answer.body.code]).toEqual([status, 'application/problem+json', code])
    expect(answer.body.requestId).toMatch(/^[0-9a-f-]{36}$/)
    await raw.ended()
  })

  it.each(requests)('as HubSpot says it on its paths, after %s', async (_name, headers, body, status, code) => {
    const raw = await openRaw(app.url)
    raw.write(first('POST', `/hubspot/${PORTAL}/crm/v3/imports`, headers) + body)

    const answer = await raw.answer()

    expect([answer.status, answer.type]).toEqual([status, 'application/json'])
    expect(answer.body).toEqual({
      status: 'error',
      message: expect.any(String),
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      category: 'VALIDATION_ERROR',
      subCategory: `Importal.${code}`,
      errors: [],
    })
    await raw.ended()
  })
})

it('a call of JSON that waits for 100 Continue is told to go on, and answered', async () => {
  const raw = await openRaw(app.url)
  const body = JSON.stringify({ url: `https://example.com/${randomUUID()}`, events: ['import.completed'] })
  const type = ['Content-Type: application/json', `Content-Length: ${body.length}`]
  raw.write(first('POST', '/v1/endpoints', [...type, 'Expect: 100-continue']))

  const goOn = await raw.answer()
  raw.write(body)

  expect([goOn.status, (await raw.answer()).status]).toEqual([100, 201])
  raw.destroy()
})
