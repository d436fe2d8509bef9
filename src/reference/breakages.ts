import type { OpenApi, Schema } from './describe.js'

/**
 * What a client of the older description would stumble over in the newer one, in words: calls, fields of answers or
 * choices that are gone, other types, and things that must be sent now. Additions are none.
 */
export function findBreakages(older: OpenApi, newer: OpenApi): string[] {
  const found: string[] = []
  for (const [path, operations] of Object.entries(older.paths))
    for (const [method, was] of Object.entries(operations)) {
      const call = `${method.toUpperCase()} ${path}`
      const now = newer.paths[path]?.[method]
      if (!now) {
        found.push(`${call} is gone`)
        continue
      }
      if (now.operationId !== was.operationId) found.push(`${call} is called ${now.operationId}, not ${was.operationId}`)
      found.push(...parameterBreakages(call, was, now, older, newer))
      const [bodyWas, bodyNow] = [contentsOf(was.requestBody), contentsOf(now.requestBody)]
      for (const [type, schema] of Object.entries(bodyWas)) {
        const other = bodyNow[type]
        if (other) found.push(...sentBreakages(`${call} ${type}`, schema, other, older, newer))
        else found.push(`${call} does not take ${type}`)
      }
      if (Object.keys(bodyWas).length === 0 && Object.keys(bodyNow).length > 0) found.push(`${call} needs a body`)
      for (const [status, answer] of Object.entries(was.responses))
        for (const [type, { schema }] of Object.entries(answer.content ?? {})) {
          const other = now.responses[status]?.content?.[type]?.schema
          if (other) found.push(...answerBreakages(`${call} ${status} ${type}`, schema, other, older, newer))
          else found.push(`${call} does not answer ${status} with ${type}`)
        }
    }
  return found
}

type Parameter = { name: string; in: string; required?: boolean; schema: Schema }

function parameterBreakages(call: string, was: Schema, now: Schema, older: OpenApi, newer: OpenApi): string[] {
  const [before, after] = [was.parameters as Parameter[], now.parameters as Parameter[]]
  const same = (one: Parameter) => (other: Parameter) => other.name === one.name && other.in === one.in
  return [
    ...before.flatMap((one) => {
      const other = after.find(same(one))
      return other
        ? sentBreakages(`${call} ?${one.name}`, one.schema, other.schema, older, newer)
        : [`${call} knows no ${one.name}`]
    }),
    ...after.filter((one) => one.required && !before.find(same(one))?.required).map(({ name }) => `${call} needs ${name}`),
  ]
}

/** What could be sent must still be taken. */
function sentBreakages(where: string, was: Schema, now: Schema, older: OpenApi, newer: OpenApi): string[] {
  const [a, b] = [resolve(was, older), resolve(now, newer)]
  const needed = requiredOf(b).filter((name) => !requiredOf(a).includes(name))
  return [
    ...typeBreakages(where, a, b),
    ...enumOf(a).flatMap((value) => (b.enum && !enumOf(b).includes(value) ? [`${where} does not take ${value}`] : [])),
    ...(b.enum && !a.enum ? [`${where} takes only ${enumOf(b).join(', ')}`] : []),
    ...needed.map((name) => `${where} needs ${name}`),
    ...inside(where, a, b, (path, one, other) => sentBreakages(path, one, other, older, newer)),
  ]
}

/** What was answered must still be there. */
function answerBreakages(where: string, was: Schema, now: Schema, older: OpenApi, newer: OpenApi): string[] {
  const [a, b] = [resolve(was, older), resolve(now, newer)]
  const left = requiredOf(a).filter((name) => !requiredOf(b).includes(name))
  return [
    ...typeBreakages(where, a, b),
    ...left.map((name) => `${where} may lack ${name}`),
    ...inside(where, a, b, (path, one, other) => answerBreakages(path, one, other, older, newer)),
  ]
}

function inside(where: string, a: Schema, b: Schema, compare: (where: string, a: Schema, b: Schema) => string[]): string[] {
  const [before, after] = [propertiesOf(a), propertiesOf(b)]
  const fields = Object.entries(before).flatMap(([name, schema]) => {
    const other = after[name]
    return other ? compare(`${where}.${name}`, schema, other) : [`${where}.${name} is gone`]
  })
  const [items, otherItems] = [a.items, b.items] as [Schema | undefined, Schema | undefined]
  return [...fields, ...(items && otherItems ? compare(`${where}[]`, items, otherItems) : [])]
}

function typeBreakages(where: string, a: Schema, b: Schema): string[] {
  const [was, now] = [typesOf(a), typesOf(b)]
  return was === now ? [] : [`${where} is ${now}, not ${was}`]
}

/** A type as a text; `null` among several choices is told as well. */
function typesOf(schema: Schema): string {
  const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (choices)
    return choices
      .map((choice) => String(choice.$ref ?? choice.type))
      .toSorted()
      .join(' or ')
  return [schema.type ?? 'anything'].flat().map(String).toSorted().join(' or ')
}

function resolve(schema: Schema, api: OpenApi): Schema {
  const name = /^#\/components\/schemas\/(\w+)$/.exec(String(schema.$ref ?? ''))?.[1]
  return name === undefined ? schema : (api.components.schemas[name] ?? {})
}

const propertiesOf = (schema: Schema) => (schema.properties ?? {}) as Record<string, Schema>
const requiredOf = (schema: Schema) => (schema.required ?? []) as string[]
const enumOf = (schema: Schema) => (schema.enum ?? []) as string[]

function contentsOf(body: unknown): Record<string, Schema> {
  const { content = {} } = (body ?? {}) as { content?: Record<string, { schema: Schema }> }
  return Object.fromEntries(Object.entries(content).map(([type, { schema }]) => [type, schema]))
}
