import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest begins first, so that nothing is waited for alone at the end. */
const LONG = [
  'faults/forty-kills',
  'disconnect',
  'faults/hubspot',
  'upload-bad-input',
  'faults/kill',
  'imports',
  'reconcile',
  'tokens/herd',
  'browser/pages',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at < 0 ? LONG.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    reporters: ['default', './test/support/closing-line.ts'],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // For the threads that the app starts: they run its sources too.
    execArgv: ['--import', new URL('test/support/typescript.mjs', import.meta.url).href],
    // One more than the two cores of a small machine: tests mostly wait, for Postgres and for sockets.
    maxWorkers: 3,
    // A busy machine takes longer than the second that is waited for a condition by default.
    expect: { poll: { timeout: 60_000 } },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
