/** What we noticed in a file before HubSpot saw it. */
export type Finding = {
  severity: 'error' | 'warning'
  /** HubSpot's own word for it where it has one, such as `INVALID_EMAIL`; otherwise ours, in the same form. */
  code: string
  /** What is wrong, in a sentence. */
  message: string
  /** What to do about it, in a sentence; null: nothing. */
  fix: string | null
  file: string | null
  /** The row as a spreadsheet counts it: the header is 1. 0: the whole file. */
  line: number | null
  /** 0-based. */
  column: number | null
  columnName: string | null
  /** The cell, shortened. */
  value: string | null
}

/** Of each code so many are kept; all are counted. */
const KEPT_OF_A_CODE = 1_000
const MAX_VALUE_LENGTH = 120
const MAX_TEXT_LENGTH = 1_000

/** Findings counted by severity, and how often each code was seen. */
export type FindingCounts = { errors: number; warnings: number; byCode: Record<string, number> }

export type Findings = ReturnType<typeof createFindings>

/** Collects findings within bounds: a file may have millions. */
export function createFindings() {
  const kept: Finding[] = []
  const counts: FindingCounts = { errors: 0, warnings: 0, byCode: {} }

  return {
    /** Whoever finds more of a code than are kept need not describe them: `describe` is called for those that are. */
    add(severity: Finding['severity'], code: string, describe: () => Omit<Finding, 'severity' | 'code'>): void {
      counts[severity === 'error' ? 'errors' : 'warnings'] += 1
      const seen = (counts.byCode[code] ?? 0) + 1
      counts.byCode[code] = seen
      if (seen > KEPT_OF_A_CODE) return
      const described = describe()
      kept.push({ severity, code, ...detach({ ...described, value: described.value && shorten(described.value) }) })
    },

    /** So many more than those that were described. */
    count(severity: Finding['severity'], code: string, more: number): void {
      if (more === 0) return
      counts[severity === 'error' ? 'errors' : 'warnings'] += more
      counts.byCode[code] = (counts.byCode[code] ?? 0) + more
    },

    /** What somebody else has collected. */
    merge(other: { kept: readonly Finding[]; counts: FindingCounts }): void {
      const room = new Map<string, number>()
      for (const finding of other.kept) {
        const left = room.get(finding.code) ?? KEPT_OF_A_CODE - (counts.byCode[finding.code] ?? 0)
        if (left > 0) kept.push(finding)
        room.set(finding.code, left - 1)
      }
      counts.errors += other.counts.errors
      counts.warnings += other.counts.warnings
      for (const [code, count] of Object.entries(other.counts.byCode)) counts.byCode[code] = (counts.byCode[code] ?? 0) + count
    },

    kept: (): readonly Finding[] => kept,
    counts: (): FindingCounts => counts,
  }
}

/** What a finding says, cut short; and copied, since a part of a text keeps all of that text. */
function detach(described: Omit<Finding, 'severity' | 'code'>): Omit<Finding, 'severity' | 'code'> {
  const { message, fix, file, columnName, value } = described
  const copy = (text: string | null) => text && Buffer.from(text.slice(0, MAX_TEXT_LENGTH).toWellFormed()).toString()
  return {
    ...described,
    message: copy(message) ?? '',
    fix: copy(fix),
    file: copy(file),
    columnName: copy(columnName),
    value: copy(value),
  }
}

/** As much of a value as tells a person which one it is. */
export function shorten(value: string): string {
  return value.length <= MAX_VALUE_LENGTH ? value : `${value.slice(0, MAX_VALUE_LENGTH - 1).toWellFormed()}…`
}
