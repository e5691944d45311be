import assert from 'node:assert/strict'
import test from 'node:test'
import { collect, openPeers, type TestPeers } from '../../../test/support/cluster-peers.ts'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { createIdentity } from '../../model/identity.ts'
import { unmarked } from '../../model/peer-mark.ts'
import { toPin } from '../../model/pin.ts'

const { signal } = new AbortController()
const options = { signal }
const forced = { isForced: true, signal }
const unforced = { isForced: false, signal }

function ids(peers: TestPeers): readonly [string, string, string] {
  const [a = '', b = '', c = ''] = peers.peers.map(({ id }) => id)
  return [a, b, c]
}

async function pinOn(peers: TestPeers, numbers: readonly number[], allocations: readonly string[], min = 1) {
  const max = Math.max(min, allocations.length)
  const fields = { allocations, replicationMin: min, replicationMax: max }
  await peers.consensus.put(
    numbers.map(number => toPin(numberedCid(number), fields)),
    options,
  )
}

test('what is said on one peer shows on every other, in lists of peers as well', async () => {
  await using peers = await openPeers(3)
  const [, b] = ids(peers)
  const { cluster } = peers.first
  await cluster.care.say(b, { isCordoned: true }, options)
  await cluster.care.say(b, { maintenanceUntilMs: peers.clock.now() + 3_600_000 }, options)
  await peers.clock.advance(0)
  const other = peers.peers[2]?.cluster
  const [seen] = (other?.care.peers() ?? []).filter(({ peer }) => peer === b)
  const mark = { ...unmarked(b), isCordoned: true, maintenanceUntilMs: peers.clock.now() + 3_600_000 }
  assert.deepEqual([seen?.mark, seen?.peername, seen?.health?.condition], [mark, 'peer1', 'alive'])
  const listed = await collect(cluster.peers(options))
  assert.deepEqual(listed.find(({ id }) => id === b)?.care?.mark, mark)
  await cluster.care.say(b, { isCordoned: false, isDraining: false, isRemoved: false }, options)
  await cluster.care.say(b, { maintenanceUntilMs: undefined }, options)
  assert.equal(peers.consensus.pinsCount, 0)
})

test('changes at the same time at one peer do not undo each other', async () => {
  await using peers = await openPeers(3)
  const [, b] = ids(peers)
  const { care } = peers.first.cluster
  const maintenanceUntilMs = peers.clock.now() + 120_000
  await Promise.all([
    care.say(b, { isCordoned: true }, options),
    care.say(b, { maintenanceUntilMs }, options),
  ])
  const state = care.peers().find(({ peer }) => peer === b)
  assert.deepEqual(state?.mark, { ...unmarked(b), isCordoned: true, maintenanceUntilMs })
})

test('a peer that nobody knows is refused; one that only allocations name is not', async () => {
  await using peers = await openPeers(2)
  const { care } = peers.first.cluster
  const [stranger, ghost] = [createIdentity().id, createIdentity().id]
  for (const ask of [
    () => care.say(stranger, { isCordoned: true }, options),
    () => care.drain(stranger, unforced),
    () => care.remove(stranger, forced),
    () => care.content(stranger, { isChecked: false, signal }),
  ])
    await assert.rejects(ask, { code: 'NOT_FOUND' })
  await pinOn(peers, [1], [ghost])
  await care.remove(ghost, unforced)
  assert.equal(care.peers().find(({ peer }) => peer === ghost)?.mark.isRemoved, true)
})

test('a maintenance has bounds', async () => {
  await using peers = await openPeers(2)
  const [, b] = ids(peers)
  const nowMs = peers.clock.now()
  for (const maintenanceUntilMs of [0, nowMs, nowMs + 30_000, nowMs + 31 * 86_400_000, Number.NaN])
    await assert.rejects(peers.first.cluster.care.say(b, { maintenanceUntilMs }, options), {
      code: 'INVALID_ARGUMENT',
    })
})

test('followers and peers that are not trusted say nothing', async () => {
  await using following = await openPeers(2, { isFollower: true })
  const [, b] = ids(following)
  await assert.rejects(following.first.cluster.care.say(b, { isCordoned: true }, options), {
    code: 'READ_ONLY',
  })
  await assert.rejects(following.first.cluster.rebalance.start({ pinsPerSecond: 1, signal }), {
    code: 'READ_ONLY',
  })
  await using peers = await openPeers(2)
  peers.consensus.isSelfTrusted = false
  const [, other] = ids(peers)
  await assert.rejects(peers.first.cluster.care.drain(other, forced), { code: 'REFUSED' })
  await assert.rejects(peers.first.cluster.care.remove(other, forced), { code: 'REFUSED' })
})

test('a drain that others cannot take is refused with how many pins would stay, unless it is forced', async () => {
  await using peers = await openPeers(3)
  const [a, b, c] = ids(peers)
  const { care } = peers.first.cluster
  await pinOn(peers, [1, 2, 3], [a, b, c], 3)
  await pinOn(peers, [4, 5], [c], 1)
  await assert.rejects(care.drain(c, unforced), {
    code: 'REFUSED',
    message: /^3 of the 5 pins of peer .* would stay on it/,
  })
  assert.equal(care.peers().find(({ peer }) => peer === c)?.mark.isDraining, false)
  const begun = await care.drain(c, forced)
  assert.deepEqual([begun.allocatedCount, begun.unplacedCount, begun.unplaced.length], [5, 3, 3])
  assert.deepEqual([begun.state.mark.isDraining, begun.state.mark.isCordoned], [true, true])
  // Safe to run twice.
  await care.drain(c, forced)
  const checked = await care.content(c, { isChecked: true, signal })
  assert.equal(checked.unplacedCount, 3)
  await care.say(c, { isCordoned: false, isDraining: false, isRemoved: false }, options)
  assert.equal(care.peers().find(({ peer }) => peer === c)?.mark.isDraining, false)
})

test('a peer is empty when nothing is allocated to it, it says so itself, and nothing waits to be handed over', async () => {
  await using peers = await openPeers(3)
  const [a, b] = ids(peers)
  const { care } = peers.first.cluster
  const second = peers.peers[1]
  assert.ok(second !== undefined)
  await pinOn(peers, [1], [b])
  await peers.consensus.put([toPin(numberedCid(9), { replicationMin: -1, replicationMax: -1 })], options)
  const look = async () => {
    const { allocatedCount, everywhereCount, handOverCount, isEmpty } = await care.content(b, {
      isChecked: false,
      signal,
    })
    return [allocatedCount, everywhereCount, handOverCount, isEmpty]
  }
  assert.deepEqual(await look(), [1, 1, 0, false])
  second.heldCount = 1
  await pinOn(peers, [1], [a])
  assert.deepEqual(await look(), [0, 1, 1, false])
  second.heldCount = 0
  assert.deepEqual(await look(), [0, 1, 0, true])
  second.answers = 'unreachable'
  assert.deepEqual(await look(), [0, 1, undefined, false])
  peers.become(b, 'unreachable')
  assert.deepEqual(await look(), [0, 1, undefined, true])
})

test('a live peer with content is not removed without force; an emptied, a dead and a forced one are', async () => {
  await using peers = await openPeers(3)
  const [a, b, c] = ids(peers)
  const { care } = peers.first.cluster
  const isRemoved = (of: string) => care.peers().find(({ peer }) => peer === of)?.mark.isRemoved
  await pinOn(peers, [1], [b])
  await assert.rejects(care.remove(b, unforced), { code: 'REFUSED', message: /is alive and keeps 1 pins/ })
  await care.drain(b, unforced)
  await assert.rejects(care.remove(b, unforced), { code: 'REFUSED' })
  await pinOn(peers, [1], [a])
  await care.remove(b, unforced)
  await care.remove(b, unforced)
  assert.deepEqual([isRemoved(b), isRemoved(c)], [true, false])
  peers.become(c, 'gone')
  await care.remove(c, unforced)
  assert.equal(isRemoved(c), true)
  await care.say(b, { isCordoned: false, isDraining: false, isRemoved: false }, options)
  await care.remove(b, forced)
  assert.equal(isRemoved(b), true)
})

test('why a drained peer is not removed yet is said, and one that was stopped is removed at once', async () => {
  await using peers = await openPeers(3)
  const [, b] = ids(peers)
  const { care } = peers.first.cluster
  const second = peers.peers[1]
  assert.ok(second !== undefined)
  const refused = (message: RegExp) => assert.rejects(care.remove(b, unforced), { code: 'REFUSED', message })
  await refused(/is alive and was not drained/)
  await care.drain(b, unforced)
  second.heldCount = 2
  await refused(/still holds 2 pins until others have them/)
  second.answers = 'unreachable'
  await refused(/does not say whether it is empty/)
  peers.become(b, 'suspect')
  await care.remove(b, unforced)
  assert.equal(care.peers().find(({ peer }) => peer === b)?.mark.isRemoved, true)
})

test('nothing new goes to a cordoned peer, and it keeps what it has', async () => {
  await using peers = await openPeers(3)
  const [a] = ids(peers)
  const { cluster } = peers.first
  await pinOn(peers, [1], [a])
  await cluster.care.say(a, { isCordoned: true }, options)
  assert.deepEqual((await peers.consensus.get(numberedCid(1)))?.allocations, [a])
})

test('marks are no pins: they are not listed, tracked, pinned or unpinned as such', async () => {
  await using peers = await openPeers(2)
  const [, b] = ids(peers)
  const { cluster } = peers.first
  await cluster.care.say(b, { isCordoned: true }, options)
  const listed = await collect(cluster.allocations({}, options))
  assert.deepEqual(listed, [])
  const [entry] = await collect(cluster.allocations({ types: new Set(['peer-mark']) }, options))
  assert.ok(entry !== undefined)
  await assert.rejects(cluster.unpin(entry.cid, options), { code: 'REFUSED', message: /names a peer/ })
  await assert.rejects(cluster.pin(entry.cid, { ...entry, replicationMin: 1, replicationMax: 1, signal }), {
    code: 'REFUSED',
  })
  async function* line() {
    yield [{ line: 1, cid: entry?.cid, wanted: entry ?? toPin(numberedCid(1)) }]
  }
  const changes = { replicationMin: 0, replicationMax: 0, allocations: [], signal }
  const imported = (await collect(cluster.importPins(line(), changes))).flat()
  assert.ok(imported[0]?.outcome instanceof Error && imported[0].outcome.code === 'REFUSED')
})

test('a peer that was removed and runs says so in its log, and the others when it comes back', async () => {
  await using peers = await openPeers(2)
  const [a, b] = ids(peers)
  await peers.first.cluster.care.remove(b, forced)
  await peers.clock.advance(0)
  const warnings = (at: number) =>
    (peers.peers[at]?.logger.lines ?? [])
      .filter(({ level }) => level === 'warn')
      .map(({ message }) => message)
  assert.match(warnings(1).join('\n'), /this peer was removed from the cluster/)
  peers.become(b, 'gone')
  peers.become(b, 'alive')
  peers.become(b, 'suspect')
  peers.become(b, 'alive')
  assert.equal(warnings(0).filter(line => /removed from the cluster is back/.test(line)).length, 1)
  assert.ok(a !== b)
})
