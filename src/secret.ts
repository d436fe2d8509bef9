import { inspect } from 'node:util'

/** A value that must not be seen: it prints as `[redacted]` wherever it gets, and only `reveal()` gives it. */
export type Secret<T = string> = {
  reveal(): T
  toString(): string
  toJSON(): string
  [inspect.custom](): string
}

const REDACTED = '[redacted]'

/** Wraps a value, so that a log line, a JSON text, a template or an inspection of whatever holds it does not show it. */
export function secret<T = string>(value: T): Secret<T> {
  const redacted = () => REDACTED
  return Object.freeze({ reveal: () => value, toString: redacted, toJSON: redacted, [inspect.custom]: redacted })
}
