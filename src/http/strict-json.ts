import { AppError } from '../errors.js'

const MAX_DEPTH = 32
const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype']

/**
 * Parses JSON that comes from outside, more strictly than JSON.parse: no key twice in an object, no nesting past 32
 * levels, no key that could reach a prototype, no broken Unicode, no NUL, no number that would arrive as another one.
 *
 * @throws {AppError} `json_invalid` with the offset, `too_deep`, `duplicate_key`, `import_request_invalid` (a forbidden key,
 *   a NUL, a number that is lost)
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
  } catch {
    // The engine's own message quotes the text, and names the place now and then only.
    const offset = findFault(json)
    const where = offset === json.length ? `It ends too early, at offset ${offset}.` : `Look at offset ${offset}.`
    throw new AppError('json_invalid', { detail: `The text is not valid JSON. ${where}` })
  }
}

type Kind = '{' | '}' | '[' | ']' | ':' | ',' | 'string' | 'plain'

const VALUE = { '{': 'first key', '[': 'first item', string: 'done', plain: 'done' } as const

/** What may come where, and what is awaited after it. */
const GRAMMAR: Record<string, Partial<Record<Kind, string>>> = {
  value: VALUE,
  'first item': { ...VALUE, ']': 'done' },
  'first key': { string: 'colon', '}': 'done' },
  key: { string: 'colon' },
  colon: { ':': 'value' },
  'rest of {': { ',': 'key', '}': 'done' },
  'rest of [': { ',': 'value', ']': 'done' },
  end: {},
}

/** Blanks, and a token; of a string as much as is well formed. */
const TOKEN =
  /[ \t\n\r]*(?:([{}[\]:,])|("[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[ !#-[\]-\uffff]*)*)("?)|((?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])))?/y

/** The offset of the first character that cannot stand where it stands; the text's length where it ends too early. */
function findFault(json: string): number {
  const open: string[] = []
  let awaited = 'value'
  for (let at = 0; ; ) {
    TOKEN.lastIndex = at
    const [all = '', mark, string, quote, plain] = TOKEN.exec(json) ?? []
    const token = mark ?? plain ?? (string ?? '') + (quote ?? '')
    const kind = (mark ?? (string ? 'string' : 'plain')) as Kind
    const next = token === '' ? undefined : GRAMMAR[awaited]?.[kind]
    at += all.length
    if (next === undefined) return at - token.length
    if (string !== undefined && quote === '') return at
    if (kind === '{' || kind === '[') open.push(kind)
    if (kind === '}' || kind === ']') open.pop()
    awaited = next === 'done' ? (open.length > 0 ? `rest of ${open.at(-1)}` : 'end') : next
  }
}

/** Walks the text of valid JSON token by token; not recursive, so that no depth can exhaust the stack. */
function inspect(json: string): void {
  const objects: (Set<string> | null)[] = []
  for (const { 0: token, index } of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}[\]]/g)) {
    if (token === '{') objects.push(new Set())
    else if (token === '[') objects.push(null)
    else if (token === '}' || token === ']') objects.pop()
    else if (!token.startsWith('"')) inspectNumber(token, index)
    else inspectText(JSON.parse(token), index, isKey(json, index + token.length) ? objects.at(-1) : null)
    if (objects.length > MAX_DEPTH) throw new AppError('too_deep', { detail: `JSON may nest ${MAX_DEPTH} levels deep.` })
  }
}

/** Past 2^53 − 1 not every whole number can be told from its neighbours; infinity and −0 would be sent on as null and 0. */
function inspectNumber(token: string, offset: number): void {
  const number = Number(token)
  const isLost = number === 0 ? token.startsWith('-') || /^[^eE]*[1-9]/.test(token) : Math.abs(number) > Number.MAX_SAFE_INTEGER
  if (isLost)
    throw new AppError('import_request_invalid', {
      detail: `The number at offset ${offset} would arrive as another one. Send 0 without a sign, and nothing beyond 2^53 − 1.`,
    })
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
