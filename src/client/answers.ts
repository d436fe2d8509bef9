/** What Importal's API answers, as it is on the wire: instants are ISO 8601 texts in UTC. */

export type ImportState =
  | 'accepted'
  | 'submitting'
  | 'submitted'
  | 'processing'
  | 'done'
  | 'failed'
  | 'canceled'
  | 'held'
  | 'ambiguous'
  | 'needs_review'

export type HeldReason = 'reconnect' | 'scope' | 'quota' | 'migration' | 'busy'

export type Counters = Record<string, number>

export type ImportFile = {
  name: string
  format: string
  /** As they were sent. */
  bytes: number
  sha256: string
  /** Data rows, once known. */
  rows: number | null
}

export type Import = {
  id: string
  portalId: string
  partnerId: string | null
  name: string
  state: ImportState
  /** Why it waits, when it is held. */
  reason: HeldReason | null
  /** Why it failed or needs a person. */
  problem: { code: string; detail: string; correlationId: string | null } | null
  files: ImportFile[]
  findings: { errors: number; warnings: number }
  parts: { hubspotImportId: string | null; state: string | null; counters: Counters }[]
  counters: Counters
  /** Where it stands in the portal's queue, from 1; null when it does not wait for its turn. */
  queue: { position: number; estimatedStartAt: string } | null
  /** An earlier import of yours into this portal, of the same bytes, within seven days. */
  possibleDuplicateOf: string | null
  /** The import whose failed rows these are, corrected. */
  correctionOf: string | null
  createdAt: string
  updatedAt: string
  links: { self: string; errors: string }
}

/** A finding of Importal's, or what HubSpot reported about a row. */
export type RowError = {
  origin: 'finding' | 'hubspot'
  severity: 'error' | 'warning'
  code: string
  message: string
  /** What to do about it. */
  fix: string | null
  file: string | null
  /** The row as a spreadsheet counts it: the header is 1. 0: the whole file. */
  line: number | null
  /** 1-based. */
  column: number | null
  columnName: string | null
  value: string | null
}

export type FieldError = { pointer?: string; file?: string; row?: number; column?: string; detail: string }

/** What `validateOnly` answers. */
export type Validation = {
  isAcceptable: boolean
  /** Why it would be refused. */
  problem: { [more: string]: unknown; code: string } | null
  files: ImportFile[]
  findings: { errors: number; warnings: number }
  /** How often each code was found. */
  codes: Counters
  /** At most 1,000 of each code. */
  results: RowError[]
  /** What HubSpot would be asked for. */
  importRequest: Record<string, unknown> | null
}

export type Me = { partner: { id: string; name: string }; key: { id: string } }

export type Portal = { id: string; status: string; hubDomain: string | null; timeZone: string | null }

/** Something that happened to an import: mostly, that it came into the state that `type` names. */
export type ImportEvent = { [detail: string]: unknown; id: string; type: string; at: string }

export type Paged<Page> = Page & { paging?: { next: { after: string } } | undefined }
export type ImportPage = { results: Import[] }
/** `codes`: how often Importal itself found each; at most 1,000 of each are among the results. */
export type RowErrorPage = { results: RowError[]; codes: Counters }

/** An address that messages go to; null: they are kept, and fetched. */
export type NewEndpoint = { id: string; url: string | null; events: string[]; secret: string }

/** A message, as it is sent or kept. */
export type Delivery = { id: string; type: string; payload: string }

export type DeliveryPage = { results: Delivery[]; last: string | null }
