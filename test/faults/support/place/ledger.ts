import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * One thing that a process did, as it says itself. Times are those of the machine that Postgres runs on too, so they are
 * the database's; there is never a row, a name or a secret in it.
 */
export type Entry = {
  began: number
  at: number
  instance: string
  op: string
  importId: string | null
  epoch: number | null
  /** One word or two: what came of it. */
  result: string
}

/** Writes lines that are whole even if the process dies right after: one append each, to a file of its own. */
export function openLedger(folder: string, instance: string): (entry: Omit<Entry, 'instance'>) => void {
  const file = openSync(join(folder, `${instance}.jsonl`), 'a')
  return (entry) => void writeSync(file, `${JSON.stringify({ ...entry, instance })}\n`)
}

/** Everything that all processes have written, in the order of time. */
export function readLedgers(folder: string): Entry[] {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
  const entries = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Entry)
  return entries.sort((a, b) => a.at - b.at)
}
