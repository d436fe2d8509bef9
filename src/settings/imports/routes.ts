import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Router } from 'express'
import { z } from 'zod'
import { newId } from '../../db/ids.js'
import { AppError, isProblemCode } from '../../errors.js'
import { onlyMethods } from '../../http/problem.js'
import { stopImport } from '../../imports/cancel.js'
import { ROWS_AT_ONCE, readFirstFailedRows, writeCorrectedRows } from '../../imports/corrections/corrected-rows.js'
import { type FailedRow, fileOf, writeErrorCsv } from '../../imports/corrections/error-csv.js'
import { draftAgain, readDraftFile, startCorrection } from '../../imports/drafts/draft.js'
import { DraftId, type DraftStore } from '../../imports/drafts/draft-store.js'
import type { HistoryStore, ImportEvent } from '../../imports/history-store.js'
import type { Import, ImportStore, StoredImport } from '../../imports/import-store.js'
import type { ReceivedFile } from '../../imports/preflight/table.js'
import type { RowErrorStore } from '../../imports/row-error-store.js'
import { IMPORT_STATES } from '../../imports/schema.js'
import type { TurnStore } from '../../imports/submission/turn-store.js'
import type { PortalPartnerStore } from '../../partners/portal-partner-store.js'
import { OBJECTS } from '../../words/objects.js'
import { explainProblem } from '../../words/problems.js'
import { explainCode } from '../../words/row-errors.js'
import { STATES } from '../../words/states.js'
import { adminOf, fileForm } from '../file-form.js'
import type { Pages, Visit } from '../pages.js'
import { describeImport } from './describe.js'
import { DETAIL, FIX, HISTORY } from './words.js'

type Deps = Parameters<typeof startCorrection>[0] &
  Parameters<typeof stopImport>[0] &
  Parameters<typeof readFirstFailedRows>[0] &
  Parameters<typeof fileForm>[0] &
  Parameters<typeof adminOf>[0] & {
    history: HistoryStore
    drafts: DraftStore
    imports: Pick<ImportStore, 'read'>
    rowErrors: Pick<RowErrorStore, 'list' | 'listByLine'>
    turns: Pick<TurnStore, 'findPlaces'>
    portalPartners: Pick<PortalPartnerStore, 'listNames'>
  }

const PAGE = 25
const ERRORS_SHOWN = 100
const EVENTS_SHOWN = 100
/** Columns that are shown to be corrected, beside those with something wrong in them. */
const COLUMNS_SHOWN = 12
const NOTHING = z.strictObject({})

const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).catch(undefined)
const Day = z.iso.date().regex(/^20/)
/** What is not one of these is not looked for. */
const Filters = z.object({
  text: optional(z.string().trim().max(200)),
  state: optional(z.enum(IMPORT_STATES)),
  partnerId: optional(z.string().regex(/^prt_[0-9a-f]{32}$/)),
  objectType: optional(z.string().regex(/^\d{1,9}-\d{1,19}$/)),
  from: optional(Day),
  to: optional(Day),
  after: optional(z.string().regex(/^imp_[0-9a-f]{32}$/)),
})

/** Cells are `cell-LINE-COLUMN`, rows that are left out `skip-LINE`. */
const FixForm = z
  .object({ once: DraftId })
  .catchall(z.string().max(100_000))
  .refine((form) => Object.keys(form).every((key) => key === 'once' || /^(cell-\d{1,9}-\d{1,3}|skip-\d{1,9})$/.test(key)))

/** /settings/:portalId/imports…: what was imported, and what can be done about it. */
export function importHistoryRoutes(deps: Deps, pages: Pages): Router {
  const { history } = deps
  const router = Router()
  const list = '/settings/:portalId/imports'
  const one = `${list}/:importId`

  async function find({ portal, req }: Visit): Promise<Import> {
    const id = String(req.params.importId)
    const found = /^imp_[0-9a-f]{32}$/.test(id) ? await history.find(portal.id, id) : undefined
    if (!found) throw new AppError('import_not_found')
    return found
  }

  const readWhole = async (visit: Visit): Promise<StoredImport> => deps.imports.read((await find(visit)).id)

  router.get(
    list,
    pages.page(async ({ portal, base, language, formats, req, show }) => {
      const filters = Filters.parse(req.query)
      const [{ imports, hasMore }, names] = await Promise.all([
        history.search(portal.id, { ...filters, limit: PAGE }),
        deps.portalPartners.listNames(portal.id),
      ])
      const { after: _, ...kept } = filters
      const asked = Object.entries(kept).filter(([, value]) => value !== undefined) as [string, string][]
      const last = imports.at(-1)
      await show('settings/imports/history', HISTORY, {
        menu: 'history',
        filters,
        isFiltered: asked.length > 0,
        isLater: filters.after !== undefined,
        older: hasMore && last ? `${base}/imports?${new URLSearchParams([...asked, ['after', last.id]])}` : undefined,
        newest: `${base}/imports?${new URLSearchParams(asked)}`,
        states: STATES[language].state,
        objects: OBJECTS[language],
        partners: [...names].map(([id, name]) => ({ id, name: name ?? HISTORY[language].thisPage })),
        imports: imports.map((made) => ({
          ...describeImport(made, language, formats),
          partner: names.get(made.partnerId ?? '') ?? HISTORY[language].thisPage,
        })),
      })
    }),
  )
  router.get(
    one,
    pages.page(async (visit) => {
      const { portal, base, language, formats, req, show } = visit
      const made = await find(visit)
      const words = DETAIL[language]
      const after = /^\d{1,18}$/.exec(String(req.query.after ?? ''))?.[0]
      const [names, events, { errors, next }, places] = await Promise.all([
        deps.portalPartners.listNames(portal.id),
        history.listEvents(made.id, EVENTS_SHOWN),
        deps.rowErrors.list(made.id, { after, limit: ERRORS_SHOWN }),
        ['accepted', 'held'].includes(made.state)
          ? deps.turns.findPlaces(portal.id, [made.id]).catch(() => undefined)
          : undefined,
      ])
      const shown = describeImport(made, language, formats)
      const explained = errors.map((error) => ({ ...error, ...explainCode(error.code, language) }))
      const place = places?.get(made.id)
      await show('settings/imports/detail', DETAIL, {
        menu: 'history',
        made,
        shown,
        sender: names.get(made.partnerId ?? '') ?? words.thisPage,
        problem: made.problem && describeProblem(made.problem, visit),
        queue: place && words.queueAt(formats.number(place.position), formats.instant(place.estimatedStartAt)),
        hubspotUrl: hubSpotUrl(visit, made),
        rowErrors: explained.filter(({ origin }) => origin === 'hubspot'),
        findings: explained.filter(({ origin }) => origin === 'finding'),
        more: next,
        isCorrectable: shown.hasEnded && shown.failedCount > 0 && canBeCorrected(made),
        isAgainPossible: shown.hasEnded && made.files.length === 1 && made.files[0]?.storeKey !== null,
        events: events.map((event) => ({ ...event, what: describeEvent(event, visit) })),
        live: shown.hasEnded ? undefined : `${base}/live`,
        refreshSeconds: shown.hasEnded ? undefined : 5,
      })
    }),
  )
  router.get(
    `${one}/errors.csv`,
    pages.page(async (visit) => {
      const made = await readWhole(visit)
      fileOf(made) // refused while that can still be said
      visit.res.type('text/csv').attachment(`${made.id} errors.csv`).set('cache-control', 'no-store')
      await pipeline(Readable.from(writeErrorCsv(deps, made)), visit.res)
    }),
  )
  router.post(
    `${one}/cancel`,
    pages.form(NOTHING, async (visit) => {
      const { id, partnerId } = await find(visit)
      if (partnerId !== null) await stopImport(deps, { portalId: visit.portal.id, partnerId }, id)
      visit.res.redirect(303, `${visit.base}/imports/${id}`)
    }),
  )
  router.post(
    `${one}/again`,
    pages.form(NOTHING, async (visit) => {
      const draftId = await draftAgain(deps, await readWhole(visit))
      visit.res.redirect(303, `${visit.base}/import/${draftId}`)
    }),
  )
  router.get(
    `${one}/fix`,
    pages.page(async (visit) => {
      const made = await readWhole(visit)
      const found = canBeCorrected(made) ? await readFirstFailedRows(deps, made) : undefined
      const columns = found ? chooseColumns(found, made) : []
      const { failed, failedCount } = describeImport(made, visit.language, visit.formats)
      await visit.show('settings/imports/fix', FIX, {
        menu: 'history',
        made,
        failed,
        failedCount,
        found,
        columns,
        once: newId('drf'),
        limit: ROWS_AT_ONCE,
        rows: found?.rows.map((row) => ({ ...row, ...explainRow(row, found.header, visit) })),
      })
    }),
  )
  router.post(
    `${one}/fix`,
    pages.form(FixForm, async (visit, { once, ...form }) => {
      const first = await readWhole(visit)
      const { header, rows } = await readFirstFailedRows(deps, first)
      const sent = new Set(Object.keys(form).flatMap((key) => /^cell-(\d+)-/.exec(key)?.[1] ?? []))
      const kept = rows.filter(({ line }) => sent.has(String(line)) && form[`skip-${line}`] === undefined)
      if (kept.length === 0) return visit.res.redirect(303, `${visit.base}/imports/${first.id}/fix`)
      const bytes = writeCorrectedRows({ header, rows: kept }, (line, column) => {
        const cell = form[`cell-${line}-${column}`]
        return typeof cell === 'string' ? cell : undefined
      })
      const name = `${first.id} corrections.csv`
      const stored = await deps.files.save(Readable.from([bytes]) as AsyncIterable<Buffer>)
      const draft = {
        ...stored,
        id: once,
        portalId: visit.portal.id,
        name,
        packed: undefined,
        choice: undefined,
        report: undefined,
        importId: null,
      }
      await correct(visit, once, first, await readDraftFile(deps, draft))
    }),
  )
  router.post(
    `${one}/corrections`,
    fileForm(deps, pages, async (visit, file) => correct(visit, newId('drf'), await readWhole(visit), file)),
  )

  /** Makes an import of corrected rows; a form that is sent twice leads to the same one. */
  async function correct(visit: Visit, id: string, first: StoredImport, file: ReceivedFile): Promise<void> {
    const { base, portal, res } = visit
    const made = await startCorrection(deps, { id, first, file, admin: await adminOf(deps, visit) }).catch(
      async (error: unknown) => {
        if (!(error instanceof AppError && error.code === 'draft_started')) throw error
        const { importId } = await deps.drafts.read(portal.id, id)
        if (importId === null) throw error
        return { id: importId }
      },
    )
    res.redirect(303, `${base}/imports/${made.id}`)
  }

  router.all([list, one, `${one}/errors.csv`], onlyMethods('GET', 'HEAD'))
  router.all(`${one}/fix`, onlyMethods('GET', 'HEAD', 'POST'))
  router.all([`${one}/cancel`, `${one}/again`, `${one}/corrections`], onlyMethods('POST'))
  return router
}

function canBeCorrected(made: Pick<StoredImport, 'files'>): boolean {
  try {
    return fileOf(made) !== undefined
  } catch {
    return false
  }
}

/** The columns with something wrong in them, and after them the first of those that are imported. */
function chooseColumns({ header, rows }: { header: string[]; rows: FailedRow[] }, { request }: StoredImport): number[] {
  const wrong = new Set(
    rows.flatMap(({ errors }) => errors.flatMap(({ columnName }) => (columnName === null ? [] : [header.indexOf(columnName)]))),
  )
  const mappings = request.files[0]?.fileImportPage.columnMappings ?? []
  const imported = header.map((_, at) => at).filter((at) => mappings[at]?.propertyName && !mappings[at]?.ignored)
  return [...new Set([...wrong, ...imported.slice(0, COLUMNS_SHOWN)])].filter((at) => at >= 0)
}

/** What is wrong with a row, and in which of its columns. */
function explainRow({ errors }: FailedRow, header: string[], { language }: Visit) {
  return {
    reasons: errors.map(({ code, columnName, message }) => ({ columnName, message, ...explainCode(code, language) })),
    wrongColumns: errors.flatMap(({ columnName }) => (columnName === null ? [] : [header.indexOf(columnName)])),
  }
}

function describeProblem(problem: NonNullable<Import['problem']>, { language }: Visit) {
  const { code } = problem
  const words = isProblemCode(code) ? explainProblem(code, language) : { title: code, cause: '', fix: '' }
  return { ...problem, ...words }
}

function describeEvent({ type, detail }: ImportEvent, { language }: Visit): string {
  const held = typeof detail.reason === 'string' ? STATES[language].held[detail.reason] : undefined
  const words = DETAIL[language].events[type] ?? STATES[language].state[type] ?? type
  return held === undefined ? words : `${words}. ${held}`
}

/** HubSpot's own page of imports. */
function hubSpotUrl({ portal }: Visit, { parts }: Import): string | undefined {
  const isThere = parts.some(({ hubspotImportId }) => hubspotImportId !== null)
  if (!isThere || !/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(portal.uiDomain ?? '')) return undefined
  return `https://${portal.uiDomain}/import/${portal.id}`
}
