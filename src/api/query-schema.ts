import { type JsonSchema, objectSchema, textSchema } from '../lib/json-schema.ts'

/** A parameter that is written like a value of the JSON type; the value here is its text. */
function written(type: 'boolean' | 'integer', description: string, bounds: object = {}): JsonSchema<string> {
  return { type, description, ...bounds }
}

/** A parameter that is one of some words. */
function oneOf(words: readonly string[], description: string): JsonSchema<string> {
  return { type: 'string', enum: words, description }
}

const COPIES = { minimum: -1, maximum: 0x7fff_ffff }

const pinQueryTexts = {
  name: textSchema('a name for people'),
  mode: textSchema('"direct" is direct, every other text recursive, which is the default'),
  replication: written('integer', 'overrides both of the next two', COPIES),
  'replication-min': written('integer', 'fewest copies; -1 = everywhere, 0 = default of the cluster', COPIES),
  'replication-max': written('integer', 'most copies; -1 = everywhere, 0 = default of the cluster', COPIES),
  'shard-size': written('integer', 'bytes', { minimum: 0 }),
  'user-allocations': textSchema('comma list of peer ids to prefer'),
  'expire-at': textSchema('RFC 3339; goes before expire-in'),
  'expire-in': textSchema('duration such as 48h, at least 1s'),
  'pin-update': textSchema('CID of the pin whose options and allocations to take'),
  origins: textSchema('comma list of multiaddrs, each with /p2p/<id>'),
  require: textSchema(
    'comma list of tag=value: only peers with these tags; of several values of one tag any will do',
  ),
  exclude: textSchema('comma list of tag=value: no peers with one of these'),
  distinct: textSchema('tag of which no two copies have the same value, such as zone'),
} as const

/** Metadata in a query: one parameter a key. */
export interface MetadataQuery {
  readonly [parameter: `meta-${string}`]: string
}

/** Query of everything that pins. Values are texts, as they stand in the URL. */
export type PinQuery = { readonly [Name in keyof typeof pinQueryTexts]?: string } & MetadataQuery

/** Query of everything that pins. */
export const pinQuerySchema: JsonSchema<PinQuery> = {
  ...objectSchema({}, pinQueryTexts),
  patternProperties: { '^meta-.+': textSchema('metadata') },
}

const addQueryTexts = {
  layout: oneOf(['balanced', 'trickle'], 'balanced (default) or trickle'),
  chunker: textSchema('size-N, rabin, rabin-min-avg-max, buzhash or default'),
  hash: textSchema('multihash name; default sha2-256'),
  format: oneOf(['unixfs', 'car'], 'unixfs (default) or car'),
  'cid-version': written('integer', '0 (default) or 1', { minimum: 0, maximum: 1 }),
  'raw-leaves': written('boolean', 'on by default with cid-version 1'),
  local: written('boolean', 'put blocks on this peer only'),
  recursive: written('boolean', 'without effect'),
  hidden: written('boolean', 'without effect'),
  'wrap-with-directory': written('boolean', 'put a directory around what is added'),
  shard: written('boolean', 'not supported'),
  progress: written('boolean', 'report bytes on the way'),
  'stream-channels': written('boolean', 'false = one array instead of a stream'),
  nocopy: written('boolean', 'not supported'),
  'no-pin': written('boolean', 'put blocks, do not pin'),
} as const

/** Query of adding: options of the pin and how content becomes blocks. */
export type AddQuery = PinQuery & { readonly [Name in keyof typeof addQueryTexts]?: string }

/** Query of adding. */
export const addQuerySchema: JsonSchema<AddQuery> = {
  ...objectSchema({}, { ...pinQueryTexts, ...addQueryTexts }),
  patternProperties: { '^meta-.+': textSchema('metadata') },
}

const ageTexts = {
  'older-than': textSchema(
    'written before this: a time such as 2026-01-31T00:00:00Z, or that long ago, such as 1h',
  ),
  'newer-than': textSchema(
    'written then or later: a time such as 2026-01-31T00:00:00Z, or within that time, such as 1h',
  ),
} as const

const allocationsQueryTexts = {
  filter: textSchema('comma list of all, pin, meta-pin, clusterdag-pin, shard-pin'),
  limit: written('integer', 'how many entries at most, from 1', { minimum: 1 }),
  after: textSchema('CID behind which to begin; need not be pinned'),
  'cid-from': textSchema('first CID of a range; need not be pinned'),
  'cid-to': textSchema('CID at which the range ends, itself left out'),
  'name-prefix': textSchema('how the name begins, case and all'),
  allocation: textSchema('id of a peer that keeps it; what is pinned everywhere, every peer keeps'),
  ...ageTexts,
} as const

/** Query of the listing of the pinset. Everything that is given must be so. */
export type AllocationsQuery = {
  readonly [Name in keyof typeof allocationsQueryTexts]?: string
} & MetadataQuery

/** Query of the listing of the pinset. */
export const allocationsQuerySchema: JsonSchema<AllocationsQuery> = {
  ...objectSchema({}, allocationsQueryTexts),
  patternProperties: { '^meta-.+': textSchema('metadata that it has; several must all be there') },
}

// As in the reference, no other text is an error.
const local = textSchema('"true" asks only this peer, every other text the whole cluster')

/** Query of calls that can ask one peer only. */
export const localQuerySchema = objectSchema({}, { local })

const statusesQueryTexts = {
  local,
  filter: textSchema('comma list of states'),
  cids: textSchema('comma list of CIDs'),
  limit: allocationsQueryTexts.limit,
  after: textSchema('CID behind which to begin; need not be pinned'),
  'cid-from': allocationsQueryTexts['cid-from'],
  'cid-to': allocationsQueryTexts['cid-to'],
  'name-prefix': allocationsQueryTexts['name-prefix'],
  allocation: allocationsQueryTexts.allocation,
  ...ageTexts,
} as const

/** Query of the listing of states. `cids` goes before all others; of these everything that is given must be so. */
export type StatusesQuery = { readonly [Name in keyof typeof statusesQueryTexts]?: string } & MetadataQuery

/** Query of the listing of states. */
export const statusesQuerySchema: JsonSchema<StatusesQuery> = {
  ...objectSchema({}, statusesQueryTexts),
  patternProperties: { '^meta-.+': textSchema('metadata that it has; several must all be there') },
}

/** Query of trying again. */
export const recoverQuerySchema = objectSchema(
  {},
  {
    local,
    filter: textSchema('comma list of states: only these'),
    reason: textSchema('comma list of reasons: only what failed last for one of them'),
    limit: written('integer', 'how many CIDs at most, at each peer', { minimum: 1 }),
  },
)

const answers = oneOf(
  ['all', 'failed'],
  'all (default), or failed: only failures, and how many lines ended how in a last line',
)

/** Query of everything that takes lines. */
export const bulkQuerySchema = objectSchema({}, { answers })

/** Query of pinning many: what goes for every line that does not say it itself. */
export const bulkPinQuerySchema: JsonSchema<PinQuery & { readonly answers?: string }> = {
  ...objectSchema({}, { ...pinQueryTexts, answers }),
  patternProperties: { '^meta-.+': textSchema('metadata') },
}

/** The query of an export. */
export const exportQuerySchema = objectSchema(
  {},
  {
    requests: written('boolean', 'the requests of the Pinning Service API as well, which only Pinfold reads'),
  },
)

/** Query of importing: what goes in the place of what the entries say. */
export const importQuerySchema = objectSchema(
  {},
  {
    'replication-min': written('integer', 'fewest copies of every entry, when greater than 0', COPIES),
    'replication-max': written('integer', 'most copies of every entry, when greater than 0', COPIES),
    allocations: textSchema('comma list of the peers that keep every entry'),
    answers,
  },
)
