import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type HubSpotImport, HubSpotImport as Schema } from '../src/hubspot/answers.js'
import { findMarked, readMarked } from '../src/imports/tracking/find-marked.js'

const NOW = Date.parse('2026-11-26T12:00:00Z')
const idOf = (n: number) => `imp_${n.toString(16).padStart(32, '0')}`

/** What HubSpot's list has: an import with the mark of one of ours, or none. */
type Entry = { ours: number | null; renamed: 'no' | 'here' | 'in the request' | 'in both'; secondsAgo: number }

function toImport({ ours, renamed, secondsAgo }: Entry, i: number): HubSpotImport {
  const name = ours === null ? 'Of nobody' : `People [${idOf(ours)}]`
  const isRenamed = (place: Entry['renamed']) => renamed === place || renamed === 'in both'
  return Schema.parse({
    id: String(9_007_199_254_740_993n + BigInt(i)),
    state: 'DONE',
    importName: isRenamed('here') ? 'Renamed' : name,
    importRequestJson: { name: isRenamed('in the request') ? 'Renamed' : name },
    createdAt: new Date(NOW - secondsAgo * 1_000).toISOString(),
  })
}

/** What has a mark was made after we stored the intent, by HubSpot's clock or a little before. */
const SINCE_SECONDS = 1_800
const sought = [0, 1, 2, 3, 4].map((n) => ({ id: idOf(n), since: new Date(NOW - SINCE_SECONDS * 1_000) }))

const entries = fc.array(
  fc
    .record({
      ours: fc.option(fc.nat(4)),
      renamed: fc.constantFrom('no', 'no', 'here', 'in the request', 'in both') as fc.Arbitrary<Entry['renamed']>,
      secondsAgo: fc.integer({ min: 0, max: 7_200 }),
    })
    .map((entry) => (entry.secondsAgo < SINCE_SECONDS + 300 ? entry : { ...entry, ours: null })),
  { maxLength: 40 },
)
/** What happens to the list between the readings of two pages. */
const change = fc.constantFrom('nothing', 'newer one', 'last one moves to the front', 'repeats one')

/** Pages as HubSpot may give them: from an offset, while the list changes until its end is reached. */
function pagesOf(list: HubSpotImport[], pageSize: number, changes: string[]) {
  let reads = 0
  let isRead = false
  return async (after: string | undefined) => {
    isRead ||= reads > 0 && after === undefined
    const what = reads > 0 && !isRead ? changes[reads - 1] : undefined
    reads += 1
    if (what === 'newer one') list.unshift({ ...toImport({ ours: null, renamed: 'no', secondsAgo: -reads }, 1_000 + reads) })
    const last = what === 'last one moves to the front' ? list.pop() : what === 'repeats one' ? list.at(-1) : undefined
    if (last) list.unshift(last)
    const from = Number(after ?? 0)
    const next = from + pageSize
    return { imports: list.slice(from, next), after: next < list.length ? String(next) : undefined }
  }
}

const idsOf = (made: HubSpotImport[] = []) => made.map(({ id }) => id).toSorted()

describe('a mark', () => {
  it('is found wherever it is in HubSpot’s list, however that is ordered, paged, repeated or changed while it is read', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries,
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(change, { maxLength: 8 }),
        async (all, isNewestFirst, soughtCount, pageSize, changes) => {
          const ordered = isNewestFirst ? all.toSorted((a, b) => a.secondsAgo - b.secondsAgo) : all
          const list = ordered.map(toImport)
          const carriersOf = (n: number) =>
            list.filter((_, i) => ordered[i]?.ours === n && ordered[i]?.renamed !== 'in both').map(({ id }) => id)

          const found = await findMarked(pagesOf([...list], pageSize, changes), sought.slice(0, soughtCount))
          const marked = await readMarked(pagesOf([...list], pageSize, changes))

          for (const [n, { id }] of sought.entries()) {
            expect(idsOf(marked.get(id))).toEqual(carriersOf(n).toSorted())
            if (n >= soughtCount) continue
            // Only a list out of order, or one that changes, may hide another one behind the point where reading ends.
            const met = idsOf(found.get(id))
            expect([met.length > 0, carriersOf(n)]).toEqual([carriersOf(n).length > 0, expect.arrayContaining(met)])
            if (isNewestFirst && changes.length === 0) expect(met).toEqual(carriersOf(n).toSorted())
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('that is found ends the reading where everything is older, if all came newest first so far', async () => {
    const old = Array.from({ length: 40 }, (_, i) => ({ ours: null, renamed: 'no', secondsAgo: 4_000 + i }) satisfies Entry)
    const newestFirst = [{ ours: 0, renamed: 'no', secondsAgo: 60 } satisfies Entry, ...old].map(toImport)
    const outOfOrder = [...newestFirst.slice(5, 6), ...newestFirst]
    const countReads = async (list: HubSpotImport[]) => {
      let reads = 0
      const readPage = pagesOf(list, 10, [])
      const counted = (after: string | undefined) => {
        reads += 1
        return readPage(after)
      }
      const found = await findMarked(counted, sought.slice(0, 1))
      expect(found.get(idOf(0))).toHaveLength(1)
      return reads
    }

    expect([await countReads(newestFirst), await countReads(outOfOrder)]).toEqual([1, 6])
  })

  it('counts as older by its date, and then by its number, however large that is', async () => {
    const at = (n: number, createdAt: string) => ({ ...toImport({ ours: 0, renamed: 'no', secondsAgo: 0 }, n), createdAt })
    const list = [at(3, '2026-11-26T11:00:00Z'), at(1, 'soon'), at(2, '2026-11-26T11:00:00Z'), at(0, '2026-11-26T11:30:00Z')]

    const found = await findMarked(pagesOf(list, 10, []), sought.slice(0, 1))

    expect(found.get(idOf(0))?.map(({ id }) => BigInt(id) - 9_007_199_254_740_993n)).toEqual([2n, 3n, 0n, 1n])
  })
})
