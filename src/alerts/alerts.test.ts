import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { fakeConsensus } from '../../test/support/fake-consensus.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import { Emitter } from '../lib/emitter.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { ClusterAlert } from '../model/alert.ts'
import type { Alert, Metric } from '../model/metric.ts'
import type { PeerFate } from '../model/peer-fate.ts'
import type { PeerCondition, PeerHealth } from '../model/peer-health.ts'
import { type PeerMark, unmarked } from '../model/peer-mark.ts'
import { AlertBook } from './alert-book.ts'
import { openAlerts } from './alerts.ts'
import { CertificateWatch } from './certificate-watch.ts'
import type { AlertsConfig } from './config.ts'
import { ALERT_METRICS } from './metrics.ts'

const CONFIG: AlertsConfig = {
  checkIntervalMs: 10_000,
  clockSkewMaxMs: 5000,
  ipfsDownAfterMs: 20_000,
  pinsetDiffersAfterMs: 300_000,
  certificateWarningMs: 14 * 86_400_000,
  diskFreeMinBytes: 1000,
}

function metricOf(peer: string, name: string, value = ''): Metric {
  const base = { weight: 0, isPartitionable: false, isValid: true, ttlMs: 1 }
  return { ...base, name, peer, value, receivedAtMs: 5, expireAtMs: 6 }
}

/** Alerts over parts that the test moves. */
function openWorld() {
  const clock = virtualClock()
  const [health, metrics, expired] = [new Emitter<PeerHealth>(), new Emitter<Metric>(), new Emitter<Alert>()]
  const beats = new Emitter<{ peer: string; sentAtMs: number; receivedAtMs: number }>()
  const doubled = new Emitter<string>()
  const peers = new Map<string, PeerHealth>()
  const marks = new Map<string, PeerMark>()
  const fates = new Map<string, PeerFate>()
  const consensus = fakeConsensus()
  const world = { freeBytes: 5000, ipfsFailure: '', digestOfOther: '', connected: ['other'] }
  const alerts = openAlerts(
    {
      self: 'me',
      clock,
      consensus,
      logger: silentLogger(),
      meter: createNoopMeter(),
      certificateFiles: [],
      marks: { of: peer => marks.get(peer) ?? unmarked(peer) },
      fateOf: peer => fates.get(peer),
      network: { self: 'me', peers: () => world.connected },
      diskFreeBytes: async () => world.freeBytes,
      diskFullShare: 0.95,
      ipfs: {
        id: async () => {
          if (world.ipfsFailure === 'throws') throw new ClusterError('IPFS_UNAVAILABLE', 'connection refused')
          return { id: 'ipfs', addresses: [], error: world.ipfsFailure }
        },
      },
      monitor: {
        health: () => [...peers.values()],
        peers: () => [...peers.keys()],
        hello: () => undefined,
        latest: name => (name === 'pinset' ? [metricOf('other', name, world.digestOfOther)] : []),
        onHealth: listener => health.on(listener),
        onMetric: listener => metrics.on(listener),
        onAlert: listener => expired.on(listener),
        onBeat: listener => beats.on(listener),
        onSecondRun: listener => doubled.on(listener),
      },
    },
    CONFIG,
  )
  const told: ClusterAlert[] = []
  alerts.onAlert(alert => told.push(alert))
  const become = (peer: string, condition: PeerCondition) => {
    const now: PeerHealth = { peer, condition, phi: 9, heardAtMs: clock.now(), sinceMs: clock.now() }
    peers.set(peer, now)
    health.emit(now)
  }
  const holding = () =>
    alerts
      .list()
      .filter(({ clearedAtMs }) => clearedAtMs === undefined)
      .map(({ kind, subject }) => `${kind} ${subject}`)
  const expire = (peer: string, name: string) => expired.emit({ ...metricOf(peer, name), triggeredAtMs: 0 })
  return {
    clock,
    consensus,
    world,
    alerts,
    told,
    peers,
    marks,
    fates,
    doubled,
    metrics,
    beats,
    become,
    holding,
    expire,
  }
}

test('a peer that falls silent is alerted about once, however many metrics run out, and cleared when it returns', async () => {
  const { alerts, clock, told, metrics, become, expire } = openWorld()
  await using _alerts = alerts
  metrics.emit(metricOf('other', 'ping', '{"peer_name":"x"}'))
  become('other', 'alive')
  become('other', 'suspect')
  for (const name of ['freespace', 'ping', 'tag:group', 'pinqueue']) expire('other', name)
  become('other', 'unreachable')
  await clock.advance(600_000)
  become('other', 'gone')
  await clock.advance(600_000)
  assert.deepEqual(
    told.map(({ kind, clearedAtMs }) => [kind, clearedAtMs]),
    [
      ['peer-unreachable', undefined],
      ['peer-gone', undefined],
    ],
  )
  const [unreachable, gone] = told
  assert.deepEqual([unreachable?.was, gone?.was], [undefined, 'peer-unreachable'])
  assert.equal(gone?.triggeredAtMs, unreachable?.triggeredAtMs, 'it is the same alert')
  assert.equal(alerts.list().length, 1)
  assert.equal(told[0]?.metric?.value, '{"peer_name":"x"}')
  const backAtMs = clock.now()
  become('other', 'alive')
  await clock.advance(60_000)
  assert.equal(told.length, 3)
  const [cleared, ...more] = alerts.list()
  assert.deepEqual([cleared?.kind, cleared?.clearedAtMs], ['peer-gone', backAtMs])
  assert.deepEqual(more, [])
})

test('news that was missed is made up for at the next check, in both directions', async () => {
  const { alerts, clock, peers, holding, become } = openWorld()
  await using _alerts = alerts
  become('other', 'alive')
  peers.set('other', { peer: 'other', condition: 'gone', phi: 9, heardAtMs: 1, sinceMs: 1 })
  await clock.advance(10_000)
  assert.deepEqual(holding(), ['peer-gone other'])
  peers.delete('other')
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
})

test('a peer that was removed is not missed, and one in maintenance is no reason to hurry', async () => {
  const { alerts, clock, marks, holding, become } = openWorld()
  await using _alerts = alerts
  marks.set('old', { ...unmarked('old'), isRemoved: true })
  marks.set('kept', { ...unmarked('kept'), maintenanceUntilMs: clock.now() + 3_600_000 })
  for (const peer of ['old', 'kept']) become(peer, 'unreachable')
  assert.deepEqual(holding(), ['peer-unreachable kept'])
  assert.equal(alerts.list()[0]?.severity, 'info')
  await clock.advance(3_610_000)
  assert.equal(alerts.list()[0]?.severity, 'warning')
  marks.set('kept', { ...unmarked('kept'), isRemoved: true })
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
})

test('a peer that is gone: the alert tells what becomes of what it keeps, as it is now', async () => {
  const { alerts, clock, fates, become } = openWorld()
  await using _alerts = alerts
  become('other', 'gone')
  const expected: readonly (readonly [PeerFate, RegExp])[] = [
    ['guarded', /stays .*see the alert partition-guard/],
    ['stays', /stays .*disable_repinning is set/],
    ['waits', /will be placed elsewhere when cluster.repin_delay is over/],
    ['moves', /is being placed elsewhere/],
    ['empty', /nothing to move from it/],
  ]
  assert.match(alerts.list()[0]?.message ?? '', /other peers decide/)
  for (const [fate, message] of expected) {
    fates.set('other', fate)
    await clock.advance(10_000)
    assert.match(alerts.list()[0]?.message ?? '', message)
    assert.equal(alerts.list()[0]?.severity, 'critical')
  }
})

test('a peer that was drained, keeps nothing and is stopped is no reason to hurry, one that keeps something is', async () => {
  const { alerts, marks, fates, become, told } = openWorld()
  await using _alerts = alerts
  for (const peer of ['empty', 'full']) marks.set(peer, { ...unmarked(peer), isDraining: true })
  fates.set('empty', 'empty').set('full', 'moves')
  for (const peer of ['empty', 'full']) {
    become(peer, 'unreachable')
    become(peer, 'gone')
  }
  assert.deepEqual(
    told.map(({ kind, subject, severity }) => `${kind} ${subject} ${severity}`),
    [
      'peer-unreachable empty info',
      'peer-gone empty info',
      'peer-unreachable full warning',
      'peer-gone full critical',
    ],
  )
  assert.match(told[1]?.message ?? '', /it was drained, and nothing is allocated to it any more/)
})

test('a living peer that stops telling metrics is one alert until all of them are told again', async () => {
  const { alerts, clock, metrics, holding, become, expire } = openWorld()
  await using _alerts = alerts
  become('other', 'alive')
  for (const name of ['freespace', 'pinqueue']) expire('other', name)
  await clock.advance(10_000)
  assert.deepEqual(holding(), ['metric-expired other'])
  assert.match(alerts.list()[0]?.message ?? '', /freespace, pinqueue/)
  metrics.emit(metricOf('other', 'freespace'))
  assert.deepEqual(holding(), ['metric-expired other'])
  metrics.emit(metricOf('other', 'pinqueue'))
  assert.deepEqual(holding(), [])
})

test('of a peer that names ever new metrics only some are told to have run out', async () => {
  const { alerts, clock, become, expire } = openWorld()
  await using _alerts = alerts
  become('other', 'alive')
  for (let at = 0; at < 1000; at++) expire('other', `metric-${at}`)
  await clock.advance(10_000)
  const told = alerts.list()[0]?.message.match(/metric-\d+/g) ?? []
  assert.equal(told.length, 64)
})

test('a disk that takes no writes, one that is nearly full, and an IPFS node that is down for long are alerted about', async () => {
  const { alerts, clock, consensus, world, holding } = openWorld()
  await using _alerts = alerts
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
  consensus.readOnly = 'no space left on device'
  world.freeBytes = 10
  world.ipfsFailure = 'throws'
  await clock.advance(10_000)
  assert.deepEqual(holding().sort(), ['disk-nearly-full me', 'read-only me'])
  world.ipfsFailure = 'it starts'
  await clock.advance(20_000)
  assert.deepEqual(holding().sort(), ['disk-nearly-full me', 'ipfs-down me', 'read-only me'])
  consensus.readOnly = undefined
  Object.assign(world, { freeBytes: 5000, ipfsFailure: '' })
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
})

test('a pinset that is another while writes go on is none of its business, one that stays another at rest is', async () => {
  const { alerts, clock, world, holding } = openWorld()
  await using _alerts = alerts
  for (let at = 0; at < 100; at++) {
    world.digestOfOther = `digest ${at}`
    await clock.advance(10_000)
  }
  assert.deepEqual(holding(), [])
  await clock.advance(310_000)
  assert.deepEqual(holding(), ['pinset-diverging other'])
  world.connected = []
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
  world.connected = ['other']
  await clock.advance(320_000)
  assert.deepEqual(holding(), ['pinset-diverging other'])
  world.digestOfOther = ''
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
})

test('an identity that two daemons use is critical until only one of them is heard, here as elsewhere', async () => {
  const { alerts, clock, doubled, told, holding } = openWorld()
  await using _alerts = alerts
  for (let at = 0; at < 100; at++) {
    for (const peer of ['me', 'other']) doubled.emit(peer)
    await clock.advance(3000)
  }
  assert.deepEqual(holding().sort(), ['identity-copied me', 'identity-copied other'])
  assert.deepEqual(
    told.map(({ severity }) => severity),
    ['critical', 'critical'],
  )
  assert.match(told[0]?.message ?? '', /another daemon runs with the identity of this peer.* Stop the copy/)
  await clock.advance(130_000)
  assert.deepEqual(holding(), [])
})

test('a wrong clock is told of by its heartbeats, and cleared when it is set', async () => {
  const { alerts, clock, beats, holding, become } = openWorld()
  await using _alerts = alerts
  const beat = async (aheadMs: number) => {
    for (let at = 0; at < 15; at++) {
      const nowMs = clock.now()
      for (const peer of ['right', 'other'])
        beats.emit({ peer, sentAtMs: nowMs + (peer === 'other' ? aheadMs : 0), receivedAtMs: nowMs + 20 })
      await clock.advance(1000)
    }
  }
  for (const peer of ['right', 'other']) become(peer, 'alive')
  await beat(61_000)
  await clock.advance(10_000)
  assert.deepEqual(holding(), ['clock-skew other'])
  assert.match(alerts.list()[0]?.message ?? '', /1m1s ahead/)
  await beat(0)
  await clock.advance(10_000)
  assert.deepEqual(holding(), [])
})

test('a certificate is told of before it expires, when it has expired, and when it cannot be read', async () => {
  const cert = new URL('../../test/support/tls/cert.pem', import.meta.url).pathname
  const missing = '/nowhere/cert.pem'
  const endMs = Date.UTC(2126, 9, 28, 12, 33, 42)
  const clock = { nowMs: endMs - 15 * 86_400_000, now: () => clock.nowMs }
  const instruments = makeInstruments(createNoopMeter(), ALERT_METRICS)
  const book = new AlertBook({ self: 'me', clock, logger: silentLogger(), instruments })
  const { certificateWarningMs } = CONFIG
  const watch = new CertificateWatch({ book, clock, files: [cert, missing], warningMs: certificateWarningMs })
  const seen = async (nowMs: number) => {
    clock.nowMs = nowMs
    await watch.check(new AbortController().signal)
    const holding = book.list().filter(({ clearedAtMs }) => clearedAtMs === undefined)
    return holding.filter(({ subject }) => subject === cert).map(({ kind }) => kind)
  }
  assert.deepEqual(await seen(clock.nowMs), [])
  assert.deepEqual(book.subjects('certificate-expired'), [missing])
  assert.deepEqual(await seen(endMs - 86_400_000), ['certificate-expiring'])
  assert.match(book.list()[0]?.message ?? '', /expires in 24h0m0s/)
  assert.deepEqual(await seen(endMs + 1000), ['certificate-expired'])
  assert.deepEqual(await seen(endMs - 20 * 86_400_000), [])
})

test('what others raise is kept once, listed newest first, and the history is bounded', async () => {
  const { alerts, clock, told } = openWorld()
  await using _alerts = alerts
  alerts.raise('partition-guard', 'me', '3 of 5 peers are gone')
  alerts.raise('partition-guard', 'me', '4 of 5 peers are gone')
  assert.deepEqual([told.length, alerts.list()[0]?.message], [1, '4 of 5 peers are gone'])
  for (let at = 0; at < 1500; at++) {
    await clock.advance(1)
    alerts.raise('under-replicated', String(at), 'few copies')
    alerts.clear('under-replicated', String(at))
  }
  alerts.clear('under-replicated', 'never raised')
  const list = alerts.list()
  assert.equal(list.length, 1000)
  assert.deepEqual([list[0]?.subject, list.at(-1)?.kind], ['1499', 'partition-guard'])
  assert.equal(told.length, 3001)
})
