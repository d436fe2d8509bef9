import { setTimeout as sleep } from 'node:timers/promises'
import { Router } from 'express'
import type { Config } from '../../config.js'
import type { HistoryStore } from '../../imports/history-store.js'
import type { AlarmStore } from '../../portals/alarm-store.js'
import type { Portal } from '../../portals/portal-store.js'
import { describeImport } from '../imports/describe.js'
import type { Pages, Visit } from '../pages.js'
import { drawChart, fillDays } from './chart.js'
import { OVERVIEW } from './words.js'

type Deps = {
  config: Pick<Config, 'hubspot'>
  history: Pick<HistoryStore, 'search' | 'listRunning' | 'countAttention' | 'listDays' | 'readChange'>
  alarms: Pick<AlarmStore, 'list'>
}

const LATEST = 5
const RUNNING = 10
const CHART_DAYS = 30
/** Alarms for which every portal's imports wait. */
const HOLDS_UP_ALL = ['credentials_refused', 'api_path_unknown', 'request_malformed']
/** How often a stream looks for changes, and for how long before the browser opens it anew. */
const LOOK_EVERY_MS = 1_000
const LOOKS = 25
/** Of one process; whoever comes later looks again by himself, now and then. */
const MAX_STREAMS = 200

/** GET /settings, /settings/:portalId and its stream: what runs, what there was, and what needs somebody. */
export function overviewRoutes(deps: Deps, pages: Pages): { router: Router; showOverview: (visit: Visit) => Promise<void> } {
  const { history } = deps
  const router = Router()
  let streams = 0

  async function showOverview({ portal, base, language, formats, show }: Visit): Promise<void> {
    const [running, latest, known, notices] = await Promise.all([
      history.listRunning(portal.id, RUNNING),
      history.search(portal.id, { limit: LATEST }),
      history.listDays(portal.id, CHART_DAYS),
      findNotices(deps, portal, base, OVERVIEW[language]),
    ])
    const days = fillDays(known, new Date(), CHART_DAYS)
    const sum = (kind: 'created' | 'updated' | 'failed') => formats.number(days.reduce((total, day) => total + day[kind], 0))
    const wrong = latest.imports.map((made) => describeImport(made, language, formats)).filter(isCorrectable)
    await show('settings/overview', OVERVIEW, {
      menu: 'overview',
      notices,
      wrong,
      running: running.map((made) => describeImport(made, language, formats)),
      latest: latest.imports.map((made) => describeImport(made, language, formats)),
      days,
      chart: drawChart(days),
      sums: { created: sum('created'), updated: sum('updated'), failed: sum('failed') },
      live: running.length > 0 ? `${base}/live` : undefined,
      refreshSeconds: running.length > 0 ? 5 : undefined,
    })
  }

  router.get(
    '/settings/:portalId/live',
    pages.page(async ({ portal, res }) => {
      // By this answer a browser knows that there is no stream for it.
      if (streams >= MAX_STREAMS) return void res.status(204).end()
      streams += 1
      res.once('close', () => {
        streams -= 1
      })
      res.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      res.write('retry: 1000\n\n')
      let known = await history.readChange(portal.id)
      for (let looks = 0; looks < LOOKS && !res.closed; looks++) {
        await sleep(LOOK_EVERY_MS)
        const now = await history.readChange(portal.id)
        if (now !== known) res.write('data: changed\n\n')
        known = now
      }
      res.end()
    }),
  )
  return { router, showOverview }
}

type Notice = { look: 'bad' | 'waiting'; text: string; action: string; href: string }

/** What somebody should do something about, or know. */
async function findNotices(
  { config, alarms, history }: Deps,
  portal: Portal,
  base: string,
  words: (typeof OVERVIEW)['en'],
): Promise<Notice[]> {
  const { failed, needsReview } = await history.countAttention(portal.id)
  const isHeldUp = (await alarms.list()).some(({ kind }) => HOLDS_UP_ALL.includes(kind))
  const isScopeMissing = portal.missingScopes.length > 0 || config.hubspot.scopes.some((scope) => !portal.scopes.includes(scope))
  const install = `/oauth/install?portalId=${portal.id}`
  const found: (Notice | false)[] = [
    isHeldUp && { look: 'waiting', ...words.notices.waiting, href: '' },
    portal.matchingSince !== null && { look: 'waiting', ...words.notices.matching, href: '' },
    portal.status === 'reconnect' && { look: 'bad', ...words.notices.reconnect, href: install },
    isScopeMissing && { look: 'bad', ...words.notices.scopes, href: `${base}/connection` },
    needsReview > 0 && {
      look: 'bad',
      text: words.needsReview(needsReview),
      action: words.showThem,
      href: `${base}/imports?state=needs_review`,
    },
    failed > 0 && {
      look: 'bad',
      text: words.failedImports(failed),
      action: words.showThem,
      href: `${base}/imports?state=failed`,
    },
  ]
  return found.filter((notice) => notice !== false)
}

function isCorrectable({ hasEnded, failedCount }: { hasEnded: boolean; failedCount: number }): boolean {
  return hasEnded && failedCount > 0
}
