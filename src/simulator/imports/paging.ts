import { type Reply, refusal } from '../exchange.js'

/** One page of a list: from behind the entry `after`, `limit` of them, and where to go on unless it is the last. */
export function slicePage<T extends { id: string }>(url: URL, pageSize: number, all: T[], toAnswer: (one: T) => object): Reply {
  const limit = Number(url.searchParams.get('limit') ?? pageSize)
  if (!Number.isInteger(limit) || limit < 1) return refusal(400, 'VALIDATION_ERROR', 'limit must be a positive number.')
  const after = url.searchParams.get('after')
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1
  if (after !== null && from === 0) return refusal(400, 'VALIDATION_ERROR', 'after is not a valid paging cursor.')
  const shown = all.slice(from, from + Math.min(limit, pageSize))
  const last = shown.at(-1)
  const isLastPage = from + shown.length >= all.length
  const results = shown.map(toAnswer)
  return { status: 200, body: isLastPage || !last ? { results } : { results, paging: nextPage(url, last.id) } }
}

function nextPage(url: URL, after: string): object {
  const link = new URL(url)
  link.searchParams.set('after', after)
  return { next: { after, link: link.href } }
}
