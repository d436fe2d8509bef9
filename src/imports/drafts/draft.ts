import { AppError } from '../../errors.js'
import type { FileStore } from '../../files/file-store.js'
import type { Finding } from '../../intake/finding.js'
import { inspect } from '../../intake/inspect.js'
import { type Preview, readPreview } from '../../intake/preview.js'
import { acceptImport, type Report, validateUpload } from '../accept.js'
import type { Import, Sender, StoredImport } from '../import-store.js'
import { HARMLESS } from '../preflight/preflight.js'
import type { ReceivedFile } from '../preflight/table.js'
import type { Draft, DraftChoice, DraftReport, DraftStore } from './draft-store.js'

type Deps = Parameters<typeof acceptImport>[0] & {
  drafts: Pick<DraftStore, 'create' | 'discard' | 'recordChoice' | 'recordStarted'>
  files: Pick<FileStore, 'read' | 'readRange' | 'remove' | 'save' | 'touch'>
}

/** Who looks after a portal's own imports: its page partner, by a browser that is signed in. */
export type Admin = { partnerId: string; sender: Sender }

const EXAMPLES = 10
const ERRORS_TOLD = 50

/** Looks at a draft's file again, as if it came in now: what it is, is not written down anywhere. */
export async function readDraftFile({ files }: Pick<Deps, 'files'>, draft: Draft): Promise<ReceivedFile> {
  const { storeKey, name, bytes, sha256, packed } = draft
  const inspection = inspect(name)
  for await (const _ of inspection.watch(files.read(storeKey)));
  return { storeKey, name, bytes, sha256, packed, inspected: inspection.result() }
}

/** A draft's header and first rows. */
export async function previewDraft({ files }: Pick<Deps, 'files'>, file: ReceivedFile, sheet?: string): Promise<Preview> {
  return readPreview({ ...file, readRange: (start, end) => files.readRange(file.storeKey, start, end) }, sheet)
}

/** Checks a draft as if it were sent, and keeps what was found with it. */
export async function checkDraft(deps: Deps, draft: Draft, admin: Admin, choice: DraftChoice): Promise<DraftReport> {
  const report = toReport(await validateUpload(deps, { ...(await toUpload(deps, draft, choice)), ...admin }))
  await deps.drafts.recordChoice(draft, choice, report)
  return report
}

/**
 * Makes a draft an import, once, however often it is asked for.
 * @throws {AppError} `draft_started`, what acceptImport throws; the draft stays then
 */
export async function startDraft(deps: Deps, draft: Draft, admin: Admin): Promise<Import> {
  if (draft.importId !== null) throw new AppError('draft_started')
  if (!draft.choice) throw new AppError('request_malformed', { detail: 'Say first what the columns are.' })
  const upload = await toUpload(deps, draft, draft.choice)
  const { made } = await acceptImport(deps, {
    ...upload,
    ...admin,
    idempotency: undefined,
    alongside: (id, tx) => deps.drafts.recordStarted(draft, id, tx),
  })
  return made
}

/** A draft of a file that was imported before, with what was done with it then. */
export async function draftAgain(deps: Deps, { portalId, files, request }: StoredImport): Promise<string> {
  const [file, another] = files
  if (!file || another) throw new AppError('again_impossible', { detail: 'It was made of several files.' })
  if (file.storeKey === null) throw new AppError('again_impossible', { detail: 'The file is not kept any more.' })
  const { storeKey, bytes, sha256 } = await deps.files.save(deps.files.read(file.storeKey))
  try {
    return await deps.drafts.create({
      portalId,
      storeKey,
      name: file.name,
      bytes,
      sha256,
      packed: undefined,
      choice: { request, sheet: null },
    })
  } catch (error) {
    await deps.files.remove(storeKey)
    throw error
  }
}

/**
 * Makes an import of rows that were corrected, once for each `id`; the file is the import's from now on, or removed.
 * @throws {AppError} `draft_started`, what acceptImport throws
 */
export async function startCorrection(
  deps: Deps,
  { id, first, file, admin }: { id: string; first: StoredImport; file: ReceivedFile; admin: Admin },
): Promise<Import> {
  const { portalId } = first
  try {
    await deps.drafts.create({ ...file, id, portalId })
    const { made } = await acceptImport(deps, {
      portalId,
      ...admin,
      text: undefined,
      files: [file],
      areFilesKept: true,
      options: { normalize: 'auto', strict: false },
      correctionOf: first,
      idempotency: undefined,
      alongside: (importId, tx) => deps.drafts.recordStarted({ id, portalId }, importId, tx),
    })
    return made
  } catch (error) {
    // What is left of it nobody can go on with.
    const storeKey =
      error instanceof AppError && error.code === 'draft_started' ? undefined : await deps.drafts.discard(portalId, id)
    if (error instanceof AppError) await deps.files.remove(storeKey ?? file.storeKey)
    throw error
  }
}

async function toUpload(deps: Deps, draft: Draft, { request, sheet }: DraftChoice) {
  return {
    portalId: draft.portalId,
    text: JSON.stringify(request),
    files: [await readDraftFile(deps, draft)],
    areFilesKept: true,
    options: { normalize: 'auto' as const, strict: false, sheet: sheet ?? undefined },
  }
}

function toReport({ problem, checked, findings, counts }: Report): DraftReport {
  const { byCode } = counts
  const examplesOf = Map.groupBy<string, Finding>(findings, ({ code }) => code)
  return {
    problem: problem
      ? {
          code: problem.code,
          detail: problem.options.detail ?? null,
          errors: (problem.options.errors ?? [])
            .slice(0, ERRORS_TOLD)
            .map(({ column, detail }) => (column ? `${column}: ${detail}` : detail)),
        }
      : null,
    rows: checked?.files[0]?.rows ?? null,
    parts: checked?.pieces.length ?? 0,
    groups: Object.entries(byCode).map(([code, count]) => ({
      code,
      count,
      isHarmless: HARMLESS.includes(code),
      examples: (examplesOf.get(code) ?? []).slice(0, EXAMPLES).map(({ message, fix, line, columnName, value }) => ({
        message,
        fix,
        line,
        columnName,
        value,
      })),
    })),
  }
}
