import { ClusterError } from '../errors.ts'

/** Values by tag: any of the values of a tag will do, every tag counts. */
export type TagRules = ReadonlyMap<string, ReadonlySet<string>>

/** Where copies of a content may be. */
export interface Placement {
  /** Only peers that have one of these values of each of these tags. */
  readonly require: TagRules
  /** No peer that has one of these values. */
  readonly exclude: TagRules
  /** No two copies on peers with the same value of this tag; undefined = that does not matter. */
  readonly distinct: string | undefined
}

/** Copies may be anywhere. */
export const ANYWHERE: Placement = { require: new Map(), exclude: new Map(), distinct: undefined }

/** Metadata of a pin that says where its copies may be, in the form of `parseTagRules`; an empty text = nothing is asked. */
export const REQUIRE_KEY = 'pinfold.placement.require'
/** The same for where they must not be. */
export const EXCLUDE_KEY = 'pinfold.placement.exclude'
/** The same for the tag of which no two copies may have the same value. */
export const DISTINCT_KEY = 'pinfold.placement.distinct'

const KEYS = [REQUIRE_KEY, EXCLUDE_KEY, DISTINCT_KEY] as const
const RULES_MAX = 32
const TAG_CHARACTERS_MAX = 100
const VALUE_CHARACTERS_MAX = 1000

/** The name of the metric in which peers tell a tag. */
export function tagMetric(tag: string): string {
  return `tag:${tag}`
}

/** The rules in a text such as `group=eu,group=us,disk=ssd`. Throws `INVALID_ARGUMENT`. */
export function parseTagRules(text: string): TagRules {
  const terms = text.split(',').filter(term => term !== '')
  if (terms.length > RULES_MAX) refuse(`more than ${RULES_MAX} tags are asked for`)
  const rules = new Map<string, Set<string>>()
  for (const term of terms) {
    const at = term.indexOf('=')
    if (at <= 0) refuse(`"${term.slice(0, TAG_CHARACTERS_MAX)}" is no tag with a value, such as group=eu`)
    const tag = parseTag(term.slice(0, at))
    const value = term.slice(at + 1)
    if (value.length > VALUE_CHARACTERS_MAX)
      refuse(`the value of tag "${tag}" is longer than ${VALUE_CHARACTERS_MAX} characters`)
    rules.set(tag, (rules.get(tag) ?? new Set()).add(value))
  }
  return rules
}

/** The tag that a text names; a text with a value, a list or a space is none. Throws `INVALID_ARGUMENT`. */
export function parseTag(text: string): string {
  const isTag = text.length <= TAG_CHARACTERS_MAX && /^[^\s=,]+$/.test(text)
  return isTag ? text : refuse(`"${text.slice(0, TAG_CHARACTERS_MAX)}" is no name of a tag, such as zone`)
}

/**
 * Where the copies of a pin may be: what it says itself, and for what it leaves open what the cluster says. What it says
 * wrongly counts as left open: pinning refuses that (`checkPlacement`), but entries also come from elsewhere.
 */
export function placementOf(metadata: Readonly<Record<string, string>>, byDefault: Placement): Placement {
  if (!KEYS.some(key => metadata[key] !== undefined)) return byDefault
  const read = <Value>(key: string, parse: (text: string) => Value, otherwise: Value): Value => {
    const text = metadata[key]
    if (text === undefined) return otherwise
    try {
      return parse(text)
    } catch (thrown) {
      if (thrown instanceof ClusterError) return otherwise
      throw thrown
    }
  }
  return {
    require: read(REQUIRE_KEY, parseTagRules, byDefault.require),
    exclude: read(EXCLUDE_KEY, parseTagRules, byDefault.exclude),
    distinct: read(DISTINCT_KEY, parseDistinct, byDefault.distinct),
  }
}

/** Fails with `INVALID_ARGUMENT` when metadata asks for a placement that is none. */
export function checkPlacement(metadata: Readonly<Record<string, string>>): void {
  parseTagRules(metadata[REQUIRE_KEY] ?? '')
  parseTagRules(metadata[EXCLUDE_KEY] ?? '')
  parseDistinct(metadata[DISTINCT_KEY] ?? '')
}

function parseDistinct(text: string): string | undefined {
  return text === '' ? undefined : parseTag(text)
}

/** The metadata that asks for a placement, without what is not said. */
export function placementMetadata(asked: {
  readonly require: string | undefined
  readonly exclude: string | undefined
  readonly distinct: string | undefined
}): Readonly<Record<string, string>> {
  return {
    ...(asked.require === undefined ? {} : { [REQUIRE_KEY]: asked.require }),
    ...(asked.exclude === undefined ? {} : { [EXCLUDE_KEY]: asked.exclude }),
    ...(asked.distinct === undefined ? {} : { [DISTINCT_KEY]: asked.distinct }),
  }
}

/** The tags that a placement looks at. */
export function tagsOf({ require, exclude, distinct }: Placement): readonly string[] {
  return [...new Set([...require.keys(), ...exclude.keys(), ...(distinct === undefined ? [] : [distinct])])]
}

function refuse(what: string): never {
  throw new ClusterError('INVALID_ARGUMENT', `parameters of the placement are wrong: ${what}`)
}
