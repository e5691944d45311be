import type { PinQuery } from '../api/query-schema.ts'
import { messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import { parsePeerId } from '../model/peer.ts'
import { parseTag, parseTagRules } from '../model/placement.ts'
import { formatTime, parseTime } from '../model/time-json.ts'
import type { OptionValues } from './command.ts'
import { CommandError } from './command-error.ts'

/** Copies in one number. */
export const replicationOption = {
  kind: 'integer',
  name: 'replication',
  aliases: ['r'],
  value: 'count',
  default: 0,
  summary: 'copies: sets both of the next two',
} as const

/** Options of every command that says how often content is kept. */
export const replicationOptions = [
  {
    kind: 'integer',
    name: 'replication-min',
    aliases: ['rmin'],
    value: 'count',
    default: 0,
    summary: 'fewest copies; -1 = on every peer, 0 = default of the cluster',
  },
  {
    kind: 'integer',
    name: 'replication-max',
    aliases: ['rmax'],
    value: 'count',
    default: 0,
    summary: 'most copies; -1 = on every peer, 0 = default of the cluster',
  },
  {
    kind: 'text',
    name: 'allocations',
    aliases: ['allocs'],
    value: 'peers',
    default: '',
    summary: 'peers to prefer: peer ids, separated by commas',
  },
] as const

/** The members of the query that numbers of copies become. */
export function replicationQuery(options: {
  readonly replication: number
  readonly 'replication-min': number
  readonly 'replication-max': number
}): PinQuery {
  const { replication } = options
  return {
    'replication-min': String(replication === 0 ? options['replication-min'] : replication),
    'replication-max': String(replication === 0 ? options['replication-max'] : replication),
  }
}

/** Options of every command that says where copies may be. */
export const placementOptions = [
  {
    kind: 'texts',
    name: 'require',
    value: 'tag=value',
    summary: 'only peers with this tag, such as region=eu; of several values of one tag any will do',
  },
  { kind: 'texts', name: 'exclude', value: 'tag=value', summary: 'no peers with this tag' },
  {
    kind: 'text',
    name: 'distinct',
    value: 'tag',
    default: '',
    summary: 'no two copies on peers with the same value of this tag, such as zone',
  },
] as const

/** The members of the query that a placement becomes. Throws `CommandError`. */
export function placementQuery(options: OptionValues<typeof placementOptions>): PinQuery {
  try {
    for (const term of [...options.require, ...options.exclude]) parseTagRules(term)
    if (options.distinct !== '') parseTag(options.distinct)
  } catch (cause) {
    throw new CommandError('parsing placement', messageOf(cause), { cause })
  }
  return {
    ...(options.require.length === 0 ? {} : { require: options.require.join(',') }),
    ...(options.exclude.length === 0 ? {} : { exclude: options.exclude.join(',') }),
    ...(options.distinct === '' ? {} : { distinct: options.distinct }),
  }
}

/** A name and an end. */
export const namingOptions = [
  { kind: 'text', name: 'name', aliases: ['n'], value: 'text', default: '', summary: 'a name for people' },
  {
    kind: 'text',
    name: 'expire-in',
    value: 'duration',
    default: '',
    summary: 'unpin after this time, such as 48h',
  },
] as const

/** Data that goes along. */
export const metadataOption = {
  kind: 'texts',
  name: 'metadata',
  value: 'key=value',
  summary: 'data to keep with the pin; may be given several times',
} as const

/** From when and until when entries of the pinset were written. */
export const ageOptions = [
  {
    kind: 'text',
    name: 'older-than',
    value: 'when',
    default: '',
    summary:
      'only what was pinned longer ago than, such as 720h, or before a time such as 2026-01-31T00:00:00Z',
  },
  {
    kind: 'text',
    name: 'newer-than',
    value: 'when',
    default: '',
    summary: 'only what was pinned since then: as above',
  },
] as const

/** The members of the query that ages become, checked before anybody is asked. Throws `CommandError`. */
export function ageQuery(options: OptionValues<typeof ageOptions>): {
  readonly 'older-than'?: string
  readonly 'newer-than'?: string
} {
  const given = (['older-than', 'newer-than'] as const).filter(name => options[name] !== '')
  for (const name of given) {
    try {
      if (/^\d{4}-/.test(options[name])) parseTime(options[name])
      else parseDuration(options[name])
    } catch (cause) {
      const advice = 'Write a time span such as 720h, or a time such as 2026-01-31T00:00:00Z.'
      throw new CommandError(`parsing ${name}`, messageOf(cause), { cause, advice })
    }
  }
  return Object.fromEntries(given.map(name => [name, options[name]]))
}

type NamingValues = OptionValues<typeof namingOptions>

/** The members of the query that a name and an end become. Throws `CommandError`. */
export function namingQuery(options: NamingValues, nowMs: number): PinQuery {
  const text = options['expire-in']
  if (text === '') return { name: options.name }
  try {
    return { name: options.name, 'expire-at': formatTime(nowMs + parseDuration(text)) }
  } catch (cause) {
    throw new CommandError('parsing expire-in', messageOf(cause), { cause })
  }
}

/** The members of the query that `key=value` texts become. Throws `CommandError`. */
export function metadataQuery(texts: readonly string[]): PinQuery {
  const entries = texts.map(text => {
    const at = text.indexOf('=')
    if (at <= 0)
      throw new CommandError(
        'parsing metadata',
        `metadata were not in the format key=value: "${text.slice(0, 100)}"`,
      )
    return [`meta-${text.slice(0, at)}`, text.slice(at + 1)] as const
  })
  return Object.fromEntries(entries)
}

/** A comma list of peer ids, checked; '' for none. Throws `CommandError`. */
export function parseAllocations(text: string): string {
  const peers = text.split(',').filter(part => part !== '')
  try {
    return peers.map(parsePeerId).join(',')
  } catch (cause) {
    throw new CommandError(
      'decoding allocations',
      `some peer IDs could not be decoded: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** The query in order of its keys, as the reference sends it. */
export function inKeyOrder<Query extends object>(query: Query): Query {
  return Object.fromEntries(Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1))) as Query
}
