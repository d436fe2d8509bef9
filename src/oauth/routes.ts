import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { Config } from '../config.js'
import { AppError } from '../errors.js'
import { sendPage } from '../http/page.js'
import { onlyMethods } from '../http/problem.js'
import type { Render } from '../http/views.js'
import type { OAuth } from '../hubspot/oauth.js'
import { PortalId, type PortalStore } from '../portals/portal-store.js'
import type { Sessions } from '../portals/session.js'
import { secret } from '../secret.js'
import { NOT_INSTALLED } from '../words/not-installed.js'
import { completeInstall, hubSpotPage } from './install.js'
import type { OAuthStates } from './state.js'

type Deps = Parameters<typeof completeInstall>[0] & {
  config: Pick<Config, 'hubspot' | 'publicUrl'>
  oauth: Pick<OAuth, 'authorizeUrl'>
  portals: Pick<PortalStore, 'ping'>
  states: OAuthStates
  sessions: Sessions
  render: Render
}

const Text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !/[\p{Cc}\ufffd]/u.test(text))

/** One value each, of a bounded length, without control characters: anything else was not sent by HubSpot. */
const CallbackQuery = z.object({
  code: Text(2_000).transform(secret).optional(),
  state: Text(200).optional(),
  returnUrl: Text(4_000).optional(),
  step: z.enum(['authorize', 'finalize']).optional().catch(undefined),
  error: Text(200).optional(),
})

const InstallQuery = z.object({ portalId: PortalId.optional() })

/** GET /oauth/install, GET /oauth/callback */
export function oauthRoutes(deps: Deps): Router {
  const { config, oauth, states, sessions, render } = deps
  const router = Router()

  // Express would answer HEAD with the GET route, and a link scanner's glance would use a state up.
  router.head(['/oauth/install', '/oauth/callback'], onlyMethods('GET'))

  router.get('/oauth/install', async (req, res) => {
    const { portalId } = parseQuery(InstallQuery, req)
    const state = await states.issue(sessions.bindBrowser(req, res), portalId ?? null)
    redirect(res, oauth.authorizeUrl(state, portalId))
  })

  router.get('/oauth/callback', async (req, res) => {
    refuseNested(req)
    const { code, state, step, error, returnUrl } = parseQuery(CallbackQuery, req)
    const back = hubSpotPage(returnUrl, config.hubspot.appUrl)

    // HubSpot starts the install and wants to know the person first: we know browsers, which is what `state` is bound to.
    if (step === 'authorize' && code === undefined && back !== undefined) {
      const issued = await states.issue(sessions.bindBrowser(req, res), null)
      return redirect(res, withState(back, issued))
    }
    if (error !== undefined && code !== undefined)
      throw new AppError('oauth_request_invalid', { detail: 'HubSpot sent a code and an error.' })

    // HubSpot started the install: a code alone stores the portal's tokens but never signs a browser in, since anybody
    // could have made this browser come here.
    if (state === undefined && code !== undefined && back !== undefined) {
      // A code is good once: it must not be spent while its tokens could not be stored.
      await deps.portals.ping()
      await completeInstall(deps, { code, actor: 'hubspot', wantedPortalId: null })
      return redirect(res, back)
    }

    if (code === undefined && error === undefined) throw new AppError('oauth_missing_code')
    const browser = sessions.boundBrowser(req)
    const pending = state !== undefined && browser && (await states.consume(state, browser))
    if (!pending)
      throw new AppError('oauth_state_invalid', {
        detail: 'It was used already, is older than ten minutes, or was begun in another browser.',
      })
    if (code === undefined) return sendPage(render, req, res, 'public/not-installed', NOT_INSTALLED)

    const installed = await completeInstall(deps, { code, actor: 'admin', wantedPortalId: pending.portalId })
    await sessions.signIn(req, res, installed)
    redirect(res, back ?? `${config.publicUrl}/settings`)
  })

  router.all(['/oauth/install', '/oauth/callback'], onlyMethods('GET'))
  return router
}

function parseQuery<T extends z.ZodType>(schema: T, req: Request): z.output<T> {
  const { data, success } = schema.safeParse(req.query)
  if (!success) throw new AppError('oauth_request_invalid', { detail: 'A parameter is malformed, too long or there twice.' })
  return data
}

/** `state[x]=1` reads as a parameter of that very name. */
function refuseNested(req: Request): void {
  if (Object.keys(req.query).some((name) => /[[\]]/.test(name)))
    throw new AppError('oauth_request_invalid', { detail: 'A parameter is malformed, too long or there twice.' })
}

function withState(returnUrl: string, state: string): string {
  const url = new URL(returnUrl)
  url.searchParams.set('state', state)
  return url.href
}

/** The page before carried a code in its URL: no cache and no next site shall learn of it. */
function redirect(res: Response, url: string): void {
  res.set({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(302, url)
}
