import { describe, expect, it } from 'vitest'
import { classifyCreate, retryAfter } from '../src/hubspot/answers.js'

const made = { id: '77', state: 'STARTED', createdAt: '2026-11-24T00:00:00Z', metadata: { counters: {} } }
const answer = (status: number, body: unknown = {}, headers: Record<string, string> = {}) => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

describe('HubSpot’s answer to a complete create', () => {
  it.each([
    ['200 with an import', answer(200, made), 'submitted'],
    ['201 with an import', answer(201, made), 'submitted'],
    ['202 with an import', answer(202, made), 'submitted'],
    ['204', answer(204, ''), 'ambiguous'],
    ['200 and a page', answer(200, '<html>'), 'ambiguous'],
    ['200 cut off', answer(200, JSON.stringify(made).slice(0, 20)), 'ambiguous'],
    ['200 without an id', answer(200, { ...made, id: undefined }), 'ambiguous'],
    ['200 with an id past 2^53', answer(200, '{"id":9007199254740993,"state":"STARTED"}'), 'ambiguous'],
    ['301', answer(301), 'held'],
    ['302', answer(302), 'ambiguous'],
    ['303', answer(303), 'ambiguous'],
    ['304', answer(304), 'ambiguous'],
    ['307', answer(307), 'held'],
    ['308', answer(308), 'held'],
    ['400', answer(400, { category: 'VALIDATION_ERROR', message: 'no' }), 'refused'],
    ['400 and a page', answer(400, '<h1>HTTP ERROR 400</h1>'), 'refused'],
    ['401 expired', answer(401, { category: 'EXPIRED_AUTHENTICATION' }), 'unauthorized'],
    ['401 invalid', answer(401, { category: 'INVALID_AUTHENTICATION' }), 'unauthorized'],
    ['403 for scopes', answer(403, { category: 'MISSING_SCOPES' }), 'held'],
    ['403 for anything else', answer(403), 'refused'],
    ['404', answer(404), 'held'],
    ['405', answer(405), 'held'],
    ['410', answer(410), 'held'],
    ['408', answer(408), 'ambiguous'],
    ['409', answer(409), 'ambiguous'],
    ['413', answer(413), 'refused'],
    ['414', answer(414), 'refused'],
    ['415', answer(415), 'refused'],
    ['422', answer(422), 'refused'],
    ['423', answer(423), 'retry'],
    ['429 of ten seconds', answer(429, { policyName: 'TEN_SECONDLY_ROLLING' }), 'retry'],
    ['429 unexplained', answer(429), 'retry'],
    ['429 of the day', answer(429, { policyName: 'DAILY' }), 'held'],
    ['429 of the paid quota', answer(429, { errorType: 'PAID_PORTAL_IMPORTS_LIMIT' }), 'held'],
    ['429 of the free quota', answer(429, { errorType: 'FREE_PORTAL_IMPORT_ROWS_LIMIT' }), 'held'],
    ['429 for too many rows', answer(429, { category: 'VALIDATION_ERROR', errors: [{ code: 'TOO_MANY_ROWS' }] }), 'refused'],
    ['431', answer(431), 'refused'],
    ['477', answer(477), 'held'],
    ['500', answer(500), 'ambiguous'],
    ['502', answer(502), 'ambiguous'],
    ['503', answer(503), 'ambiguous'],
    ['504', answer(504), 'ambiguous'],
    ['524', answer(524), 'ambiguous'],
  ])('%s', (_name, given, outcome) => {
    expect(classifyCreate(given, true).outcome).toBe(outcome)
  })

  it('is kept as it came, whatever the import’s state and counters', () => {
    const odd = { ...made, state: 'MOVED_TO_MARS', createdAt: 7, metadata: { counters: { CRATERS: 3 } } }

    expect(classifyCreate(answer(200, odd), true)).toMatchObject({
      import: { id: '77', state: 'MOVED_TO_MARS', metadata: { counters: { CRATERS: 3 } } },
    })
  })

  it('that refuses says whether its sender is to blame', () => {
    const classify = (status: number) => classifyCreate(answer(status), true)

    expect([400, 413, 422].map(classify)).toMatchObject([{ isOurs: false }, { isOurs: false }, { isOurs: false }])
    expect([414, 415, 431].map(classify)).toMatchObject([{ isOurs: true }, { isOurs: true }, { isOurs: true }])
  })

  it('tells an expired token from a refused one', () => {
    expect(classifyCreate(answer(401, { category: 'EXPIRED_AUTHENTICATION' }), true)).toEqual({
      outcome: 'unauthorized',
      expired: true,
    })
    expect(classifyCreate(answer(401, '<html>'), true)).toEqual({ outcome: 'unauthorized', expired: false })
  })

  it('names the scopes that are missing', () => {
    const body = { category: 'MISSING_SCOPES', message: 'No.', errors: [{ context: { requiredGranularScopes: ['a', 'b'] } }] }

    expect(classifyCreate(answer(403, body), true)).toMatchObject({ reason: 'scope', detail: expect.stringContaining('a, b') })
  })
})

describe('HubSpot’s answer before the body was complete', () => {
  it.each([408, 409, 500, 502, 503, 504, 521])('%i can be tried again: there is no import', (status) => {
    expect(classifyCreate(answer(status), false).outcome).toBe('retry')
  })

  it('is not believed when it claims an import', () => {
    expect(classifyCreate(answer(200, made), false).outcome).toBe('ambiguous')
  })
})

describe('Retry-After', () => {
  it.each([
    ['7', 7],
    ['0', 33],
    ['-1', 33],
    ['soon', 33],
    ['', 33],
    ['1000000000', 86_400],
    ['9'.repeat(400), 86_400],
    [new Date(Date.now() - 60_000).toUTCString(), 33],
  ])('of "%s" means %i seconds', (text, seconds) => {
    expect(retryAfter({ headers: { 'retry-after': text } }, 33)).toBe(seconds)
  })

  it('may be a date', () => {
    const seconds = retryAfter({ headers: { 'retry-after': new Date(Date.now() + 90_000).toUTCString() } }, 33)

    expect(Math.abs(seconds - 90)).toBeLessThanOrEqual(2)
  })
})
