import pg from 'pg'

/** What to do about settings that are off. */
export const DURABILITY_FIX = 'Turn fsync, full_page_writes and synchronous_commit on: an accepted import could be lost.'

/**
 * What makes a commit survive a crash, and how far the server's clock is from ours. `unsafe` names the settings that are
 * off for a connection like the app's own: one of them may be set for the server, the database, the user or in the address.
 */
export async function checkDurability(
  connectionString: string,
): Promise<{ version: string; unsafe: string[]; skewSeconds: number }> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    const { rows } = await client.query<{ version: string; fsync: string; pages: string; commit: string; now: number }>(`
      SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
             current_setting('full_page_writes') AS pages, current_setting('synchronous_commit') AS commit,
             extract(epoch FROM clock_timestamp())::float8 AS now`)
    const [row] = rows
    if (!row) throw new Error('Postgres gave no answer')
    const settings = { fsync: row.fsync, full_page_writes: row.pages, synchronous_commit: row.commit }
    const unsafe = Object.entries(settings).filter(([, value]) => value === 'off')
    return { version: row.version, unsafe: unsafe.map(([name]) => name), skewSeconds: Date.now() / 1000 - row.now }
  } finally {
    await client.end()
  }
}
