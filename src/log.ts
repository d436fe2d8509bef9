import { type LoggerOptions, pino } from 'pino'
import type { Config } from './config.js'

export type Log = {
  [Level in 'fatal' | 'error' | 'warn' | 'info' | 'debug']: (fields: Record<string, unknown>, message: string) => void
}

/** So much may wait for whoever reads stdout; what comes then is dropped, and counted. */
const MAX_WAITING_BYTES = 1024 * 1024

/** Whatever looks like a secret of ours or a bearer token, wherever it stands in a text; a key also as an address has it. */
const SECRETS =
  /imp(_|%(25)*5f)(live|test)(_|%(25)*5f)[A-Za-z0-9_%]+|Bearer\s+\S+|"?(access_token|refresh_token|client_secret|code|token)"?\s*[=:]\s*("[^"]*"|[^&\s,}]+)/gi

/** Values that a failed query was given: Postgres quotes the one it cannot read, Prisma all of them. */
const VALUES = /(?<=invalid input (?:syntax|value) for [^:\n]+: )".*|(?<=invocation:\n\n)\{\n[\s\S]*?\n\}/g

/**
 * The structured logger: JSON lines, on stdout unless told otherwise. Errors are reduced to name, code, message and stack,
 * because an HTTP client's error carries the request it failed with, headers included.
 */
export function createLog(level: Config['logLevel'], destination?: { write(line: string): void }): Log {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  }
  return pino(options, destination ?? boundedStdout())
}

/** A reader of stdout that has stopped reading, or has gone, must stop neither the service nor fill its memory. */
function boundedStdout(): { write(line: string): void } {
  const { stdout } = process
  let dropped = 0
  stdout.on('error', () => undefined)
  return {
    write(line) {
      if (stdout.writableLength > MAX_WAITING_BYTES) {
        dropped += 1
        return
      }
      if (dropped > 0)
        stdout.write(`${JSON.stringify({ level: 'warn', time: new Date(), dropped, msg: 'the log was not read' })}\n`)
      dropped = 0
      stdout.write(line)
    },
  }
}

/** An error as the log shows it, with its causes. */
export function describeError(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: redact(String(thrown)) }
  const { name, message, stack, cause } = thrown
  const code = 'code' in thrown ? { code: String(thrown.code) } : {}
  return {
    name,
    ...code,
    message: redact(message),
    stack: redact(stack ?? ''),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  }
}

/** A text without what looks like a secret, and without the values in a database’s complaint. */
export function redact(text: string): string {
  return text.replace(VALUES, '[redacted]').replace(SECRETS, '[redacted]')
}
