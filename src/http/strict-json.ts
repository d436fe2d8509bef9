import { AppError } from '../errors.js'

const MAX_DEPTH = 32
const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype']

/**
 * Parses JSON that comes from outside, more strictly than JSON.parse: no key twice in an object, no nesting past 32
 * levels, no key that could reach a prototype, no broken Unicode, no NUL.
 *
 * @throws {AppError} `json_invalid` with the offset, `too_deep`, `duplicate_key`, `import_request_invalid` (a forbidden key,
 *   a NUL)
 */
export function parseStrictJson(text: string): unknown {
  const json = text.startsWith('\ufeff') ? text.slice(1) : text
  // Bytes that were no UTF-8 arrive as this character.
  const broken = json.indexOf('\ufffd')
  if (broken >= 0) throw new AppError('json_invalid', { detail: `The text is not valid UTF-8 at offset ${broken}.` })
  const value = parse(json)
  inspect(json)
  return value
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    const [, offset] = /at position (\d+)/.exec(cause instanceof Error ? cause.message : '') ?? []
    // The engine's own message quotes the text: only the place is passed on.
    const where = offset === undefined ? `It ends too early, at offset ${json.length}.` : `Look at offset ${offset}.`
    throw new AppError('json_invalid', { detail: `The text is not valid JSON. ${where}` })
  }
}

/** Walks the text of valid JSON token by token; not recursive, so that no depth can exhaust the stack. */
function inspect(json: string): void {
  const objects: (Set<string> | null)[] = []
  for (const { 0: token, index } of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/g)) {
    if (token === '{') objects.push(new Set())
    else if (token === '[') objects.push(null)
    else if (token === '}' || token === ']') objects.pop()
    else inspectText(JSON.parse(token), index, isKey(json, index + token.length) ? objects.at(-1) : null)
    if (objects.length > MAX_DEPTH) throw new AppError('too_deep', { detail: `JSON may nest ${MAX_DEPTH} levels deep.` })
  }
}

function inspectText(text: string, offset: number, keys: Set<string> | null | undefined): void {
  if (!text.isWellFormed())
    throw new AppError('json_invalid', { detail: `The text at offset ${offset} holds half of a surrogate pair.` })
  // Postgres keeps no text and no JSON with one.
  if (text.includes('\0'))
    throw new AppError('import_request_invalid', { detail: `The text at offset ${offset} holds a NUL character.` })
  if (!keys) return
  if (keys.has(text))
    throw new AppError('duplicate_key', { detail: `The key "${text.slice(0, 100)}" at offset ${offset} is there twice.` })
  if (FORBIDDEN_KEYS.includes(text))
    throw new AppError('import_request_invalid', { detail: `The key "${text}" at offset ${offset} is not allowed.` })
  keys.add(text)
}

function isKey(json: string, end: number): boolean {
  let at = end
  while (' \t\n\r'.includes(json.charAt(at)) && at < json.length) at++
  return json.charAt(at) === ':'
}
