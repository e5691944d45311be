import type { TSchema } from 'typebox'
import { ClusterError, messageOf } from '../errors.ts'
import type { Fault } from './fault.ts'
import { nearest } from './nearest.ts'
import { dotted, isSecret, type Section } from './section.ts'
import {
  alternatives,
  describe,
  fits,
  isJsonObject,
  isListOfObjects,
  type JsonObject,
  putAt,
  settingsOf,
  show,
} from './setting.ts'

/** Variables of the process, or what a test hands in. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A setting and the environment variable that overrides it. */
export interface Variable {
  readonly name: string
  readonly section: Section
  /** Keys below the section. */
  readonly keys: readonly string[]
  readonly schema: TSchema
}

/** What the environment says: values by section and keys, what could not be read, and hints. */
export interface Overrides {
  readonly values: readonly { readonly variable: Variable; readonly value: unknown }[]
  readonly faults: readonly Fault[]
  readonly notes: readonly string[]
}

/** The variable of every setting: prefix and keys in upper case, underscores within a key left out. */
export function variablesOf(sections: readonly Section[]): readonly Variable[] {
  return sections.flatMap(section =>
    settingsOf(section.schema).map(({ keys, schema }) => ({
      name: nameOf(section, keys),
      section,
      keys,
      schema,
    })),
  )
}

function nameOf(section: Section, keys: readonly string[]): string {
  const prefix = section.groupPrefixes?.[keys[0] ?? '']
  const rest = prefix === undefined ? keys : keys.slice(1)
  return [prefix ?? section.prefix, ...rest.map(key => key.replaceAll('_', '').toUpperCase())].join('_')
}

/** Variables of this program that are no settings. */
const OTHERS = [
  'CLUSTER_ID',
  'CLUSTER_PRIVATEKEY',
  'CLUSTER_PATH',
  'CLUSTER_CREDENTIALS',
  'CLUSTER_TOKEN',
  'CLUSTER_LOGLEVEL',
  'IPFS_CLUSTER_PATH',
  'IPFS_CLUSTER_LOG_LEVEL',
]

/**
 * Reads the overrides. An empty variable counts as unset, so that a compose file may pass on what is not set. A name
 * with stray underscores (`CLUSTER_MONITOR_PING_INTERVAL`) is taken for what it means, with a note; a slip
 * of one or two letters is only noted.
 */
export function readEnvironment(sections: readonly Section[], environment: Environment): Overrides {
  const variables = variablesOf(sections)
  const byName = new Map(variables.map(variable => [variable.name, variable]))
  const byLetters = new Map(variables.map(variable => [letters(variable.name), variable]))
  const values: { variable: Variable; value: unknown }[] = []
  const faults: Fault[] = []
  const notes: string[] = []
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || text === '' || !name.startsWith('CLUSTER_') || OTHERS.includes(name)) continue
    const variable = byName.get(name) ?? byLetters.get(letters(name))
    if (variable === undefined) {
      // Container platforms set many CLUSTER_… names of their own: only a slip is worth a note.
      const near = nearest(name, [...byName.keys(), ...OTHERS], 2)
      if (near !== undefined) notes.push(`the environment variable ${name} is ignored: did you mean ${near}?`)
      continue
    }
    if (variable.name !== name) {
      const isSetTwice = (environment[variable.name] ?? '') !== ''
      notes.push(
        `the environment variable ${name} is ${isSetTwice ? 'ignored' : 'taken'}: its name is ${variable.name}`,
      )
      if (isSetTwice) continue
    }
    const path = [...variable.section.keys, ...variable.keys]
    try {
      values.push({ variable, value: fromText(variable.schema, text) })
    } catch (thrown) {
      const shown = isSecret(path) ? '' : `, ${messageOf(thrown)}`
      faults.push({ path: name, message: `must be ${describe(variable.schema)}${shown} (${dotted(path)})` })
    }
  }
  return { values, faults, notes }
}

/** Puts the overrides of a section into it; whether there were any. */
export function override(section: Section, whole: JsonObject, overrides: Overrides): boolean {
  const own = overrides.values.filter(({ variable }) => variable.section === section)
  for (const { variable, value } of own) putAt(whole, variable.keys, value)
  return own.length > 0
}

function letters(name: string): string {
  return name.replaceAll('_', '')
}

/**
 * The value that a text stands for: numbers and booleans as Go writes them, lists with commas, maps as `key:value,key:value` or
 * JSON, lists of objects as JSON.
 * Throws `INVALID_ARGUMENT` when the schema takes none of its readings.
 */
export function fromText(schema: TSchema, text: string): unknown {
  const readings = alternatives(schema).flatMap(part => readAs(part, text))
  // One listen address stays a text, several become a list.
  if (text.includes(',')) readings.sort((a, b) => Number(Array.isArray(b)) - Number(Array.isArray(a)))
  const found = readings.find(reading => fits(schema, reading))
  if (found !== undefined) return found
  // What is wrong within a list of objects is found with the values of the file.
  if (isListOfObjects(schema) && readings.length > 0) return readings[0]
  throw new ClusterError('INVALID_ARGUMENT', `is ${show(text)}`)
}

const TRUE = /^(1|t|true)$/i
const FALSE = /^(0|f|false)$/i

function readAs(part: TSchema, text: string): readonly unknown[] {
  const { type, items, patternProperties }: JsonObject = { ...part }
  if (type === 'boolean') return TRUE.test(text) ? [true] : FALSE.test(text) ? [false] : []
  if (type === 'integer' || type === 'number') return text.trim() === '' ? [] : [Number(text)]
  if (type === 'array') {
    if (isListOfObjects(part)) return readJson(text)
    const words = text.split(',').map(word => word.trim())
    return isJsonObject(items) && items['type'] !== 'string' ? [words.map(Number)] : [words]
  }
  if (type === 'object') {
    if (text.trimStart().startsWith('{')) return readJson(text)
    return isJsonObject(patternProperties) ? readMap(patternProperties, text) : []
  }
  return type === 'string' || 'enum' in part ? [text] : []
}

/** Lists of objects have no shorter form; maps may have this one. */
function readJson(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text)]
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return []
    throw thrown
  }
}

function readMap(patternProperties: JsonObject, text: string): readonly JsonObject[] {
  const [of] = Object.values(patternProperties)
  const isOfLists = isJsonObject(of) && of['type'] === 'array'
  const map: JsonObject = {}
  for (const entry of text.split(',')) {
    const colon = entry.indexOf(':')
    if (colon < 1) return []
    const key = entry.slice(0, colon).trim()
    const value = entry.slice(colon + 1).trim()
    const before = map[key]
    map[key] = isOfLists ? [...(Array.isArray(before) ? before : []), value] : value
  }
  return [map]
}
