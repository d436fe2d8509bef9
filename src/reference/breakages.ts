import type { OpenApi, Schema } from './describe.js'

/** Which way a value goes: what is sent to us may only become wider, what we answer only narrower. */
type Way = 'sent' | 'answered'
type Contents = Record<string, { schema: Schema }>
type Call = { operationId: string; parameters?: Parameter[]; requestBody?: Body; responses: Record<string, Answer> }
type Parameter = { name: string; in: string; required?: boolean; schema: Schema }
type Body = { required?: boolean; content?: Contents }
type Answer = { content?: Contents }
type Calls = Record<string, Record<string, Call>>

/** Keywords that bound a value from below, from above, and in ways that have no order. */
const LOWEST = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
const HIGHEST = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']
const FORMS = ['pattern', 'format', 'multipleOf', 'uniqueItems', 'contentMediaType']

/**
 * What a client of the older description would stumble over in the newer one, in words: calls, messages, fields of answers
 * or choices that are gone, other types, narrower bounds of what is sent, wider ones of what is answered, and things that
 * must be sent now. Additions are none, new choices in answers among them: see docs/decisions/0016.
 */
export function findBreakages(older: OpenApi, newer: OpenApi): string[] {
  const [was, now] = [withoutRefs(older), withoutRefs(newer)]
  const found = [...eachCall(was.paths, now.paths, callBreakages), ...eachCall(was.webhooks, now.webhooks, messageBreakages)]
  return [...new Set(found)]
}

function eachCall(was: Calls, now: Calls, compare: (where: string, was: Call, now: Call) => string[]): string[] {
  return Object.entries(was).flatMap(([path, calls]) =>
    Object.entries(calls).flatMap(([method, call]) => {
      const [where, other] = [`${method.toUpperCase()} ${path}`, now[path]?.[method]]
      return other ? compare(where, call, other) : [`${where} is gone`]
    }),
  )
}

function callBreakages(where: string, was: Call, now: Call): string[] {
  const [bodyWas, bodyNow] = [was.requestBody?.content ?? {}, now.requestBody?.content ?? {}]
  const isNeededNow = Object.keys(bodyWas).length === 0 ? Object.keys(bodyNow).length > 0 : now.requestBody?.required
  return [
    ...(now.operationId === was.operationId ? [] : [`${where} is called ${now.operationId}, not ${was.operationId}`]),
    ...parameterBreakages(where, was.parameters ?? [], now.parameters ?? []),
    ...contentBreakages(where, bodyWas, bodyNow, 'sent'),
    ...(isNeededNow && !was.requestBody?.required ? [`${where} needs a body`] : []),
    ...Object.entries(was.responses).flatMap(([status, { content = {} }]) => {
      const other = now.responses[status]
      return other
        ? contentBreakages(`${where} ${status}`, content, other.content ?? {}, 'answered')
        : [`${where} does not answer ${status}`]
    }),
  ]
}

/** The other way round than of a call: its body is what we send, and what it is answered must still count. */
function messageBreakages(where: string, was: Call, now: Call): string[] {
  return [
    ...contentBreakages(where, was.requestBody?.content ?? {}, now.requestBody?.content ?? {}, 'answered'),
    ...Object.keys(was.responses).flatMap((status) => (now.responses[status] ? [] : [`${where} does not take ${status}`])),
  ]
}

function contentBreakages(where: string, was: Contents, now: Contents, way: Way): string[] {
  return Object.entries(was).flatMap(([type, { schema }]) => {
    const other = now[type]?.schema
    if (other) return schemaBreakages(`${where} ${type}`, schema, other, way)
    return [`${where} does not ${way === 'sent' ? 'take' : 'come as'} ${type}`]
  })
}

function parameterBreakages(where: string, was: Parameter[], now: Parameter[]): string[] {
  const same = (one: Parameter) => (other: Parameter) => other.name === one.name && other.in === one.in
  return [
    ...was.flatMap((one) => {
      const other = now.find(same(one))
      return other
        ? schemaBreakages(`${where} ?${one.name}`, one.schema, other.schema, 'sent')
        : [`${where} knows no ${one.name}`]
    }),
    ...now.filter((one) => one.required && !was.find(same(one))?.required).map(({ name }) => `${where} needs ${name}`),
  ]
}

/** Compares choice by choice: of those that could be meant, each has the one that it differs from least. */
function schemaBreakages(where: string, was: Schema, now: Schema, way: Way): string[] {
  const [before, after] = [choicesOf(was), choicesOf(now)]
  const pairs = before.flatMap((a) =>
    after.flatMap((b) => {
      const fits = way === 'sent' ? isOfType(a, b) : isOfType(b, a)
      return fits ? [{ a, b, found: choiceBreakages(where, a, b, way) }] : []
    }),
  )
  const otherType = [`${where} is ${namesOf(after)}, not ${namesOf(before)}`]
  const least = (some: typeof pairs) =>
    some.toSorted((one, other) => one.found.length - other.found.length)[0]?.found ?? otherType
  // Whoever can read null is not hurt when it never comes.
  const missed = before.filter(({ type }) => way === 'sent' || type !== 'null' || before.length === 1)
  return [
    ...missed.flatMap((choice) => least(pairs.filter(({ a }) => a === choice))),
    ...(way === 'answered' ? after.flatMap((choice) => least(pairs.filter(({ b }) => b === choice))) : []),
  ]
}

function choiceBreakages(where: string, was: Schema, now: Schema, way: Way): string[] {
  return [
    ...valueBreakages(where, was, now, way),
    ...boundBreakages(where, was, now, way),
    ...fieldBreakages(where, was, now, way),
    ...partBreakages(where, was, now, way),
  ]
}

/** Either way a value that is gone is missed: in answers somebody waits for it. */
function valueBreakages(where: string, was: Schema, now: Schema, way: Way): string[] {
  const [before, after] = [valuesOf(was), valuesOf(now)]
  if (!after) return before && way === 'answered' ? [`${where} is not one of ${before.join(', ')} any more`] : []
  if (!before) return way === 'sent' ? [`${where} takes only ${after.join(', ')}`] : []
  const gone = before.filter((value) => !after.includes(value))
  return gone.map((value) => `${where} ${way === 'sent' ? 'does not take' : 'is never'} ${String(value)}`)
}

function boundBreakages(where: string, was: Schema, now: Schema, way: Way): string[] {
  const [wide, narrow] = way === 'sent' ? [now, was] : [was, now]
  const isWithin = (key: string) => {
    if (wide[key] === undefined || wide[key] === narrow[key]) return true
    if (FORMS.includes(key) || narrow[key] === undefined) return false
    const [outer, inner] = [Number(wide[key]), Number(narrow[key])]
    return LOWEST.includes(key) ? inner >= outer : inner <= outer
  }
  return [...LOWEST, ...HIGHEST, ...FORMS]
    .filter((key) => !isWithin(key))
    .map((key) => `${where} has the ${key} ${now[key] ?? 'of none'}, not ${was[key] ?? 'none'}`)
}

function fieldBreakages(where: string, was: Schema, now: Schema, way: Way): string[] {
  const [before, after] = [propertiesOf(was), propertiesOf(now)]
  const [mustBefore, mustAfter] = [requiredOf(was), requiredOf(now)]
  return [
    ...(way === 'sent'
      ? mustAfter.filter((name) => !mustBefore.includes(name)).map((name) => `${where} needs ${name}`)
      : mustBefore.filter((name) => !mustAfter.includes(name)).map((name) => `${where} may lack ${name}`)),
    ...Object.entries(before).flatMap(([name, schema]) => {
      const other = after[name]
      return other ? schemaBreakages(`${where}.${name}`, schema, other, way) : [`${where}.${name} is gone`]
    }),
  ]
}

/** What has no name of its own: items, and fields that are not listed with their names. */
function partBreakages(where: string, was: Schema, now: Schema, way: Way): string[] {
  const compare = (key: string, suffix: string) => {
    const [before, after] = [was[key] ?? true, now[key] ?? true]
    if (before === false || (after === false && way === 'answered')) return []
    if (after === false) return [`${where} takes no other fields`]
    return before === after ? [] : schemaBreakages(where + suffix, asSchema(before), asSchema(after), way)
  }
  return [...compare('items', '[]'), ...compare('additionalProperties', '.*'), ...compare('propertyNames', '.* (name)')]
}

/** A schema as the single types that it allows, each with all that is said of it; a type is a word. */
function choicesOf(schema: Schema): Schema[] {
  const { anyOf, oneOf, ...rest } = schema
  const choices = (anyOf ?? oneOf) as Schema[] | undefined
  if (choices) return choices.flatMap((choice) => choicesOf({ ...rest, ...choice }))
  return [schema.type ?? schema.$ref ?? 'anything'].flat().map((type) => ({ ...schema, type }))
}

function isOfType({ type: narrow }: Schema, { type: wide }: Schema): boolean {
  return wide === 'anything' || wide === narrow || (wide === 'number' && narrow === 'integer')
}

function namesOf(choices: Schema[]): string {
  return [...new Set(choices.map(({ type }) => String(type)))].toSorted().join(' or ')
}

/** Its calls and messages with what they refer to in place; a reference to what it stands in stays. */
function withoutRefs(api: OpenApi): { paths: Calls; webhooks: Calls } {
  const resolve = (value: unknown, within: string[]): unknown => {
    if (Array.isArray(value)) return value.map((inner) => resolve(inner, within))
    if (typeof value !== 'object' || value === null) return value
    const { $ref, ...beside } = value as Schema
    if (typeof $ref !== 'string')
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner, within)]))
    return within.includes($ref) ? value : resolve({ ...find(api, $ref), ...beside }, [...within, $ref])
  }
  return resolve({ paths: api.paths, webhooks: api.webhooks ?? {} }, []) as { paths: Calls; webhooks: Calls }
}

function find(api: OpenApi, pointer: string): Schema {
  const steps = pointer.replace('#/', '').split('/')
  return steps.reduce<Schema>((at, step) => (at[step] ?? {}) as Schema, api)
}

const asSchema = (schema: unknown) => (schema === true ? {} : schema) as Schema
const propertiesOf = (schema: Schema) => (schema.properties ?? {}) as Record<string, Schema>
const requiredOf = (schema: Schema) => (schema.required ?? []) as string[]
const valuesOf = (schema: Schema) => ('const' in schema ? [schema.const] : schema.enum) as unknown[] | undefined
