import type { Deps } from '../../../../src/deps.js'

/** The parts of the app whose functions are watched: what they do is told in the ledger, and a process can die there. */
export const WATCHED = [
  'partners',
  'imports',
  'idempotency',
  'turns',
  'files',
  'submissions',
  'tracking',
  'hubspot',
  'tokens',
  'queue',
] as const satisfies (keyof Deps)[]

type Watched = (typeof WATCHED)[number]
type Operation =
  | { [Part in Watched]: `${Part}.${keyof Deps[Part] & string}` }[Watched]
  // What is no part of the app's own, see instrument.ts.
  | 'disk.sync'
  | 'disk.rename'
  | 'http.answer'
  | 'hubspot.sent'
  | 'hubspot.answered'

/** `inside` is after the first bytes, `committing` right after the COMMIT was handed to the system. */
type Moment = 'before' | 'inside' | 'committing' | 'after'

export type Failpoint = `${Moment} ${Operation}`

/** What befalls a process at a failpoint, once; without `at` at a moment of the runner's own choice. */
export type Order = { at: Failpoint; signal: 'SIGKILL' | 'SIGSTOP' }

/** The steps of an import at which a process is killed, by their names in docs/reliability.md. */
export const FAILPOINTS: Record<string, Failpoint> = {
  K1: 'before partners.authenticate',
  K2: 'inside files.save',
  K3: 'before disk.sync',
  K4: 'before disk.rename',
  K5: 'before imports.create',
  K6: 'committing imports.create',
  K7: 'after imports.create',
  K8: 'inside http.answer',
  K9: 'before turns.claimNext',
  'K9, intent in flight': 'committing turns.claimNext',
  K10: 'after turns.claimNext',
  K11: 'inside files.read',
  'K11, before the commit point': 'before submissions.commit',
  'K12, before the last byte': 'after submissions.commit',
  K12: 'after hubspot.sent',
  K13: 'after hubspot.answered',
  K14: 'before submissions.recordSubmitted',
  K15: 'committing submissions.recordSubmitted',
  K16: 'after submissions.recordSubmitted',
  K18: 'before tracking.recordProgress',
  'K18, at the end': 'before tracking.finish',
  'K18, end in flight': 'committing tracking.finish',
}

/** Those that are met only while something is put right: their cycles first lose an answer, or leave an expired lease. */
export const RECOVERY_FAILPOINTS: Record<string, Failpoint> = {
  'K24, recovery': 'before submissions.recoverExpired',
  'K24, recovered': 'after submissions.recoverExpired',
  'K24, ambiguous': 'committing submissions.markAmbiguous',
  'K24, adoption': 'before tracking.adopt',
  'K24, adoption in flight': 'committing tracking.adopt',
  'K24, adopted': 'after tracking.adopt',
}

/** Met while a process starts. */
export const BOOT_FAILPOINTS: Record<string, Failpoint> = { K23: 'before queue.start', 'K23, started': 'after queue.start' }
