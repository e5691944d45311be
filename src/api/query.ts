import { multiaddr } from '@multiformats/multiaddr'
import { ClusterError, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import type { AddParams } from '../model/add.ts'
import { type Cid, parseCid } from '../model/cid.ts'
import { parsePeerId } from '../model/peer.ts'
import { checkBounds, NO_OPTIONS, PIN_TYPES, type PinOptions, type PinType } from '../model/pin.ts'
import { checkPlacement, placementMetadata } from '../model/placement.ts'
import { parseTime } from '../model/time-json.ts'

/** The parameters of a URL: names are data, the first value of each counts. */
export type Query = Readonly<Record<string, string>>

/** The typed query of a route as the dictionary that it is. */
export function toQuery(query: object | undefined): Query {
  return (query ?? {}) as Query
}

/** Shard size of sharded adds that do not say one: with 0 not one block would fit. */
export const SHARD_SIZE_BYTES = 104_857_600

const NO_QUERY: Query = {}
const EXPIRE_IN_MAX_MS = 290 * 365 * 24 * 3_600_000

function refuse(message: string, cause?: unknown): never {
  throw new ClusterError('INVALID_ARGUMENT', message, { cause })
}

/** Parses a query string. Pairs with a raw `;` or a broken percent-encoding are dropped. */
export function parseQuery(text: string): Query {
  if (text === '') return NO_QUERY
  const query: Record<string, string> = Object.create(null)
  for (const pair of text.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const equals = pair.indexOf('=')
    const name = unescape(equals < 0 ? pair : pair.slice(0, equals))
    const value = unescape(equals < 0 ? '' : pair.slice(equals + 1))
    if (name !== undefined && value !== undefined) query[name] ??= value
  }
  return query
}

function unescape(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    if (cause instanceof URIError) return undefined
    throw cause
  }
}

/** What a query says about a pin. Throws `INVALID_ARGUMENT` with the messages that clients of the reference know. */
export function parsePinOptions(query: Query, nowMs: number): PinOptions {
  if (query === NO_QUERY) return NO_OPTIONS
  const replication = query['replication'] ?? ''
  const options: PinOptions = {
    name: query['name'] ?? '',
    mode: query['mode'] === 'direct' ? 'direct' : 'recursive',
    replicationMin: integerOf(replication || query['replication-min'], 'parameter replication-min invalid'),
    replicationMax: integerOf(replication || query['replication-max'], 'parameter replication-max invalid'),
    shardSizeBytes: sizeOf(query['shard-size']),
    userAllocations: listOf(query['user-allocations']).flatMap(toPeerIds),
    expireAtMs: expiryOf(query, nowMs),
    metadata: {
      ...metadataOf(query),
      ...placementMetadata({
        require: query['require'],
        exclude: query['exclude'],
        distinct: query['distinct'],
      }),
    },
    pinUpdate: pinUpdateOf(query['pin-update']),
    origins: listOf(query['origins']),
  }
  checkBounds(options)
  checkPlacement(options.metadata)
  return options.origins.length === 0
    ? options
    : { ...options, origins: options.origins.map(origin => multiaddr(origin).toString()) }
}

function listOf(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(',').filter(item => item !== '')
}

function integerOf(text: string | undefined, message: string): number {
  if (text === undefined || text === '') return 0
  const value = Number(text)
  return /^[+-]?\d+$/.test(text) && Math.abs(value) <= 0x7fff_ffff ? value : refuse(message)
}

function sizeOf(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  const value = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : refuse('parameter shard_size is invalid')
}

/** Peer ids that cannot be read are dropped, as the reference does. */
function toPeerIds(text: string): readonly string[] {
  try {
    return [parsePeerId(text)]
  } catch (thrown) {
    if (thrown instanceof ClusterError) return []
    throw thrown
  }
}

function expiryOf(query: Query, nowMs: number): number | undefined {
  const { 'expire-at': at = '', 'expire-in': duration = '' } = query
  if (at !== '') return attempt('expire-at cannot be parsed', () => parseTime(at))
  if (duration === '') return undefined
  const ms = attempt('expire-in cannot be parsed', () => parseDuration(duration))
  if (ms < 1000) refuse('expire-in duration too short')
  if (ms > EXPIRE_IN_MAX_MS) refuse('expire-in cannot be parsed: it is longer than 290 years')
  return nowMs + ms
}

function attempt<Value>(what: string, parse: () => Value): Value {
  try {
    return parse()
  } catch (cause) {
    return refuse(`${what}: ${messageOf(cause)}`, cause)
  }
}

/** What the parameters `meta-<key>` say. */
export function metadataOf(query: Query): Readonly<Record<string, string>> {
  const entries = Object.entries(query)
    .filter(([name]) => name.startsWith('meta-') && name.length > 5)
    .map(([name, value]) => [name.slice(5), value] as const)
  return Object.fromEntries(entries)
}

function pinUpdateOf(text: string | undefined): Cid | undefined {
  return text === undefined || text === ''
    ? undefined
    : attempt('error decoding update option parameter', () => parseCid(text))
}

/** Which types a listing shows; undefined = all but requests and marks. Unknown names among known ones are passed over. */
export function parseTypeFilter(text: string | undefined): ReadonlySet<PinType> | undefined {
  if (text === undefined || text === '') return undefined
  const names = new Set(text.split(','))
  if (names.has('all')) return toAll(names)
  const types = PIN_TYPES.filter(type => names.has(type))
  return types.length === 0 ? refuse('invalid filter value') : new Set(types)
}

/** All types, and of those that are hidden the ones that are named as well. */
function toAll(names: ReadonlySet<string>): ReadonlySet<PinType> | undefined {
  const hidden: readonly PinType[] = ['request', 'peer-mark']
  if (!hidden.some(type => names.has(type))) return undefined
  return new Set(PIN_TYPES.filter(type => !hidden.includes(type) || names.has(type)))
}

/** The CIDs of a comma list. */
export function parseCidList(text: string): readonly Cid[] {
  return text.split(',').map(parseCid)
}

/** The path `/ipfs/<cid>/a/b` that a route names, cleaned, with its root checked. Throws `INVALID_ARGUMENT`. */
export function parseIpfsPath(
  keyType: string,
  rest: string,
): { readonly path: string; readonly cid: Cid | undefined } {
  const segments = rest.split('/').filter(segment => segment !== '')
  const path = `/${keyType}/${segments.join('/')}`
  const [root, ...below] = segments
  const what = `error parsing path: invalid path "${path.slice(0, 500)}"`
  if (root === undefined) return refuse(`${what}: path does not have enough components`)
  if (keyType === 'ipns') return { path, cid: undefined }
  const cid = attempt(what, () => parseCid(root))
  return { path, cid: below.length === 0 ? cid : undefined }
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/** A parameter that says yes or no, in one of the forms of the reference; empty counts as not given. Throws `INVALID_ARGUMENT`. */
export function booleanOf(query: Query, name: string, otherwise = false): boolean {
  const text = query[name] ?? ''
  if (text === '') return otherwise
  if (TRUE.has(text)) return true
  return FALSE.has(text) ? false : refuse(`parameter ${name} invalid`)
}

function choiceOf<const Choice extends string>(
  query: Query,
  name: string,
  choices: readonly [Choice, ...Choice[]],
) {
  const text = query[name] ?? ''
  if (text === '') return choices[0]
  return choices.find(choice => choice === text) ?? refuse(`${name} parameter is invalid`)
}

/** What a query says about adding. */
export interface AddRequest {
  readonly params: AddParams
  readonly options: PinOptions
  readonly isSharded: boolean
  /** Whether records go out as they come, rather than as one array at the end. */
  readonly isStreamed: boolean
}

/** Parses the query of an upload. Throws `INVALID_ARGUMENT`. */
export function parseAddRequest(query: Query, nowMs: number): AddRequest {
  const cidVersion = integerOf(query['cid-version'], 'parameter cid-version invalid')
  if (cidVersion !== 0 && cidVersion !== 1) refuse('parameter cid-version invalid')
  const isSharded = booleanOf(query, 'shard', false)
  for (const name of ['recursive', 'hidden']) booleanOf(query, name, false)
  if (booleanOf(query, 'nocopy', false)) refuse('parameter nocopy is not supported: blocks are always copied')
  const options = parsePinOptions(query, nowMs)
  return {
    params: {
      layout: choiceOf(query, 'layout', ['balanced', 'trickle']),
      format: choiceOf(query, 'format', ['unixfs', 'car']),
      chunker: query['chunker'] || 'size-262144',
      hash: (query['hash'] || 'sha2-256').toLowerCase(),
      cidVersion,
      rawLeaves: booleanOf(query, 'raw-leaves', cidVersion > 0),
      wrapWithDirectory: booleanOf(query, 'wrap-with-directory', false),
      progress: booleanOf(query, 'progress', false),
      local: booleanOf(query, 'local', false),
      noPin: booleanOf(query, 'no-pin', false),
    },
    options: {
      ...options,
      pinUpdate: undefined,
      shardSizeBytes: isSharded && options.shardSizeBytes === 0 ? SHARD_SIZE_BYTES : options.shardSizeBytes,
    },
    isSharded,
    isStreamed: booleanOf(query, 'stream-channels', true),
  }
}
