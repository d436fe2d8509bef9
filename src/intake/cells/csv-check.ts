import { Worker } from 'node:worker_threads'
import { AppError } from '../../errors.js'
import { createFindings, type Finding, type FindingCounts, type Findings } from '../finding.js'
import { createRecordReader } from '../records.js'
import { type CellPlan, createCellCheck } from './check-cells.js'

/** What a CSV's cells are checked by. */
export type CsvPlan = CellPlan & { hasHeader: boolean }

export type Found = { kept: readonly Finding[]; counts: FindingCounts }

/** More than a moment's work is done beside the thread that answers requests. */
const OWN_THREAD_BYTES = 4 * 1024 * 1024
/** Chunks that a thread has been given and has not read yet. */
const MAX_AHEAD = 4
const HEAP_MEBIBYTES = 128
/** What is read is garbage at once: a small nursery is emptied often, and keeps little. */
const YOUNG_MEBIBYTES = 2

/** A check that is given bytes as they come. */
export type Feed = {
  /** Resolves once more may come. @throws {AppError} `internal` */
  push: (chunk: Buffer) => Promise<void>
  /** What was found in all of them. @throws {AppError} `internal` */
  end: () => Promise<Found>
  /** Gives it up. */
  stop: () => Promise<void>
}

export type CsvCheck = ReturnType<typeof createCsvCheck>

/**
 * Checks the cells of CSV in UTF-8 with commas. Large files are checked in a thread of their own, `maxThreads` of them at
 * once; the others wait, their bytes unread.
 */
export function createCsvCheck({ maxThreads }: { maxThreads: number }) {
  let running = 0
  const waiting: (() => void)[] = []

  function leave(): void {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }

  async function inThread(plan: CsvPlan, source: AsyncIterable<Buffer>): Promise<Found> {
    if (running >= maxThreads) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    const feed = feedThread(plan, leave)
    try {
      for await (const chunk of source) await feed.push(chunk)
      return await feed.end()
    } finally {
      await feed.stop()
    }
  }

  return {
    /** Begins a check of what has yet to come; undefined when no thread is free: a sender is not kept waiting for one. */
    begin(plan: CsvPlan): Feed | undefined {
      if (running >= maxThreads) return undefined
      running += 1
      return feedThread(plan, leave)
    },

    /** Adds what is wrong with a file's cells; `bytes` is its size. @throws {AppError} what reading `source` throws, `internal` */
    async check(plan: CsvPlan, source: AsyncIterable<Buffer>, bytes: number, findings: Findings): Promise<void> {
      if (bytes > OWN_THREAD_BYTES) return findings.merge(await inThread(plan, source))
      const reader = createCellReader(plan, findings)
      for await (const chunk of source) reader.push(chunk)
      reader.end()
    },
  }
}

/** Reads records and checks their cells. */
export function createCellReader({ hasHeader, ...plan }: CsvPlan, findings: Findings) {
  const check = createCellCheck(plan, findings)
  let isHeader = hasHeader
  return createRecordReader({
    onRecord: (record) => {
      if (!isHeader) check(record)
      isHeader = false
    },
    onTooLong: (line) => {
      isHeader = false
      findings.add('warning', 'ROW_DATA_TOO_LARGE', () => ({
        message: 'The row is longer than a mebibyte. Its cells were not looked at.',
        fix: 'Shorten it.',
        file: plan.file,
        line,
        column: null,
        columnName: null,
        value: null,
      }))
    },
  })
}

/** A thread that is given chunks, a few ahead of what it has read; `onEnd` is called once it is gone. */
function feedThread(plan: CsvPlan, onEnd: () => void): Feed {
  // Beside this file, whatever it is run from: .js, or .ts with types stripped.
  const script = new URL(`./csv-check-thread${import.meta.url.slice(-3)}`, import.meta.url)
  const worker = new Worker(script, {
    workerData: plan,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEBIBYTES, maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
  })
  let ahead = 0
  let goOn: (() => void) | undefined
  let failure: Error | undefined
  let stopped: Promise<void> | undefined
  const found = new Promise<Found>((resolve, reject) => {
    const fail = (cause: unknown) => {
      failure = new AppError('internal', { cause, context: { why: 'a thread that checks cells died' } })
      goOn?.()
      reject(failure)
    }
    worker.once('error', fail)
    worker.once('exit', fail)
    worker.on('message', (message: 'read' | Found) => {
      if (message !== 'read') return resolve(message)
      ahead -= 1
      goOn?.()
    })
  })
  found.catch(() => undefined) // it may be given up before anybody waits for it

  function stop(): Promise<void> {
    stopped ??= (async () => {
      worker.removeAllListeners('exit')
      await worker.terminate()
      onEnd()
    })()
    return stopped
  }

  return {
    async push(chunk) {
      while (ahead >= MAX_AHEAD && !failure) await new Promise<void>((resolve) => (goOn = resolve))
      if (failure) throw failure
      ahead += 1
      const copy = new Uint8Array(chunk)
      worker.postMessage(copy, [copy.buffer])
    },
    async end() {
      worker.postMessage('end')
      try {
        return await found
      } finally {
        await stop()
      }
    },
    stop,
  }
}

/** The thread's half: `take` is given each message, and says what is answered. */
export function createThreadHalf(plan: CsvPlan): (message: Uint8Array | 'end') => 'read' | Found {
  const findings = createFindings()
  const reader = createCellReader(plan, findings)
  return (message) => {
    if (message === 'end') {
      reader.end()
      return { kept: findings.kept(), counts: findings.counts() }
    }
    reader.push(Buffer.from(message.buffer, message.byteOffset, message.byteLength))
    return 'read'
  }
}
