import { randomBytes } from 'node:crypto'
import type { Request, Response } from 'express'
import { createFormats, type InBoth, languageOf, themeOf } from '../words/language.js'
import { SHELL } from '../words/shell.js'
import type { Render } from './views.js'

/** Sends a page in the reader's language: in its template `it.w` are its own words, and `it.shell` those around it. */
export function sendPage<Words>(
  render: Render,
  req: Request,
  res: Response,
  view: string,
  words: InBoth<Words>,
  model: Record<string, unknown> = {},
  /** What else than our own style sheet the page may be styled by: sources of a policy. */
  stylesOf: (nonce: string) => string[] = () => [],
): void {
  const language = languageOf(req)
  // By it the page's policy knows its scripts.
  const nonce = randomBytes(16).toString('base64')
  const html = render(view, {
    formats: createFormats(language, 'UTC'),
    ...model,
    w: words[language],
    shell: SHELL[language],
    language,
    theme: themeOf(req),
    nonce,
    path: req.originalUrl.split('?')[0],
  })
  const given = res
    .get('content-security-policy')
    ?.replace("style-src 'self'", ['style-src', "'self'", ...stylesOf(nonce)].join(' '))
  const policy = [given, `script-src 'nonce-${nonce}'`, "connect-src 'self'"]
  res.set('content-security-policy', policy.filter((one) => one !== undefined).join(';'))
  // Each is somebody's, in his language.
  res.set('cache-control', 'no-store').vary('accept-language').vary('cookie').type('html').send(html)
}
