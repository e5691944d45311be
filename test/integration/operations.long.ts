import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import {
  type Allocations,
  changedBetween,
  openRepinProcesses,
  type RepinProcess,
  spreadOf,
} from '../support/repin-processes.ts'

const PINS = 200
const CTL = join(import.meta.dirname, '../../src/bin/cluster-ctl.ts')
const { signal } = new AbortController()
const options = { signal }

/** Runs the command line against a peer; answers with what it prints. */
async function ctl({ process: { host } }: RepinProcess, ...line: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CTL, '--host', host, ...line])
  return stdout
}

function allocatedTo(allocations: Allocations, { process: { id } }: RepinProcess): number {
  return [...allocations.values()].filter(peers => peers.includes(id)).length
}

test('operators add, spread, drain, maintain and remove peers by the command line, and nothing is lost on the way', {
  timeout: 280_000,
}, async t => {
  await using cluster = await openRepinProcesses(4)
  const { peers } = cluster
  const [asked, drained, dead, added] = peers
  assert.ok(asked && drained && dead && added)
  const idOf = ({ process: { id } }: RepinProcess) => id

  await eventually(
    'the first peer knows all',
    async () => (await asked.client.knownPeers({}, options)).length === peers.length,
    30_000,
  )
  assert.match(await ctl(asked, 'peers', 'cordon', idOf(added)), /CORDONED/)
  await eventually('every peer knows that it is cordoned', async () => {
    const marks = await Promise.all(peers.map(({ client }) => client.knownPeers({}, options)))
    return marks.every(states => states.some(({ peer, cordoned }) => peer === idOf(added) && cordoned))
  })
  await cluster.fill(PINS)
  assert.equal(allocatedTo(await cluster.allocations(0), added), 0)
  assert.match(await ctl(drained, 'peers', 'ls'), new RegExp(`${idOf(added)} .*CORDONED`))

  await t.test('rebalance', async () => {
    assert.match(await ctl(drained, 'peers', 'uncordon', idOf(added)), /alive/)
    const plan = await eventually('the peer takes part', async () => {
      const found = await asked.client.rebalancePlan({}, options)
      return found.copies > 0 && found
    })
    assert.match(await ctl(asked, 'rebalance', '--plan'), /Pins to move: \d+ \(\d+ copies, about/)
    const before = await cluster.allocations(0)
    const shares = peers.map(peer => allocatedTo(before, peer) - (2 * PINS) / 4)
    const least = shares.reduce((sum, over) => sum + Math.max(0, over), 0)
    assert.ok(Math.abs(plan.copies - least) <= 2, `${plan.copies} moves, ${least} are the fewest`)
    const done = await ctl(asked, 'rebalance', '--apply', '--rate', '1000', '--wait')
    assert.match(done, new RegExp(`DONE | Moved: ${plan.copies} of ${plan.copies} copies`))
    const after = await cluster.allocations(0)
    assert.equal(changedBetween(before, after), plan.pins)
    const { most, fewest } = spreadOf(after)
    assert.ok(most < 1.05 && fewest > 0.95, `${fewest} to ${most} of the mean`)
    await eventually(
      'copies are where they belong, and nowhere else',
      async () => {
        if ((await cluster.poor(0, peers)) > 0) return false
        return peers.every(peer => peer.kubo.pins.size === allocatedTo(after, peer))
      },
      30_000,
    )
    assert.match(await ctl(asked, 'rebalance'), /^Nothing to move/)
  })

  await t.test('drain', async () => {
    const before = await cluster.allocations(0)
    const moved = allocatedTo(before, drained)
    await assert.rejects(ctl(asked, 'peers', 'rm', idOf(drained)), { stdout: /is alive and keeps/ })
    const told = await ctl(added, 'peers', 'drain', '--wait', '--wait-timeout', '60s', idOf(drained))
    assert.match(told, /Allocated: 0 \| Held for hand-over: 0 .*DRAINING\n {2}> It is empty/)
    assert.equal(drained.kubo.pins.size, 0)
    const after = await cluster.allocations(0)
    assert.equal(changedBetween(before, after), moved)
    assert.equal(await cluster.poor(0, peers), 0)
    // Safe to run twice.
    assert.match(await ctl(asked, 'peers', 'drain', idOf(drained)), /It is empty/)
    assert.equal(await ctl(asked, 'peers', 'rm', idOf(drained)), '')
    await eventually('it says so itself', () => drained.process.log().includes('this peer was removed'))
    assert.match(await ctl(asked, 'peers', 'uncordon', idOf(drained)), /alive/)
  })

  await t.test('maintenance, and the removal of a dead peer', async () => {
    await eventually('it takes part again', async () => {
      const states = await asked.client.knownPeers({}, options)
      return states.every(({ removed, draining }) => !removed && !draining)
    })
    assert.match(await ctl(asked, 'peers', 'maintenance', '--for', '1h', idOf(dead)), /MAINTENANCE until/)
    await eventually('everybody knows', async () => {
      const states = await added.client.knownPeers({}, options)
      return states.some(({ peer, maintenance_until }) => peer === idOf(dead) && maintenance_until !== '')
    })
    const before = await cluster.allocations(0)
    const lost = allocatedTo(before, dead)
    assert.ok(lost > 0)
    await dead.process.kill()
    await eventually(
      'it is gone',
      async () => (await asked.client.knownPeers({}, options)).some(({ condition }) => condition === 'gone'),
      40_000,
    )
    assert.match(await ctl(asked, 'health', 'peers'), /\| gone \(phi .*MAINTENANCE/)
    await systemClock.sleep(3000, signal)
    assert.equal(changedBetween(before, await cluster.allocations(0)), 0)
    const poor = await asked.client.replication({ query: { limit: '3' } }, options)
    assert.deepEqual([poor.under, poor.none, poor.cids.length], [lost, 0, 3])
    assert.match(await ctl(asked, 'health', 'replication'), new RegExp(`under the minimum: ${lost} `))

    assert.equal(await ctl(asked, 'peers', 'rm', idOf(dead)), '')
    const live = [asked, drained, added]
    await eventually('its pins are on others', async () => (await cluster.poor(0, live)) === 0, 30_000)
    const after = await cluster.allocations(0)
    assert.equal(changedBetween(before, after), lost)
    const report = await added.client.replication({ query: { checked: 'true' } }, options)
    assert.deepEqual([report.under, report.none, report.full], [0, 0, PINS])

    await dead.process.start()
    await eventually('it says so itself', () => dead.process.log().includes('this peer was removed'), 20_000)
    await eventually(
      'and the others',
      () => asked.process.log().includes('removed from the cluster is back'),
      20_000,
    )
    await eventually('it lets go of what others have', () => dead.kubo.pins.size === 0, 30_000)
    assert.equal(changedBetween(after, await cluster.allocations(0)), 0)
  })
})
