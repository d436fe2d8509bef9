import { describe, expect, it } from 'vitest'
import { describeApi } from '../../src/reference/describe.js'
import { OPERATIONS } from '../../src/reference/operations.js'
import { PORTAL, testApp } from '../support/app.js'

describe('/llms.txt', () => {
  it('lists every call, each once, and no other', async () => {
    const app = await testApp({ install: false, work: false })

    const res = await fetch(`${app.url}/llms.txt`)
    const listed = [...(await res.text()).matchAll(/^### ([A-Z]+ \/\S+)$/gm)].map(([, call]) => call)

    const described = Object.entries(describeApi().paths).flatMap(([path, calls]) =>
      Object.keys(calls).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([res.status, res.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
    expect(listed.toSorted()).toEqual(described.toSorted())
    expect(listed).toHaveLength(Object.keys(OPERATIONS).length)
  })

  it('has links of ours only to what is there', async () => {
    const app = await testApp({ install: false, work: false })
    const text = await fetch(`${app.url}/llms.txt`).then((res) => res.text())

    const links = [...text.matchAll(/https?:\/\/[^\s)\]"'`<>]+/g)]
      .map(([link]) => link)
      .filter((link) => link.startsWith(app.url))
    const answers = await Promise.all(links.map(async (link) => [link, (await fetch(link)).status]))

    expect(links.map((link) => link.slice(app.url.length))).toEqual(
      expect.arrayContaining(['/openapi.json', '/docs/plain', '/guide', '/problems/key_invalid']),
    )
    expect(answers).toEqual(links.map((link) => [link, 200]))
  })
})

/** Calls that are wrong, by the code of their problem; with the key of an app, unless they say otherwise. */
const WRONG_CALLS: Record<string, [path: string, init?: RequestInit]> = {
  key_missing: ['/v1/me', { headers: {} }],
  key_invalid: ['/v1/me', { headers: { authorization: 'Bearer hello' } }],
  not_found: ['/v1/nothing'],
  method_not_allowed: ['/v1/me', { method: 'DELETE', headers: {} }],
  portal_not_found: ['/v1/portals/999999/imports'],
  import_not_found: [`/v1/portals/${PORTAL}/imports/imp_${'0'.repeat(32)}`],
  query_invalid: [`/v1/portals/${PORTAL}/imports?limit=0`],
}

describe('the type of a problem', () => {
  it.each(Object.entries(WRONG_CALLS))('opens a page about it as it stands in the answer: %s', async (code, [path, init]) => {
    const app = await testApp({ work: false })
    const res = await fetch(app.url + path, { headers: { authorization: `Bearer ${app.key}` }, ...init })
    const problem = (await res.json()) as { type: string; code: string; title: string }

    const page = await fetch(problem.type)

    expect(problem.code).toBe(code)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await page.text()).toContain(code)
  })
})
