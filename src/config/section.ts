import type { TObject, TSchema } from 'typebox'
import type { Fault } from './fault.ts'
import { nearest } from './nearest.ts'
import { isReferenceOnly } from './reference-only.ts'
import {
  defaultOf,
  describe,
  faultWithin,
  fits,
  isGroup,
  isJsonObject,
  type JsonObject,
  putAt,
  settingsOf,
  show,
  valueAt,
} from './setting.ts'

/** A section of `service.json`: the settings of one component, or of several that share it. */
export interface Section {
  /** Where it stands in the file: `['consensus', 'crdt']`. */
  readonly keys: readonly string[]
  /** What its environment names begin with: `CLUSTER_CRDT`. */
  readonly prefix: string
  /** Groups of settings whose environment names have a beginning of their own: `{ ipfshttp: 'CLUSTER_IPFSHTTP' }`. */
  readonly groupPrefixes?: Readonly<Record<string, string>>
  readonly schema: TObject
  /** When the file lacks it: an error, every default, or a part that does not run. */
  readonly whenAbsent: 'fault' | 'defaults' | 'off'
  /** Whether a new file is without it. */
  readonly isLeftOut?: true
}

/** A path in dots, as messages and documents write it. */
export function dotted(keys: readonly string[]): string {
  return keys.join('.')
}

/** Settings whose values are never shown. */
export function isSecret(keys: readonly string[]): boolean {
  return ['secret', 'private_key', 'basic_auth_credentials', 'hooks'].includes(keys.at(-1) ?? '')
}

/**
 * Settings for which empty is a meaning of its own. For all others an empty text, list, 0 or null that the schema does
 * not need stands for the default, as in files of the reference.
 */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  'cluster.secret',
  'cluster.listen_multiaddress',
  'consensus.crdt.trusted_peers',
  'informer.tags.tags',
])

/**
 * What a setting is when a present section lacks it, where that is not the default of `init`: a file without
 * `trusted_peers` trusts nobody else, one without `tags` has none, and one that describes a Kubo uses it.
 */
function whenLeftOut(path: string, schema: TSchema, section: JsonObject): unknown {
  if (path === 'consensus.crdt.trusted_peers') return []
  if (path === 'informer.tags.tags') return {}
  if (path === 'ipfs_connector.node' && section['ipfshttp'] !== undefined) return 'kubo'
  return defaultOf(schema)
}

/** Keys of a section that are no settings, each with the nearest one. `elsewhere` finds a setting of another section. */
export function unknownKeys(
  section: Section,
  value: unknown,
  elsewhere: (key: string) => string | undefined,
): readonly Fault[] {
  const walk = (schema: TObject, at: readonly string[], object: unknown): Fault[] => {
    if (!isJsonObject(object)) {
      return [{ path: dotted(at), message: `must be an object, is ${show(object)}` }]
    }
    return Object.entries(object).flatMap(([key, below]) => {
      const known = schema.properties[key]
      if (known !== undefined) return isGroup(known) ? walk(known, [...at, key], below) : []
      if (isReferenceOnly([...at, key])) return []
      return [unknownKey([...at, key], Object.keys(schema.properties), elsewhere)]
    })
  }
  return walk(section.schema, section.keys, value)
}

/** The fault of a key that nobody knows. */
export function unknownKey(
  keys: readonly string[],
  siblings: readonly string[],
  elsewhere: (key: string) => string | undefined,
): Fault {
  const key = keys.at(-1) ?? ''
  const near = nearest(key, siblings)
  const other = near === undefined ? elsewhere(key) : dotted([...keys.slice(0, -1), near])
  const hint =
    other === undefined
      ? `remove it; known here are ${siblings.slice(0, 12).join(', ')}${siblings.length > 12 ? ' …' : ''}`
      : `did you mean ${other}?`
  return { path: dotted(keys), message: `is not a setting: ${hint}` }
}

/** The section with every setting present: what is absent or stands for the default is filled in. */
export function fill(section: Section, value: JsonObject): JsonObject {
  const whole = structuredClone(value)
  for (const { keys, schema } of settingsOf(section.schema)) {
    const path = dotted([...section.keys, ...keys])
    const given = valueAt(whole, keys)
    if (given === undefined) {
      putAt(whole, keys, whenLeftOut(path, schema, value))
    } else if (isEmpty(given) && !MAY_BE_EMPTY.has(path) && meansDefault(schema, given)) {
      putAt(whole, keys, defaultOf(schema))
    }
  }
  return whole
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === 0 || value === null || (Array.isArray(value) && value.length === 0)
}

/** A number 0 that the schema takes is meant; an empty text or list is not, unless the default is empty as well. */
function meansDefault(schema: TSchema, given: unknown): boolean {
  if (!fits(schema, given)) return true
  return given !== 0 && given !== null && !isEmpty(defaultOf(schema))
}

/** The faults of a filled section's values, one for each setting that its schema does not take. */
export function valueFaults(section: Section, whole: JsonObject): readonly Fault[] {
  return settingsOf(section.schema).flatMap(({ keys, schema }) => {
    const value = valueAt(whole, keys)
    if (fits(schema, value)) return []
    const path = [...section.keys, ...keys]
    const within = faultWithin(schema, value)
    if (within !== undefined) return [{ path: dotted(path) + within.path, message: within.message }]
    const shown = isSecret(path) ? 'is something else' : `is ${show(value)}`
    return [{ path: dotted(path), message: `must be ${describe(schema)}, ${shown}` }]
  })
}

/** The section with its defaults, as `init` writes it. */
export function defaults(section: Section): JsonObject {
  const whole: JsonObject = {}
  for (const { keys, schema } of settingsOf(section.schema)) putAt(whole, keys, defaultOf(schema))
  return whole
}
