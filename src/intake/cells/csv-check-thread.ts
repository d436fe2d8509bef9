import { parentPort, workerData } from 'node:worker_threads'
import { type CsvPlan, createThreadHalf } from './csv-check.js'

const take = createThreadHalf(workerData as CsvPlan)
parentPort?.on('message', (message: Uint8Array | 'end') => parentPort?.postMessage(take(message)))
