import type { History, Row, Sent } from './history.js'

/** Something that must never be, by the name that faults are spoken of with. */
export type Violation = { invariant: string; what: string }

/** Nothing is sent any more then. */
const FINAL = ['done', 'failed', 'canceled']
/** An upload whose process died before its row was made leaves its file for so long, and a sweep's while. */
const ORPHAN_MS = 70 * 60_000

/**
 * From where an import may go where; null is where it is made. What HubSpot has is not sent again; what waits to be sent may
 * turn out to be there, and a twin that turns up late is told to a person, even of an import that was done.
 */
const STEPS: Record<string, string[]> = {
  null: ['accepted', 'held'],
  accepted: ['submitting', 'submitted', 'held', 'canceled', 'needs_review'],
  held: ['accepted', 'submitted', 'canceled', 'needs_review'],
  submitting: ['accepted', 'held', 'submitted', 'ambiguous', 'failed', 'needs_review', 'canceled'],
  ambiguous: ['submitted', 'accepted', 'needs_review', 'canceled'],
  submitted: ['processing', 'done', 'failed', 'canceled', 'needs_review'],
  processing: ['done', 'failed', 'canceled', 'needs_review'],
  done: ['needs_review'],
  needs_review: ['canceled'],
}

/**
 * What a history has that it must not have; nothing, when all is well. Every invariant is judged by itself, from what
 * clients, processes, Postgres and HubSpot have each written down. I8 is about webhooks, which there are none of yet, and
 * I12 about secrets, which support/leaks.ts looks for.
 */
export function checkHistory(history: History): Violation[] {
  return Object.entries(INVARIANTS).flatMap(([invariant, check]) => check(history).map((what) => ({ invariant, what })))
}

const INVARIANTS: Record<string, (history: History) => string[]> = {
  I1: nothingLost,
  I2: nothingTwice,
  I3: nothingChanged,
  I4: nothingElsewhere,
  I5: oneImportPerKey,
  I6: onlyForward,
  I7: onlyByTheHolder,
  I9: noTokenAfterItsEnd,
  I10: filesAndRowsAgree,
  I11: oneRefreshPerVersion,
}

/**
 * Every import that was answered with 202, or is in the tables, is done, and is at HubSpot then, or waits with a reason. In
 * these histories nobody refuses, cancels or damages one: any other end is a loss by another name.
 */
function nothingLost({ sent, rows, made }: History): string[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  const atHubSpot = new Set(made.map(({ id }) => id))
  const vanished = acceptedOf(sent).flatMap(({ importId }) =>
    byId.has(importId) ? [] : [`${importId} was accepted and is not in the tables`],
  )
  const stuck = rows.filter((row) => !isAtRest(row)).map(({ id, state }) => `${id} was not done: it is ${state}`)
  const unfounded = rows
    .filter(({ state, hubspotImportId }) => state === 'done' && !atHubSpot.has(hubspotImportId ?? ''))
    .map(({ id }) => `${id} is called done and is not at HubSpot`)
  return [...vanished, ...stuck, ...unfounded]
}

/** HubSpot has each import once, and only imports of ours that are in the tables. */
function nothingTwice({ made, rows }: History): string[] {
  const ours = new Set(rows.map(({ id }) => id))
  const ids = made.map(({ name }) => markedId(name))
  return [...new Set(ids)].flatMap((id) => {
    const times = ids.filter((other) => other === id).length
    if (id === '') return [`${times} imports at HubSpot carry no marker`]
    if (!ours.has(id)) return [`${id} is at HubSpot and not in the tables`]
    return times > 1 ? [`${id} is at HubSpot ${times} times`] : []
  })
}

/** HubSpot got the very bytes, the name and the mapping that the partner sent. */
function nothingChanged(history: History): string[] {
  const uploadOf = uploadsById(history)
  return history.made.flatMap(({ name, sha256, mapping }) => {
    const id = markedId(name)
    const upload = uploadOf(id)
    if (!upload) return []
    const bytes = sha256.length === 1 && sha256[0] === upload.sha256
    return [
      ...(bytes ? [] : [`${id} has other bytes at HubSpot`]),
      ...(name === `${upload.name} [${id}]` ? [] : [`${id} has another name at HubSpot`]),
      ...(mapping === upload.mapping ? [] : [`${id} has another mapping at HubSpot`]),
    ]
  })
}

/** An import is in the portal that it was uploaded for, here and at HubSpot. */
function nothingElsewhere(history: History): string[] {
  const { made, rows } = history
  const uploadOf = uploadsById(history)
  const here = rows.map(({ id, portalId }) => ({ id, portalId, where: 'in the tables' }))
  const there = made.map(({ name, portalId }) => ({ id: markedId(name), portalId, where: 'at HubSpot' }))
  return [...here, ...there].flatMap(({ id, portalId, where }) => {
    const upload = uploadOf(id)
    return upload && upload.portalId !== portalId ? [`${id} is ${where} in portal ${portalId}, not ${upload.portalId}`] : []
  })
}

/** A key stands for one import: every 202 for it names the same one, and no other import was made of its upload. */
function oneImportPerKey({ sent, rows }: History): string[] {
  return sent.flatMap((upload) => {
    if (upload.key === null) return []
    const answered = new Set(acceptedOf([upload]).map(({ importId }) => importId))
    const stored = rows.filter(({ name }) => name === upload.name)
    const fresh = upload.answers.filter(({ status, isReplay }) => status === 202 && !isReplay)
    return [
      ...(answered.size > 1 ? [`the key of "${upload.name}" was answered with ${answered.size} imports`] : []),
      ...(stored.length > 1 ? [`the key of "${upload.name}" made ${stored.length} imports`] : []),
      ...(fresh.length > 1 ? [`the key of "${upload.name}" was taken for new ${fresh.length} times`] : []),
    ]
  })
}

/** Every change of state is one that there is, and begins where the one before ended. */
function onlyForward({ changes, rows }: History): string[] {
  const states = new Map<string, string>()
  const wrong = changes.flatMap(({ importId, from, to }) => {
    const before = states.get(importId) ?? null
    states.set(importId, to)
    if (from !== before) return [`${importId} was ${before} and changed from ${from}`]
    return from === to || STEPS[String(from)]?.includes(to) ? [] : [`${importId} went from ${from} to ${to}`]
  })
  const unrecorded = rows
    .filter(({ id, state }) => states.get(id) !== state)
    .map(({ id, state }) => `${id} is ${state} and was last seen ${states.get(id)}`)
  return [...wrong, ...unrecorded]
}

/** Epochs only grow, a claim takes a new one, and nothing is written under one that has passed on. */
function onlyByTheHolder({ changes, ledger }: History): string[] {
  const taken = new Map<string, { epoch: number; at: number }[]>()
  const wrong = changes.flatMap(({ importId, from, to, epoch, at }) => {
    const known = taken.get(importId) ?? []
    const last = known.at(-1)?.epoch ?? 0
    if (epoch > last) taken.set(importId, [...known, { epoch, at }])
    if (epoch < last) return [`${importId} went back from epoch ${last} to ${epoch}`]
    return to === 'submitting' && from !== to && epoch === last ? [`${importId} was claimed under the old epoch ${epoch}`] : []
  })
  const late = ledger.flatMap(({ importId, op, epoch, result, began }) => {
    const isWrite = result === 'wrote' || (result === 'true' && /\.(commit|renew)$/.test(op))
    if (!isWrite || importId === null || epoch === null) return []
    const newer = taken.get(importId)?.find((one) => one.epoch > epoch && one.at < began)
    return newer ? [`${importId}: ${op} under epoch ${epoch} had an effect after epoch ${newer.epoch} was taken`] : []
  })
  return [...wrong, ...late]
}

/** Once a portal's tokens are destroyed, HubSpot is not asked for anything with them. */
function noTokenAfterItsEnd({ shredded, requests }: History): string[] {
  return shredded.flatMap(({ portalId, at }) => {
    const late = requests.filter((request) => request.portalId === portalId && request.at > at)
    return late.length > 0 ? [`portal ${portalId} was asked ${late.length} times after its tokens’ end`] : []
  })
}

/** Whatever still needs its file has it, and no file is kept that nobody needs. */
function filesAndRowsAgree({ rows, files }: History): string[] {
  const stored = new Set(files.map(({ storeKey }) => storeKey))
  const needed = new Set(rows.flatMap((row) => row.files.map(({ storeKey }) => storeKey)))
  const missing = rows.flatMap((row) => {
    const hasAll = row.files.length > 0 && row.files.every(({ storeKey }) => stored.has(storeKey ?? ''))
    return hasAll || FINAL.includes(row.state) || row.state === 'needs_review' ? [] : [`${row.id} has no file`]
  })
  const orphans = files.filter(({ storeKey, ageMs }) => ageMs > ORPHAN_MS && !needed.has(storeKey))
  return [...missing, ...orphans.map(({ storeKey }) => `the file ${storeKey} has no import`)]
}

/** HubSpot refreshed a portal's tokens once for each version that was stored, but for answers that a death or a cut lost. */
function oneRefreshPerVersion({ refreshes, tokenVersions, deaths }: History): string[] {
  const portalIds = new Set(refreshes.map(({ portalId }) => portalId))
  const extra = [...portalIds].map((portalId) => {
    const asked = refreshes.filter((refresh) => refresh.portalId === portalId).length
    const newest = Math.max(1, ...tokenVersions.filter((one) => one.portalId === portalId).map(({ version }) => version))
    return { portalId, more: asked - (newest - 1) }
  })
  const sum = extra.reduce((total, { more }) => total + Math.max(0, more), 0)
  if (sum <= deaths) return []
  return extra
    .filter(({ more }) => more > 0)
    .map(({ portalId, more }) => `portal ${portalId} was refreshed ${more} times too often`)
}

function isAtRest({ state, reason }: Row): boolean {
  return state === 'done' || (state === 'held' && reason !== null)
}

/** The id in the marker that ends a name at HubSpot; empty when there is none. */
export function markedId(name: string): string {
  return /\[(imp_[0-9a-f]+)\]$/.exec(name)?.[1] ?? ''
}

/** The 202s, and what they promised. */
function acceptedOf(sent: Sent[]): { upload: Sent; importId: string }[] {
  return sent.flatMap((upload) =>
    upload.answers.flatMap(({ status, importId }) => (status === 202 && importId !== null ? [{ upload, importId }] : [])),
  )
}

/** Finds an import's upload by what was answered; for an answer that was lost, by the name, which no two uploads share. */
function uploadsById({ sent, rows }: Pick<History, 'sent' | 'rows'>): (importId: string) => Sent | undefined {
  const byName = new Map(sent.map((upload) => [upload.name, upload]))
  const byId = new Map(rows.map(({ id, name }) => [id, byName.get(name)]))
  for (const { upload, importId } of acceptedOf(sent)) byId.set(importId, upload)
  return (importId) => byId.get(importId)
}
