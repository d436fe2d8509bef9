import { z } from 'zod'
import { job } from '../queue/queue.js'

// Each of these only says: look at this portal. What there is to do is read from the tables.

const PortalPayload = z.object({ portalId: z.string() })
const oneAtATime = ({ portalId }: z.infer<typeof PortalPayload>) => portalId

/** For imports that became ready and for slots that became free: it starts whatever there is room for. */
export const advancePortalJob = job({
  name: 'advance-portal',
  payload: PortalPayload,
  oneAtATime,
  once: true,
  concurrency: 4,
  expiresAfterSeconds: 5 * 60,
})

/** The same, after a while: one that waits must not stand for one that is wanted at once. */
export const advanceLaterJob = job({
  name: 'advance-later',
  payload: PortalPayload,
  oneAtATime,
  concurrency: 1,
  expiresAfterSeconds: 60,
})

/** Whoever sets the next look at a running import queues one of these for it; one that finds nothing due ends at once. */
export const trackPortalJob = job({
  name: 'track-portal',
  payload: PortalPayload,
  oneAtATime,
  concurrency: 16,
  expiresAfterSeconds: 10 * 60,
})

/** One for every portal that was disconnected: what there is still to do for it. */
export const disconnectPortalJob = job({
  name: 'disconnect-portal',
  payload: PortalPayload,
  oneAtATime,
  once: true,
  concurrency: 2,
  expiresAfterSeconds: 10 * 60,
})

/** One for every portal that HubSpot is to be asked about: whether our access still holds. */
export const checkAccessJob = job({
  name: 'check-access',
  payload: PortalPayload,
  oneAtATime,
  once: true,
  concurrency: 2,
  expiresAfterSeconds: 5 * 60,
})

/** One for every reading of HubSpot's list that a lost answer waits for. */
export const reconcilePortalJob = job({
  name: 'reconcile-portal',
  payload: PortalPayload,
  oneAtATime,
  concurrency: 6,
  expiresAfterSeconds: 60 * 60,
})
