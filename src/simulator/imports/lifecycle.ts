import type { Import, Portal, State } from '../state.js'
import { mappingsOf } from './request.js'

const LARGE_ROWS = 10_000
const MAX_LARGE_RUNNING = 2
const FINAL = ['DONE', 'FAILED', 'CANCELED', 'REVERTED']

/** Nothing further happens to an import in this state. */
export const isFinal = (importState: string) => FINAL.includes(importState)

/** Adds an import to its portal: it gets a slot now, or when one becomes free. */
export function enqueue(state: State, made: Import): void {
  const portal = state.portal(made.portalId)
  settle(state, portal)
  state.imports.set(made.id, made)
  portal.waiting.push(made)
  startWaiting(portal, made.createdAt)
}

/** The state of an import at this moment. */
export function stateOf(state: State, made: Import): string {
  const portal = state.portals.get(made.portalId)
  if (portal) settle(state, portal)
  if (made.forcedState !== null) return made.forcedState
  if (made.startedAt === null) return 'DEFERRED'
  if (made.endedAt !== null) return 'DONE'
  return Date.now() < made.startedAt + state.settings.startedMs ? 'STARTED' : 'PROCESSING'
}

/** Gives an import a state that no clock changes any more; its slot is free then. */
export function force(state: State, made: Import, importState: string, counters: Record<string, number> | null): void {
  stateOf(state, made)
  made.forcedCounters = counters ?? made.forcedCounters
  made.forcedState = importState
  made.endedAt ??= Date.now()
  const portal = state.portal(made.portalId)
  portal.running = portal.running.filter((one) => one !== made)
  portal.waiting = portal.waiting.filter((one) => one !== made)
  startWaiting(portal, Date.now())
}

/** HubSpot's counters at this moment: none at first, growing while the import runs. */
export function countersOf(state: State, made: Import): Record<string, number> {
  if (made.forcedCounters) return made.forcedCounters
  const share = shareDone(state, made)
  if (share === 0) return {}
  const rows = made.files.reduce((sum, file) => sum + file.rows, 0)
  const grown = (count: number) => Math.floor(count * share)
  const columns = (made.request.files ?? []).flatMap(mappingsOf)
  const mapped = columns.filter(({ propertyName }) => typeof propertyName === 'string').length
  const written = Math.max(0, rows - made.badRows)
  const updated = made.objectTypeIds.filter((id) => made.request.importOperations?.[id] === 'UPDATE').length
  return {
    TOTAL_ROWS: rows,
    PROPERTY_VALUES_EMITTED: grown(written * mapped),
    CREATED_OBJECTS: grown(written * (made.objectTypeIds.length - updated)),
    UPDATED_OBJECTS: grown(written * updated),
    UNIQUE_OBJECTS_WRITTEN: grown(written * made.objectTypeIds.length),
    ERRORS: grown(made.errorCount),
    MAPPED_COLUMNS: mapped,
    UNMAPPED_COLUMNS: columns.length - mapped,
  }
}

function shareDone(state: State, made: Import): number {
  const now = stateOf(state, made)
  if (now === 'DONE' || now === 'REVERTED') return 1
  if (made.startedAt === null) return 0
  const { startedMs, processingMs } = state.settings
  const share = ((made.endedAt ?? Date.now()) - made.startedAt - startedMs) / Math.max(1, processingMs)
  return Math.min(0.99, Math.max(0, share))
}

/** Lets everything happen that is due: imports end, and those that wait take their slots at that moment. */
function settle({ settings: { startedMs, processingMs } }: State, portal: Portal): void {
  const endOf = ({ startedAt }: Import) => (startedAt ?? 0) + startedMs + processingMs
  for (;;) {
    const [next] = portal.running.toSorted((a, b) => endOf(a) - endOf(b))
    if (!next || endOf(next) > Date.now()) return
    portal.running = portal.running.filter((one) => one !== next)
    next.endedAt = endOf(next)
    if (next.objectTypeIds.includes('0-1') && next.request.importOperations?.['0-1'] !== 'UPDATE')
      portal.contactsCreated += next.files.reduce((sum, { rows }) => sum + rows, 0) - next.badRows
    startWaiting(portal, next.endedAt)
  }
}

function startWaiting(portal: Portal, at: number): void {
  for (const made of [...portal.waiting]) {
    if (portal.running.length >= portal.maxRunning) return
    if (isLarge(made) && portal.running.filter(isLarge).length >= MAX_LARGE_RUNNING) continue
    portal.waiting = portal.waiting.filter((one) => one !== made)
    made.startedAt = Math.max(at, made.createdAt)
    portal.running.push(made)
  }
}

function isLarge({ files }: Import): boolean {
  return files.some(({ rows }) => rows > LARGE_ROWS)
}
