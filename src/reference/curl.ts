import type { Operation } from './operations.js'

/** What stands in an example for an id of one's own: a variable of the shell. */
export const VARIABLES: Record<string, string> = {
  portalId: 'PORTAL_ID',
  importId: 'IMPORT_ID',
  templateId: 'TEMPLATE_ID',
  endpointId: 'ENDPOINT_ID',
  deliveryId: 'DELIVERY_ID',
}

/** A call as a command that can be pasted: with the address, the key and the ids in variables. */
export function curlOf({ method, path, upload, body, also, reply, example = {} }: Operation): string {
  const where = path.replaceAll(/:(\w+)/g, (_, name: string) => `$${VARIABLES[name] ?? name}`)
  const flags = [
    ...(method === 'get' || (method === 'post' && (upload || body)) ? [] : [`-X ${method.toUpperCase()}`]),
    '-H "Authorization: Bearer $IMPORTAL_KEY"',
    ...(upload === 'required' ? ['-H "Idempotency-Key: $(date +%s)-$$"', '-F files=@contacts.csv'] : []),
    ...(body ? ['-H "Content-Type: application/json"', `-d '${JSON.stringify(example.body ?? {})}'`] : []),
    ...(also?.['text/event-stream'] && reply.schema.def.type === 'undefined' ? ['-N'] : []),
  ]
  return [`curl -sS "$IMPORTAL_URL${where}${example.query ? `?${example.query}` : ''}"`, ...flags].join(' \\\n  ')
}
