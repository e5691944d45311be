import { type Environment, type Overrides, override, readEnvironment } from './environment.ts'
import { type Fault, faultsError } from './fault.ts'
import { referenceOnly } from './reference-only.ts'
import { dotted, fill, type Section, unknownKey, unknownKeys, valueFaults } from './section.ts'
import { isJsonObject, type JsonObject, settingsOf, show, valueAt } from './setting.ts'

/** A configuration whose keys and values are known to be right, every setting present. */
export interface Document {
  /** The values of a section; undefined when the part does not run. */
  valuesOf(section: Section): JsonObject | undefined
  /** Things worth saying that do not stop the start. */
  readonly notes: readonly string[]
}

/**
 * Reads a configuration as it stands in the file, with the environment over it. Throws one `CONFIG_INVALID` with every
 * fault in it, and then also those that `crossFaults` finds between settings; without any it leaves these to the reader.
 * `where` names the file in messages.
 */
export function readDocument(
  sections: readonly Section[],
  file: unknown,
  environment: Environment,
  where: string,
  crossFaults: (document: Document) => readonly Fault[] = () => [],
): Document {
  if (!isJsonObject(file)) {
    throw faultsError(where, [{ path: '', message: `must hold an object, holds ${show(file)}` }])
  }
  const overrides = readEnvironment(sections, environment)
  const notes: string[] = [...overrides.notes]
  const faults: Fault[] = [...strayKeys(sections, file, notes)]
  const values = new Map<Section, JsonObject>()
  for (const section of sections) {
    const given = valueAt(file, section.keys)
    if (given === undefined && section.whenAbsent === 'fault') {
      faults.push({
        path: dotted(section.keys),
        message: 'is missing: make a whole configuration with "init"',
      })
    }
    if (given === undefined && section.whenAbsent !== 'defaults') {
      notes.push(...idleVariables(section, overrides))
      continue
    }
    faults.push(...unknownKeys(section, given ?? {}, key => elsewhere(sections, key)))
    faults.push(...notedKeys(section, given, notes))
    if (!isJsonObject(given ?? {})) continue
    const whole = fill(section, isJsonObject(given) ? given : {})
    override(section, whole, overrides)
    faults.push(...named(valueFaults(section, whole), overrides))
    values.set(section, whole)
  }
  faults.push(...overrides.faults)
  const document: Document = { valuesOf: section => values.get(section), notes }
  if (faults.length === 0) return document
  throw faultsError(where, [...faults, ...crossFaults(document).filter(fault => !followsFrom(fault, faults))])
}

/** Whether a fault between settings is about one that is wrong by itself: saying that once is enough. */
function followsFrom(fault: Fault, faults: readonly Fault[]): boolean {
  return faults.some(({ path }) => {
    const key = path.split('.').at(-1) ?? ''
    return key !== '' && (fault.path === path || fault.message.includes(key))
  })
}

/** Keys above the sections that are neither a section nor one of ipfs-cluster's. */
function strayKeys(sections: readonly Section[], file: JsonObject, notes: string[]): readonly Fault[] {
  const tops = [...new Set(sections.map(({ keys }) => keys[0] ?? ''))]
  return Object.entries(file).flatMap(([top, below]): readonly Fault[] => {
    const own = sections.filter(({ keys }) => keys[0] === top)
    if (own.length === 0) return strayKey([top], tops, sections, notes)
    if (own.some(({ keys }) => keys.length === 1)) return []
    if (!isJsonObject(below)) return [{ path: top, message: `must be an object, is ${show(below)}` }]
    const names = own.map(({ keys }) => keys[1] ?? '')
    return Object.keys(below)
      .filter(name => !names.includes(name))
      .flatMap(name => strayKey([top, name], names, sections, notes))
  })
}

function strayKey(
  keys: readonly string[],
  siblings: readonly string[],
  sections: readonly Section[],
  notes: string[],
): readonly Fault[] {
  const row = referenceOnly(keys)
  if (row === undefined) return [unknownKey(keys, siblings, key => elsewhere(sections, key))]
  if (row.kind === 'note') notes.push(`${row.path} ${row.says}`)
  return row.kind === 'fault' ? [{ path: row.path, message: row.says }] : []
}

/** Notes on keys within a section that only ipfs-cluster has. */
function notedKeys(section: Section, given: unknown, notes: string[]): readonly Fault[] {
  if (!isJsonObject(given)) return []
  return Object.keys(given).flatMap(key => {
    if (key in section.schema.properties) return []
    const row = referenceOnly([...section.keys, key])
    if (row?.kind === 'note') notes.push(`${row.path} ${row.says}`)
    return row?.kind === 'fault' ? [{ path: row.path, message: row.says }] : []
  })
}

/** The setting of that name in another section, when there is exactly one. */
function elsewhere(sections: readonly Section[], key: string): string | undefined {
  const found = sections.flatMap(section =>
    settingsOf(section.schema)
      .filter(({ keys }) => keys.at(-1) === key)
      .map(({ keys }) => dotted([...section.keys, ...keys])),
  )
  return found.length === 1 ? found[0] : undefined
}

/** A part that does not run is switched on by its section, not by a variable. */
function idleVariables(section: Section, overrides: Overrides): readonly string[] {
  return overrides.values
    .filter(({ variable }) => variable.section === section)
    .map(
      ({ variable }) =>
        `the environment variable ${variable.name} is ignored: ${dotted(section.keys)} is not in the file`,
    )
}

/** A fault of a value that came from the environment says so. */
function named(faults: readonly Fault[], overrides: Overrides): readonly Fault[] {
  return faults.map(fault => {
    const setting = fault.path.replace(/\[.*/, '')
    const source = overrides.values.find(
      ({ variable }) => dotted([...variable.section.keys, ...variable.keys]) === setting,
    )
    return source === undefined
      ? fault
      : { ...fault, message: `${fault.message} (from the environment variable ${source.variable.name})` }
  })
}
