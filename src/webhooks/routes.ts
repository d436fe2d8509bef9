import { Router } from 'express'
import type { Config } from '../config.js'
import { readJson, serve } from '../http/endpoint.js'
import { onlyMethods } from '../http/problem.js'
import type { PartnerStore } from '../partners/partner-store.js'
import { callerOf, refuseKeyInBody, requirePartner } from '../partners/require-partner.js'
import { type Delivery, type DeliveryStore, placeOf, stateOf } from './delivery-store.js'
import type { Endpoint, EndpointStore } from './endpoint-store.js'
import {
  changeEndpoint,
  createEndpoint,
  type DeliveryView,
  deleteEndpoint,
  type EndpointView,
  findEndpoint,
  listDeliveries,
  listEndpoints,
  replayDelivery,
  replaySince,
  rotateSecret,
  testEndpoint,
} from './schema.js'
import { checkTarget } from './target.js'

type Deps = Parameters<typeof requirePartner>[0] & {
  config: Pick<Config, 'webhooksAnywhere'>
  partners: PartnerStore
  endpoints: EndpointStore
  deliveries: DeliveryStore
}

const MAX_BODY_BYTES = 16 * 1024

/** /v1/endpoints…: where a partner wants to be told of its imports. */
export function webhookRoutes(deps: Deps): Router {
  const { config, endpoints, deliveries } = deps
  const router = Router()
  const known = requirePartner(deps)
  const json = [readJson(MAX_BODY_BYTES), refuseKeyInBody(deps)]
  const ownerOf = (res: Parameters<typeof callerOf>[0]) => {
    const { partnerId, isTest } = callerOf(res)
    return { partnerId, isTest }
  }

  function checkUrl(url: string | null): void {
    if (url !== null) checkTarget(url, config.webhooksAnywhere)
  }

  router.post(
    createEndpoint.path,
    known,
    json,
    serve(createEndpoint, async ({ body, res }) => {
      checkUrl(body.url)
      const { secret, ...made } = await endpoints.create(ownerOf(res), body)
      res.location(`/v1/endpoints/${made.id}`).set('cache-control', 'no-store')
      return { ...viewEndpoint(made), secret: secret.reveal() }
    }),
  )
  router.get(
    listEndpoints.path,
    known,
    serve(listEndpoints, async ({ res }) => ({ results: (await endpoints.list(ownerOf(res))).map(viewEndpoint) })),
  )
  router.get(
    findEndpoint.path,
    known,
    serve(findEndpoint, async ({ params, res }) => viewEndpoint(await endpoints.find(ownerOf(res), params.endpointId))),
  )
  router.put(
    changeEndpoint.path,
    known,
    json,
    serve(changeEndpoint, async ({ params, body, res }) => {
      checkUrl(body.url)
      return viewEndpoint(await endpoints.change(ownerOf(res), params.endpointId, body))
    }),
  )
  router.delete(
    deleteEndpoint.path,
    known,
    serve(deleteEndpoint, async ({ params, res }) => viewEndpoint(await endpoints.delete(ownerOf(res), params.endpointId))),
  )
  router.post(
    rotateSecret.path,
    known,
    serve(rotateSecret, async ({ params, res }) => {
      const { secret, ...endpoint } = await endpoints.rotate(ownerOf(res), params.endpointId)
      res.set('cache-control', 'no-store')
      return { ...viewEndpoint(endpoint), secret: secret.reveal() }
    }),
  )
  router.post(
    testEndpoint.path,
    known,
    serve(testEndpoint, async ({ params, res }) => viewDelivery(await deliveries.test(ownerOf(res), params.endpointId))),
  )
  router.get(
    listDeliveries.path,
    known,
    serve(listDeliveries, async ({ params: { endpointId }, query, res }) => {
      const results = await deliveries.list(ownerOf(res), endpointId, query)
      const newest = results.at(-1)
      const last = newest?.number
      const isMore = results.length === query.limit && query.since === undefined && last !== undefined
      if (isMore) {
        const next = new URLSearchParams({ ...(query.state ? { state: query.state } : {}), limit: String(query.limit) })
        next.set('after', String(last))
        res.links({ next: `/v1/endpoints/${endpointId}/deliveries?${next}` })
      }
      return {
        results: results.map(viewDelivery),
        last: query.since === undefined ? null : newest ? placeOf(newest) : query.since,
        ...(isMore ? { paging: { next: { after: String(last) } } } : {}),
      }
    }),
  )
  router.post(
    replayDelivery.path,
    known,
    serve(replayDelivery, async ({ params: { endpointId, deliveryId }, res }) =>
      viewDelivery(await deliveries.replay(ownerOf(res), endpointId, deliveryId)),
    ),
  )
  router.post(
    replaySince.path,
    known,
    json,
    serve(replaySince, async ({ params: { endpointId }, body: { since, which }, res }) => ({
      replayed: await deliveries.replaySince(ownerOf(res), endpointId, new Date(since), which),
    })),
  )
  router.all(createEndpoint.path, onlyMethods('GET', 'HEAD', 'POST'))
  router.all(findEndpoint.path, onlyMethods('GET', 'HEAD', 'PUT', 'DELETE'))
  router.all(listDeliveries.path, onlyMethods('GET', 'HEAD'))
  router.all([rotateSecret.path, testEndpoint.path, replayDelivery.path, replaySince.path], onlyMethods('POST'))
  return router
}

function viewEndpoint({ disabledAt, disabledReason, previousUntil, ...endpoint }: Endpoint): EndpointView {
  return {
    ...endpoint,
    disabled: disabledAt && { at: disabledAt, reason: disabledReason ?? 'partner' },
    previousSecretUntil: previousUntil,
  }
}

function viewDelivery(delivery: Delivery): DeliveryView {
  return { ...delivery, state: stateOf(delivery) }
}
