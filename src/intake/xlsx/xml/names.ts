import { tooComplex } from '../refusals.js'

const COLON = 0x3a
/** A power of two, several times as many as there may be names. */
const SLOTS = 4_096
const MAX_NAMES = 1_000

/** The names of elements as small numbers: the same few come a million times. */
export function createNames() {
  const slots = new Uint16Array(SLOTS)
  const names: { bytes: Buffer; local: string }[] = []

  /** Whether the bytes there are the name of that number. */
  function isAt(window: Buffer, start: number, id: number): boolean {
    const bytes = names[id]?.bytes
    if (!bytes) return false
    for (let i = 0; i < bytes.length; i++) if (window[start + i] !== bytes[i]) return false
    return true
  }

  return {
    isAt,
    local: (id: number): string => names[id]?.local ?? '',
    length: (id: number): number => names[id]?.bytes.length ?? 0,

    /** The number of a name; `hash` is any function of its bytes. @throws {AppError} `file_too_complex` */
    idOf(window: Buffer, start: number, end: number, hash: number): number {
      let slot = hash & (SLOTS - 1)
      for (let taken = slots[slot] ?? 0; taken > 0; taken = slots[slot] ?? 0) {
        const id = taken - 1
        if (names[id]?.bytes.length === end - start && isAt(window, start, id)) return id
        slot = (slot + 1) & (SLOTS - 1)
      }
      if (names.length === MAX_NAMES) throw tooComplex(`elements of more than ${MAX_NAMES} names`)
      const bytes = Buffer.from(window.subarray(start, end))
      slots[slot] = names.push({ bytes, local: bytes.toString('utf8', bytes.lastIndexOf(COLON) + 1) })
      return names.length - 1
    },
  }
}
