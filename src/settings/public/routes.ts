import { type Request, type Response, Router } from 'express'
import type { Config } from '../../config.js'
import { AppError, isProblemCode, PROBLEMS } from '../../errors.js'
import { sendPage } from '../../http/page.js'
import { onlyMethods } from '../../http/problem.js'
import type { Render } from '../../http/views.js'
import { PortalId } from '../../portals/portal-store.js'
import { languageOf } from '../../words/language.js'
import { explainProblem } from '../../words/problems.js'
import { explainScope } from '../scope-words.js'
import { HOME, PROBLEM_PAGE, PROSE, SIGN_IN } from './words.js'

type Deps = { config: Pick<Config, 'hubspot' | 'operator' | 'publicUrl'>; render: Render }

const PROSE_PAGES = ['guide', 'privacy', 'terms', 'support', 'permissions'] as const
const RETENTION_DAYS = 30

/** What everybody may read: what it is, how to begin, the legal pages, and a page for every problem. */
export function publicRoutes({ config, render }: Deps): Router {
  const router = Router()
  const { hubspot, operator } = config

  router.get('/', (req, res) => sendPage(render, req, res, 'public/home', HOME))
  router.get('/sign-in', (req, res) =>
    sendPage(render, req, res, 'public/sign-in', SIGN_IN, { portalId: PortalId.safeParse(req.query.portalId).data }),
  )
  for (const page of PROSE_PAGES)
    router.get(`/${page}`, (req: Request, res: Response) => {
      const language = languageOf(req)
      const scopes = [...hubspot.scopes, ...hubspot.optionalScopes].map((scope) => ({
        scope,
        purpose: explainScope(language, scope),
        required: hubspot.scopes.includes(scope),
      }))
      const told = {
        operator: { name: operator.name ?? null, email: operator.email ?? null, address: operator.address ?? null },
        retentionDays: RETENTION_DAYS,
        publicUrl: config.publicUrl,
        scopes,
      }
      sendPage(render, req, res, 'public/prose', PROSE, { page, ...told })
    })
  router.get('/problems/:code', (req, res) => {
    const { code } = req.params
    if (!isProblemCode(code)) throw new AppError('not_found')
    const words = explainProblem(code, languageOf(req))
    sendPage(render, req, res, 'public/problem', PROBLEM_PAGE, { code, words, ...PROBLEMS[code] })
  })
  router.all(['/', '/sign-in', '/problems/:code', ...PROSE_PAGES.map((page) => `/${page}`)], onlyMethods('GET', 'HEAD'))
  return router
}
