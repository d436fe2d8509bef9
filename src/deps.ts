import type { Config } from './config.js'
import { openDatabase } from './db/prisma.js'
import { createFileStore } from './files/file-store.js'
import { createViews } from './http/views.js'
import { createHubSpot } from './hubspot/hubspot.js'
import { createOAuth } from './hubspot/oauth.js'
import { createImportStore } from './imports/import-store.js'
import { createSubmissionStore } from './imports/submission-store.js'
import { createTrackingStore } from './imports/tracking-store.js'
import { createLog } from './log.js'
import { createOAuthStates } from './oauth/state.js'
import { createPartnerStore } from './partners/partner-store.js'
import { createAccessToken } from './portals/access-token.js'
import { createPortalStore } from './portals/portal-store.js'
import { createSeal } from './portals/seal.js'
import { createSessions } from './portals/session.js'
import { createQueue } from './queue/queue.js'

export type Deps = Awaited<ReturnType<typeof createDeps>>

/** Opens and wires everything, in the one place where that is done. `databaseUrl` is the embedded server's when none is configured. */
export async function createDeps(config: Config, databaseUrl: string) {
  const log = createLog(config.logLevel)
  const prisma = openDatabase(databaseUrl)
  const files = await createFileStore(config.filesUrl)
  const oauth = createOAuth(config)
  const portals = createPortalStore(prisma, createSeal(config.encryptionKeys))
  let isDraining = false

  return {
    config,
    log,
    files,
    oauth,
    portals,
    queue: createQueue({ connectionString: databaseUrl, log }),
    hubspot: createHubSpot(config.hubspot),
    accessToken: createAccessToken({ portals, oauth, log }),
    partners: createPartnerStore(prisma),
    imports: createImportStore(prisma),
    submissions: createSubmissionStore(prisma),
    tracking: createTrackingStore(prisma),
    states: createOAuthStates(prisma),
    sessions: createSessions(prisma, config),
    render: createViews(),

    /** From now on this process is not ready for anything new. */
    drain(): void {
      isDraining = true
    },

    /** What keeps this process from serving; HubSpot never does. */
    async notReady(): Promise<string[]> {
      const checks = [
        isDraining ? 'draining' : undefined,
        await prisma.$queryRaw`SELECT 1 FROM "Portal" LIMIT 1`.then(() => undefined).catch(() => 'database'),
        await files.check().catch(() => 'files'),
      ]
      return checks.filter((problem) => typeof problem === 'string')
    },

    async close(): Promise<void> {
      await prisma.$disconnect()
    },
  }
}
