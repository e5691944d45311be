import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { changedBetween, movedBy, openRepinProcesses, spreadOf } from '../support/repin-processes.ts'

const PINS = 600
const { signal } = new AbortController()

test('a peer that is stopped for 10 s loses nothing; one that is killed is replaced within 15 s, with one write for each pin; when it returns nothing is written', {
  timeout: 170_000,
}, async () => {
  await using cluster = await openRepinProcesses(4)
  const { peers } = cluster
  const [asked, , paused, dead] = peers
  assert.ok(asked && paused && dead)
  await cluster.fill(PINS)
  const before = await cluster.allocations(0)

  paused.process.signal('SIGSTOP')
  await systemClock.sleep(10_000, signal)
  paused.process.signal('SIGCONT')
  await systemClock.sleep(3000, signal)
  assert.equal(await movedBy(peers), 0)
  assert.equal(changedBetween(before, await cluster.allocations(0)), 0)

  const live = peers.filter(peer => peer !== dead)
  const lost = [...before.values()].filter(allocated => allocated.includes(dead.process.id)).length
  assert.ok(lost > PINS / 3)
  const beganMs = performance.now()
  await dead.process.kill()
  await eventually('all pins are on two live peers', async () => (await cluster.poor(0, live)) === 0, 60_000)
  const tookMs = performance.now() - beganMs
  // The goal is 15 s; on a machine that does much else besides, heartbeats and writes take longer.
  assert.ok(tookMs < 30_000, `${tookMs} ms`)
  await eventually('everybody has finished', async () => (await movedBy(live)) >= lost)
  const after = await cluster.allocations(0)
  assert.equal(changedBetween(before, after), lost)
  assert.equal(await movedBy(live), lost, 'one write for each')
  const { most, fewest } = spreadOf(after)
  assert.ok(most < 1.1 && fewest > 0.9, `${fewest} to ${most} of the mean`)

  const removesBefore = live.reduce((sum, { kubo }) => sum + kubo.calls.removes, 0)
  await dead.process.start()
  await eventually(
    'the peer that is back has let go of what others keep now',
    () => dead.kubo.pins.size === 0,
    60_000,
  )
  await systemClock.sleep(2000, signal)
  assert.equal(await movedBy(live), lost)
  assert.equal(await movedBy([dead]), 0)
  assert.equal(changedBetween(after, await cluster.allocations(0)), 0)
  assert.equal(await cluster.poor(0, live), 0)
  assert.equal(
    live.reduce((sum, { kubo }) => sum + kubo.calls.removes, 0),
    removesBefore,
    'nobody else lets go of anything',
  )
})
