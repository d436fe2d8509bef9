import type { Places } from './leaks.js'

export type Recorded = { status: number; headers: Headers; text: string; location: string }
type Init = Omit<RequestInit, 'redirect'>

/** What answers have handed to those whom it belongs to. */
type HandedOut = { cookies: string[]; states: string[]; formTokens: string[] }

const COOKIE = /^(importal(?:-install)?=)([^.;]+)\.[^;]+/
const FORM_TOKEN = /(name="formToken" value=")([^"]+)/g

/**
 * A client that keeps every answer whole, status line, headers and body. Taken out, and kept apart, is only what an answer
 * is there to hand over: the value of a cookie, the state in the redirect of an install, the token in a page's own form.
 */
export function createRecorder(url: string) {
  const answers: Places = {}
  const handedOut: HandedOut = { cookies: [], states: [], formTokens: [] }

  /** A browser of its own, with the cookies that it was given. */
  function browser() {
    const jar = new Map<string, string>()
    return {
      async go(what: string, path: string, { headers, ...init }: Init = {}): Promise<Recorded> {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
        const res = await fetch(new URL(path, url), { redirect: 'manual', ...init, headers: { cookie, ...headers } })
        for (const line of res.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
          if (value === '') jar.delete(name)
          else jar.set(name, value)
        }
        const text = await res.text()
        keep(what, res, text)
        return { status: res.status, headers: res.headers, text, location: res.headers.get('location') ?? '' }
      },
      cookie: (name: string) => jar.get(name) ?? '',
    }
  }

  function keep(what: string, res: Response, text: string): void {
    const lines = [...res.headers].map(([name, value]) => `${name}: ${name === 'set-cookie' ? takeCookie(value) : value}`)
    const form = text.replaceAll(FORM_TOKEN, (_all, before: string, token: string) => {
      handedOut.formTokens.push(token)
      return `${before}(the form’s token)`
    })
    const answer = [`HTTP/1.1 ${res.status} ${res.statusText}`, ...lines, '', form].join('\r\n')
    const isInstall = new URL(res.url).pathname === '/oauth/install'
    answers[`answer ${Object.keys(answers).length + 1}: ${what}`] = isInstall ? takeState(answer, res) : answer
  }

  function takeCookie(line: string): string {
    return line.replace(COOKIE, (_all, name: string, id: string) => {
      handedOut.cookies.push(id)
      return `${name}(the cookie)`
    })
  }

  function takeState(answer: string, res: Response): string {
    const location = res.headers.get('location')
    const state = location === null ? null : new URL(location).searchParams.get('state')
    if (state === null) return answer
    handedOut.states.push(state)
    return answer.replaceAll(`state=${state}`, 'state=(the state)')
  }

  return { answers, handedOut, browser }
}
