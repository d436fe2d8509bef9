import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PROBLEMS, type ProblemCode } from '../../src/errors.js'
import { HARMLESS } from '../../src/imports/preflight/preflight.js'
import { IMPORT_STATES } from '../../src/imports/schema.js'
import { LANGUAGES } from '../../src/words/language.js'
import { explainProblem } from '../../src/words/problems.js'
import { explainCode, FINDINGS, ROW_ERRORS } from '../../src/words/row-errors.js'
import { STATE_LOOKS, STATES } from '../../src/words/states.js'
import { testApp } from '../support/app.js'
import { openBrowser } from '../support/browser.js'

const SENTENCE = /^[A-ZÄÖÜ][\s\S]*[.!]$/

describe.each(LANGUAGES)('in %s', (language) => {
  it('every row error of HubSpot has a name, a reason and something to do, and so has every finding of ours', () => {
    expect(Object.keys(ROW_ERRORS)).toHaveLength(68)
    for (const code of [...Object.keys(ROW_ERRORS), ...Object.keys(FINDINGS), ...HARMLESS]) {
      const { title, what, fix } = explainCode(code, language)
      expect([code, title.length > 3, SENTENCE.test(what), SENTENCE.test(fix)]).toEqual([code, true, true, true])
      expect([code, what]).not.toEqual([code, explainCode('NOBODY_KNOWS', language).what])
    }
  })

  it('every problem has one as well', () => {
    for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
      const { title, cause, fix } = explainProblem(code, language)
      expect([code, title.length > 3, SENTENCE.test(cause), SENTENCE.test(fix)]).toEqual([code, true, true, true])
    }
  })

  it('every state has a word, a meaning and a sign beside its colour', () => {
    for (const state of IMPORT_STATES)
      expect([state, STATES[language].state[state], STATES[language].explained[state], STATE_LOOKS[state]]).not.toContain(
        undefined,
      )
  })

  it('what nobody knows yet degrades to its name', () => {
    expect(explainCode('SOME_NEW_TYPE', language)).toMatchObject({ title: 'Some new type' })
    expect(explainCode('toString', language).title).toBe('Tostring')
  })

  it('every problem has a page', async () => {
    const app = await testApp({ install: false, work: false })
    const browser = openBrowser(app)
    for (const code of Object.keys(PROBLEMS)) {
      const page = await browser.go(`/problems/${code}`, { headers: { 'accept-language': language } })
      expect([code, page.status]).toEqual([code, 200])
      expect(page.text).toContain(`<html lang="${language}"`)
      expect(page.text).toContain(
        explainProblem(code as ProblemCode, language)
          .cause.slice(0, 20)
          .replaceAll('“', '“'),
      )
    }
  })
})

it('every code that the checks can find is explained', () => {
  const found = new Set(filesIn('src/intake').concat(filesIn('src/imports/preflight')).flatMap(codesIn))

  expect(found.size).toBeGreaterThanOrEqual(20)
  expect([...found].filter((code) => !(code in ROW_ERRORS) && !(code in FINDINGS))).toEqual([])
})

it('no template holds a word of its own', () => {
  const spoken = filesIn('views', '.eta')
    .filter((path) => !/views\/public\/(en|de)\//.test(path))
    .flatMap((path) =>
      [
        ...readFileSync(path, 'utf8')
          .replaceAll(/<%[\s\S]*?%>/g, '')
          .replaceAll(/<[^>]*>/g, '\n')
          .matchAll(/\p{L}[\p{L} ’-]{2,}/gu),
      ].map(([text]) => `${path}: ${text}`),
    )
  // Names, which are the same in every language.
  expect(spoken.filter((text) => !/: (Importal|HubSpot|Hub ID|UTC|Excel)/.test(text))).toEqual([])
})

function filesIn(folder: string, ending = '.ts'): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
}

/** What a file puts down as a finding's code. */
function codesIn(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  const adding =
    /(?:findings\.(?:add|count)\(\s*'(?:error|warning)',\s*|noteFile\(\s*findings,\s*[^,]+,\s*|code: |\?\s*|:\s*|add\(\s*)'([A-Z]+(?:_[A-Z]+)+)'/g
  return [...text.matchAll(adding)]
    .flatMap(([, code]) => code ?? [])
    .filter((code) => !/^(HUBSPOT_|FLEXIBLE_|ASSOCIATION_KEYS|EVENT_TIMESTAMP|MONTH_|DAY_|YEAR_)/.test(code))
}
