import { readFileSync, writeFileSync } from 'node:fs'
import { findBreakages } from './breakages.js'
import { describeApi, type OpenApi } from './describe.js'

// `npm run api`: prints the description into docs/openapi.json, unless that would break whoever relies on 1.0.0.

/** As it was published, and stays: without it nothing is printed. */
const PUBLISHED = 'docs/openapi-1.0.0.json'

const api = describeApi()
const breakages = findBreakages(JSON.parse(readFileSync(PUBLISHED, 'utf8')) as OpenApi, api)
if (breakages.length > 0) {
  process.stderr.write(`/v1 only grows (docs/decisions/0016). These would break its clients:\n\n  ${breakages.join('\n  ')}\n`)
  process.exitCode = 1
} else writeFileSync('docs/openapi.json', `${JSON.stringify(api, null, 2)}\n`)
