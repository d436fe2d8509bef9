import { type Request, type RequestHandler, type Response, urlencoded } from 'express'
import type { z } from 'zod'
import { AppError } from '../errors.js'
import { fieldErrors } from '../http/endpoint.js'
import { sendPage } from '../http/page.js'
import type { Render } from '../http/views.js'
import { type Portal, PortalId, type PortalStore } from '../portals/portal-store.js'
import type { Sessions } from '../portals/session.js'
import { createFormats, type Formats, type InBoth, type Language, languageOf } from '../words/language.js'

export type PageDeps = {
  sessions: Sessions
  portals: Pick<PortalStore, 'find' | 'listNames'>
  render: Render
}

/** Somebody who is signed in to a portal and looks at a page of it. */
export type Visit = {
  portal: Portal
  /** Where the pages of the portal begin: `/settings/123`. */
  base: string
  language: Language
  formats: Formats
  req: Request
  res: Response
  /** Sends a page; `words` are the page's own, and `model.menu` is the item of the menu that it belongs to. */
  show: <Words>(view: string, words: InBoth<Words>, model: Record<string, unknown>) => Promise<void>
}

export type Pages = ReturnType<typeof createPages>

/** A form of a thousand columns, each with a few fields. */
const MAX_FORM_BYTES = 1024 * 1024
const MAX_FIELDS = 20_000

/**
 * What the pages of a portal have in common: who may see them, in which language, and that only our own forms change
 * anything. Every path below /settings that is given to it names its portal as `:portalId`, or means the one that the
 * browser signed in to last.
 */
export function createPages({ sessions, portals, render }: PageDeps) {
  /**
   * The visit of a portal that the browser is signed in to.
   * @throws {AppError} `portal_not_found`: any other portal, there or not; `sign_in_required`
   */
  async function open(req: Request, res: Response): Promise<Visit> {
    const signedIn = await sessions.portalsOf(req)
    const asked = portalIdIn(req)
    const portalId = asked === undefined ? signedIn[0] : signedIn.find((one) => one === asked)
    if (portalId === undefined) throw new AppError(signedIn.length > 0 ? 'portal_not_found' : 'sign_in_required')
    const portal = await portals.find(portalId)
    if (!portal) throw new AppError('sign_in_required')
    const formats = createFormats(languageOf(req), portal.timeZone ?? 'UTC')
    const base = `/settings/${portal.id}`
    return {
      portal,
      base,
      language: languageOf(req),
      formats,
      req,
      res,
      show: async (view, words, model) => {
        const accounts = signedIn.length > 1 ? await portals.listNames(signedIn) : []
        const around = { portal, base, accounts, formats, formToken: sessions.formToken(req) }
        sendPage(render, req, res, view, words, { ...around, ...model })
      },
    }
  }

  /** Only who is signed in may send a form at all, and only to a portal of his. */
  async function refuseStranger(req: Request, _res: Response, next: () => void): Promise<void> {
    const signedIn = await sessions.portalsOf(req)
    if (signedIn.length === 0) throw new AppError('form_forged')
    const asked = portalIdIn(req)
    if (asked !== undefined && !signedIn.includes(asked)) throw new AppError('portal_not_found')
    next()
  }

  return {
    /** A page of a portal; of one that is disconnected only its receipt. */
    page(answer: (visit: Visit) => Promise<void> | void): RequestHandler {
      return async (req, res) => {
        const visit = await open(req, res).catch((error: unknown) => {
          if (!(error instanceof AppError && error.code === 'sign_in_required')) throw error
          const asked = PortalId.safeParse(portalIdIn(req)).data
          res.set('cache-control', 'no-store').redirect(302, asked ? `/sign-in?portalId=${asked}` : '/sign-in')
        })
        if (!visit) return
        if (visit.portal.status === 'disconnected' && portalIdIn(req) !== undefined && req.path !== visit.base)
          return res.redirect(303, visit.base)
        await answer(visit)
      }
    },

    /** What a form of ours does; nobody else's is even read. `fields` are all that it may hold. */
    form<Fields extends z.ZodType>(
      fields: Fields,
      answer: (visit: Visit, form: z.output<Fields>) => Promise<void> | void,
    ): RequestHandler[] {
      return [
        refuseStranger,
        urlencoded({ extended: false, limit: MAX_FORM_BYTES, parameterLimit: MAX_FIELDS }),
        async (req, res) => {
          const { formToken, ...rest } = (req.body ?? {}) as Record<string, unknown>
          if (!sessions.isOurForm(req, formToken)) throw new AppError('form_forged')
          const visit = await open(req, res)
          await answer(visit, parseForm(fields, rest))
        },
      ]
    },

    /** For a form that brings a file: somebody else reads it, and has its token looked at once it is there. */
    open,
    refuseStranger,
    isOurForm: (req: Request, token: unknown): boolean => sessions.isOurForm(req, token),
  }
}

function portalIdIn(req: Request): string | undefined {
  return (req.params as { portalId?: string }).portalId
}

/** What no form of ours would hold is not what its fields say, but a mistake, or somebody trying. */
function parseForm<Fields extends z.ZodType>(fields: Fields, body: Record<string, unknown>): z.output<Fields> {
  const { data, error } = fields.safeParse(body)
  if (!error) return data
  throw new AppError('request_malformed', {
    detail: 'The form holds what it must not, or lacks something.',
    errors: fieldErrors(error),
  })
}
