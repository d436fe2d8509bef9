import type { Config } from '../../config.js'
import type { Log } from '../../log.js'
import type { AlarmStore } from '../../portals/alarm-store.js'
import type { OverdueStore } from './overdue-store.js'

type Deps = {
  overdue: Pick<OverdueStore, 'listOverdue'>
  alarms: Pick<AlarmStore, 'raise' | 'end' | 'list'>
  config: Pick<Config, 'ambiguousWindowSeconds'>
  log: Log
}

/** Tells the operator of imports that nothing moves any more, however that came about; nothing is done to them. */
export async function watchOverdue({ overdue, alarms, config, log }: Deps): Promise<void> {
  const found = await overdue.listOverdue(config.ambiguousWindowSeconds)
  if (found.length === 0) return alarms.end('imports_overdue')
  const isKnown = (await alarms.list()).some(({ kind }) => kind === 'imports_overdue')
  if (!isKnown) log.error({ overdue: found }, 'imports have not moved for a long time')
  await alarms.raise('imports_overdue', { overdue: found })
}
