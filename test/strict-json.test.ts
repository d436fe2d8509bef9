import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseStrictJson } from '../src/http/strict-json.js'

const refused = (text: string, code: string) => expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ code }))

describe('strict JSON', () => {
  it('parses whatever JSON.stringify writes, unless a key could reach a prototype', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!/"(__proto__|constructor|prototype)"/.test(text) && !text.includes('\ufffd') && !/\\ud[89a-f]/i.test(text))
        expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('says where invalid JSON goes wrong', () => {
    expect(() => parseStrictJson('{"a": 1,}')).toThrow(/offset 8/)
    for (const text of ['{"a": NaN}', "{'a': 1}", '{"a": 1', '', 'undefined', '{"a": 01}', '\u0000'])
      refused(text, 'json_invalid')
  })

  it('takes a byte order mark, and refuses broken Unicode', () => {
    expect(parseStrictJson('\ufeff{"a":1}')).toEqual({ a: 1 })
    refused('{"a":"\ufffd"}', 'json_invalid')
    refused('{"a":"\\ud800"}', 'json_invalid')
    refused('{"\\udc00":1}', 'json_invalid')
  })

  it('refuses a key that is there twice, however it is written and however deep', () => {
    refused('{"a":1,"a":2}', 'duplicate_key')
    refused('{"a":1,"\\u0061":2}', 'duplicate_key')
    refused('[{"x":[{"b" : 1, "b"\n:2}]}]', 'duplicate_key')
    expect(parseStrictJson('{"a":{"a":1},"b":["a","a"]}')).toEqual({ a: { a: 1 }, b: ['a', 'a'] })
  })

  it('refuses keys that could reach a prototype, but not such values', () => {
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__'])
      refused(`{"${key}":{"x":1}}`, 'import_request_invalid')
    expect(parseStrictJson('["__proto__"]')).toEqual(['__proto__'])
  })

  it('refuses nesting past 32 levels, however far past', () => {
    refused('['.repeat(33) + ']'.repeat(33), 'too_deep')
    refused('['.repeat(40_000) + ']'.repeat(40_000), 'too_deep')
    refused(`${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`, 'too_deep')
    expect(parseStrictJson('['.repeat(32) + ']'.repeat(32))).toBeDefined()
  })
})
