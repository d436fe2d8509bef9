import type { TestApp } from './app.js'

export type Told = { id: string; type: string }

/** Reads a stream of events until it ends, or until so many have come; resolves to what came. */
export async function listen(
  app: Pick<TestApp, 'url' | 'key'>,
  path: string,
  lastEventId?: string,
  atMost = Number.POSITIVE_INFINITY,
): Promise<{ status: number; told: Told[] }> {
  const stop = new AbortController()
  const res = await fetch(`${app.url}${path}`, {
    signal: stop.signal,
    headers: { authorization: `Bearer ${app.key}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
  })
  const told: Told[] = []
  let text = ''
  try {
    for await (const chunk of res.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString()
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, id, type] = /^id: (\d+)\nevent: (\w+)\ndata: \{/.exec(text.slice(0, end)) ?? []
        if (id && type) told.push({ id, type })
        text = text.slice(end + 2)
        if (told.length >= atMost) stop.abort()
      }
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return { status: res.status, told }
}

/** Reads a stream to its end, on a new connection after every event; resolves to all that came. */
export async function listenPiecemeal(app: Pick<TestApp, 'url' | 'key'>, path: string): Promise<Told[]> {
  const all: Told[] = []
  for (;;) {
    const { told } = await listen(app, path, all.at(-1)?.id, 1)
    if (told.length === 0) return all
    all.push(...told)
  }
}
