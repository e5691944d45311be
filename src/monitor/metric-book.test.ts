import assert from 'node:assert/strict'
import test from 'node:test'
import type { Heartbeat } from './heartbeat.ts'
import { MetricBook, type Now } from './metric-book.ts'

const at = (ms: number): Now => ({ wallMs: 1_700_000_000_000 + ms, awakeMs: ms })
const ALL = { peersMax: 100, isTrusted: () => true }

function beat(peer: string, sequence: number, options: Partial<Heartbeat> = {}): Heartbeat {
  const hello = { peername: `name of ${peer}`, ipfsId: 'ipfs', ipfsAddresses: [] }
  return { peer, boot: 'boot 1', sequence, sentAtMs: 0, intervalMs: 2000, hello, measures: [], ...options }
}

const isTaken = (answer: unknown) => Array.isArray(answer)

test('a peer lives two and a half intervals after its heartbeat, so it may miss one', () => {
  const book = new MetricBook(ALL)
  book.note(beat('a', 1), at(0))
  assert.deepEqual(book.livingPeers(at(4999)), ['a'])
  assert.deepEqual(book.livingPeers(at(5000)), [])
  assert.equal(book.hello('a')?.peername, 'name of a')
})

test('the ping metric has the value that clients of IPFS Cluster read', () => {
  const book = new MetricBook(ALL)
  book.note(beat('a', 1), at(0))
  const [metric] = book.latest('ping', at(10))
  assert.deepEqual(JSON.parse(metric?.value ?? ''), { peer_name: 'name of a', ipfs_id: 'ipfs' })
  assert.deepEqual([metric?.receivedAtMs, metric?.expireAtMs], [at(0).wallMs, at(5000).wallMs])
})

test('heartbeats count in rising order; those of a former boot never again', () => {
  const book = new MetricBook(ALL)
  assert.ok(isTaken(book.note(beat('a', 5), at(0))))
  assert.equal(book.note(beat('a', 5), at(1)), 'replayed')
  assert.equal(book.note(beat('a', 4), at(1)), 'replayed')
  assert.ok(isTaken(book.note(beat('a', 1, { boot: 'boot 2' }), at(2))))
  assert.equal(book.note(beat('a', 6), at(3)), 'replayed')
  assert.ok(isTaken(book.note(beat('a', 2, { boot: 'boot 2' }), at(4))))
})

test('everything that runs out alerts once, again only after it has come back', () => {
  const book = new MetricBook(ALL)
  const measures = [
    { name: 'freespace', value: '1', weight: 1, isPartitionable: false, isValid: true, ttlMs: 30_000 },
  ]
  book.note(beat('self', 1), at(0))
  book.note(beat('a', 1, { measures }), at(0))
  assert.deepEqual(book.check(at(4999), 'self'), [])
  assert.deepEqual(
    book.check(at(5000), 'self').map(alert => alert.name),
    ['ping'],
  )
  assert.deepEqual(
    book.check(at(31_000), 'self').map(alert => alert.name),
    ['freespace'],
  )
  assert.deepEqual(book.check(at(90_000), 'self'), [])
  book.note(beat('a', 2), at(91_000))
  assert.deepEqual(
    book.check(at(96_000), 'self').map(alert => alert.name),
    ['ping'],
  )
  assert.deepEqual(
    book.alerts().map(alert => alert.triggeredAtMs - at(0).wallMs),
    [96_000, 31_000, 5000],
  )
})

test('at most 1,000 alerts are kept, the newest', () => {
  const book = new MetricBook(ALL)
  for (let round = 1; round <= 1100; round += 1) {
    book.note(beat('a', round), at(round * 10_000))
    book.check(at(round * 10_000 + 6000), 'self')
  }
  assert.equal(book.alerts().length, 1000)
  assert.equal(book.alerts()[0]?.triggeredAtMs, at(1100 * 10_000 + 6000).wallMs)
})

test('when there is no room, silent peers go first, then untrusted ones for trusted ones', () => {
  const book = new MetricBook({ peersMax: 2, isTrusted: peer => peer.startsWith('t') })
  book.note(beat('t1', 1), at(0))
  book.note(beat('u1', 1), at(4000))
  assert.equal(book.note(beat('u2', 1), at(4001)), 'no_room')
  assert.ok(isTaken(book.note(beat('u2', 1), at(6000))))
  assert.deepEqual(book.livingPeers(at(6000)), ['u1', 'u2'])
  assert.ok(isTaken(book.note(beat('t2', 1), at(6001))))
  assert.deepEqual(book.livingPeers(at(6001)), ['u2', 't2'])
})
