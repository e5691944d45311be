/** Values that there are, by the name of the parameter or member that holds one. */
export type Known = Readonly<Record<string, readonly string[]>>

/**
 * An OpenAPI document whose parameters and bodies take only what there is, so that requests made of it get past the first
 * check of what they name. Schemas of answers stay as they are, but for those that are bodies too.
 */
export function narrowedDocument(document: unknown, known: Known, bodies: readonly string[]): unknown {
  return narrowed(document, known, [], new Set(bodies))
}

function narrowed(
  value: unknown,
  known: Known,
  path: readonly string[],
  bodies: ReadonlySet<string>,
): unknown {
  if (Array.isArray(value)) return value.map(one => narrowed(one, known, path, bodies))
  if (typeof value !== 'object' || value === null) return value
  const members: Readonly<Record<string, unknown>> = { ...value }
  const { name, schema } = members
  if (typeof name === 'string' && path.at(-1) === 'parameters' && known[name] !== undefined)
    return { ...members, schema: only(schema, known[name]) }
  const isBody = path.includes('requestBody') || (path[1] === 'schemas' && bodies.has(path[2] ?? ''))
  const entries = Object.entries(members).map(([key, one]): [string, unknown] => {
    const values = known[key]
    const isMember = isBody && path.at(-1) === 'properties' && values !== undefined
    return [key, isMember ? only(one, values) : narrowed(one, known, [...path, key], bodies)]
  })
  return Object.fromEntries(entries)
}

/** The schema of one of the values, or of a list of them. */
function only(schema: unknown, values: readonly string[]): object {
  const of = { type: 'string', enum: values }
  const { type, items: _items, anyOf, ...rest } = (schema ?? {}) as Readonly<Record<string, unknown>>
  const list = [{ type }, ...(Array.isArray(anyOf) ? anyOf : [])].find(one => one.type === 'array')
  return list === undefined ? of : { ...rest, ...list, items: of }
}
