import { AppError } from '../errors.js'
import type { Log } from '../log.js'
import type { AlarmKind, AlarmStore } from './alarm-store.js'

const ALARMS: Partial<Record<string, { kind: AlarmKind; message: string }>> = {
  oauth_misconfigured: { kind: 'credentials_refused', message: 'HubSpot refuses our client credentials: check HUBSPOT_*' },
  oauth_portal_mismatch: { kind: 'portal_mismatch', message: 'HubSpot named another account than the one it was asked about' },
  hubspot_path_unknown: { kind: 'api_path_unknown', message: 'HubSpot does not know the address we call: check HUBSPOT_API_*' },
}

/** Makes an alarm of what only the operator can put right; of any other error nothing. */
export async function tellOperator(
  { alarms, log }: { alarms: Pick<AlarmStore, 'raise'>; log: Log },
  error: unknown,
  portalId?: string,
): Promise<void> {
  const { code, options } = error instanceof AppError ? error : new AppError('internal')
  const alarm = ALARMS[code]
  if (!alarm) return
  log.error({ err: error, portalId, ...options.context }, alarm.message)
  await alarms.raise(alarm.kind, { ...options.context })
}
