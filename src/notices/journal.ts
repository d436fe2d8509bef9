import { AppError } from '../errors.js'
import type { Journal, JournalEntry } from '../hubspot/journal.js'
import type { Log } from '../log.js'
import type { AlarmStore } from '../portals/alarm-store.js'
import { tellOperator } from '../portals/tell-operator.js'
import type { JournalStore, JournalTurn } from './journal-store.js'
import type { NoticeStore } from './notice-store.js'
import { Uninstall } from './schema.js'
import { isMeantForUs } from './take.js'

/** What one sweep reads at most; the next one goes on from there. */
const ENTRIES_A_SWEEP = 20

type Deps = {
  /** Undefined: no scopes are configured for it. */
  journal: Journal | undefined
  journalPosition: JournalStore
  notices: Pick<NoticeStore, 'listKnown'>
  /** Lets a portal go if HubSpot itself says that our access is gone. It may be called again for the same one. */
  confirmUninstall: (portalId: string) => Promise<void>
  alarms: Pick<AlarmStore, 'raise'>
  log: Log
}

/**
 * Reads on in HubSpot's journal, one process at a time, and has every uninstall by a portal of ours confirmed. The position
 * moves only after that: what fails is read again by the next sweep.
 */
export async function followJournal(deps: Deps): Promise<void> {
  const { journal, journalPosition, log } = deps
  if (!journal) return
  const turn = await journalPosition.takeTurn()
  if (!turn) return
  try {
    if (!turn.isSubscribed) {
      await journal.subscribe()
      await journalPosition.recordSubscribed()
    }
    await readOn(deps, journal, turn)
  } catch (error) {
    const { code, options } = error instanceof AppError ? error : new AppError('internal')
    // Scopes that the app has not got are not granted within seconds: saying it again would tell nothing new.
    if (code === 'scope_missing' && journal.denials() > 1) return
    await tellOperator(deps, error)
    log.warn({ err: error, code, ...options.context }, 'HubSpot’s journal could not be read')
  } finally {
    await journalPosition.endTurn(turn)
  }
}

async function readOn(deps: Deps, journal: Journal, turn: JournalTurn): Promise<void> {
  let { offset } = turn
  for (let read = 0; read < ENTRIES_A_SWEEP; read++) {
    const entry = await findEntry(journal, offset)
    if (!entry || entry.offset === offset) return
    await takeEntry(deps, journal, entry)
    if (!(await deps.journalPosition.advance(turn, entry.offset))) return
    offset = entry.offset
  }
}

/** What comes after the offset. What HubSpot has forgotten we have read, or missed: the oldest it keeps comes after it. */
async function findEntry(journal: Journal, offset: string | null): Promise<JournalEntry | undefined> {
  const next = offset === null ? 'forgotten' : await journal.findNext(offset)
  return next === 'forgotten' ? journal.findEarliest() : next
}

/** One portal that cannot be asked about does not keep the entry's others from it. */
async function takeEntry({ notices, confirmUninstall, log }: Deps, journal: Journal, entry: JournalEntry): Promise<void> {
  const events = await journal.read(entry)
  if (!events) log.warn({}, 'a part of HubSpot’s journal cannot be read, and is left out')
  const uninstalls = (events ?? []).flatMap((event) => Uninstall.safeParse(event).data ?? [])
  const known = await notices.listKnown([...new Set(uninstalls.map(({ portalId }) => portalId))])
  const ours = uninstalls.filter((uninstall) => isMeantForUs(uninstall, known)).map(({ portalId }) => portalId)
  const failures: unknown[] = []
  for (const portalId of new Set(ours)) await confirmUninstall(portalId).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}
