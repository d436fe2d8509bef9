import { Router } from 'express'
import { z } from 'zod'
import type { Config } from '../../config.js'
import { AppError } from '../../errors.js'
import { onlyMethods } from '../../http/problem.js'
import type { Property } from '../../hubspot/answers.js'
import { checkDraft, previewDraft, readDraftFile, startDraft } from '../../imports/drafts/draft.js'
import type { Draft, DraftStore } from '../../imports/drafts/draft-store.js'
import type { Preview } from '../../intake/preview.js'
import { guessMapping } from '../../mappings/guess.js'
import { Mapping } from '../../mappings/schema.js'
import { readShapes } from '../../mappings/shapes.js'
import type { Suggestion } from '../../mappings/suggestion/suggest.js'
import type { TemplateStore } from '../../mappings/template-store.js'
import type { PropertyCache } from '../../portals/property-cache.js'
import { OBJECTS } from '../../words/objects.js'
import { explainCode } from '../../words/row-errors.js'
import { adminOf, fileForm } from '../file-form.js'
import type { Pages, Visit } from '../pages.js'
import {
  type Choice,
  choiceOf,
  choiceOfMapping,
  findWrong,
  MappingForm,
  readChoice,
  toColumnRows,
  toRequest,
  type WrongChoice,
} from './mapping-form.js'
import { CHECK, CHOOSE, MAPPING } from './words.js'

type Deps = Parameters<typeof startDraft>[0] &
  Parameters<typeof fileForm>[0] &
  Parameters<typeof adminOf>[0] & {
    config: Pick<Config, 'maxUploadBytes'>
    drafts: DraftStore
    properties: Pick<PropertyCache, 'find'>
    templates: Pick<TemplateStore, 'find' | 'list' | 'create'>
  }

/** Contacts, where nothing tells what rows are. */
const ANY_OBJECT = '0-1'
const SAMPLE_ROWS = 5
const NOTHING = z.strictObject({})
const TemplateForm = z.strictObject({ templateName: z.string().trim().min(1).max(100) })

/** /settings/:portalId/import…: from a file to an import, a step a page. */
export function importFileRoutes(deps: Deps, pages: Pages): Router {
  const { drafts } = deps
  const router = Router()
  const choose = '/settings/:portalId/import'
  const ofDraft = `${choose}/:draftId`
  const readDraft = ({ portal, req }: Visit) => drafts.read(portal.id, String(req.params.draftId))

  router.get(
    choose,
    pages.page(({ portal, formats, show }) =>
      show('settings/import/choose', CHOOSE, {
        menu: 'importFile',
        step: 0,
        isWaiting: portal.status === 'reconnect',
        maxSize: formats.bytes(deps.config.maxUploadBytes),
      }),
    ),
  )
  router.post(
    choose,
    fileForm(deps, pages, async ({ portal, base, res }, file) => {
      const id = await drafts.create({ ...file, portalId: portal.id })
      res.redirect(303, `${base}/import/${id}`)
    }),
  )

  router.get(
    ofDraft,
    pages.page(async (visit) => {
      const draft = await readDraft(visit)
      if (draft.importId !== null) return visit.res.redirect(303, `${visit.base}/imports/${draft.importId}`)
      const { template, object, sheet } = visit.req.query
      await showMapping(visit, draft, {
        templateId: typeof template === 'string' && template !== '' ? template : undefined,
        objectType: typeof object === 'string' && /^\d{1,9}-\d{1,19}$/.test(object) ? object : undefined,
        sheet: typeof sheet === 'string' ? sheet : undefined,
      })
    }),
  )
  router.post(
    ofDraft,
    pages.form(MappingForm, async (visit, form) => {
      const draft = await readDraft(visit)
      const file = await readDraftFile(deps, draft)
      const preview = await previewDraft(deps, file, form.sheet === '' ? undefined : form.sheet)
      const choice = readChoice(form, preview.header.length)
      const wrong = findWrong(choice)
      if (wrong) return showMapping(visit, draft, { choice, wrong })
      const properties = (await deps.properties.find(draft.portalId, choice.objectType)) ?? []
      const request = toRequest(choice, { header: preview.header, fileName: file.name, kind: file.inspected.kind }, properties)
      await checkDraft(deps, draft, await adminOf(deps, visit), { request, sheet: choice.sheet })
      visit.res.redirect(303, `${visit.base}/import/${draft.id}/check`)
    }),
  )
  router.get(
    `${ofDraft}/check`,
    pages.page(async (visit) => showCheck(visit, await readDraft(visit))),
  )
  router.post(
    `${ofDraft}/start`,
    pages.form(NOTHING, async (visit) => {
      const draft = await readDraft(visit)
      const { base, res } = visit
      const { id } = draft.importId ? { id: draft.importId } : await startDraft(deps, draft, await adminOf(deps, visit))
      res.redirect(303, `${base}/imports/${id}`)
    }),
  )
  router.post(
    `${ofDraft}/template`,
    pages.form(TemplateForm, async (visit, { templateName }) => {
      const draft = await readDraft(visit)
      const mapping = mappingOf(draft)
      const { partnerId } = await adminOf(deps, visit)
      const properties = await readShapes(deps, draft.portalId, mapping)
      const isTaken = await deps.templates
        .create({ portalId: draft.portalId, partnerId }, { name: templateName, mapping, properties })
        .then(
          () => false,
          (error: unknown) => {
            if (error instanceof AppError && error.code === 'template_name_taken') return true
            throw error
          },
        )
      if (isTaken) return showCheck(visit, draft, { takenName: templateName })
      visit.res.redirect(303, `${visit.base}/import/${draft.id}/check?saved=1#template`)
    }),
  )
  router.post(
    `${ofDraft}/discard`,
    pages.form(NOTHING, async ({ portal, base, req, res }) => {
      const storeKey = await drafts.discard(portal.id, String(req.params.draftId))
      if (storeKey === undefined) throw new AppError('draft_not_found')
      await deps.files.remove(storeKey)
      res.redirect(303, `${base}/import`)
    }),
  )

  type Asked = {
    templateId?: string | undefined
    objectType?: string | undefined
    sheet?: string | undefined
    choice?: Choice
    wrong?: WrongChoice
  }

  async function showMapping(visit: Visit, draft: Draft, asked: Asked): Promise<void> {
    const { portal, language, show } = visit
    const file = await readDraftFile(deps, draft)
    const sheet = asked.choice?.sheet ?? asked.sheet ?? draft.choice?.sheet ?? undefined
    const preview = await previewDraft(deps, file, sheet ?? undefined)
    const { partnerId } = await adminOf(deps, visit)
    const templates = await deps.templates.list({ portalId: portal.id, partnerId })
    const template = asked.templateId
      ? await deps.templates.find({ portalId: portal.id, partnerId }, asked.templateId)
      : undefined
    const objectType = asked.choice?.objectType ?? asked.objectType ?? (template && objectOf(template.mapping))
    const guess = await guessMapping(deps, portal.id, preview, objectType).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'mapping_unclear') return undefined
      throw error
    })
    const isFresh = asked.objectType === undefined && asked.templateId === undefined && asked.sheet === undefined
    const choice =
      asked.choice ??
      beginChoice(draft, preview, guess, { template: template?.mapping, isFresh, fileName: file.name, objectType })
    const properties = ((await deps.properties.find(portal.id, choice.objectType)) ?? []).filter(isWritable)
    await show('settings/import/mapping', MAPPING, {
      menu: 'importFile',
      step: 1,
      draft,
      file,
      preview: { ...preview, samples: preview.samples.slice(0, SAMPLE_ROWS) },
      choice,
      wrong: asked.wrong,
      rows: toColumnRows(preview, choice, guess),
      properties: properties.toSorted((a, b) => a.label.localeCompare(b.label, language)),
      labels: new Map(properties.map(({ name, label }) => [name, label])),
      templates,
      templateId: template?.id ?? '',
      objects: OBJECTS[language],
    })
  }

  async function showCheck(visit: Visit, draft: Draft, more: { takenName?: string } = {}): Promise<void> {
    const { base, res, req, language, show } = visit
    if (draft.importId !== null) return res.redirect(303, `${base}/imports/${draft.importId}`)
    if (!draft.report || !draft.choice) return res.redirect(303, `${base}/import/${draft.id}`)
    const groups = draft.report.groups.map((group) => ({ ...group, ...explainCode(group.code, language) }))
    await show('settings/import/check', CHECK, {
      menu: 'importFile',
      step: 2,
      draft,
      report: draft.report,
      wrong: groups.filter(({ isHarmless }) => !isHarmless),
      harmless: groups.filter(({ isHarmless }) => isHarmless),
      isSaved: req.query.saved === '1',
      takenName: more.takenName,
    })
  }

  router.all([choose, ofDraft], onlyMethods('GET', 'HEAD', 'POST'))
  router.all(`${ofDraft}/check`, onlyMethods('GET', 'HEAD'))
  router.all([`${ofDraft}/start`, `${ofDraft}/template`, `${ofDraft}/discard`], onlyMethods('POST'))
  return router
}

type Known = { template: Mapping | undefined; isFresh: boolean; fileName: string; objectType: string | undefined }

/** What the form begins with: a template's mapping, what was chosen before, or the suggestion. */
function beginChoice(draft: Draft, preview: Preview, guess: Suggestion | undefined, known: Known): Choice {
  const more = { name: known.fileName, sheet: preview.sheet, dateFormat: 'DAY_MONTH_YEAR' as const }
  const objectType = known.objectType ?? guess?.objectTypeId ?? ANY_OBJECT
  if (known.template) return choiceOfMapping(known.template, preview.header, { ...more, objectType })
  if (draft.choice && known.isFresh)
    return choiceOfMapping(mappingOf(draft), preview.header, { ...more, name: draft.choice.request.name, objectType })
  if (guess) return choiceOf(guess, more)
  return { ...more, objectType, operation: 'UPSERT', columns: preview.header.map(() => '') }
}

/** The mapping that was chosen for a draft. */
function mappingOf({ choice }: Draft): Mapping {
  const {
    files,
    name: _,
    ...settings
  } = (choice?.request ?? {}) as {
    name?: string
    files?: { fileFormat: string; fileImportPage: { hasHeader: boolean; columnMappings: unknown[] } }[]
  }
  const [file] = files ?? []
  return Mapping.parse({ ...settings, fileFormat: file?.fileFormat, ...file?.fileImportPage })
}

function objectOf({ importOperations }: Mapping): string | undefined {
  return Object.keys(importOperations ?? {})[0]
}

function isWritable({ readOnly, calculated, archived, name }: Property): boolean {
  return (!readOnly && !calculated && !archived) || name === 'hs_object_id'
}
