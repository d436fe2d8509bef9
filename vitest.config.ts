import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    reporters: ['default', './test/support/closing-line.ts'],
    pool: 'forks',
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
