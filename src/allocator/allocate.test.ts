import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { freshMetric, allocationRequest as request } from '../../test/support/allocation-scene.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import type { AllocationRequest } from '../interfaces.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import { toAllocate } from './allocate.ts'

const allocate = toAllocate({ weightTolerance: 0.01, diskFullShare: 0.95 })

const metric = (peer: PeerId, name: string, value: string | number, weight = 0) =>
  freshMetric(peer, name, String(value), {
    weight,
    isPartitionable: weight === 0 && typeof value === 'string',
  })

function excluding(...peers: PeerId[]): AllocationRequest['excluded'] {
  return new Map(peers.map(peer => [peer, { kind: 'leaving', text: 'is excluded' }]))
}

function freeSpace(...spaces: number[]): Metric[] {
  return spaces.map((bytes, at) => metric(`P${at + 1}`, 'freespace', bytes, bytes))
}

test('peers are drawn region by region, zone by zone, the most free space first', () => {
  const rows = [
    ['P1', 'us', 'us1', 100, 100],
    ['P2', 'us', 'us2', 200, 500],
    ['P3', 'eu', 'eu1', 100, 200],
    ['P4', 'eu', 'eu1', 200, 400],
    ['P5', 'eu', 'eu2', 300, 10],
    ['P6', 'au', 'au1', 100, 50],
    ['P7', 'au', 'au1', 1000, 600],
  ] as const
  const metrics = rows.flatMap(([peer, region, az, queue, free]) => [
    metric(peer, 'region', region),
    metric(peer, 'az', az),
    { ...metric(peer, 'pinqueue', queue, peer === 'P7' ? -1 : 0), isPartitionable: true },
    metric(peer, 'freespace', free, free),
  ])
  const others = [
    metric('P8', 'region', 'eu'),
    metric('P8', 'freespace', 1000, 1000),
    metric('P1', 'else', 1, 1),
  ]
  const answer = allocate(
    request([...metrics, ...others], {
      allocateBy: ['region', 'az', 'pinqueue', 'freespace'],
      replicationMin: 7,
      replicationMax: 7,
    }),
  )
  assert.deepEqual(answer, ['P6', 'P4', 'P2', 'P7', 'P5', 'P1', 'P3'])
})

test('equal peers get an even share', () => {
  for (const metrics of [
    freeSpace(1000, 1001, 999, 1000),
    freeSpace(1000, 1001, 999, 1000).flatMap(each => [metric(each.peer, 'tag:group', each.peer), each]),
  ]) {
    const shares = new Map<PeerId, number>()
    for (let number = 0; number < 4000; number += 1) {
      const cid = numberedCid(number)
      for (const peer of allocate(request(metrics, { cid, replicationMin: 2, replicationMax: 2 }))) {
        shares.set(peer, (shares.get(peer) ?? 0) + 1)
      }
    }
    for (const [peer, share] of shares) assert.ok(Math.abs(share - 2000) <= 100, `${peer}: ${share}`)
    assert.equal(shares.size, 4)
  }
})

test('a peer with clearly more space comes first', () => {
  for (let number = 0; number < 50; number += 1) {
    assert.deepEqual(allocate(request(freeSpace(900, 1000, 950), { cid: numberedCid(number) })), ['P2'])
  }
})

test('new copies go to groups that have none yet', () => {
  const metrics = [
    ['P1', 'a', 100],
    ['P2', 'a', 900],
    ['P3', 'b', 10],
  ].flatMap(([peer, group, free]) => [
    metric(String(peer), 'tag:group', String(group)),
    metric(String(peer), 'freespace', Number(free), Number(free)),
  ])
  const two = { replicationMin: 2, replicationMax: 2 }
  assert.deepEqual(allocate(request(metrics, { ...two, current: ['P1'] })), ['P1', 'P3'])
  assert.deepEqual(allocate(request(metrics, { ...two, preferred: ['P1'] })), ['P1', 'P3'])
})

test('what is there stays while enough of it lives, also what is silent', () => {
  const metrics = freeSpace(1, 2, 3, 4)
  const range = { replicationMin: 2, replicationMax: 3 }
  assert.deepEqual(allocate(request(metrics, { ...range, current: ['P1', 'P2'] })), ['P1', 'P2'])
  assert.deepEqual(allocate(request(metrics, { ...range, current: ['dead', 'P2', 'P1'] })), [
    'dead',
    'P2',
    'P1',
  ])
})

test('below the minimum the silent ones are replaced, and the copies grow to the maximum', () => {
  const range = { replicationMin: 2, replicationMax: 3 }
  assert.deepEqual(allocate(request(freeSpace(1, 2, 3, 4), { ...range, current: ['dead', 'P2'] })), [
    'P2',
    'P4',
    'P3',
  ])
})

test('too many copies: the silent go first, then the worst', () => {
  const current = ['P1', 'dead', 'P3', 'P2']
  const shrunk = (max: number) =>
    allocate(request(freeSpace(1, 2, 3), { current, replicationMin: 1, replicationMax: max }))
  assert.deepEqual(shrunk(3), ['P1', 'P3', 'P2'])
  assert.deepEqual(shrunk(2), ['P3', 'P2'])
  assert.deepEqual(shrunk(1), ['P3'])
})

test('everywhere is an empty answer', () => {
  assert.deepEqual(
    allocate(request(freeSpace(1, 2), { replicationMin: -1, replicationMax: -1, current: ['P1'] })),
    [],
  )
})

test('too few peers: the error says how many, and why others do not count', () => {
  const metrics = [...freeSpace(1, 2, 3), metric('P1', 'tag:group', 'x'), metric('P2', 'tag:group', 'x')]
  const options = {
    replicationMin: 3,
    replicationMax: 4,
    excluded: excluding('P2'),
    current: ['P1', 'gone'],
    living: new Set(['P1']),
  }
  assert.throws(() => allocate(request(metrics, options)), {
    code: 'NOT_ENOUGH_PEERS',
    message:
      'not enough peers to allocate CID. Needed at least: 2. Wanted at most: 3. Available candidates: 0. ' +
      'Not counted: gone reports no valid freespace, tag:group; P2 is excluded; P3 reports no valid tag:group. ' +
      'See that the IPFS nodes of silent peers run and that they have these tags, add peers, or ask for fewer copies (replication-min).',
  })
})

const PEERS = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6']
const anyRequest = fc
  .record({
    number: fc.nat(1000),
    min: fc.integer({ min: 1, max: 4 }),
    more: fc.nat(3),
    current: fc.subarray([...PEERS, 'dead']),
    preferred: fc.subarray([...PEERS, 'dead'], {}),
    excluded: fc.subarray(PEERS),
    living: fc.subarray(PEERS, { minLength: 3 }),
    isMove: fc.boolean(),
    reporting: fc.array(
      fc.record({
        peer: fc.constantFrom(...PEERS),
        group: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
        free: fc.option(fc.nat(1000), { nil: undefined }),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ number, min, more, current, preferred, excluded, reporting, living, isMove }) => {
    const last = new Map(reporting.map(row => [row.peer, row]))
    const metrics = [...last.values()].flatMap(({ peer, group, free }) => [
      ...(group === undefined ? [] : [metric(peer, 'tag:group', group)]),
      ...(free === undefined ? [] : [metric(peer, 'freespace', free, free)]),
    ])
    return request(metrics, {
      cid: numberedCid(number),
      allocateBy: ['tag:group', 'freespace'],
      replicationMin: min,
      replicationMax: min + more,
      current,
      preferred,
      excluded: excluding(...excluded),
      living: new Set(living),
      isMove,
    })
  })

function answerOf(asked: AllocationRequest): readonly PeerId[] | undefined {
  try {
    return allocate(asked)
  } catch (thrown) {
    assert.equal(thrown instanceof Error && 'code' in thrown && thrown.code, 'NOT_ENOUGH_PEERS')
    return undefined
  }
}

function reports(asked: AllocationRequest, peer: PeerId): boolean {
  return asked.allocateBy.every(name => asked.metrics.get(name)?.some(each => each.peer === peer) === true)
}

function mayBeNew(asked: AllocationRequest, peer: PeerId): boolean {
  return reports(asked, peer) && asked.living.has(peer) && !asked.closed.has(peer)
}

test('whatever is asked: nobody twice, nobody excluded, nobody new that does not report, between minimum and maximum', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const answer = answerOf(asked)
      const counts = (peer: PeerId) =>
        asked.current.includes(peer) && (asked.isMove || asked.living.has(peer))
      const usable = [...PEERS, 'dead'].filter(
        peer => (mayBeNew(asked, peer) || counts(peer)) && !asked.excluded.has(peer),
      )
      assert.equal(answer === undefined, usable.length < asked.replicationMin)
      if (answer === undefined) return
      assert.equal(new Set(answer).size, answer.length)
      assert.ok(answer.length <= asked.replicationMax)
      assert.ok(answer.filter(peer => usable.includes(peer)).length >= asked.replicationMin)
      for (const peer of answer) {
        assert.ok(!asked.excluded.has(peer))
        assert.ok(asked.current.includes(peer) || usable.includes(peer))
      }
    }),
    { numRuns: 3000 },
  )
})

test('asking again with the answer as what is there changes nothing', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const answer = answerOf(asked)
      if (answer !== undefined) assert.deepEqual(answerOf({ ...asked, current: answer }), answer)
    }),
    { numRuns: 3000 },
  )
})

test('the answer does not depend on the order in which metrics came', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const turned = new Map([...asked.metrics].toReversed().map(([name, all]) => [name, all.toReversed()]))
      assert.deepEqual(answerOf({ ...asked, metrics: turned }), answerOf(asked))
    }),
    { numRuns: 2000 },
  )
})

test('preferred peers come first, in their order, whatever their weight', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const fresh = { ...asked, current: [], isMove: false }
      const answer = answerOf(fresh)
      if (answer === undefined) return
      const usable = asked.preferred.filter(peer => mayBeNew(asked, peer) && !asked.excluded.has(peer))
      assert.deepEqual(answer.slice(0, usable.length), usable.slice(0, asked.replicationMax))
    }),
  )
})

test('what many pins in a row share is worked out once, and again for other metrics or other peers to leave out', () => {
  const shared = request(freeSpace(300, 200, 100))
  let reads = 0
  const counted = new Map(shared.metrics)
  counted[Symbol.iterator] = () => {
    reads++
    return shared.metrics[Symbol.iterator]()
  }
  const asked = { ...shared, metrics: counted }
  for (let number = 0; number < 100; number++) {
    assert.deepEqual(allocate({ ...asked, cid: numberedCid(number) }), ['P1'])
  }
  assert.equal(reads, 1)
  assert.deepEqual(allocate({ ...asked, excluded: excluding('P1') }), ['P2'])
  assert.deepEqual(allocate({ ...asked, closed: excluding('P1') }), ['P2'])
  assert.deepEqual(allocate(asked), ['P1'])
  assert.deepEqual(allocate(request(freeSpace(1, 2, 3))), ['P3'])
})

test('peers that the metrics tell apart are not ranked by the CID', () => {
  const cid = numberedCid(1)
  let reads = 0
  const watched = new Proxy(cid, {
    get(target, name) {
      if (name === 'bytes') reads++
      return Reflect.get(target, name)
    },
  })
  const asked = { ...request(freeSpace(300, 200, 100)), replicationMin: 2, replicationMax: 2, cid: watched }
  assert.deepEqual(allocate(asked), ['P1', 'P2'])
  assert.equal(reads, 0)
})
