import { createHash } from 'node:crypto'
import type { Property } from '../hubspot/answers.js'
import type { PropertyCache } from '../portals/property-cache.js'
import { objectTypeOf } from './column-mapping.js'
import type { Mapping } from './schema.js'
import type { PropertyShapes } from './template-store.js'

/** What the portal's properties that a mapping names are like now; those that cannot be looked up are left out. */
export async function readShapes(
  { properties }: { properties: Pick<PropertyCache, 'find'> },
  portalId: string,
  { columnMappings }: Pick<Mapping, 'columnMappings'>,
): Promise<PropertyShapes> {
  const shapes: PropertyShapes = {}
  for (const [objectType, columns] of Map.groupBy(columnMappings, objectTypeOf)) {
    const known = objectType === undefined ? undefined : await properties.find(portalId, objectType)
    if (!known) continue
    const byName = new Map(known.map((property) => [property.name, property]))
    for (const { propertyName } of columns)
      if (propertyName) shapes[`${objectType}/${propertyName}`] = shapeOf(byName.get(propertyName))
  }
  return shapes
}

/** The properties whose shape has changed, of those that were known both times: `0-1/lifecyclestage`. */
export function changedShapes(before: PropertyShapes, now: PropertyShapes): string[] {
  return Object.keys(before).filter((name) => Object.hasOwn(now, name) && now[name] !== before[name])
}

/** What of a property matters to an import: its type, whether it can be written, and which values it takes. */
function shapeOf(property: Property | undefined): string {
  if (!property || property.archived) return 'gone'
  const { type, fieldType, readOnly, calculated, options } = property
  const values = options.map(({ value }) => value).sort()
  const hash = createHash('sha256').update(JSON.stringify(values)).digest('base64url').slice(0, 12)
  return `${type} ${fieldType}${readOnly || calculated ? ' read-only' : ''}${values.length > 0 ? ` ${hash}` : ''}`
}
