import pg from 'pg'

/** What makes a commit of this server survive a crash, and how far its clock is from ours. */
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
