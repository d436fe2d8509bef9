import { availableParallelism } from 'node:os'
import { createAwaitedAnswerStore } from './compat/awaited-answer-store.js'
import type { Config } from './config.js'
import { createListener } from './db/listener.js'
import { type Database, openDatabase } from './db/prisma.js'
import { createSharedFolder } from './db/shared-folder.js'
import { createFileStore, type FileStore } from './files/file-store.js'
import { createLimiter } from './http/rate.js'
import { createSeats } from './http/seats.js'
import { createViews } from './http/views.js'
import { apart } from './hubspot/apart.js'
import { createHubSpot } from './hubspot/hubspot.js'
import { createJournal } from './hubspot/journal.js'
import { createOAuth } from './hubspot/oauth.js'
import { createSimulated } from './hubspot/simulated.js'
import { createCancellationStore } from './imports/cancellation-store.js'
import { createDisconnectionStore } from './imports/departure/disconnection-store.js'
import { createErasureStore } from './imports/departure/erasure-store.js'
import { createDraftStore } from './imports/drafts/draft-store.js'
import { createHistoryStore } from './imports/history-store.js'
import { createIdempotencyStore } from './imports/idempotency-store.js'
import { createImportStore } from './imports/import-store.js'
import { createFilesInUseStore } from './imports/recovery/files-in-use-store.js'
import { createOverdueStore } from './imports/recovery/overdue-store.js'
import { createFileSweep } from './imports/recovery/sweep-files.js'
import { createRowErrorStore } from './imports/row-error-store.js'
import { createLanes } from './imports/submission/lanes.js'
import { createSubmissionStore } from './imports/submission/submission-store.js'
import { createTurnStore } from './imports/submission/turn-store.js'
import { createDuplicateStore } from './imports/tracking/duplicate-store.js'
import { createMatchingStore } from './imports/tracking/matching-store.js'
import { createTrackingStore } from './imports/tracking/tracking-store.js'
import { createCsvCheck } from './intake/cells/csv-check.js'
import { createLog, type Log } from './log.js'
import { createTemplateStore } from './mappings/template-store.js'
import { createMetrics } from './metrics.js'
import { createJournalStore } from './notices/journal-store.js'
import { createNoticeStore } from './notices/notice-store.js'
import { createOAuthStates } from './oauth/state.js'
import { createPartnerStore } from './partners/partner-store.js'
import { createPortalPartnerStore } from './partners/portal-partner-store.js'
import { createAccessToken } from './portals/access-token.js'
import { createAlarmStore } from './portals/alarm-store.js'
import { createAuditStore } from './portals/audit-store.js'
import { createCallBudget } from './portals/call-budget.js'
import { createCallTally } from './portals/call-tally.js'
import { createDataKeyStore } from './portals/data-key-store.js'
import { createOperatorSessions } from './portals/operator-session.js'
import { createOwnerCache } from './portals/owner-cache.js'
import { createPortalStore } from './portals/portal-store.js'
import { createPropertyCache } from './portals/property-cache.js'
import { createSeal } from './portals/seal.js'
import { createSessions } from './portals/session.js'
import { createSignedCookies } from './portals/signed-cookies.js'
import { createTokenStore } from './portals/token-store.js'
import { createQueue } from './queue/queue.js'
import { createDeliveryStore } from './webhooks/delivery-store.js'
import { createEndpointStore } from './webhooks/endpoint-store.js'
import { createSender } from './webhooks/send.js'

/** Whoever guesses is let in less often than whoever knows. */
const GUESSES_PER_REQUEST = 1 / 20

/** Of one partner, in one process: uploads that come in, calls that wait for HubSpot, and streams of events. */
const [UPLOADS_AT_ONCE, WAITING_AT_ONCE, STREAMS_AT_ONCE] = [200, 100, 100]

/** A simulated HubSpot within the app remembers so many, of all test accounts together. */
const SIMULATED_IMPORTS = 1_000

/** What is left to do once nothing is on its way to HubSpot any more. */
const QUEUE_GRACE_MS = 5_000

export type Deps = Awaited<ReturnType<typeof createDeps>>
/** What background work is given: all but its connections is the same. */
export type JobDeps = Deps['forJobs']

/** Apart, so that neither can starve the other: uploads that submit nothing are as useless as submissions without uploads. */
const REQUEST_CONNECTIONS = 8
const JOB_CONNECTIONS = 5

/** Opens and wires everything, in the one place where that is done. `databaseUrl` is the embedded server's when none is configured. */
export async function createDeps(config: Config, databaseUrl: string, log: Log = createLog(config.logLevel)) {
  const forRequests = openDatabase(databaseUrl, REQUEST_CONNECTIONS)
  const forJobs = openDatabase(databaseUrl, JOB_CONNECTIONS)
  // Read when it is first needed: most processes never do.
  const simulated = createSimulated(config, async (as) => {
    const { createSimulator } = await import('./simulator/simulator.js')
    const simulator = await createSimulator(as)
    simulator.control.settings({ keepTextBytes: 0, maxImports: SIMULATED_IMPORTS })
    return simulator
  })
  const shared = {
    config,
    log,
    files: await createFileStore(config.filesUrl, config.reservedDiskPercent),
    oauth: apart(createOAuth(config), simulated.oauth, ['refresh', 'introspect', 'revoke']),
    metrics: createMetrics(),
    alarms: createAlarmStore(forRequests), // one: it remembers which of them it has ended
    queue: createQueue({ connectionString: databaseUrl, log }),
    listener: createListener({ connectionString: databaseUrl, log }),
    sender: createSender({ isAnyAllowed: config.webhooksAnywhere }),
    hubspot: apart(createHubSpot(config.hubspot), simulated.hubspot),
    journal: config.hubspot.journalScopes.length > 0 ? createJournal(config) : undefined,
    lanes: createLanes(),
    csvCheck: createCsvCheck({ maxThreads: Math.max(1, availableParallelism() - 1) }),
    limits: {
      byKey: createLimiter(config.requestsPerMinute),
      byAddress: createLimiter(Math.max(1, Math.floor(config.requestsPerMinute * GUESSES_PER_REQUEST))),
    },
    seats: {
      uploads: createSeats(UPLOADS_AT_ONCE),
      waiting: createSeats(WAITING_AT_ONCE),
      streams: createSeats(STREAMS_AT_ONCE),
    },
    render: createViews(),
  }
  const stores = openStores(shared, forRequests)
  const jobStores = openStores(shared, forJobs)
  let isDraining = false

  return {
    ...shared,
    ...stores,
    properties: createPropertyCache({ ...shared, ...stores }),
    owners: createOwnerCache({ ...shared, ...stores }),
    forJobs: { ...shared, ...jobStores },

    /** From now on this process is not ready for anything new. */
    drain(): void {
      isDraining = true
    },

    /** Starts nothing more in the background, and lets what runs end within `graceMs`; the rest is handed to somebody else. */
    async stopWork(graceMs: number): Promise<void> {
      await shared.queue.pause()
      await shared.lanes.stop(graceMs)
    },

    /** What keeps this process from serving; HubSpot never does. */
    async notReady(): Promise<string[]> {
      const checks = [
        isDraining ? 'draining' : undefined,
        await stores.portals.ping().catch(() => 'database'),
        await shared.files.check().catch(() => 'files'),
      ]
      return checks.filter((problem) => typeof problem === 'string')
    },

    async close(): Promise<void> {
      await Promise.all([shared.queue.stop(QUEUE_GRACE_MS), shared.listener.close()])
      await Promise.allSettled([stores.callTally.flush(), jobStores.callTally.flush()])
      await Promise.all([forRequests.$disconnect(), forJobs.$disconnect(), simulated.close()])
    },
  }
}

type Shared = Omit<Parameters<typeof createAccessToken>[0], 'portals' | 'tokens' | 'callBudget' | 'callTally'> & {
  config: Config
  files: FileStore
}

/** Everything that reads and writes tables. */
function openStores({ config, log, files, oauth, metrics, alarms }: Shared, prisma: Database) {
  const portals = createPortalStore(prisma)
  const seal = createSeal(config.encryptionKeys, config.hubspot.clientId)
  const tokens = createTokenStore(prisma, seal)
  const callBudget = createCallBudget(prisma)
  const callTally = createCallTally(prisma, log)
  const cookies = createSignedCookies(config)
  return {
    portals,
    tokens,
    callBudget,
    callTally,
    dataKeys: createDataKeyStore(prisma, seal),
    audit: createAuditStore(prisma),
    accessToken: createAccessToken({ portals, tokens, alarms, callBudget, callTally, oauth, metrics, log }),
    partners: createPartnerStore(prisma),
    portalPartners: createPortalPartnerStore(prisma),
    templates: createTemplateStore(prisma),
    imports: createImportStore(prisma),
    history: createHistoryStore(prisma),
    drafts: createDraftStore(prisma),
    awaitedAnswers: createAwaitedAnswerStore(prisma),
    rowErrors: createRowErrorStore(prisma),
    idempotency: createIdempotencyStore(prisma),
    turns: createTurnStore(prisma),
    cancellations: createCancellationStore(prisma),
    submissions: createSubmissionStore(prisma),
    overdue: createOverdueStore(prisma),
    tracking: createTrackingStore(prisma),
    duplicates: createDuplicateStore(prisma),
    matching: createMatchingStore(prisma),
    disconnections: createDisconnectionStore(prisma),
    erasures: createErasureStore(prisma),
    notices: createNoticeStore(prisma),
    journalPosition: createJournalStore(prisma),
    endpoints: createEndpointStore(prisma, seal),
    deliveries: createDeliveryStore(prisma, seal),
    states: createOAuthStates(prisma),
    sessions: createSessions(prisma, cookies),
    operatorSessions: createOperatorSessions(prisma, cookies),
    sweepFiles: createFileSweep({ files, filesInUse: createFilesInUseStore(prisma), log }),
    sharedFolder: createSharedFolder(prisma),
  }
}
