/** What was written on a day. */
export type Day = { day: Date; created: number; updated: number; failed: number }

export type Bar = { x: number; y: number; width: number; height: number; kind: 'created' | 'updated' | 'failed' }
export type Chart = {
  width: number
  height: number
  bars: Bar[]
  lines: { y: number; value: number }[]
  ticks: { x: number; day: Date }[]
}

const WIDTH = 720
const HEIGHT = 200
const LEFT = 56
/** Half of the last day's name. */
const RIGHT = 24
const BOTTOM = 24
const TOP = 8
const DAY_MS = 86_400_000
const TICK_EVERY = 7

/** A day for each of the last `days`, those without imports among them. */
export function fillDays(known: Day[], today: Date, days: number): Day[] {
  const byDay = new Map(known.map((one) => [one.day.getTime(), one]))
  const last = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate())
  return Array.from({ length: days }, (_, i) => {
    const at = last - (days - 1 - i) * DAY_MS
    return byDay.get(at) ?? { day: new Date(at), created: 0, updated: 0, failed: 0 }
  })
}

/** Stacked bars, a day each, in the units of an SVG of this width and height; undefined when there is nothing to show. */
export function drawChart(days: Day[]): Chart | undefined {
  const highest = Math.max(0, ...days.map(({ created, updated, failed }) => created + updated + failed))
  if (highest === 0) return undefined
  const top = roundUp(highest)
  const room = HEIGHT - BOTTOM - TOP
  const step = (WIDTH - LEFT - RIGHT) / days.length
  const scale = (value: number) => (value / top) * room
  const bars = days.flatMap((day, i) => {
    let floor = HEIGHT - BOTTOM
    return (['created', 'updated', 'failed'] as const).flatMap((kind): Bar[] => {
      const height = scale(day[kind])
      if (height === 0) return []
      floor -= height
      return [{ x: round(LEFT + i * step + step * 0.15), y: round(floor), width: round(step * 0.7), height: round(height), kind }]
    })
  })
  return {
    width: WIDTH,
    height: HEIGHT,
    bars,
    lines: [0, 0.5, 1].map((share) => ({ y: round(HEIGHT - BOTTOM - scale(top * share)), value: top * share })),
    ticks: days.flatMap(({ day }, i) =>
      (days.length - 1 - i) % TICK_EVERY === 0 ? [{ x: round(LEFT + (i + 0.5) * step), day }] : [],
    ),
  }
}

/** The next of 1, 1.5, 2, 3, 5, 7.5, 10, 15, … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.5, 2, 3, 5, 7.5, 10].find((one) => one * power >= value) ?? 10) * power
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
