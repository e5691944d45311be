import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ClusterError } from '../errors.ts'
import { formatCid, parseCid } from '../model/cid.ts'
import { NO_OPTIONS, type PinOptions } from '../model/pin.ts'
import { formatTime } from '../model/time-json.ts'
import {
  parseAddRequest,
  parseIpfsPath,
  parsePinOptions,
  parseQuery,
  parseTypeFilter,
  SHARD_SIZE_BYTES,
} from './query.ts'

const NOW = Date.UTC(2026, 0, 1)
const CID = 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'
const peer = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const options = (text: string) => parsePinOptions(parseQuery(text), NOW)
const refusal = (parse: () => unknown) => {
  try {
    parse()
  } catch (thrown) {
    assert.ok(thrown instanceof ClusterError)
    assert.equal(thrown.code, 'INVALID_ARGUMENT')
    return thrown.message
  }
  return assert.fail('nothing was thrown')
}

/** The query that asks for these options; what says nothing is left out. */
function formatPinQuery(options: Partial<PinOptions>): Record<string, string> {
  const { name, mode, replicationMin, replicationMax, shardSizeBytes, userAllocations, origins } = options
  const texts: [string, string | undefined][] = [
    ['name', name],
    ['mode', mode === 'direct' ? mode : undefined],
    ['replication-min', textOf(replicationMin)],
    ['replication-max', textOf(replicationMax)],
    ['shard-size', textOf(shardSizeBytes)],
    ['user-allocations', userAllocations?.join(',')],
    ['expire-at', options.expireAtMs === undefined ? undefined : formatTime(options.expireAtMs)],
    ['pin-update', options.pinUpdate === undefined ? undefined : formatCid(options.pinUpdate)],
    ['origins', origins?.join(',')],
  ]
  for (const [key, value] of Object.entries(options.metadata ?? {})) texts.push([`meta-${key}`, value])
  const isSaid = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && (entry[1] !== '' || entry[0].startsWith('meta-'))
  return Object.fromEntries(texts.filter(isSaid))
}

function textOf(value: number | undefined): string | undefined {
  return value === undefined || value === 0 ? undefined : String(value)
}

test('options come back from the query that asks for them', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 }).filter(value => value.isWellFormed())
  const members = {
    name: text,
    mode: fc.constantFrom('recursive', 'direct'),
    replicationMin: fc.integer({ min: -1, max: 100 }),
    replicationMax: fc.integer({ min: -1, max: 100 }),
    shardSizeBytes: fc.nat(),
    userAllocations: fc.constantFrom([], [peer]),
    expireAtMs: fc.option(fc.integer({ min: 1, max: Date.UTC(9000, 0) }), { nil: undefined }),
    metadata: fc.dictionary(
      text.filter(key => key !== ''),
      text,
      { noNullPrototype: true },
    ),
    pinUpdate: fc.constantFrom(undefined, parseCid(CID)),
    origins: fc.constantFrom([], [`/ip4/1.2.3.4/tcp/4001/p2p/${peer}`]),
  } as const
  const any: fc.Arbitrary<PinOptions> = fc.record(members, { noNullPrototype: true })
  fc.assert(
    fc.property(any, wanted => {
      const query = new URLSearchParams(formatPinQuery(wanted)).toString()
      assert.deepEqual(options(query), wanted)
    }),
  )
})

test('an empty query and empty values say nothing', () => {
  assert.deepEqual(options(''), NO_OPTIONS)
  const empty =
    'name=&replication=&replication-min=&shard-size=&user-allocations=&expire-at=&expire-in=&pin-update=&origins=&meta-='
  assert.deepEqual(options(empty), NO_OPTIONS)
})

test('the first value counts, + is a space, pairs with ; or broken encoding are dropped', () => {
  assert.deepEqual({ ...parseQuery('a=1&a=2&b=x+y%20z&c=1;d=2&e=%zz&f') }, { a: '1', b: 'x y z', f: '' })
})

test('replication overrides both bounds; unknown modes are recursive', () => {
  const { replicationMin, replicationMax, mode } = options(
    'replication=3&replication-min=1&replication-max=2&mode=DIRECT',
  )
  assert.deepEqual([replicationMin, replicationMax, mode], [3, 3, 'recursive'])
})

test('expire-at goes before expire-in, which counts from now', () => {
  assert.equal(options('expire-in=1h30m').expireAtMs, NOW + 5_400_000)
  assert.equal(options('expire-at=2099-01-01T00:00:00Z&expire-in=foo').expireAtMs, Date.UTC(2099, 0))
})

test('wanted peers that cannot be read are dropped', () => {
  assert.deepEqual(options(`user-allocations=foo,${peer},`).userAllocations, [peer])
})

test('bad options are refused with the messages of the reference', () => {
  const messages: readonly (readonly [string, string])[] = [
    ['replication-min=foo', 'parameter replication-min invalid'],
    ['replication-max=1.5', 'parameter replication-max invalid'],
    ['replication=x', 'parameter replication-min invalid'],
    ['replication-min=99999999999', 'parameter replication-min invalid'],
    ['shard-size=-1', 'parameter shard_size is invalid'],
    ['shard-size=99999999999999999999', 'parameter shard_size is invalid'],
    ['expire-in=100ms', 'expire-in duration too short'],
    ['expire-in=-5h', 'expire-in duration too short'],
  ]
  for (const [query, message] of messages)
    assert.equal(
      refusal(() => options(query)),
      message,
    )
  const beginnings: readonly (readonly [string, string])[] = [
    ['expire-in=foo', 'expire-in cannot be parsed: '],
    ['expire-in=99999999h', 'expire-in cannot be parsed: '],
    ['expire-at=foo', 'expire-at cannot be parsed: '],
    ['pin-update=foo', 'error decoding update option parameter: '],
    ['origins=foo', 'error decoding multiaddress: '],
    ['origins=/ip4/127.0.0.1/tcp/4001', 'multiaddress does not contain peer ID: '],
    [`name=${'x'.repeat(5000)}`, 'name is longer'],
  ]
  for (const [query, begin] of beginnings) assert.ok(refusal(() => options(query)).startsWith(begin), query)
})

test('a filter of types needs one known name', () => {
  assert.equal(parseTypeFilter(''), undefined)
  assert.equal(parseTypeFilter('pin,all'), undefined)
  assert.deepEqual(parseTypeFilter('foo,pin,shard-pin'), new Set(['pin', 'shard-pin']))
  assert.equal(
    refusal(() => parseTypeFilter('foo')),
    'invalid filter value',
  )
  assert.equal(
    refusal(() => parseTypeFilter(' pin')),
    'invalid filter value',
  )
})

test('a path is cleaned and its root is checked', () => {
  assert.equal(parseIpfsPath('ipfs', `${CID}//a/b/`).path, `/ipfs/${CID}/a/b`)
  assert.equal(parseIpfsPath('ipfs', CID).cid?.toString(), CID)
  assert.equal(parseIpfsPath('ipns', 'example.org').cid, undefined)
  assert.ok(
    refusal(() => parseIpfsPath('ipfs', 'x/y')).startsWith('error parsing path: invalid path "/ipfs/x/y": '),
  )
  assert.ok(refusal(() => parseIpfsPath('ipfs', '/')).endsWith('path does not have enough components'))
})

test('an upload has the defaults of the reference', () => {
  const { params, isStreamed } = parseAddRequest({}, NOW)
  assert.deepEqual(params, {
    layout: 'balanced',
    format: 'unixfs',
    chunker: 'size-262144',
    hash: 'sha2-256',
    cidVersion: 0,
    rawLeaves: false,
    wrapWithDirectory: false,
    progress: false,
    local: false,
    noPin: false,
  })
  assert.equal(isStreamed, true)
})

test('CID version 1 turns raw leaves on unless told otherwise; a sharded upload has a shard size', () => {
  assert.equal(parseAddRequest({ 'cid-version': '1' }, NOW).params.rawLeaves, true)
  assert.equal(parseAddRequest({ 'cid-version': '1', 'raw-leaves': 'F' }, NOW).params.rawLeaves, false)
  assert.equal(parseAddRequest({ shard: 'T' }, NOW).options.shardSizeBytes, SHARD_SIZE_BYTES)
  assert.equal(parseAddRequest({ shard: '1', 'shard-size': '7' }, NOW).options.shardSizeBytes, 7)
  assert.equal(parseAddRequest({ 'pin-update': CID }, NOW).options.pinUpdate, undefined)
})

test('bad parameters of an upload are refused with the messages of the reference', () => {
  const add = (query: Record<string, string>) => refusal(() => parseAddRequest(query, NOW))
  assert.equal(add({ layout: 'foo' }), 'layout parameter is invalid')
  assert.equal(add({ format: 'foo' }), 'format parameter is invalid')
  assert.equal(add({ 'cid-version': 'foo' }), 'parameter cid-version invalid')
  assert.equal(add({ 'cid-version': '2' }), 'parameter cid-version invalid')
  const flags = [
    'local',
    'recursive',
    'hidden',
    'wrap-with-directory',
    'shard',
    'progress',
    'stream-channels',
    'nocopy',
    'no-pin',
    'raw-leaves',
  ]
  for (const name of flags) assert.equal(add({ [name]: 'yes' }), `parameter ${name} invalid`)
})
