import type { Change, History, Made, Row, Sent } from './history.js'
import { markedId } from './history-checker.js'

/** A bug as it would show in a history, and the invariant that must be broken by it. */
export type PlantedBug = { invariant: string; plant: (history: History, pick: Pick) => void }
/** Chooses, so that a bug can be planted at every place where it could be. */
type Pick = <T>(some: readonly T[]) => T

/** What an app with a bug would have left behind. Each is planted in a history in which everything had gone well. */
export const PLANTED_BUGS: Record<string, PlantedBug> = {
  'an answer that was lost is sent again blindly': {
    invariant: 'I2',
    plant: (history, pick) => {
      const made = pick(history.made)
      history.made.push({ ...made, id: `${made.id}9`, createdAt: made.createdAt + 1 })
    },
  },
  'an import at HubSpot that is not in the tables': {
    invariant: 'I2',
    plant: (history, pick) => {
      const made = pick(history.made)
      history.made.push({ ...made, id: `${made.id}9`, name: made.name.replace(/\[imp_.*\]$/, `[imp_${'0'.repeat(32)}]`) })
    },
  },
  'two portals are swapped': {
    invariant: 'I4',
    plant: (history, pick) => {
      const made = pick(ofUploads(history))
      made.portalId = `${made.portalId}0`
    },
  },
  'a row of another portal': {
    invariant: 'I4',
    plant: (history, pick) => {
      const row = pick(history.rows)
      row.portalId = `${row.portalId}0`
    },
  },
  'a job is dropped': {
    invariant: 'I1',
    plant: (history, pick) => {
      const row = pick(history.rows)
      row.state = 'accepted'
      const changes = history.changes.filter(({ importId }) => importId === row.id)
      history.changes = history.changes.filter((change) => change.importId !== row.id || change === changes[0])
      history.made = history.made.filter(({ name }) => markedId(name) !== row.id)
    },
  },
  'what is lost is called failed': {
    invariant: 'I1',
    plant: (history, pick) => {
      const row = pick(history.rows)
      row.state = 'failed'
      history.made = history.made.filter(({ name }) => markedId(name) !== row.id)
    },
  },
  'a 202 without a row': {
    invariant: 'I1',
    plant: (history, pick) => {
      const { id } = pick(answered(history))
      history.rows = history.rows.filter((row) => row.id !== id)
      history.changes = history.changes.filter(({ importId }) => importId !== id)
      history.made = history.made.filter(({ name }) => markedId(name) !== id)
    },
  },
  'called done, and HubSpot has nothing': {
    invariant: 'I1',
    plant: (history, pick) => {
      const row = pick(history.rows.filter(({ state }) => state === 'done'))
      history.made = history.made.filter(({ id }) => id !== row.hubspotImportId)
    },
  },
  'it waits, and says not for what': {
    invariant: 'I1',
    plant: (history, pick) => {
      Object.assign(pick(history.rows), { state: 'held', reason: null })
    },
  },
  'a key that is sent again makes a second import': {
    invariant: 'I5',
    plant: (history, pick) => {
      const upload = pick(history.sent.filter(isAccepted))
      const again = { began: 0, at: 0, status: 202, importId: `imp_${'f'.repeat(32)}`, isReplay: false, wasRefused: false }
      upload.key ??= 'a key'
      upload.answers.push(again)
    },
  },
  'a key is taken for new twice': {
    invariant: 'I5',
    plant: (history, pick) => {
      const upload = pick(history.sent.filter(isAccepted))
      upload.key ??= 'a key'
      const fresh = upload.answers.filter(({ status }) => status === 202).map((answer) => ({ ...answer, isReplay: false }))
      upload.answers.push(...fresh, ...fresh)
    },
  },
  'bytes are changed on the way': {
    invariant: 'I3',
    plant: (history, pick) => {
      pick(ofUploads(history)).sha256 = ['f'.repeat(64)]
    },
  },
  'a name is changed on the way': {
    invariant: 'I3',
    plant: (history, pick) => {
      const made = pick(ofUploads(history))
      made.name = `Another ${made.name}`
    },
  },
  'a mapping is changed on the way': {
    invariant: 'I3',
    plant: (history, pick) => {
      pick(ofUploads(history)).mapping = '0'.repeat(64)
    },
  },
  'a state goes backwards': {
    invariant: 'I6',
    plant: (history, pick) => {
      const { id, state } = pick(history.rows.filter((row) => row.state === 'done'))
      const epoch = epochOf(history, id)
      const back = { importId: id, from: state, to: 'processing', epoch, at: Date.now() }
      history.changes.push(back, { ...back, from: 'processing', to: state })
    },
  },
  'a state is written that nobody had left': {
    invariant: 'I6',
    plant: (history, pick) => {
      const change = pick(history.changes.filter(({ from, to }) => from === 'submitting' && to !== from))
      change.from = 'accepted'
    },
  },
  'a claim without an epoch of its own': {
    invariant: 'I7',
    plant: (history, pick) => {
      const claim = pick(claims(history))
      for (const change of history.changes) if (change.importId === claim.importId) change.epoch -= 1
    },
  },
  'a process that was paused writes under its old epoch': {
    invariant: 'I7',
    plant: (history, pick) => {
      const { importId, epoch, at } = pick(claims(history))
      history.ledger.push({
        began: at + 1,
        at: at + 2,
        instance: 'app1',
        op: 'submissions.commit',
        importId,
        epoch: epoch - 1,
        result: 'true',
      })
    },
  },
  'an epoch goes back': {
    invariant: 'I7',
    plant: (history, pick) => {
      const claim = pick(claims(history))
      history.changes.push({ ...claim, from: 'done', to: 'done', epoch: claim.epoch - 1 })
    },
  },
  'HubSpot is asked with a destroyed token': {
    invariant: 'I9',
    plant: (history, pick) => {
      const { portalId } = pick(history.made)
      history.shredded.push({ portalId, at: 1 })
      history.requests.push({ portalId, at: 2 })
    },
  },
  'a file without a row': {
    invariant: 'I10',
    plant: (history) => {
      history.files.push({ storeKey: '0'.repeat(32), ageMs: 24 * 3_600_000 })
    },
  },
  'a row without its file': {
    invariant: 'I10',
    plant: (history, pick) => {
      const row = pick(history.rows)
      Object.assign(row, { state: 'held', reason: 'reconnect' })
      history.files = history.files.filter(({ storeKey }) => !row.files.some((file) => file.storeKey === storeKey))
    },
  },
  'two refreshes of one version': {
    invariant: 'I11',
    plant: (history, pick) => {
      const { portalId } = pick(history.rows)
      for (let i = 0; i <= history.deaths + history.tokenVersions.length; i++) history.refreshes.push({ portalId, at: i })
    },
  },
}

function ofUploads({ made, rows }: History): Made[] {
  const ours = new Set(rows.map(({ id }) => id))
  return made.filter(({ name }) => ours.has(markedId(name)))
}

function answered({ rows, sent }: History): Row[] {
  const ids = new Set(
    sent.flatMap(({ answers }) => answers.filter(({ status }) => status === 202).map(({ importId }) => importId)),
  )
  return rows.filter(({ id }) => ids.has(id))
}

function isAccepted({ answers }: Sent): boolean {
  return answers.some(({ status }) => status === 202)
}

function claims({ changes }: History): Change[] {
  return changes.filter(({ from, to }) => to === 'submitting' && from !== to)
}

function epochOf({ changes }: History, id: string): number {
  return Math.max(...changes.filter(({ importId }) => importId === id).map(({ epoch }) => epoch))
}
