import { appendFileSync } from 'node:fs'
import { inject } from 'vitest'

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be added to
  export interface ProvidedContext {
    /** Where each search adds its line; absent when the run has another reporter. */
    searchesFile?: string
  }
}

/** Secrets to look for, by a name that may be printed. */
export type Canaries = Record<string, string | Buffer>
/** What to look through, by a name that may be printed. */
export type Places = Record<string, string | Buffer>

export type Encoding = 'raw' | 'utf-16' | 'escaped' | 'base64' | 'hex' | 'list of bytes'
export type Leak = { canary: string; place: string; encoding: Encoding }
/** What one search looked through, as its line in the run's file says. */
export type Search = { canaries: number; places: number; bytes: number; hits: number }

/** Shorter ones are found by chance. */
const MIN_CANARY_BYTES = 8

/**
 * Every canary that is in a place, as it is or in another encoding; the same for all three alignments of base64 and both
 * of its alphabets, for both orders of UTF-16, and for percent and JSON escapes of any characters.
 */
export function findLeaks(canaries: Canaries, places: Places): Leak[] {
  const sought = Object.entries(canaries).map(([canary, value]) => ({ canary, needles: needlesOf(canary, Buffer.from(value)) }))
  return Object.entries(places).flatMap(([place, content]) => {
    const views = viewsOf(Buffer.from(content).toString('latin1'))
    return sought.flatMap(({ canary, needles }) => {
      const isIn = (encoding: Encoding) => needles[encoding].some((needle) => views[encoding].includes(needle))
      const found = (Object.keys(views) as Encoding[]).filter(isIn)
      // What stands there as it is would be found again in the texts that only take escapes away.
      const plain = found.filter((encoding) => encoding !== 'utf-16' && encoding !== 'escaped')
      return (found.includes('raw') ? plain : found).map((encoding) => ({ canary, place, encoding }))
    })
  })
}

/**
 * Fails when a secret is in a place, and says which, where and how, but not the value. What was searched is added to
 * `file`, for the line at the end of the run.
 */
export function expectNoLeaks(canaries: Canaries, places: Places, file = inject('searchesFile')): Search {
  const leaks = findLeaks(canaries, places)
  const bytes = Object.values(places).reduce((sum, content) => sum + Buffer.byteLength(content), 0)
  const search = {
    canaries: Object.keys(canaries).length,
    places: Object.keys(places).length,
    bytes,
    hits: leaks.length,
  }
  if (file) appendFileSync(file, `${JSON.stringify(search)}\n`)
  if (leaks.length === 0) return search
  throw new Error(leaks.map(({ canary, place, encoding }) => `${canary} leaks into ${place} (${encoding})`).join('\n'))
}

/** Named by their order: texts of one kind. */
export function numbered(kind: string, values: string[]): Record<string, string> {
  return Object.fromEntries([...new Set(values)].map((value, i) => [`${kind} ${i + 1}`, value]))
}

/** What a canary looks like in each view. */
function needlesOf(canary: string, bytes: Buffer): Record<Encoding, string[]> {
  if (bytes.length < MIN_CANARY_BYTES) throw new Error(`The canary ${canary} is too short to look for.`)
  const raw = bytes.toString('latin1')
  return {
    raw: [raw],
    'utf-16': [withoutNuls(raw)],
    escaped: [withoutEscapes(raw)],
    base64: [0, 1, 2].map((offset) => base64Inside(bytes, offset)),
    hex: [bytes.toString('hex')],
    'list of bytes': [[...bytes].join(',')],
  }
}

/** The characters of a base64 text that depend on these bytes alone, wherever in groups of three they begin. */
function base64Inside(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
}

/** A text, folded so that each canary needs to be looked for once or three times per encoding and not once per spelling. */
function viewsOf(raw: string): Record<Encoding, string> {
  const dense = raw.replaceAll(/[\s:]+/g, '')
  return {
    raw,
    'utf-16': withoutNuls(raw),
    escaped: withoutEscapes(raw),
    base64: raw.replaceAll('-', '+').replaceAll('_', '/'),
    hex: dense.toLowerCase(),
    'list of bytes': dense,
  }
}

function withoutNuls(text: string): string {
  return text.replaceAll('\0', '')
}

const ESCAPE = /%([0-9a-f]{2})|\\u00([0-9a-f]{2})|\\(["\\/])/gi
const MAX_ESCAPES_DEEP = 4

/** Percent and JSON escapes as what they stand for, one inside the other as well. */
function withoutEscapes(text: string): string {
  let inner = text
  for (let depth = 0; depth < MAX_ESCAPES_DEEP && /[%\\]/.test(inner); depth++)
    inner = inner.replaceAll(ESCAPE, (_all, percent?: string, json?: string, itself?: string) =>
      itself === undefined ? String.fromCharCode(Number.parseInt(percent ?? json ?? '', 16)) : itself,
    )
  return inner
}
