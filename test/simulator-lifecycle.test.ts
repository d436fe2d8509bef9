import { describe, expect, it, onTestFinished } from 'vitest'
import { createSimulator, type Simulator } from '../src/simulator/simulator.js'

const CLIENT = { client_id: 'client', client_secret: 'secret' }
const REDIRECT = 'http://localhost:9/oauth/callback'

type Row = Record<string, unknown>
type Answer = { status: number; headers: Headers; text: string; body: Row }

async function start(): Promise<Simulator> {
  const simulator = await createSimulator({ clientId: 'client', clientSecret: 'secret' })
  onTestFinished(() => simulator.close())
  return simulator
}

async function ask({ url }: Simulator, path: string, init: RequestInit = {}): Promise<Answer> {
  const res = await fetch(new URL(path, url), { redirect: 'manual', ...init })
  const text = await res.text()
  const body = text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as Row) : {}
  return { status: res.status, headers: res.headers, text, body }
}

const post = (body: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(body) })
const tokenOf = (simulator: Simulator, form: Record<string, string>) =>
  ask(simulator, '/oauth/2026-03/token', post({ ...CLIENT, ...form }))
const redeem = (simulator: Simulator, code: string) =>
  tokenOf(simulator, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT })

describe('opening an app that was installed from the marketplace', () => {
  const PORTAL = '222222'
  const portalOf = (simulator: Simulator) => simulator.control.portals().find(({ id }) => id === PORTAL)
  const begin = (simulator: Simulator, shape: string) =>
    ask(simulator, `/marketplace/install?${new URLSearchParams({ redirect_uri: REDIRECT, portalId: PORTAL, shape })}`)
  const open = (simulator: Simulator) => ask(simulator, `/marketplace/open?portalId=${PORTAL}`)

  /** An app’s callback, good or forgetful: it takes the code, and sends the browser back or shows a page of its own. */
  async function callback(simulator: Simulator, { headers }: Answer, isForgetful: boolean): Promise<void> {
    const { searchParams: query } = new URL(headers.get('location') ?? '')
    const returnUrl = query.get('returnUrl') ?? ''
    if (query.get('step') === 'authorize') {
      if (!isForgetful) await callback(simulator, await ask(simulator, `${returnUrl}&state=mine`), isForgetful)
      return
    }
    expect((await redeem(simulator, query.get('code') ?? '')).status).toBe(200)
    if (!isForgetful) await ask(simulator, returnUrl)
  }

  it.each(['plain', 'sign-in'])('catches the user of one that never follows returnUrl in a loop, %s', async (shape) => {
    const simulator = await start()
    await callback(simulator, await begin(simulator, shape), true)

    for (let round = 1; round <= 5; round++) {
      const opened = await open(simulator)
      expect([opened.status, portalOf(simulator)?.loginLoops]).toEqual([302, round])
      await callback(simulator, opened, true)
    }
    const stuck = await open(simulator)

    expect([stuck.status, stuck.text]).toEqual([508, expect.stringContaining('stuck in a login loop')])
    expect(portalOf(simulator)).toMatchObject({ returned: false, loginLoops: 5 })
    expect((await ask(simulator, '/')).text).toContain('in a login loop (5 rounds)')
  })

  it.each(['plain', 'sign-in'])('shows one that follows it, %s, at once or in a later round', async (shape) => {
    const simulator = await start()
    await callback(simulator, await begin(simulator, shape), true)
    await callback(simulator, await open(simulator), false)

    const opened = await open(simulator)

    expect([opened.status, opened.text]).toEqual([200, expect.stringContaining('The app is open')])
    expect(portalOf(simulator)).toMatchObject({ returned: true, loginLoops: 1, isInstalled: true })
    await callback(simulator, await begin(simulator, shape), false)
    expect([(await open(simulator)).status, portalOf(simulator)?.loginLoops]).toEqual([200, 0])
  })

  it('finds nothing where it was never installed, or is no more', async () => {
    const simulator = await start()

    expect((await open(simulator)).status).toBe(404)
    expect((await ask(simulator, '/marketplace/open?portalId=9')).status).toBe(404)
    await callback(simulator, await begin(simulator, 'plain'), true)
    simulator.control.uninstall(PORTAL)
    expect([(await open(simulator)).status, portalOf(simulator)?.loginLoops]).toEqual([404, 0])
  })
})
