import { fromPrisma, PgBoss } from 'pg-boss'
import type { z } from 'zod'
import type { Log } from '../log.js'

/** A kind of background job. A job is only a nudge: what is to be done is read from the tables when it runs. */
export type JobKind<Payload> = {
  name: string
  payload: z.ZodType<Payload>
  /** Jobs with the same key run one at a time, on all processes together. */
  oneAtATime?: (payload: Payload) => string
  /** With `oneAtATime`: while one waits, another with the same key is not added. */
  once?: true
  /** How many run at once in one process. */
  concurrency: number
  /** A job that takes longer is handed out again while the first still runs. */
  expiresAfterSeconds: number
}

export type JobHandler = { kind: JobKind<unknown>; handle: (payload: unknown) => Promise<void> }

type PrismaTransaction = Parameters<typeof fromPrisma>[0]

/** How often each kind is looked at for jobs of other processes, and for those whose time has come. */
const LOOK_EVERY_MS = 500
/** A worker is woken by us: what it does by itself is only for the case that this goes wrong. */
const POLL_SECONDS = 60
const RETRIES = 5
const MAX_CONNECTIONS = 5
/** Longer than any statement of the queue's takes: a server that is gone without a word says nothing for ever. */
const ANSWER_TIMEOUT_MS = 60_000
/** A worker that died is noticed after this long (the least that pg-boss takes) plus the supervisor's interval. */
const HEARTBEAT_SECONDS = 10
const SUPERVISE_SECONDS = 5

export type Queue = ReturnType<typeof createQueue>

/** Names a kind of job; its payload is parsed when it runs. */
export function job<Payload>(kind: JobKind<Payload>): JobKind<Payload> {
  return kind
}

/** Binds a kind of job to what it does. */
export function handler<Payload>(kind: JobKind<Payload>, handle: (payload: Payload) => Promise<void>): JobHandler {
  return { kind: kind as JobKind<unknown>, handle: (payload) => handle(kind.payload.parse(payload)) }
}

/** Background jobs in Postgres: every job runs at least once, and survives any process. */
export function createQueue({ connectionString, log }: { connectionString: string; log: Log }) {
  // What pg-boss does not name, it passes on to its connections.
  const connection = { connectionString, query_timeout: ANSWER_TIMEOUT_MS, keepAlive: true }
  const boss = new PgBoss({
    ...connection,
    application_name: 'importal-queue',
    max: MAX_CONNECTIONS,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
    schedule: false,
  })
  boss.on('error', (error) => log.error({ err: error }, 'job queue'))

  /** Wakes one worker of a kind that does nothing, if this process has any. */
  const wakers = new Map<string, () => void>()
  const wake = (name: string) => wakers.get(name)?.()
  /** Kinds of which a transaction that has yet to end was given a job. */
  const given = new Set<string>()
  const looking: NodeJS.Timeout[] = []

  /**
   * Workers sleep, and are woken one at a time: who finds a job wakes the next one before he begins, and looks again at the
   * end. Were all woken for every job, all but one would ask the database for nothing.
   */
  async function startWorkers(kind: JobKind<unknown>, handle: (payload: unknown) => Promise<void>): Promise<void> {
    const idle = new Set<string>()
    const wakeOne = () => {
      const [workerId] = idle
      if (workerId !== undefined) boss.notifyWorker(workerId)
    }

    async function startWorker(): Promise<void> {
      const workerId = await boss.work(kind.name, { pollingIntervalSeconds: POLL_SECONDS }, async ([next]) => {
        if (!next) return
        idle.delete(workerId)
        wakeOne()
        try {
          await handle(next.data)
        } catch (error) {
          log.error({ err: error, job: kind.name, jobId: next.id }, 'job failed')
          // pg-boss keeps what a job threw: only the message, which is ours and free of secrets.
          throw new Error(error instanceof Error ? error.name : 'unknown error')
        } finally {
          idle.add(workerId)
          boss.notifyWorker(workerId)
          for (const name of given) wake(name)
          given.clear()
        }
      })
      idle.add(workerId)
    }

    for (let nth = 0; nth < kind.concurrency; nth++) await startWorker()
    wakers.set(kind.name, wakeOne)
    looking.push(setInterval(wakeOne, LOOK_EVERY_MS).unref())
  }

  let isStarted = false

  return {
    /** Makes the queue's tables and these kinds of jobs known; safe to do twice, after a failure too, and on many processes at once. */
    async start(
      kinds: (Pick<JobKind<unknown>, 'name' | 'expiresAfterSeconds' | 'once'> & { oneAtATime?: unknown })[],
    ): Promise<void> {
      isStarted = true
      await boss.start()
      for (const { name, oneAtATime, once, expiresAfterSeconds } of kinds) {
        await boss.createQueue(name, {
          policy: once ? 'stately' : oneAtATime ? 'singleton' : 'standard',
          retryLimit: RETRIES,
          retryBackoff: true,
          retryDelayMax: 60,
          expireInSeconds: expiresAfterSeconds,
          heartbeatSeconds: HEARTBEAT_SECONDS,
          deleteAfterSeconds: 3_600,
        })
      }
    },

    /** Adds a job, unless one like it waits already and that is enough; with `tx`, only if that transaction commits. */
    async enqueue<Payload extends object>(
      kind: JobKind<Payload>,
      payload: Payload,
      { tx, afterSeconds = 0 }: { tx?: PrismaTransaction; afterSeconds?: number } = {},
    ): Promise<void> {
      await boss.send(kind.name, payload, {
        ...(kind.oneAtATime ? { singletonKey: kind.oneAtATime(payload) } : {}),
        ...(afterSeconds > 0 ? { startAfter: Math.ceil(afterSeconds) } : {}),
        ...(tx ? { db: fromPrisma(tx) } : {}),
      })
      if (tx) given.add(kind.name)
      else if (afterSeconds === 0) wake(kind.name)
    },

    /** Runs jobs from now on. A handler that throws is logged and tried again, later and later. */
    async work(handlers: JobHandler[]): Promise<void> {
      for (const { kind, handle } of handlers) await startWorkers(kind, handle)
    },

    /** Takes no more jobs; what runs goes on, and may still add some. */
    async pause(): Promise<void> {
      for (const timer of looking) clearInterval(timer)
      await Promise.all([...wakers.keys()].map((name) => boss.offWork(name, { wait: false })))
    },

    /** Takes no more jobs and lets running ones finish within `graceMs`; the rest is handed to somebody else. */
    async stop(graceMs: number): Promise<void> {
      if (!isStarted) return
      await boss.stop({ graceful: true, timeout: graceMs })
    },
  }
}
