import type { Express } from 'express'
import type { TestApp } from './app.js'
import { PORTAL } from './app.js'
import { type Answer, openBrowser } from './browser.js'

/** A portal's admin, by a browser that is signed in; without scripts. */
export async function openAdmin(app: TestApp, portalId = PORTAL) {
  const browser = openBrowser(app)
  await browser.install(portalId)
  const base = `/settings/${portalId}`
  const cookie = () => [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const formToken = tokenIn(await browser.go(`${base}/import`))

  return {
    ...browser,
    base,
    cookie,
    formToken,
    /** Sends a form of ours. */
    send: (path: string, fields: Record<string, string | string[]> = {}): Promise<Answer> => {
      const body = new URLSearchParams({ formToken })
      for (const [name, values] of Object.entries(fields)) for (const value of [values].flat()) body.append(name, value)
      return browser.go(base + path, { method: 'POST', body })
    },
    /** Sends a form that brings a file. */
    sendFile: async (
      path: string,
      file: string | Buffer,
      name: string,
    ): Promise<{ status: number; location: string; text: string }> => {
      const form = new FormData()
      form.append('formToken', formToken)
      form.append('files', new Blob([file as string]), name)
      const res = await fetch(app.url + base + path, {
        method: 'POST',
        body: form,
        redirect: 'manual',
        headers: { cookie: cookie(), accept: 'text/html' },
      })
      return { status: res.status, location: res.headers.get('location') ?? '', text: await res.text() }
    },
  }
}

export type Admin = Awaited<ReturnType<typeof openAdmin>>

function tokenIn({ text }: Answer): string {
  return /name="formToken" value="([^"]+)"/.exec(text)?.[1] ?? ''
}

/** Chooses a file and what its columns are, as the page suggests; resolves to the draft's address. */
export async function prepareDraft(
  admin: Admin,
  file: string,
  name = 'contacts.csv',
  change: Record<string, string> = {},
): Promise<string> {
  const { location } = await admin.sendFile('/import', file, name)
  const path = location.slice(admin.base.length)
  const { text } = await admin.go(location)
  const selects = [...text.matchAll(/name="(column-\d+)"[^>]*>([\s\S]*?)<\/select>/g)]
  const columns = Object.fromEntries(
    selects.map(([, column = '', options = '']) => [column, /value="([^"]*)" selected/.exec(options)?.[1] ?? '']),
  )
  const form = { objectType: '0-1', sheet: '', name, operation: 'UPSERT', dateFormat: 'DAY_MONTH_YEAR', ...columns, ...change }
  const checked = await admin.send(path, form)
  if (checked.status !== 303) throw new Error(`the check answered ${checked.status}: ${checked.text.slice(0, 2_000)}`)
  return path
}

/** Every route of an app: its method and its path as it is written. */
export function listRoutes(app: Express): { method: string; path: string }[] {
  type Layer = { route?: { path: string | string[]; stack: { method?: string }[] }; handle?: { stack?: Layer[] } }
  const walk = (layers: Layer[]): { method: string; path: string }[] =>
    layers.flatMap(({ route, handle }) => {
      if (!route) return handle?.stack ? walk(handle.stack) : []
      const methods = [...new Set(route.stack.flatMap(({ method }) => method?.toUpperCase() ?? []))]
      return [route.path].flat().flatMap((path) => methods.map((method) => ({ method, path })))
    })
  return walk((app as unknown as { router: { stack: Layer[] } }).router.stack)
}
