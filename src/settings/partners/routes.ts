import { Router } from 'express'
import { z } from 'zod'
import type { Config } from '../../config.js'
import { AppError } from '../../errors.js'
import { onlyMethods } from '../../http/problem.js'
import { type PortalPartner, type PortalPartnerStore, versionOf } from '../../partners/portal-partner-store.js'
import { openTestPortal } from '../../partners/test-portal.js'
import type { Secret } from '../../secret.js'
import { OBJECTS } from '../../words/objects.js'
import type { Pages, Visit } from '../pages.js'
import { NEW_KEY, PARTNERS } from './words.js'

type Deps = Parameters<typeof openTestPortal>[0] & { config: Pick<Config, 'publicUrl'>; portalPartners: PortalPartnerStore }

const OPERATIONS = ['CREATE', 'UPDATE', 'UPSERT'] as const
const OVERLAP_HOURS = ['0', '1', '24', '168'] as const
const STALE_DAYS = 30
const DAY_MS = 86_400_000
const SPARK = { width: 90, height: 20, step: 3 }

const NOTHING = z.strictObject({})
/** None, one or several boxes of a name. */
const boxes = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]), z.array(schema).max(20))
const limits = {
  objectTypes: boxes(z.string().regex(/^\d{1,9}-\d{1,19}$/)),
  operations: boxes(z.enum(OPERATIONS)),
  rowsPerDay: z
    .string()
    .regex(/^\d{0,9}$/)
    .transform((text) => (text === '' ? null : Number(text))),
}
const ConnectForm = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .refine((name) => !/[\p{Cc}\p{Cf}]/u.test(name)),
  ...limits,
})
const LimitsForm = z.strictObject({ ...limits, was: z.string().max(1_000) })
const RollForm = z.strictObject({ overlapHours: z.enum(OVERLAP_HOURS) })

/** /settings/:portalId/partners…: who may send files, what, and with which keys. */
export function partnerPageRoutes(deps: Deps, pages: Pages): Router {
  const { config, portalPartners } = deps
  const router = Router()
  const list = '/settings/:portalId/partners'
  const one = `${list}/:partnerId`
  const key = `${list}/keys/:keyId`
  const back = ({ base, res }: Visit, more = '') => res.redirect(303, `${base}/partners${more}`)
  const named = ({ req }: Visit, name: 'partnerId' | 'keyId') => String(req.params[name])

  async function showList(visit: Visit, more: { takenName?: string } = {}): Promise<void> {
    const { portal, language, show, req } = visit
    const partners = await portalPartners.list(portal.id)
    await show('settings/partners/list', PARTNERS, {
      menu: 'partners',
      partners: partners.map((partner) => ({ ...partner, version: versionOf(partner), keys: partner.keys.map(describeKey) })),
      objects: OBJECTS[language],
      operations: OPERATIONS,
      overlaps: OVERLAP_HOURS,
      savedId: typeof req.query.saved === 'string' ? req.query.saved : undefined,
      ...more,
    })
  }

  /** The one page on which a key is seen; it is in no cache, and nothing leads back to it. */
  const showKey = ({ portal, language, show }: Visit, secret: Secret, portalId = portal.id): Promise<void> =>
    show('settings/partners/new-key', NEW_KEY, {
      menu: 'partners',
      key: secret.reveal(),
      isTest: portalId !== portal.id,
      curl: `curl -H "Authorization: Bearer $IMPORTAL_KEY" -F files=@contacts.csv ${config.publicUrl}/v1/portals/${portalId}/imports`,
      mail: NEW_KEY[language].mailText(config.publicUrl, portalId),
    })

  router.get(
    list,
    pages.page((visit) => showList(visit)),
  )
  router.post(
    list,
    pages.form(ConnectForm, async (visit, form) => {
      const made = await portalPartners.connect(visit.portal.id, form).catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'partner_name_taken') return undefined
        throw error
      })
      await (made ? showKey(visit, made.key) : showList(visit, { takenName: form.name }))
    }),
  )
  router.post(
    `${one}/limits`,
    pages.form(LimitsForm, async (visit, { was, ...given }) => {
      const partnerId = named(visit, 'partnerId')
      await portalPartners.changeLimits(visit.portal.id, partnerId, { limits: given, was })
      back(visit, `?saved=${encodeURIComponent(partnerId)}`)
    }),
  )
  for (const [path, isPaused] of [
    ['pause', true],
    ['resume', false],
  ] as const)
    router.post(
      `${one}/${path}`,
      pages.form(NOTHING, async (visit) => {
        await portalPartners.pause(visit.portal.id, named(visit, 'partnerId'), isPaused)
        back(visit)
      }),
    )
  router.post(
    `${one}/test-key`,
    pages.form(NOTHING, async (visit) => {
      const partnerId = named(visit, 'partnerId')
      await portalPartners.checkOwn(visit.portal.id, partnerId)
      const testPortalId = await openTestPortal(deps, partnerId, 'admin')
      await showKey(visit, await portalPartners.addTestKey(visit.portal.id, partnerId, testPortalId), testPortalId)
    }),
  )
  router.post(
    `${one}/disconnect`,
    pages.form(NOTHING, async (visit) => {
      await portalPartners.disconnect(visit.portal.id, named(visit, 'partnerId'))
      back(visit)
    }),
  )
  router.post(
    `${key}/roll`,
    pages.form(RollForm, async (visit, { overlapHours }) => {
      const made = await portalPartners.rollKey(visit.portal.id, named(visit, 'keyId'), Number(overlapHours))
      await showKey(visit, made.key)
    }),
  )
  router.post(
    `${key}/revoke`,
    pages.form(NOTHING, async (visit) => {
      await portalPartners.revokeKey(visit.portal.id, named(visit, 'keyId'))
      back(visit)
    }),
  )
  router.all(list, onlyMethods('GET', 'HEAD', 'POST'))
  router.all(
    [...['limits', 'pause', 'resume', 'test-key', 'disconnect'].map((path) => `${one}/${path}`), `${key}/roll`, `${key}/revoke`],
    onlyMethods('POST'),
  )
  return router
}

/** A key with a sparkline of its use: bars in the units of an SVG. */
function describeKey(key: PortalPartner['keys'][number]) {
  const highest = Math.max(1, ...key.days)
  return {
    ...key,
    isStale: Date.now() - (key.lastUsedAt ?? key.createdAt).getTime() > STALE_DAYS * DAY_MS,
    daysUsed: key.days.filter((minutes) => minutes > 0).length,
    spark: {
      ...SPARK,
      bars: key.days.flatMap((minutes, i) => {
        const height = Math.round((minutes / highest) * SPARK.height)
        return minutes === 0 ? [] : [{ x: i * SPARK.step, y: SPARK.height - height, height: Math.max(1, height) }]
      }),
    },
  }
}
