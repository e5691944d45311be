/**
 * JSON Schemas (2020-12) as plain objects that also say which TypeScript value they describe. Values only: the
 * validator and its start-up cost stay out, so that the command line can share the table of routes.
 */
declare const VALUE: unique symbol

/** A JSON Schema of the given TypeScript value. */
export interface JsonSchema<Value> {
  readonly [VALUE]?: Value
  readonly [keyword: string]: unknown
}

/** The TypeScript value that a schema describes. */
export type ValueOf<Schema> = Schema extends JsonSchema<infer Value> ? Value : never

type Properties = Readonly<Record<string, JsonSchema<unknown>>>
type Required<Of extends Properties> = { readonly [Key in keyof Of]: ValueOf<Of[Key]> }
type Optional<Of extends Properties> = { readonly [Key in keyof Of]?: ValueOf<Of[Key]> }

/** A text. */
export function textSchema(description?: string): JsonSchema<string> {
  return { type: 'string', ...(description === undefined ? {} : { description }) }
}

/** One of the given texts. */
export function choiceSchema<const Values extends readonly string[]>(
  values: Values,
  description?: string,
): JsonSchema<Values[number]> {
  return { enum: values, ...(description === undefined ? {} : { description }) }
}

/** A boolean. */
export const booleanSchema: JsonSchema<boolean> = { type: 'boolean' }

/** Any number. */
export const numberSchema: JsonSchema<number> = { type: 'number' }

/** An integer that a JavaScript number holds exactly. */
export const integerSchema: JsonSchema<number> = { type: 'integer' }

/** An integer of 64 bits: a bigint where a JavaScript number would lose digits. */
export const wideIntegerSchema: JsonSchema<number | bigint> = { type: 'integer' }

/** A list of equal items. */
export function listSchema<Item>(items: JsonSchema<Item>): JsonSchema<readonly Item[]> {
  return { type: 'array', items }
}

/** An object whose keys are data. */
export function dictionarySchema<Item>(items: JsonSchema<Item>): JsonSchema<Readonly<Record<string, Item>>> {
  return { type: 'object', additionalProperties: items }
}

/** The value or null. */
export function nullableSchema<Value>(schema: JsonSchema<Value>): JsonSchema<Value | null> {
  return { anyOf: [schema, { type: 'null' }] }
}

/** An object with members that are always there. */
export function objectSchema<Always extends Properties>(always: Always): JsonSchema<Required<Always>>
/** The same, with members that may be missing. */
export function objectSchema<Always extends Properties, Sometimes extends Properties>(
  always: Always,
  sometimes: Sometimes,
): JsonSchema<Required<Always> & Optional<Sometimes>>
/** Both in one. */
export function objectSchema(always: Properties, sometimes: Properties = {}): JsonSchema<object> {
  return { type: 'object', properties: { ...always, ...sometimes }, required: Object.keys(always) }
}
