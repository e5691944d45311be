import assert from 'node:assert/strict'
import test from 'node:test'
import { DETECTOR_CONFIG } from '../../test/support/monitor-config.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { LifeSign } from './failure-detector.ts'
import { PeerWatch } from './peer-watch.ts'

const SIGN: LifeSign = { boot: 'boot', intervalMs: 1000, isLeaving: false, missed: [] }

function open() {
  const clock = virtualClock()
  const told: string[] = []
  const watch = new PeerWatch(
    {
      self: 'self',
      clock,
      isTrusted: () => true,
      onChange: ({ peer, condition }) => told.push(`${peer} ${condition}`),
      onPause: () => told.push('pause'),
      onMissed: () => told.push('missed'),
    },
    { ...DETECTOR_CONFIG, pingIntervalMs: 1000 },
  )
  return { clock, told, watch }
}

test('a silent peer is told of on time without anybody asking', async () => {
  const { clock, told, watch } = open()
  using _ = watch
  watch.heard('a', SIGN)
  await clock.advance(13_000)
  assert.deepEqual(told, ['a alive', 'a suspect', 'a unreachable', 'a gone', 'missed'])
  assert.deepEqual(watch.sends(), ['a'])
  assert.deepEqual(watch.present(), ['self'])
  assert.deepEqual(
    watch.health().map(({ peer, condition }) => `${peer} ${condition}`),
    ['a gone', 'self alive'],
  )
})

test('whoever is missed by others doubts itself for a while', async () => {
  const { clock, watch } = open()
  using _ = watch
  assert.equal(watch.patience, 1)
  for (let beat = 0; beat < 9; beat += 1) watch.heard('a', { ...SIGN, missed: ['self'] })
  assert.equal(watch.patience, 3)
  await clock.advance(20_000)
  assert.equal(watch.patience, 1)
})

test('whoever sends late doubts itself', async () => {
  const { clock, watch } = open()
  using _ = watch
  watch.sends()
  await clock.advance(1900)
  watch.sends()
  assert.equal(watch.patience, 1)
  await clock.advance(2100)
  watch.sends()
  assert.equal(watch.patience, 1.5)
})
