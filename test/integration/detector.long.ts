// Real processes: what peers make of one that stands still, one that is stopped in order, and one that is killed.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openClient } from '../../src/api/client.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const STILL_MS = 10_000
/** Longer than `gone_after`. */
const AWAY_MS = 18_000
/** `gone_after`, an interval in which the last heartbeat was sent, one for the votes, and a busy machine. */
const GONE_MS_MIN = 11_000
const GONE_MS_MAX = 30_000

const { signal } = new AbortController()

/** Whether a peer's log tells of another. */
function tells(peer: PeerProcess, what: 'gone' | 'unreachable' | 'back', other: PeerProcess): boolean {
  const sentence = what === 'back' ? 'a peer is back' : `a peer is ${what}`
  return peer
    .log()
    .split('\n')
    .some(line => line.includes(sentence) && line.includes(other.id))
}

async function allKnowEachOther(peers: readonly PeerProcess[]): Promise<void> {
  for (const peer of peers) {
    const client = openClient({ hosts: [peer.host], timeoutMs: 10_000 })
    await eventually(
      'all know each other',
      async () => {
        const { cluster_peers: known } = await client.id({}, { signal: AbortSignal.timeout(10_000) })
        return known?.length === peers.length
      },
      30_000,
    )
  }
}

test('whoever stands still for 10 s, or is restarted, is not gone, and blames nobody; whoever is killed is gone in time', async () => {
  await using peers = await openPeerProcesses()
  const [watcher, second, restarted, paused] = [
    await peers.add(),
    await peers.add(),
    await peers.add(),
    await peers.add(),
  ]
  await allKnowEachOther(peers.peers)
  paused.signal('SIGSTOP')
  const stopping = restarted.stop()
  await systemClock.sleep(STILL_MS, signal)
  paused.signal('SIGCONT')
  await stopping
  await systemClock.sleep(AWAY_MS - STILL_MS, signal)
  assert.ok(tells(watcher, 'unreachable', paused), 'eight seconds of silence are told of')
  await restarted.start()
  for (const peer of [watcher, second]) {
    for (const other of [paused, restarted])
      await eventually('it is back', () => tells(peer, 'back', other), 20_000)
  }
  for (const peer of peers.peers) {
    for (const other of peers.peers) assert.ok(!tells(peer, 'gone', other), peer.log())
  }
  for (const other of [watcher, second]) assert.ok(!tells(paused, 'unreachable', other), paused.log())

  // Of a peer that it has not heard since its start, the restarted one could not say that it is gone.
  await allKnowEachOther(peers.peers)
  const killedAtMs = performance.now()
  await second.kill()
  for (const [name, peer] of Object.entries({ watcher, restarted, paused }))
    await eventually(`it is gone for the one that is ${name}`, () => tells(peer, 'gone', second), GONE_MS_MAX)
  const afterMs = performance.now() - killedAtMs
  assert.ok(afterMs > GONE_MS_MIN && afterMs < GONE_MS_MAX, `gone after ${afterMs} ms`)
})
