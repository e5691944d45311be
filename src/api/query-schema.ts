import { type JsonSchema, objectSchema, textSchema } from '../lib/json-schema.ts'

const pinQueryTexts = {
  name: textSchema('a name for people'),
  mode: textSchema('recursive (default) or direct'),
  replication: textSchema('overrides both of the next two'),
  'replication-min': textSchema('fewest copies; -1 = everywhere, 0 = default of the cluster'),
  'replication-max': textSchema('most copies; -1 = everywhere, 0 = default of the cluster'),
  'shard-size': textSchema('bytes'),
  'user-allocations': textSchema('comma list of peer ids to prefer'),
  'expire-at': textSchema('RFC 3339; goes before expire-in'),
  'expire-in': textSchema('duration such as 48h, at least 1s'),
  'pin-update': textSchema('CID of the pin whose options and allocations to take'),
  origins: textSchema('comma list of multiaddrs, each with /p2p/<id>'),
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
  layout: textSchema('balanced (default) or trickle'),
  chunker: textSchema('size-N, rabin, rabin-min-avg-max, buzhash or default'),
  hash: textSchema('multihash name; default sha2-256'),
  format: textSchema('unixfs (default) or car'),
  'cid-version': textSchema('0 (default) or 1'),
  'raw-leaves': textSchema('boolean; on by default with cid-version 1'),
  local: textSchema('boolean: put blocks on this peer only'),
  recursive: textSchema('boolean, without effect'),
  hidden: textSchema('boolean, without effect'),
  'wrap-with-directory': textSchema('boolean'),
  shard: textSchema('boolean'),
  progress: textSchema('boolean: report bytes on the way'),
  'stream-channels': textSchema('boolean; false = one array instead of a stream'),
  nocopy: textSchema('boolean'),
  'no-pin': textSchema('boolean: put blocks, do not pin'),
} as const

/** Query of adding: options of the pin and how content becomes blocks. */
export type AddQuery = PinQuery & { readonly [Name in keyof typeof addQueryTexts]?: string }

/** Query of adding. */
export const addQuerySchema: JsonSchema<AddQuery> = {
  ...objectSchema({}, { ...pinQueryTexts, ...addQueryTexts }),
  patternProperties: { '^meta-.+': textSchema('metadata') },
}

const allocationsQueryTexts = {
  filter: textSchema('comma list of all, pin, meta-pin, clusterdag-pin, shard-pin'),
  limit: textSchema('how many entries at most, from 1'),
  after: textSchema('CID behind which to begin; need not be pinned'),
  'cid-from': textSchema('first CID of a range; need not be pinned'),
  'cid-to': textSchema('CID at which the range ends, itself left out'),
  'name-prefix': textSchema('how the name begins, case and all'),
  allocation: textSchema('id of a peer that keeps it; what is pinned everywhere, every peer keeps'),
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

const local = textSchema('"true" asks only this peer')

/** Query of calls that can ask one peer only. */
export const localQuerySchema = objectSchema({}, { local })

/** Query of the listing of states. `cids` goes before `filter`. */
export const statusesQuerySchema = objectSchema(
  {},
  { local, filter: textSchema('comma list of states'), cids: textSchema('comma list of CIDs') },
)

const answers = textSchema(
  'all (default), or failed: only failures, and how many lines ended how in a last line',
)

/** Query of everything that takes lines. */
export const bulkQuerySchema = objectSchema({}, { answers })

/** Query of pinning many: what goes for every line that does not say it itself. */
export const bulkPinQuerySchema: JsonSchema<PinQuery & { readonly answers?: string }> = {
  ...objectSchema({}, { ...pinQueryTexts, answers }),
  patternProperties: { '^meta-.+': textSchema('metadata') },
}

/** Query of importing: what goes in the place of what the entries say. */
export const importQuerySchema = objectSchema(
  {},
  {
    'replication-min': textSchema('fewest copies of every entry, when greater than 0'),
    'replication-max': textSchema('most copies of every entry, when greater than 0'),
    allocations: textSchema('comma list of the peers that keep every entry'),
    answers,
  },
)
