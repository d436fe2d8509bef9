import { z } from 'zod'
import { endpoint } from '../http/endpoint.js'

export const showMe = endpoint({
  method: 'get',
  path: '/v1/me',
  summary: 'Who am I',
  params: z.object({}),
  query: z.strictObject({}),
  missing: 'not_found',
  reply: {
    status: 200,
    schema: z.object({ partner: z.object({ id: z.string(), name: z.string() }), key: z.object({ id: z.string() }) }),
  },
})

export const listPortals = endpoint({
  method: 'get',
  path: '/v1/portals',
  summary: 'The portals I may use',
  params: z.object({}),
  query: z.strictObject({}),
  missing: 'not_found',
  reply: {
    status: 200,
    schema: z.object({
      results: z.array(
        z.object({ id: z.string(), status: z.string(), hubDomain: z.string().nullable(), timeZone: z.string().nullable() }),
      ),
    }),
  },
})
