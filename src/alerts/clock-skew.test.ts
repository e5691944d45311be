import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { ClockSkew } from './clock-skew.ts'

const BOUND_MS = 5000

/** Feeds heartbeats of a peer whose clock is `aheadMs` ahead, each that long on its way. */
function feed(skew: ClockSkew, peer: string, aheadMs: number, delaysMs: readonly number[]): void {
  delaysMs.forEach((delayMs, at) => {
    const sentMs = 1_000_000 + at * 1000
    skew.note(peer, sentMs + aheadMs, sentMs + delayMs)
  })
}

const swift = (count: number) => Array.from({ length: count }, () => 30)

test('a clock that is ahead, and one that is behind, are found, and by how much', () => {
  const skew = new ClockSkew()
  feed(skew, 'ahead', 60_000, swift(15))
  feed(skew, 'behind', -7000, swift(15))
  feed(skew, 'right', 0, swift(15))
  const off = skew.beyond(BOUND_MS)
  assert.deepEqual(new Set(off.map(({ peer }) => peer)), new Set(['ahead', 'behind']))
  for (const { peer, aheadMs } of off)
    assert.ok(Math.abs(aheadMs - (peer === 'ahead' ? 60_000 : -7000)) < 100, `${peer} ${aheadMs}`)
})

test('neither jitter nor heartbeats that waited for ten seconds make a clock look wrong', () => {
  const random = seededRandom(7)
  const skew = new ClockSkew()
  const jitter = Array.from({ length: 4 }, () => 50 + random.next() * 300)
  // This process stood still: ten heartbeats come at once, the oldest of them ten seconds late.
  feed(skew, 'peer', 0, [...jitter, ...Array.from({ length: 10 }, (_, at) => 10_000 - at * 900), 9000])
  assert.deepEqual(skew.beyond(BOUND_MS), [])
})

test('it is our own clock that is wrong when most others agree with each other', () => {
  const skew = new ClockSkew()
  for (const peer of ['a', 'b', 'c']) feed(skew, peer, -20_000, swift(10))
  const [own, ...others] = skew.beyond(BOUND_MS)
  assert.deepEqual([own?.peer, others.length], [undefined, 0])
  assert.ok(Math.abs((own?.aheadMs ?? 0) - 20_000) < 100)
})

test('of two clocks that differ, ours is believed; few heartbeats prove nothing; who is forgotten is not judged', () => {
  const skew = new ClockSkew()
  feed(skew, 'one', 20_000, swift(4))
  assert.deepEqual(skew.beyond(BOUND_MS), [])
  feed(skew, 'one', 20_000, swift(1))
  assert.deepEqual(
    skew.beyond(BOUND_MS).map(({ peer }) => peer),
    ['one'],
  )
  skew.forget('one')
  assert.deepEqual(skew.beyond(BOUND_MS), [])
})

test('a clock that was set right is believed again after as many heartbeats as count', () => {
  const skew = new ClockSkew()
  feed(skew, 'one', 20_000, swift(15))
  feed(skew, 'one', 0, swift(15))
  assert.deepEqual(skew.beyond(BOUND_MS), [])
})
