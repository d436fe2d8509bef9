import { type Import, sumCounters } from '../../imports/import-store.js'
import type { ImportState } from '../../imports/schema.js'
import type { Formats, Language } from '../../words/language.js'
import { STATE_LOOKS, STATES } from '../../words/states.js'

/** Nothing more happens to an import in one of these. */
export const ENDED: readonly ImportState[] = ['done', 'failed', 'canceled', 'needs_review']

/** A state as a page shows it: an icon, a word and a colour, and what it means. */
export function describeState({ state, reason }: Pick<Import, 'state' | 'reason'>, language: Language) {
  const words = STATES[language]
  return {
    ...(STATE_LOOKS[state] ?? { icon: '?', look: 'quiet' as const }),
    word: words.state[state] ?? state,
    meaning: (state === 'held' && reason ? words.held[reason] : undefined) ?? words.explained[state] ?? '',
  }
}

/** An import as lists of the settings pages show it; what is not known yet is '–'. */
export function describeImport(made: Import, language: Language, formats: Formats) {
  const { CREATED_OBJECTS: created = 0, UPDATED_OBJECTS: updated = 0, ERRORS: failed = 0, TOTAL_ROWS } = sumCounters(made.parts)
  const rows = TOTAL_ROWS ?? rowsOf(made)
  const isAtHubSpot = made.parts.some(({ hubspotImportId }) => hubspotImportId !== null)
  const shown = (count: number) => (isAtHubSpot ? formats.number(count) : '–')
  return {
    id: made.id,
    name: made.name,
    state: describeState(made, language),
    hasEnded: ENDED.includes(made.state),
    rows: rows === null ? '–' : formats.number(rows),
    created: shown(created),
    updated: shown(updated),
    failed: shown(failed),
    failedCount: failed,
    /** 0 to 1; null: not known. */
    progress: made.state === 'processing' && rows ? Math.min(1, (created + updated + failed) / rows) : null,
    when: formats.instant(made.createdAt),
    createdAt: made.createdAt.toISOString(),
  }
}

function rowsOf({ files }: Import): number | null {
  return files.reduce<number | null>((sum, { rows }) => (sum === null || rows === null ? null : sum + rows), 0)
}
