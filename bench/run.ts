import { runApi } from './api.js'
import { runFlood } from './flood.js'
import { runFoundation } from './foundation.js'
import { runIntake } from './intake.js'
import { runPages } from './pages.js'
import { runQueue } from './queue.js'
import { runShed } from './shed.js'
import { runTokens } from './tokens.js'

/** The groups of benchmarks: `npm run bench -- GROUP`. A goal that is missed is said, and fails nothing. */
const GROUPS: Record<string, () => Promise<void>> = {
  foundation: runFoundation,
  tokens: runTokens,
  queue: runQueue,
  intake: runIntake,
  pages: runPages,
  api: runApi,
  flood: runFlood,
  shed: runShed,
}

const [group = ''] = process.argv.slice(2)
const run = GROUPS[group]
if (run) await run()
else {
  process.stderr.write(`npm run bench -- GROUP, where GROUP is one of: ${Object.keys(GROUPS).join(', ')}\n`)
  process.exitCode = 64
}
