import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { allocationRequest, freshMetric } from '../../test/support/allocation-scene.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { ClusterError } from '../errors.ts'
import type { AllocationRequest } from '../interfaces.ts'
import type { Objection } from '../model/allocation-request.ts'
import type { PeerId } from '../model/peer.ts'
import { ANYWHERE, parseTagRules, tagMetric } from '../model/placement.ts'
import { toAllocate } from './allocate.ts'
import { toExplainAllocation } from './explain.ts'

const CONFIG = { weightTolerance: 0.05, diskFullShare: 0.9 }
const allocate = toAllocate(CONFIG)
const explain = toExplainAllocation(CONFIG)

interface Row {
  readonly peer: PeerId
  readonly tags?: Readonly<Record<string, string>>
  readonly free?: number
  readonly used?: number
}

const metric = (peer: PeerId, name: string, value: string, weight: number) =>
  freshMetric(peer, name, value, { weight, isPartitionable: name.startsWith('tag:') })

function request(rows: readonly Row[], options: Partial<AllocationRequest> = {}): AllocationRequest {
  const metrics = rows.flatMap(({ peer, tags = {}, free = 1000, used }) => [
    ...Object.entries(tags).map(([tag, value]) => metric(peer, tagMetric(tag), value, 0)),
    metric(peer, 'freespace', String(free), free),
    ...(used === undefined ? [] : [metric(peer, 'diskused', String(used), 0 - used)]),
  ])
  return allocationRequest(metrics, {
    replicationMin: 2,
    replicationMax: 2,
    names: new Map(rows.map(({ peer }) => [peer, `name-${peer}`])),
    allocateBy: ['freespace'],
    ...options,
  })
}

const said = (kind: Objection['kind'], text: string, ...peers: PeerId[]) =>
  new Map(peers.map(peer => [peer, { kind, text }]))
const ZONES: readonly Row[] = [
  { peer: 'A', tags: { zone: '1', region: 'eu' }, free: 900 },
  { peer: 'B', tags: { zone: '1', region: 'eu' }, free: 1000 },
  { peer: 'C', tags: { zone: '2', region: 'eu' }, free: 10 },
  { peer: 'D', tags: { zone: '3', region: 'us' }, free: 800 },
  { peer: 'E', free: 5000 },
]

test('only peers with the required tags are chosen, none with excluded ones', () => {
  const eu = { ...ANYWHERE, require: parseTagRules('region=eu') }
  assert.deepEqual(allocate(request(ZONES, { placement: eu })), ['B', 'A'])
  const either = { ...ANYWHERE, require: parseTagRules('zone=2,zone=3') }
  assert.deepEqual(allocate(request(ZONES, { placement: either })), ['D', 'C'])
  const notFirst = { ...ANYWHERE, exclude: parseTagRules('zone=1') }
  assert.deepEqual(allocate(request(ZONES, { placement: notFirst })), ['E', 'D'])
  const preferred = ['D', 'C']
  assert.deepEqual(allocate(request(ZONES, { placement: eu, preferred })), ['C', 'B'])
})

test('no two copies come into one domain, whatever space is left elsewhere', () => {
  const distinct = { ...ANYWHERE, distinct: 'zone' }
  assert.deepEqual(allocate(request(ZONES, { placement: distinct })), ['B', 'D'])
  const three = { placement: distinct, replicationMin: 3, replicationMax: 5 }
  assert.deepEqual(allocate(request(ZONES, three)), ['B', 'D', 'C'])
  assert.deepEqual(allocate(request(ZONES, { placement: distinct, preferred: ['A', 'B'] })), ['A', 'D'])
  assert.throws(() => allocate(request(ZONES, { ...three, replicationMin: 4 })), {
    code: 'NOT_ENOUGH_PEERS',
    message:
      'not enough peers to allocate CID. Needed at least: 4. Wanted at most: 5. Available candidates: 3. Not counted: ' +
      'name-A (A) is in a domain (tag zone) that has a copy already; ' +
      'name-E (E) tells no tag zone, of which no two copies may have the same value. ' +
      'Ask for fewer tags, add peers, or ask for fewer copies (replication-min).',
  })
})

test('pinned again with other tags, copies leave where they must not be, and others stay', () => {
  const eu = { ...ANYWHERE, require: parseTagRules('region=eu') }
  assert.deepEqual(allocate(request(ZONES, { placement: eu, current: ['C', 'D'] })), ['C', 'B'])
  const distinct = { ...ANYWHERE, distinct: 'zone' }
  assert.deepEqual(allocate(request(ZONES, { placement: distinct, current: ['A', 'B'] })), ['A', 'D'])
  // Its tags have run out: that says nothing of where it is.
  const quiet = request(ZONES.slice(1), {
    placement: eu,
    current: ['A', 'C'],
    living: new Set(['A', 'B', 'C']),
  })
  assert.deepEqual(allocate(quiet), ['A', 'C'])
})

test('pinned again, a peer that tells of itself but not the tag does not have it', () => {
  const eu = { ...ANYWHERE, require: parseTagRules('region=eu') }
  const distinct = { ...ANYWHERE, distinct: 'zone' }
  const rows: readonly Row[] = [...ZONES, { peer: 'F' }]
  for (const placement of [eu, distinct]) {
    const [first, second] = allocate(request(rows, { placement, current: ['E', 'B'] }))
    assert.ok(first === 'B' && second !== undefined && second !== 'E' && second !== 'F')
    assert.throws(() => allocate(request(rows.slice(4), { placement, current: ['E', 'F'] })), {
      code: 'NOT_ENOUGH_PEERS',
    })
  }
})

test('what leaves a peer goes to another, once, and nothing else moves', () => {
  const leaving = (...peers: PeerId[]) => ({ excluded: said('leaving', 'leaves', ...peers), isMove: true })
  const four: readonly Row[] = ['A', 'B', 'C', 'D'].map((peer, at) => ({ peer, free: 100 * (at + 1) }))
  assert.deepEqual(allocate(request(four, { current: ['A', 'D'], ...leaving('D') })), ['A', 'C'])
  // Nothing is known of A, and it has the wrong tags: it stays, and counts.
  const eu = { ...ANYWHERE, exclude: parseTagRules('zone=1') }
  const unknown = { current: ['A', 'D'], living: new Set(['C', 'B']), placement: eu, ...leaving('D') }
  assert.deepEqual(allocate(request(four, unknown)), ['A', 'C'])
  // As many copies as before, where there are peers for them.
  const range = { replicationMin: 1, replicationMax: 3 }
  assert.deepEqual(allocate(request(four, { current: ['A', 'D'], ...range, ...leaving('D') })), ['A', 'C'])
  assert.deepEqual(allocate(request(four.slice(0, 1), { current: ['A', 'D'], ...range, ...leaving('D') })), [
    'A',
  ])
  assert.throws(() => allocate(request(four, { current: ['A', 'D'], ...leaving('B', 'C', 'D') })), {
    code: 'NOT_ENOUGH_PEERS',
  })
})

test('peers that are closed or full get nothing new, and keep what they have', () => {
  const rows: readonly Row[] = [
    { peer: 'A', used: 0.95, free: 9000 },
    { peer: 'B', used: 0.89 },
    { peer: 'C' },
    { peer: 'D', free: 9000 },
  ]
  const closed = said('mark', 'is cordoned', 'D')
  assert.deepEqual([...allocate(request(rows, { closed }))].sort(), ['B', 'C'])
  assert.deepEqual(allocate(request(rows, { closed, current: ['A', 'D'] })), ['A', 'D'])
})

test('full disks are told apart from missing peers, with every peer and what to do', () => {
  const rows: readonly Row[] = [{ peer: 'A', used: 0.95 }, { peer: 'B', used: 1 }, { peer: 'C' }]
  assert.throws(() => allocate(request(rows)), {
    code: 'NO_SPACE',
    message:
      'not enough peers to allocate CID. Needed at least: 2. Wanted at most: 2. Available candidates: 1. Not counted: ' +
      'name-A (A) has 95 % of its disk taken, and gets nothing new from 90 % on; ' +
      'name-B (B) has 100 % of its disk taken, and gets nothing new from 90 % on. ' +
      'There is no space: raise the limits of full IPFS nodes, unpin something and collect garbage, or add peers.',
  })
  const many = Array.from({ length: 80 }, (_, at) => ({ peer: `P${at}`, used: 1 }))
  assert.throws(
    () => allocate(request(many)),
    ({ message }: Error) => message.includes('and 30 more peers') && message.length < 8000,
  )
})

const ALL = ['A', 'B', 'C', 'D', 'E', 'F']
const anyRequest = fc
  .record({
    number: fc.nat(500),
    min: fc.integer({ min: 1, max: 3 }),
    more: fc.nat(2),
    current: fc.subarray([...ALL, 'dead']),
    preferred: fc.subarray(ALL, {}),
    leaving: fc.subarray(ALL, { maxLength: 2 }),
    closed: fc.subarray(ALL, { maxLength: 2 }),
    isMove: fc.boolean(),
    distinct: fc.constantFrom(undefined, 'zone'),
    require: fc.constantFrom('', 'region=eu', 'region=eu,region=us'),
    exclude: fc.constantFrom('', 'zone=1'),
    rows: fc.array(
      fc.record({
        tags: fc.record(
          { zone: fc.constantFrom('1', '2', '3'), region: fc.constantFrom('eu', 'us') },
          { requiredKeys: [] },
        ),
        free: fc.nat(1000),
        used: fc.constantFrom(0, 0.5, 0.95),
      }),
      { minLength: ALL.length, maxLength: ALL.length },
    ),
  })
  .map(({ rows, number, min, more, leaving, closed, distinct, require, exclude, ...rest }) =>
    request(
      rows.map((row, at) => ({ ...row, peer: ALL[at] ?? '' })),
      {
        ...rest,
        cid: numberedCid(number),
        replicationMin: min,
        replicationMax: min + more,
        excluded: said('leaving', 'leaves', ...leaving),
        closed: said('mark', 'is cordoned', ...closed),
        placement: { require: parseTagRules(require), exclude: parseTagRules(exclude), distinct },
      },
    ),
  )

const tagIn = (asked: AllocationRequest, peer: PeerId, tag: string) =>
  asked.metrics.get(tagMetric(tag))?.find(each => each.peer === peer)?.value

function answerOf(asked: AllocationRequest): readonly PeerId[] | undefined {
  try {
    return allocate(asked)
  } catch (thrown) {
    assert.ok(thrown instanceof ClusterError && /^(NO_SPACE|NOT_ENOUGH_PEERS)$/.test(thrown.code))
    return undefined
  }
}

test('whatever is asked: peers that are new have room and the right tags, and no domain gets a second copy', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const answer = answerOf(asked)
      if (answer === undefined) return
      const { placement, current, closed, excluded, metrics, replicationMax, replicationMin } = asked
      assert.ok(answer.length <= replicationMax && answer.length >= replicationMin)
      assert.equal(new Set(answer).size, answer.length)
      const domains = answer.map(peer => tagIn(asked, peer, 'zone'))
      for (const [at, peer] of answer.entries()) {
        assert.ok(!excluded.has(peer))
        if (current.includes(peer)) continue
        assert.ok(!closed.has(peer))
        assert.notEqual(metrics.get('diskused')?.find(each => each.peer === peer)?.value, '0.95')
        const region = tagIn(asked, peer, 'region')
        for (const values of placement.require.values()) assert.ok(region !== undefined && values.has(region))
        for (const values of placement.exclude.values()) assert.ok(!values.has(domains[at] ?? ''))
        if (placement.distinct !== undefined)
          assert.equal(domains.filter(domain => domain === domains[at]).length, 1)
      }
    }),
    { numRuns: 3000 },
  )
})

test('whatever is asked: in a move, all that need not leave stays; asked again, nothing moves', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const answer = answerOf(asked)
      if (answer === undefined) return
      assert.deepEqual(answerOf({ ...asked, current: answer }), answer)
      const stays = asked.current.filter(peer => !asked.excluded.has(peer))
      if (!asked.isMove || stays.length > asked.replicationMax) return
      assert.deepEqual(answer.slice(0, stays.length), stays)
      assert.ok(answer.length <= Math.max(asked.replicationMin, asked.current.length))
    }),
    { numRuns: 3000 },
  )
})

test('an explanation is the decision, with one verdict and a reason for every peer', () => {
  fc.assert(
    fc.property(anyRequest, asked => {
      const answer = answerOf(asked)
      const { allocations, error, peers } = explain(asked)
      assert.deepEqual(allocations, answer ?? [])
      assert.equal(error === undefined, answer !== undefined)
      assert.deepEqual(peers.map(({ peer }) => peer).sort(), [...new Set([...ALL, ...asked.current])].sort())
      for (const { peer, verdict, reason, rank } of peers) {
        assert.ok(reason.length > 0)
        const isIn = verdict === 'stays' || verdict === 'chosen'
        if (answer !== undefined) assert.equal(isIn, answer.includes(peer), `${peer} ${verdict}`)
        if (verdict === 'chosen' || verdict === 'spare') assert.ok(rank !== undefined)
        if (verdict === 'dropped') assert.ok(asked.current.includes(peer))
      }
    }),
    { numRuns: 2000 },
  )
})
