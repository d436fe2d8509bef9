import type { Request, RequestHandler, Response } from 'express'
import { AppError } from '../errors.js'
import { uploadOf } from '../http/upload.js'
import type { Admin } from '../imports/drafts/draft.js'
import type { ReceivedFile } from '../imports/preflight/table.js'
import { receiveFiles } from '../imports/receive.js'
import type { PartnerStore } from '../partners/partner-store.js'
import type { Sessions } from '../portals/session.js'
import type { Pages, Visit } from './pages.js'

/**
 * What a form of ours does that brings one file; `answer` takes the file over once it has resolved. The token comes before
 * the file, so that nobody else's file is read.
 */
export function fileForm(
  deps: Parameters<typeof receiveFiles>[0],
  pages: Pages,
  answer: (visit: Visit, file: ReceivedFile) => Promise<void>,
): RequestHandler[] {
  const refuseForged = (req: Request, token: string | undefined) => {
    if (!pages.isOurForm(req, token)) throw new AppError('form_forged')
  }
  return [
    pages.refuseStranger,
    receiveFiles(deps, {
      senderOf: (res) => `settings ${String(res.req.params.portalId)}`,
      textField: 'formToken',
      checkText: (text, req) => refuseForged(req, text),
    }),
    async (req: Request, res: Response) => {
      const { text, files } = uploadOf<ReceivedFile>(res)
      const [file, ...others] = files
      try {
        refuseForged(req, text)
        if (!file || others.length > 0) throw new AppError('file_missing', { detail: 'Choose one file.' })
        await answer(await pages.open(req, res), file)
      } catch (error) {
        if (error instanceof AppError) await Promise.all(files.map(({ storeKey }) => deps.files.remove(storeKey)))
        throw error
      }
    },
  ]
}

type AdminDeps = { partners: Pick<PartnerStore, 'findPagePartner'>; sessions: Pick<Sessions, 'hashOf'> }

/** Whoever visits, as the sender of an import. @throws {AppError} `portal_not_found`: it is being disconnected */
export async function adminOf({ partners, sessions }: AdminDeps, { portal, req }: Visit): Promise<Admin> {
  const partnerId = await partners.findPagePartner(portal.id)
  const sessionHash = sessions.hashOf(req)
  if (partnerId === undefined || !sessionHash) throw new AppError('portal_not_found')
  return { partnerId, sender: { sessionHash } }
}
