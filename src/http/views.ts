import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'

/** Renders a template of `views/` with its model; every value is escaped. */
export type Render = (view: string, model: Record<string, unknown>) => string

const VIEWS = fileURLToPath(new URL('../../views', import.meta.url))

/** Opens the templates; they are compiled once. */
export function createViews(): Render {
  const eta = new Eta({ views: VIEWS, cache: true, autoEscape: true })
  return (view, model) => eta.render(view, model)
}
