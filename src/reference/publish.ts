import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { findBreakages } from './breakages.js'
import { describeApi, type OpenApi } from './describe.js'

// `npm run api`: prints the description into docs/openapi.json, unless that would break whoever relies on the one there.

const FILE = 'docs/openapi.json'

const api = describeApi()
const breakages = existsSync(FILE) ? findBreakages(JSON.parse(readFileSync(FILE, 'utf8')) as OpenApi, api) : []
if (breakages.length > 0) {
  process.stderr.write(`/v1 only grows (docs/decisions/0016). These would break its clients:\n\n  ${breakages.join('\n  ')}\n`)
  process.exitCode = 1
} else writeFileSync(FILE, `${JSON.stringify(api, null, 2)}\n`)
