import { AppError } from '../errors.js'
import { typeIdOf } from '../intake/cells/columns.js'
import type { Preview } from '../intake/preview.js'
import type { PropertyCache } from '../portals/property-cache.js'
import { type Suggestion, suggestMapping } from './suggestion/suggest.js'

/** What a file may be about where nobody has said it. */
const OBJECT_TYPES = ['0-1', '0-2', '0-3', '0-5']

/**
 * Guesses what a file's columns are in a portal, by the properties that the portal has now.
 *
 * @throws {AppError} `mapping_unclear`: the properties are not known
 */
export async function guessMapping(
  { properties: cache }: { properties: Pick<PropertyCache, 'find'> },
  portalId: string,
  { header, samples }: Pick<Preview, 'header' | 'samples'>,
  objectType?: string,
): Promise<Suggestion> {
  const objectTypeId = objectType && typeIdOf(objectType)
  const wanted = objectTypeId === undefined ? OBJECT_TYPES : [objectTypeId]
  const found = await Promise.all(wanted.map(async (type) => [type, await cache.find(portalId, type)] as const))
  const known = found.flatMap(([type, properties]) => (properties ? [[type, properties] as const] : []))
  if (known.length === 0)
    throw new AppError('mapping_unclear', {
      detail:
        'The portal’s properties could not be looked up: a permission is missing, or HubSpot does not answer. Send columnMappings.',
    })
  return suggestMapping({ headers: header, samples, properties: Object.fromEntries(known), objectTypeId })
}
