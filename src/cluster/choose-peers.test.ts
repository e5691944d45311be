import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { toAllocate } from '../allocator/allocate.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerCondition } from '../model/peer-health.ts'
import { type PeerMark, unmarked } from '../model/peer-mark.ts'
import { toPin } from '../model/pin.ts'
import { ANYWHERE, DISTINCT_KEY, parseTagRules, REQUIRE_KEY } from '../model/placement.ts'
import { type ChoiceRequest, peerChooser } from './choose-peers.ts'

const PEERS = ['A', 'B', 'C', 'D']
const ZONES: Readonly<Record<string, string>> = { A: '1', B: '1', C: '2', D: '3' }

/** Four peers, the first with the most space, each in a zone. */
function openWorld() {
  const conditions = new Map<PeerId, PeerCondition>()
  const marks = new Map<PeerId, Partial<PeerMark>>()
  const full = new Set<PeerId>()
  const untrusted = new Set<PeerId>()
  let reads = 0
  const latest = (name: string): readonly Metric[] => {
    reads++
    return PEERS.flatMap((peer, at) => {
      const values: Readonly<Record<string, Pick<Metric, 'value' | 'weight'>>> = {
        freespace: { value: String(1000 - at * 200), weight: 1000 - at * 200 },
        diskused: { value: full.has(peer) ? '1' : '0', weight: full.has(peer) ? -1 : 0 },
        'tag:zone': { value: ZONES[peer] ?? '', weight: 0 },
      }
      const value = values[name]
      const isPartitionable = name.startsWith('tag:')
      const rest = { name, peer, isPartitionable, isValid: true, ttlMs: 1, receivedAtMs: 0, expireAtMs: 1 }
      return value === undefined ? [] : [{ ...rest, ...value }]
    })
  }
  const components = {
    allocate: toAllocate({ weightTolerance: 0, diskFullShare: 0.95 }),
    consensus: { isTrusted: (peer: PeerId) => !untrusted.has(peer) },
    marks: { of: (peer: PeerId): PeerMark => ({ ...unmarked(peer), ...marks.get(peer) }) },
    monitor: {
      latest,
      hello: (peer: PeerId) => ({ peername: `name-${peer}`, ipfsId: undefined, ipfsAddresses: [] }),
      health: () =>
        PEERS.map(peer => {
          const condition = conditions.get(peer) ?? 'alive'
          return { peer, condition, phi: 0, heardAtMs: 0, sinceMs: 0 }
        }),
    },
  }
  const config = { allocateBy: ['freespace'], allocateTo: 'any' as const, placement: ANYWHERE }
  const ask = (options: Partial<ChoiceRequest> & { readonly current?: readonly PeerId[] } = {}) => {
    const { current, ...rest } = options
    const cid = numberedCid(1)
    const replication = { min: 2, max: 2 }
    const existing = current && toPin(cid, { allocations: current, replicationMin: 2, replicationMax: 2 })
    return { cid, replication, existing, preferred: [], ...rest }
  }
  const choose = (...asked: Parameters<typeof ask>) => peerChooser(components, config)(ask(...asked))
  return { components, config, conditions, marks, full, untrusted, ask, choose, reads: () => reads }
}

test('peers that are not well, marked or full get nothing new, and keep what they have until they are gone', () => {
  for (const spoil of [
    ({ conditions }) => conditions.set('A', 'suspect'),
    ({ conditions }) => conditions.set('A', 'unreachable'),
    ({ marks }) => marks.set('A', { isCordoned: true }),
    ({ marks }) => marks.set('A', { isDraining: true }),
    ({ marks }) => marks.set('A', { isRemoved: true }),
    ({ full }) => full.add('A'),
  ] satisfies ((world: ReturnType<typeof openWorld>) => unknown)[]) {
    const world = openWorld()
    spoil(world)
    assert.deepEqual(world.choose(), ['B', 'C'], String(spoil))
    assert.deepEqual(world.choose({ preferred: ['A'] }), ['B', 'C'], String(spoil))
    assert.deepEqual(world.choose({ current: ['A', 'D'] }), ['A', 'D'], String(spoil))
  }
  const world = openWorld()
  world.conditions.set('A', 'gone')
  assert.deepEqual(world.choose({ current: ['A', 'D'] }), ['D', 'B'])
})

test('content leaves the peers that are to be left, and no others, whatever is known of those', () => {
  const world = openWorld()
  assert.deepEqual(world.choose({ current: ['A', 'D'], leaving: new Set(['D']) }), ['A', 'B'])
  world.conditions.set('A', 'gone')
  world.marks.set('B', { isCordoned: true })
  assert.deepEqual(world.choose({ current: ['A', 'D'], leaving: new Set(['D']) }), ['A', 'C'])
  assert.throws(() => world.choose({ current: ['A', 'D'], leaving: new Set(['A', 'D']) }), {
    code: 'NOT_ENOUGH_PEERS',
    message:
      /Not counted: name-A \(A\) is to be left; name-D \(D\) is to be left; name-B \(B\) is cordoned\. /,
  })
})

test('a pin is placed by its metadata, an existing one by its own, all others by the policy of the cluster', () => {
  const world = openWorld()
  const policy = { ...ANYWHERE, require: parseTagRules('zone=1') }
  const choose = peerChooser(world.components, { ...world.config, placement: policy })
  const metadata = { [REQUIRE_KEY]: 'zone=2,zone=3' }
  assert.deepEqual(choose(world.ask()), ['A', 'B'])
  assert.deepEqual(choose(world.ask({ metadata })), ['C', 'D'])
  assert.deepEqual(choose(world.ask()), ['A', 'B'])
  const existing = toPin(numberedCid(1), {
    allocations: ['C', 'A'],
    metadata: { [REQUIRE_KEY]: '', [DISTINCT_KEY]: 'zone' },
  })
  assert.deepEqual(choose(world.ask({ existing, leaving: new Set(['A']) })), ['C', 'B'])
})

test('trusted peers only, or only others, where that is set', () => {
  const world = openWorld()
  world.untrusted.add('A')
  world.untrusted.add('B')
  const only = (allocateTo: 'trusted' | 'untrusted') =>
    peerChooser(world.components, { ...world.config, allocateTo })(world.ask())
  assert.deepEqual(only('trusted'), ['C', 'D'])
  assert.deepEqual(only('untrusted'), ['A', 'B'])
})

test('many pins are placed by one look at the metrics, everywhere by none', () => {
  const world = openWorld()
  const choose = peerChooser(world.components, world.config)
  assert.deepEqual(choose(world.ask({ replication: { min: -1, max: -1 } })), [])
  assert.equal(world.reads(), 0)
  const leaving = new Set(['D'])
  for (let number = 0; number < 50; number++) {
    choose(world.ask({ cid: numberedCid(number) }))
    choose(world.ask({ cid: numberedCid(number), current: ['A', 'D'], leaving }))
    choose(world.ask({ metadata: { [DISTINCT_KEY]: 'zone' } }))
  }
  assert.equal(world.reads(), 3)
})
