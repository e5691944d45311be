import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { cidOf, collect, openPeers, type TestPeers } from '../../test/support/cluster-peers.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { type Cid, cidKey, parseCid } from '../model/cid.ts'
import { unmarked } from '../model/peer-mark.ts'
import { NO_OPTIONS, toPin } from '../model/pin.ts'
import {
  OWNER_KEY,
  parseRequestId,
  type Requester,
  type RequestFilter,
  type WantedRequest,
} from '../model/pin-request.ts'
import { ANYWHERE } from '../model/placement.ts'
import type { ClusterConfig } from './config.ts'
import { openPinRequests } from './pin-requests.ts'

const signal = new AbortController().signal
const ANYBODY: Requester = { owner: '', isEveryOwner: true }
const by = (owner: string) => ({ owner, isEveryOwner: false, signal })
const anybody = { ...ANYBODY, signal }
const ALL: RequestFilter = {
  owner: undefined,
  cids: undefined,
  name: undefined,
  beforeMs: undefined,
  afterMs: undefined,
  meta: {},
  statuses: undefined,
  limit: 10,
}
const CONFIG: ClusterConfig = {
  peername: 'peer0',
  stateSyncIntervalMs: 60_000,
  replication: { min: -1, max: -1 },
  allocateTo: 'any',
  isFollower: false,
  allocateBy: ['freespace'],
  placement: ANYWHERE,
  connectSwarmsDelayMs: 0,
  repin: { isAutomatic: false, delayMs: 0, perSecond: 1, inFlightMax: 1, guardShare: 0.5 },
}

function wantedOf(cid: Cid, more: Partial<WantedRequest> = {}): WantedRequest {
  return { cid, name: '', meta: {}, origins: [], ...more }
}

/** Requests as the n-th peer keeps them. */
async function openAt(peers: TestPeers, at = 0, config: Partial<ClusterConfig> = {}) {
  const { consensus, clock } = peers
  const peer = peers.peers[at]
  assert.ok(peer !== undefined)
  const ids = peers.peers.map(({ id }) => id)
  const hello = (id: string) => ({
    peername: id,
    ipfsId: undefined,
    ipfsAddresses: [`/ip4/127.0.0.1/tcp/${4001 + ids.indexOf(id)}`],
  })
  const monitor = {
    peers: () => ids,
    hello,
    latest: () => [],
    onHealth: () => ({ [Symbol.dispose]: () => undefined }),
    health: () => [],
    metricNames: () => [],
    expect: () => undefined,
    onMetric: () => ({ [Symbol.dispose]: () => undefined }),
    beat: async () => undefined,
  }
  return openPinRequests(
    {
      consensus,
      clock,
      monitor,
      marks: { of: unmarked },
      self: peer.id,
      logger: peer.logger,
      random: seededRandom(at),
      cluster: peer.cluster,
      allocate: ({ metrics: _metrics }) => ids.slice(0, 1),
    },
    { ...CONFIG, ...config },
  )
}

test('several requests for one content live side by side, and the content goes with the last of them', async () => {
  await using peers = await openPeers(2)
  await using requests = await openAt(peers)
  const cid = await cidOf('a')
  const one = await requests.add(wantedOf(cid, { name: 'one', meta: { app: 'x' } }), anybody)
  const two = await requests.add(wantedOf(cid, { name: 'two' }), anybody)
  assert.notEqual(one.id, two.id)
  assert.equal(one.status, 'queued')
  assert.deepEqual(one.delegates, ['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/tcp/4002'])
  const seen = await requests.get(parseRequestId(one.id), anybody)
  assert.deepEqual(
    [seen.name, seen.meta, seen.status, seen.createdMs],
    ['one', { app: 'x' }, 'pinned', one.createdMs],
  )
  await requests.remove(parseRequestId(one.id), anybody)
  await assert.rejects(requests.get(parseRequestId(one.id), anybody), {
    code: 'NOT_FOUND',
    message: 'pin not found',
  })
  assert.notEqual(await peers.consensus.get(cid), undefined)
  await requests.remove(parseRequestId(two.id), anybody)
  assert.equal(await peers.consensus.get(cid), undefined)
  assert.equal(peers.consensus.pinsCount, 0)
})

test('what an operator pinned stays when the last request goes, with the name that he gave it', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const cid = await cidOf('a')
  await peers.first.cluster.pin(cid, { ...NO_OPTIONS, name: 'mine', signal })
  const { id } = await requests.add(wantedOf(cid, { name: 'theirs' }), anybody)
  await requests.remove(parseRequestId(id), anybody)
  assert.equal((await peers.consensus.get(cid))?.name, 'mine')
})

test('a pin made from that of a request is not taken for one of a request', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const [cid, next] = [await cidOf('a'), await cidOf('b')]
  await requests.add(wantedOf(cid), anybody)
  await peers.first.cluster.pin(next, { ...NO_OPTIONS, pinUpdate: cid, signal })
  const { id } = await requests.add(wantedOf(next), anybody)
  await requests.remove(parseRequestId(id), anybody)
  assert.notEqual(await peers.consensus.get(next), undefined)
})

test('a direct pin becomes recursive, and new origins are added to content that is there for requests', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const [direct, held] = [await cidOf('a'), await cidOf('b')]
  await peers.first.cluster.pin(direct, { ...NO_OPTIONS, mode: 'direct', signal })
  await requests.add(wantedOf(direct), anybody)
  assert.equal((await peers.consensus.get(direct))?.mode, 'recursive')
  const origin = (port: number) => `/ip4/127.0.0.1/tcp/${port}/p2p/${peers.first.id}`
  await requests.add(wantedOf(held, { origins: [origin(1)] }), anybody)
  await requests.add(wantedOf(held, { origins: [origin(2)] }), anybody)
  assert.deepEqual((await peers.consensus.get(held))?.origins, [origin(2), origin(1)])
})

test('replacing gives a new request, also for the same content, and removes the old one', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const [cid, next] = [await cidOf('a'), await cidOf('b')]
  const first = await requests.add(wantedOf(cid, { name: 'a' }), anybody)
  const same = await requests.replace(parseRequestId(first.id), wantedOf(cid, { name: 'b' }), anybody)
  assert.notEqual(same.id, first.id)
  assert.equal((await peers.consensus.get(cid)) === undefined, false)
  const other = await requests.replace(parseRequestId(same.id), wantedOf(next, { name: 'b' }), anybody)
  assert.equal(await peers.consensus.get(cid), undefined)
  assert.notEqual(await peers.consensus.get(next), undefined)
  const { requests: left } = await requests.list(ALL, { signal })
  assert.deepEqual(
    left.map(({ id }) => id),
    [other.id],
  )
  await assert.rejects(requests.replace(parseRequestId(first.id), wantedOf(cid), anybody), {
    code: 'NOT_FOUND',
  })
  assert.equal(await peers.consensus.get(cid), undefined)
})

test('a user sees and changes nobody else’s requests', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const cid = await cidOf('a')
  const hers = await requests.add(wantedOf(cid, { name: 'hers' }), by('user:ann'))
  const his = await requests.add(wantedOf(cid, { name: 'his' }), by('user:bob'))
  const id = parseRequestId(hers.id)
  await assert.rejects(requests.get(id, by('user:bob')), { code: 'NOT_FOUND' })
  await assert.rejects(requests.remove(id, by('user:bob')), { code: 'NOT_FOUND' })
  await assert.rejects(requests.replace(id, wantedOf(cid), by('user:bob')), { code: 'NOT_FOUND' })
  const list = await requests.list({ ...ALL, owner: 'user:bob' }, { signal })
  assert.deepEqual([list.count, list.requests.map(request => request.id)], [1, [his.id]])
  assert.equal(OWNER_KEY in (list.requests[0]?.meta ?? {}), false)
  assert.equal((await requests.list(ALL, { signal })).count, 2)
})

test('requests are found by content, name, time, metadata and status, newest first, with the count of all', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const cids = await Promise.all(['a', 'b', 'c', 'd'].map(cidOf))
  const added = []
  for (const [at, cid] of cids.entries()) {
    const name = ['Cat', 'cat photo', 'dog', ''][at] ?? ''
    added.push(await requests.add(wantedOf(cid, { name, meta: { even: String(at % 2 === 0) } }), anybody))
  }
  const find = async (filter: Partial<RequestFilter>) => {
    const { count, requests: found } = await requests.list({ ...ALL, ...filter }, { signal })
    return [count, ...found.map(({ name }) => name)]
  }
  assert.deepEqual(await find({}), [4, '', 'dog', 'cat photo', 'Cat'])
  assert.deepEqual(await find({ limit: 1 }), [4, ''])
  assert.deepEqual(await find({ cids: cids.slice(1, 3) }), [2, 'dog', 'cat photo'])
  assert.deepEqual(await find({ cids: [cids[0], cids[0]].filter(cid => cid !== undefined) }), [1, 'Cat'])
  assert.deepEqual(await find({ name: { text: 'cat', match: 'exact' } }), [0])
  assert.deepEqual(await find({ name: { text: 'cat', match: 'iexact' } }), [1, 'Cat'])
  assert.deepEqual(await find({ name: { text: 'cat', match: 'partial' } }), [1, 'cat photo'])
  assert.deepEqual(await find({ name: { text: 'CAT', match: 'ipartial' } }), [2, 'cat photo', 'Cat'])
  assert.deepEqual(await find({ meta: { even: 'true' } }), [2, 'dog', 'Cat'])
  assert.deepEqual(await find({ beforeMs: added[2]?.createdMs }), [2, 'cat photo', 'Cat'])
  assert.deepEqual(await find({ afterMs: added[2]?.createdMs }), [1, ''])
  const [first] = cids
  assert.ok(first !== undefined)
  peers.first.statuses.set(cidKey(first), 'pin_error')
  assert.deepEqual(await find({ statuses: new Set(['failed']) }), [1, 'Cat'])
  assert.deepEqual(await find({ statuses: new Set(['pinned']), limit: 2 }), [3, '', 'dog'])
})

test('many requests are counted by status from what is under way, and pages by time leave none out', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  for (let at = 0; at < 250; at++) {
    const cid = await cidOf(`${at}`)
    await requests.add(wantedOf(cid, { name: `${at}` }), anybody)
    if (at % 5 === 0) peers.first.statuses.set(cidKey(cid), at % 2 === 0 ? 'pinning' : 'pin_error')
  }
  const count = async (...statuses: ('queued' | 'pinning' | 'pinned' | 'failed')[]) => {
    const { count, requests: page } = await requests.list(
      { ...ALL, statuses: new Set(statuses), limit: 3 },
      { signal },
    )
    assert.ok(page.every(({ status }) => statuses.includes(status)))
    return count
  }
  assert.deepEqual(
    [await count('pinned'), await count('pinning'), await count('failed'), await count('queued', 'pinning')],
    [200, 25, 25, 25],
  )
  const names: string[] = []
  for (let beforeMs: number | undefined; ; ) {
    const { requests: page } = await requests.list({ ...ALL, beforeMs, limit: 60 }, { signal })
    names.push(...page.map(({ name }) => name))
    beforeMs = page.at(-1)?.createdMs
    if (page.length === 0) break
  }
  assert.deepEqual(
    names,
    Array.from({ length: 250 }, (_, at) => `${249 - at}`),
  )
})

test('listings, statuses and the count of pins show no requests, and nobody pins or unpins one by name', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const cid = await cidOf('a')
  const entry = parseCid((await requests.add(wantedOf(cid), anybody)).id)
  const { cluster } = peers.first
  const cids = async (pins: AsyncIterable<{ readonly cid: Cid }>) =>
    (await collect(pins)).map(found => found.cid.toString())
  assert.deepEqual(await cids(cluster.allocations({}, { signal })), [cid.toString()])
  assert.deepEqual(await cids(cluster.statuses(undefined, { local: false, signal })), [cid.toString()])
  const asked = cluster.allocations({ types: new Set(['request']) }, { signal })
  assert.deepEqual(await cids(asked), [entry.toString()])
  await assert.rejects(cluster.unpin(entry, { signal }), { code: 'REFUSED' })
  await assert.rejects(cluster.pin(entry, { ...NO_OPTIONS, signal }), { code: 'REFUSED' })
})

test('content that went at another peer while a request lives is pinned again, by the peer that is responsible', async () => {
  await using peers = await openPeers(3)
  await using stack = new AsyncDisposableStack()
  const all = []
  for (const at of [0, 1, 2]) all.push(stack.use(await openAt(peers, at)))
  const [first] = all
  assert.ok(first !== undefined)
  const cids = await Promise.all(Array.from({ length: 12 }, (_, at) => cidOf(`${at}`)))
  for (const cid of cids) await first.add(wantedOf(cid, { name: 'kept' }), anybody)
  await peers.clock.advance(3000)
  const writes = peers.consensus.writesCount
  await peers.consensus.remove(cids, { signal })
  await peers.clock.advance(3000)
  for (const cid of cids) assert.equal((await peers.consensus.get(cid))?.name, 'kept')
  assert.equal(peers.consensus.writesCount - writes, 1 + cids.length, 'each was pinned once')
})

test('content whose last requests went at two peers at once is let go; nothing is let go without having lost one', async () => {
  await using peers = await openPeers(2)
  await using _other = await openAt(peers, 1)
  await using requests = await openAt(peers)
  const [lost, kept] = [await cidOf('a'), await cidOf('b')]
  const ids = []
  for (const name of ['x', 'y'])
    ids.push(parseRequestId((await requests.add(wantedOf(lost, { name }), anybody)).id))
  const { metadata } = (await peers.consensus.get(lost)) ?? assert.fail('content is pinned')
  await peers.consensus.put(
    [toPin(kept, { replicationMin: -1, replicationMax: -1, metadata: rename(metadata, kept) })],
    { signal },
  )
  await peers.consensus.remove(ids, { signal })
  await peers.clock.advance(70_000)
  assert.equal(await peers.consensus.get(lost), undefined)
  assert.notEqual(await peers.consensus.get(kept), undefined)
})

function rename(metadata: Readonly<Record<string, string>>, cid: Cid): Record<string, string> {
  return Object.fromEntries(Object.keys(metadata).map(key => [key, cid.toString()]))
}

test('requests whose content is missing at the start are seen to, and a follower changes nothing', async () => {
  await using peers = await openPeers(1)
  const cid = await cidOf('a')
  {
    await using requests = await openAt(peers)
    await requests.add(wantedOf(cid), anybody)
  }
  await peers.consensus.remove([cid], { signal })
  {
    await using follower = await openAt(peers, 0, { isFollower: true })
    await peers.clock.advance(70_000)
    assert.equal(await peers.consensus.get(cid), undefined)
    await assert.rejects(follower.add(wantedOf(cid), anybody), { code: 'READ_ONLY' })
  }
  await using _again = await openAt(peers)
  await peers.clock.advance(1000)
  assert.notEqual(await peers.consensus.get(cid), undefined)
})

test('what does not fit is refused before anything is written', async () => {
  await using peers = await openPeers(1)
  await using requests = await openAt(peers)
  const cid = await cidOf('a')
  const refused = async (wanted: WantedRequest, code: string) => {
    await assert.rejects(requests.add(wanted, anybody), { code })
    assert.equal(peers.consensus.writesCount, 0)
  }
  await refused(wantedOf(cid, { origins: ['/ip4/127.0.0.1/tcp/1'] }), 'INVALID_ARGUMENT')
  await refused(wantedOf(cid, { meta: { long: 'x'.repeat(40_000) } }), 'INVALID_ARGUMENT')
  const inline = CID.create(1, 0x55, identity.digest(new Uint8Array(100)))
  assert.ok(inline.bytes.length > 96)
  await refused(wantedOf(inline), 'INVALID_ARGUMENT')
})
