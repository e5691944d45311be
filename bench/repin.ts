// What it takes until the pins of a peer that died are safe again: PEERS real peers, each over a double of Kubo that pins at
// once, PINS pins on two peers each, heartbeats each second, no delay. The peer is stopped for 10 s, then killed, then it
// returns. A table on stdout.
// usage: node bench/repin.ts [PINS=2000] [PEERS=4]
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { changedBetween, movedBy, openRepinProcesses, spreadOf } from '../test/support/repin-processes.ts'
import { Figures, withCommas } from './figure.ts'

const [pins = 2000, peersCount = 4] = process.argv.slice(2).map(Number)
const GOAL_S = 15
const PAUSE_MS = 10_000
const SPREAD_MAX = 0.05
/** Longer than the dead peer's silence needs to be noticed, and than others need to write again if they should. */
const QUIET_MS = 20_000

const DEADLINE_MS = 180_000
/** To ask is work for the peers that are measured. */
const ASK_EVERY_MS = 200

async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS
  while (!(await check())) {
    assert.ok(performance.now() < endMs, `${what}: not within ${DEADLINE_MS} ms`)
    await sleep(ASK_EVERY_MS)
  }
}

const figures = new Figures()
const under = `${peersCount} peers, ${withCommas(pins)} pins at r = 2`
await using cluster = await openRepinProcesses(peersCount)
const { peers } = cluster
await cluster.fill(pins)
console.error('filled')
const dead = peers.at(-1)
assert.ok(dead !== undefined)
const live = peers.filter(peer => peer !== dead)
const before = await cluster.allocations(0)
const lost = [...before.values()].filter(allocated => allocated.includes(dead.process.id)).length

dead.process.signal('SIGSTOP')
await sleep(PAUSE_MS)
dead.process.signal('SIGCONT')
await sleep(QUIET_MS)
const movedInPause = await movedBy(peers)
figures.add({
  work: `${under}: one peer stopped for 10 s (SIGSTOP), allocations written`,
  here: String(movedInPause),
  goal: '0',
  isMet: movedInPause === 0,
})

const beganMs = performance.now()
await dead.process.kill()
await until('the first is moved', async () => (await movedBy(live)) > 0)
const noticedS = (performance.now() - beganMs) / 1000
await until('all are moved', async () => (await movedBy(live)) >= lost)
await until('all are safe', async () => (await cluster.poor(0, live)) === 0)
const safeS = (performance.now() - beganMs) / 1000
figures.add({
  work: `${under}: one peer killed, until all ${withCommas(lost)} that it kept are on two live peers again (noticed after ${noticedS.toFixed(1)} s)`,
  here: `${safeS.toFixed(1)} s`,
  goal: `${GOAL_S} s`,
  isMet: safeS <= GOAL_S,
})
await sleep(QUIET_MS)
const after = await cluster.allocations(0)
const [moved, changed] = [await movedBy(live), changedBetween(before, after)]
figures.add({
  work: `${under}: allocations written for the ${withCommas(changed)} pins that moved`,
  here: String(moved),
  goal: String(lost),
  isMet: moved === lost && changed === lost,
})
const { most, fewest } = spreadOf(after)
const spread = Math.max(most - 1, 1 - fewest)
figures.add({
  work: `${under}: largest difference of a live peer from the mean after that`,
  here: `${(spread * 100).toFixed(1)} %`,
  goal: `${SPREAD_MAX * 100} %`,
  isMet: spread <= SPREAD_MAX,
})

const returnedMs = performance.now()
await dead.process.start()
const adds = () => peers.reduce((sum, { kubo }) => sum + kubo.calls.adds, 0)
const addsBefore = adds()
await until('it has let go of what others keep now', () => dead.kubo.pins.size === 0)
const handedOverS = (performance.now() - returnedMs) / 1000
await sleep(QUIET_MS)
const flood = (await movedBy(peers)) - moved
figures.add({
  work: `${under}: the peer returns, allocations written and pins fetched (it let go of the surplus within ${handedOverS.toFixed(1)} s)`,
  here: `${flood} and ${adds() - addsBefore}`,
  goal: '0 and 0',
  isMet: flood === 0 && adds() === addsBefore && (await cluster.poor(0, live)) === 0,
})
figures.print()
