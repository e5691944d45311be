import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import fc from 'fast-check'
import { openPeers } from '../../../test/support/cluster-peers.ts'
import { fakeConsensus } from '../../../test/support/fake-consensus.ts'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { compareBytes } from '../../lib/bytes.ts'
import { cidKey } from '../../model/cid.ts'
import { type Pin, toPin } from '../../model/pin.ts'
import { COPY_STATES, type ReplicationQuestion } from '../../model/replication-report.ts'
import { openPeerMarks } from '../marks/peer-marks.ts'
import { stateOf } from './copy-counter.ts'
import { openCopyGauges } from './copy-gauges.ts'

const { signal } = new AbortController()
const options = { signal }
const ALL: ReplicationQuestion = {
  isChecked: false,
  states: new Set(COPY_STATES),
  limit: 1000,
  after: undefined,
}

const pinOf = (number: number, allocations: readonly string[], min: number, max: number): Pin =>
  toPin(numberedCid(number), { allocations, replicationMin: min, replicationMax: max })

test('every pin is in one state, and the states say how many copies there are', () => {
  fc.assert(
    fc.property(fc.nat(9), fc.integer({ min: 1, max: 9 }), fc.nat(5), (copies, min, more) => {
      const state = stateOf(copies, { min, max: min + more })
      assert.equal(state === 'none', copies === 0)
      assert.equal(state === 'under', copies > 0 && copies < min)
      assert.equal(state === 'full', copies > 0 && copies >= min + more)
    }),
  )
})

test('copies count by who lives; with a check, by what peers say', async () => {
  await using peers = await openPeers(3)
  const [a = '', b = '', c = ''] = peers.peers.map(({ id }) => id)
  const { consensus, first } = peers
  await consensus.put(
    [
      pinOf(1, [a, b], 2, 3),
      pinOf(2, [b, c], 2, 2),
      pinOf(3, [c], 1, 1),
      pinOf(4, [a, b, c], 1, 3),
      pinOf(5, [], -1, -1),
    ],
    options,
  )
  const counts = async (isChecked: boolean) =>
    (await first.cluster.replication({ ...ALL, isChecked }, options)).counts
  assert.deepEqual(await counts(false), { none: 0, under: 0, partial: 1, full: 4 })
  peers.become(c, 'gone')
  const report = await first.cluster.replication(ALL, options)
  assert.deepEqual(report.counts, { none: 1, under: 1, partial: 3, full: 0 })
  assert.deepEqual(
    report.peers.map(({ peer, isLive, allocatedCount, soleCount }) => [
      peer,
      isLive,
      allocatedCount,
      soleCount,
    ]),
    [
      [a, true, 3, 0],
      [b, true, 4, 1],
      [c, false, 4, 0],
    ],
  )
  assert.deepEqual(await counts(true), { none: 1, under: 1, partial: 3, full: 0 })
  const [, second] = peers.peers
  second?.statuses.set(cidKey(numberedCid(1)), 'pin_error')
  second?.statuses.set(cidKey(numberedCid(2)), 'pinning')
  assert.deepEqual(await counts(true), { none: 2, under: 1, partial: 2, full: 0 })
  assert.equal((await counts(false)).none, 1)
})

test('what is held until others have it counts as a copy where peers are asked, and is told apart', async () => {
  await using peers = await openPeers(3)
  const [a = '', b = ''] = peers.peers.map(({ id }) => id)
  await peers.consensus.put([pinOf(1, [a], 1, 1), pinOf(2, [a, b], 2, 2)], options)
  const [first, second, third] = peers.peers
  for (const number of [1, 2]) first?.statuses.set(cidKey(numberedCid(number)), 'pin_error')
  third?.held.add(cidKey(numberedCid(1)))
  const report = await peers.first.cluster.replication({ ...ALL, isChecked: true }, options)
  assert.deepEqual([report.counts, report.heldCount], [{ none: 0, under: 1, partial: 0, full: 1 }, 1])
  const held = new Map(report.pins.map(({ cid, copies, held }) => [cidKey(cid), [copies, held]]))
  assert.deepEqual(held.get(cidKey(numberedCid(1))), [1, 1])
  assert.deepEqual(held.get(cidKey(numberedCid(2))), [1, 0])
  assert.equal((await peers.first.cluster.replication(ALL, options)).heldCount, 0)
  assert.equal(second?.held.size, 0)
})

test('CIDs of the states that are asked for come in pages, in order', async () => {
  await using peers = await openPeers(2)
  const [a = ''] = peers.peers.map(({ id }) => id)
  await peers.consensus.put(
    Array.from({ length: 30 }, (_, number) => pinOf(number, [a], number % 3 === 0 ? 2 : 1, 2)),
    options,
  )
  const found: string[] = []
  let after: ReplicationQuestion['after']
  for (;;) {
    const question = { ...ALL, states: new Set(['under'] as const), limit: 4, after }
    const { pins, counts } = await peers.first.cluster.replication(question, options)
    assert.deepEqual(counts, { none: 0, under: 10, partial: 20, full: 0 })
    if (pins.length === 0) break
    found.push(...pins.map(({ cid }) => cidKey(cid)))
    after = pins.at(-1)?.cid
  }
  const expected = Array.from({ length: 10 }, (_, at) => numberedCid(at * 3)).sort((x, y) =>
    compareBytes(x.bytes, y.bytes),
  )
  assert.deepEqual(found, expected.map(cidKey))
})

test('counts for the metrics are made anew only when something has changed', async () => {
  const clock = virtualClock()
  let passes = 0
  let rootDigest = 'a'
  const consensus = Object.assign(fakeConsensus(), {})
  const counting = {
    ...consensus,
    get rootDigest() {
      return rootDigest
    },
    pins: (...asked: Parameters<typeof consensus.pins>) => {
      passes += 1
      return consensus.pins(...asked)
    },
  }
  const logger = silentLogger()
  await using marks = await openPeerMarks({ consensus, clock, logger })
  const monitor = { health: () => [], hello: () => undefined } as never
  const parts = { consensus: counting, clock, logger, marks, monitor, meter: createNoopMeter() }
  await using _gauges = openCopyGauges(parts, 1000)
  await clock.advance(3500)
  assert.equal(passes, 1)
  rootDigest = 'b'
  await clock.advance(3000)
  assert.equal(passes, 2)
})
