import { once } from 'node:events'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { endpoint, serve } from '../../src/http/endpoint.js'
import { testApp } from '../support/app.js'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

describe('a trace', () => {
  it('of a caller’s goes on: in the answer with a span of ours, and in the log', async () => {
    const app = await testApp({ install: false, work: false })
    const res = await fetch(`${app.url}/v1/me`, { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } })

    expect(res.headers.get('traceparent')).toMatch(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
    expect(app.logged.some((line) => line.includes(`"traceId":"${TRACE}"`))).toBe(true)
  })

  it.each([
    '',
    'x',
    `01-${TRACE}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
  ])('that is none is left aside: %j', async (traceparent) => {
    const app = await testApp({ install: false, work: false })
    const res = await fetch(`${app.url}/livez`, { headers: { traceparent } })

    expect([res.status, res.headers.get('traceparent')]).toEqual([200, null])
  })
})

describe('a call that is to go', () => {
  it('says since when, until when, and what to use instead', async () => {
    const old = endpoint({
      method: 'get',
      path: '/old',
      summary: 'Old',
      params: z.object({}),
      query: z.strictObject({}),
      missing: 'not_found',
      deprecated: {
        since: new Date('2026-01-01T00:00:00Z'),
        until: new Date('2027-01-01T00:00:00Z'),
        instead: 'https://importal.example.com/docs#new',
      },
      reply: { status: 200, schema: z.object({}) },
    })
    const server = express()
      .get(
        '/old',
        serve(old, async () => ({})),
      )
      .listen(0)
    onTestFinished(() => void server.close())
    await once(server, 'listening')

    const { headers } = await fetch(`http://127.0.0.1:${(server.address() as { port: number }).port}/old`)

    expect([headers.get('deprecation'), headers.get('sunset'), headers.get('link')]).toEqual([
      '@1767225600',
      'Fri, 01 Jan 2027 00:00:00 GMT',
      '<https://importal.example.com/docs#new>; rel="deprecation"',
    ])
  })
})
