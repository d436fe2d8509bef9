import { PORTAL, type TestApp } from './app.js'

export type Answer = { status: number; headers: Headers; location: string; text: string }
type Go = { method?: string; body?: URLSearchParams; headers?: Record<string, string> }

/** A browser: keeps cookies, follows a redirect only when told to. */
export function openBrowser(app: Pick<TestApp, 'url' | 'hubspot'>) {
  const cookies = new Map<string, string>()
  const go = async (url: string, { method = 'GET', body, headers = {} }: Go = {}): Promise<Answer> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const res = await fetch(new URL(url, app.url), {
      method,
      redirect: 'manual',
      headers: { accept: 'text/html', cookie, ...headers },
      ...(body ? { body } : {}),
    })
    for (const line of res.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return { status: res.status, headers: res.headers, location: res.headers.get('location') ?? '', text: await res.text() }
  }
  return {
    go,
    cookies,
    isSignedIn: () => cookies.has('importal'),
    /** Begins an install and consents, up to the address that HubSpot sends the browser back to. */
    async consent(portalId = PORTAL): Promise<URL> {
      app.hubspot.control.portal(portalId)
      const { location } = await go(`/oauth/install?portalId=${portalId}`)
      return new URL((await go(location)).location)
    },
    /** Sends the form of a page that was opened before. */
    post: (url: string, { text }: Answer, headers: Record<string, string> = {}): Promise<Answer> => {
      const [, formToken = ''] = /name="formToken" value="([^"]+)"/.exec(text) ?? []
      return go(url, { method: 'POST', body: new URLSearchParams({ formToken }), headers })
    },
    async install(portalId = PORTAL): Promise<Answer> {
      return go((await this.consent(portalId)).href)
    },
  }
}
