import type { Change, History } from '../history.js'
import { markedId } from '../history-checker.js'
import type { Happened, Outcome } from './run-plan.js'

const NAME_LENGTH = 46
const UNDER_WAY = ['submitting', 'ambiguous', 'submitted', 'processing']

/** The figures of a run, a line each. */
export function report({ history, violations, happened, caughtUpMs, tookMs }: Outcome, seed: number): string {
  const accepted = new Set(
    history.sent.flatMap(({ answers }) => answers.flatMap(({ status, importId }) => (status === 202 ? [importId] : []))),
  )
  const broken = (invariant: string) => violations.filter((one) => one.invariant === invariant).length
  const recoveries = recoveriesOf(happened, history.changes).sort((a, b) => a.ms - b.ms)
  const alone = recoveries.filter(({ isUndisturbed }) => isUndisturbed)
  const seconds = (ms: number | undefined) => `${((ms ?? 0) / 1000).toFixed(1)} s`
  const worst = (some: Recovery[]) => {
    const last = some.at(-1)
    return last ? `${seconds(last.ms)} (${last.kind}: an import that was ${last.state})` : 'none'
  }
  const figures: [string, string | number][] = [
    ['cycles', happened.length],
    ['seed', seed],
    ['uploads sent', history.sent.length],
    ['accepted', accepted.size],
    ['stored', history.rows.length],
    ['finished', history.rows.filter(({ state }) => state === 'done').length],
    ['failed or waiting with a reason', history.rows.filter(({ state }) => state !== 'done').length],
    ['lost', broken('I1')],
    ['duplicates', duplicates(history)],
    ['wrong portal', broken('I4')],
    ['byte mismatches', broken('I3')],
    ['invariants violated', new Set(violations.map(({ invariant }) => invariant)).size],
    ['recovery, faults measured', alone.length],
    ['recovery, median', seconds(alone[alone.length >> 1]?.ms)],
    ['recovery, worst', worst(alone)],
    ['the same with more faults meanwhile, median', seconds(recoveries[recoveries.length >> 1]?.ms)],
    ['the same with more faults meanwhile, worst', worst(recoveries)],
    ['all caught up after the last fault', seconds(caughtUpMs)],
    ['took', seconds(tookMs)],
  ]
  const byKind = countBy(happened, ({ fault }) => fault.kind)
  const byPoint = countBy(
    happened.filter(({ hit }) => hit),
    ({ fault }) => ('failpoint' in fault ? `at ${fault.failpoint}` : ''),
  )
  return [
    ...figures.map(([name, figure]) => `${name.padEnd(NAME_LENGTH)}${figure}`),
    '',
    ...[...byKind, ...byPoint].map(([name, count]) => `${name.padEnd(NAME_LENGTH)}${count}`),
    ...violations.map(({ invariant, what }) => `VIOLATED ${invariant}: ${what}`),
  ].join('\n')
}

/** Imports at HubSpot beyond the first of each. */
function duplicates({ made }: History): number {
  return made.length - new Set(made.map(({ name }) => markedId(name))).size
}

type Recovery = { ms: number; kind: string; state: string; isUndisturbed: boolean }

/**
 * Of each fault: how long after its end the last of the imports changed state that were under way when it struck, by
 * Postgres's own record. What later faults add to that counts as well, where the fault was not followed undisturbed.
 */
function recoveriesOf(happened: Happened[], changes: Change[]): Recovery[] {
  const last = new Map<string, Change>()
  const waits = changes.flatMap((change) => {
    const before = last.get(change.importId)
    last.set(change.importId, before && change.to === before.to ? before : change)
    const isWait = before && change.to !== before.to && UNDER_WAY.includes(before.to)
    return isWait ? [{ from: before.at, to: change.at, state: before.to }] : []
  })
  return happened.flatMap(({ fault: { kind }, struckAt, endedAt, isUndisturbed }) => {
    const met = waits.filter(({ from, to }) => from <= struckAt && to > struckAt).sort((a, b) => a.to - b.to)
    return met.slice(-1).map(({ to, state }) => ({ ms: Math.max(0, to - endedAt), kind, state, isUndisturbed }))
  })
}

function countBy<T>(some: T[], nameOf: (one: T) => string): [string, number][] {
  const counts = new Map<string, number>()
  for (const one of some) counts.set(nameOf(one), (counts.get(nameOf(one)) ?? 0) + 1)
  return [...counts].filter(([name]) => name !== '').sort(([a], [b]) => a.localeCompare(b))
}
