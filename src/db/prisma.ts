import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { Prisma, PrismaClient } from './generated/client.js'
import { isConflict, isUseless } from './outage.js'

/** Prisma's client, and a way past it. */
export type Database = PrismaClient & {
  /**
   * The rows of a statement that is asked for most. Prisma's engine takes three times what the statement does, and every
   * statement of its is planned anew: this one is planned once for each connection. Values are as `pg` gives them: a bigint
   * as text, bytes as a Buffer.
   */
  queryOften<Row extends object>(statement: Prisma.Sql): Promise<Row[]>
}
export type Transaction = Prisma.TransactionClient
export { Prisma }

const CONNECT_TIMEOUT_MS = 5_000
/** A statement that hangs must not hold one of the pool's connections for ever. */
const STATEMENT_TIMEOUT_MS = 5_000
/** When even the server’s own timeout says nothing, the server hangs. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000
/** Whoever waits for a row holds up whoever waits for a connection. */
const LOCK_TIMEOUT_MS = 2_000
/** Shorter than others wait for a connection. */
const IDLE_TIMEOUT_MS = 3_000
const TRANSACTION_ATTEMPTS = 4
const ATTEMPT_AGAIN_MS = 50

// Prisma compiles queries by a WebAssembly module. V8's optimizing compiler would spend 40 MB on it, for plans that are made
// once and then cached.
setFlagsFromString('--liftoff-only')

/** Opens a pool of connections to Postgres; connects on first use. */
export function openDatabase(connectionString: string, maxConnections = 10): Database {
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    // A process that is paused in the middle of a transaction must not keep its locks: the audit trail has one for all.
    idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'importal',
  })
  pool.on('connect', endWhenUseless)
  // A connection that breaks while nobody uses it is replaced by the next one that is wanted.
  pool.on('error', () => undefined)
  // Other messages quote the lines of code around a query, and its values among them.
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }), errorFormat: 'minimal' })
  const transact = prisma.$transaction.bind(prisma) as (...args: unknown[]) => Promise<unknown>
  return Object.assign(prisma, {
    $transaction: (...args: unknown[]) => retrying(() => transact(...args)),
    queryOften: async ({ text, values }: Prisma.Sql) => (await pool.query({ name: nameOf(text), text, values })).rows as never[],
  }) as Database
}

const names = new Map<string, string>()

/** What Postgres is to know a statement by. */
function nameOf(text: string): string {
  const name = names.get(text) ?? `often_${names.size + 1}`
  names.set(text, name)
  return name
}

/** A transaction that was in another one's way left nothing, and is done again from its beginning. */
async function retrying<T>(transact: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transact()
    } catch (error) {
      if (attempt === TRANSACTION_ATTEMPTS || !isConflict(error)) throw error
      await sleep(ATTEMPT_AGAIN_MS * attempt * (0.5 + Math.random()))
    }
  }
}

/**
 * Ends a connection whose server no longer answers, or has become a standby, so that the pool opens another one. Without
 * it a transaction would hand such a connection on to the next.
 */
function endWhenUseless(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const end = () => (client as pg.PoolClient & Pick<pg.Client, 'end'>).end().catch(() => undefined)
  Object.assign(client, {
    query: (...args: unknown[]) => {
      const running = query(...args)
      if (running instanceof Promise) running.catch((error: unknown) => (isUseless(error) ? end() : undefined))
      return running
    },
  })
}
