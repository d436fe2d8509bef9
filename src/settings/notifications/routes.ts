import { Router } from 'express'
import { z } from 'zod'
import type { Config } from '../../config.js'
import { AppError } from '../../errors.js'
import { onlyMethods } from '../../http/problem.js'
import type { Secret } from '../../secret.js'
import { type DeliveryStore, stateOf } from '../../webhooks/delivery-store.js'
import type { Endpoint, EndpointStore } from '../../webhooks/endpoint-store.js'
import { DeliveryId, EndpointId, EVENTS } from '../../webhooks/schema.js'
import { checkTarget } from '../../webhooks/target.js'
import type { Pages, Visit } from '../pages.js'
import { NOTIFICATIONS } from './words.js'

type Deps = { config: Pick<Config, 'webhooksAnywhere'>; endpoints: EndpointStore; deliveries: DeliveryStore }

const SHOWN = 25
/** Messages are kept for a month. */
const ALL_KEPT = new Date(0)

const NOTHING = z.strictObject({})
const EndpointForm = z.strictObject({
  url: z.string().trim(),
  events: z.preprocess(
    (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]),
    z.array(z.enum(EVENTS)).max(EVENTS.length),
  ),
})
const LOOKS = { waiting: 'waiting', delivered: 'good', failed: 'bad', kept: 'quiet' }
const ICONS = { waiting: '◷', delivered: '✓', failed: '✕', kept: '–' }

/** /settings/:portalId/notifications…: where the portal's admin wants to be told, and what was sent there. */
export function notificationRoutes({ config, endpoints, deliveries }: Deps, pages: Pages): Router {
  const router = Router()
  const list = '/settings/:portalId/notifications'
  const one = `${list}/:endpointId`
  const ownerOf = ({ portal }: Visit) => ({ portalId: portal.id })

  /** @throws {AppError} `endpoint_not_found` */
  function idOf({ req }: Visit): string {
    const id = EndpointId.safeParse(req.params.endpointId).data
    if (id === undefined) throw new AppError('endpoint_not_found')
    return id
  }

  /** @throws {AppError} `endpoint_not_found` */
  const find = async (visit: Visit): Promise<Endpoint> => endpoints.find(ownerOf(visit), idOf(visit))

  async function showList(visit: Visit, more: { tried?: string; wrong?: 'url_not_allowed' | 'too_many_endpoints' } = {}) {
    await visit.show('settings/notifications/list', NOTIFICATIONS, {
      menu: 'notifications',
      endpoints: await endpoints.list(ownerOf(visit)),
      allEvents: EVENTS,
      ...more,
    })
  }

  async function showOne(visit: Visit, more: { tried?: string; wrong?: string } = {}) {
    const { req } = visit
    const endpoint = await find(visit)
    const after = /^\d{1,18}$/.exec(String(req.query.after ?? ''))?.[0]
    const found = await deliveries.list(ownerOf(visit), endpoint.id, { limit: SHOWN, after })
    await visit.show('settings/notifications/endpoint', NOTIFICATIONS, {
      menu: 'notifications',
      endpoint,
      allEvents: EVENTS,
      deliveries: found.map((delivery) => {
        const state = stateOf(delivery)
        const log = delivery.log.map(({ url, sentHeaders, answerHeaders, ...entry }) => ({
          ...entry,
          sent: url === null ? '' : `POST ${url}\n${linesOf(sentHeaders)}`,
          answerHeaders: linesOf(answerHeaders),
        }))
        return { ...delivery, log, state, look: LOOKS[state], icon: ICONS[state] }
      }),
      older: found.length === SHOWN ? String(found.at(-1)?.number) : undefined,
      isSaved: req.query.saved === '1',
      isTested: req.query.tested === '1',
      replayed: /^\d{1,6}$/.exec(String(req.query.replayed ?? ''))?.[0],
      ...more,
    })
  }

  const linesOf = (headers: Record<string, string> | null) =>
    Object.entries(headers ?? {})
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n')

  const showSecret = (visit: Visit, { id }: Endpoint, secret: Secret): Promise<void> =>
    visit.show('settings/notifications/secret', NOTIFICATIONS, {
      menu: 'notifications',
      secret: secret.reveal(),
      next: `${visit.base}/notifications/${id}`,
    })

  /** What the form's address is objected to, if it is. */
  function objection(url: string): 'url_not_allowed' | undefined {
    try {
      checkTarget(url, config.webhooksAnywhere)
      return undefined
    } catch (error) {
      if (error instanceof AppError && error.code === 'url_not_allowed') return error.code
      throw error
    }
  }
  const backTo = ({ base, res }: Visit, { id }: Pick<Endpoint, 'id'>, more = '') =>
    res.redirect(303, `${base}/notifications/${id}${more}`)

  router.get(
    list,
    pages.page((visit) => showList(visit)),
  )
  router.post(
    list,
    pages.form(EndpointForm, async (visit, form) => {
      const wrong = objection(form.url)
      if (wrong) return showList(visit, { tried: form.url, wrong })
      const made = await endpoints.create(ownerOf(visit), form).catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'too_many_endpoints') return undefined
        throw error
      })
      await (made ? showSecret(visit, made, made.secret) : showList(visit, { tried: form.url, wrong: 'too_many_endpoints' }))
    }),
  )
  router.get(
    one,
    pages.page((visit) => showOne(visit)),
  )
  router.post(
    one,
    pages.form(EndpointForm, async (visit, form) => {
      const endpoint = await find(visit)
      const wrong = objection(form.url)
      if (wrong) return showOne(visit, { tried: form.url, wrong })
      await endpoints.change(ownerOf(visit), endpoint.id, { ...form, isDisabled: endpoint.disabledAt !== null })
      backTo(visit, endpoint, '?saved=1')
    }),
  )
  for (const [path, isDisabled] of [
    ['turn-off', true],
    ['turn-on', false],
  ] as const)
    router.post(
      `${one}/${path}`,
      pages.form(NOTHING, async (visit) => {
        const { id, url, events } = await find(visit)
        await endpoints.change(ownerOf(visit), id, { url, events, isDisabled })
        backTo(visit, { id })
      }),
    )
  router.post(
    `${one}/test`,
    pages.form(NOTHING, async (visit) => {
      const id = idOf(visit)
      await deliveries.test(ownerOf(visit), id)
      backTo(visit, { id }, '?tested=1')
    }),
  )
  router.post(
    `${one}/rotate`,
    pages.form(NOTHING, async (visit) => {
      const { secret, ...endpoint } = await endpoints.rotate(ownerOf(visit), idOf(visit))
      await showSecret(visit, endpoint, secret)
    }),
  )
  router.post(
    `${one}/replay`,
    pages.form(NOTHING, async (visit) => {
      const id = idOf(visit)
      backTo(visit, { id }, `?replayed=${await deliveries.replaySince(ownerOf(visit), id, ALL_KEPT, 'failed')}`)
    }),
  )
  router.post(
    `${one}/deliveries/:deliveryId/replay`,
    pages.form(NOTHING, async (visit) => {
      const [id, deliveryId] = [idOf(visit), DeliveryId.safeParse(visit.req.params.deliveryId).data]
      if (deliveryId === undefined) throw new AppError('delivery_not_found')
      await deliveries.replay(ownerOf(visit), id, deliveryId)
      backTo(visit, { id })
    }),
  )
  router.post(
    `${one}/delete`,
    pages.form(NOTHING, async (visit) => {
      await endpoints.delete(ownerOf(visit), idOf(visit))
      visit.res.redirect(303, `${visit.base}/notifications`)
    }),
  )
  router.all([list, one], onlyMethods('GET', 'HEAD', 'POST'))
  router.all(
    ['turn-off', 'turn-on', 'test', 'rotate', 'replay', 'deliveries/:deliveryId/replay', 'delete'].map(
      (path) => `${one}/${path}`,
    ),
    onlyMethods('POST'),
  )
  return router
}
