import assert from 'node:assert/strict'
import test from 'node:test'
import { DETECTOR_CONFIG } from '../../test/support/monitor-config.ts'
import type { PeerCondition } from '../model/peer-health.ts'
import { FailureDetector, type LifeSign, MISSED_MAX } from './failure-detector.ts'

const at = (ms: number) => ({ wallMs: 1_700_000_000_000 + ms, awakeMs: ms })

interface Bench {
  readonly detector: FailureDetector
  readonly changes: string[]
  /** Heartbeats each interval from one time to another, the end included. */
  readonly beats: (peer: string, fromMs: number, toMs: number, sign?: Partial<LifeSign>) => void
  /** Looks every half second, and says what condition the peer is in. */
  readonly look: (peer: string, fromMs: number, toMs: number, patience?: number) => PeerCondition | undefined
}

function bench(isTrusted: (peer: string) => boolean = () => true): Bench {
  const changes: string[] = []
  const onChange = ({ peer, condition }: { peer: string; condition: string }) =>
    changes.push(`${peer} ${condition}`)
  const detector = new FailureDetector({ self: 'self', isTrusted, onChange }, DETECTOR_CONFIG)
  return {
    detector,
    changes,
    beats: (peer, fromMs, toMs, options) => {
      const sign = { boot: 'boot', intervalMs: 1000, isLeaving: false, missed: [], ...options }
      for (let ms = fromMs; ms <= toMs; ms += sign.intervalMs) detector.heard(peer, sign, at(ms))
    },
    look: (peer, fromMs, toMs, patience = 1) => {
      for (let ms = fromMs; ms <= toMs; ms += 500) detector.check(at(ms), patience)
      return detector.conditionOf(peer)
    },
  }
}

test('a peer that falls silent is suspect, unreachable and gone in turn, and alive with its next heartbeat', () => {
  const { beats, look, changes } = bench()
  beats('a', 0, 60_000)
  assert.equal(look('a', 60_000, 64_000), 'alive')
  assert.equal(look('a', 64_500, 66_000), 'suspect')
  assert.equal(look('a', 67_500, 68_000), 'unreachable')
  assert.equal(look('a', 68_500, 72_000), 'unreachable')
  assert.equal(look('a', 72_500, 72_500), 'gone')
  beats('a', 90_000, 90_000)
  assert.deepEqual(changes, ['a alive', 'a suspect', 'a unreachable', 'a gone', 'a alive'])
})

test('a slow heartbeat has more time: what counts is intervals, too', () => {
  const { beats, look } = bench()
  beats('a', 0, 150_000, { intervalMs: 15_000 })
  assert.equal(look('a', 150_000, 187_000), 'alive')
  assert.equal(look('a', 187_500, 209_500), 'suspect')
  assert.equal(look('a', 210_000, 239_500), 'unreachable')
  assert.equal(look('a', 240_000, 240_000), 'gone')
})

test('an irregular peer is given the time that it usually takes, but not for ever', () => {
  const { detector, look } = bench()
  const sign = { boot: 'boot', intervalMs: 1000, isLeaving: false, missed: [] }
  let ms = 0
  for (let round = 0; round < 200; round += 1) {
    ms += round % 2 === 0 ? 500 : 4500
    detector.check(at(ms), 1)
    detector.heard('a', sign, at(ms))
  }
  assert.equal(look('a', ms, ms + 13_000), 'alive')
  assert.equal(look('a', ms + 13_000, ms + 17_000), 'unreachable')
  assert.equal(look('a', ms + 17_000, ms + 25_000), 'gone')
})

test('what ended an outage is not remembered: the next one is noticed as soon', () => {
  const { detector, beats, look } = bench()
  beats('a', 0, 60_000)
  look('a', 60_000, 200_000)
  beats('a', 200_000, 203_000)
  const phiMs = (ms: number) => detector.health(at(ms), 1)[0]?.phi ?? 0
  assert.equal(look('a', 203_000, 209_000), 'suspect')
  assert.ok(phiMs(209_000) > 8 && phiMs(203_500) < 1)
})

test('after an own pause nobody is convicted, and everyone has the whole time again', () => {
  const { detector, beats, look } = bench()
  beats('a', 0, 60_000)
  look('a', 60_000, 71_000)
  detector.startAfresh(at(71_000))
  detector.check(at(71_000), 1)
  assert.equal(detector.conditionOf('a'), 'unreachable')
  assert.equal(look('a', 71_500, 83_000), 'unreachable')
  assert.equal(look('a', 83_500, 83_500), 'gone')
})

test('what ended a silence with an own pause in it is not measured', () => {
  const { detector, beats } = bench()
  beats('a', 0, 60_000)
  const phi = detector.health(at(64_000), 1)[0]?.phi
  detector.startAfresh(at(64_000))
  beats('a', 70_000, 70_000)
  assert.equal(detector.health(at(74_000), 1)[0]?.phi, phi)
})

test('a peer is gone only when a majority misses it; without one it takes three times as long', () => {
  const { beats, look } = bench()
  for (const peer of ['a', 'b', 'c', 'd']) beats(peer, 0, 60_000)
  for (const peer of ['b', 'c', 'd']) beats(peer, 61_000, 97_000)
  assert.equal(look('a', 61_000, 97_000), 'unreachable')
  assert.equal(look('a', 97_500, 97_500), 'gone')
})

test('one more that misses it makes two of three, which is a majority', () => {
  const { beats, look } = bench()
  for (const peer of ['a', 'b', 'c']) beats(peer, 0, 60_000)
  for (const peer of ['b', 'c']) beats(peer, 61_000, 72_000)
  assert.equal(look('a', 61_000, 72_500), 'unreachable')
  beats('b', 73_000, 73_000, { missed: ['a'] })
  assert.equal(look('a', 73_000, 73_000), 'gone')
})

test('those who are not trusted, or say nothing, have no say', () => {
  for (const missed of [['a'], undefined]) {
    const { beats, look } = bench(peer => !peer.startsWith('x') || missed === undefined)
    for (const peer of ['a', 'b', 'c', 'x1', 'x2', 'x3']) beats(peer, 0, 60_000)
    for (const peer of ['b', 'c']) beats(peer, 61_000, 73_000)
    for (const peer of ['x1', 'x2', 'x3']) beats(peer, 61_000, 73_000, { missed })
    assert.equal(look('a', 72_500, 73_000), 'unreachable')
    beats('b', 74_000, 74_000, { missed: ['a'] })
    assert.equal(look('a', 74_000, 74_000), 'gone')
  }
})

test('a peer that is cut off takes nobody for gone before three times the time', () => {
  const { detector, beats, look } = bench()
  const all = ['a', 'b', 'c', 'd']
  for (const peer of all) beats(peer, 0, 60_000)
  look('a', 61_000, 97_000)
  assert.deepEqual(
    all.map(peer => detector.conditionOf(peer)),
    all.map(() => 'unreachable'),
  )
  assert.deepEqual(detector.missed().toSorted(), all)
})

test('a peer that says that it stops is suspect at once, and gone only after the grace', () => {
  const { detector, beats, look, changes } = bench()
  beats('a', 0, 60_000)
  beats('a', 60_500, 60_500, { isLeaving: true })
  assert.equal(detector.conditionOf('a'), 'suspect')
  assert.equal(look('a', 60_500, 120_000), 'unreachable')
  assert.equal(look('a', 120_500, 120_500), 'gone')
  beats('a', 130_000, 130_000, { boot: 'another' })
  assert.deepEqual(changes, ['a alive', 'a suspect', 'a unreachable', 'a gone', 'a alive'])
})

test('a busy observer waits longer', () => {
  const { beats, look } = bench()
  beats('a', 0, 60_000)
  assert.equal(look('a', 60_000, 84_500, 2), 'unreachable')
  assert.equal(look('a', 85_000, 85_000, 2), 'gone')
})

test('heartbeats in quick succession make no peer be expected sooner', () => {
  const { detector, look } = bench()
  for (let beat = 0; beat < 500; beat += 1)
    detector.heard('a', { boot: 'boot', intervalMs: 1000, isLeaving: false, missed: [] }, at(0))
  assert.equal(look('a', 0, 4000), 'alive')
})

test('a heartbeat names so many and no more, those whose fate is open first', () => {
  const { detector, beats, look } = bench()
  beats('old', 0, 0)
  look('old', 0, 60_000)
  const many = Array.from({ length: 200 }, (_, number) => `peer ${number}`)
  for (const peer of many) beats(peer, 60_000, 60_000)
  look('old', 60_000, 75_000)
  const missed = detector.missed()
  assert.equal(missed.length, MISSED_MAX)
  assert.ok(!missed.includes('old'))
})
