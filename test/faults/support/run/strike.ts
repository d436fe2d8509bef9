import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault as HubSpotFault } from '../../../../src/simulator/faults.js'
import type { App } from '../place/app.js'
import { BOOT_FAILPOINTS, FAILPOINTS, type Failpoint, RECOVERY_FAILPOINTS } from '../place/failpoints.js'
import type { Place } from '../place/place.js'
import type { Fault } from './plan.js'

/** What came of a fault: whether it met what it was meant for, and what is done about it while the run goes on. */
export type Struck = { hit: boolean; deaths: number; repair: () => Promise<void> }

/** A failpoint that nobody comes by in this time is given up; the process is killed where it is. */
const PATIENCE_MS = 2_500
/** Sweeps, and answers that were lost, come by less often. */
const RECOVERY_PATIENCE_MS = 6_000

type AllAtOnce = Extract<Fault, { kind: 'kill all apps' | 'kill Postgres' | 'kill all apps and Postgres' }>
type OfPostgres = Extract<Fault, { kind: `Postgres ${string}` }>

const CREATES = /^POST \/crm\/imports\//
const healed = async () => undefined

/** Waits until whom a fault is to befall is there: it takes part in what the fault interrupts. */
export async function awaitTarget(place: Place, fault: Fault): Promise<void> {
  if ('app' in fault) await appOf(place, fault.app).start()
}

/** Lets a fault happen; resolves once it has. */
export async function strike(place: Place, fault: Fault): Promise<Struck> {
  if ('app' in fault) return strikeApp(place, appOf(place, fault.app), fault)
  if (fault.kind.startsWith('kill')) return strikeAll(place, fault as AllAtOnce)
  if (fault.kind.startsWith('Postgres')) return strikeDatabase(place, fault as OfPostgres)
  return strikeHubSpot(place, fault)
}

/** One that is paused is left alone: the others take its share. */
function appOf({ apps }: Place, number: number): App {
  const [first] = apps
  const app = apps[number]?.isPaused() ? apps.find((one) => !one.isPaused()) : apps[number]
  if (!first) throw new Error('there is no app')
  return app ?? first
}

async function strikeApp(place: Place, app: App, fault: Extract<Fault, { app: number }>): Promise<Struck> {
  const repair = () => app.start()
  switch (fault.kind) {
    case 'kill at a failpoint':
      return killAt(place, app, pointOf(fault.failpoint))
    case 'kill while recovering':
      place.hubspot.control.fault({ on: 'create', do: { reset: 'after-create' } })
      return killAt(place, app, pointOf(fault.failpoint), RECOVERY_PATIENCE_MS)
    case 'kill while starting':
      await app.kill()
      return { hit: await app.startAndDie(pointOf(fault.failpoint)), deaths: 2, repair }
    case 'kill while draining':
      app.signal('SIGTERM')
      await sleep(fault.afterMs)
      await app.kill()
      return { hit: true, deaths: 1, repair }
    case 'pause':
      await sleep(fault.afterMs)
      app.pause()
      return wakeAfter(app, fault.forMs)
    case 'pause past the lease': {
      app.order({ at: pointOf(fault.failpoint), signal: 'SIGSTOP' })
      if (await app.isStruck('SIGSTOP', PATIENCE_MS).catch(() => false)) app.pause({ hasStopped: true })
      else await app.kill() // it may just be stopping
      return app.isPaused() ? wakeAfter(app, fault.forMs) : { hit: false, deaths: 1, repair }
    }
    case 'kill at a random moment':
      await sleep(fault.afterMs)
      await app.kill()
      return { hit: true, deaths: 1, repair }
  }
}

function pointOf(name: string): Failpoint {
  const found = { ...FAILPOINTS, ...RECOVERY_FAILPOINTS, ...BOOT_FAILPOINTS }[name]
  if (!found) throw new Error(`there is no failpoint ${name}`)
  return found
}

/** Whoever comes by first dies, and nobody else; when nobody does, `fallback`. */
async function killAt({ apps }: Place, fallback: App, at: Failpoint, patienceMs = PATIENCE_MS): Promise<Struck> {
  const awake = apps.filter((app) => !app.isPaused())
  for (const app of awake) app.order({ at, signal: 'SIGKILL' })
  const hit = await Promise.any(awake.map((app) => app.isStruck('SIGKILL', patienceMs))).catch(() => false)
  for (const app of awake) app.order(undefined)
  if (!hit) await fallback.kill()
  return { hit, deaths: awake.length, repair: () => Promise.all(awake.map((app) => app.start())).then(() => undefined) }
}

/** It is woken while the run goes on. */
function wakeAfter(app: App, forMs: number): Struck {
  const woken = sleep(forMs).then(() => app.wake())
  return { hit: true, deaths: 0, repair: () => woken }
}

async function strikeAll({ apps, postgres }: Place, { kind, afterMs }: AllAtOnce): Promise<Struck> {
  await sleep(afterMs)
  const dying = kind === 'kill Postgres' ? [] : apps
  await Promise.all([...dying.map((app) => app.kill()), ...(kind === 'kill all apps' ? [] : [postgres.kill()])])
  const repair = async () => {
    if (postgres.port() === 0) await postgres.start()
    await Promise.all(apps.map((app) => app.start()))
  }
  return { hit: true, deaths: Math.max(1, dying.length), repair }
}

async function strikeDatabase({ database }: Place, fault: OfPostgres): Promise<Struck> {
  if ('times' in fault) {
    database.trouble({ cut: 'down', afterBytes: fault.afterBytes }, { times: fault.times })
    database.cutAll() // so that there are new connections to meet it
    return { hit: true, deaths: 1, repair: healed }
  }
  if (fault.kind === 'Postgres stalled') database.stall(true)
  if (fault.kind === 'Postgres slow') database.trouble({ delayMs: 20 })
  if (fault.kind === 'Postgres refuses') database.trouble({ refuse: true })
  if (fault.kind !== 'Postgres stalled') database.cutAll()
  await sleep(fault.kind === 'Postgres cut off' ? 0 : fault.forMs)
  database.heal()
  return { hit: true, deaths: 1, repair: healed }
}

async function strikeHubSpot({ api, hubspot: { control }, partners }: Place, fault: Fault): Promise<Struck> {
  const onCreate = (times: number, what: HubSpotFault) => void control.fault({ on: 'create', times, do: what })
  const onList = (times: number, what: HubSpotFault) => void control.fault({ on: 'list', times, do: what })
  const lost = { hit: true, deaths: 0, repair: healed }
  switch (fault.kind) {
    case 'answer lost':
    case 'answer cut short':
      api.trouble({ cut: 'down', afterBytes: fault.afterBytes }, { matching: CREATES, times: fault.times })
      return lost
    case 'upload cut short':
      api.trouble({ cut: 'up', afterBytes: fault.afterBytes }, { matching: CREATES, times: fault.times })
      return lost
    case 'error after the import was made':
      onCreate(fault.times, { statusAfterCreate: fault.status })
      return lost
    case 'made late':
      onCreate(fault.times, { lateCreateMs: fault.lateMs })
      return lost
    case 'answer garbled':
      onCreate(fault.times, { garbage: fault.garbage, created: true })
      return lost
    case 'list unreadable':
      onList(fault.times, { status: 503 })
      onCreate(fault.times, { reset: 'after-create' })
      return lost
    case 'list reversed':
    case 'list doubled':
      onList(fault.times, { scramble: fault.kind === 'list doubled' ? 'duplicated' : 'reversed' })
      onCreate(fault.times, { reset: 'after-create' })
      return lost
    case 'token answer lost': {
      const portalId = partners[fault.portal]?.portalId ?? ''
      control.expireTokens(portalId)
      control.fault({ on: 'token', do: { reset: 'after-create' } })
      return { ...lost, deaths: 1 }
    }
    default:
      return lost
  }
}
