import { describe, expect, it } from 'vitest'
import { describeError, redact } from '../src/log.js'
import { createKey } from '../src/partners/api-key.js'

describe('the log', () => {
  it('shows no key, bearer token or OAuth secret, wherever it stands', () => {
    const text = createKey().text.reveal()

    for (const line of [
      `/v1/portals/${text}/imports`,
      `authorization: Bearer ${text}`,
      'Bearer na1-canary',
      'code=canary&client_secret=canary',
      '{"refresh_token":"canary","access_token": "canary"}',
    ])
      expect(redact(line)).not.toMatch(/canary|imp_live_/)
  })

  it('shows an error by name, message and causes, not by what the library hung on it', () => {
    const cause = Object.assign(new Error('Bearer canary'), { request: { headers: { authorization: 'Bearer canary' } } })

    const shown = JSON.stringify(describeError(new Error('failed', { cause })))

    expect(shown).toContain('failed')
    expect(shown).not.toContain('canary')
  })
})
