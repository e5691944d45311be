import { ClusterError } from '../errors.ts'
import type { JsonSchema } from '../lib/json-schema.ts'

/**
 * The value as its schema has it: unknown members left out, missing ones empty. So output has one form whatever server
 * answers. Throws `INTERNAL` for a member of the wrong type.
 */
export function conform<Value>(schema: JsonSchema<Value>, value: unknown): Value {
  return shape(schema, value, '') as Value
}

type AnySchema = Readonly<Record<string, unknown>>

function shape(schema: AnySchema, value: unknown, at: string): unknown {
  const { anyOf } = schema
  if (Array.isArray(anyOf)) return value === null || value === undefined ? null : shape(anyOf[0], value, at)
  if ('enum' in schema) return expect(value ?? '', 'string', at)
  switch (schema['type']) {
    case 'object':
      return shapeObject(schema, value ?? {}, at)
    case 'array':
      return shapeList(schema, value ?? [], at)
    case 'boolean':
      return expect(value ?? false, 'boolean', at)
    case 'integer':
    case 'number':
      return typeof value === 'bigint' ? value : expect(value ?? 0, 'number', at)
    default:
      return expect(value ?? '', 'string', at)
  }
}

function shapeObject(schema: AnySchema, value: unknown, at: string): unknown {
  if (typeof value !== 'object' || Array.isArray(value) || value === null) throw mismatch('object', value, at)
  const members = value as Readonly<Record<string, unknown>>
  const { properties = {}, required = [], additionalProperties } = schema
  if (additionalProperties !== undefined) {
    const entries = Object.entries(members)
    return Object.fromEntries(
      entries.map(([key, item]) => [key, shape(additionalProperties as AnySchema, item, `${at}.${key}`)]),
    )
  }
  const known = properties as Readonly<Record<string, AnySchema>>
  const named = Object.keys(members).filter(key => Object.hasOwn(known, key))
  const missing = (required as readonly string[]).filter(key => members[key] === undefined)
  const keys = [...new Set([...named, ...missing])]
  return Object.fromEntries(keys.map(key => [key, shape(known[key] ?? {}, members[key], `${at}.${key}`)]))
}

function shapeList(schema: AnySchema, value: unknown, at: string): unknown {
  if (!Array.isArray(value)) throw mismatch('list', value, at)
  return value.map((item, i) => shape(schema['items'] as AnySchema, item, `${at}[${i}]`))
}

function expect(value: unknown, type: 'string' | 'boolean' | 'number', at: string): unknown {
  if (typeof value !== type) throw mismatch(type, value, at)
  return value
}

function mismatch(expected: string, value: unknown, at: string): ClusterError {
  const found = Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value
  const where = at === '' ? 'it' : `"${at.replace(/^\./, '')}"`
  return new ClusterError('INTERNAL', `the answer is not understood: ${where} is ${found}, not ${expected}`)
}
