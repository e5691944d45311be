import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { Metric } from '../model/metric.ts'
import { AlertBook } from './alert-book.ts'
import { ALERT_METRICS } from './metrics.ts'
import { StoreWatch } from './store-watch.ts'

function watchStores() {
  const clock = virtualClock()
  const live = new Set(['me', 'other'])
  const used = new Map<string, number>()
  const roomless = new Map<string, string>()
  const instruments = makeInstruments(createNoopMeter(), ALERT_METRICS)
  const book = new AlertBook({ self: 'me', clock, logger: silentLogger(), instruments })
  const metricsOf = (name: string): Metric[] =>
    name === 'diskused'
      ? [...used].map(([peer, share]) => metricOf(peer, name, String(share), 0 - share))
      : [...roomless].map(([peer, count]) => metricOf(peer, name, count, 0))
  const monitor = { hello: () => undefined, peers: () => [...live], latest: metricsOf }
  const watch = new StoreWatch({ book, monitor, clock, diskFullShare: 0.95 })
  const active = () =>
    book
      .list()
      .filter(({ clearedAtMs }) => clearedAtMs === undefined)
      .map(({ kind, subject }) => `${kind} ${subject}`)
      .sort()
  return { clock, live, used, roomless, book, watch, active }
}

function metricOf(peer: string, name: string, value: string, weight: number): Metric {
  const shape = { isPartitionable: false, isValid: true, ttlMs: 1000, receivedAtMs: 0, expireAtMs: 1000 }
  return { ...shape, peer, name, value, weight }
}

test('a full store is told of once, for this peer and for others, until it is clearly less full', () => {
  const { watch, used, book, active } = watchStores()
  const told: string[] = []
  book.onAlert(({ subject, clearedAtMs }) => told.push(`${subject} ${clearedAtMs === undefined}`))
  used.set('me', 0.94).set('other', 0.953)
  watch.check()
  assert.deepEqual(active(), ['store-full other'])
  assert.match(book.list()[0]?.message ?? '', /peer other is full \(95\.3 % of what it may take\): collect/)
  used.set('other', 0.945)
  watch.check()
  assert.deepEqual(told, ['other true'])
  used.set('me', 1).set('other', 0.5)
  watch.check()
  assert.deepEqual(active(), ['store-full me'])
  assert.deepEqual(told, ['other true', 'me true', 'other false'])
})

test('a disk that takes nothing though its limit is not reached is full, also while what waits is tried again', async () => {
  const { watch, clock, roomless, book, active } = watchStores()
  roomless.set('other', '3')
  watch.check()
  assert.match(book.list()[0]?.message ?? '', /is full, and 3 of its pins find no room there/)
  roomless.set('other', '0')
  await clock.advance(50_000)
  watch.check()
  assert.deepEqual(active(), ['store-full other'])
  await clock.advance(20_000)
  watch.check()
  assert.deepEqual(active(), [])
})

test('what a peer tells that makes no sense is nothing, and one that is gone is not full', () => {
  const { watch, live, roomless, active } = watchStores()
  for (const value of ['', 'many', '-1', '1e99', 'NaN', '0.5']) {
    roomless.set('other', value)
    watch.check()
    assert.deepEqual(active(), [], value)
  }
  roomless.set('other', '1')
  watch.check()
  live.delete('other')
  watch.check()
  assert.deepEqual(active(), [])
})
