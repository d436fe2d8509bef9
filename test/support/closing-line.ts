import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node'
import type { Search } from './leaks.js'

type Counts = { passed: number; failed: number; skipped: number }

/**
 * The very last line of a run: `N passed, N failed`, and `, N skipped` when there are any.
 *
 * Whatever failed is counted: a test, a hook, a file that does not load, an error outside every test, a set-up that fails
 * before the first one. So `0 failed` is never said of a run that did not work. The line before it tells how much was
 * searched for secrets.
 */
export default function closingLine(): Reporter {
  let counts: Counts | undefined
  const folder = mkdtempSync(join(tmpdir(), 'importal-searches-'))
  const searchesFile = join(folder, 'searches.jsonl')
  writeFileSync(searchesFile, '')

  // Printed as the process ends: later than the other reporters, the tear-down and what it may complain of.
  process.once('exit', (code) => {
    const searches = readFileSync(searchesFile, 'utf8')
    rmSync(folder, { recursive: true, force: true })
    process.stdout.write(`${searchesLineFor(searches)}${lineFor(counts, code)}\n`)
  })
  return {
    onInit(vitest: Vitest) {
      vitest.provide('searchesFile', searchesFile)
    },
    onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: TestRunEndReason) {
      counts = count(modules)
      counts.failed += unhandledErrors.length
      if (reason !== 'passed') counts.failed = Math.max(1, counts.failed)
    },
  }
}

export function lineFor(counts: Counts | undefined, exitCode: number): string {
  const { passed, failed, skipped } = counts ?? { passed: 0, failed: 1, skipped: 0 }
  const known = exitCode === 0 && passed > 0 ? failed : Math.max(1, failed)
  return `${passed} passed, ${known} failed${skipped ? `, ${skipped} skipped` : ''}`
}

/** What all searches of the run add up to; nothing when there were none. */
export function searchesLineFor(lines: string): string {
  const searches = lines.split('\n').flatMap((line): Search[] => (line === '' ? [] : [JSON.parse(line) as Search]))
  if (searches.length === 0) return ''
  const sum = (of: keyof Search) => searches.reduce((total, search) => total + search[of], 0)
  return `${sum('canaries')} canaries searched for in ${sum('places')} places, ${sum('hits')} hits\n`
}

function count(modules: readonly TestModule[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      counts[state === 'pending' ? 'failed' : state] += 1
    }
    for (const place of [module, ...module.children.allSuites()]) counts.failed += place.errors().length
  }
  return counts
}
