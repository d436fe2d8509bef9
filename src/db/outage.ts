import { setTimeout as sleep } from 'node:timers/promises'

const FIRST_WAIT_MS = 250
const MAX_WAIT_MS = 5_000

/** SQLSTATEs: connection lost, refused or for reading only; too few resources; locked for too long; ended or not yet up. */
const STATES = /^(08...|28...|3D000|25006|25P0[34]|40001|40P01|53...|55P03|57...|58...)$/
/** Prisma's own codes for the same, and those of the connection itself. */
const CODES =
  /^(P100[0-3]|P1008|P101[01]|P1017|P2024|P2028|P2034|P2037|E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN))$/
const KINDS = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections', 'TransactionWriteConflict']
const MESSAGES = /Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout/i
const SQLSTATE = /^[0-9A-Z]{5}$/
const PRISMA_CODE = /^P[1-6]\d{3}$/
/** The connection is gone, or going: what became of a commit nobody has heard. */
const LOST = /^(08...|57P..|25P0[34])$/
/** Whoever was chosen to give way may simply try again. */
const CONFLICTS = /^(40001|40P01|P2034|TransactionWriteConflict)$/
/** Prisma has one code for a transaction that took too long, which is undone, and for one that got no connection. */
const EXPIRED = /expired transaction/

/** Whether it was the database's state that failed a query, and not the query: the same may succeed a little later. */
export function isOutage(thrown: unknown): boolean {
  return marksOf(thrown).some(({ code, kind, severity, message }) => {
    // A fatal one ends the connection.
    const isAway = severity === 'FATAL' || KINDS.includes(kind) || MESSAGES.test(message)
    return isAway || STATES.test(code) || CODES.test(code)
  })
}

/** Whether a transaction was undone because another one was in its way. */
export function isConflict(thrown: unknown): boolean {
  return marksOf(thrown).some(
    ({ code, kind, message }) => CONFLICTS.test(code) || CONFLICTS.test(kind) || (code === 'P2028' && EXPIRED.test(message)),
  )
}

/** Whether the server itself said that it failed, over a connection that lives: nothing of the transaction is left then. */
export function isUndone(thrown: unknown): boolean {
  return marksOf(thrown).some(
    ({ code, severity }) => SQLSTATE.test(code) && !PRISMA_CODE.test(code) && !LOST.test(code) && severity !== 'FATAL',
  )
}

/** Whether the connection is what failed a query: the server hangs, or is one that only reads. */
export function isUseless(thrown: unknown): boolean {
  return marksOf(thrown).some(({ code, message }) => code === '25006' || message === 'Query read timeout')
}

/** What an operator is to look at while the database is away. */
export function describeOutage(thrown: unknown): string {
  const codes = marksOf(thrown).map(({ code }) => code)
  if (codes.some((code) => /^(28...|P1000|P1010)$/.test(code)))
    return 'the database refuses the user or the password of DATABASE_URL'
  if (codes.some((code) => /^(3D000|P1003)$/.test(code))) return 'the server of DATABASE_URL has no database of that name'
  return 'the database does not answer'
}

/** Does it, and again, later and later, for as long as the database is away; `tell` hears of every time it was. */
export async function outlast<T>(act: () => Promise<T>, tell: (error: unknown) => void): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    try {
      return await act()
    } catch (error) {
      if (!isOutage(error)) throw error
      tell(error)
      // Not all processes at the same instant: a database that has just come up would be knocked over.
      await sleep(waitMs * (0.5 + Math.random()))
    }
  }
}

type Mark = { code: string; kind: string; severity: string; message: string }

/** What an error says of itself; of a raw query Prisma says only that it failed: why, the driver's error within it says. */
function marksOf(thrown: unknown): Mark[] {
  if (!(thrown instanceof Error)) return []
  const {
    code = '',
    severity = '',
    cause,
    meta,
    errors,
  } = thrown as Error & {
    code?: unknown
    severity?: unknown
    errors?: unknown
    meta?: { driverAdapterError?: { cause?: unknown } }
  }
  const within = [cause, meta?.driverAdapterError?.cause].flatMap((one) => (one instanceof Error ? marksOf(one) : markOf(one)))
  // A host name may have had several addresses.
  const several = Array.isArray(errors) ? errors.flatMap(marksOf) : []
  return [{ code: String(code), kind: '', severity: String(severity), message: thrown.message }, ...within, ...several]
}

function markOf(driverError: unknown): Mark[] {
  if (typeof driverError !== 'object' || driverError === null) return []
  const { originalCode = '', kind = '', severity = '', originalMessage = '' } = driverError as Record<string, unknown>
  return [{ code: String(originalCode), kind: String(kind), severity: String(severity), message: String(originalMessage) }]
}
