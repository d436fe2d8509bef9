import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { OTHER_PORTAL, PORTAL, type TestApp, testApp, until } from '../support/app.js'
import { ask, untilState, uploadFile } from '../support/requests.js'

/** From now on this SQLSTATE is what storing an import meets, so many times; nothing of a transaction undoes the count. */
async function failImports(app: TestApp, state: string, times = 1_000_000): Promise<void> {
  await app.query('CREATE SEQUENCE tries')
  await app.query(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') <= ${times} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '${state}'; END IF;
      RETURN NEW;
    END $$`)
  await app.query('CREATE TRIGGER fail BEFORE INSERT ON "Import" FOR EACH ROW EXECUTE FUNCTION fail()')
}

/** Somebody else's transaction, which keeps what it has locked until it is let go. */
async function lockElsewhere(app: TestApp, sql: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: app.databaseUrl })
  await client.connect()
  await client.query('BEGIN')
  await client.query(sql)
  const letGo = () => client.end()
  onTestFinished(letGo)
  return letGo
}

/** Ends the app's connections to its database, or those whose last statement is like this. */
async function endConnections(app: TestApp, like = '%'): Promise<void> {
  await app.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE $1`,
    [like],
  )
}

const isRefused = { status: 503, body: { code: 'database_unavailable' } }

describe('storing an upload', () => {
  it.each([
    ['could not be serialized', '40001'],
    ['was in a deadlock', '40P01'],
  ])('is done again from its beginning when it %s', async (_why, state) => {
    const app = await testApp()
    await failImports(app, state, 2)

    const { status, body } = await uploadFile(app)

    expect(status).toBe(202)
    await untilState(app, body, 'done')
    expect(await app.query('SELECT last_value::int AS tries FROM tries')).toEqual([{ tries: 3 }])
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it.each([
    ['the database’s disk is full', '53100'],
    ['its memory is used up', '53200'],
    ['it only reads', '25006'],
    ['the statement took too long', '57014'],
    ['it is in a deadlock every time', '40P01'],
  ])('is given up when %s: its sender is told to come back, nothing is kept, and the next one is taken', async (_why, state) => {
    const app = await testApp()
    await failImports(app, state)

    const refused = await uploadFile(app)
    await app.query('DROP TRIGGER fail ON "Import"')
    const taken = await uploadFile(app)

    expect(refused).toMatchObject(isRefused)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(taken.status).toBe(202)
    await untilState(app, taken.body, 'done')
    expect([app.hubspot.control.imports().length, (await app.storedFiles()).length]).toEqual([1, 1])
  })

  it('goes on over new connections once a standby that only reads has become the primary, or another server is', async () => {
    const app = await testApp()
    const name = new URL(app.databaseUrl).pathname.slice(1)

    await app.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    await endConnections(app)
    const refused = await uploadFile(app)
    await app.query('SET default_transaction_read_only = off')
    await app.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)

    expect(refused).toMatchObject(isRefused)
    const taken = await until(
      () => uploadFile(app),
      ({ status }) => status === 202,
    )
    await untilState(app, taken.body, 'done')
  })
})

describe('work under way', () => {
  it('goes on when all of its connections are ended', async () => {
    const app = await testApp()
    const uploads = await Promise.all([uploadFile(app), uploadFile(app), uploadFile(app)])

    await endConnections(app)

    // A claim whose connection ended at the wrong moment is recovered by the sweep, as every worker does it.
    await until(
      async () => {
        await app.sweep()
        return app.query<{ state: string }>(`SELECT "state" FROM "Import" WHERE "state" <> 'done'`)
      },
      (open) => open.length === 0,
    )
    expect(uploads.map(({ status }) => status)).toEqual([202, 202, 202])
    expect(app.hubspot.control.imports()).toHaveLength(3)
  })

  it('is taken up without delay when nobody hears of it any more', async () => {
    const app = await testApp()

    await endConnections(app, 'LISTEN%')
    const { body } = await uploadFile(app)

    await untilState(app, body, 5_000, 'done')
  })

  it('of one portal whose row is locked holds up no other portal', async () => {
    const app = await testApp()
    await app.install(OTHER_PORTAL)
    const other = { url: app.url, key: await app.createKey('Other', OTHER_PORTAL) }

    const letGo = await lockElsewhere(app, `SELECT 1 FROM "Portal" WHERE "id" = '${PORTAL}' FOR UPDATE`)
    const held = uploadFile(app)
    const { body } = await uploadFile(other, { portalId: OTHER_PORTAL })
    await untilState(other, body, 'done')

    expect(await held).toMatchObject(isRefused)
    await letGo()
    const taken = await uploadFile(app)
    await untilState(app, taken.body, 'done')
  })
})

describe('the connections to the database', () => {
  it('are shared out: requests that wait for theirs do not keep imports from being submitted', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    const letGo = await lockElsewhere(app, 'LOCK TABLE "ApiKey"')
    let isFlooding = true
    const flood = Array.from({ length: 40 }, async () => {
      const statuses = new Set<number>()
      while (isFlooding) statuses.add((await ask(app, '/v1/me')).status)
      return [...statuses]
    })

    await app.startWork()
    await until(
      () => app.hubspot.control.imports().length,
      (count) => count === 1,
    )
    isFlooding = false

    expect(new Set((await Promise.all(flood)).flat())).toEqual(new Set([503]))
    await letGo()
    await untilState(app, body, 'done')
  })

  it('are shared out: background work that waits for its own does not keep requests from being answered', async () => {
    const app = await testApp()
    const letGo = await lockElsewhere(app, 'LOCK TABLE "Import"')
    const waiting = Array.from({ length: 20 }, () => app.deps.forJobs.imports.exists('imp_0'))

    const answer = await ask(app, '/v1/me')
    await letGo()

    expect(answer.status).toBe(200)
    expect((await Promise.allSettled(waiting)).length).toBe(20)
  })
})
