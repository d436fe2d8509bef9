import type { CsvCheck, CsvPlan, Feed } from '../../intake/cells/csv-check.js'
import { createFindings } from '../../intake/finding.js'
import { readHead } from '../../intake/head.js'
import type { TextStart } from '../../intake/inspect.js'
import type { OwnerCache } from '../../portals/owner-cache.js'
import type { PropertyCache } from '../../portals/property-cache.js'
import type { ImportRequest } from '../import-request.js'
import { fitEntry, planColumns } from './preflight.js'
import type { Ahead } from './table.js'
import { outgoingName } from './text-table.js'

type Deps = {
  properties: Pick<PropertyCache, 'find'>
  owners: Pick<OwnerCache, 'find'>
  csvCheck: Pick<CsvCheck, 'begin'>
}

/** What is known of a file before it has come: the request, and the name that it was sent under. */
export type Known = { portalId: string; request: ImportRequest; name: string }

export type LookAhead = {
  /** The same bytes. `start` says how a text begins, as soon as that is known. */
  watch: (source: AsyncIterable<Buffer>, start: () => TextStart | undefined) => AsyncIterable<Buffer>
  /** What was found, once all has gone by; undefined where nobody could look. */
  result: () => Ahead | undefined
}

/**
 * Checks a file's cells while it comes in, so that its sender need not wait once it is there. It is a guess at what the
 * file will turn out to be: whoever checks the whole of it takes the result only if he would have checked it by the very
 * same plan. Without a free thread nobody looks, and the file is checked when it is there.
 */
export function lookAhead(deps: Deps, known: Known): LookAhead {
  let ahead: Ahead | undefined

  async function begin(start: TextStart): Promise<{ plan: CsvPlan; feed: Feed } | undefined> {
    const plan = await planAhead(deps, known, start)
    const feed = plan && deps.csvCheck.begin(plan)
    return feed && { plan, feed }
  }

  return {
    async *watch(source, start) {
      let looking: Awaited<ReturnType<typeof begin>>
      let early: Buffer[] | undefined = []
      try {
        for await (const chunk of source) {
          yield chunk
          if (early) {
            early.push(chunk)
            const begun = start()
            if (!begun) continue
            looking = await begin(begun).catch(() => undefined)
            for (const one of looking ? early : []) await looking?.feed.push(one)
            early = undefined
          } else await looking?.feed.push(chunk)
        }
        if (looking) ahead = { plan: looking.plan, found: looking.feed.end() }
        ahead?.found.catch(() => undefined) // whoever needs it looks himself then
      } finally {
        if (!ahead) await looking?.feed.stop()
      }
    },
    result: () => ahead,
  }
}

/** By what the cells will be checked, if the rest of the file is like its beginning; undefined: that cannot be said. */
async function planAhead(deps: Deps, { portalId, request, name: sent }: Known, start: TextStart): Promise<CsvPlan | undefined> {
  const at = request.files.length === 1 ? 0 : request.files.findIndex(({ fileName }) => fileName === sent)
  const asked = request.files[at]
  if (!asked || start.delimiter !== ',' || start.skip.hintBytes > 0) return undefined
  const { hasHeader } = asked.fileImportPage
  const [header] = hasHeader ? readHead({ ...start, encoding: 'utf-8', isHeadAll: false }, 1) : []
  if (hasHeader && !header) return undefined
  const file = outgoingName(sent)
  const findings = createFindings()
  const entry = fitEntry(asked, { name: file, format: 'CSV', header }, findings, at)
  const columns = await planColumns(deps, { portalId, request, entry, findings })
  return { file, columns, dateFormat: request.dateFormat ?? 'MONTH_DAY_YEAR', hasHeader }
}
