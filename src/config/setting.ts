import { IsObject, type TObject, type TSchema } from 'typebox'
import { Check, Errors } from 'typebox/value'

/** A JSON object from outside. */
export type JsonObject = { [key: string]: unknown }

/** Whether a value is a JSON object (not a list, not null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One setting of a section: where it stands below the section, and its schema. */
export interface Setting {
  readonly keys: readonly string[]
  readonly schema: TSchema
}

/** Every setting of a section, groups (objects with named properties) taken apart, in order. */
export function settingsOf(section: TObject, above: readonly string[] = []): readonly Setting[] {
  return Object.entries(section.properties).flatMap(([key, schema]) =>
    isGroup(schema) ? settingsOf(schema, [...above, key]) : [{ keys: [...above, key], schema }],
  )
}

/** Whether a schema groups settings, instead of being one. */
export function isGroup(schema: TSchema): schema is TObject {
  return IsObject(schema) && Object.keys(schema.properties).length > 0
}

/** The default that the schema states, copied. */
export function defaultOf(schema: TSchema): unknown {
  return 'default' in schema ? structuredClone(schema.default) : undefined
}

/** What is at the keys of an object, undefined when any of them is missing. */
export function valueAt(object: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => (isJsonObject(value) ? value[key] : undefined), object)
}

/** Puts a value at the keys of an object, making the objects between. */
export function putAt(object: JsonObject, keys: readonly string[], value: unknown): void {
  const [key, ...below] = keys
  if (key === undefined) return
  if (below.length === 0) {
    object[key] = value
    return
  }
  const next = object[key]
  const group: JsonObject = isJsonObject(next) ? next : {}
  object[key] = group
  putAt(group, below, value)
}

/** The ways in which a value may be written, an `A | null | B` taken apart. */
export function alternatives(schema: TSchema): readonly TSchema[] {
  return 'anyOf' in schema && Array.isArray(schema.anyOf) ? schema.anyOf.flatMap(alternatives) : [schema]
}

const KINDS: Readonly<Record<string, string>> = {
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  string: 'a text',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

/** What a setting may be, in words: `a whole number of at least 1`, `a time span such as 15s or 1h30m`. */
export function describe(schema: TSchema): string {
  const facts: JsonObject = { ...schema }
  if (Array.isArray(facts['enum'])) return facts['enum'].map(quote).join(' or ')
  const parts = alternatives(schema)
  if (parts.length > 1) return [...new Set(parts.map(describe))].join(' or ')
  if ('const' in facts) return quote(facts['const'])
  const { type, items, pattern, minimum, exclusiveMinimum, maximum, exclusiveMaximum, minLength } = facts
  if (type === 'string' && typeof pattern === 'string') {
    return pattern.includes('µs')
      ? 'a time span such as 15s, 5m or 1h30m'
      : `a text of the form ${pattern}${firstSentence(facts['description'])}`
  }
  const least = minimum ?? exclusiveMinimum
  const most = maximum ?? exclusiveMaximum
  const from = least === undefined ? '' : ` ${minimum === undefined ? 'above' : 'from'} ${show(least)}`
  const to = most === undefined ? '' : ` ${maximum === undefined ? 'below' : 'up to'} ${show(most)}`
  if (type === 'array' && isJsonObject(items)) {
    return `a list (each ${describe(items)})${facts['minItems'] === undefined ? '' : ', not empty'}`
  }
  const kind = KINDS[String(type)] ?? 'something else'
  return `${kind}${type === 'string' && minLength !== undefined ? ' that is not empty' : ''}${from}${to}`
}

function quote(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value)
}

/** Whether a value is one that the schema takes. */
export function fits(schema: TSchema, value: unknown): boolean {
  return Check(schema, value)
}

/** Whether a setting is a list of objects, which one text cannot describe. */
export function isListOfObjects(schema: TSchema): boolean {
  const { type, items }: JsonObject = { ...schema }
  return type === 'array' && isJsonObject(items) && items['type'] === 'object'
}

/** The first thing in a list of objects that its schema does not take: where it is, and what it has to be. It has no values: they may be secret. */
export function faultWithin(schema: TSchema, value: unknown): { path: string; message: string } | undefined {
  if (!isListOfObjects(schema)) return undefined
  const [first] = Errors(schema, value)
  if (first === undefined) return undefined
  const path = first.instancePath.replace(/\/(\d+)/g, '[$1]').replaceAll('/', '.')
  return { path, message: first.keyword === 'boolean' ? 'is no key here' : first.message }
}

/** A value in a message, cut to a length that people read. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

function firstSentence(description: unknown): string {
  const sentence = typeof description === 'string' ? description.split('. ')[0] : undefined
  return sentence === undefined || sentence === '' ? '' : ` (${sentence})`
}
