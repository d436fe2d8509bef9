import { AppError } from '../errors.js'
import type { Queue } from '../queue/queue.js'
import type { CancellationStore, Stop } from './cancellation-store.js'
import type { Owner } from './import-store.js'
import { advancePortalJob, reconcilePortalJob, trackPortalJob } from './portal-jobs.js'

type Deps = { cancellations: CancellationStore; queue: Pick<Queue, 'enqueue'> }

/**
 * Stops an import, whatever state it is in: at once when HubSpot certainly has not got it; otherwise HubSpot is told, as
 * soon as it is known that it has. One that has ended stays as it ended. @throws {AppError} `import_not_found`
 */
export async function stopImport({ cancellations, queue }: Deps, owner: Owner, importId: string): Promise<void> {
  const { portalId } = owner
  const stops: Stop[] = []
  for (const pieceId of await cancellations.listPieces(owner, importId)) {
    const stop = await cancellations.cancel(owner, pieceId)
    if (stop === undefined) throw new AppError('import_not_found')
    stops.push(stop)
  }
  // A slot may be free now.
  if (stops.includes('canceled')) await queue.enqueue(advancePortalJob, { portalId })
  if (!stops.includes('asked')) return
  await queue.enqueue(trackPortalJob, { portalId })
  await queue.enqueue(reconcilePortalJob, { portalId })
}
