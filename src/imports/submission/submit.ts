import { AppError, PROBLEMS } from '../../errors.js'
import type { FileStore } from '../../files/file-store.js'
import type { CreateOutcome, Quota } from '../../hubspot/answers.js'
import type { HubSpot } from '../../hubspot/hubspot.js'
import type { Log } from '../../log.js'
import type { AccessToken } from '../../portals/access-token.js'
import type { AlarmStore } from '../../portals/alarm-store.js'
import type { CallBudget } from '../../portals/call-budget.js'
import type { CallTally } from '../../portals/call-tally.js'
import type { PortalStore } from '../../portals/portal-store.js'
import type { Queue } from '../../queue/queue.js'
import type { Secret } from '../../secret.js'
import { markerOf } from '../import-request.js'
import type { ImportStore, StoredImport } from '../import-store.js'
import { reconcilePortalJob, trackPortalJob } from '../portal-jobs.js'
import { type Claim, LEASE_SECONDS, type Settlement, type SubmissionStore } from './submission-store.js'
import type { TurnStore } from './turn-store.js'

const MAX_BACKOFF_SECONDS = 300
const RECONCILE_AFTER_SECONDS = 1
/** From so many tries on, an import says why it has not been sent. */
const TOLD_AFTER_ATTEMPTS = 4
/** A process that was paused for longer, between the check and the last bytes, may have been overtaken. */
const COMMIT_GOOD_FOR_MS = (LEASE_SECONDS * 1_000) / 2

export type SubmitDeps = {
  imports: Pick<ImportStore, 'read'>
  submissions: Pick<SubmissionStore, 'renew' | 'commit' | 'recordSubmitted' | 'settle' | 'markAmbiguous'>
  turns: Pick<TurnStore, 'recordQuota' | 'holdUnready'>
  files: Pick<FileStore, 'read'>
  hubspot: Pick<HubSpot, 'createImport'>
  accessToken: AccessToken
  callBudget: Pick<CallBudget, 'take' | 'pauseFor'>
  callTally: Pick<CallTally, 'add'>
  portals: Pick<PortalStore, 'pause' | 'recordMissingScopes'>
  alarms: Pick<AlarmStore, 'raise' | 'end'>
  queue: Pick<Queue, 'enqueue'>
  log: Log
}

/** Certain outcomes, and how long until the portal's slot is free again; undefined: HubSpot has the import, or may have it. */
type Submitted = { freesSlotAfterSeconds: number | undefined }

/**
 * The one path from a stored file to HubSpot. The claim's lease is renewed while the upload runs; the bytes that complete
 * it leave only after every hash was right and the claim, the lease and the portal have been checked in the database.
 */
export async function submitImport(deps: SubmitDeps, claim: Claim, signal: AbortSignal): Promise<Submitted> {
  const { submissions, queue, log } = deps
  const made = await deps.imports.read(claim.importId)
  const { portalId } = made
  const fields = { importId: made.id, portalId }
  const outcome = await keepingClaim(deps, claim, (lost) =>
    sendWithToken(deps, claim, made, AbortSignal.any([lost, signal])).catch((error: unknown) => toOutcome(error)),
  )

  switch (outcome.outcome) {
    case 'submitted':
      await submissions.recordSubmitted(claim, outcome.import, (tx) =>
        queue.enqueue(trackPortalJob, { portalId }, { tx, afterSeconds: 1 }),
      )
      await deps.alarms.end('api_path_unknown')
      await deps.alarms.end('request_malformed')
      log.info({ ...fields, hubspotImportId: outcome.import.id }, 'submitted')
      return { freesSlotAfterSeconds: undefined }
    case 'ambiguous':
      await submissions.markAmbiguous(claim, outcome, (tx) =>
        queue.enqueue(reconcilePortalJob, { portalId }, { tx, afterSeconds: RECONCILE_AFTER_SECONDS }),
      )
      log.warn({ ...fields, why: outcome.why }, 'HubSpot’s answer was lost')
      return { freesSlotAfterSeconds: undefined }
    case 'lost':
      log.warn(fields, 'the claim, or the portal, was gone before the last bytes')
      return { freesSlotAfterSeconds: undefined }
    default: {
      const settlement = toSettlement(await withWait(deps, made, outcome), claim.attempts)
      await submissions.settle(claim, settlement)
      await tellPortal(deps, portalId, outcome)
      if (settlement.state === 'held') await deps.turns.holdUnready(portalId)
      log.warn({ ...fields, ...settlement }, 'not submitted')
      return { freesSlotAfterSeconds: 'afterSeconds' in settlement ? settlement.afterSeconds : 0 }
    }
  }
}

/** How long a used-up quota lasts is known by what was imported; what is more than all of a day's will never be taken. */
async function withWait({ turns }: SubmitDeps, { portalId, files }: StoredImport, outcome: Certain): Promise<Certain<number>> {
  if (outcome.outcome !== 'held' || outcome.reason !== 'quota') return outcome
  const rows = files.reduce((sum, file) => sum + (file.rows ?? 0), 0)
  if (outcome.of === 'rows' && outcome.limit !== null && rows > outcome.limit)
    return { outcome: 'refused', status: 429, isOurs: false, detail: outcome.detail, correlationId: null }
  return { ...outcome, afterSeconds: await turns.recordQuota(portalId, outcome) }
}

/** What held one import holds up all of its portal, or even all portals. */
async function tellPortal({ portals, callBudget, alarms, log }: SubmitDeps, portalId: string, outcome: Outcome): Promise<void> {
  if (outcome.outcome === 'retry' && outcome.pausesPortal) await callBudget.pauseFor(portalId, outcome.afterSeconds)
  if (outcome.outcome === 'refused' && outcome.isOurs) await alarms.raise('request_malformed', { status: outcome.status })
  if (outcome.outcome !== 'held') return
  if (outcome.reason === 'migration') await portals.pause(portalId, outcome.afterSeconds)
  if (outcome.reason === 'scope') await portals.recordMissingScopes(portalId, outcome.scopes)
  if (outcome.reason !== 'busy') return
  log.error({ portalId, status: outcome.status }, 'HubSpot does not know the address of its API: check HUBSPOT_API_*')
  await alarms.raise('api_path_unknown', { status: outcome.status })
}

/** Ways in which it ends before HubSpot is asked, beside those of HubSpot's answer. */
type Outcome =
  | Exclude<CreateOutcome, { outcome: 'unauthorized' }>
  | { outcome: 'disconnected' }
  | { outcome: 'broken'; code: 'file_damaged' | 'file_lost' }
  | { outcome: 'lost' }

/** Those after which HubSpot certainly has no import; `Wait`: how a quota's wait is known. */
type Certain<Wait = number | null> =
  | Exclude<Outcome, { outcome: 'submitted' | 'ambiguous' | 'lost' } | { reason: 'quota' }>
  | (Quota & { afterSeconds: Wait })

/** Sends once, and once again when HubSpot refused the token and there is a better one. */
async function sendWithToken(deps: SubmitDeps, claim: Claim, made: StoredImport, signal: AbortSignal): Promise<Outcome> {
  const { accessToken } = deps
  const first = await accessToken(made.portalId, 'submit')
  const outcome = await send(deps, claim, made, first.accessToken, signal)
  if (outcome.outcome !== 'unauthorized') return outcome

  const second = await accessToken.afterRefusal(made.portalId, 'submit', first, outcome.expired)
  const again = await send(deps, claim, made, second.accessToken, signal)
  if (again.outcome !== 'unauthorized') return again
  if (again.expired) return { outcome: 'retry', afterSeconds: 60, why: 'HubSpot called a new token expired' }
  return accessToken.afterSecondRefusal(made.portalId, second)
}

/** Renews the claim while `act` runs, and tells it when somebody else has it. */
async function keepingClaim<T>({ submissions }: SubmitDeps, claim: Claim, act: (lost: AbortSignal) => Promise<T>): Promise<T> {
  const lost = new AbortController()
  const renewal = setInterval(
    () =>
      void submissions.renew(claim).then(
        (kept) => kept || lost.abort(),
        () => undefined,
      ),
    (LEASE_SECONDS * 1_000) / 4,
  )
  return act(lost.signal).finally(() => clearInterval(renewal))
}

async function send(
  { submissions, hubspot, files, callBudget, callTally }: SubmitDeps,
  claim: Claim,
  made: StoredImport,
  accessToken: Secret,
  signal: AbortSignal,
): Promise<CreateOutcome> {
  await callBudget.take(made.portalId)
  const outcome = await hubspot.createImport({
    accessToken,
    importRequest: { ...made.request, name: `${made.name} ${markerOf(made.id)}` },
    files: made.files.map((file) => ({ ...file, read: () => files.read(file.storeKey ?? '') })),
    beforeLastBytes: async () => {
      const askedAt = performance.now()
      const isCommitted = await submissions.commit(claim)
      if (!isCommitted || performance.now() - askedAt > COMMIT_GOOD_FOR_MS) throw new AppError('lease_lost')
    },
    signal,
  })
  callTally.add(made.portalId, 'crm.import', outcome.outcome === 'submitted')
  return outcome
}

/** What kept us from asking HubSpot at all. */
function toOutcome(error: unknown): Outcome {
  if (!(error instanceof AppError)) throw error
  const { code, options } = error
  switch (code) {
    case 'lease_lost':
      return { outcome: 'lost' }
    case 'file_damaged':
    case 'file_lost':
      return { outcome: 'broken', code }
    case 'portal_disconnected':
    case 'portal_not_found':
      return { outcome: 'disconnected' }
    case 'hubspot_migrating':
      return { outcome: 'held', reason: 'migration', afterSeconds: options.retryAfterSeconds ?? 60, detail: PROBLEMS[code].title }
    default:
      return { outcome: 'retry', afterSeconds: options.retryAfterSeconds ?? 1, why: code }
  }
}

function toSettlement(outcome: Certain<number>, attempts: number): Settlement {
  switch (outcome.outcome) {
    case 'refused': {
      const { detail, correlationId } = outcome
      return { state: 'failed', problem: { code: 'hubspot_refused', detail, correlationId } }
    }
    case 'broken':
      return { state: 'needs_review', problem: { code: outcome.code, detail: PROBLEMS[outcome.code].title, correlationId: null } }
    case 'disconnected':
      return { state: 'held', reason: 'reconnect', afterSeconds: 0, why: 'HubSpot took our access away' }
    case 'held': {
      const { reason, afterSeconds } = outcome
      const why = outcome.detail.slice(0, 500)
      const held = { state: 'held', reason, afterSeconds, why } as const
      // The only wait that its sender can do something about, by asking the portal's admin.
      return reason === 'scope' ? { ...held, problem: { code: 'scope_missing', detail: why, correlationId: null } } : held
    }
    case 'retry': {
      const backoff = Math.min(2 ** Math.min(attempts, 16), MAX_BACKOFF_SECONDS) * (0.5 + Math.random() / 2)
      const again = {
        state: 'accepted',
        afterSeconds: Math.ceil(Math.max(outcome.afterSeconds, backoff)),
        why: outcome.why,
      } as const
      if (attempts < TOLD_AFTER_ATTEMPTS) return again
      const detail = `Not sent yet after ${attempts} tries (${outcome.why}). It goes on by itself.`
      return { ...again, problem: { code: 'submission_delayed', detail, correlationId: null } }
    }
  }
}
