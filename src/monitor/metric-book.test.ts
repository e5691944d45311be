import assert from 'node:assert/strict'
import test from 'node:test'
import type { Now } from './failure-detector.ts'
import type { Heartbeat } from './heartbeat.ts'
import { type BookRule, MetricBook } from './metric-book.ts'

const at = (ms: number): Now => ({ wallMs: 1_700_000_000_000 + ms, awakeMs: ms })
const ALL: BookRule = {
  peersMax: 100,
  isTrusted: () => true,
  conditionOf: () => 'alive',
  onForget: () => undefined,
}

function beat(peer: string, sequence: number, options: Partial<Heartbeat> = {}): Heartbeat {
  const hello = { peername: `name of ${peer}`, ipfsId: 'ipfs', ipfsAddresses: [] }
  return {
    peer,
    boot: 'boot 1',
    sequence,
    sentAtMs: sequence,
    intervalMs: 2000,
    hello,
    measures: [],
    missed: [],
    isLeaving: false,
    ...options,
  }
}

const isTaken = (answer: unknown) => Array.isArray(answer)

test('the ping metric has the value that clients of IPFS Cluster read', () => {
  const book = new MetricBook(ALL)
  book.note(beat('a', 1), at(0))
  const [metric] = book.latest('ping', at(10))
  assert.deepEqual(JSON.parse(metric?.value ?? ''), { peer_name: 'name of a', ipfs_id: 'ipfs' })
  assert.deepEqual([metric?.receivedAtMs, metric?.expireAtMs], [at(0).wallMs, at(5000).wallMs])
})

test('heartbeats count in rising order; those of a former boot never again', () => {
  const book = new MetricBook(ALL)
  const second = { boot: 'boot 2', sentAtMs: 100 }
  assert.ok(isTaken(book.note(beat('a', 5), at(0))))
  assert.equal(book.note(beat('a', 5), at(1)), 'replayed')
  assert.equal(book.note(beat('a', 4), at(1)), 'replayed')
  assert.ok(isTaken(book.note(beat('a', 1, second), at(2))))
  assert.equal(book.note(beat('a', 6), at(3)), 'replayed')
  assert.ok(isTaken(book.note(beat('a', 2, second), at(4))))
})

test('a run taken for a former one, by a late heartbeat from a clock that was ahead, is heard again when that is silent', () => {
  let condition: 'alive' | 'suspect' = 'alive'
  const book = new MetricBook({ ...ALL, conditionOf: () => condition })
  const now = (sequence: number) => beat('a', sequence, { boot: 'boot 2', sentAtMs: 100 + sequence })
  const late = beat('a', 50, { boot: 'boot 1', sentAtMs: 1000 })
  assert.ok(isTaken(book.note(now(1), at(0))))
  assert.ok(isTaken(book.note(late, at(1))))
  assert.equal(book.note(now(2), at(2)), 'replayed')
  condition = 'suspect'
  assert.equal(book.note(now(1), at(3)), 'replayed')
  assert.ok(isTaken(book.note(now(3), at(4))))
  // What was heard of the former one takes its place no more, not even while this one is silent.
  assert.equal(book.note(late, at(5)), 'replayed')
  condition = 'alive'
  assert.ok(isTaken(book.note(now(4), at(6))))
})

test('a recording of a boot that this process never heard does not take the place of a living one', () => {
  let condition: 'alive' | 'suspect' = 'alive'
  const book = new MetricBook({ ...ALL, conditionOf: () => condition })
  const recorded = beat('a', 900, { boot: 'boot 0', sentAtMs: 1 })
  assert.ok(isTaken(book.note(beat('a', 5), at(0))))
  assert.equal(book.note(recorded, at(1)), 'replayed')
  assert.ok(isTaken(book.note(beat('a', 6), at(2))))
  // A peer whose clock was put back while it was down is heard as soon as the former boot is silent.
  condition = 'suspect'
  assert.ok(isTaken(book.note(recorded, at(3))))
})

test('everything that runs out alerts once, again only after it has come back', () => {
  const book = new MetricBook(ALL)
  const measures = [
    { name: 'freespace', value: '1', weight: 1, isPartitionable: false, isValid: true, ttlMs: 30_000 },
  ]
  book.note(beat('self', 1), at(0))
  book.note(beat('a', 1, { measures }), at(0))
  assert.deepEqual(book.check(at(30_000 - 1), 'self'), [])
  assert.deepEqual(
    book.check(at(31_000), 'self').map(alert => alert.name),
    ['freespace'],
  )
  assert.deepEqual(book.check(at(90_000), 'self'), [])
  assert.equal(book.raise('a', at(90_000))?.name, 'ping')
  assert.equal(book.raise('a', at(90_500)), undefined)
  book.note(beat('a', 2), at(91_000))
  const last = book.raise('a', at(96_000))
  assert.equal(last?.name, 'ping')
  assert.equal(last?.triggeredAtMs, at(96_000).wallMs)
})

test('when there is no room, silent peers go first, then untrusted ones for trusted ones', () => {
  const silent = new Set<string>()
  const forgotten: string[] = []
  const book = new MetricBook({
    peersMax: 2,
    isTrusted: peer => peer.startsWith('t'),
    conditionOf: peer => (silent.has(peer) ? 'unreachable' : 'alive'),
    onForget: peer => forgotten.push(peer),
  })
  book.note(beat('t1', 1), at(0))
  book.note(beat('u1', 1), at(4000))
  assert.equal(book.note(beat('u2', 1), at(4001)), 'no_room')
  silent.add('t1')
  assert.ok(isTaken(book.note(beat('u2', 1), at(6000))))
  assert.ok(isTaken(book.note(beat('t2', 1), at(6001))))
  assert.deepEqual(forgotten, ['t1', 'u1'])
})

test('a peer that invents names without end fills no memory', () => {
  const book = new MetricBook(ALL)
  for (let round = 1; round <= 1000; round += 1) {
    const name = `name ${round}`
    const measure = { name, value: '', weight: 0, isPartitionable: false, isValid: true, ttlMs: 86_400_000 }
    book.note(beat('a', round, { measures: [measure] }), at(round))
  }
  const held = book.names().filter(name => book.latest(name, at(1001)).length > 0)
  assert.equal(held.length, 256)
  assert.ok(held.includes('ping') && held.includes('name 1000'))
})
