import type { Import, ImportEvent } from './answers.js'

/** Where something is written to: a stream of Node's, or what looks like one. */
export type Output = { write: (text: string) => unknown; isTTY?: boolean; columns?: number }

const BAR_WIDTH = 30
const DEFAULT_COLUMNS = 80
const CLEAR_LINE = '\r\u001b[2K'

export type Progress = ReturnType<typeof createProgress>

/** Tells somebody how an import goes on: by a line that is drawn again and again on a terminal, by a line each elsewhere. */
export function createProgress(output: Output) {
  let drawn = ''

  function draw(line: string): void {
    // The last column stays free, or some terminals begin a new line.
    drawn = line.slice(0, (output.columns ?? DEFAULT_COLUMNS) - 1)
    output.write(CLEAR_LINE + drawn)
  }

  return {
    isDrawn: output.isTTY === true,

    /** A line that stays. */
    say(line: string): void {
      output.write(output.isTTY && drawn !== '' ? `${CLEAR_LINE}${line}\n${drawn}` : `${line}\n`)
    },

    tell(event: ImportEvent): void {
      const line = describeEvent(event)
      if (output.isTTY) draw(line)
      else output.write(`${event.at} ${line}\n`)
    },

    /** Only on a terminal: the bar. */
    show(made: Import): void {
      if (output.isTTY) draw(describeProgress(made))
    },

    /** Leaves the terminal as it was. */
    end(): void {
      if (drawn !== '') output.write(CLEAR_LINE)
      drawn = ''
    },
  }
}

/** Counted as an account's own pages count: HubSpot's counters, all parts together. */
export function countsOf({ counters, files }: Import) {
  const { CREATED_OBJECTS: created = 0, UPDATED_OBJECTS: updated = 0, ERRORS: errors = 0, TOTAL_ROWS } = counters
  const known = files.reduce<number | null>((sum, { rows }) => (sum === null || rows === null ? null : sum + rows), 0)
  return { rows: TOTAL_ROWS ?? known, created, updated, errors }
}

function describeEvent({ type, reason }: ImportEvent): string {
  return typeof reason === 'string' ? `${type}: ${reason}` : type
}

function describeProgress(made: Import): string {
  const { state, reason, queue } = made
  if (state === 'held' && reason !== null) return `held: ${reason}`
  if (queue) return `${state}, at place ${queue.position} of the account’s queue`
  const { rows, created, updated, errors } = countsOf(made)
  if (state !== 'processing' || !rows) return state
  const done = Math.min(rows, created + updated + errors)
  const filled = Math.floor((done / rows) * BAR_WIDTH)
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${Math.floor((done / rows) * 100)} % of ${rows} rows`
}
