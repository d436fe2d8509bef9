import { setFlagsFromString } from 'node:v8'
import { PrismaPg } from '@prisma/adapter-pg'
import { type Prisma, PrismaClient } from './generated/client.js'

/** Prisma's client; `tx` of a transaction has the same shape. */
export type Database = PrismaClient
export type Transaction = Prisma.TransactionClient
export type { Prisma }

const CONNECT_TIMEOUT_MS = 5_000
/** A statement that hangs must not hold one of the pool's connections for ever. */
const STATEMENT_TIMEOUT_MS = 10_000
/** Shorter than others wait for a lock. */
const IDLE_TIMEOUT_MS = 3_000

// Prisma compiles queries by a WebAssembly module. V8's optimizing compiler would spend 40 MB on it, for plans that are made
// once and then cached.
setFlagsFromString('--liftoff-only')

/** Opens a pool of connections to Postgres; connects on first use. */
export function openDatabase(connectionString: string, maxConnections = 10): Database {
  const adapter = new PrismaPg({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: STATEMENT_TIMEOUT_MS / 2,
    // A process that is paused in the middle of a transaction must not keep its locks: the audit trail has one for all.
    idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
    application_name: 'importal',
  })
  // Other messages quote the lines of code around a query, and its values among them.
  return new PrismaClient({ adapter, errorFormat: 'minimal' })
}
