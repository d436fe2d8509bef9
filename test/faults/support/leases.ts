import { runSql } from '../../support/postgres.js'

/**
 * As if half a minute had passed: the claims on imports have run out, and those on jobs. Whoever holds one and still lives
 * loses it as well.
 */
export async function passLeases(databaseUrl: string | undefined): Promise<void> {
  await runSql(
    databaseUrl ?? '',
    `UPDATE "Import" SET "leaseUntil" = now() - interval '1 second' WHERE "state" = 'submitting';
     UPDATE pgboss.job SET heartbeat_on = heartbeat_on - interval '1 minute' WHERE state = 'active'`,
  )
}
