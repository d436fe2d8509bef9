import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

/** What is read from the tables when metrics are asked for, because no process knows it alone. */
type Readings = {
  portals: Record<string, number>
  imports: { state: string; count: number; oldestSeconds: number }[]
  alarms: { kind: string; count: number }[]
}

/** The metrics of this process, and of all together; none has an id or a name in its labels. */
export function createMetrics() {
  const register = new Registry()
  const registers = [register]
  collectDefaultMetrics({ register })
  const refreshes = new Counter({
    name: 'importal_token_refreshes_total',
    help: 'Refreshes of portals’ tokens by this process; outcome is "granted" or the code of the problem',
    labelNames: ['outcome'],
    registers,
  })
  const lateDuplicates = new Counter({
    name: 'importal_late_duplicates_total',
    help: 'Imports that HubSpot made after all when they had been sent again, as seen by this process',
    registers,
  })
  const portals = new Gauge({
    name: 'importal_portals',
    help: 'Portals by status: connected, reconnect (HubSpot refuses our tokens), disconnected',
    labelNames: ['status'],
    registers,
  })
  const imports = new Gauge({
    name: 'importal_imports',
    help: 'Imports that have not ended, by state',
    labelNames: ['state'],
    registers,
  })
  const oldest = new Gauge({
    name: 'importal_oldest_import_seconds',
    help: 'Age of the oldest import that has not ended, by state',
    labelNames: ['state'],
    registers,
  })
  const alarms = new Gauge({
    name: 'importal_alarms',
    help: 'What the operator must put right; how often it has been met since it was raised. No series: nothing is wrong',
    labelNames: ['kind'],
    registers,
  })

  return {
    countRefresh: (outcome: string): void => refreshes.inc({ outcome }),
    countLateDuplicates: (count: number): void => lateDuplicates.inc(count),

    /** Everything in Prometheus' text format. */
    async render(readings: Readings): Promise<{ contentType: string; text: string }> {
      for (const gauge of [portals, imports, oldest, alarms]) gauge.reset()
      for (const [status, count] of Object.entries(readings.portals)) portals.set({ status }, count)
      for (const { state, count, oldestSeconds } of readings.imports) {
        imports.set({ state }, count)
        oldest.set({ state }, oldestSeconds)
      }
      for (const { kind, count } of readings.alarms) alarms.set({ kind }, count)
      return { contentType: register.contentType, text: await register.metrics() }
    },
  }
}
