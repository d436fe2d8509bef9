import { Console } from 'node:console'
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { inspect, isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createLog } from '../src/log.js'
import { secret } from '../src/secret.js'
import { findLeaks } from './support/leaks.js'

const TEXT = randomBytes(24).toString('base64url')
const BYTES = randomBytes(32)
const CANARIES = { TEXT, BYTES }

/** Whatever may hold secrets, each with both kinds of them. */
const HOLDERS: Record<string, () => unknown> = {
  itself: () => [secret(TEXT), secret(BYTES)],
  'an object, deep down': () => ({ a: { b: { c: { d: { e: [{ text: secret(TEXT), bytes: secret(BYTES) }] } } } } }),
  'a map’s value': () => new Map([['text', secret<unknown>(TEXT)]]).set('bytes', secret(BYTES)),
  'a map’s key': () => new Map([[secret<unknown>(TEXT), 1]]).set(secret(BYTES), 2),
  'a set': () => new Set([secret<unknown>(TEXT), secret(BYTES)]),
  'an error’s cause': () => new Error('failed', { cause: secret(TEXT) }),
  'the context of an error’s cause': () =>
    new Error('failed', { cause: Object.assign(new Error('inside'), { context: { text: secret(TEXT), bytes: secret(BYTES) } }) }),
  'an aggregate of errors': () => new AggregateError([Object.assign(new Error('one'), { token: secret(TEXT) }), secret(BYTES)]),
  'a symbol’s and a hidden property': () =>
    Object.defineProperty({ [Symbol('text')]: secret(TEXT) }, 'bytes', { value: secret(BYTES), enumerable: false }),
  'a closure': () => {
    const held = [secret(TEXT), secret(BYTES)]
    return Object.assign(() => held, { held })
  },
}

function written(level: 'fatal' | 'error' | 'warn' | 'info' | 'debug', fields: Record<string, unknown>): string {
  const lines: string[] = []
  createLog('trace', { write: (line) => void lines.push(line) })[level](fields, `what ${String(fields.held)} is`)
  return lines.join('')
}

describe.each(Object.entries(HOLDERS))('a secret in %s', (_where, hold) => {
  const expectNothingIn = (shown: string) => expect(findLeaks(CANARIES, { shown })).toEqual([])

  it('is not in JSON, in a text or in a template', () => {
    const held = hold()

    expectNothingIn(`${JSON.stringify(held)} ${JSON.stringify({ held }, null, 2)} ${String(held)} ${held} ${[held].join()}`)
  })

  it('is not in an inspection, however deep and of whatever is hidden', () => {
    const held = hold()

    for (const showHidden of [false, true])
      for (const customInspect of [false, true])
        for (const getters of [false, true])
          expectNothingIn(inspect(held, { depth: Number.POSITIVE_INFINITY, showHidden, customInspect, getters }))
  })

  it.each(['fatal', 'error', 'warn', 'info', 'debug'] as const)('is not in a line of the log: %s', (level) => {
    const held = hold()

    const lines = [{ held }, { err: held }, { err: new Error('failed', { cause: held }) }, { a: { b: [held] } }]
    expectNothingIn(lines.map((fields) => written(level, fields)).join(''))
  })

  it('cannot be cloned, and the refusal does not show it', () => {
    try {
      expectNothingIn(inspect(structuredClone(hold()), { depth: Number.POSITIVE_INFINITY, showHidden: true }))
    } catch (error) {
      expectNothingIn(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }))
    }
  })
})

describe('a secret', () => {
  it('is given by reveal() alone', () => {
    expect(secret(TEXT).reveal()).toBe(TEXT)
    expect(secret(BYTES).reveal()).toBe(BYTES)
  })

  it('shows that something is there, and not what', () => {
    const held = secret(TEXT)

    expect([`${held}`, JSON.stringify(held), inspect(held)]).toEqual(['[redacted]', '"[redacted]"', '[redacted]'])
    expect(written('info', { held })).toContain('"held":"[redacted]"')
  })

  it('has no property that holds it, copied or not', () => {
    const held = secret(TEXT)
    const copies = [{ ...held }, Object.entries(held), Object.getOwnPropertyDescriptors(held), Object.assign({}, held)]

    expect(findLeaks(CANARIES, { shown: copies.map((copy) => inspect(copy, { showHidden: true, depth: 9 })).join() })).toEqual([])
    expect(Object.values(held).map(String).join()).not.toContain(TEXT)
  })

  it('prints nothing through the console', () => {
    const stream = new PassThrough()
    const console = new Console(stream)
    for (const [where, hold] of Object.entries(HOLDERS)) {
      const held = hold()
      console.log(where, held)
      console.error('%s %o %O %j', held, held, held, held)
      console.dir(held, { showHidden: true, depth: null })
      console.table([held])
    }

    const shown = String(stream.read())
    expect(shown).toContain('[redacted]')
    expect(findLeaks(CANARIES, { shown })).toEqual([])
  })

  it('equals no other, and not its value', () => {
    const one: unknown = secret(TEXT)
    const other: unknown = secret(TEXT)

    expect([Object.is(one, TEXT), Object.is(one, other), isDeepStrictEqual(one, TEXT), isDeepStrictEqual(one, other)]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('cannot be changed into one that shows itself', () => {
    expect(() => Object.assign(secret(TEXT), { toString: () => TEXT })).toThrow(TypeError)
  })
})
