import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseStrictJson } from '../src/http/strict-json.js'

const refused = (text: string, code: string) => expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ code }))

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Why a text is refused; empty when it is not. */
function messageOf(text: string): string {
  try {
    parseStrictJson(text)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('strict JSON', () => {
  it('parses whatever JSON.stringify writes, unless a key could reach a prototype or a number is too large', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const isTooLarge = (inner: unknown) => typeof inner === 'number' && Math.abs(inner) > Number.MAX_SAFE_INTEGER
        const text = JSON.stringify(value, (_key, inner) => (isTooLarge(inner) ? 0.5 : inner))
        fc.pre(!/"(__proto__|constructor|prototype)"/.test(text) && !text.includes('\ufffd') && !/\\ud[89a-f]/i.test(text))
        expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each<[what: string, text: string, where: string]>([
    ['NaN', '{"name": NaN}', 'Look at offset 9.'],
    ['a bare word', 'hello', 'Look at offset 0.'],
    ['another language’s empty value', '{"a": undefined}', 'Look at offset 6.'],
    ['a trailing comma in an object', '{"a": 1,}', 'Look at offset 8.'],
    ['a trailing comma in a list', '[1, 2,\n]', 'Look at offset 7.'],
    ['single quotes', "{'a': 1}", 'Look at offset 1.'],
    ['a key without quotes', '{a: 1}', 'Look at offset 1.'],
    ['a text that is not closed', '{"a": "b}', 'It ends too early, at offset 9.'],
    ['a line break in a text', '{"a": "b\n"}', 'Look at offset 8.'],
    ['an escape that is none', '["a\\x"]', 'Look at offset 3.'],
    ['half an escape', '["a\\u12"]', 'Look at offset 3.'],
    ['a text that is cut off', '{"a": [1, {"b":', 'It ends too early, at offset 15.'],
    ['a text that is cut off after a value', '{"a": 1', 'It ends too early, at offset 7.'],
    ['nothing', '', 'It ends too early, at offset 0.'],
    ['nothing but blanks', ' \n', 'It ends too early, at offset 2.'],
    ['something after the end', '{"a": 1} x', 'Look at offset 9.'],
    ['a second value', '{} {}', 'Look at offset 3.'],
    ['a bracket of the other kind', '{"a": [1}', 'Look at offset 8.'],
    ['a missing colon', '{"a" 1}', 'Look at offset 5.'],
    ['a missing comma', '{"a": 1 "b": 2}', 'Look at offset 8.'],
    ['a number with a leading zero', '{"a": 01}', 'Look at offset 6.'],
    ['a number that stops at its point', '{"a": 1.}', 'Look at offset 6.'],
    ['a NUL', '\u0000', 'Look at offset 0.'],
  ])('says where invalid JSON goes wrong: %s', (_what, text, where) => {
    expect(() => parseStrictJson(text)).toThrow(
      expect.objectContaining({ code: 'json_invalid', message: `The text is not valid JSON. ${where}` }),
    )
  })

  it('finds a place in whatever is no JSON', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', ':', 'x', '\\', '1', '\n'),
        (value, at, inserted) => {
          const json = JSON.stringify(value, (_key, inner) => (typeof inner === 'number' ? Math.trunc(inner % 1_000) + 0 : inner))
          const cut = at % (json.length + 1)
          const text = json.slice(0, cut) + inserted + json.slice(inserted === '' ? json.length : cut)
          fc.pre(!isJson(text))

          const [, offset] = /offset (\d+)\.$/.exec(messageOf(text)) ?? []

          expect(Number(offset)).toBeLessThanOrEqual(text.length)
          // What comes before it could still have become JSON.
          expect(messageOf(text.slice(0, Number(offset)))).toMatch(/too early|^$/)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['1e400', '1e400'],
    ['−1e400', '-1e400'],
    ['minus zero', '-0'],
    ['minus zero with a point', '-0.00'],
    ['2^53 + 1', '9007199254740993'],
    ['2^53 + 1 with a point', '9007199254740993.0'],
    ['−2^53', '-9007199254740992'],
    ['what is rounded to zero', '1e-400'],
  ])('refuses a number that would arrive as another one: %s', (_what, number) => {
    expect(() => parseStrictJson(`{"a": [1, ${number}]}`)).toThrow(
      expect.objectContaining({ code: 'import_request_invalid', message: expect.stringContaining('at offset 10 ') }),
    )
    expect(parseStrictJson(`{"a": "${number}"}`)).toEqual({ a: number })
  })

  it('takes other numbers, however they are written', () => {
    expect(parseStrictJson('[0, 0.0, 0e7, -1, 1.50, 1E3, 5e-324, 9007199254740991, -9007199254740991]')).toEqual([
      0, 0, 0, -1, 1.5, 1_000, 5e-324, 9_007_199_254_740_991, -9_007_199_254_740_991,
    ])
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
    refused('['.repeat(100_000), 'json_invalid')
    refused(`"${'\\n'.repeat(100_000)}`, 'json_invalid')
    refused(`${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`, 'too_deep')
    expect(parseStrictJson('['.repeat(32) + ']'.repeat(32))).toBeDefined()
  })
})
