import type { Findings } from '../../intake/finding.js'
import { changedShapes, readShapes } from '../../mappings/shapes.js'
import type { Template } from '../../mappings/template-store.js'
import type { PropertyCache } from '../../portals/property-cache.js'

type Input = { portalId: string; template: Template; header: string[]; file: string; findings: Findings }

const MAX_NAMED = 20

/** Tells what has changed since a template was made: the file's columns, and the portal's properties. */
export async function noteDrift(
  deps: { properties: Pick<PropertyCache, 'find'> },
  { portalId, template, header, file, findings }: Input,
): Promise<void> {
  const note = (code: string, message: string, fix: string) =>
    findings.add('warning', code, () => ({ message, fix, file, line: 0, column: null, columnName: null, value: null }))
  const known = template.mapping.columnMappings.map(({ columnName }) => columnName)
  const added = header.filter((name) => !known.includes(name))
  const gone = known.filter((name) => !header.includes(name))
  if (template.mapping.hasHeader && added.length + gone.length > 0)
    note(
      'TEMPLATE_HEADER_CHANGED',
      `The file’s columns are not those of the template "${template.name}"${list(', new: ', added)}${list(', gone: ', gone)}.`,
      'Change the template, or the file.',
    )
  const changed = changedShapes(template.properties, await readShapes(deps, portalId, template.mapping))
  if (changed.length > 0)
    note(
      'TEMPLATE_PROPERTIES_CHANGED',
      `Properties in HubSpot have changed since version ${template.version} of the template "${template.name}" was made: ${list('', changed)}.`,
      'Look at them in HubSpot, and save the template anew.',
    )
}

function list(before: string, names: string[]): string {
  if (names.length === 0) return ''
  const some = names.slice(0, MAX_NAMED).map((name) => name.slice(0, 100))
  return `${before}${some.join(', ')}${names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ''}`
}
